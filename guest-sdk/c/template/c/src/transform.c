// Drops small amounts and says how large the others are.
#include <sluicegate.h>

typedef struct {
    sg_column amount;
    const sg_field *size;
    double minimum;
} transform;

static const char *const SIZES[] = {"small", "large"};

// Called once, before any data: says what is read, what passes by and what is computed.
static sg_status bind(transform *self, sg_plan *plan, sg_params *params) {
    self->minimum = sg_param_float(params, "minimum", 0.0);
    self->amount = sg_read(plan, "amount", SG_NUMBERS);
    sg_pass_all(plan);
    self->size = sg_compute(plan, "size", SG_UTF8, SG_NOT_NULL);
    sg_stateless(plan);
    return SG_OK;
}

// Called for every batch.
static sg_status process(transform *self, const sg_batch *batch, sg_out *out) {
    sg_f64s amounts = sg_numbers(batch, self->amount);
    uint8_t *keep = sg_flags(batch), *size = sg_flags(batch);
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        keep[row] = amounts.values[row] >= self->minimum;
        size[row] = amounts.values[row] >= 100.0;
    }
    sg_rows rows = sg_filter(keep, amounts.validity, batch->n_rows);
    return sg_emit(out, rows, sg_labels(self->size, SIZES, 2, size, &rows));
}

SG_EXPORT(transform, bind, process)
