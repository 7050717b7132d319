// Buckets sales by amount and drops the small ones.
#include <sluicegate.h>

typedef struct {
    sg_column amount; // Every other column passes by.
    const sg_field *bucket;
    double min_amount;
} sales_etl;

static const char *const BUCKETS[] = {"low", "medium", "high"};

static sg_status bind(sales_etl *self, sg_plan *plan, sg_params *params) {
    self->min_amount = sg_param_float(params, "min_amount", 0.0);
    self->amount = sg_read(plan, "amount", SG_NUMBERS);
    sg_pass_all(plan);
    self->bucket = sg_compute(plan, "amount_bucket", SG_UTF8, SG_NOT_NULL);
    sg_stateless(plan);
    return SG_OK;
}

static sg_status process(sales_etl *self, const sg_batch *batch, sg_out *out) {
    sg_f64s amounts = sg_numbers(batch, self->amount);
    uint8_t *keep = sg_flags(batch), *bucket = sg_flags(batch);
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        double amount = amounts.values[row];
        keep[row] = amount >= self->min_amount;
        bucket[row] = (amount >= 20.0) + (amount >= 100.0);
    }
    sg_rows rows = sg_filter(keep, amounts.validity, batch->n_rows);
    return sg_emit(out, rows, sg_labels(self->bucket, BUCKETS, 3, bucket, &rows));
}

SG_EXPORT(sales_etl, bind, process)
