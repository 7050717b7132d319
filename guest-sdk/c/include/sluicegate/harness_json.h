/*
 * Schemas, rows and values as text, for the harness.
 */
#ifndef SLUICEGATE_HARNESS_JSON_H
#define SLUICEGATE_HARNESS_JSON_H

#include "../sluicegate.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline const sg_field **sg_test_fields(const char **schema, uint32_t *n_fields);

/* One field: `name:format`, with children and `!` behind it. */
static inline const sg_field *sg_test_field(const char **schema) {
    const char *colon = strchr(*schema, ':');
    sg_check(colon != NULL);
    sg_text name = {*schema, (size_t)(colon - *schema)};
    size_t size = strcspn(colon + 1, " ()!=");
    sg_text format = {colon + 1, size};
    const char *at = colon + 1 + size;
    bool dictionary = *at == '=';
    const sg_field **children = NULL;
    uint32_t n_children = 0;
    at += dictionary;
    if (*at == '(') {
        at++;
        children = sg_test_fields(&at, &n_children);
        sg_check(*at == ')');
        at++;
    }
    bool nullable = *at != '!';
    *schema = at + !nullable;
    const char *text = sg_text_copy(format).data;
    const sg_field *field = dictionary ? sg_field_dictionary(name, text, nullable, children[0])
                                       : sg_field_new(name, text, nullable, n_children, children);
    if (!field) sg_panic("format `%s` of column `%.*s` is not known", text, SG_ARG(name));
    return field;
}

static inline const sg_field **sg_test_fields(const char **schema, uint32_t *n_fields) {
    sg_bytes fields = {};
    while (**schema == ' ') ++*schema;
    while (**schema && **schema != ')') {
        const sg_field *field = sg_test_field(schema);
        sg_bytes_add(&fields, &field, sizeof field);
        while (**schema == ' ') ++*schema;
    }
    *n_fields = (uint32_t)(fields.size / sizeof(const sg_field *));
    return (const sg_field **)(void *)fields.data;
}

/* The unscaled value of a decimal's digits. */
static inline __int128 sg_test_decimal(sg_text digits, int32_t scale) {
    __int128 value = 0;
    int32_t n_fraction = -1;
    for (size_t at = 0; at < digits.size; at++) {
        if (digits.data[at] == '.') n_fraction = 0;
        if (!isdigit((unsigned char)digits.data[at])) continue;
        value = value * 10 + (digits.data[at] - '0');
        if (n_fraction >= 0) n_fraction++;
    }
    for (int32_t place = n_fraction < 0 ? 0 : n_fraction; place < scale; place++) value *= 10;
    return digits.size && digits.data[0] == '-' ? -value : value;
}

static inline uint16_t sg_test_half(double number) {
    for (uint32_t half = 0; half < 0x10000; half++)
        if ((half & 0x7c00) != 0x7c00 && sg_half_to_float((uint16_t)half) == number) return (uint16_t)half;
    sg_panic("%g is no float of 16 bits", number);
}

static inline void sg_test_number(sg_builder *builder, const sg_json *json) {
    const sg_field *field = builder->field;
    double number = strtod(json->text.data, NULL);
    float single = (float)number;
    uint16_t half;
    uint8_t bytes[32];
    sg_check(json->kind == SG_JSON_NUMBER);
    if (field->kind == SG_FLOAT64) sg_append_f64(builder, number);
    else if (field->kind == SG_FLOAT32) sg_append_f32(builder, single);
    else if (field->kind == SG_FLOAT16) half = sg_test_half(number), sg_append_u16(builder, half);
    else {
        __int128 value = sg_test_decimal(json->text, field->precision ? field->scale : 0);
        memset(bytes, value < 0 ? 0xff : 0, sizeof bytes);
        memcpy(bytes, &value, sizeof value);
        sg_append_raw(builder, bytes, (size_t)field->width);
    }
}

static inline sg_text sg_test_unhex(sg_text hex) {
    sg_bytes bytes = {};
    sg_bytes_reserve(&bytes, 1);
    for (size_t at = 0; at + 1 < hex.size; at += 2) {
        char pair[3] = {hex.data[at], hex.data[at + 1], 0};
        uint8_t byte = (uint8_t)strtol(pair, NULL, 16);
        sg_bytes_add(&bytes, &byte, 1);
    }
    return sg_bytes_as_text(&bytes);
}

/* The parts of an interval: days and milliseconds, or months, days and nanoseconds. */
static inline void sg_test_interval(sg_builder *builder, const sg_json *json) {
    int32_t parts[4] = {0};
    for (size_t part = 0; part < json->n_items; part++) {
        int64_t value = (int64_t)sg_test_decimal(json->items[part].text, 0);
        memcpy(parts + part, &value, part == 2 ? 8 : 4);
    }
    sg_append_raw(builder, parts, (size_t)builder->field->width);
}

/* Appends a value of JSON. */
static inline void sg_test_append(sg_builder *builder, const sg_json *json) {
    const sg_field *field = builder->field;
    if (json->kind == SG_JSON_NULL) sg_append_null(builder);
    else if (field->kind == SG_BOOL) sg_append_bool(builder, json->flag);
    else if (field->kind & (SG_UTF8 | SG_LARGE_UTF8 | SG_UTF8_VIEW)) sg_append_text(builder, json->text);
    else if (field->kind & SG_BLOBS) sg_append_text(builder, sg_test_unhex(json->text));
    else if (field->kind == SG_DICTIONARY) {
        sg_builder *value = sg_builder_new(field->children[0], 1);
        sg_test_append(value, json);
        sg_append_key(builder, sg_key_bytes(value, 0));
    } else if (field->kind & (SG_LISTS | SG_FIXED_LIST)) {
        for (size_t item = 0; item < json->n_items; item++) sg_test_append(&builder->children[0], &json->items[item]);
        sg_append_element(builder);
    } else if (field->kind == SG_STRUCT) {
        static const sg_json null = {};
        for (uint32_t child = 0; child < field->n_children; child++) {
            const sg_json *value = sg_json_get(json, field->children[child]->name.data);
            sg_test_append(&builder->children[child], value ? value : &null);
        }
        sg_append_element(builder);
    } else if (field->kind & (SG_INTERVAL_DAYS | SG_INTERVAL_NANOS)) sg_test_interval(builder, json);
    else sg_test_number(builder, json);
}

