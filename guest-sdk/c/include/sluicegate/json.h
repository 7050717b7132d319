/*
 * JSON: what parameters come as.
 */
#ifndef SLUICEGATE_JSON_H
#define SLUICEGATE_JSON_H

#include "type.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sg_json_kind {
    SG_JSON_NULL,
    SG_JSON_BOOL,
    SG_JSON_NUMBER,
    SG_JSON_TEXT,
    SG_JSON_LIST,
    SG_JSON_OBJECT
} sg_json_kind;

typedef struct sg_json sg_json;

/** A value of JSON. */
struct sg_json {
    sg_json_kind kind;
    bool flag;         /* of a bool */
    sg_text text;      /* of a text, unescaped; the digits of a number; both ended by a zero */
    sg_text *names;    /* of an object's items */
    sg_json *items;    /* of a list or an object */
    size_t n_items;
};

/* What is still to read. */
typedef struct sg_json_reader {
    const char *at;
    const char *end;
    const char *error;
} sg_json_reader;

static inline void sg_json_space(sg_json_reader *in) {
    while (in->at < in->end && strchr(" \t\r\n", *in->at) && *in->at) in->at++;
}

static inline bool sg_json_take(sg_json_reader *in, const char *word) {
    size_t size = strlen(word);
    if ((size_t)(in->end - in->at) < size || memcmp(in->at, word, size) != 0) return false;
    in->at += size;
    return true;
}

static inline bool sg_json_fail(sg_json_reader *in, const char *error) {
    if (!in->error) in->error = error;
    return false;
}

static inline int32_t sg_json_hex(sg_json_reader *in) {
    int32_t value = 0;
    for (int digit = 0; digit < 4; digit++) {
        if (in->at == in->end || !isxdigit((unsigned char)*in->at)) return -1;
        int letter = tolower((unsigned char)*in->at++);
        value = value * 16 + (letter <= '9' ? letter - '0' : letter - 'a' + 10);
    }
    return value;
}

static inline void sg_bytes_utf8(sg_bytes *bytes, uint32_t c) {
    uint8_t out[4];
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t byte = size; byte-- > 1; c >>= 6) out[byte] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(lead[size] | c);
    sg_bytes_add(bytes, out, size);
}

static inline bool sg_json_escape(sg_json_reader *in, sg_bytes *out) {
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    char letter = in->at < in->end ? *in->at++ : 0;
    if (letter == 'u') {
        int32_t c = sg_json_hex(in);
        if (c >= 0xd800 && c < 0xdc00 && sg_json_take(in, "\\u")) {
            int32_t low = sg_json_hex(in);
            c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : -1;
        }
        if (c < 0 || (c >= 0xd800 && c < 0xe000)) return sg_json_fail(in, "a wrong \\u escape");
        sg_bytes_utf8(out, (uint32_t)c);
        return true;
    }
    for (size_t at = 0; letter && at + 1 < sizeof escapes; at += 2) {
        if (escapes[at] != letter) continue;
        sg_bytes_add(out, &escapes[at + 1], 1);
        return true;
    }
    return sg_json_fail(in, "a wrong escape");
}

static inline bool sg_json_string(sg_json_reader *in, sg_text *text) {
    sg_bytes out = {};
    if (!sg_json_take(in, "\"")) return sg_json_fail(in, "a text was expected");
    while (in->at < in->end && *in->at != '"') {
        char byte = *in->at++;
        if ((unsigned char)byte < 0x20) return sg_json_fail(in, "a control character in a text");
        if (byte != '\\') sg_bytes_add(&out, &byte, 1);
        else if (!sg_json_escape(in, &out)) return false;
    }
    if (!sg_json_take(in, "\"")) return sg_json_fail(in, "a text without an end");
    *text = sg_text_copy(sg_bytes_as_text(&out));
    return true;
}

