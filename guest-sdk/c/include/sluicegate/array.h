/*
 * Arrays: the buffers of a column with its type, and how to read them.
 *
 * Three ways to read, from fast to general: typed values (`sg_values_i64`, `sg_numbers`, `sg_texts`), one value at a time
 * (`sg_i64_at`, `sg_bytes_at`), and the tree of a nested array (`sg_column_of`, `sg_elements`).
 */
#ifndef SLUICEGATE_ARRAY_H
#define SLUICEGATE_ARRAY_H

#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sg_array sg_array;

/** An array: its buffers as Arrow lays them out, from offset zero on. */
struct sg_array {
    const sg_field *field;
    uint32_t length;
    uint32_t null_count;
    uint8_t *validity; /* least significant bit first; NULL where nothing is null */
    sg_buffer first;   /* values, bits, indices, views or offsets */
    sg_buffer second;  /* the bytes of text and binary */
    sg_buffer *data;   /* what views refer to */
    size_t n_data;
    sg_array *children; /* one for each child of the field; of a dictionary, its values */
};

/** Whether the bit of a row is set; true where there are no bits at all, as in a validity of nothing null. */
static inline bool sg_bit(const uint8_t *bits, size_t row) { return !bits || (bits[row >> 3] >> (row & 7) & 1); }

static inline void sg_set_bit(uint8_t *bits, size_t row, bool to) {
    bits[row >> 3] = (uint8_t)((bits[row >> 3] & ~(1u << (row & 7))) | (unsigned)to << (row & 7));
}

/* How many of the first `n_bits` are set. */
static inline uint32_t sg_count_bits(const uint8_t *bits, size_t n_bits) {
    uint64_t word;
    uint32_t count = 0;
    size_t byte = 0;
    for (; byte + 8 <= n_bits / 8; byte += 8) {
        memcpy(&word, bits + byte, 8);
        count += (uint32_t)__builtin_popcountll(word);
    }
    for (; byte < n_bits / 8; byte++) count += (uint32_t)__builtin_popcount(bits[byte]);
    if (n_bits % 8) count += (uint32_t)__builtin_popcount(bits[byte] & ((1u << n_bits % 8) - 1));
    return count;
}

/** Whether the value of a row is null. A dictionary's value may be null behind an index that is not. */
static inline bool sg_is_null(const sg_array *array, size_t row);

/** The index of a row into the values of a dictionary; of use where it is not null. */
static inline uint64_t sg_index_at(const sg_array *array, size_t row) {
    const void *data = array->first.data;
    switch (sg_kind_width(array->field->index_kind)) {
    case 1: return ((const uint8_t *)data)[row];
    case 2: return ((const uint16_t *)data)[row];
    case 4: return ((const uint32_t *)data)[row];
    default: return ((const uint64_t *)data)[row];
    }
}

static inline bool sg_is_null(const sg_array *array, size_t row) {
    if (array->field->kind == SG_NULL || !sg_bit(array->validity, row)) return true;
    return array->field->kind == SG_DICTIONARY && array->children[0].null_count &&
           sg_is_null(&array->children[0], sg_index_at(array, row));
}

static inline bool sg_bool_at(const sg_array *array, size_t row) { return sg_bit(array->first.data, row); }

/** The bytes of a value of fixed width, in the machine's order. */
static inline const uint8_t *sg_raw_at(const sg_array *array, size_t row) {
    return array->first.data + row * (size_t)array->field->width;
}

/** A value as a signed integer: integers, decimals of 32 and 64 bits, dates, times, timestamps, durations, months. */
static inline int64_t sg_i64_at(const sg_array *array, size_t row) {
    const void *data = array->first.data;
    bool is_unsigned = array->field->kind & (SG_UINT8 | SG_UINT16 | SG_UINT32);
    switch (array->field->width) {
    case 1: return is_unsigned ? (int64_t)((const uint8_t *)data)[row] : (int64_t)((const int8_t *)data)[row];
    case 2: return is_unsigned ? (int64_t)((const uint16_t *)data)[row] : (int64_t)((const int16_t *)data)[row];
    case 4: return is_unsigned ? (int64_t)((const uint32_t *)data)[row] : (int64_t)((const int32_t *)data)[row];
    default: return ((const int64_t *)data)[row];
    }
}

