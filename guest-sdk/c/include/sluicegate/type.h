/*
 * Types and fields.
 *
 * A kind is a bit, so that a set of kinds is an OR of them: `SG_TIMESTAMP | SG_INT64`. What a kind leaves open (zone,
 * precision, width, children) is in the field, as is the format string of the Arrow C data interface.
 */
#ifndef SLUICEGATE_TYPE_H
#define SLUICEGATE_TYPE_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A kind of type, or a set of them. */
typedef uint64_t sg_kind;

#define SG_NULL (1ull << 0)
#define SG_BOOL (1ull << 1)
#define SG_INT8 (1ull << 2)
#define SG_INT16 (1ull << 3)
#define SG_INT32 (1ull << 4)
#define SG_INT64 (1ull << 5)
#define SG_UINT8 (1ull << 6)
#define SG_UINT16 (1ull << 7)
#define SG_UINT32 (1ull << 8)
#define SG_UINT64 (1ull << 9)
#define SG_FLOAT16 (1ull << 10)
#define SG_FLOAT32 (1ull << 11)
#define SG_FLOAT64 (1ull << 12)
#define SG_DECIMAL32 (1ull << 13)
#define SG_DECIMAL64 (1ull << 14)
#define SG_DECIMAL128 (1ull << 15)
#define SG_DECIMAL256 (1ull << 16)
#define SG_DATE32 (1ull << 17)
#define SG_DATE64 (1ull << 18)
#define SG_TIME32 (1ull << 19)
#define SG_TIME64 (1ull << 20)
#define SG_TIMESTAMP (1ull << 21)
#define SG_DURATION (1ull << 22)
#define SG_INTERVAL_MONTHS (1ull << 23)
#define SG_INTERVAL_DAYS (1ull << 24)
#define SG_INTERVAL_NANOS (1ull << 25)
#define SG_UTF8 (1ull << 26)
#define SG_LARGE_UTF8 (1ull << 27)
#define SG_UTF8_VIEW (1ull << 28)
#define SG_BINARY (1ull << 29)
#define SG_LARGE_BINARY (1ull << 30)
#define SG_BINARY_VIEW (1ull << 31)
#define SG_FIXED_BINARY (1ull << 32)
#define SG_LIST (1ull << 33)
#define SG_LARGE_LIST (1ull << 34)
#define SG_FIXED_LIST (1ull << 35)
#define SG_STRUCT (1ull << 36)
#define SG_MAP (1ull << 37)
#define SG_DICTIONARY (1ull << 38)

/** Integers that fit into 64 bits with a sign. */
#define SG_INTEGERS                                                                                \
    (SG_INT8 | SG_INT16 | SG_INT32 | SG_INT64 | SG_UINT8 | SG_UINT16 | SG_UINT32 | SG_NULL)
/** What can be seen as a float of 64 bits. */
#define SG_NUMBERS                                                                                 \
    (SG_INTEGERS | SG_UINT64 | SG_FLOAT16 | SG_FLOAT32 | SG_FLOAT64 | SG_DECIMAL32 | SG_DECIMAL64 | SG_DECIMAL128)
#define SG_INTEGER_KINDS ((SG_INTEGERS | SG_UINT64) & ~SG_NULL)
/** Text in every layout; also a dictionary of text. */
#define SG_TEXTS (SG_UTF8 | SG_LARGE_UTF8 | SG_UTF8_VIEW | SG_NULL)
/** Bytes in every layout; also a dictionary of bytes. */
#define SG_BLOBS (SG_BINARY | SG_LARGE_BINARY | SG_BINARY_VIEW | SG_FIXED_BINARY | SG_NULL)
/** Every type of the contract. */
#define SG_ANY ((1ull << 39) - 1)

