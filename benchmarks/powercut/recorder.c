/*
 * Loaded in front of the C library (LD_PRELOAD): writes down, in one order, every call by which a
 * process changes files under one folder, and fails such calls on demand.
 *
 * Environment:
 *   POWERCUT_ROOT    the folder; an absolute path without links. Everything else passes through.
 *   POWERCUT_RECORD  where the record goes; none without it.
 *   POWERCUT_FAULTS  a file of rules, see faults.c; none without it.
 *
 * A record is a row of entries: struct entry, then `length` bytes (benchmarks/powercut/record.py).
 * A call is written down after it was carried out, and the next one waits until it is: the order
 * of the record is the order in which the kernel saw them.
 *
 * What cannot be written down faithfully (a mapping that is written through, a copy inside the
 * kernel) ends the process with a message (refused_calls.c): a record is whole or there is none.
 */
#include "recorder.h"
#include "ending.h"
#include "faults.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

enum op {
    CREATE = 'C', FOLDER = 'D', WRITE = 'W', TRUNCATE = 'T', SYNC = 'S', SYNC_FAILED = 'F',
    RENAME = 'R', UNLINK = 'U', MARK = 'M',
};

struct entry {
    uint8_t op;
    uint8_t unused[3];
    uint32_t length;
    uint64_t inode;
    uint64_t offset; /* of a write; the size of a truncate */
};

static char root[PATH_MAX];
static size_t root_length;
static int record_fd = -1;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, off_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_renameat)(int, const char *, int, const char *);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_mkdirat)(int, const char *, mode_t);

static void before_fork(void) { pthread_mutex_lock(&order); }
static void after_fork(void) { pthread_mutex_unlock(&order); }

static void begin(void) {
    *(void **)&real_openat = dlsym(RTLD_NEXT, "openat64");
    *(void **)&real_write = dlsym(RTLD_NEXT, "write");
    *(void **)&real_writev = dlsym(RTLD_NEXT, "writev");
    *(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    *(void **)&real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    *(void **)&real_fallocate = dlsym(RTLD_NEXT, "posix_fallocate64");
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **)&real_renameat = dlsym(RTLD_NEXT, "renameat");
    *(void **)&real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
    *(void **)&real_mkdirat = dlsym(RTLD_NEXT, "mkdirat");
    pthread_atfork(before_fork, after_fork, after_fork);
    const char *folder = getenv("POWERCUT_ROOT"), *record = getenv("POWERCUT_RECORD");
    if (folder != NULL && strlen(folder) < sizeof root) {
        strcpy(root, folder);
        root_length = strlen(root);
    }
    use_rules(getenv("POWERCUT_FAULTS"));
    if (root_length && record != NULL) {
        record_fd = real_openat(AT_FDCWD, record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (record_fd < 0)
            give_up("cannot be opened", record);
    }
}

void ready(void) { pthread_once(&once, begin); }
__attribute__((constructor)) static void loaded(void) { ready(); }

/* --- names -------------------------------------------------------------------------------- */

const char *inside(int at, const char *path, char *whole) {
    char joined[PATH_MAX], parent[PATH_MAX];
    if (!root_length || path == NULL)
        return NULL;
    if (path[0] == '/') {
        snprintf(joined, sizeof joined, "%s", path);
    } else {
        char base[PATH_MAX - 2], link[64];
        if (at == AT_FDCWD) {
            if (getcwd(base, sizeof base) == NULL)
                return NULL;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0)
                return NULL;
            base[length] = 0;
        }
        if ((size_t)snprintf(joined, sizeof joined, "%s/%s", base, path) >= sizeof joined)
            return NULL;
    }
    char *last = strrchr(joined, '/');
    *last++ = 0;
    if (realpath(joined[0] ? joined : "/", parent) == NULL)
        return NULL;
    if ((size_t)snprintf(whole, PATH_MAX, "%s/%s", parent, last) >= PATH_MAX)
        return NULL;
    if (strncmp(whole, root, root_length) != 0 || whole[root_length] != '/')
        return NULL;
    return whole + root_length + 1;
}

