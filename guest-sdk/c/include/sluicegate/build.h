/*
 * Builders: columns made value by value.
 *
 * A builder grows in memory of the call that runs, is finished once, and needs no freeing. Nested values are built from
 * within: append to the children (`sg_child`), then close the element with `sg_append_element`.
 */
#ifndef SLUICEGATE_BUILD_H
#define SLUICEGATE_BUILD_H

#include "array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sg_builder sg_builder;

/** A column that grows. */
struct sg_builder {
    const sg_field *field;
    uint32_t length;
    uint32_t null_count;
    sg_bytes validity; /* empty as long as nothing is null */
    sg_bytes first;
    sg_bytes second;
    sg_builder *children;
    uint32_t *slots; /* of a dictionary: a hash table of its values, as index + 1 */
    size_t n_slots;
    const sg_array *adopted; /* of a dictionary: the values that were copied whole, so that indices stay */
};

static inline void sg_builder_init(sg_builder *builder, const sg_field *field, size_t n_rows) {
    memset(builder, 0, sizeof *builder);
    builder->field = field;
    int32_t width = field->kind == SG_DICTIONARY ? sg_kind_width(field->index_kind) : field->width;
    if (field->kind == SG_BOOL) sg_bytes_reserve(&builder->first, n_rows / 8 + 1);
    else if (field->kind & SG_OFFSETS32) sg_bytes_reserve(&builder->first, (n_rows + 1) * 4);
    else if (field->kind & SG_OFFSETS64) sg_bytes_reserve(&builder->first, (n_rows + 1) * 8);
    else if (field->kind != SG_FIXED_LIST) sg_bytes_reserve(&builder->first, n_rows * (size_t)width);
    if (field->kind & (SG_OFFSETS32 | SG_OFFSETS64)) {
        memset(builder->first.data, 0, 8);
        builder->first.size = field->kind & SG_OFFSETS32 ? 4 : 8;
    }
    builder->children = SG_NEW(sg_builder, field->n_children);
    for (uint32_t child = 0; child < field->n_children; child++)
        sg_builder_init(&builder->children[child], field->children[child], field->kind == SG_STRUCT ? n_rows : 0);
}

/** A builder of a column, with room for `n_rows`; it grows beyond. */
static inline sg_builder *sg_builder_new(const sg_field *field, size_t n_rows) {
    sg_builder *builder = SG_NEW(sg_builder, 1);
    sg_builder_init(builder, field, n_rows);
    return builder;
}

static inline void sg_adopt_all(sg_builder *builder, const sg_array *array);

/** A builder of a column like another, with its dictionaries: what is copied from it keeps its indices. */
static inline sg_builder *sg_builder_like(const sg_array *array, size_t n_rows) {
    sg_builder *builder = sg_builder_new(array->field, n_rows);
    sg_adopt_all(builder, array);
    return builder;
}

/** The builder of a child: of a list's values, a struct's field, a map's entries. */
static inline sg_builder *sg_child(sg_builder *builder, uint32_t child) { return &builder->children[child]; }

/* Counts a row. Validity is written from the first null on. */
static inline void sg_builder_count(sg_builder *builder, bool valid) {
    size_t row = builder->length++;
    if (valid && !builder->null_count) return;
    if (!builder->null_count++) {
        sg_bytes_reserve(&builder->validity, row / 8 + 1);
        memset(builder->validity.data, 0xff, row / 8 + 1);
        builder->validity.size = row / 8 + 1;
    }
    builder->null_count -= valid;
    if (row / 8 >= builder->validity.size) sg_bytes_add(&builder->validity, "\xff", 1);
    sg_set_bit(builder->validity.data, row, valid);
}

static inline void sg_wrong_append(const sg_builder *builder, const char *what) {
    sg_text name = sg_type_name(builder->field);
    sg_panic("%s appended to column `%s` of type %.*s", what, builder->field->name.data, SG_ARG(name));
}

/** Appends a value of fixed width by its bytes. */
static inline void sg_append_raw(sg_builder *builder, const void *value, size_t size) {
    if (size != (size_t)builder->field->width || builder->field->kind & (SG_FIXED_LIST | SG_DICTIONARY))
        sg_wrong_append(builder, "a raw value");
    sg_bytes_add(&builder->first, value, size);
    sg_builder_count(builder, true);
}

#define SG_APPEND(letter, type)                                                                    \
    static inline void sg_append_##letter(sg_builder *builder, type value) {                       \
        sg_append_raw(builder, &value, sizeof value);                                              \
    }

