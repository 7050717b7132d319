/*
 * A request over `wasi:http`, by hand after the canonical ABI: included by http.h.
 */
#ifndef SLUICEGATE_HTTP_WASI_H
#define SLUICEGATE_HTTP_WASI_H

/* Bytes of a body that are asked for at once. */
#define SG_HTTP_PIECE (64u << 10)
/* Bytes that may be written and flushed in one call, by the contract of streams. */
#define SG_HTTP_WRITTEN_MAX 4096u

typedef struct sg_wire_error_code {
    uint8_t code;
    union {
        struct {
            uint8_t some;
            sg_text text;
        } internal;
        uint64_t words[3];
    } as;
} sg_wire_error_code;

/* result<own<T>, …> whose error is small, or none. */
typedef struct sg_wire_own {
    uint8_t failed;
    uint32_t handle;
} sg_wire_own;

/* result<own<T>, error-code>, and result<_, error-code>. */
typedef struct sg_wire_own_or_code {
    uint8_t failed;
    union {
        uint32_t handle;
        sg_wire_error_code code;
    } as;
} sg_wire_own_or_code;

/* option<result<result<own<incoming-response>, error-code>>> */
typedef struct sg_wire_answer {
    uint64_t some;
    uint64_t taken;
    sg_wire_own_or_code answer;
} sg_wire_answer;

typedef struct sg_wire_option_code {
    uint8_t some;
    sg_wire_error_code code;
} sg_wire_option_code;

/* result<list<u8>, stream-error>, and result<_, stream-error>. */
typedef struct sg_wire_stream {
    uint8_t failed;
    union {
        sg_buffer bytes;
        struct {
            uint8_t closed;
            uint32_t error;
        } error;
    } as;
} sg_wire_stream;

typedef struct sg_wire_headers {
    const sg_pair *pairs;
    size_t n_pairs;
} sg_wire_headers;

static_assert(sizeof(sg_wire_error_code) == 32, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_own_or_code) == 40, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_answer) == 56, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_stream) == 12, "as the canonical ABI lays it out");

