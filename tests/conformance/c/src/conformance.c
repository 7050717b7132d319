// The conformance guest in C: one transform whose mode is a parameter.
#include <sluicegate.h>

typedef struct guest guest;

typedef struct {
    const char *name;
    sg_status (*bind)(guest *self, sg_plan *plan, sg_params *params);
    sg_status (*process)(guest *self, const sg_batch *batch, sg_out *out);
    sg_status (*finish)(guest *self, sg_out *out);
} mode;

struct guest {
    const mode *mode;
    sg_column column, other;
    sg_column *columns;
    uint32_t n_columns;
    const sg_field *computed, *second;
    sg_text text;
    uint64_t rows;
    int64_t sum;
    bool has_sum;
};

static sg_status pass_all(guest *self, sg_plan *plan, sg_params *params) {
    (void)self, (void)params;
    sg_pass_all(plan);
    sg_stateless(plan);
    return SG_OK;
}

static sg_status emit_all(guest *self, const sg_batch *batch, sg_out *out) {
    (void)self, (void)batch;
    return sg_emit(out, SG_ALL);
}

static sg_status no_rows(guest *self, sg_out *out) { return (void)self, (void)out, SG_OK; }

static sg_status echo_bind(guest *self, sg_plan *plan, sg_params *params) {
    (void)params;
    self->n_columns = plan->n_fields;
    self->columns = SG_NEW(sg_column, plan->n_fields);
    for (uint32_t column = 0; column < plan->n_fields; column++) {
        self->columns[column] = sg_read_text(plan, plan->fields[column]->name, SG_ANY);
        sg_compute_field(plan, plan->fields[column]);
    }
    sg_stateless(plan);
    return SG_OK;
}

static sg_status echo_process(guest *self, const sg_batch *batch, sg_out *out) {
    const sg_array **columns = SG_NEW(const sg_array *, self->n_columns);
    for (uint32_t column = 0; column < self->n_columns; column++) {
        const sg_array *array = sg_column_of(batch, self->columns[column]);
        sg_builder *builder = sg_builder_like(array, batch->n_rows);
        for (uint32_t row = 0; row < batch->n_rows; row++) sg_append_from(builder, array, row);
        columns[column] = sg_finish(builder);
    }
    return sg_emit_columns(out, SG_ALL, columns, self->n_columns);
}

// The rows whose `keep` is true, as bytes.
static uint8_t *kept(guest *self, const sg_batch *batch) {
    const sg_array *keep = sg_column_of(batch, self->column);
    uint8_t *flags = sg_flags(batch);
    for (uint32_t row = 0; row < batch->n_rows; row++) flags[row] = !sg_is_null(keep, row) && sg_bool_at(keep, row);
    return flags;
}

static sg_status filter_bind(guest *self, sg_plan *plan, sg_params *params) {
    self->column = sg_read(plan, "keep", SG_BOOL);
    pass_all(self, plan, params);
    self->computed = sg_compute(plan, "row", SG_UINT32, SG_NOT_NULL);
    return SG_OK;
}

static sg_status filter_process(guest *self, const sg_batch *batch, sg_out *out) {
    sg_rows rows = sg_filter(kept(self, batch), NULL, batch->n_rows);
    return sg_emit(out, rows, sg_array_of(self->computed, (void *)sg_indices(&rows), NULL, rows.n_selected));
}

static sg_status take_process(guest *self, const sg_batch *batch, sg_out *out) {
    (void)self;
    uint32_t *rows = SG_NEW(uint32_t, batch->n_rows), first[3] = {0, 0, 0};
    for (uint32_t row = 0; row < batch->n_rows; row++) rows[row] = batch->n_rows - 1 - row;
    sg_status status = sg_emit(out, sg_take(rows, batch->n_rows));
    return status || !batch->n_rows ? status : sg_emit(out, sg_take(first, 3));
}

static sg_status reject_bind(guest *self, sg_plan *plan, sg_params *params) {
    self->column = sg_read(plan, "keep", SG_BOOL);
    return pass_all(self, plan, params);
}