SG_APPEND(i8, int8_t)
SG_APPEND(i16, int16_t)
SG_APPEND(i32, int32_t)
SG_APPEND(i64, int64_t)
SG_APPEND(u8, uint8_t)
SG_APPEND(u16, uint16_t)
SG_APPEND(u32, uint32_t)
SG_APPEND(u64, uint64_t)
SG_APPEND(f32, float)
SG_APPEND(f64, double)
SG_APPEND(i128, __int128)

/* Adds a bit behind those of `length` rows. */
static inline void sg_builder_bit(sg_builder *builder, bool value) {
    if (builder->length / 8 >= builder->first.size) sg_bytes_add(&builder->first, "", 1);
    sg_set_bit(builder->first.data, builder->length, value);
}

/** Appends a truth value. */
static inline void sg_append_bool(sg_builder *builder, bool value) {
    if (builder->field->kind != SG_BOOL) sg_wrong_append(builder, "a bool");
    sg_builder_bit(builder, value);
    sg_builder_count(builder, true);
}

/* Adds the offset at which the value ends that was just appended. */
static inline void sg_builder_offset(sg_builder *builder, size_t end) {
    if (builder->field->kind & SG_OFFSETS32) {
        if (end > INT32_MAX) sg_panic("column `%s` exceeds 2 GiB in one batch", builder->field->name.data);
        int32_t offset = (int32_t)end;
        sg_bytes_add(&builder->first, &offset, 4);
    } else {
        int64_t offset = (int64_t)end;
        sg_bytes_add(&builder->first, &offset, 8);
    }
}

/* Adds a view: up to 12 bytes lie within, longer ones in the data buffer. */
static inline void sg_builder_view(sg_builder *builder, sg_text text) {
    uint32_t view[4] = {(uint32_t)text.size, 0, 0, 0};
    if (text.size) memcpy(view + 1, text.data, text.size <= 12 ? text.size : 4);
    if (text.size > 12) {
        if (text.size > INT32_MAX - builder->second.size)
            sg_panic("column `%s` exceeds 2 GiB in one batch", builder->field->name.data);
        view[3] = (uint32_t)builder->second.size;
        sg_bytes_text(&builder->second, text);
    }
    sg_bytes_add(&builder->first, view, 16);
}

static inline void sg_append_key(sg_builder *builder, sg_text value);

/** Appends text or binary, of whatever layout; to a dictionary, it is added to the values where it is new. */
static inline void sg_append_text(sg_builder *builder, sg_text text) {
    sg_kind kind = builder->field->kind;
    if (kind & SG_BYTE_LIKE) {
        sg_bytes_text(&builder->second, text);
        sg_builder_offset(builder, builder->second.size);
    } else if (kind & SG_VIEWS) sg_builder_view(builder, text);
    else if (kind == SG_FIXED_BINARY && text.size == (size_t)builder->field->width) sg_bytes_text(&builder->first, text);
    else if (kind == SG_DICTIONARY) {
        sg_append_key(builder, text);
        return;
    } else sg_wrong_append(builder, "text");
    sg_builder_count(builder, true);
}

/** Appends text of several parts, one after the other. */
static inline void sg_append_parts(sg_builder *builder, const sg_text *parts, size_t n_parts) {
    sg_bytes whole = {};
    bool in_place = builder->field->kind & SG_BYTE_LIKE;
    sg_bytes *bytes = in_place ? &builder->second : &whole;
    for (size_t part = 0; part < n_parts; part++) sg_bytes_text(bytes, parts[part]);
    sg_append_text(builder, sg_bytes_as_text(&whole));
}

/** Appends formatted text. */
SG_PRINTF(2, 3) static inline void sg_append_format(sg_builder *builder, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sg_append_text(builder, sg_vformat(format, arguments));
    va_end(arguments);
}

/** Closes an element of a list, a map, a fixed-size list or a struct, whose children were appended to. */
static inline void sg_append_element(sg_builder *builder) {
    const sg_field *field = builder->field;
    if (field->kind & SG_LISTS) sg_builder_offset(builder, builder->children[0].length);
    else if (!(field->kind & (SG_STRUCT | SG_FIXED_LIST))) sg_wrong_append(builder, "an element");
    size_t expected = ((size_t)builder->length + 1) * (field->kind == SG_FIXED_LIST ? (size_t)field->width : 1);
    bool fixed = !(field->kind & SG_LISTS);
    for (uint32_t child = 0; fixed && child < field->n_children; child++)
        if (builder->children[child].length != expected)
            sg_panic("child `%s` has %u values, %zu are needed", field->children[child]->name.data,
                     builder->children[child].length, expected);
    sg_builder_count(builder, true);
}

