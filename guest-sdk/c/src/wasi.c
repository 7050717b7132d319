/*
 * WASI without a world: what the C library would ask of it, answered here, so that a component imports the contract alone.
 *
 * Standard output and error go to the log; there are no files, arguments or variables; clocks stand still, and random
 * numbers are the same in every run. A C library finds these functions by the names of its imports.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../include/sluicegate/wire.h"

#define INFO 2
#define WARN 3
#define ERRNO_BADF 8
#define ERRNO_NOTSUP 58

/* A function under the names that wasi-libc and zig's C library import it by. */
#define WASI(result, name, parameters, arguments)                                                  \
    result sg_wasi_##name parameters __asm__("__imported_wasi_snapshot_preview1_" #name);          \
    result sg_zig_##name parameters __asm__(#name "|wasi_snapshot_preview1");                      \
    result sg_zig_##name parameters { return sg_wasi_##name arguments; }                           \
    result sg_wasi_##name parameters

typedef struct {
    const char *data;
    size_t size;
} part;

/* What was written without the end of its line yet, for standard output and for standard error. */
typedef struct {
    char text[1024];
    size_t size;
} line;

static line lines[2];

static void flush_line(int fd) {
    line *line = &lines[fd - 1];
    if (line->size) sg_import_log(fd == 1 ? INFO : WARN, line->text, line->size);
    line->size = 0;
}

static void write_part(int fd, const part *part) {
    line *line = &lines[fd - 1];
    for (size_t at = 0; at < part->size; at++) {
        if (part->data[at] == '\n') flush_line(fd);
        else line->text[line->size++] = part->data[at];
        if (line->size == sizeof line->text) flush_line(fd);
    }
}

WASI(int, fd_write, (int fd, const void *parts, size_t n_parts, size_t *written), (fd, parts, n_parts, written)) {
    if (fd != 1 && fd != 2) return ERRNO_BADF;
    *written = 0;
    for (size_t at = 0; at < n_parts; at++) {
        const part *each = (const part *)parts + at;
        write_part(fd, each);
        *written += each->size;
    }
    /* The C library buffers standard output by lines, but hands over at once what goes to standard error. */
    if (fd == 2) flush_line(fd);
    return 0;
}

WASI(int, fd_read, (int fd, const void *parts, size_t n_parts, size_t *n_read), (fd, parts, n_parts, n_read)) {
    *n_read = 0;
    (void)parts, (void)n_parts;
    return fd == 0 ? 0 : ERRNO_BADF;
}

WASI(int, fd_fdstat_get, (int fd, uint8_t *stat), (fd, stat)) {
    memset(stat, 0, 24);
    stat[0] = 2; /* a terminal: the C library ends its buffer at each line */
    return fd < 0 || fd > 2 ? ERRNO_BADF : 0;
}

WASI(int, fd_close, (int fd), (fd)) { return fd < 0 || fd > 2 ? ERRNO_BADF : 0; }
WASI(int, fd_seek, (int fd, int64_t to, int whence, int64_t *at), (fd, to, whence, at)) {
    (void)fd, (void)to, (void)whence, (void)at;
    return ERRNO_BADF;
}
WASI(int, fd_fdstat_set_flags, (int fd, int flags), (fd, flags)) { return (void)fd, (void)flags, ERRNO_BADF; }
WASI(int, fd_prestat_get, (int fd, void *stat), (fd, stat)) { return (void)fd, (void)stat, ERRNO_BADF; }
WASI(int, fd_prestat_dir_name, (int fd, void *name, size_t size), (fd, name, size)) {
    return (void)fd, (void)name, (void)size, ERRNO_BADF;
}

static int nothing(size_t *count, size_t *size) {
    *count = *size = 0;
    return 0;
}

WASI(int, args_sizes_get, (size_t *count, size_t *size), (count, size)) { return nothing(count, size); }
WASI(int, environ_sizes_get, (size_t *count, size_t *size), (count, size)) { return nothing(count, size); }
WASI(int, args_get, (void *list, void *text), (list, text)) { return (void)list, (void)text, 0; }
WASI(int, environ_get, (void *list, void *text), (list, text)) { return (void)list, (void)text, 0; }

WASI(int, clock_time_get, (int clock, int64_t precision, uint64_t *time), (clock, precision, time)) {
    (void)clock, (void)precision;
    *time = 0;
    return 0;
}

WASI(int, clock_res_get, (int clock, uint64_t *resolution), (clock, resolution)) {
    (void)clock;
    *resolution = 1;
    return 0;
}

WASI(int, random_get, (uint8_t *bytes, size_t size), (bytes, size)) {
    static uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t at = 0; at < size; at++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[at] = (uint8_t)state;
    }
    return 0;
}

WASI(int, poll_oneoff, (const void *in, void *out, size_t n_in, size_t *n_out), (in, out, n_in, n_out)) {
    (void)in, (void)out, (void)n_in, (void)n_out;
    return ERRNO_NOTSUP;
}

WASI(int, sched_yield, (void), ()) { return 0; }

WASI(void, proc_exit, (int code), (code)) {
    static const char message[] = "the transform called `exit` or `abort`";
    (void)code;
    flush_line(1);
    flush_line(2);
    sg_import_log(4, message, sizeof message - 1);
    __builtin_trap();
}
