/* Asks the kernel itself: `write` of this process is the recorder's. */
#define _GNU_SOURCE
#include "ending.h"

#include <limits.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

void give_up(const char *what, const char *name) {
    char text[2 * PATH_MAX];
    int length = snprintf(text, sizeof text, "recorder: %s: %s\n", what, name);
    if (syscall(SYS_write, STDERR_FILENO, text, (size_t)length) < 0) { }
    _exit(86);
}
