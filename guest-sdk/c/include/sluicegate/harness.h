/*
 * Unit-test a transform natively, without wasm: include the transform's source, then this, in one file of `tests/`.
 *
 *     #include "../src/large.c"
 *     #include <sluicegate/harness.h>
 *
 *     int main(void) {
 *         sg_test *test = sg_test_bind(&sg_this, "id:l amount:g", "{\"min\": 10}");
 *         sg_expect(sg_test_process(test, "[1, 9.5]\n[2, 10]"), "{\"id\":2,\"amount\":10.0}\n");
 *         return sg_test_result();
 *     }
 *
 * The harness does what the host does: columns pass through, selections apply, rejections are collected, and what comes back
 * is checked. Batches are lines of JSON lists; results are text: a line of JSON for each row, `rejected ROW: REASON`, or
 * `KIND: MESSAGE` of a fault.
 *
 * A schema is a list of `name:format` with the format strings of the Arrow C data interface; `!` behind one says that
 * nothing is null, children stand in parentheses, `=` makes a dictionary: "id:l! tags:+l(item:u) place:i=(:u)".
 * Dates and times are numbers, binary is hexadecimal text, a map is a list of its entries. What a transform reaches beyond its
 * columns stands in harness_access.h.
 */
#ifndef SLUICEGATE_HARNESS_H
#define SLUICEGATE_HARNESS_H

#include "../sluicegate.h"
#include "harness_json.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A bound transform with a host around it. */
typedef struct sg_test {
    sg_instance instance;
    sg_arena arena; /* of the harness */
    const sg_field **fields;
    uint32_t n_fields;
    sg_array *input;
    uint32_t n_rows;
    sg_bytes rows, rejections, messages;
    const char *fault; /* of `bind`, with its kind; NULL where it succeeded */
} sg_test;

#ifdef SLUICEGATE_ACCESS_H
#include "harness_access.h"
#endif

static sg_test *sg_test_now;
static int sg_test_n_wrong, sg_test_n_right;

/* Runs what follows in the arena of the harness, until `sg_test_leave`. */
static inline sg_arena *sg_test_enter(sg_test *test) {
    sg_arena *before = sg_now.arena;
    sg_now.arena = &test->arena;
    return before;
}

static inline void sg_test_leave(sg_arena *before) { sg_now.arena = before; }

uint32_t sg_import_rows(void) { return sg_test_now->n_rows; }

/* A copy that the transform may write over. */
static inline void sg_test_copy(sg_wire_array *arrays, size_t n_arrays) {
    for (size_t array = 0; array < n_arrays; array++)
        for (size_t at = 0; at < arrays[array].n_buffers; at++) {
            sg_buffer *buffer = &arrays[array].buffers[at];
            uint8_t *copy = (uint8_t *)sg_alloc(buffer->size);
            if (buffer->size) memcpy(copy, buffer->data, buffer->size);
            buffer->data = copy;
        }
}

void sg_import_read(const uint32_t *indices, size_t n_indices, sg_wire_columns *columns) {
    sg_test *test = sg_test_now;
    columns->columns = SG_NEW(sg_wire_column, n_indices);
    columns->n_columns = n_indices;
    for (size_t at = 0; at < n_indices; at++) {
        sg_check(indices[at] < test->instance.plan.n_reads);
        sg_bytes arrays = {};
        sg_array_to_wire(&test->input[test->instance.plan.reads[indices[at]]], &arrays);
        columns->columns[at].arrays = (sg_wire_array *)(void *)arrays.data;
        columns->columns[at].n_arrays = arrays.size / sizeof(sg_wire_array);
        sg_test_copy(columns->columns[at].arrays, columns->columns[at].n_arrays);
    }
}

