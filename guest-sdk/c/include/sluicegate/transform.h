/*
 * The transform: what an author writes, where results go, and how the host calls.
 */
#ifndef SLUICEGATE_TRANSFORM_H
#define SLUICEGATE_TRANSFORM_H

#include "select.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sg_out sg_out;

/** What `SG_EXPORT` makes of an author's functions. */
typedef struct sg_transform {
    size_t state_size;
    sg_status (*bind)(void *state, sg_plan *plan, sg_params *params);
    sg_status (*process)(void *state, const sg_batch *batch, sg_out *out);
    sg_status (*finish)(void *state, sg_out *out);
} sg_transform;

/* A bound transform. */
typedef struct sg_instance {
    const sg_transform *transform;
    void *state;
    sg_plan plan;
    sg_arena kept;
    sg_arena call;
    const sg_field **computed; /* in the order of planning */
    uint32_t *positions;       /* of the computed columns, in the order of the output */
    uint32_t *reads;           /* 0, 1, 2 …: what the host calls them */
    bool is_bound;
} sg_instance;

/** Where a transform puts its results. */
struct sg_out {
    const sg_instance *instance;
    bool is_finish;
    uint32_t n_rows;
    sg_bytes rejections; /* sg_wire_rejection */
};

/** Takes a row of the batch out of the run, with a reason. It is not removed from what is emitted: leave it out there. */
SG_PRINTF(3, 4) static inline void sg_reject(sg_out *out, size_t row, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sg_wire_rejection rejection = {(uint32_t)row, sg_vformat(format, arguments)};
    va_end(arguments);
    sg_bytes_add(&out->rejections, &rejection, sizeof rejection);
}

/* Checks the selection, and says how many rows it stands for. */
static inline sg_status sg_check_rows(const sg_out *out, const sg_rows *rows, const sg_array *first, uint32_t *n_rows) {
    *n_rows = rows->n_selected;
    if (out->is_finish) {
        const sg_plan *plan = &out->instance->plan;
        size_t n_output;
        sg_plan_output(plan, &n_output);
        if (rows->selection != SG_WIRE_ALL) return sg_data("there is no batch in `finish`; emit with `SG_ALL`");
        if (plan->n_computed < n_output)
            return sg_data("`finish` cannot emit rows where the plan passes a column through");
        *n_rows = first ? first->length : 0;
    } else if (rows->selection == SG_WIRE_ALL) *n_rows = out->n_rows;
    else if (rows->selection == SG_WIRE_FILTER && rows->n_rows != out->n_rows)
        return sg_data("a filter of %u rows for a batch of %u", rows->n_rows, out->n_rows);
    for (uint32_t at = 0; rows->selection == SG_WIRE_TAKE && at < rows->n_selected; at++)
        if (rows->indices[at] >= out->n_rows)
            return sg_data("row %u taken from a batch of %u rows", rows->indices[at], out->n_rows);
    return SG_OK;
}

static inline sg_status sg_check_column(const sg_field *field, const sg_array *array, uint32_t n_rows) {
    sg_text name = field->name;
    if (!sg_type_equal(array->field, field)) {
        sg_text given = sg_type_name(array->field), planned = sg_type_name(field);
        return sg_data("column `%.*s` is of type %.*s, the plan says %.*s", SG_ARG(name), SG_ARG(given), SG_ARG(planned));
    }
    if (array->length != n_rows)
        return sg_data("column `%.*s` has %u values for %u selected rows", SG_ARG(name), array->length, n_rows);
    if (!field->nullable && array->null_count)
        return sg_data("column `%.*s` has nulls, the plan says it has none", SG_ARG(name));
    return SG_OK;
}

/** Emits a batch; `columns` are the computed ones in the order in which they were planned. */
static inline sg_status sg_emit_columns(sg_out *out, sg_rows rows, const sg_array *const *columns, size_t n_columns) {
    const sg_instance *instance = out->instance;
    uint32_t n_expected = instance->plan.n_computed, n_rows;
    if (n_columns != n_expected)
        return sg_data("%zu computed columns emitted, the plan has %u", n_columns, n_expected);
    sg_status status = sg_check_rows(out, &rows, n_columns ? columns[0] : NULL, &n_rows);
    sg_wire_column *wire = SG_NEW(sg_wire_column, n_columns);
    for (uint32_t at = 0; !status && at < n_expected; at++) {
        uint32_t planned = instance->positions[at];
        sg_bytes arrays = {};
        status = sg_check_column(instance->computed[planned], columns[planned], n_rows);
        if (status) break;
        sg_array_to_wire(columns[planned], &arrays);
        wire[at].arrays = (sg_wire_array *)(void *)arrays.data;
        wire[at].n_arrays = arrays.size / sizeof(sg_wire_array);
    }
    if (status) return status;
    bool is_whole = rows.selection == SG_WIRE_FILTER && rows.n_selected == rows.n_rows;
    const uint8_t *bytes = rows.selection == SG_WIRE_FILTER ? rows.bits : (const uint8_t *)rows.indices;
    size_t size = rows.selection == SG_WIRE_FILTER ? ((size_t)rows.n_rows + 7) / 8
                  : rows.selection == SG_WIRE_TAKE ? (size_t)rows.n_selected * 4
                                                   : 0;
    sg_import_emit(is_whole ? SG_WIRE_ALL : rows.selection, bytes, size, wire, n_columns);
    return SG_OK;
}

