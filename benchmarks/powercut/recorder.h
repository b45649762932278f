/* What the parts of the recorder share. */
#pragma once
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* To be called first, by whatever is in front of the C library. */
void ready(void);

/* The path relative to the folder, NULL for one outside of it; the last part may not exist.
 * `whole` has room for PATH_MAX bytes. */
const char *inside(int at, const char *path, char *whole);

/* The file or folder behind a descriptor, likewise; "" is the folder itself. */
const char *inside_fd(int fd, char *whole);