/** A float of 16 bits, widened. */
static inline float sg_half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff, bits;
    if (exponent == 31) bits = sign | 0x7f800000 | fraction << 13;
    else if (exponent) bits = sign | (exponent + 112) << 23 | fraction << 13;
    else {
        float small = (float)fraction * 0x1p-24f;
        return sign ? -small : small;
    }
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/** A decimal of up to 128 bits without its scale. */
static inline __int128 sg_i128_at(const sg_array *array, size_t row) {
    __int128 value;
    if (array->field->width != 16) return sg_i64_at(array, row);
    memcpy(&value, sg_raw_at(array, row), 16);
    return value;
}

static inline double sg_power_of_ten(int32_t exponent) {
    double power = 1;
    for (int32_t step = exponent < 0 ? -exponent : exponent; step > 0; step--) power *= 10;
    return exponent < 0 ? 1 / power : power;
}

/** A number as a float: floats, integers, decimals of up to 128 bits (scaled). */
static inline double sg_f64_at(const sg_array *array, size_t row) {
    const void *data = array->first.data;
    switch (array->field->kind) {
    case SG_FLOAT16: return sg_half_to_float(((const uint16_t *)data)[row]);
    case SG_FLOAT32: return ((const float *)data)[row];
    case SG_FLOAT64: return ((const double *)data)[row];
    case SG_UINT64: return (double)((const uint64_t *)data)[row];
    case SG_DECIMAL32:
    case SG_DECIMAL64:
    case SG_DECIMAL128: return (double)sg_i128_at(array, row) / sg_power_of_ten(array->field->scale);
    default: return (double)sg_i64_at(array, row);
    }
}

/** Where an element of a list starts or ends among the values: `sg_offset_at(list, row)` and `… row + 1`. */
static inline size_t sg_offset_at(const sg_array *array, size_t row) {
    if (array->field->kind == SG_FIXED_LIST) return row * (size_t)array->field->width;
    if (array->field->kind & SG_OFFSETS64) return (size_t)((const int64_t *)(const void *)array->first.data)[row];
    return (size_t)((const int32_t *)(const void *)array->first.data)[row];
}

/** The elements of a list or a map: rows `start` to `end` of `array->children[0]`. */
typedef struct sg_range {
    size_t start;
    size_t end;
} sg_range;

static inline sg_range sg_elements(const sg_array *array, size_t row) {
    sg_range range = {sg_offset_at(array, row), sg_offset_at(array, row + 1)};
    return range;
}

/** The bytes of text, of binary, or of a dictionary of those; of use where it is not null. */
static inline sg_text sg_bytes_at(const sg_array *array, size_t row) {
    if (array->field->kind == SG_DICTIONARY) return sg_bytes_at(&array->children[0], sg_index_at(array, row));
    if (array->field->kind & SG_VIEWS) {
        const uint8_t *view = array->first.data + 16 * row;
        uint32_t parts[4];
        memcpy(parts, view, 16);
        sg_text text = {(const char *)(parts[0] <= 12 ? view + 4 : array->data[parts[2]].data + parts[3]), parts[0]};
        return text;
    }
    if (array->field->kind == SG_FIXED_BINARY) {
        sg_text text = {(const char *)sg_raw_at(array, row), (size_t)array->field->width};
        return text;
    }
    size_t start = sg_offset_at(array, row);
    sg_text text = {(const char *)array->second.data + start, sg_offset_at(array, row + 1) - start};
    return text;
}

