// Hashes, redacts or truncates columns, irreversibly; the masked column stands in the place of the original.
#include <sluicegate.h>

#include "sha256.h"

enum {
    KEY_BYTES_MIN = 16, // a shorter key could be found by trying all
    DIGITS_MIN = 16,    // fewer would give two values the same hash too often
    DIGITS_MAX = 2 * SHA256_SIZE
};

typedef enum { HASH, TRUNCATE, REDACT } method;

typedef struct {
    method how;
    sg_column column;
    bool is_integer;
    const sg_field *field;
} source;

typedef struct {
    source *sources;
    size_t n_sources;
    hmac mac;
    size_t digits, keep;
    sg_text redaction;
} mask;

static size_t size_param(sg_params *params, const char *name, int64_t fallback) {
    int64_t size = sg_param_integer(params, name, fallback);
    if (size < 0) sg_param_fail(params, "parameter `%s`: %lld, expected an integer from 0 on", name, (long long)size);
    return size < 0 ? 0 : (size_t)size;
}

static void add_sources(mask *self, sg_plan *plan, sg_text_list names, method how) {
    for (size_t name = 0; name < names.n_items; name++) {
        source *source = &self->sources[self->n_sources++];
        const sg_field *field = sg_plan_field(plan, names.items[name]);
        source->how = how;
        source->is_integer = how == HASH && field->kind & SG_INTEGER_KINDS;
        if (how != REDACT)
            source->column = sg_read_text(plan, names.items[name], source->is_integer ? SG_INTEGERS : SG_TEXTS);
        source->field = sg_replace(plan, names.items[name], SG_UTF8, how != REDACT && field->nullable);
    }
}

static sg_status bind(mask *self, sg_plan *plan, sg_params *params) {
    sg_text_list hash = sg_param_texts(params, "hash");
    sg_text_list redact = sg_param_texts(params, "redact");
    sg_text_list truncate = sg_param_texts(params, "truncate");
    sg_text key = sg_param_text(params, "key", "");
    self->digits = size_param(params, "digits", DIGITS_MAX);
    self->redaction = sg_param_text(params, "redaction", "***");
    self->keep = size_param(params, "keep", 1);
    sg_pass_all(plan);
    sg_stateless(plan);
    self->sources = SG_NEW(source, hash.n_items + redact.n_items + truncate.n_items);
    add_sources(self, plan, hash, HASH);
    add_sources(self, plan, truncate, TRUNCATE);
    add_sources(self, plan, redact, REDACT);
    if (!self->n_sources) return sg_invalid("no column to mask; set `hash`, `redact` or `truncate`");
    if (hash.n_items && key.size < KEY_BYTES_MIN)
        return sg_invalid("parameter `key` has fewer than %d bytes; `hash` needs it", KEY_BYTES_MIN);
    if (hash.n_items && (self->digits < DIGITS_MIN || self->digits > DIGITS_MAX))
        return sg_invalid("parameter `digits` is not between %d and %d", DIGITS_MIN, DIGITS_MAX);
    hmac_init(&self->mac, key.data, key.size);
    return SG_OK;
}

// The first characters of a text.
static sg_text first_chars(sg_text text, size_t n_chars) {
    size_t size = 0;
    while (size < text.size && n_chars--) {
        do size++;
        while (size < text.size && (text.data[size] & 0xc0) == 0x80);
    }
    if (text.data) text.size = size;
    return text;
}

static sg_text hashed(const mask *self, sg_text text, char hex[DIGITS_MAX]) {
    if (!text.data) return text;
    hmac_hex(&self->mac, text.data, text.size, hex);
    return (sg_text){hex, self->digits};
}

static sg_array *masked(const mask *self, const source *source, const sg_batch *batch) {
    sg_builder *builder = sg_builder_new(source->field, batch->n_rows);
    char hex[DIGITS_MAX], number[SG_DIGITS];
    sg_i64s numbers = source->is_integer ? sg_integers(batch, source->column) : (sg_i64s){};
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        sg_text text = self->redaction;
        if (source->is_integer && sg_bit(numbers.validity, row)) text = sg_decimal(numbers.values[row], number);
        else if (source->is_integer) text = (sg_text){};
        else if (source->how != REDACT) text = sg_text_in(batch, source->column, row);
        if (source->how == HASH) text = hashed(self, text, hex);
        if (source->how == TRUNCATE) text = first_chars(text, self->keep);
        sg_append_text_or_null(builder, text);
    }
    return sg_finish(builder);
}

static sg_status process(mask *self, const sg_batch *batch, sg_out *out) {
    const sg_array **columns = SG_NEW(const sg_array *, self->n_sources);
    for (size_t source = 0; source < self->n_sources; source++)
        columns[source] = masked(self, &self->sources[source], batch);
    return sg_emit_columns(out, SG_ALL, columns, self->n_sources);
}

SG_EXPORT(mask, bind, process)