static sg_status reject_process(guest *self, const sg_batch *batch, sg_out *out) {
    uint8_t *flags = kept(self, batch);
    for (uint32_t row = 0; row < batch->n_rows; row++)
        if (!flags[row]) sg_reject(out, row, "row %u", row);
    return sg_emit(out, sg_filter(flags, NULL, batch->n_rows));
}

static sg_status params_bind(guest *self, sg_plan *plan, sg_params *params) {
    sg_require(params, "text");
    sg_require(params, "whole");
    sg_bytes json = {};
    sg_bytes_format(&json, "{\"text\":");
    sg_bytes_json(&json, sg_param_text(params, "text", ""));
    sg_bytes_format(&json, ",\"whole\":%lld,\"real\":", (long long)sg_param_integer(params, "whole", 0));
    sg_bytes_number(&json, sg_param_float(params, "real", 1.5));
    sg_bytes_format(&json, ",\"flag\":%s,\"list\":[", sg_param_bool(params, "flag", false) ? "true" : "false");
    sg_text_list list = sg_param_texts(params, "list");
    for (size_t item = 0; item < list.n_items; item++) {
        if (item) sg_bytes_format(&json, ",");
        sg_bytes_json(&json, list.items[item]);
    }
    sg_bytes_format(&json, "]}");
    self->text = sg_bytes_as_text(&json);
    pass_all(self, plan, params);
    self->computed = sg_compute(plan, "params", SG_UTF8, SG_NOT_NULL);
    return SG_OK;
}

static sg_status params_process(guest *self, const sg_batch *batch, sg_out *out) {
    sg_builder *builder = sg_builder_new(self->computed, batch->n_rows);
    for (uint32_t row = 0; row < batch->n_rows; row++) sg_append_text(builder, self->text);
    return sg_emit(out, SG_ALL, sg_finish(builder));
}

static sg_status missing_bind(guest *self, sg_plan *plan, sg_params *params) {
    self->column = sg_read(plan, "missing", SG_ANY);
    return pass_all(self, plan, params);
}

static sg_status data_process(guest *self, const sg_batch *batch, sg_out *out) {
    (void)self, (void)batch, (void)out;
    return sg_data("bad data");
}

static sg_status transient_process(guest *self, const sg_batch *batch, sg_out *out) {
    (void)self, (void)batch, (void)out;
    return sg_transient("try again");
}

__attribute__((noinline)) static void inner(void) { sg_panic("boom"); }

__attribute__((noinline)) static void outer(void) { inner(); }

static sg_status panic_process(guest *self, const sg_batch *batch, sg_out *out) {
    outer();
    return emit_all(self, batch, out);
}

static sg_status log_bind(guest *self, sg_plan *plan, sg_params *params) {
    for (sg_level level = SG_TRACE; level <= SG_ERROR; level++) sg_log(level, "hello");
    return pass_all(self, plan, params);
}

static sg_status count_bind(guest *self, sg_plan *plan, sg_params *params) {
    (void)params;
    self->column = sg_read(plan, "x", SG_INT64);
    self->computed = sg_compute(plan, "rows", SG_UINT64, SG_NOT_NULL);
    self->second = sg_compute(plan, "sum", SG_INT64, SG_NULLABLE);
    return SG_OK;
}

static sg_status count_process(guest *self, const sg_batch *batch, sg_out *out) {
    (void)out;
    sg_i64s x = sg_values_i64(batch, self->column);
    self->rows += x.length;
    for (uint32_t row = 0; row < x.length; row++)
        if (sg_bit(x.validity, row)) self->sum += x.values[row], self->has_sum = true;
    return SG_OK;
}

static sg_status count_finish(guest *self, sg_out *out) {
    sg_builder *rows = sg_builder_new(self->computed, 1), *sum = sg_builder_new(self->second, 1);
    sg_append_u64(rows, self->rows);
    if (self->has_sum) sg_append_i64(sum, self->sum);
    else sg_append_null(sum);
    return sg_emit(out, SG_ALL, sg_finish(rows), sg_finish(sum));
}

static sg_status running_bind(guest *self, sg_plan *plan, sg_params *params) {
    (void)params;
    self->column = sg_read(plan, "x", SG_INT64);
    sg_pass_all(plan);
    self->computed = sg_compute(plan, "total", SG_INT64, SG_NOT_NULL);
    return SG_OK;
}

