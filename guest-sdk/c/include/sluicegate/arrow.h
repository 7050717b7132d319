/*
 * To and from the Arrow C data interface, for nanoarrow and other libraries that speak it.
 *
 * Nothing of such a library is needed here. To use nanoarrow, put nanoarrow.c into `src/` and its headers into
 * `include/nanoarrow/` of the project.
 */
#ifndef SLUICEGATE_ARROW_H
#define SLUICEGATE_ARROW_H

#include "select.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As the specification of the interface asks to have them declared. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

/* What is exported lies in memory of the call, so there is nothing to free but what the consumer marks. */
static inline void sg_release_schema(struct ArrowSchema *schema) {
    for (int64_t child = 0; child < schema->n_children; child++)
        if (schema->children[child]->release) schema->children[child]->release(schema->children[child]);
    if (schema->dictionary && schema->dictionary->release) schema->dictionary->release(schema->dictionary);
    schema->release = NULL;
}

static inline void sg_release_array(struct ArrowArray *array) {
    for (int64_t child = 0; child < array->n_children; child++)
        if (array->children[child]->release) array->children[child]->release(array->children[child]);
    if (array->dictionary && array->dictionary->release) array->dictionary->release(array->dictionary);
    array->release = NULL;
}

/** A field as an ArrowSchema, without its metadata; valid as long as the field. */
static inline void sg_export_schema(const sg_field *field, struct ArrowSchema *schema) {
    bool dictionary = field->kind == SG_DICTIONARY;
    memset(schema, 0, sizeof *schema);
    schema->format = field->format;
    schema->name = field->name.data;
    schema->flags = field->nullable ? ARROW_FLAG_NULLABLE : 0;
    schema->release = sg_release_schema;
    schema->n_children = dictionary ? 0 : field->n_children;
    schema->children = SG_NEW(struct ArrowSchema *, field->n_children);
    for (uint32_t child = 0; child < field->n_children; child++) {
        schema->children[child] = SG_NEW(struct ArrowSchema, 1);
        sg_export_schema(field->children[child], schema->children[child]);
    }
    if (dictionary) schema->dictionary = schema->children[0];
}

/** An array as an ArrowArray, without a copy; valid until the call of the transform returns. */
static inline void sg_export_array(const sg_array *array, struct ArrowArray *out) {
    sg_kind kind = array->field->kind;
    bool dictionary = kind == SG_DICTIONARY;
    size_t n_fixed = sg_fixed_buffers(kind), n_buffers = 0;
    memset(out, 0, sizeof *out);
    out->length = array->length;
    out->null_count = kind == SG_NULL ? array->length : array->null_count;
    out->release = sg_release_array;
    out->buffers = SG_NEW(const void *, 4 + array->n_data);
    if (kind != SG_NULL) out->buffers[n_buffers++] = array->validity;
    if (n_fixed > 0) out->buffers[n_buffers++] = array->first.data;
    if (n_fixed > 1) out->buffers[n_buffers++] = array->second.data;
    if (kind & SG_VIEWS) {
        /* The interface ends views with the sizes of their data buffers. */
        int64_t *sizes = SG_NEW(int64_t, array->n_data);
        for (size_t data = 0; data < array->n_data; data++) {
            sizes[data] = (int64_t)array->data[data].size;
            out->buffers[n_buffers++] = array->data[data].data;
        }
        out->buffers[n_buffers++] = sizes;
    }
    out->n_buffers = (int64_t)n_buffers;
    out->n_children = dictionary ? 0 : array->field->n_children;
    out->children = SG_NEW(struct ArrowArray *, array->field->n_children);
    for (uint32_t child = 0; child < array->field->n_children; child++) {
        out->children[child] = SG_NEW(struct ArrowArray, 1);
        sg_export_array(&array->children[child], out->children[child]);
    }
    if (dictionary) out->dictionary = out->children[0];
}