/* Adds the room of a value that is none: zeros, and in children of fixed number too. */
static inline void sg_builder_blank(sg_builder *builder, bool valid) {
    const sg_field *field = builder->field;
    sg_kind kind = field->kind;
    sg_text empty = {"", 0};
    size_t width = (size_t)(kind == SG_DICTIONARY ? sg_kind_width(field->index_kind) : field->width);
    size_t n_blanks = kind == SG_STRUCT ? 1 : kind == SG_FIXED_LIST ? (size_t)field->width : 0;
    if (kind == SG_BOOL) sg_builder_bit(builder, false);
    else if (kind & SG_BYTE_LIKE) sg_builder_offset(builder, builder->second.size);
    else if (kind & SG_LISTS) sg_builder_offset(builder, builder->children[0].length);
    else if (kind & SG_VIEWS) sg_builder_view(builder, empty);
    else if (!(kind & (SG_STRUCT | SG_FIXED_LIST | SG_NULL))) {
        sg_bytes_reserve(&builder->first, width);
        memset(builder->first.data + builder->first.size, 0, width);
        builder->first.size += width;
    }
    for (uint32_t child = 0; n_blanks && child < field->n_children; child++)
        for (size_t blank = 0; blank < n_blanks; blank++)
            sg_builder_blank(&builder->children[child], field->children[child]->kind != SG_DICTIONARY);
    sg_builder_count(builder, valid && kind != SG_NULL);
}

/** Appends a null. */
static inline void sg_append_null(sg_builder *builder) { sg_builder_blank(builder, false); }

/** Appends text, or null where `data` is NULL: what `sg_get` gave. */
static inline void sg_append_text_or_null(sg_builder *builder, sg_text text) {
    if (text.data) sg_append_text(builder, text);
    else sg_append_null(builder);
}