/** Emits a batch of the rows selected, with the computed columns: `sg_emit(out, rows, bucket, speed)`. */
#define sg_emit(out, ...) SG_EMIT_(out, __VA_ARGS__, (const sg_array *)NULL)
#define SG_EMIT_(out, rows, ...)                                                                   \
    sg_emit_columns((out), (rows), (const sg_array *const[]){__VA_ARGS__},                         \
                    sizeof((const sg_array *const[]){__VA_ARGS__}) / sizeof(sg_array *) - 1)

static inline void sg_enter(sg_instance *instance, sg_arena *arena) {
    sg_now.arena = arena;
    sg_now.kept = &instance->kept;
    sg_now.fault.message.data = NULL;
}

/* The schema and the parameters as the author sees them. */
static inline sg_status sg_bind_input(sg_instance *instance, sg_params *params, const sg_wire_field *schema,
                                      size_t n_fields, sg_text json) {
    sg_plan *plan = &instance->plan;
    const sg_wire_field *next = schema;
    plan->fields = SG_NEW(const sg_field *, n_fields);
    while (next != schema + n_fields)
        if (!(plan->fields[plan->n_fields++] = sg_field_from_wire(&next, schema + n_fields, 0))) return SG_INVALID;
    plan->reads = SG_NEW(uint32_t, plan->n_fields);
    const char *error;
    params->object.kind = SG_JSON_OBJECT;
    if (json.size == 0 || sg_json_parse(json, &params->object, &error)) {
        if (params->object.kind == SG_JSON_OBJECT) return SG_OK;
        error = "it is another value";
    }
    return sg_invalid("parameters are not a JSON object: %s", error);
}

/* The mistakes that were kept: those about parameters first, since they may be why the others were made. */
static inline sg_status sg_bind_mistake(const sg_plan *plan, const sg_params *params, sg_status status) {
    sg_text unknown = {NULL, 0}, mistake = params->mistake;
    if (status == SG_OK || params->is_missing) unknown = sg_params_unknown(params);
    if (!mistake.data || params->is_missing) mistake = unknown.data ? unknown : mistake;
    if (!mistake.data) mistake = plan->mistake;
    return mistake.data ? sg_invalid("%.*s", SG_ARG(mistake)) : status;
}

static inline void sg_bind_order(sg_instance *instance) {
    const sg_plan *plan = &instance->plan;
    size_t n_output, n_computed = 0;
    const sg_planned *output = sg_plan_output(plan, &n_output);
    instance->computed = SG_NEW(const sg_field *, plan->n_computed);
    instance->positions = SG_NEW(uint32_t, plan->n_computed);
    instance->reads = SG_NEW(uint32_t, plan->n_reads);
    for (size_t column = 0; column < n_output; column++) {
        if (!output[column].field) continue;
        instance->computed[output[column].index] = output[column].field;
        instance->positions[n_computed++] = output[column].index;
    }
    for (uint32_t read = 0; read < plan->n_reads; read++) instance->reads[read] = read;
}

static inline void sg_plan_to_wire(const sg_plan *plan, sg_wire_plan *wire) {
    const sg_planned *output = sg_plan_output(plan, &wire->n_output);
    wire->reads = plan->reads;
    wire->n_reads = plan->n_reads;
    wire->stateless = plan->is_stateless;
    wire->output = SG_NEW(sg_wire_output, wire->n_output);
    for (size_t column = 0; column < wire->n_output; column++) {
        sg_wire_output *flat = &wire->output[column];
        sg_bytes fields = {};
        flat->computed = output[column].field != NULL;
        flat->as.pass = output[column].index;
        if (!flat->computed) continue;
        sg_field_to_wire(output[column].field, &fields);
        flat->as.fields.fields = (sg_wire_field *)(void *)fields.data;
        flat->as.fields.n_fields = fields.size / sizeof(sg_wire_field);
    }
}

static inline sg_wire_fault sg_fault_of(sg_status status) {
    sg_wire_fault fault = sg_now.fault;
    /* A status that no `sg_invalid` and the like made. */
    if (!fault.message.data) fault.message = sg_text_of("a fault without a message");
    fault.kind = (uint8_t)(status - SG_INVALID);
    return fault;
}

