/*
 * Requests over HTTP that the step declares; one at a time, and the transform waits for it. plugin.toml needs `access = ["http"]`.
 *
 *     sg_request request = {.url = "https://api.example.com/v1/rates"};
 *     sg_request_header(&request, "accept", "application/json");
 *     sg_response response;
 *     sg_failure error = sg_http_send(&request, &response);
 *     if (error.kind) return sg_failed(error);
 *
 * What a step declares may include headers from secrets: the host adds them, and the transform never sees them. No redirect is
 * followed. What comes out lies in memory of the call that runs.
 */
#ifndef SLUICEGATE_HTTP_H
#define SLUICEGATE_HTTP_H

#include <strings.h>

#include "access.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of a response's body that are accepted, unless a request names another bound: a transform has little memory. */
#define SG_BODY_BYTES_MAX (8u << 20)
/** How long each part of a request may take, unless it says otherwise. */
#define SG_TIMEOUT_MS 30000

/** A request; what is zero has its default. */
typedef struct sg_request {
    /** In capitals; NULL is GET. */
    const char *method;
    /** With scheme, `http` or `https`, and host. */
    const char *url;
    /** Bytes to send; none if `body_size` is zero. */
    const void *body;
    size_t body_size;
    /** How long each of these may take: to connect, until the first byte of the response, and between two pieces of its body. */
    uint64_t timeout_ms;
    /** Bytes of the response's body that are accepted. */
    size_t body_bytes_max;
    /** `sg_pair`, by `sg_request_header`. */
    sg_bytes headers;
} sg_request;

/** The response to a request, whatever its status. */
typedef struct sg_response {
    uint32_t status;
    const sg_pair *headers;
    size_t n_headers;
    const uint8_t *body;
    size_t body_size;
} sg_response;

/* The parts of a URL that a request is made of. */
typedef struct sg_target {
    bool is_tls;
    sg_text authority;
    sg_text path;
} sg_target;

/** Adds a header. */
static inline void sg_request_header(sg_request *request, const char *name, const char *value) {
    sg_pair header = {sg_text_copy(sg_text_of(name)), sg_text_copy(sg_text_of(value))};
    sg_bytes_add(&request->headers, &header, sizeof header);
}

static inline bool sg_header_is(sg_text name, const char *wanted) {
    return name.size == strlen(wanted) && strncasecmp(name.data, wanted, name.size) == 0;
}

/** The first header of this name, whatever its case; its `data` is NULL where there is none. */
static inline sg_text sg_response_header(const sg_response *response, const char *name) {
    sg_text none = {NULL, 0};
    for (size_t at = 0; at < response->n_headers; at++)
        if (sg_header_is(response->headers[at].key, name)) return response->headers[at].value;
    return none;
}

static inline bool sg_target_of(const char *url, sg_target *target) {
    const char *rest = strstr(url, "://");
    size_t scheme = rest ? (size_t)(rest - url) : 0;
    target->is_tls = scheme == 5 && strncasecmp(url, "https", 5) == 0;
    if (!target->is_tls && (scheme != 4 || strncasecmp(url, "http", 4) != 0)) return false;
    rest += 3;
    /* What follows `#` is for who looks at the response. */
    size_t host = strcspn(rest, "/?#"), size = strcspn(rest, "#");
    target->authority.data = rest;
    target->authority.size = host;
    target->path = sg_format("%s%.*s", rest[host] == '/' ? "" : "/", (int)(size - host), rest + host);
    return host > 0;
}

/* What follows `?` is left out: there is where secrets stand. */
static inline sg_failure sg_http_error(const sg_request *request, sg_failure_kind kind, const char *why) {
    const char *method = request->method ? request->method : "GET";
    return sg_failure_of(kind, sg_text_of(why), "%s %.*s", method, (int)strcspn(request->url, "?#"), request->url);
}

static inline sg_failure sg_http_too_large(const sg_request *request) {
    return sg_http_error(request, SG_TOO_LARGE, sg_format("the response has more than %zu bytes", request->body_bytes_max).data);
}

#ifdef __wasm__
#include "http_wasi.h"
#else
/* A test's server: see harness_access.h. */
sg_failure sg_import_http(const sg_request *request, sg_response *response);
static inline sg_failure sg_http_client(const sg_request *request, const sg_target *target, sg_response *response) {
    (void)target;
    return sg_import_http(request, response);
}
#endif

/** Sends a request, and waits for the whole response. A status such as 404 is a response, and no error. */
static inline sg_failure sg_http_send(const sg_request *request, sg_response *response) {
    sg_target target;
    sg_request whole = *request;
    if (!whole.method) whole.method = "GET";
    if (!whole.timeout_ms) whole.timeout_ms = SG_TIMEOUT_MS;
    if (!whole.body_bytes_max) whole.body_bytes_max = SG_BODY_BYTES_MAX;
    if (!sg_target_of(whole.url, &target)) return sg_http_error(&whole, SG_OTHER, "it is no URL of http or https");
    memset(response, 0, sizeof *response);
    sg_failure error = sg_http_client(&whole, &target, response);
    if (!error.kind && response->body_size > whole.body_bytes_max) return sg_http_too_large(&whole);
    return error;
}

#ifdef __cplusplus
}
#endif
#endif