static inline uint64_t sg_hash(sg_text text) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t byte = 0; byte < text.size; byte++) hash = (hash ^ (uint8_t)text.data[byte]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

/* The bytes that tell a value of a dictionary from the others. */
static inline sg_text sg_key_bytes(const sg_builder *values, uint32_t index) {
    sg_array view = {values->field, values->length, 0, NULL, {values->first.data, 0}, {values->second.data, 0}, NULL, 0, NULL};
    sg_buffer data = {values->second.data, values->second.size};
    view.data = &data;
    if (values->field->kind & (SG_BYTE_LIKE | SG_VIEWS)) return sg_bytes_at(&view, index);
    sg_text raw = {(const char *)sg_raw_at(&view, index), (size_t)values->field->width};
    return raw;
}

static inline void sg_builder_rehash(sg_builder *builder) {
    sg_builder *values = &builder->children[0];
    if (builder->n_slots > 2 * (size_t)values->length) return;
    builder->n_slots = builder->n_slots ? 4 * builder->n_slots : 64;
    builder->slots = SG_NEW(uint32_t, builder->n_slots);
    for (uint32_t index = 0; index < values->length; index++) {
        if (values->null_count && !sg_bit(values->validity.data, index)) continue;
        size_t slot = sg_hash(sg_key_bytes(values, index)) & (builder->n_slots - 1);
        while (builder->slots[slot]) slot = (slot + 1) & (builder->n_slots - 1);
        builder->slots[slot] = index + 1;
    }
}

/* Appends the index of a value to a dictionary, and the value itself where it is new. */
static inline void sg_append_key(sg_builder *builder, sg_text value) {
    sg_builder *values = &builder->children[0];
    if (!(values->field->kind & (SG_BYTE_LIKE | SG_VIEWS)) && (size_t)values->field->width != value.size)
        sg_wrong_append(builder, "a value of another size");
    sg_builder_rehash(builder);
    size_t slot = sg_hash(value) & (builder->n_slots - 1);
    while (builder->slots[slot] && !sg_text_equal(sg_key_bytes(values, builder->slots[slot] - 1), value))
        slot = (slot + 1) & (builder->n_slots - 1);
    if (!builder->slots[slot]) {
        builder->slots[slot] = values->length + 1;
        if (values->field->kind & (SG_BYTE_LIKE | SG_VIEWS | SG_FIXED_BINARY)) sg_append_text(values, value);
        else sg_append_raw(values, value.data, value.size);
    }
    uint64_t index = builder->slots[slot] - 1;
    int32_t width = sg_kind_width(builder->field->index_kind);
    bool is_signed = builder->field->index_kind & (SG_INT8 | SG_INT16 | SG_INT32 | SG_INT64);
    if (width < 8 && index >> (8 * width - is_signed)) sg_wrong_append(builder, "more values than there are indices");
    sg_bytes_add(&builder->first, &index, (size_t)width);
    sg_builder_count(builder, true);
}

static inline void sg_append_from(sg_builder *builder, const sg_array *array, size_t row);

/* Makes the values of an array's dictionary those of the builder; false where it has others already. */
static inline bool sg_adopt(sg_builder *builder, const sg_array *values) {
    if (builder->adopted == values) return true;
    if (builder->children[0].length || builder->adopted) return false;
    builder->adopted = values;
    for (uint32_t index = 0; index < values->length; index++) sg_append_from(&builder->children[0], values, index);
    return true;
}

static inline void sg_adopt_all(sg_builder *builder, const sg_array *array) {
    if (array->field->kind == SG_DICTIONARY) sg_adopt(builder, &array->children[0]);
    else
        for (uint32_t child = 0; child < array->field->n_children; child++)
            sg_adopt_all(&builder->children[child], &array->children[child]);
}

/* Appends a copy of a value of a dictionary: its index where the values were adopted, else the value by its bytes. */
static inline void sg_append_entry(sg_builder *builder, const sg_array *array, size_t row) {
    const sg_array *values = &array->children[0];
    bool adopted = sg_adopt(builder, values);
    if (!sg_bit(array->validity, row) || (!adopted && sg_is_null(array, row))) {
        sg_append_null(builder);
        return;
    }
    uint64_t index = sg_index_at(array, row);
    sg_text raw = {NULL, (size_t)values->field->width};
    if (adopted) {
        sg_bytes_add(&builder->first, &index, (size_t)sg_kind_width(builder->field->index_kind));
        sg_builder_count(builder, true);
        return;
    }
    if (values->field->kind & (SG_BYTE_LIKE | SG_VIEWS)) raw = sg_bytes_at(array, row);
    else raw.data = (const char *)sg_raw_at(values, index);
    sg_append_key(builder, raw);
}

/** Appends a copy of a value of an array of the same type, nested or not. */
static inline void sg_append_from(sg_builder *builder, const sg_array *array, size_t row) {
    sg_kind kind = array->field->kind;
    if (kind == SG_DICTIONARY) sg_append_entry(builder, array, row);
    else if (sg_is_null(array, row)) sg_append_null(builder);
    else if (kind == SG_BOOL) sg_append_bool(builder, sg_bool_at(array, row));
    else if (kind & (SG_BYTE_LIKE | SG_VIEWS)) sg_append_text(builder, sg_bytes_at(array, row));
    else if (kind & (SG_LISTS | SG_FIXED_LIST)) {
        sg_range range = sg_elements(array, row);
        for (size_t at = range.start; at < range.end; at++) sg_append_from(&builder->children[0], &array->children[0], at);
        sg_append_element(builder);
    } else if (kind == SG_STRUCT) {
        for (uint32_t child = 0; child < array->field->n_children; child++)
            sg_append_from(&builder->children[child], &array->children[child], row);
        sg_append_element(builder);
    } else sg_append_raw(builder, sg_raw_at(array, row), (size_t)array->field->width);
}

static inline void sg_builder_array(const sg_builder *builder, sg_array *array) {
    memset(array, 0, sizeof *array);
    array->field = builder->field;
    array->length = builder->length;
    array->null_count = builder->null_count;
    if (builder->null_count) array->validity = builder->validity.data;
    array->first.data = builder->first.data;
    array->first.size = builder->first.size;
    sg_buffer *second = SG_NEW(sg_buffer, 1);
    second->data = builder->second.data;
    second->size = builder->second.size;
    if (builder->field->kind & SG_VIEWS) {
        array->data = second;
        array->n_data = second->size > 0;
    } else array->second = *second;
    array->children = SG_NEW(sg_array, builder->field->n_children);
    for (uint32_t child = 0; child < builder->field->n_children; child++)
        sg_builder_array(&builder->children[child], &array->children[child]);
}

/** The column. The builder is not to be appended to any more. */
static inline sg_array *sg_finish(const sg_builder *builder) {
    sg_array *array = SG_NEW(sg_array, 1);
    sg_builder_array(builder, array);
    return array;
}

#ifdef __cplusplus
}
#endif
#endif
