// Modes that reach beyond the columns.
#include "conformance.h"
#include <sluicegate/http.h>
#include <sluicegate/objects.h>
#include <sluicegate/secrets.h>

enum { PIECE_BYTES = 64 << 10 };

// A parameter that a mode needs.
static sg_text needed(sg_params *params, const char *name) {
    sg_require(params, name);
    return sg_param_text(params, name, "");
}

sg_status copy_bind(guest *self, sg_plan *plan, sg_params *params) {
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

sg_status copy_process(guest *self, const sg_batch *batch, sg_out *out) {
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

sg_status list_bind(guest *self, sg_plan *plan, sg_params *params) {
    self->texts[0] = needed(params, "folder");
    self->texts[1] = sg_param_text(params, "prefix", "");
    self->computed = sg_compute(plan, "path", SG_UTF8, SG_NOT_NULL);
    self->second = sg_compute(plan, "size", SG_UINT64, SG_NOT_NULL);
    return SG_OK;
}

sg_status list_process(guest *self, const sg_batch *batch, sg_out *out) {
    return (void)self, (void)batch, (void)out, SG_OK;
}

sg_status list_finish(guest *self, sg_out *out) {
    sg_folder folder;
    sg_object object;
    sg_failure error = sg_folder_open(self->texts[0].data, &folder);
    if (error.kind) return sg_failed(error);
    sg_builder *paths = sg_builder_new(self->computed, 0), *sizes = sg_builder_new(self->second, 0);
    sg_listing listing = sg_object_list(&folder, self->texts[1].data);
    while (sg_object_next(&listing, &object)) {
        sg_append_text(paths, object.path);
        sg_append_u64(sizes, object.size);
    }
    if (listing.error.kind) return sg_failed(listing.error);
    return sg_emit(out, SG_ALL, sg_finish(paths), sg_finish(sizes));
}

sg_status errors_bind(guest *self, sg_plan *plan, sg_params *params) {
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
    return pass_all(self, plan, params);
}

sg_status secret_bind(guest *self, sg_plan *plan, sg_params *params) {
    sg_text secret;
    sg_failure error = sg_secret_read(needed(params, "name").data, &secret);
    if (error.kind) sg_info("%s", sg_failure_word(error));
    else sg_info("secret %zu bytes", secret.size);
    return pass_all(self, plan, params);
}

sg_status http_bind(guest *self, sg_plan *plan, sg_params *params) {
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
    return pass_all(self, plan, params);
}
