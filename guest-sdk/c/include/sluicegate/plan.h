/*
 * Parameters, and what a transform will do with every batch.
 *
 * All calls of a bind can be chained without looking at each result: the first mistake is kept and ends the bind.
 */
#ifndef SLUICEGATE_PLAN_H
#define SLUICEGATE_PLAN_H

#include "json.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The parameters that an application set. Those that a bind does not ask for are refused as unknown. */
typedef struct sg_params {
    sg_json object;
    sg_bytes asked; /* sg_text: the names that exist */
    bool is_missing; /* whether the mistake is that one is missing */
    sg_text mistake;
} sg_params;

static inline void sg_params_fail(sg_params *params, bool is_missing, sg_text mistake) {
    if (params->mistake.data) return;
    params->mistake = mistake;
    params->is_missing = is_missing;
}

/** A parameter as it is; NULL where it is not set. */
static inline const sg_json *sg_param(sg_params *params, const char *name) {
    sg_text text = sg_text_of(name);
    sg_bytes_add(&params->asked, &text, sizeof text);
    const sg_json *value = sg_json_get(&params->object, name);
    return value && value->kind != SG_JSON_NULL ? value : NULL;
}

static inline bool sg_param_is(sg_params *params, const char *name, const sg_json *value, bool is, const char *expected) {
    static const char *const words[] = {"null", "a bool", "a number", "text", "a list", "an object"};
    if (is) return true;
    sg_text found = sg_text_of(words[value->kind]);
    if (value->kind == SG_JSON_NUMBER) found = value->text;
    if (value->kind == SG_JSON_BOOL) found = sg_text_of(value->flag ? "true" : "false");
    if (value->kind == SG_JSON_TEXT) found = sg_format("the text \"%.*s\"", SG_ARG(value->text));
    sg_params_fail(params, false, sg_format("parameter `%s`: %.*s, expected %s", name, SG_ARG(found), expected));
    return false;
}

/** A number; `fallback` where it is not set. */
static inline double sg_param_float(sg_params *params, const char *name, double fallback) {
    const sg_json *value = sg_param(params, name);
    bool is = value && sg_param_is(params, name, value, value->kind == SG_JSON_NUMBER, "a number");
    return is ? strtod(value->text.data, NULL) : fallback;
}

/** An integer of 64 bits; `fallback` where it is not set. */
static inline int64_t sg_param_integer(sg_params *params, const char *name, int64_t fallback) {
    const sg_json *value = sg_param(params, name);
    int64_t integer = fallback;
    if (value) sg_param_is(params, name, value, sg_json_integer(value, &integer), "an integer");
    return integer;
}

/** True or false; `fallback` where it is not set. */
static inline bool sg_param_bool(sg_params *params, const char *name, bool fallback) {
    const sg_json *value = sg_param(params, name);
    bool is = value && sg_param_is(params, name, value, value->kind == SG_JSON_BOOL, "true or false");
    return is ? value->flag : fallback;
}

/** Text, ended by a zero; `fallback` where it is not set. */
static inline sg_text sg_param_text(sg_params *params, const char *name, const char *fallback) {
    const sg_json *value = sg_param(params, name);
    bool is = value && sg_param_is(params, name, value, value->kind == SG_JSON_TEXT, "text");
    return is ? value->text : sg_text_of(fallback);
}

/** A list of texts; empty where it is not set. */
typedef struct sg_text_list {
    const sg_text *items;
    size_t n_items;
} sg_text_list;

/** A list of texts; empty where it is not set. */
static inline sg_text_list sg_param_texts(sg_params *params, const char *name) {
    sg_text_list list = {NULL, 0};
    const sg_json *value = sg_param(params, name);
    if (!value) return list;
    bool is = value->kind == SG_JSON_LIST;
    for (size_t item = 0; is && item < value->n_items; item++) is = value->items[item].kind == SG_JSON_TEXT;
    if (!sg_param_is(params, name, value, is, "a list of texts")) return list;
    sg_text *items = SG_NEW(sg_text, value->n_items);
    for (size_t item = 0; item < value->n_items; item++) items[item] = value->items[item].text;
    list.items = items;
    list.n_items = value->n_items;
    return list;
}

/** The number of the word among `n_words` that a parameter is; `fallback` where it is not set. */
static inline size_t sg_param_choice(sg_params *params, const char *name, const char *const *words, size_t n_words,
                                     size_t fallback) {
    const sg_json *value = sg_param(params, name);
    if (!value || !sg_param_is(params, name, value, value->kind == SG_JSON_TEXT, "text")) return fallback;
    sg_text *names = SG_NEW(sg_text, n_words);
    for (size_t word = 0; word < n_words; word++) {
        names[word] = sg_text_of(words[word]);
        if (sg_text_equal(value->text, names[word])) return word;
    }
    sg_text hint = sg_names_hint(value->text, names, n_words);
    sg_params_fail(params, false,
                   sg_format("parameter `%s`: unknown value `%.*s`; %.*s", name, SG_ARG(value->text), SG_ARG(hint)));
    return fallback;
}