const char *inside_fd(int fd, char *whole) {
    char link[64];
    if (!root_length)
        return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, whole, PATH_MAX - 1);
    if (length < (ssize_t)root_length || whole[0] != '/')
        return NULL;
    whole[length] = 0;
    if (strncmp(whole, root, root_length) != 0)
        return NULL;
    if (whole[root_length] == 0)
        return whole + root_length;
    return whole[root_length] == '/' ? whole + root_length + 1 : NULL;
}

static uint64_t inode_of(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 ? (uint64_t)found.st_ino : 0;
}

static uint64_t inode_at(int at, const char *path) {
    struct stat found;
    return fstatat(at, path, &found, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)found.st_ino : 0;
}

/* --- the record --------------------------------------------------------------------------- */

static void note(enum op op, uint64_t inode, uint64_t offset, const void *data, size_t length) {
    if (record_fd < 0)
        return;
    struct entry entry = {
        .op = (uint8_t)op, .length = (uint32_t)length, .inode = inode, .offset = offset,
    };
    struct iovec parts[2] = {{&entry, sizeof entry}, {(void *)data, length}};
    int kept = errno;
    if (real_writev(record_fd, parts, 2) != (ssize_t)(sizeof entry + length))
        give_up("the record is cut short", strerror(errno));
    errno = kept;
}

static void note_name(enum op op, uint64_t inode, const char *name) {
    note(op, inode, 0, name, strlen(name));
}

/* What the process wants to be known in the same order, say "these answers were ticked". */
void powercut_mark(const char *data, size_t length);
void powercut_mark(const char *data, size_t length) {
    ready();
    pthread_mutex_lock(&order);
    note(MARK, 0, 0, data, length);
    pthread_mutex_unlock(&order);
}

/* --- opening ------------------------------------------------------------------------------ */

static int do_open(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    const char *name;
    ready();
    if (!(flags & (O_CREAT | O_TRUNC)) || (name = inside(at, path, whole)) == NULL)
        return real_openat(at, path, flags, mode);
    if ((flags & O_TMPFILE) == O_TMPFILE)
        give_up("O_TMPFILE is not modelled", name);
    pthread_mutex_lock(&order);
    int is_new = inode_at(at, path) == 0, fd = -1;
    if (!(is_new && fails("create", name)))
        fd = real_openat(at, path, flags, mode);
    if (fd >= 0 && is_new)
        note_name(CREATE, inode_of(fd), name);
    else if (fd >= 0 && (flags & O_TRUNC))
        note(TRUNCATE, inode_of(fd), 0, NULL, 0);
    pthread_mutex_unlock(&order);
    return fd;
}