#define SG_VIEWS (SG_UTF8_VIEW | SG_BINARY_VIEW)
#define SG_OFFSETS32 (SG_UTF8 | SG_BINARY | SG_LIST | SG_MAP)
#define SG_OFFSETS64 (SG_LARGE_UTF8 | SG_LARGE_BINARY | SG_LARGE_LIST)
#define SG_BYTE_LIKE (SG_UTF8 | SG_LARGE_UTF8 | SG_BINARY | SG_LARGE_BINARY)
#define SG_LISTS (SG_LIST | SG_LARGE_LIST | SG_MAP)

/** Whether a column may hold nulls. */
enum { SG_NOT_NULL, SG_NULLABLE };

typedef struct sg_field sg_field;

/** A column's name and type, or those of a child of a nested type. */
struct sg_field {
    sg_text name;       /* ended by a zero */
    const char *format; /* of the Arrow C data interface; that of the indices where it is a dictionary */
    sg_kind kind;
    sg_kind index_kind; /* of a dictionary */
    bool nullable;
    int32_t width; /* bytes of a value; of a fixed-size list, its values; 0 where neither is fixed */
    int32_t precision;
    int32_t scale;
    char unit; /* 's', 'm', 'u' or 'n' of times, timestamps and durations; else 0 */
    const sg_field **children; /* a dictionary's only child are its values */
    uint32_t n_children;
    const sg_pair *metadata;
    size_t n_metadata;
};

typedef struct sg_simple_type {
    const char *format;
    sg_kind kind;
    int32_t width;
    const char *name;
} sg_simple_type;

/* The types that a format string names without parameters. */
static const sg_simple_type sg_simple_types[] = {
    {"n", SG_NULL, 0, "Null"},
    {"b", SG_BOOL, 0, "Boolean"},
    {"c", SG_INT8, 1, "Int8"},
    {"s", SG_INT16, 2, "Int16"},
    {"i", SG_INT32, 4, "Int32"},
    {"l", SG_INT64, 8, "Int64"},
    {"C", SG_UINT8, 1, "UInt8"},
    {"S", SG_UINT16, 2, "UInt16"},
    {"I", SG_UINT32, 4, "UInt32"},
    {"L", SG_UINT64, 8, "UInt64"},
    {"e", SG_FLOAT16, 2, "Float16"},
    {"f", SG_FLOAT32, 4, "Float32"},
    {"g", SG_FLOAT64, 8, "Float64"},
    {"tdD", SG_DATE32, 4, "Date32"},
    {"tdm", SG_DATE64, 8, "Date64"},
    {"tts", SG_TIME32, 4, "Time32(s)"},
    {"ttm", SG_TIME32, 4, "Time32(ms)"},
    {"ttu", SG_TIME64, 8, "Time64(us)"},
    {"ttn", SG_TIME64, 8, "Time64(ns)"},
    {"tDs", SG_DURATION, 8, "Duration(s)"},
    {"tDm", SG_DURATION, 8, "Duration(ms)"},
    {"tDu", SG_DURATION, 8, "Duration(us)"},
    {"tDn", SG_DURATION, 8, "Duration(ns)"},
    {"tiM", SG_INTERVAL_MONTHS, 4, "Interval(YearMonth)"},
    {"tiD", SG_INTERVAL_DAYS, 8, "Interval(DayTime)"},
    {"tin", SG_INTERVAL_NANOS, 16, "Interval(MonthDayNano)"},
    {"u", SG_UTF8, 0, "Utf8"},
    {"U", SG_LARGE_UTF8, 0, "LargeUtf8"},
    {"vu", SG_UTF8_VIEW, 16, "Utf8View"},
    {"z", SG_BINARY, 0, "Binary"},
    {"Z", SG_LARGE_BINARY, 0, "LargeBinary"},
    {"vz", SG_BINARY_VIEW, 16, "BinaryView"},
    {"+l", SG_LIST, 0, "List"},
    {"+L", SG_LARGE_LIST, 0, "LargeList"},
    {"+s", SG_STRUCT, 0, "Struct"},
    {"+m", SG_MAP, 0, "Map"},
};
#define SG_N_SIMPLE_TYPES (sizeof sg_simple_types / sizeof *sg_simple_types)