#define SG_HTTP(name) SG_IMPORT_OF("wasi:http/types@0.2.12", name)
#define SG_STREAMS(name) SG_IMPORT_OF("wasi:io/streams@0.2.12", name)
SG_IMPORT_OF("wasi:http/outgoing-handler@0.2.12", "handle")
void sg_http_handle(uint32_t request, uint32_t has_options, uint32_t options, sg_wire_own_or_code *future);
SG_HTTP("[static]fields.from-list") void sg_http_fields(const sg_pair *pairs, size_t n_pairs, sg_wire_own *fields);
SG_HTTP("[method]fields.entries") void sg_http_entries(uint32_t fields, sg_wire_headers *headers);
SG_HTTP("[resource-drop]fields") void sg_http_fields_drop(uint32_t fields);
SG_HTTP("[constructor]outgoing-request") uint32_t sg_http_request(uint32_t fields);
SG_HTTP("[method]outgoing-request.set-method")
uint32_t sg_http_set_method(uint32_t request, uint32_t method, const char *other, size_t size);
SG_HTTP("[method]outgoing-request.set-scheme")
uint32_t sg_http_set_scheme(uint32_t request, uint32_t some, uint32_t scheme, const char *other, size_t size);
SG_HTTP("[method]outgoing-request.set-authority")
uint32_t sg_http_set_authority(uint32_t request, uint32_t some, const char *authority, size_t size);
SG_HTTP("[method]outgoing-request.set-path-with-query")
uint32_t sg_http_set_path(uint32_t request, uint32_t some, const char *path, size_t size);
SG_HTTP("[method]outgoing-request.body") void sg_http_body(uint32_t request, sg_wire_own *body);
SG_HTTP("[resource-drop]outgoing-request") void sg_http_request_drop(uint32_t request);
SG_HTTP("[method]outgoing-body.write") void sg_http_body_write(uint32_t body, sg_wire_own *stream);
SG_HTTP("[static]outgoing-body.finish")
void sg_http_body_finish(uint32_t body, uint32_t has_trailers, uint32_t trailers, sg_wire_own_or_code *done);
SG_HTTP("[resource-drop]outgoing-body") void sg_http_body_drop(uint32_t body);
SG_HTTP("[constructor]request-options") uint32_t sg_http_options(void);
SG_HTTP("[method]request-options.set-connect-timeout")
uint32_t sg_http_set_connect(uint32_t options, uint32_t some, uint64_t nanos);
SG_HTTP("[method]request-options.set-first-byte-timeout")
uint32_t sg_http_set_first(uint32_t options, uint32_t some, uint64_t nanos);
SG_HTTP("[method]request-options.set-between-bytes-timeout")
uint32_t sg_http_set_between(uint32_t options, uint32_t some, uint64_t nanos);
SG_HTTP("[method]future-incoming-response.subscribe") uint32_t sg_http_subscribe(uint32_t future);
SG_HTTP("[method]future-incoming-response.get") void sg_http_get(uint32_t future, sg_wire_answer *answer);
SG_HTTP("[resource-drop]future-incoming-response") void sg_http_future_drop(uint32_t future);
SG_HTTP("[method]incoming-response.status") uint32_t sg_http_status(uint32_t response);
SG_HTTP("[method]incoming-response.headers") uint32_t sg_http_headers(uint32_t response);
SG_HTTP("[method]incoming-response.consume") void sg_http_consume(uint32_t response, sg_wire_own *body);
SG_HTTP("[resource-drop]incoming-response") void sg_http_response_drop(uint32_t response);
SG_HTTP("[method]incoming-body.stream") void sg_http_incoming(uint32_t body, sg_wire_own *stream);
SG_HTTP("[resource-drop]incoming-body") void sg_http_incoming_drop(uint32_t body);
SG_HTTP("http-error-code") void sg_http_code_of(uint32_t error, sg_wire_option_code *code);
SG_IMPORT_OF("wasi:io/poll@0.2.12", "[method]pollable.block") void sg_http_block(uint32_t pollable);
SG_IMPORT_OF("wasi:io/poll@0.2.12", "[resource-drop]pollable") void sg_http_pollable_drop(uint32_t pollable);
SG_IMPORT_OF("wasi:io/error@0.2.12", "[resource-drop]error") void sg_http_error_drop(uint32_t error);
SG_STREAMS("[method]input-stream.blocking-read") void sg_http_read(uint32_t stream, uint64_t size, sg_wire_stream *read);
SG_STREAMS("[resource-drop]input-stream") void sg_http_input_drop(uint32_t stream);
SG_STREAMS("[method]output-stream.blocking-write-and-flush")
void sg_http_write(uint32_t stream, const uint8_t *bytes, size_t size, sg_wire_stream *done);
SG_STREAMS("[resource-drop]output-stream") void sg_http_output_drop(uint32_t stream);

/* The cases of `error-code`, in their order: what each is for a transform, and in words. */
static const struct {
    sg_failure_kind kind;
    const char *words;
} SG_HTTP_CODES[] = {
    {SG_TIMEOUT, "the name of the host was not found in time"},
    {SG_CONNECTION, "the name of the host was not found"},
    {SG_CONNECTION, "the destination was not found"},
    {SG_CONNECTION, "the destination is unavailable"},
    {SG_DENIED, "the address of the host is prohibited"},
    {SG_CONNECTION, "there is no route to the host"},
    {SG_CONNECTION, "the connection was refused"},
    {SG_CONNECTION, "the connection was terminated"},
    {SG_TIMEOUT, "there was no connection in time"},
    {SG_TIMEOUT, "reading took too long"},
    {SG_TIMEOUT, "writing took too long"},
    {SG_CONNECTION, "there are too many connections"},
    {SG_CONNECTION, "the protocol of TLS failed"},
    {SG_CONNECTION, "the certificate is not trusted"},
    {SG_CONNECTION, "TLS ended with an alert"},
    {SG_DENIED, "the step does not declare it, or a policy refuses it"},
    {SG_OTHER, "the request needs a length"},
    {SG_TOO_LARGE, "the body of the request is too large"},
    {SG_OTHER, "the method is invalid"},
    {SG_OTHER, "the URL is invalid"},
    {SG_OTHER, "the URL is too long"},
    {SG_OTHER, "the headers of the request are too large"},
    {SG_OTHER, "a header of the request is too large"},
    {SG_OTHER, "the trailers of the request are too large"},
    {SG_OTHER, "a trailer of the request is too large"},
    {SG_CONNECTION, "the response is incomplete"},
    {SG_TOO_LARGE, "the headers of the response are too large"},
    {SG_TOO_LARGE, "a header of the response is too large"},
    {SG_TOO_LARGE, "the body of the response is too large"},
    {SG_OTHER, "the trailers of the response are too large"},
    {SG_OTHER, "a trailer of the response is too large"},
    {SG_OTHER, "the response has an unknown encoding of its transfer"},
    {SG_OTHER, "the response has an unknown encoding of its content"},
    {SG_TIMEOUT, "there was no response in time"},
    {SG_OTHER, "an upgrade failed"},
    {SG_OTHER, "the response is no HTTP"},
    {SG_OTHER, "the request goes in circles"},
    {SG_OTHER, "the client is not configured for it"},
    {SG_OTHER, "the request failed"},
};
#define SG_HTTP_N_CODES (sizeof SG_HTTP_CODES / sizeof *SG_HTTP_CODES)