/* What the host would trap for. */
static inline void sg_test_check(const sg_array *array) {
    const sg_field *field = array->field;
    size_t length = array->length, width = (size_t)field->width;
    if (field->kind == SG_DICTIONARY) width = (size_t)sg_kind_width(field->index_kind);
    if (field->kind != SG_NULL) sg_check(array->null_count == (array->validity ? length - sg_count_bits(array->validity, length) : 0));
    if (field->kind == SG_BOOL) sg_check(array->first.size >= (length + 7) / 8);
    if (sg_fixed_buffers(field->kind) == 1 && width) sg_check(array->first.size >= length * width);
    for (size_t row = 0; row < length && field->kind & (SG_OFFSETS32 | SG_OFFSETS64); row++)
        sg_check(sg_offset_at(array, row) <= sg_offset_at(array, row + 1));
    if (length && field->kind & SG_BYTE_LIKE) sg_check(sg_offset_at(array, length) <= array->second.size);
    if (length && field->kind & SG_LISTS) sg_check(sg_offset_at(array, length) <= array->children[0].length);
    if (field->kind == SG_FIXED_LIST) sg_check(array->children[0].length == length * width);
    for (uint32_t child = 0; child < field->n_children; child++) {
        if (field->kind == SG_STRUCT) sg_check(array->children[child].length == length);
        sg_test_check(&array->children[child]);
    }
    for (size_t row = 0; row < length && field->kind == SG_DICTIONARY; row++)
        if (sg_bit(array->validity, row)) sg_check(sg_index_at(array, row) < array->children[0].length);
}

/* Writes one emitted row. */
static inline void sg_test_row(sg_test *test, uint32_t input_row, uint32_t row, const sg_array *computed) {
    size_t n_output;
    const sg_planned *output = sg_plan_output(&test->instance.plan, &n_output);
    for (size_t column = 0; column < n_output; column++) {
        const sg_array *array = output[column].field ? computed++ : &test->input[output[column].index];
        sg_bytes_format(&test->rows, column ? "," : "{");
        sg_bytes_json(&test->rows, array->field->name);
        sg_bytes_format(&test->rows, ":");
        sg_bytes_value(&test->rows, array, output[column].field ? row : input_row);
    }
    sg_bytes_format(&test->rows, "}\n");
}

void sg_import_emit(uint32_t selection, const uint8_t *rows, size_t rows_size, const sg_wire_column *columns,
                    size_t n_columns) {
    sg_test *test = sg_test_now;
    sg_arena *before = sg_test_enter(test);
    sg_array *computed = SG_NEW(sg_array, n_columns + 1);
    uint32_t n_rows = selection == SG_WIRE_TAKE ? (uint32_t)(rows_size / 4) : test->n_rows;
    for (size_t at = 0; at < n_columns; at++) {
        const sg_wire_array *next = columns[at].arrays;
        sg_array_from_wire(&computed[at], test->instance.computed[test->instance.positions[at]], &next);
        sg_test_check(&computed[at]);
        if (!test->input) n_rows = computed[at].length;
    }
    for (uint32_t row = 0, at = 0; row < n_rows; row++) {
        uint32_t input_row = row;
        if (selection == SG_WIRE_TAKE) memcpy(&input_row, rows + 4 * row, 4);
        if (selection != SG_WIRE_FILTER || sg_bit(rows, row)) sg_test_row(test, input_row, at++, computed);
    }
    sg_test_leave(before);
}

void sg_import_reject(const sg_wire_rejection *rows, size_t n_rows) {
    sg_arena *before = sg_test_enter(sg_test_now);
    for (size_t at = 0; at < n_rows; at++) {
        sg_check(rows[at].row < sg_test_now->n_rows);
        sg_bytes_format(&sg_test_now->rejections, "rejected %u: %.*s\n", rows[at].row, SG_ARG(rows[at].reason));
    }
    sg_test_leave(before);
}