/* The export `bind`. */
static inline sg_wire_bound *sg_call_bind(sg_instance *instance, const sg_transform *transform,
                                          const sg_wire_field *schema, size_t n_fields, sg_text json) {
    sg_enter(instance, &instance->kept);
    sg_params params = {};
    sg_wire_bound *bound = SG_NEW(sg_wire_bound, 1);
    instance->transform = transform;
    instance->state = sg_keep(transform->state_size);
    sg_status status = sg_bind_input(instance, &params, schema, n_fields, json);
    if (status == SG_OK) {
        status = transform->bind(instance->state, &instance->plan, &params);
        status = sg_bind_mistake(&instance->plan, &params, status);
    }
    bound->failed = status != SG_OK;
    if (bound->failed) {
        bound->as.fault = sg_fault_of(status);
        return bound;
    }
    sg_bind_order(instance);
    sg_plan_to_wire(&instance->plan, &bound->as.plan);
    instance->is_bound = true;
    return bound;
}

static inline sg_wire_done *sg_call_done(const sg_out *out, sg_status status) {
    sg_wire_done *done = SG_NEW(sg_wire_done, 1);
    done->failed = status != SG_OK;
    if (done->failed) done->fault = sg_fault_of(status);
    else if (out->rejections.size)
        sg_import_reject((const sg_wire_rejection *)(const void *)out->rejections.data,
                         out->rejections.size / sizeof(sg_wire_rejection));
    return done;
}

/* The export `process`. */
static inline sg_wire_done *sg_call_process(sg_instance *instance) {
    sg_enter(instance, &instance->call);
    sg_arena_reset(&instance->call);
    sg_out out = {instance, false, 0, {}};
    if (!instance->is_bound) return sg_call_done(&out, sg_invalid("`bind` was not called"));
    const sg_plan *plan = &instance->plan;
    sg_batch batch = {sg_import_rows(), NULL, plan->n_reads};
    batch.columns = SG_NEW(sg_array, plan->n_reads);
    out.n_rows = batch.n_rows;
    sg_wire_columns wire = {NULL, 0};
    if (plan->n_reads) sg_import_read(instance->reads, plan->n_reads, &wire);
    for (uint32_t read = 0; read < plan->n_reads; read++) {
        const sg_wire_array *next = wire.columns[read].arrays;
        sg_array_from_wire(&batch.columns[read], plan->fields[plan->reads[read]], &next);
    }
    return sg_call_done(&out, instance->transform->process(instance->state, &batch, &out));
}

/* The export `finish`. */
static inline sg_wire_done *sg_call_finish(sg_instance *instance) {
    sg_enter(instance, &instance->call);
    sg_arena_reset(&instance->call);
    sg_out out = {instance, true, 0, {}};
    if (!instance->is_bound) return sg_call_done(&out, sg_invalid("`bind` was not called"));
    return sg_call_done(&out, instance->transform->finish(instance->state, &out));
}

#ifdef __wasm__
#define SG_EXPORTS_                                                                                \
    static sg_instance sg_the_instance;                                                            \
    SG_EXPORT_AS("bind")                                                                           \
    sg_wire_bound *sg_export_bind(const sg_wire_field *schema, size_t n_fields, const char *params, size_t size) { \
        sg_text json = {params, size};                                                             \
        return sg_call_bind(&sg_the_instance, &sg_this, schema, n_fields, json);                   \
    }                                                                                              \
    SG_EXPORT_AS("process") sg_wire_done *sg_export_process(void) { return sg_call_process(&sg_the_instance); } \
    SG_EXPORT_AS("finish") sg_wire_done *sg_export_finish(void) { return sg_call_finish(&sg_the_instance); }
#else
#define SG_EXPORTS_
#endif

/**
 * Exports a transform: the type of its state, which is zeroed, `bind`, `process`, and where it is stateful `finish`.
 * Natively, `sg_this` is what a test gives to the harness.
 */
#define SG_EXPORT(...) SG_EXPORT_PICK_(__VA_ARGS__, SG_EXPORT4_, SG_EXPORT3_)(__VA_ARGS__)
#define SG_EXPORT_PICK_(a, b, c, d, export, ...) export
#define SG_EXPORT3_(state, bind, process)                                                          \
    static inline sg_status sg_no_finish(state *self, sg_out *out) { return (void)self, (void)out, SG_OK; } \
    SG_EXPORT4_(state, bind, process, sg_no_finish)
#define SG_EXPORT4_(state, bind, process, finish)                                                  \
    static inline sg_status sg_this_bind(void *self, sg_plan *plan, sg_params *params) {           \
        return bind((state *)self, plan, params);                                                  \
    }                                                                                              \
    static inline sg_status sg_this_process(void *self, const sg_batch *batch, sg_out *out) {      \
        return process((state *)self, batch, out);                                                 \
    }                                                                                              \
    static inline sg_status sg_this_finish(void *self, sg_out *out) { return finish((state *)self, out); } \
    static const sg_transform sg_this = {sizeof(state), sg_this_bind, sg_this_process, sg_this_finish}; \
    SG_EXPORTS_

#ifdef __cplusplus
}
#endif
#endif