/* Reads a decimal's "precision,scale[,bits]". */
static inline bool sg_parse_decimal(sg_field *field, const char *digits) {
    char *end;
    long precision = strtol(digits, &end, 10);
    if (end == digits || *end != ',') return false;
    long scale = strtol(end + 1, &end, 10), bits = 128;
    if (*end == ',') bits = strtol(end + 1, &end, 10);
    if (*end) return false;
    field->precision = (int32_t)precision;
    field->scale = (int32_t)scale;
    field->width = (int32_t)(bits / 8);
    field->kind = bits == 32    ? SG_DECIMAL32
                  : bits == 64  ? SG_DECIMAL64
                  : bits == 128 ? SG_DECIMAL128
                  : bits == 256 ? SG_DECIMAL256
                                : 0;
    return field->kind != 0;
}

/* Sets what a field's format says; false where it is not known. */
static inline bool sg_parse_format(sg_field *field) {
    const char *format = field->format;
    for (size_t type = 0; type < SG_N_SIMPLE_TYPES; type++) {
        if (strcmp(format, sg_simple_types[type].format) != 0) continue;
        field->kind = sg_simple_types[type].kind;
        field->width = sg_simple_types[type].width;
        if (field->kind & (SG_TIME32 | SG_TIME64 | SG_DURATION)) field->unit = format[2];
        return true;
    }
    char *end;
    bool list = strncmp(format, "+w:", 3) == 0;
    if (list || strncmp(format, "w:", 2) == 0) {
        long width = strtol(format + 2 + list, &end, 10);
        field->kind = list ? SG_FIXED_LIST : SG_FIXED_BINARY;
        field->width = (int32_t)width;
        return !*end && width >= 0 && width <= INT32_MAX;
    }
    if (strncmp(format, "d:", 2) == 0) return sg_parse_decimal(field, format + 2);
    if (strncmp(format, "ts", 2) == 0 && format[2] && strchr("smun", format[2]) && format[3] == ':') {
        field->kind = SG_TIMESTAMP;
        field->width = 8;
        field->unit = format[2];
        return true;
    }
    return false;
}

/* Bytes of an index of a dictionary. */
static inline int32_t sg_kind_width(sg_kind kind) {
    for (size_t type = 0; type < SG_N_SIMPLE_TYPES; type++)
        if (sg_simple_types[type].kind == kind) return sg_simple_types[type].width;
    return 0;
}

/* The format of a kind that has no parameters; NULL for others. */
static inline const char *sg_kind_format(sg_kind kind) {
    for (size_t type = 0; type < SG_N_SIMPLE_TYPES; type++) {
        bool open = kind & (SG_TIME32 | SG_TIME64 | SG_DURATION | SG_LIST | SG_LARGE_LIST | SG_STRUCT | SG_MAP);
        if (sg_simple_types[type].kind == kind && !open) return sg_simple_types[type].format;
    }
    return NULL;
}

/** The zone of a timestamp; empty where it has none. */
static inline const char *sg_zone(const sg_field *field) { return field->kind == SG_TIMESTAMP ? field->format + 4 : ""; }

/** A field of a format string and children; NULL where the format is not known. */
static inline sg_field *sg_field_new(sg_text name, const char *format, bool nullable, uint32_t n_children,
                                     const sg_field *const *children) {
    sg_field *field = SG_NEW(sg_field, 1);
    field->name = sg_text_copy(name);
    field->format = sg_text_copy(sg_text_of(format)).data;
    field->nullable = nullable;
    field->n_children = n_children;
    field->children = SG_NEW(const sg_field *, n_children);
    if (n_children) memcpy(field->children, children, n_children * sizeof *children);
    bool one = field->n_children == 1;
    if (!sg_parse_format(field)) return NULL;
    if ((field->kind & (SG_LISTS | SG_FIXED_LIST)) && !one) return NULL;
    if (field->kind == SG_MAP && field->children[0]->kind != SG_STRUCT) return NULL;
    return field;
}