void sg_import_log(uint32_t level, const char *message, size_t size) {
    static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
    /* The program ends with a panic, so that nothing else would show it. */
    bool is_panic = size > 8 && memcmp(message, "panicked", 8) == 0;
    if (!sg_test_now || is_panic) fprintf(stderr, "%s: %.*s\n", levels[level], (int)size, message);
    if (!sg_test_now) return;
    sg_arena *before = sg_test_enter(sg_test_now);
    sg_bytes_format(&sg_test_now->messages, "%s: %.*s\n", levels[level], (int)size, message);
    sg_test_leave(before);
}

static inline const char *sg_test_fault(const sg_wire_fault *fault) {
    static const char *const kinds[] = {"invalid", "data", "transient"};
    return sg_format("%s: %.*s", kinds[fault->kind], SG_ARG(fault->message)).data;
}

/** Binds a transform; where that fails, `fault` of what is returned says why. */
static inline sg_test *sg_test_bind(const sg_transform *transform, const char *schema, const char *params) {
    sg_test *test = (sg_test *)calloc(1, sizeof *test);
    sg_now.arena = &test->arena;
    sg_test_now = test;
    test->fields = sg_test_fields(&schema, &test->n_fields);
    sg_bytes wire = {};
    for (uint32_t field = 0; field < test->n_fields; field++) sg_field_to_wire(test->fields[field], &wire);
    sg_wire_bound *bound = sg_call_bind(&test->instance, transform, (const sg_wire_field *)(void *)wire.data,
                                        wire.size / sizeof(sg_wire_field), sg_text_of(params));
    sg_now.arena = &test->arena;
    if (bound->failed) test->fault = sg_test_fault(&bound->as.fault);
    return test;
}

/* What came out of a call, as text. */
static inline const char *sg_test_outcome(sg_test *test, const sg_wire_done *done) {
    sg_now.arena = &test->arena;
    if (done->failed) return sg_test_fault(&done->fault);
    sg_bytes all = {};
    sg_bytes_text(&all, sg_bytes_as_text(&test->rows));
    sg_bytes_text(&all, sg_bytes_as_text(&test->rejections));
    sg_bytes_add(&all, "", 1);
    return (const char *)all.data;
}

/** Processes a batch, a JSON list for each row, and says what came out. */
static inline const char *sg_test_process(sg_test *test, const char *rows) {
    sg_test_now = test;
    sg_now.arena = &test->arena;
    test->rows = test->rejections = (sg_bytes){};
    test->input = sg_test_rows(test->fields, test->n_fields, rows, &test->n_rows);
    return sg_test_outcome(test, sg_call_process(&test->instance));
}

/** Ends the run, and says what came out. */
static inline const char *sg_test_finish(sg_test *test) {
    sg_test_now = test;
    sg_now.arena = &test->arena;
    test->rows = test->rejections = (sg_bytes){};
    test->input = NULL;
    test->n_rows = 0;
    return sg_test_outcome(test, sg_call_finish(&test->instance));
}

/** The messages that were logged since it was bound: `info: hello`, each on a line. */
static inline const char *sg_test_messages(sg_test *test) {
    sg_now.arena = &test->arena;
    return sg_text_copy(sg_bytes_as_text(&test->messages)).data;
}

static inline void sg_expect_at(const char *file, int line, const char *found, const char *expected) {
    if (!found) found = "(none)";
    if (strcmp(found, expected) == 0) {
        sg_test_n_right++;
        return;
    }
    sg_test_n_wrong++;
    fprintf(stderr, "%s:%d: expected\n%s\nfound\n%s\n", file, line, expected, found);
}

/** Compares two texts, and goes on. */
#define sg_expect(found, expected) sg_expect_at(__FILE__, __LINE__, (found), (expected))

/** Says how many comparisons held; what `main` returns. */
static inline int sg_test_result(void) {
    printf("%d passed, %d failed\n", sg_test_n_right, sg_test_n_wrong);
    return sg_test_n_wrong > 0;
}

#ifdef __cplusplus
}
#endif
#endif
