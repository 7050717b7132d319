#include "../src/report.c"
#include <sluicegate/harness.h>

static sg_failure answer(const sg_request *request, sg_response *response) {
    const sg_pair *header = (const sg_pair *)(const void *)request->headers.data;
    sg_text told = sg_format("%s %s: %.*s", request->method, header->value.data, (int)request->body_size,
                             (const char *)request->body);
    return sg_test_respond(response, 201, told.data);
}

int main(void) {
    sg_test_object("texts", "greeting.txt", "hello, ");
    sg_test *test = sg_test_bind(&sg_this, "id:l", "{}");
    sg_expect(sg_test_process(test, "[1]\n[2]"), "{\"id\":1}\n{\"id\":2}\n");
    sg_expect(sg_test_finish(test), "data: secret `token`: the step does not declare it");
    sg_test_secret("token", "hunter2");
    sg_expect(sg_test_finish(test), "data: POST https://example.com/reports: the step does not declare it");
    sg_test_server = answer;
    sg_expect(sg_test_finish(test), "");
    sg_expect(sg_test_written("texts", "answer.txt"), "POST hunter2: hello, 2 rows\n");
    return sg_test_result();
}
