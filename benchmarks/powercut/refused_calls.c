/* Calls that change a file in ways that the record cannot tell: refused, loudly. */
#include "recorder.h"
#include "ending.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <sys/mman.h>

/* SQLite shares its index of the log (-shm) through memory; no durable state is in it. */
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
    char whole[PATH_MAX];
    ready();
    if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED)) {
        const char *name = inside_fd(fd, whole);
        if (name != NULL && fnmatch("*-shm", name, 0) != 0)
            give_up("a mapping that is written through is not modelled", name);
    }
    static __typeof__(&mmap64) real;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "mmap64");
    return real(address, length, protection, flags, fd, offset);
}
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap64(address, length, protection, flags, fd, offset);
}

static void refuse_fd(int fd, const char *what) {
    char whole[PATH_MAX];
    ready();
    if (inside_fd(fd, whole) != NULL)
        give_up(what, whole);
}

static void refuse_path(const char *path, const char *what) {
    char whole[PATH_MAX];
    ready();
    if (inside(AT_FDCWD, path, whole) != NULL)
        give_up(what, path);
}

/* REFUSED(result, name, types, arguments, check): the call NAME, unless it is about the folder. */
#define REFUSED(result, name, types, arguments, check) \
    result name types { \
        static __typeof__(&name) real; \
        check; \
        if (real == NULL) \
            *(void **)&real = dlsym(RTLD_NEXT, #name); \
        return real arguments; \
    }
#define COPIES(name, offset) \
    REFUSED(ssize_t, name, (int to, int from, offset *at, size_t length), (to, from, at, length), \
            refuse_fd(to, #name " is not modelled"))
#define PUNCHES(name, offset) \
    REFUSED(int, name, (int fd, int mode, offset at, offset length), (fd, mode, at, length), \
            refuse_fd(fd, #name " is not modelled"))
#define CUTS(name, offset) \
    REFUSED(int, name, (const char *path, offset size), (path, size), \
            refuse_path(path, #name " is not modelled"))
#define LINKS(name) \
    REFUSED(int, name, (const char *from, const char *to), (from, to), \
            refuse_path(to, #name " is not modelled"))

COPIES(sendfile, off_t)
COPIES(sendfile64, off64_t)
PUNCHES(fallocate, off_t)
PUNCHES(fallocate64, off64_t)
CUTS(truncate, off_t)
CUTS(truncate64, off64_t)
LINKS(link)
LINKS(symlink)
REFUSED(ssize_t, copy_file_range,
        (int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags),
        (from, from_at, to, to_at, length, flags),
        refuse_fd(to, "copy_file_range is not modelled"))

/* The C library's own calls inside fopen cannot be seen. */
FILE *fopen64(const char *path, const char *mode) {
    static __typeof__(&fopen64) real;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fopen64");
    if (strpbrk(mode, "wa+") != NULL)
        refuse_path(path, "fopen for writing is not modelled");
    return real(path, mode);
}
FILE *fopen(const char *path, const char *mode) { return fopen64(path, mode); }

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    if (flags)
        give_up("renameat2 with flags is not modelled", from);
    return renameat(from_at, from, to_at, to);
}