/** A dictionary of `values`, with indices of an integer kind. */
static inline sg_field *sg_field_dictionary(sg_text name, const char *format, bool nullable, const sg_field *values) {
    sg_field *field = sg_field_new(name, format, nullable, 1, &values);
    if (!field || !(field->kind & SG_INTEGER_KINDS)) return NULL;
    field->index_kind = field->kind;
    field->kind = SG_DICTIONARY;
    return field;
}

/** A field of the type of another, under a name of its own, without metadata. */
static inline const sg_field *sg_field_like(const sg_field *field, sg_text name, bool nullable) {
    sg_field *copy = SG_NEW(sg_field, 1);
    *copy = *field;
    copy->name = sg_text_copy(name);
    copy->nullable = nullable;
    copy->metadata = NULL;
    copy->n_metadata = 0;
    return copy;
}

static inline void sg_type_words(sg_bytes *words, const sg_field *field) {
    if (field->kind == SG_DICTIONARY) {
        for (size_t type = 0; type < SG_N_SIMPLE_TYPES; type++)
            if (sg_simple_types[type].kind == field->index_kind)
                sg_bytes_format(words, "Dictionary(%s, ", sg_simple_types[type].name);
        sg_type_words(words, field->children[0]);
        sg_bytes_format(words, ")");
        return;
    }
    const char *name = "?";
    for (size_t type = 0; type < SG_N_SIMPLE_TYPES; type++)
        if (strcmp(field->format, sg_simple_types[type].format) == 0) name = sg_simple_types[type].name;
    if (field->precision) sg_bytes_format(words, "Decimal%d(%d, %d)", field->width * 8, field->precision, field->scale);
    else if (field->kind == SG_TIMESTAMP) {
        if (field->unit == 's') sg_bytes_format(words, "Timestamp(s");
        else sg_bytes_format(words, "Timestamp(%cs", field->unit);
        sg_bytes_format(words, *sg_zone(field) ? ", \"%s\")" : "%s)", sg_zone(field));
    } else if (field->kind == SG_FIXED_BINARY) sg_bytes_format(words, "FixedSizeBinary(%d)", field->width);
    else if (field->kind == SG_FIXED_LIST) sg_bytes_format(words, "FixedSizeList(%d x ", field->width);
    else sg_bytes_format(words, field->n_children ? "%s(" : "%s", name);
    for (uint32_t child = 0; child < field->n_children; child++) {
        if (child) sg_bytes_format(words, ", ");
        if (field->kind == SG_STRUCT) sg_bytes_format(words, "\"%.*s\": ", SG_ARG(field->children[child]->name));
        sg_type_words(words, field->children[child]);
    }
    if (field->n_children) sg_bytes_format(words, ")");
}

/** The type in words, for messages: `Timestamp(ms, "UTC")`. */
static inline sg_text sg_type_name(const sg_field *field) {
    sg_bytes words = {};
    sg_type_words(&words, field);
    return sg_bytes_as_text(&words);
}

/** Whether two fields have the same type, whatever their names. */
static inline bool sg_type_equal(const sg_field *a, const sg_field *b) {
    if (a == b) return true;
    if (a->kind != b->kind || strcmp(a->format, b->format) != 0 || a->n_children != b->n_children) return false;
    for (uint32_t child = 0; child < a->n_children; child++)
        if (!sg_type_equal(a->children[child], b->children[child])) return false;
    return true;
}

