// Greets a server with the number of rows, and keeps its answer.
#include <sluicegate/http.h>
#include <sluicegate/objects.h>
#include <sluicegate/secrets.h>

typedef struct {
    unsigned rows;
} report;

static sg_status bind(report *self, sg_plan *plan, sg_params *params) {
    (void)self, (void)params;
    sg_pass_all(plan);
    return SG_OK;
}

static sg_status process(report *self, const sg_batch *batch, sg_out *out) {
    self->rows += batch->n_rows;
    return sg_emit(out, SG_ALL);
}

static sg_status finish(report *self, sg_out *out) {
    (void)out;
    sg_folder folder;
    sg_bytes text = {};
    sg_text token;
    sg_response response;
    sg_failure failure = sg_folder_open("texts", &folder);
    if (!failure.kind) failure = sg_object_read_all(&folder, "greeting.txt", 1 << 20, &text);
    if (!failure.kind) failure = sg_secret_read("token", &token);
    if (failure.kind) return sg_failed(failure);
    sg_bytes_format(&text, "%u rows\n", self->rows);
    sg_request request = {
        .method = "POST", .url = "https://example.com/reports", .body = text.data, .body_size = text.size};
    sg_request_header(&request, "authorization", token.data);
    failure = sg_http_send(&request, &response);
    sg_writer writer;
    if (!failure.kind) failure = sg_object_create(&folder, "answer.txt", &writer);
    if (!failure.kind) failure = sg_writer_write(&writer, response.body, response.body_size);
    if (!failure.kind) failure = sg_writer_finish(&writer, NULL);
    return sg_failed(failure);
}

SG_EXPORT(report, bind, process, finish)