/** Requires a parameter to be set: `sg_require(params, "key")` before it is asked for. */
static inline void sg_require(sg_params *params, const char *name) {
    if (!sg_param(params, name))
        sg_params_fail(params, true, sg_format("parameter `%s` is missing; the application must set it", name));
}

/** Keeps the author's own mistake about a parameter. */
#define sg_param_fail(params, ...) sg_params_fail((params), false, sg_format(__VA_ARGS__))

/* The names that were asked for, each once. */
static inline sg_text *sg_params_known(const sg_params *params, size_t *n_known) {
    const sg_text *asked = (const sg_text *)(const void *)params->asked.data;
    size_t n_asked = params->asked.size / sizeof *asked;
    sg_text *known = SG_NEW(sg_text, n_asked);
    *n_known = 0;
    for (size_t name = 0; name < n_asked; name++) {
        bool seen = false;
        for (size_t before = 0; before < *n_known; before++) seen |= sg_text_equal(known[before], asked[name]);
        if (!seen) known[(*n_known)++] = asked[name];
    }
    return known;
}

/* The fault about a parameter that nobody asked for; empty where there is none. */
static inline sg_text sg_params_unknown(const sg_params *params) {
    size_t n_known;
    sg_text *known = sg_params_known(params, &n_known);
    for (size_t item = 0; item < params->object.n_items; item++) {
        sg_text name = params->object.names[item];
        bool is_known = false;
        for (size_t other = 0; other < n_known; other++) is_known |= sg_text_equal(known[other], name);
        if (is_known) continue;
        sg_text hint = sg_names_hint(name, known, n_known);
        return sg_format("parameter `%.*s` is not known; %.*s", SG_ARG(name), SG_ARG(hint));
    }
    sg_text none = {NULL, 0};
    return none;
}

/** A column that the transform reads; only of use with batches of its own plan. */
typedef struct sg_column {
    uint32_t read;
} sg_column;

/** What a transform will do with every batch. Columns of the output stand in the order in which they were planned. */
typedef struct sg_plan {
    const sg_field **fields; /* the columns of the input */
    uint32_t n_fields;
    uint32_t *reads; /* indices of input columns */
    uint32_t n_reads;
    sg_bytes output; /* sg_planned */
    uint32_t n_computed;
    bool is_stateless;
    sg_text mistake;
} sg_plan;

/* A column of the output: passed where `field` is NULL. */
typedef struct sg_planned {
    const sg_field *field;
    uint32_t index; /* of the input column, or of the computed one in the order of planning */
} sg_planned;

static inline void sg_plan_fail(sg_plan *plan, sg_text mistake) {
    if (!plan->mistake.data) plan->mistake = mistake;
}

static inline sg_planned *sg_plan_output(const sg_plan *plan, size_t *n_output) {
    *n_output = plan->output.size / sizeof(sg_planned);
    return (sg_planned *)(void *)plan->output.data;
}

/* The index of an input column; false, with a mistake, where there is none of this name. */
static inline bool sg_plan_index(sg_plan *plan, sg_text name, uint32_t *index) {
    for (*index = 0; *index < plan->n_fields; ++*index)
        if (sg_text_equal(plan->fields[*index]->name, name)) return true;
    sg_text *names = SG_NEW(sg_text, plan->n_fields);
    for (uint32_t field = 0; field < plan->n_fields; field++) names[field] = plan->fields[field]->name;
    sg_text hint = sg_names_hint(name, names, plan->n_fields);
    sg_plan_fail(plan, sg_format("the input has no column `%.*s`; %.*s", SG_ARG(name), SG_ARG(hint)));
    return false;
}

/** Whether the input has a column of this name. */
static inline bool sg_plan_has(const sg_plan *plan, sg_text name) {
    for (uint32_t field = 0; field < plan->n_fields; field++)
        if (sg_text_equal(plan->fields[field]->name, name)) return true;
    return false;
}

/** The field of an input column; where there is none, a field of type null, and the bind will fail. */
static inline const sg_field *sg_plan_field(sg_plan *plan, sg_text name) {
    static const sg_field none = {{"", 0}, "n", SG_NULL, 0, true, 0, 0, 0, 0, NULL, 0, NULL, 0};
    uint32_t index;
    return sg_plan_index(plan, name, &index) ? plan->fields[index] : &none;
}

/** Reads an input column in every batch; `kinds` are the types that will do: `SG_NUMBERS`, `SG_TEXTS | SG_INT64`. */
static inline sg_column sg_read_text(sg_plan *plan, sg_text name, sg_kind kinds) {
    sg_column column = {};
    uint32_t index;
    if (!sg_plan_index(plan, name, &index)) return column;
    const sg_field *field = plan->fields[index];
    if (!sg_accepts(kinds, field)) {
        sg_text is = sg_type_name(field), expected = sg_kinds_name(kinds);
        sg_plan_fail(plan, sg_format("column `%.*s` is of type %.*s, expected %.*s", SG_ARG(name), SG_ARG(is),
                                     SG_ARG(expected)));
        return column;
    }
    while (column.read < plan->n_reads && plan->reads[column.read] != index) column.read++;
    if (column.read == plan->n_reads) plan->reads[plan->n_reads++] = index;
    return column;
}

