/*
 * Text, and the hints of errors about names.
 */
#ifndef SLUICEGATE_TEXT_H
#define SLUICEGATE_TEXT_H

#include <ctype.h>

#include "fault.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The text of a string that a zero ends. */
static inline sg_text sg_text_of(const char *string) {
    sg_text text = {string, string ? strlen(string) : 0};
    return text;
}

static inline bool sg_text_equal(sg_text a, sg_text b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool sg_text_is(sg_text text, const char *string) {
    return sg_text_equal(text, sg_text_of(string));
}

/** A copy in memory of the call that runs, ended by a zero. */
static inline sg_text sg_text_copy(sg_text text) {
    char *data = (char *)sg_alloc(text.size + 1);
    if (text.size) memcpy(data, text.data, text.size);
    data[text.size] = 0;
    sg_text copy = {data, text.size};
    return copy;
}

/** Adds text at the end. */
static inline void sg_bytes_text(sg_bytes *bytes, sg_text text) { sg_bytes_add(bytes, text.data, text.size); }

/** Adds formatted text at the end. */
SG_PRINTF(2, 3) static inline void sg_bytes_format(sg_bytes *bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sg_bytes_text(bytes, sg_vformat(format, arguments));
    va_end(arguments);
}

/** Adds text as a JSON string, quotes included. */
static inline void sg_bytes_json(sg_bytes *bytes, sg_text text) {
    sg_bytes_add(bytes, "\"", 1);
    for (size_t at = 0; at < text.size; at++) {
        unsigned char byte = (unsigned char)text.data[at];
        const char *found = strchr("\"\"\\\\\bb\ff\nn\rr\tt", byte);
        if (byte == '"' || byte == '\\') sg_bytes_format(bytes, "\\%c", byte);
        else if (byte < 0x20 && byte && found) sg_bytes_format(bytes, "\\%c", found[1]);
        else if (byte < 0x20) sg_bytes_format(bytes, "\\u%04x", byte);
        else sg_bytes_add(bytes, &byte, 1);
    }
    sg_bytes_add(bytes, "\"", 1);
}

/** Adds a number as JSON: the shortest digits that read back as the same, with a point where it is whole. */
static inline void sg_bytes_number(sg_bytes *bytes, double number) {
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, number);
        if (strtod(digits, NULL) == number) break;
    }
    sg_bytes_add(bytes, digits, strlen(digits));
    if (!strpbrk(digits, ".eni")) sg_bytes_add(bytes, ".0", 2);
}

static inline sg_text sg_bytes_as_text(const sg_bytes *bytes) {
    sg_text text = {(const char *)bytes->data, bytes->size};
    return text;
}

/* Room for the digits of any integer of 64 bits, and its sign. */
#define SG_DIGITS 20

/** The digits of an integer, at the end of `digits`. */
static inline sg_text sg_decimal(int64_t integer, char digits[SG_DIGITS]) {
    uint64_t rest = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    size_t at = SG_DIGITS;
    do digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (integer < 0) digits[--at] = '-';
    sg_text text = {digits + at, SG_DIGITS - at};
    return text;
}

/* How many letters to insert, drop, change or swap to make `b` of `a`, whatever their case. */
static inline size_t sg_distance(sg_text a, sg_text b) {
    size_t width = b.size + 1;
    size_t *rows = SG_NEW(size_t, 3 * width);
    for (size_t column = 0; column < width; column++) rows[column] = column;
    for (size_t i = 1; i <= a.size; i++) {
        size_t *row = rows + i % 3 * width, *above = rows + (i + 2) % 3 * width, *over = rows + (i + 1) % 3 * width;
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            int left = tolower((unsigned char)a.data[i - 1]), right = tolower((unsigned char)b.data[j - 1]);
            size_t best = above[j - 1] + (left != right);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && left == tolower((unsigned char)b.data[j - 2]) &&
                           right == tolower((unsigned char)a.data[i - 2]);
            if (swapped && over[j - 2] + 1 < best) best = over[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a.size % 3 * width + b.size];
}

/* At most this many names are listed in an error, so that a wide schema stays readable. */
#define SG_NAMES_MAX 40

/* Names what exists, and the nearest to `wanted`, for an error about a name that does not. */
static inline sg_text sg_names_hint(sg_text wanted, const sg_text *names, size_t n_names) {
    sg_bytes hint = {};
    size_t nearest = SIZE_MAX, best = 0;
    for (size_t name = 0; name < n_names; name++) {
        size_t distance = sg_distance(wanted, names[name]);
        if (distance < nearest) nearest = distance, best = name;
    }
    if (nearest <= 1 + wanted.size / 3) sg_bytes_format(&hint, "did you mean `%.*s`? ", SG_ARG(names[best]));
    sg_bytes_format(&hint, n_names ? "there are " : "there are none");
    for (size_t name = 0; name < n_names && name < SG_NAMES_MAX; name++)
        sg_bytes_format(&hint, "%s`%.*s`", name ? ", " : "", SG_ARG(names[name]));
    if (n_names > SG_NAMES_MAX) sg_bytes_format(&hint, " and %zu more", n_names - SG_NAMES_MAX);
    return sg_bytes_as_text(&hint);
}

#ifdef __cplusplus
}
#endif
#endif
