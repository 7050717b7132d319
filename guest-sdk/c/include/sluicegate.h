/*
 * Write a Sluicegate transform in C.
 *
 * A transform says once, in its bind, which columns it reads, which pass through untouched and which it computes; after
 * that it sees batches of typed columns and says which rows survive. Columns that only pass through never enter it.
 *
 *     typedef struct { sg_column amount; double min; } large;
 *
 *     static sg_status bind(large *self, sg_plan *plan, sg_params *params) {
 *         self->amount = sg_read(plan, "amount", SG_NUMBERS);
 *         self->min = sg_param_float(params, "min", 0);
 *         sg_pass_all(plan);
 *         sg_stateless(plan);
 *         return SG_OK;
 *     }
 *
 *     static sg_status process(large *self, const sg_batch *batch, sg_out *out) {
 *         sg_f64s amounts = sg_numbers(batch, self->amount);
 *         uint8_t *keep = sg_flags(batch);
 *         for (uint32_t row = 0; row < batch->n_rows; row++) keep[row] = amounts.values[row] >= self->min;
 *         return sg_emit(out, sg_filter(keep, amounts.validity, batch->n_rows));
 *     }
 *
 *     SG_EXPORT(large, bind, process)
 */
#ifndef SLUICEGATE_H
#define SLUICEGATE_H

#include "sluicegate/wire.h"
#include "sluicegate/memory.h"
#include "sluicegate/fault.h"
#include "sluicegate/text.h"
#include "sluicegate/type.h"
#include "sluicegate/json.h"
#include "sluicegate/plan.h"
#include "sluicegate/array.h"
#include "sluicegate/build.h"
#include "sluicegate/select.h"
#include "sluicegate/transform.h"
#endif
