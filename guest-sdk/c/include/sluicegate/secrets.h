/*
 * Secrets that the step declares as readable. Those that only go into headers of requests are never here. plugin.toml needs
 * `access = ["secrets"]`.
 */
#ifndef SLUICEGATE_SECRETS_H
#define SLUICEGATE_SECRETS_H

#include "access.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What crosses the boundary. */
typedef struct sg_wire_secret {
    uint8_t failed;
    union {
        sg_text secret;
        struct {
            uint8_t unavailable;
            sg_text why;
        } error;
    } as;
} sg_wire_secret;

SG_IMPORT_OF("sluicegate:access/secrets@0.1.0", "read")
void sg_import_secret(const char *name, size_t size, sg_wire_secret *secret);

/** The secret of this name, in memory of the call that runs. It fails with `SG_DENIED` or `SG_UNAVAILABLE`. */
static inline sg_failure sg_secret_read(const char *name, sg_text *secret) {
    sg_wire_secret read;
    sg_import_secret(name, strlen(name), &read);
    if (read.failed)
        return sg_failure_of(read.as.error.unavailable ? SG_UNAVAILABLE : SG_DENIED, read.as.error.why, "secret `%s`", name);
    *secret = sg_text_copy(read.as.secret);
    return sg_no_failure();
}

#ifdef __cplusplus
}
#endif
#endif