/** The bytes of a value; `data` is NULL where it is null. */
static inline sg_text sg_get(const sg_array *array, size_t row) {
    sg_text null = {NULL, 0};
    if (sg_is_null(array, row)) return null;
    sg_text text = sg_bytes_at(array, row);
    if (!text.data) text.data = "";
    return text;
}

/* A bitmap of which rows hold a value, nulls within a dictionary included; NULL where all do. */
static inline uint8_t *sg_logical_validity(const sg_array *array) {
    bool is_null = array->field->kind == SG_NULL;
    if (!is_null && (array->field->kind != SG_DICTIONARY || !array->children[0].null_count)) return array->validity;
    uint8_t *bits = SG_NEW(uint8_t, array->length / 8 + 1);
    for (size_t row = 0; !is_null && row < array->length; row++) sg_set_bit(bits, row, !sg_is_null(array, row));
    return bits;
}

/** The batch that a transform processes: the columns that its plan reads, all of the same length. */
typedef struct sg_batch {
    uint32_t n_rows;
    sg_array *columns;
    uint32_t n_columns;
} sg_batch;

/** A column of the batch as the tree that it is. */
static inline sg_array *sg_column_of(const sg_batch *batch, sg_column column) {
    if (column.read >= batch->n_columns) sg_panic("a column is used with a plan that did not read it");
    return &batch->columns[column.read];
}

/* Values of one type. They lie in the transform's own memory, so they may be written over and emitted. */
#define SG_VALUES(letter, type)                                                                    \
    typedef struct sg_##letter##s {                                                                \
        type *values;                                                                              \
        uint8_t *validity; /* for sg_bit; NULL where nothing is null */                            \
        uint32_t length;                                                                           \
        uint32_t null_count;                                                                       \
    } sg_##letter##s;                                                                              \
    static inline sg_##letter##s sg_array_##letter(sg_array *array) {                              \
        if (array->field->width != (int32_t)sizeof(type))                                          \
            sg_panic("`%s` is not of values of %zu bytes", array->field->name.data, sizeof(type)); \
        sg_##letter##s values = {(type *)(void *)array->first.data, array->validity, array->length, \
                                 array->null_count};                                               \
        return values;                                                                             \
    }                                                                                              \
    static inline sg_##letter##s sg_values_##letter(const sg_batch *batch, sg_column column) {     \
        return sg_array_##letter(sg_column_of(batch, column));                                     \
    }

SG_VALUES(i8, int8_t)
SG_VALUES(i16, int16_t)
SG_VALUES(i32, int32_t)
SG_VALUES(i64, int64_t)
SG_VALUES(u8, uint8_t)
SG_VALUES(u16, uint16_t)
SG_VALUES(u32, uint32_t)
SG_VALUES(u64, uint64_t)
SG_VALUES(f32, float)
SG_VALUES(f64, double)
SG_VALUES(i128, __int128)

/** A column read as `SG_NUMBERS`: floats of 64 bits are not copied, other numbers are converted. */
static inline sg_f64s sg_numbers(const sg_batch *batch, sg_column column) {
    sg_array *array = sg_column_of(batch, column);
    if (array->field->kind == SG_FLOAT64) return sg_array_f64(array);
    double *values = (double *)sg_zeroed(array->length, sizeof(double));
    bool has_values = array->field->kind != SG_NULL;
    for (size_t row = 0; has_values && row < array->length; row++) values[row] = sg_f64_at(array, row);
    sg_f64s numbers = {values, sg_logical_validity(array), array->length, array->null_count};
    return numbers;
}

/** A column read as `SG_INTEGERS`, or of any integers of 64 bits: those are not copied, others are converted. */
static inline sg_i64s sg_integers(const sg_batch *batch, sg_column column) {
    sg_array *array = sg_column_of(batch, column);
    if (array->field->width == 8) return sg_array_i64(array);
    int64_t *values = (int64_t *)sg_zeroed(array->length, sizeof(int64_t));
    bool has_values = array->field->kind != SG_NULL;
    for (size_t row = 0; has_values && row < array->length; row++) values[row] = sg_i64_at(array, row);
    sg_i64s integers = {values, sg_logical_validity(array), array->length, array->null_count};
    return integers;
}