static inline bool sg_json_number(sg_json_reader *in, sg_json *value) {
    const char *start = in->at;
    while (in->at < in->end && *in->at && strchr("+-.eE0123456789", *in->at)) in->at++;
    sg_text digits = {start, (size_t)(in->at - start)};
    value->kind = SG_JSON_NUMBER;
    value->text = sg_text_copy(digits);
    char *end;
    strtod(value->text.data, &end);
    return (digits.size && !*end) || sg_json_fail(in, "a value was expected");
}

static inline bool sg_json_value(sg_json_reader *in, sg_json *value, int depth);

/* The items of a list or an object behind its opening bracket. */
static inline bool sg_json_items(sg_json_reader *in, sg_json *value, int depth) {
    sg_bytes items = {}, names = {};
    const char *close = value->kind == SG_JSON_LIST ? "]" : "}";
    sg_json_space(in);
    bool more = !sg_json_take(in, close);
    while (more) {
        sg_text name = {0, 0};
        sg_json item;
        sg_json_space(in);
        if (value->kind == SG_JSON_OBJECT) {
            if (!sg_json_string(in, &name)) return false;
            sg_json_space(in);
            if (!sg_json_take(in, ":")) return sg_json_fail(in, "a `:` was expected");
        }
        if (!sg_json_value(in, &item, depth + 1)) return false;
        sg_bytes_add(&names, &name, sizeof name);
        sg_bytes_add(&items, &item, sizeof item);
        value->n_items++;
        sg_json_space(in);
        more = sg_json_take(in, ",");
        if (!more && !sg_json_take(in, close)) return sg_json_fail(in, "a `,` or a closing bracket was expected");
    }
    value->items = (sg_json *)(void *)items.data;
    value->names = (sg_text *)(void *)names.data;
    return true;
}

static inline bool sg_json_value(sg_json_reader *in, sg_json *value, int depth) {
    memset(value, 0, sizeof *value);
    if (depth > SG_DEPTH_MAX) return sg_json_fail(in, "it is nested too deeply");
    sg_json_space(in);
    if (sg_json_take(in, "null")) return true;
    value->kind = SG_JSON_BOOL;
    value->flag = sg_json_take(in, "true");
    if (value->flag || sg_json_take(in, "false")) return true;
    if (in->at < in->end && *in->at == '"') {
        value->kind = SG_JSON_TEXT;
        return sg_json_string(in, &value->text);
    }
    bool list = sg_json_take(in, "[");
    if (list || sg_json_take(in, "{")) {
        value->kind = list ? SG_JSON_LIST : SG_JSON_OBJECT;
        return sg_json_items(in, value, depth);
    }
    return sg_json_number(in, value);
}

/** Parses a JSON document; on failure false, with a reason. */
static inline bool sg_json_parse(sg_text json, sg_json *value, const char **error) {
    sg_json_reader in = {json.data, json.data + json.size, NULL};
    bool good = sg_json_value(&in, value, 0);
    sg_json_space(&in);
    if (good && in.at != in.end) good = sg_json_fail(&in, "something follows the value");
    *error = in.error;
    return good;
}

/** The item of an object by name, the last where there are several; NULL where there is none. */
static inline const sg_json *sg_json_get(const sg_json *object, const char *name) {
    for (size_t item = object->kind == SG_JSON_OBJECT ? object->n_items : 0; item-- > 0;)
        if (sg_text_is(object->names[item], name)) return &object->items[item];
    return NULL;
}

/* A number as an integer; false where it is none, or out of range. */
static inline bool sg_json_integer(const sg_json *value, int64_t *integer) {
    if (value->kind != SG_JSON_NUMBER || strpbrk(value->text.data, ".eE")) return false;
    char *end;
    unsigned long long magnitude = strtoull(value->text.data + (*value->text.data == '-'), &end, 10);
    bool negative = *value->text.data == '-';
    if (*end || value->text.size > 20 || magnitude > (unsigned long long)INT64_MAX + negative) return false;
    *integer = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

#ifdef __cplusplus
}
#endif
#endif