/* Whether a field is of a kind among `kinds`; a dictionary is what its values are, too. */
static inline bool sg_accepts(sg_kind kinds, const sg_field *field) {
    if (kinds & field->kind) return true;
    bool seen_through = (kinds & SG_TEXTS) == SG_TEXTS || (kinds & SG_BLOBS) == SG_BLOBS;
    const sg_field *values = field->kind == SG_DICTIONARY ? field->children[0] : field;
    return seen_through && values != field && values->kind != SG_DICTIONARY && (kinds & values->kind);
}

/* A set of kinds in words, for messages: `a timestamp or Int64`. */
static inline sg_text sg_kinds_name(sg_kind kinds) {
    if (kinds == SG_ANY) return sg_text_of("any type");
    static const struct {
        sg_kind kinds;
        const char *name;
    } sets[] = {{SG_NUMBERS, "a number"},   {SG_INTEGERS, "an integer"}, {SG_TEXTS, "text"},
                {SG_BLOBS, "bytes"},        {SG_TIMESTAMP, "a timestamp"}, {SG_TIME32, "Time32"},
                {SG_TIME64, "Time64"},      {SG_DURATION, "a duration"}, {SG_DECIMAL32, "Decimal32"},
                {SG_DECIMAL64, "Decimal64"}, {SG_DECIMAL128, "Decimal128"}, {SG_DECIMAL256, "Decimal256"},
                {SG_FIXED_BINARY, "FixedSizeBinary"}, {SG_FIXED_LIST, "FixedSizeList"}, {SG_DICTIONARY, "a dictionary"}};
    sg_bytes words = {};
    for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
        if ((kinds & sets[set].kinds) != sets[set].kinds) continue;
        sg_bytes_format(&words, "%s%s", words.size ? " or " : "", sets[set].name);
        kinds &= ~sets[set].kinds;
    }
    for (size_t type = 0; type < SG_N_SIMPLE_TYPES; type++) {
        if (!(kinds & sg_simple_types[type].kind)) continue;
        sg_bytes_format(&words, "%s%s", words.size ? " or " : "", sg_simple_types[type].name);
        kinds &= ~sg_simple_types[type].kind;
    }
    return sg_bytes_as_text(&words);
}

/* Nested deeper than this a schema is refused, so that recursion has an end. */
#define SG_DEPTH_MAX 64

/* The next field of a schema in pre-order; on failure NULL, with a message. */
static inline const sg_field *sg_field_from_wire(const sg_wire_field **next, const sg_wire_field *end, int depth) {
    if (*next == end || depth > SG_DEPTH_MAX) {
        sg_invalid(*next == end ? "a field lacks children" : "the schema is nested too deeply");
        return NULL;
    }
    const sg_wire_field *wire = (*next)++;
    const sg_field **children = SG_NEW(const sg_field *, wire->n_children);
    for (uint32_t child = 0; child < wire->n_children; child++)
        if (!(children[child] = sg_field_from_wire(next, end, depth + 1))) return NULL;
    const char *format = sg_text_copy(wire->format).data;
    sg_field *field = wire->dictionary && wire->n_children == 1
                          ? sg_field_dictionary(wire->name, format, wire->nullable, children[0])
                          : sg_field_new(wire->name, format, wire->nullable, wire->n_children, children);
    if (!field) {
        sg_invalid("column `%.*s`: type format `%s` is not known", SG_ARG(wire->name), format);
        return NULL;
    }
    field->metadata = wire->metadata;
    field->n_metadata = wire->n_metadata;
    return field;
}

static inline void sg_field_to_wire(const sg_field *field, sg_bytes *wire) {
    sg_wire_field flat = {field->name,
                          sg_text_of(field->format),
                          field->nullable,
                          field->kind == SG_DICTIONARY,
                          field->n_children,
                          (sg_pair *)field->metadata,
                          field->n_metadata};
    sg_bytes_add(wire, &flat, sizeof flat);
    for (uint32_t child = 0; child < field->n_children; child++) sg_field_to_wire(field->children[child], wire);
}

#ifdef __cplusplus
}
#endif
#endif