/** The text of a row of a column read as `SG_TEXTS`, or the bytes of `SG_BLOBS`; `data` is NULL where it is null. */
static inline sg_text sg_text_in(const sg_batch *batch, sg_column column, size_t row) {
    return sg_get(sg_column_of(batch, column), row);
}

/* How many buffers follow the validity; views have more. */
static inline size_t sg_fixed_buffers(sg_kind kind) {
    if (kind & (SG_NULL | SG_STRUCT | SG_FIXED_LIST)) return 0;
    return kind & SG_BYTE_LIKE ? 2 : 1;
}

/* The array of a field from what the host sent, whose buffers stay where they are. */
static inline void sg_array_from_wire(sg_array *array, const sg_field *field, const sg_wire_array **next) {
    const sg_wire_array *wire = (*next)++;
    size_t has_validity = field->kind != SG_NULL, n_fixed = sg_fixed_buffers(field->kind);
    if (wire->n_buffers < has_validity + n_fixed)
        sg_panic("column `%.*s`: %zu buffers came", SG_ARG(field->name), wire->n_buffers);
    memset(array, 0, sizeof *array);
    array->field = field;
    array->length = wire->length;
    array->null_count = wire->null_count;
    if (has_validity && wire->null_count) array->validity = wire->buffers[0].data;
    if (n_fixed > 0) array->first = wire->buffers[1];
    if (n_fixed > 1) array->second = wire->buffers[2];
    if (field->kind & SG_VIEWS) {
        array->data = wire->buffers + 2;
        array->n_data = wire->n_buffers - 2;
    }
    array->children = SG_NEW(sg_array, field->n_children);
    for (uint32_t child = 0; child < field->n_children; child++)
        sg_array_from_wire(&array->children[child], field->children[child], next);
}

/* Adds an array and its children to `wire`, in pre-order. */
static inline void sg_array_to_wire(const sg_array *array, sg_bytes *wire) {
    sg_kind kind = array->field->kind;
    size_t n_fixed = sg_fixed_buffers(kind), n_buffers = 0;
    sg_wire_array flat = {array->length, array->null_count, NULL, 0};
    flat.buffers = SG_NEW(sg_buffer, 1 + n_fixed + array->n_data);
    if (kind != SG_NULL) {
        flat.buffers[n_buffers].data = array->validity;
        flat.buffers[n_buffers++].size = array->null_count ? ((size_t)array->length + 7) / 8 : 0;
    }
    if (n_fixed > 0) flat.buffers[n_buffers++] = array->first;
    if (n_fixed > 1) flat.buffers[n_buffers++] = array->second;
    for (size_t data = 0; data < array->n_data; data++) flat.buffers[n_buffers++] = array->data[data];
    flat.n_buffers = n_buffers;
    sg_bytes_add(wire, &flat, sizeof flat);
    for (uint32_t child = 0; child < array->field->n_children; child++) sg_array_to_wire(&array->children[child], wire);
}

/** An array of values of fixed width, which stay where they are. `validity` may be NULL: nothing is null. */
static inline sg_array *sg_array_of(const sg_field *field, void *values, uint8_t *validity, size_t length) {
    sg_array *array = SG_NEW(sg_array, 1);
    int32_t width = field->kind == SG_DICTIONARY ? sg_kind_width(field->index_kind) : field->width;
    array->field = field;
    array->length = (uint32_t)length;
    array->null_count = validity ? (uint32_t)length - sg_count_bits(validity, length) : 0;
    array->validity = array->null_count ? validity : NULL;
    array->first.data = (uint8_t *)values;
    array->first.size = field->kind == SG_BOOL ? (length + 7) / 8 : length * (size_t)width;
    array->children = SG_NEW(sg_array, field->n_children);
    return array;
}

#ifdef __cplusplus
}
#endif
#endif
