// Objects, secrets and requests, as a test has them.
#include <sluicegate.h>
#include <sluicegate/http.h>
#include <sluicegate/objects.h>
#include <sluicegate/secrets.h>

typedef struct {
    sg_folder folder;
} guest;

static sg_status bind(guest *self, sg_plan *plan, sg_params *params) {
    (void)params;
    sg_pass_all(plan);
    return sg_failed(sg_folder_open("in", &self->folder));
}

static sg_status process(guest *self, const sg_batch *batch, sg_out *out) {
    (void)self, (void)batch;
    return sg_emit(out, SG_ALL);
}

SG_EXPORT(guest, bind, process)

#include <sluicegate/harness.h>

static void test_list(const sg_folder *folder, const char *prefix, const char *expected) {
    sg_bytes paths = {};
    sg_listing listing = sg_object_list(folder, prefix);
    for (sg_object object; sg_object_next(&listing, &object);)
        sg_bytes_format(&paths, "%.*s:%d ", SG_ARG(object.path), (int)object.size);
    sg_bytes_format(&paths, "%s", sg_failure_word(listing.error));
    sg_bytes_add(&paths, "", 1);
    sg_expect((const char *)paths.data, expected);
}

static void test_errors(const sg_folder *folder) {
    sg_folder other;
    sg_object object;
    sg_writer writer;
    sg_bytes bytes = {};
    sg_expect(sg_failure_word(sg_folder_open("undeclared", &other)), "denied");
    sg_expect(sg_failure_word(sg_object_head(folder, "absent", &object)), "missing");
    sg_expect(sg_failure_word(sg_object_head(folder, "../x", &object)), "malformed");
    sg_expect(sg_failure_word(sg_object_head(folder, "a//b", &object)), "malformed");
    sg_expect(sg_failure_word(sg_object_create(folder, "a", &writer)), "exists");
    sg_expect(sg_failure_word(sg_object_read_all(folder, "a", 2, &bytes)), "limit");
    sg_expect(sg_object_head(folder, "absent", &object).message.data,
              "`absent` in folder `in`: there is no such object");
}

static void test_reading(const sg_folder *folder) {
    char piece[2];
    size_t n_read;
    sg_bytes bytes = {};
    sg_expect(sg_failure_word(sg_object_read(folder, "a", 2, piece, 2, &n_read)), "none");
    sg_expect(sg_format("%zu%c", n_read, piece[0]).data, "13");
    sg_object_read(folder, "a", 3, piece, 2, &n_read);
    sg_expect(sg_format("%zu", n_read).data, "0");
    sg_expect(sg_failure_word(sg_object_read_all(folder, "a", 3, &bytes)), "none");
    sg_expect(sg_format("%.*s", (int)bytes.size, bytes.data).data, "123");
}

static void test_writing(const sg_folder *folder) {
    sg_writer writer, other;
    sg_object object;
    sg_expect(sg_failure_word(sg_object_create(folder, "new", &writer)), "none");
    sg_expect(sg_failure_word(sg_writer_write(&writer, "one", 3)), "none");
    sg_expect(sg_failure_word(sg_writer_write(&writer, "two", 3)), "none");
    sg_expect(sg_test_written("in", "new"), "(none)");
    sg_expect(sg_failure_word(sg_writer_finish(&writer, &object)), "none");
    sg_expect(sg_test_written("in", "new"), "onetwo");
    sg_expect(sg_format("%d", (int)object.size).data, "6");
    sg_expect(sg_failure_word(sg_object_head(folder, "new", &object)), "missing");
    sg_expect(sg_failure_word(sg_object_overwrite(folder, "new", &other)), "exists");
    sg_expect(sg_failure_word(sg_object_delete(folder, "a")), "none");
    sg_expect(sg_test_deleted("in", "a") ? "gone" : "there", "gone");
}

static void test_secrets(void) {
    sg_text secret;
    sg_expect(sg_failure_word(sg_secret_read("token", &secret)), "none");
    sg_expect(secret.data, "hunter2");
    sg_expect(sg_secret_read("other", &secret).message.data, "secret `other`: the step does not declare it");
}

static sg_failure echo(const sg_request *request, sg_response *response) {
    const sg_pair *header = (const sg_pair *)(const void *)request->headers.data;
    const char *body = (const char *)request->body;
    return sg_test_respond(response, 404,
                           sg_format("%s %s %.*s %.*s", request->method, request->url, SG_ARG(header->value),
                                     (int)request->body_size, body ? body : "")
                               .data);
}

static sg_failure late(const sg_request *request, sg_response *response) {
    (void)response;
    return sg_http_error(request, SG_TIMEOUT, "it took too long");
}

static void test_http(void) {
    sg_request request = {.url = "http://x/y?key=secret", .body = "{}", .body_size = 2};
    sg_response response;
    sg_request_header(&request, "accept", "text/plain");
    sg_expect(sg_http_send(&request, &response).message.data, "GET http://x/y: the step does not declare it");
    sg_test_server = echo;
    sg_expect(sg_failure_word(sg_http_send(&request, &response)), "none");
    sg_expect(sg_format("%u %s", response.status, response.body).data, "404 GET http://x/y?key=secret text/plain {}");
    request.body_bytes_max = 3;
    sg_expect(sg_failure_word(sg_http_send(&request, &response)), "too-large");
    sg_test_server = late;
    sg_expect(sg_failed(sg_http_send(&request, &response)) == SG_TRANSIENT ? "transient" : "data", "transient");
    request.url = "ftp://x";
    sg_expect(sg_failure_word(sg_http_send(&request, &response)), "other");
    sg_target target;
    sg_expect(sg_target_of("https://[::1]:8443?a/b#c", &target) ? target.path.data : NULL, "/?a/b");
    sg_expect(sg_format("%d %.*s", target.is_tls, SG_ARG(target.authority)).data, "1 [::1]:8443");
}

int main(void) {
    sg_expect(sg_test_bind(&sg_this, "id:l", "{}")->fault, "data: folder `in`: the step does not declare it");
    static const char *const paths[] = {"b/e", "a", "f", "b/c", "bb", "b/d"};
    for (size_t at = 0; at < 6; at++) sg_test_object("in", paths[at], "123");
    sg_test_secret("token", "hunter2");
    sg_test *test = sg_test_bind(&sg_this, "id:l", "{}");
    sg_expect(test->fault, "(none)");
    const sg_folder *folder = &((guest *)test->instance.state)->folder;
    test_list(folder, "", "a:3 b/c:3 b/d:3 b/e:3 bb:3 f:3 none");
    test_list(folder, "b", "b/c:3 b/d:3 b/e:3 none");
    test_list(folder, "..", "malformed");
    test_errors(folder);
    test_reading(folder);
    test_writing(folder);
    test_secrets();
    test_http();
    return sg_test_result();
}
