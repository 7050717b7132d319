/* Makes a build reproducible: preloaded into the compiler of components, which seeds CPython's hashes from here. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

/* The same bytes for every call, since threads race to call. */
ssize_t getrandom(void *buffer, size_t length, unsigned flags) {
    (void)flags;
    for (size_t i = 0; i < length; i++) ((unsigned char *)buffer)[i] = (unsigned char)(37 * i + 11);
    return (ssize_t)length;
}

long syscall(long number, ...) {
    long args[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) args[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_getrandom) return getrandom((void *)args[0], (size_t)args[1], (unsigned)args[2]);
    long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* The calendar stands still; the clock that measures does not, since the compiler waits by it. */
int clock_gettime(clockid_t clock, struct timespec *time) {
    int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    if (clock != CLOCK_REALTIME) return real(clock, time);
    time->tv_sec = 1767225600; /* 2026-01-01 */
    time->tv_nsec = 0;
    return 0;
}
