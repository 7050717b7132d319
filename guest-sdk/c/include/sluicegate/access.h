/*
 * Why something beyond the columns could not be reached: what objects.h, secrets.h and http.h have in common.
 */
#ifndef SLUICEGATE_ACCESS_H
#define SLUICEGATE_ACCESS_H

#include "../sluicegate.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a transform may want to tell apart. Objects have those up to `SG_UNAVAILABLE`, secrets the first and that, HTTP the first and the rest. */
typedef enum sg_failure_kind {
    SG_NO_FAILURE,
    /** The step does not declare it, or a policy refuses it. */
    SG_DENIED,
    /** There is no such object. */
    SG_MISSING,
    /** There is one already, or this run has written one already. */
    SG_EXISTS,
    /** A path that names nothing: empty, absolute, with `..`, or too long. */
    SG_MALFORMED,
    /** A limit was reached; another try changes nothing. */
    SG_LIMIT,
    /** Whoever has it did not do it; another try may help. */
    SG_UNAVAILABLE,
    /** Something took too long. */
    SG_TIMEOUT,
    /** The server could not be reached, or did not hold the connection. */
    SG_CONNECTION,
    /** The response, or the request, is larger than somebody accepts. */
    SG_TOO_LARGE,
    /** Whatever else went wrong. */
    SG_OTHER
} sg_failure_kind;

/** Why something was not done; its kind is `SG_NO_FAILURE`, which is false, where it was. */
typedef struct sg_failure {
    sg_failure_kind kind;
    sg_text message;
} sg_failure;

/** The kind of an error as a word: `denied`, `missing`, `too-large`. */
static inline const char *sg_failure_word(sg_failure error) {
    static const char *const words[] = {"none",        "denied",  "missing",    "exists",    "malformed", "limit",
                                        "unavailable", "timeout", "connection", "too-large", "other"};
    return words[error.kind];
}

/** `return sg_failed(error)`: ends the run with it, transient where another try may help. */
static inline sg_status sg_failed(sg_failure error) {
    if (error.kind == SG_NO_FAILURE) return SG_OK;
    bool again = error.kind == SG_UNAVAILABLE || error.kind == SG_TIMEOUT || error.kind == SG_CONNECTION;
    return sg_fail(again ? SG_TRANSIENT : SG_DATA, "%.*s", SG_ARG(error.message));
}

static inline sg_failure sg_no_failure(void) {
    sg_failure error = {SG_NO_FAILURE, {"", 0}};
    return error;
}

/* An error of `what`, a format with its arguments, whose reason is `why`. */
SG_PRINTF(3, 4) static inline sg_failure sg_failure_of(sg_failure_kind kind, sg_text why, const char *what, ...) {
    va_list arguments;
    va_start(arguments, what);
    sg_text text = sg_vformat(what, arguments);
    va_end(arguments);
    sg_failure error = {kind, sg_format("%.*s: %.*s", SG_ARG(text), SG_ARG(why))};
    return error;
}

#ifdef __wasm__
#define SG_IMPORT_OF(interface, name) __attribute__((import_module(interface), import_name(name)))
#else
#define SG_IMPORT_OF(interface, name)
#endif

#ifdef __cplusplus
}
#endif
#endif
