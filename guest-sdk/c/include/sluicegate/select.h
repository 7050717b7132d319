/*
 * Which rows survive, and columns that are computed without a branch for each row.
 *
 * A loop over rows is fastest where it only computes: write one byte for each row (`sg_flags`), then turn the bytes into
 * a filter or into labels at once.
 */
#ifndef SLUICEGATE_SELECT_H
#define SLUICEGATE_SELECT_H

#include "build.h"
#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Which rows of the batch an emitted batch is made of. */
typedef struct sg_rows {
    uint32_t selection; /* SG_WIRE_ALL, SG_WIRE_FILTER or SG_WIRE_TAKE */
    uint32_t n_rows;     /* of the batch; not of use with SG_WIRE_ALL */
    uint32_t n_selected;
    const uint8_t *bits;
    const uint32_t *indices;
} sg_rows;

/** Every row, in order; in `finish`, the rows of the columns that are emitted. */
static const sg_rows SG_ALL = {SG_WIRE_ALL, 0, 0, NULL, NULL};

/** Rows by index; an index may repeat or be left out. */
static inline sg_rows sg_take(const uint32_t *indices, size_t n_indices) {
    sg_rows rows = {SG_WIRE_TAKE, 0, (uint32_t)n_indices, NULL, indices};
    return rows;
}

/** Rows whose bit is set, least significant bit first. */
static inline sg_rows sg_filter_bits(const uint8_t *bits, size_t n_rows) {
    sg_rows rows = {SG_WIRE_FILTER, (uint32_t)n_rows, sg_count_bits(bits, n_rows), bits, NULL};
    return rows;
}

/** One zeroed byte for each row of the batch. */
static inline uint8_t *sg_flags(const sg_batch *batch) { return SG_NEW(uint8_t, batch->n_rows); }

/** The bytes as bits: a row is set where its byte is not zero. */
static inline uint8_t *sg_pack(const uint8_t *flags, size_t n_rows) {
    uint8_t *bits = SG_NEW(uint8_t, n_rows / 8 + 2);
    size_t row = 0;
#ifdef __wasm_simd128__
    for (; row + 16 <= n_rows; row += 16) {
        v128_t set = wasm_i8x16_ne(wasm_v128_load(flags + row), wasm_i8x16_splat(0));
        uint16_t sixteen = (uint16_t)wasm_i8x16_bitmask(set);
        memcpy(bits + row / 8, &sixteen, 2);
    }
#endif
    for (; row < n_rows; row++) bits[row / 8] |= (uint8_t)((flags[row] != 0) << row % 8);
    return bits;
}

/** Rows whose byte is not zero and whose value is there; `validity` may be NULL. */
static inline sg_rows sg_filter(const uint8_t *flags, const uint8_t *validity, size_t n_rows) {
    uint8_t *bits = sg_pack(flags, n_rows);
    for (size_t byte = 0; validity && byte < (n_rows + 7) / 8; byte++) bits[byte] &= validity[byte];
    return sg_filter_bits(bits, n_rows);
}

/** Which rows a batch is made of, as indices. */
static inline const uint32_t *sg_indices(const sg_rows *rows) {
    if (rows->selection == SG_WIRE_TAKE) return rows->indices;
    uint32_t *indices = (uint32_t *)sg_alloc(((size_t)rows->n_selected + 1) * sizeof(uint32_t));
    size_t at = 0;
    for (uint32_t first = 0; first < rows->n_rows; first += 8)
        for (uint32_t byte = rows->bits[first / 8]; byte; byte &= byte - 1) {
            uint32_t row = first + (uint32_t)__builtin_ctz(byte);
            if (row < rows->n_rows) indices[at++] = row;
        }
    return indices;
}

/** The selected values of a column that was computed for all rows of the batch. */
static inline sg_array *sg_select(const sg_array *array, const sg_rows *rows) {
    bool is_all = rows->selection == SG_WIRE_ALL || (rows->selection == SG_WIRE_FILTER && rows->n_selected == array->length);
    if (is_all) return (sg_array *)array;
    const uint32_t *indices = sg_indices(rows);
    sg_builder *builder = sg_builder_like(array, rows->n_selected);
    for (uint32_t at = 0; at < rows->n_selected; at++) sg_append_from(builder, array, indices[at]);
    return sg_finish(builder);
}

/* A label of up to this many bytes is written by one store, over which the next label is written. */
#define SG_WORD 16
/* Numbers of labels are bytes. */
#define SG_LABELS_MAX 256

/* Writes labels of at most SG_WORD bytes: a row that is left out is written over by the next. */
static inline void sg_write_labels(sg_array *array, const sg_text *labels, size_t n_labels, const uint8_t *numbers,
                                   const sg_rows *rows, size_t size_max) {
    uint8_t words[SG_LABELS_MAX][SG_WORD] = {{0}};
    uint32_t sizes[SG_LABELS_MAX] = {};
    for (size_t label = 0; label < SG_LABELS_MAX; label++) {
        const sg_text *text = &labels[label < n_labels ? label : n_labels - 1];
        if (text->size) memcpy(words[label], text->data, text->size);
        sizes[label] = (uint32_t)text->size;
    }
    uint8_t *bytes = (uint8_t *)sg_alloc((size_t)rows->n_selected * size_max + SG_WORD);
    int32_t *offsets = (int32_t *)sg_alloc(((size_t)rows->n_selected + 2) * sizeof(int32_t));
    uint32_t size = 0, at = 0;
    offsets[0] = 0;
    for (uint32_t row = 0; row < rows->n_rows; row++) {
        uint32_t keep = rows->bits[row >> 3] >> (row & 7) & 1;
        memcpy(bytes + size, words[numbers[row]], SG_WORD);
        size += sizes[numbers[row]] & (0 - keep);
        offsets[at + 1] = (int32_t)size;
        at += keep;
    }
    array->length = rows->n_selected;
    array->first.data = (uint8_t *)offsets;
    array->first.size = ((size_t)rows->n_selected + 1) * sizeof(int32_t);
    array->second.data = bytes;
    array->second.size = size;
}

/**
 * A column of utf8 with few values: the label of each selected row by its number, a byte; a number that is no label
 * counts as the last. `numbers` has one byte for each row of the batch, `rows` is a filter.
 */
static inline sg_array *sg_labels(const sg_field *field, const char *const *labels, size_t n_labels,
                                  const uint8_t *numbers, const sg_rows *rows) {
    sg_check(n_labels > 0 && n_labels <= SG_LABELS_MAX);
    sg_check(rows->selection == SG_WIRE_FILTER);
    sg_text texts[SG_LABELS_MAX];
    size_t size_max = 0;
    for (size_t label = 0; label < n_labels; label++) {
        texts[label] = sg_text_of(labels[label]);
        if (texts[label].size > size_max) size_max = texts[label].size;
    }
    if (size_max <= SG_WORD && field->kind == SG_UTF8 && size_max * rows->n_selected <= INT32_MAX) {
        sg_array *array = SG_NEW(sg_array, 1);
        array->field = field;
        sg_write_labels(array, texts, n_labels, numbers, rows, size_max);
        return array;
    }
    sg_builder *builder = sg_builder_new(field, rows->n_selected);
    const uint32_t *indices = sg_indices(rows);
    for (uint32_t at = 0; at < rows->n_selected; at++) {
        size_t label = numbers[indices[at]];
        sg_append_text(builder, texts[label < n_labels ? label : n_labels - 1]);
    }
    return sg_finish(builder);
}

#ifdef __cplusplus
}
#endif
#endif
