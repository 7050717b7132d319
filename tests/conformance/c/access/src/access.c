// The conformance guest in C for what lies beyond the columns: objects, secrets and HTTP.
#include <sluicegate/http.h>
#include <sluicegate/objects.h>
#include <sluicegate/secrets.h>

// Bytes of one ranged read.
enum { PIECE_BYTES = 64 << 10 };

typedef struct guest guest;

typedef struct {
    const char *name;
    sg_status (*bind)(guest *self, sg_plan *plan, sg_params *params);
    sg_status (*process)(guest *self, const sg_batch *batch, sg_out *out);
    sg_status (*finish)(guest *self, sg_out *out);
} mode;

struct guest {
    const mode *mode;
    const sg_field *path, *size;
    sg_text texts[4];
    bool is_done;
};

static sg_status pass_all(sg_plan *plan) {
    sg_pass_all(plan);
    sg_stateless(plan);
    return SG_OK;
}

static sg_status emit_all(guest *self, const sg_batch *batch, sg_out *out) {
    (void)self, (void)batch;
    return sg_emit(out, SG_ALL);
}

static sg_status no_rows(guest *self, sg_out *out) { return (void)self, (void)out, SG_OK; }

// A parameter that a mode needs.
static sg_text needed(sg_params *params, const char *name) {
    sg_require(params, name);
    return sg_param_text(params, name, "");
}

static sg_status copy_bind(guest *self, sg_plan *plan, sg_params *params) {
    static const char *const names[] = {"source", "source_path", "target", "target_path"};
    for (size_t at = 0; at < 4; at++) self->texts[at] = needed(params, names[at]);
    sg_pass_all(plan);
    return SG_OK;
}

static sg_failure copy(const sg_folder *source, const char *path, sg_writer *writer) {
    uint8_t *piece = sg_alloc(PIECE_BYTES);
    size_t n_read = PIECE_BYTES;
    sg_failure error = sg_no_failure();
    for (uint64_t offset = 0; !error.kind && n_read == PIECE_BYTES; offset += n_read) {
        error = sg_object_read(source, path, offset, piece, PIECE_BYTES, &n_read);
        if (!error.kind) error = sg_writer_write(writer, piece, n_read);
    }
    return error.kind ? error : sg_writer_finish(writer, NULL);
}

static sg_status copy_process(guest *self, const sg_batch *batch, sg_out *out) {
    sg_folder source, target;
    sg_writer writer;
    if (self->is_done) return emit_all(self, batch, out);
    self->is_done = true;
    sg_failure error = sg_folder_open(self->texts[0].data, &source);
    if (!error.kind) error = sg_folder_open(self->texts[2].data, &target);
    if (!error.kind) error = sg_object_create(&target, self->texts[3].data, &writer);
    if (!error.kind) error = copy(&source, self->texts[1].data, &writer);
    return error.kind ? sg_failed(error) : emit_all(self, batch, out);
}

static sg_status list_bind(guest *self, sg_plan *plan, sg_params *params) {
    self->texts[0] = needed(params, "folder");
    self->texts[1] = sg_param_text(params, "prefix", "");
    self->path = sg_compute(plan, "path", SG_UTF8, SG_NOT_NULL);
    self->size = sg_compute(plan, "size", SG_UINT64, SG_NOT_NULL);
    return SG_OK;
}

static sg_status list_process(guest *self, const sg_batch *batch, sg_out *out) {
    return (void)self, (void)batch, (void)out, SG_OK;
}

static sg_status list_finish(guest *self, sg_out *out) {
    sg_folder folder;
    sg_object object;
    sg_failure error = sg_folder_open(self->texts[0].data, &folder);
    if (error.kind) return sg_failed(error);
    sg_builder *paths = sg_builder_new(self->path, 0), *sizes = sg_builder_new(self->size, 0);
    sg_listing listing = sg_object_list(&folder, self->texts[1].data);
    while (sg_object_next(&listing, &object)) {
        sg_append_text(paths, object.path);
        sg_append_u64(sizes, object.size);
    }
    if (listing.error.kind) return sg_failed(listing.error);
    return sg_emit(out, SG_ALL, sg_finish(paths), sg_finish(sizes));
}

static sg_status errors_bind(guest *self, sg_plan *plan, sg_params *params) {
    (void)self;
    sg_folder folder, other;
    sg_object object;
    sg_writer writer;
    sg_text name = needed(params, "folder"), path = needed(params, "path");
    sg_failure error = sg_folder_open(name.data, &folder);
    if (error.kind) return sg_failed(error);
    const char *denied = sg_failure_word(sg_folder_open("undeclared", &other));
    const char *missing = sg_failure_word(sg_object_head(&folder, "absent", &object));
    const char *malformed = sg_failure_word(sg_object_head(&folder, "../x", &object));
    const char *exists = sg_failure_word(sg_object_create(&folder, path.data, &writer));
    sg_info("%s %s %s %s", denied, missing, malformed, exists);
    return pass_all(plan);
}

static sg_status secret_bind(guest *self, sg_plan *plan, sg_params *params) {
    (void)self;
    sg_text secret;
    sg_failure error = sg_secret_read(needed(params, "name").data, &secret);
    if (error.kind) sg_info("%s", sg_failure_word(error));
    else sg_info("secret %zu bytes", secret.size);
    return pass_all(plan);
}

static sg_status http_bind(guest *self, sg_plan *plan, sg_params *params) {
    (void)self;
    sg_text body = sg_param_text(params, "body", "");
    sg_request request = {.method = sg_param_text(params, "method", "GET").data,
                          .url = needed(params, "url").data,
                          .body = body.data,
                          .body_size = body.size,
                          .timeout_ms = (uint64_t)sg_param_integer(params, "timeout_ms", 0)};
    const sg_json *headers = sg_param(params, "headers");
    for (size_t at = 0; headers && at < headers->n_items; at++)
        sg_request_header(&request, sg_text_copy(headers->names[at]).data, headers->items[at].text.data);
    sg_response response;
    sg_failure error = sg_http_send(&request, &response);
    if (error.kind) sg_info("%s", sg_failure_word(error));
    else sg_info("%u %zu", response.status, response.body_size);
    return pass_all(plan);
}

static const mode MODES[] = {
    {"object-copy", copy_bind, copy_process, no_rows},
    {"object-list", list_bind, list_process, list_finish},
    {"object-errors", errors_bind, emit_all, no_rows},
    {"secret", secret_bind, emit_all, no_rows},
    {"http", http_bind, emit_all, no_rows},
};
#define N_MODES (sizeof MODES / sizeof *MODES)

static sg_status bind(guest *self, sg_plan *plan, sg_params *params) {
    const char *names[N_MODES];
    for (size_t mode = 0; mode < N_MODES; mode++) names[mode] = MODES[mode].name;
    sg_require(params, "mode");
    self->mode = &MODES[sg_param_choice(params, "mode", names, N_MODES, 0)];
    return self->mode->bind(self, plan, params);
}

static sg_status process(guest *self, const sg_batch *batch, sg_out *out) {
    return self->mode->process(self, batch, out);
}

static sg_status finish(guest *self, sg_out *out) { return self->mode->finish(self, out); }

SG_EXPORT(guest, bind, process, finish)