/* The columns of rows that are given as a JSON list each. */
static inline sg_array *sg_test_rows(const sg_field **fields, uint32_t n_fields, const char *rows, uint32_t *n_rows) {
    sg_json_reader in = {rows, rows + strlen(rows), NULL};
    sg_builder **builders = SG_NEW(sg_builder *, n_fields);
    for (uint32_t field = 0; field < n_fields; field++) builders[field] = sg_builder_new(fields[field], 8);
    *n_rows = 0;
    for (sg_json_space(&in); in.at < in.end; sg_json_space(&in), ++*n_rows) {
        sg_json row;
        if (!sg_json_value(&in, &row, 0)) sg_panic("row %u is no JSON: %s", *n_rows, in.error);
        if (row.n_items != n_fields) sg_panic("row %u has %zu values for %u columns", *n_rows, row.n_items, n_fields);
        for (uint32_t field = 0; field < n_fields; field++) sg_test_append(builders[field], &row.items[field]);
    }
    sg_array *columns = SG_NEW(sg_array, n_fields + 1);
    for (uint32_t field = 0; field < n_fields; field++) columns[field] = *sg_finish(builders[field]);
    return columns;
}

/* Adds an integer of up to 128 bits with a point before its last `scale` digits. */
static inline void sg_bytes_decimal(sg_bytes *bytes, __int128 value, int32_t scale) {
    char digits[48];
    size_t at = sizeof digits;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    int32_t n_digits = 0;
    do {
        if (n_digits && n_digits == scale) digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (++n_digits <= scale || rest);
    if (value < 0) digits[--at] = '-';
    sg_bytes_add(bytes, digits + at, sizeof digits - at);
}

static inline void sg_bytes_scalar(sg_bytes *bytes, const sg_array *array, size_t row) {
    const sg_field *field = array->field;
    int32_t parts[4] = {0};
    int64_t nanos;
    if (field->kind & (SG_FLOAT16 | SG_FLOAT32 | SG_FLOAT64)) sg_bytes_number(bytes, sg_f64_at(array, row));
    else if (field->kind == SG_UINT64) sg_bytes_format(bytes, "%llu", (unsigned long long)sg_i64_at(array, row));
    else if (field->kind & (SG_INTERVAL_DAYS | SG_INTERVAL_NANOS)) {
        memcpy(parts, sg_raw_at(array, row), (size_t)field->width);
        memcpy(&nanos, parts + 2, 8);
        sg_bytes_format(bytes, "[%d,%d", parts[0], parts[1]);
        if (field->kind == SG_INTERVAL_NANOS) sg_bytes_format(bytes, ",%lld", (long long)nanos);
        sg_bytes_format(bytes, "]");
    } else if (field->kind == SG_DECIMAL256) {
        __int128 low;
        memcpy(&low, sg_raw_at(array, row), sizeof low);
        sg_bytes_decimal(bytes, low, field->scale);
    } else sg_bytes_decimal(bytes, sg_i128_at(array, row), field->scale);
}

/* Adds a value as JSON. */
static inline void sg_bytes_value(sg_bytes *bytes, const sg_array *array, size_t row) {
    const sg_field *field = array->field;
    if (sg_is_null(array, row)) sg_bytes_format(bytes, "null");
    else if (field->kind == SG_BOOL) sg_bytes_format(bytes, sg_bool_at(array, row) ? "true" : "false");
    else if (field->kind == SG_DICTIONARY) sg_bytes_value(bytes, &array->children[0], sg_index_at(array, row));
    else if (field->kind & (SG_UTF8 | SG_LARGE_UTF8 | SG_UTF8_VIEW)) sg_bytes_json(bytes, sg_bytes_at(array, row));
    else if (field->kind & SG_BLOBS) {
        sg_text blob = sg_bytes_at(array, row);
        sg_bytes_format(bytes, "\"");
        for (size_t at = 0; at < blob.size; at++) sg_bytes_format(bytes, "%02x", (uint8_t)blob.data[at]);
        sg_bytes_format(bytes, "\"");
    } else if (field->kind & (SG_LISTS | SG_FIXED_LIST)) {
        sg_range range = sg_elements(array, row);
        for (size_t at = range.start; at < range.end; at++) {
            sg_bytes_format(bytes, at == range.start ? "[" : ",");
            sg_bytes_value(bytes, &array->children[0], at);
        }
        sg_bytes_format(bytes, range.start == range.end ? "[]" : "]");
    } else if (field->kind == SG_STRUCT) {
        for (uint32_t child = 0; child < field->n_children; child++) {
            sg_bytes_format(bytes, child ? "," : "{");
            sg_bytes_json(bytes, field->children[child]->name);
            sg_bytes_format(bytes, ":");
            sg_bytes_value(bytes, &array->children[child], row);
        }
        sg_bytes_format(bytes, "}");
    } else sg_bytes_scalar(bytes, array, row);
}

#ifdef __cplusplus
}
#endif
#endif