static inline sg_failure sg_http_told(const sg_request *request, const sg_wire_error_code *code) {
    size_t last = SG_HTTP_N_CODES - 1, at = code->code < last ? code->code : last;
    const char *words = SG_HTTP_CODES[at].words;
    if (at == last && code->as.internal.some) words = sg_text_copy(code->as.internal.text).data;
    return sg_http_error(request, SG_HTTP_CODES[at].kind, words);
}

static inline sg_failure sg_http_interrupted(const sg_request *request, const sg_wire_stream *stream) {
    sg_wire_option_code code = {};
    if (!stream->as.error.closed) {
        sg_http_code_of(stream->as.error.error, &code);
        sg_http_error_drop(stream->as.error.error);
    }
    if (code.some) return sg_http_told(request, &code.code);
    return sg_http_error(request, SG_CONNECTION, "the connection was closed");
}

static inline sg_failure sg_http_refused(const sg_request *request, const char *part) {
    return sg_http_error(request, SG_OTHER, sg_format("its %s is malformed", part).data);
}

static inline uint32_t sg_http_method(const char *name) {
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    uint32_t at = 0;
    while (at < sizeof names / sizeof *names && strcmp(names[at], name) != 0) at++;
    return at;
}

/* The request without its body, which is taken out of it before it is sent. */
static inline sg_failure sg_http_outgoing(const sg_request *request, const sg_target *target, uint32_t *outgoing) {
    sg_bytes headers = {};
    sg_wire_own fields;
    bool has_length = request->body_size == 0;
    const sg_pair *pairs = (const sg_pair *)(const void *)request->headers.data;
    size_t n_pairs = request->headers.size / sizeof *pairs;
    for (size_t at = 0; at < n_pairs; at++) {
        sg_bytes_add(&headers, &pairs[at], sizeof *pairs);
        has_length |= sg_header_is(pairs[at].key, "content-length");
    }
    if (!has_length) {
        sg_pair length = {sg_text_of("content-length"), sg_format("%zu", request->body_size)};
        sg_bytes_add(&headers, &length, sizeof length);
    }
    sg_http_fields((const sg_pair *)(const void *)headers.data, headers.size / sizeof *pairs, &fields);
    if (fields.failed) return sg_http_refused(request, "header");
    *outgoing = sg_http_request(fields.handle);
    const char *wrong = NULL, *method = request->method;
    if (sg_http_set_method(*outgoing, sg_http_method(method), method, strlen(method))) wrong = "method";
    if (sg_http_set_scheme(*outgoing, 1, target->is_tls, NULL, 0)) wrong = "scheme";
    if (sg_http_set_authority(*outgoing, 1, target->authority.data, target->authority.size)) wrong = "host";
    if (sg_http_set_path(*outgoing, 1, target->path.data, target->path.size)) wrong = "path";
    if (!wrong) return sg_no_failure();
    sg_http_request_drop(*outgoing);
    return sg_http_refused(request, wrong);
}

