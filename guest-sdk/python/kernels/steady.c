/* Makes builds reproducible: preloaded into the compiler of components, which keeps CPython's memory as it was after
 * the imports, it gives random bytes, clocks, and the times and numbers of files the same values in every build.
 *
 * The compiler asks the kernel about files without the C library, so a filter turns those calls into signals: `build`
 * installs it by `steady_files`.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

void steady_files(void);

/* 2026-01-01, as `build` gives files. */
#define MADE_AT 1767225600
/* The sixth argument of a call that is ours; calls about files have fewer. */
#define OURS 0x736c7569
/* Files that are told apart; a build sees about two thousand. */
#define FILES_MAX 65536

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

/* The clocks that CPython asks stand still; the compiler waits for nothing that time alone brings. */
int clock_gettime(clockid_t clock, struct timespec *time) {
    int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) return real(clock, time);
    time->tv_sec = MADE_AT;
    time->tv_nsec = 0;
    return 0;
}

/* Files are numbered in the order in which they are first asked about. */
static uint64_t number_of(uint64_t inode) {
    static uint64_t seen[FILES_MAX];
    static int held;
    static uint64_t next;
    static uint64_t numbers[FILES_MAX];
    while (__atomic_exchange_n(&held, 1, __ATOMIC_ACQUIRE)) {}
    uint64_t at = inode * 0x9e3779b97f4a7c15u >> 48;
    while (seen[at] && seen[at] != inode) at = (at + 1) % FILES_MAX;
    if (!seen[at] && next < FILES_MAX - 1) {
        seen[at] = inode;
        numbers[at] = ++next;
    }
    uint64_t number = numbers[at];
    __atomic_store_n(&held, 0, __ATOMIC_RELEASE);
    return number;
}

static long call(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = OURS;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = OURS;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#endif
}

static void steady(struct stat *file) {
    const struct timespec made = {MADE_AT, 0};
    file->st_atim = file->st_mtim = file->st_ctim = made;
    file->st_ino = number_of(file->st_ino);
    file->st_dev = 1;
}

static void steady_extended(struct statx *file) {
    const struct statx_timestamp made = {.tv_sec = MADE_AT};
    file->stx_atime = file->stx_btime = file->stx_ctime = file->stx_mtime = made;
    file->stx_ino = number_of(file->stx_ino);
    file->stx_dev_major = 0;
    file->stx_dev_minor = 1;
}

static void asked(int signal, siginfo_t *info, void *context) {
    (void)signal;
#if defined(__x86_64__)
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    long a = r[REG_RDI], b = r[REG_RSI], c = r[REG_RDX], d = r[REG_R10], e = r[REG_R8];
#else
    unsigned long long *r = ((ucontext_t *)context)->uc_mcontext.regs;
    long a = r[0], b = r[1], c = r[2], d = r[3], e = r[4];
#endif
    long result = call(info->si_syscall, a, b, c, d, e);
    if (result == 0) {
        if (info->si_syscall == SYS_statx) steady_extended((struct statx *)e);
        else if (info->si_syscall == SYS_fstat) steady((struct stat *)b);
        else steady((struct stat *)c);
    }
#if defined(__x86_64__)
    r[REG_RAX] = result;
#else
    r[0] = result;
#endif
}

/* Called once Python runs, whose own questions about files differ from machine to machine. */
void steady_files(void) {
    struct sigaction action = {.sa_sigaction = asked, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statx, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fstat, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_newfstatat, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OURS, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