static sg_status running_process(guest *self, const sg_batch *batch, sg_out *out) {
    sg_i64s x = sg_values_i64(batch, self->column);
    for (uint32_t row = 0; row < x.length; row++) {
        self->sum += sg_bit(x.validity, row) ? x.values[row] : 0;
        x.values[row] = self->sum;
    }
    return sg_emit(out, SG_ALL, sg_array_of(self->computed, x.values, NULL, x.length));
}

static sg_status many_process(guest *self, const sg_batch *batch, sg_out *out) {
    (void)self;
    sg_status status = SG_OK;
    for (uint32_t row = 0; row < batch->n_rows && !status; row++) status = sg_emit(out, sg_take(&row, 1));
    return status;
}

static sg_status spin_process(guest *self, const sg_batch *batch, sg_out *out) {
    for (volatile uint64_t turn = 0;; turn++)
        if (turn == UINT64_MAX) return emit_all(self, batch, out);
}

static sg_status grow_process(guest *self, const sg_batch *batch, sg_out *out) {
    for (volatile uint64_t turn = 0; turn < UINT64_MAX; turn++) memset(sg_alloc(1 << 20), 1, 1 << 20);
    return emit_all(self, batch, out);
}

static sg_status add_one_bind(guest *self, sg_plan *plan, sg_params *params) {
    (void)params;
    self->column = sg_read(plan, "a", SG_INT64);
    self->other = sg_read(plan, "b", SG_FLOAT64);
    self->computed = sg_compute(plan, "a", SG_INT64, SG_NULLABLE);
    self->second = sg_compute(plan, "b", SG_FLOAT64, SG_NULLABLE);
    sg_stateless(plan);
    return SG_OK;
}

// In place: the columns that were read are the transform's own memory.
static sg_status add_one_process(guest *self, const sg_batch *batch, sg_out *out) {
    sg_i64s a = sg_values_i64(batch, self->column);
    sg_f64s b = sg_values_f64(batch, self->other);
    for (uint32_t row = 0; row < a.length; row++) a.values[row] = (int64_t)((uint64_t)a.values[row] + 1);
    for (uint32_t row = 0; row < b.length; row++) b.values[row] += 1;
    return sg_emit(out, SG_ALL, sg_array_of(self->computed, a.values, a.validity, a.length),
                   sg_array_of(self->second, b.values, b.validity, b.length));
}

static const mode MODES[] = {
    {"echo", echo_bind, echo_process, no_rows},
    {"pass", pass_all, emit_all, no_rows},
    {"filter", filter_bind, filter_process, no_rows},
    {"take", pass_all, take_process, no_rows},
    {"reject", reject_bind, reject_process, no_rows},
    {"params", params_bind, params_process, no_rows},
    {"fault-invalid", missing_bind, emit_all, no_rows},
    {"fault-data", pass_all, data_process, no_rows},
    {"fault-transient", pass_all, transient_process, no_rows},
    {"panic", pass_all, panic_process, no_rows},
    {"log", log_bind, emit_all, no_rows},
    {"count", count_bind, count_process, count_finish},
    {"running", running_bind, running_process, no_rows},
    {"many", pass_all, many_process, no_rows},
    {"spin", pass_all, spin_process, no_rows},
    {"grow", pass_all, grow_process, no_rows},
    {"add-one", add_one_bind, add_one_process, no_rows},
};
#define N_MODES (sizeof MODES / sizeof *MODES)

static sg_status bind(guest *self, sg_plan *plan, sg_params *params) {
    const char *names[N_MODES];
    for (size_t mode = 0; mode < N_MODES; mode++) names[mode] = MODES[mode].name;
    sg_require(params, "mode");
    self->mode = &MODES[sg_param_choice(params, "mode", names, N_MODES, 0)];
    return self->mode->bind(self, plan, params);
}

static sg_status process(guest *self, const sg_batch *batch, sg_out *out) {
    return self->mode->process(self, batch, out);
}

static sg_status finish(guest *self, sg_out *out) { return self->mode->finish(self, out); }

SG_EXPORT(guest, bind, process, finish)