static inline sg_failure sg_http_write_all(const sg_request *request, uint32_t body) {
    sg_wire_own stream;
    sg_wire_stream done = {};
    sg_wire_own_or_code finished;
    sg_http_body_write(body, &stream);
    for (size_t at = 0; at < request->body_size && !done.failed; at += SG_HTTP_WRITTEN_MAX) {
        size_t rest = request->body_size - at;
        const uint8_t *bytes = (const uint8_t *)request->body + at;
        sg_http_write(stream.handle, bytes, rest < SG_HTTP_WRITTEN_MAX ? rest : SG_HTTP_WRITTEN_MAX, &done);
    }
    sg_failure error = done.failed ? sg_http_interrupted(request, &done) : sg_no_failure();
    sg_http_output_drop(stream.handle);
    if (error.kind) {
        sg_http_body_drop(body);
        return error;
    }
    sg_http_body_finish(body, 0, 0, &finished);
    return finished.failed ? sg_http_told(request, &finished.as.code) : error;
}

static inline sg_failure sg_http_wait(const sg_request *request, uint32_t future, uint32_t *response) {
    sg_wire_answer answer = {};
    for (sg_http_get(future, &answer); !(uint8_t)answer.some; sg_http_get(future, &answer)) {
        uint32_t pollable = sg_http_subscribe(future);
        sg_http_block(pollable);
        sg_http_pollable_drop(pollable);
    }
    sg_http_future_drop(future);
    if ((uint8_t)answer.taken) return sg_http_error(request, SG_OTHER, "its response was taken twice");
    if (answer.answer.failed) return sg_http_told(request, &answer.answer.as.code);
    *response = answer.answer.as.handle;
    return sg_no_failure();
}

static inline sg_failure sg_http_read_all(const sg_request *request, uint32_t stream, sg_response *response) {
    sg_bytes body = {};
    sg_wire_stream read;
    sg_arena piece = {}, *before = sg_now.arena;
    sg_failure error = sg_no_failure();
    while (!error.kind) {
        sg_now.arena = &piece;
        sg_http_read(stream, SG_HTTP_PIECE, &read);
        sg_now.arena = before;
        if (read.failed) break;
        sg_bytes_add(&body, read.as.bytes.data, read.as.bytes.size);
        sg_arena_reset(&piece);
        if (body.size > request->body_bytes_max) error = sg_http_too_large(request);
    }
    if (read.failed && !read.as.error.closed) error = sg_http_interrupted(request, &read);
    sg_arena_free(&piece);
    response->body = body.data;
    response->body_size = body.size;
    return error;
}

static inline sg_failure sg_http_receive(const sg_request *request, uint32_t incoming, sg_response *response) {
    sg_wire_headers headers;
    sg_wire_own body, stream;
    uint32_t fields = sg_http_headers(incoming);
    sg_http_entries(fields, &headers);
    sg_http_fields_drop(fields);
    response->status = sg_http_status(incoming);
    response->headers = headers.pairs;
    response->n_headers = headers.n_pairs;
    sg_http_consume(incoming, &body);
    sg_http_incoming(body.handle, &stream);
    sg_failure error = sg_http_read_all(request, stream.handle, response);
    sg_http_input_drop(stream.handle);
    sg_http_incoming_drop(body.handle);
    sg_http_response_drop(incoming);
    return error;
}

static inline sg_failure sg_http_client(const sg_request *request, const sg_target *target, sg_response *response) {
    uint32_t outgoing, incoming, options = sg_http_options();
    uint64_t nanos = request->timeout_ms * 1000000;
    sg_wire_own body = {1, 0};
    sg_wire_own_or_code future;
    /* A host that knows no such option has timeouts of its own. */
    sg_http_set_connect(options, 1, nanos);
    sg_http_set_first(options, 1, nanos);
    sg_http_set_between(options, 1, nanos);
    sg_failure error = sg_http_outgoing(request, target, &outgoing), written = sg_no_failure();
    if (error.kind) return error;
    if (request->body_size) sg_http_body(outgoing, &body);
    sg_http_handle(outgoing, 1, options, &future);
    if (future.failed) {
        if (!body.failed) sg_http_body_drop(body.handle);
        return sg_http_told(request, &future.as.code);
    }
    if (!body.failed) written = sg_http_write_all(request, body.handle);
    /* A server may refuse a body and respond all the same; if it did not, the response says best what happened. */
    error = sg_http_wait(request, future.as.handle, &incoming);
    if (error.kind) return error;
    error = sg_http_receive(request, incoming, response);
    return written.kind ? written : error;
}
#endif