/** Reads an input column in every batch; `kinds` are the types that will do: `SG_NUMBERS`, `SG_TEXTS | SG_INT64`. */
static inline sg_column sg_read(sg_plan *plan, const char *name, sg_kind kinds) {
    return sg_read_text(plan, sg_text_of(name), kinds);
}

/* The column of the output of this name; NULL where there is none. */
static inline sg_planned *sg_plan_find(const sg_plan *plan, sg_text name) {
    size_t n_output;
    sg_planned *output = sg_plan_output(plan, &n_output);
    for (size_t column = 0; column < n_output; column++) {
        const sg_field *field = output[column].field ? output[column].field : plan->fields[output[column].index];
        if (sg_text_equal(field->name, name)) return &output[column];
    }
    return NULL;
}

static inline void sg_plan_push(sg_plan *plan, sg_text name, const sg_field *field, uint32_t index) {
    sg_planned planned = {field, index};
    if (sg_plan_find(plan, name))
        sg_plan_fail(plan, sg_format("the output would have two columns `%.*s`", SG_ARG(name)));
    else sg_bytes_add(&plan->output, &planned, sizeof planned);
}

/** Passes one input column through, untouched: it never enters the transform. */
static inline void sg_pass(sg_plan *plan, const char *name) {
    uint32_t index;
    if (sg_plan_index(plan, sg_text_of(name), &index)) sg_plan_push(plan, sg_text_of(name), NULL, index);
}

/** Passes every input column through that the output does not have yet, but those named. */
static inline void sg_pass_all_but(sg_plan *plan, const sg_text *names, size_t n_names) {
    uint32_t index;
    for (size_t name = 0; name < n_names; name++) sg_plan_index(plan, names[name], &index);
    for (index = 0; index < plan->n_fields; index++) {
        sg_text field = plan->fields[index]->name;
        bool left_out = sg_plan_find(plan, field) != NULL;
        for (size_t name = 0; name < n_names; name++) left_out |= sg_text_equal(names[name], field);
        if (!left_out) sg_plan_push(plan, field, NULL, index);
    }
}

/** Passes every input column through that the output does not have yet. */
static inline void sg_pass_all(sg_plan *plan) { sg_pass_all_but(plan, NULL, 0); }

/** Adds a computed column at the end. Emitted columns come in the order of the calls to `sg_compute…` and `sg_replace…`. */
static inline const sg_field *sg_compute_field(sg_plan *plan, const sg_field *field) {
    sg_plan_push(plan, field->name, field, plan->n_computed++);
    return field;
}

/** Computes a column in the place of the passed one of the same name. */
static inline const sg_field *sg_replace_field(sg_plan *plan, const sg_field *field) {
    sg_planned *place = sg_plan_find(plan, field->name);
    sg_text name = field->name;
    if (place && !place->field) {
        place->field = field;
        place->index = plan->n_computed++;
    } else
        sg_plan_fail(plan, sg_format("column `%.*s` is not passed through, so it cannot be replaced", SG_ARG(name)));
    return field;
}

/* The field of a kind or a format; where there is none, one of type null, and the bind will fail. */
static inline const sg_field *sg_plan_new_field(sg_plan *plan, sg_text name, const char *format, bool nullable) {
    const sg_field *field = format ? sg_field_new(name, format, nullable, 0, NULL) : NULL;
    if (field) return field;
    sg_plan_fail(plan, sg_format("column `%.*s`: its type needs a format or children", SG_ARG(name)));
    return sg_field_new(name, "n", true, 0, NULL);
}

/** Adds a computed column of a kind without parameters: `sg_compute(plan, "size", SG_UTF8, SG_NOT_NULL)`. */
static inline const sg_field *sg_compute(sg_plan *plan, const char *name, sg_kind kind, bool nullable) {
    return sg_compute_field(plan, sg_plan_new_field(plan, sg_text_of(name), sg_kind_format(kind), nullable));
}

/** Adds a computed column of a type by its format string: `sg_compute_format(plan, "at", "tsu:UTC", SG_NULLABLE)`. */
static inline const sg_field *sg_compute_format(sg_plan *plan, const char *name, const char *format, bool nullable) {
    return sg_compute_field(plan, sg_plan_new_field(plan, sg_text_of(name), format, nullable));
}

/** Computes a column of a kind without parameters in the place of the passed one of the same name. */
static inline const sg_field *sg_replace(sg_plan *plan, sg_text name, sg_kind kind, bool nullable) {
    return sg_replace_field(plan, sg_plan_new_field(plan, name, sg_kind_format(kind), nullable));
}

/** Declares that each batch can be processed alone, in any order and by any instance. */
static inline void sg_stateless(sg_plan *plan) { plan->is_stateless = true; }

#ifdef __cplusplus
}
#endif
#endif
