/*
 * Preloaded into the agent: what the kernel says of time, as a test wants it. The wall clock itself
 * is libfaketime's.
 *
 * The file in $KERNEL_TIME holds three words: the boot's id; the machine's own CLOCK_BOOTTIME at
 * which this boot begins, in ns; and what adjtimex(2) says: "none" (nothing disciplines the clock),
 * "refused" (one may not ask), or how wrong the clock may be, in us.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define NS 1000000000LL

static char boot_id[64];
static long long began_ns;

static void look(char *said)
{
    FILE *file = fopen(getenv("KERNEL_TIME"), "r");
    if (!file || fscanf(file, "%63s %lld %31s", boot_id, &began_ns, said) != 3) {
        _exit(99);
    }
    fclose(file);
}

int adjtimex(struct timex *timex)
{
    char said[32];
    look(said);
    timex->maxerror = atol(said);
    if (!strcmp(said, "refused")) {
        errno = EPERM;
        return -1;
    }
    return strcmp(said, "none") ? TIME_OK : TIME_ERROR;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*next)(clockid_t, struct timespec *);
    static int known;
    char said[32];
    if (clock != CLOCK_BOOTTIME) {
        if (!next) {
            next = dlsym(RTLD_NEXT, "clock_gettime");
        }
        return next(clock, time);
    }
    if (!known) {
        look(said);
        known = 1;
    }
    syscall(SYS_clock_gettime, clock, time);
    long long ns = time->tv_sec * NS + time->tv_nsec - began_ns;
    time->tv_sec = ns / NS;
    time->tv_nsec = ns % NS;
    return 0;
}

static int open_id(void)
{
    char said[32];
    int ends[2];
    look(said);
    if (pipe(ends)) {
        return -1;
    }
    dprintf(ends[1], "%s\n", boot_id);
    close(ends[1]);
    return ends[0];
}

int open64(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    if (!next) {
        next = dlsym(RTLD_NEXT, "open64");
    }
    return strcmp(path, BOOT_ID) ? next(path, flags, mode) : open_id();
}