/** The field of an ArrowSchema, copied; NULL where its type is not of the contract. The schema stays the caller's. */
static inline const sg_field *sg_import_schema(const struct ArrowSchema *schema) {
    sg_text name = sg_text_of(schema->name ? schema->name : "");
    bool nullable = schema->flags & ARROW_FLAG_NULLABLE;
    if (schema->dictionary) {
        const sg_field *values = sg_import_schema(schema->dictionary);
        return values ? sg_field_dictionary(name, schema->format, nullable, values) : NULL;
    }
    const sg_field **children = SG_NEW(const sg_field *, (size_t)schema->n_children);
    for (int64_t child = 0; child < schema->n_children; child++)
        if (!(children[child] = sg_import_schema(schema->children[child]))) return NULL;
    return sg_field_new(name, schema->format, nullable, (uint32_t)schema->n_children, children);
}

/* Some of the bits of a bitmap, from a byte on. */
static inline uint8_t *sg_bits_from(const uint8_t *bits, size_t start, size_t length) {
    if (start % 8 == 0) return (uint8_t *)bits + start / 8;
    uint8_t *copy = SG_NEW(uint8_t, length / 8 + 1);
    for (size_t row = 0; row < length; row++) sg_set_bit(copy, row, sg_bit(bits, start + row));
    return copy;
}

/* The rows from `start` on, of which there are `length`. */
static inline void sg_import_rows_of(const sg_field *field, const struct ArrowArray *in, size_t start, size_t length,
                                     sg_array *array) {
    sg_kind kind = field->kind;
    const void *const *buffers = in->buffers;
    size_t width = (size_t)(kind == SG_DICTIONARY ? sg_kind_width(field->index_kind) : field->width);
    size_t offset_width = kind & SG_OFFSETS32 ? 4 : 8;
    memset(array, 0, sizeof *array);
    array->field = field;
    array->length = (uint32_t)length;
    start += (size_t)in->offset;
    if (kind != SG_NULL && in->null_count != 0 && buffers[0]) {
        array->validity = sg_bits_from((const uint8_t *)buffers[0], start, length);
        array->null_count = (uint32_t)length - sg_count_bits(array->validity, length);
    }
    const uint8_t *first = sg_fixed_buffers(kind) ? (const uint8_t *)buffers[1] : NULL;
    if (kind == SG_BOOL && first) array->first = (sg_buffer){sg_bits_from(first, start, length), (length + 7) / 8};
    else if (kind & (SG_OFFSETS32 | SG_OFFSETS64)) array->first = (sg_buffer){(uint8_t *)first + start * offset_width, (length + 1) * offset_width};
    else if (first) array->first = (sg_buffer){(uint8_t *)first + start * width, length * width};
    if (kind & SG_BYTE_LIKE) array->second = (sg_buffer){(uint8_t *)buffers[2], length ? sg_offset_at(array, length) : 0};
    if (kind & SG_VIEWS) {
        array->n_data = (size_t)in->n_buffers - 3;
        array->data = SG_NEW(sg_buffer, array->n_data);
        for (size_t data = 0; data < array->n_data; data++)
            array->data[data] = (sg_buffer){(uint8_t *)buffers[2 + data], (size_t)((const int64_t *)buffers[in->n_buffers - 1])[data]};
    }
    array->children = SG_NEW(sg_array, field->n_children);
    for (uint32_t child = 0; child < field->n_children; child++) {
        const struct ArrowArray *from = kind == SG_DICTIONARY ? in->dictionary : in->children[child];
        size_t per_row = kind == SG_STRUCT ? 1 : kind == SG_FIXED_LIST ? width : 0;
        size_t n_values = per_row ? length * per_row : (size_t)from->length;
        sg_import_rows_of(field->children[child], from, start * per_row, n_values, &array->children[child]);
    }
}

/** The array of an ArrowArray, whose buffers stay where they are and the producer's: release it after `sg_emit`. */
static inline sg_array *sg_import_array(const sg_field *field, const struct ArrowArray *in) {
    sg_array *array = SG_NEW(sg_array, 1);
    sg_import_rows_of(field, in, 0, (size_t)in->length, array);
    return array;
}

#ifdef __cplusplus
}
#endif
#endif