#define MODE(last) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { \
        va_list more; \
        va_start(more, last); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return do_open(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return do_open(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return do_open(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* --- changing ----------------------------------------------------------------------------- */

ssize_t write(int fd, const void *data, size_t length) {
    char whole[PATH_MAX];
    ready();
    const char *name = inside_fd(fd, whole);
    if (name == NULL)
        return real_write(fd, data, length);
    pthread_mutex_lock(&order);
    ssize_t written = -1;
    if (!fails("write", name)) {
        struct stat found;
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        off_t at = appends && fstat(fd, &found) == 0 ? found.st_size : lseek(fd, 0, SEEK_CUR);
        written = real_write(fd, data, length);
        if (written > 0)
            note(WRITE, inode_of(fd), (uint64_t)at, data, (size_t)written);
    }
    pthread_mutex_unlock(&order);
    return written;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    char whole[PATH_MAX];
    ready();
    const char *name = inside_fd(fd, whole);
    if (name == NULL)
        return real_pwrite(fd, data, length, offset);
    pthread_mutex_lock(&order);
    ssize_t written = -1;
    if (!fails("write", name)) {
        written = real_pwrite(fd, data, length, offset);
        if (written > 0)
            note(WRITE, inode_of(fd), (uint64_t)offset, data, (size_t)written);
    }
    pthread_mutex_unlock(&order);
    return written;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }

/* Several buffers as one write: it may be short, which callers of writev must expect. */
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return count > 0 ? pwrite64(fd, parts[0].iov_base, parts[0].iov_len, offset) : 0;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    char whole[PATH_MAX];
    ready();
    if (count < 1 || inside_fd(fd, whole) == NULL)
        return real_writev(fd, parts, count);
    return write(fd, parts[0].iov_base, parts[0].iov_len);
}

int ftruncate64(int fd, off64_t size) {
    char whole[PATH_MAX];
    ready();
    const char *name = inside_fd(fd, whole);
    if (name == NULL)
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&order);
    int result = fails("truncate", name) ? -1 : real_ftruncate(fd, size);
    if (result == 0)
        note(TRUNCATE, inode_of(fd), (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&order);
    return result;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* It lets a file grow, with zeros; gives the error instead of setting it. */
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    char whole[PATH_MAX];
    struct stat found;
    ready();
    const char *name = inside_fd(fd, whole);
    if (name == NULL)
        return real_fallocate(fd, offset, length);
    pthread_mutex_lock(&order);
    int result = fails("write", name) ? errno : real_fallocate(fd, offset, length);
    if (result == 0 && fstat(fd, &found) == 0 && found.st_size == offset + length)
        note(TRUNCATE, inode_of(fd), (uint64_t)found.st_size, NULL, 0);
    pthread_mutex_unlock(&order);
    return result;
}
int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }

static int do_sync(int fd, int (*sync_it)(int)) {
    char whole[PATH_MAX];
    const char *name = inside_fd(fd, whole);
    if (name == NULL)
        return sync_it(fd);
    pthread_mutex_lock(&order);
    int result = fails("sync", name) ? -1 : sync_it(fd);
    int kept = errno;
    note(result == 0 ? SYNC : SYNC_FAILED, inode_of(fd), 0, NULL, 0);
    pthread_mutex_unlock(&order);
    errno = kept;
    return result;
}
int fsync(int fd) { ready(); return do_sync(fd, real_fsync); }
int fdatasync(int fd) { ready(); return do_sync(fd, real_fdatasync); }

int renameat(int from_at, const char *from, int to_at, const char *to) {
    char from_whole[PATH_MAX], to_whole[PATH_MAX], both[2 * PATH_MAX];
    ready();
    const char *from_name = inside(from_at, from, from_whole);
    const char *to_name = inside(to_at, to, to_whole);
    if (from_name == NULL && to_name == NULL)
        return real_renameat(from_at, from, to_at, to);
    if (from_name == NULL || to_name == NULL)
        give_up("a rename out of or into the folder is not modelled", from);
    pthread_mutex_lock(&order);
    int result = fails("rename", from_name) ? -1 : real_renameat(from_at, from, to_at, to);
    if (result == 0) {
        size_t length = strlen(from_name);
        memcpy(both, from_name, length + 1);
        strcpy(both + length + 1, to_name);
        note(RENAME, 0, 0, both, length + 1 + strlen(to_name));
    }
    pthread_mutex_unlock(&order);
    return result;
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int at, const char *path, int flags) {
    char whole[PATH_MAX];
    ready();
    const char *name = inside(at, path, whole);
    if (name == NULL)
        return real_unlinkat(at, path, flags);
    pthread_mutex_lock(&order);
    int result = fails("unlink", name) ? -1 : real_unlinkat(at, path, flags);
    if (result == 0)
        note_name(UNLINK, 0, name);
    pthread_mutex_unlock(&order);
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    ready();
    const char *name = inside(at, path, whole);
    if (name == NULL)
        return real_mkdirat(at, path, mode);
    pthread_mutex_lock(&order);
    int result = fails("create", name) ? -1 : real_mkdirat(at, path, mode);
    if (result == 0)
        note_name(FOLDER, inode_at(at, path), name);
    pthread_mutex_unlock(&order);
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
