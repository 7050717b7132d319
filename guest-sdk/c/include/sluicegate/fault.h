/*
 * Faults, messages and panics.
 */
#ifndef SLUICEGATE_FAULT_H
#define SLUICEGATE_FAULT_H

#include <stdarg.h>
#include <stdio.h>

#include "memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a call ended; whatever is not `SG_OK` ends the run with the message that was given. */
typedef enum sg_status {
    SG_OK,
    /** The parameters or the input schema do not fit: the run fails before any data is read. */
    SG_INVALID,
    /** The data cannot be processed. For a single bad row there is `sg_reject`. */
    SG_DATA,
    /** Worth another try. */
    SG_TRANSIENT
} sg_status;

/** How much a message matters. */
typedef enum sg_level { SG_TRACE, SG_DEBUG, SG_INFO, SG_WARN, SG_ERROR } sg_level;

#define SG_PRINTF(text, arguments) __attribute__((format(printf, text, arguments)))

/** Formats like printf, into memory of the call that runs; ended by a zero. */
static inline sg_text sg_vformat(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    sg_text text = {"", 0};
    if (size < 0) return text;
    char *data = (char *)sg_alloc((size_t)size + 1);
    vsnprintf(data, (size_t)size + 1, format, arguments);
    text.data = data;
    text.size = (size_t)size;
    return text;
}

/** Formats like printf, into memory of the call that runs; ended by a zero. */
SG_PRINTF(1, 2) static inline sg_text sg_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sg_text text = sg_vformat(format, arguments);
    va_end(arguments);
    return text;
}

/* A text for printf's "%.*s". */
#define SG_ARG(text) (int)(text).size, (text).data

/** Writes one message for the person who runs the transform; the host limits their volume. */
SG_PRINTF(2, 3) static inline void sg_log(sg_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sg_text text = sg_vformat(format, arguments);
    va_end(arguments);
    sg_import_log((uint32_t)level, text.data, text.size);
}

#define sg_trace(...) sg_log(SG_TRACE, __VA_ARGS__)
#define sg_debug(...) sg_log(SG_DEBUG, __VA_ARGS__)
#define sg_info(...) sg_log(SG_INFO, __VA_ARGS__)
#define sg_warn(...) sg_log(SG_WARN, __VA_ARGS__)
#define sg_error(...) sg_log(SG_ERROR, __VA_ARGS__)

/** Ends the transform at once: logs the message with its place at level error, and traps. */
#define sg_panic(...) sg_panic_at(__FILE__, __LINE__, __func__, __VA_ARGS__)

/** Panics unless a condition holds; unlike `assert`, in every build. */
#define sg_check(condition)                                                                        \
    ((condition) ? (void)0 : sg_panic_at(__FILE__, __LINE__, __func__, "`%s` does not hold", #condition))

/* No function that panics is inlined where it matters: the host shows the names of the frames. */
SG_PRINTF(4, 5) __attribute__((noreturn, cold))
static inline void sg_panic_at(const char *file, int line, const char *function, const char *format, ...) {
    /* On the stack, since memory may be why. */
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    int place = snprintf(message, sizeof message, "panicked at %s:%d in `%s`: ", file, line, function);
    size_t size = place < 0 ? 0 : (size_t)place < sizeof message ? (size_t)place : sizeof message - 1;
    int rest = vsnprintf(message + size, sizeof message - size, format, arguments);
    va_end(arguments);
    if (rest > 0) size += (size_t)rest < sizeof message - size ? (size_t)rest : sizeof message - size - 1;
    sg_import_log(SG_ERROR, message, size);
    __builtin_trap();
}

static inline void sg_out_of_memory(size_t size) {
    sg_panic("out of memory: %zu bytes were asked for; the limit is `guest_memory`", size);
}

/* Keeps the message of a fault until the call returns. */
SG_PRINTF(2, 3) static inline sg_status sg_fail(sg_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sg_now.fault.kind = (uint8_t)(status - SG_INVALID);
    sg_now.fault.message = sg_vformat(format, arguments);
    va_end(arguments);
    return status;
}

/** `return sg_invalid("...")`: the parameters or the input do not fit. */
#define sg_invalid(...) sg_fail(SG_INVALID, __VA_ARGS__)
/** `return sg_data("...")`: the data cannot be processed. */
#define sg_data(...) sg_fail(SG_DATA, __VA_ARGS__)
/** `return sg_transient("...")`: worth another try. */
#define sg_transient(...) sg_fail(SG_TRANSIENT, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
