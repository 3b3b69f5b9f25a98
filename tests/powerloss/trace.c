/* Records what a process writes below a directory, in the order in which the kernel took it.
 *
 * Loaded with LD_PRELOAD. ORSZEM_TRACE_DIR is the directory (no symbolic links in its path), ORSZEM_TRACE_FILE the log.
 * One event is appended to the log with one write, while a lock keeps the order of events and calls the same:
 *
 *   u32 kind, u32 a_bytes, u32 b_bytes, u32 0, u64 inode, u64 offset, u64 begun, a, b      (little endian)
 *
 * kind      1 create  2 mkdir  3 write  4 truncate   5 sync             6 rename   7 remove  8 link   9 refused
 * a         path      path     data     -            -                  from       path      from     name of the call
 * b         -         -        -        -            -                  to         -         to       -
 * inode     of the file or directory (create, mkdir, write, truncate, sync)
 * offset    where data go (write), the length (truncate)
 * begun     events logged when the call began (sync): what came later need not be on the disk
 *
 * Writes through a shared mapping are not seen. Calls that the replay does not know are logged as `refused`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, MKDIR, WRITE, TRUNCATE, SYNC, RENAME, REMOVE, LINK, REFUSED };

struct head {
    uint32_t kind, a_bytes, b_bytes, zero;
    uint64_t inode, offset, begun;
};

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static uint64_t events;
static int log_fd = -1;
static char root[PATH_MAX];
static size_t root_bytes;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static void fail(const char *what) {
    perror(what);
    abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *directory = getenv("ORSZEM_TRACE_DIR"), *file = getenv("ORSZEM_TRACE_FILE");
    REAL(int, "open64", const char *, int, ...);
    if (!directory || !file) return;
    snprintf(root, sizeof root, "%s/", directory);
    root_bytes = strlen(root);
    log_fd = real(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) fail("the trace");
}

/* The caller holds the lock. */
static void note(uint32_t kind, uint64_t inode, uint64_t offset, uint64_t begun, const void *a, size_t a_bytes,
                 const void *b, size_t b_bytes) {
    REAL(ssize_t, "write", int, const void *, size_t);
    struct head head = {kind, (uint32_t)a_bytes, (uint32_t)b_bytes, 0, inode, offset, begun};
    size_t bytes = sizeof head + a_bytes + b_bytes;
    char *event = malloc(bytes);
    if (!event) fail("memory");
    memcpy(event, &head, sizeof head);
    if (a_bytes) memcpy(event + sizeof head, a, a_bytes);
    if (b_bytes) memcpy(event + sizeof head + a_bytes, b, b_bytes);
    if (real(log_fd, event, bytes) != (ssize_t)bytes) fail("the trace");
    free(event);
    events++;
}

static void note_path(uint32_t kind, uint64_t inode, const char *a, const char *b) {
    note(kind, inode, 0, 0, a, strlen(a), b ? b : "", b ? strlen(b) : 0);
}

static int is_below(const char *path) {
    return log_fd >= 0 && strncmp(path, root, root_bytes) == 0;
}

/* Whether `path`, relative to `at`, lies below the root; its absolute form goes to `out`. */
static int resolve(int at, const char *path, char out[PATH_MAX]) {
    if (log_fd < 0 || !path) return 0;
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
    } else {
        char link[64], base[PATH_MAX / 2];
        if (at == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t bytes = readlink(link, base, sizeof base - 1);
        if (bytes < 0) return 0;
        base[bytes] = 0;
        snprintf(out, PATH_MAX, "%s/%s", base, path);
    }
    return is_below(out);
}

/* The inode that `fd` is open on when it lies below the root or is the root itself, else 0. */
static uint64_t traced(int fd) {
    char link[64], path[PATH_MAX];
    struct stat status;
    if (log_fd < 0) return 0;
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, path, sizeof path - 2);
    errno = kept;
    if (bytes < 0) return 0;
    path[bytes] = '/';
    path[bytes + 1] = 0;
    if (!is_below(path) || fstat(fd, &status) != 0) return 0;
    return status.st_ino;
}

static void lock(void) { pthread_mutex_lock(&order); }
static void unlock(void) {
    int kept = errno;
    pthread_mutex_unlock(&order);
    errno = kept;
}

static int open_traced(int at, const char *path, int flags, mode_t mode) {
    REAL(int, "openat64", int, const char *, int, ...);
    char absolute[PATH_MAX];
    struct stat status;
    int makes = (flags & (O_CREAT | O_TRUNC)) != 0;
    if (!makes || !resolve(at, path, absolute)) return real(at, path, flags, mode);
    lock();
    int was_there = lstat(absolute, &status) == 0;
    int fd = real(at, path, flags, mode);
    if (fd >= 0 && fstat(fd, &status) == 0) {
        if (!was_there) note_path(CREATE, status.st_ino, absolute, NULL);
        else if (flags & O_TRUNC) note(TRUNCATE, status.st_ino, 0, 0, NULL, 0, NULL, 0);
    }
    unlock();
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = (mode_t)va_arg(rest, int); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return open_traced(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_traced(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_traced(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_traced(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_traced(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

ssize_t write(int fd, const void *data, size_t bytes) {
    REAL(ssize_t, "write", int, const void *, size_t);
    uint64_t inode = traced(fd);
    if (!inode) return real(fd, data, bytes);
    lock();
    ssize_t done = real(fd, data, bytes);
    if (done > 0) note(WRITE, inode, (uint64_t)(lseek64(fd, 0, SEEK_CUR) - done), 0, data, (size_t)done, NULL, 0);
    unlock();
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    uint64_t inode = traced(fd);
    if (!inode) return real(fd, data, bytes, offset);
    lock();
    ssize_t done = real(fd, data, bytes, offset);
    if (done > 0) note(WRITE, inode, (uint64_t)offset, 0, data, (size_t)done, NULL, 0);
    unlock();
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) { return pwrite64(fd, data, bytes, offset); }

/* A vector is written piece by piece; a short piece ends it, as the interface allows. */
ssize_t writev(int fd, const struct iovec *pieces, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (!traced(fd)) return real(fd, pieces, count);
    ssize_t total = 0;
    for (int at = 0; at < count; at++) {
        ssize_t done = write(fd, pieces[at].iov_base, pieces[at].iov_len);
        if (done < 0) return total ? total : done;
        total += done;
        if ((size_t)done < pieces[at].iov_len) break;
    }
    return total;
}
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t offset) {
    REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
    if (!traced(fd)) return real(fd, pieces, count, offset);
    ssize_t total = 0;
    for (int at = 0; at < count; at++) {
        ssize_t done = pwrite64(fd, pieces[at].iov_base, pieces[at].iov_len, offset + total);
        if (done < 0) return total ? total : done;
        total += done;
        if ((size_t)done < pieces[at].iov_len) break;
    }
    return total;
}
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset) {
    return pwritev64(fd, pieces, count, offset);
}

int ftruncate64(int fd, off64_t length) {
    REAL(int, "ftruncate64", int, off64_t);
    uint64_t inode = traced(fd);
    if (!inode) return real(fd, length);
    lock();
    int result = real(fd, length);
    if (result == 0) note(TRUNCATE, inode, (uint64_t)length, 0, NULL, 0, NULL, 0);
    unlock();
    return result;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int sync_traced(int fd, int (*real)(int)) {
    uint64_t inode = traced(fd);
    if (!inode) return real(fd);
    lock();
    uint64_t begun = events;
    unlock();
    int result = real(fd);
    lock();
    if (result == 0) note(SYNC, inode, 0, begun, NULL, 0, NULL, 0);
    unlock();
    return result;
}
int fsync(int fd) { REAL(int, "fsync", int); return sync_traced(fd, real); }
int fdatasync(int fd) { REAL(int, "fdatasync", int); return sync_traced(fd, real); }

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    char a[PATH_MAX], b[PATH_MAX];
    if (!(resolve(from_at, from, a) & resolve(to_at, to, b))) return real(from_at, from, to_at, to, flags);
    lock();
    int result = real(from_at, from, to_at, to, flags);
    if (result == 0) note_path(flags & ~1u ? REFUSED : RENAME, 0, a, b);
    unlock();
    return result;
}
int renameat(int from_at, const char *from, int to_at, const char *to) { return renameat2(from_at, from, to_at, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int at, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    char absolute[PATH_MAX];
    if (!resolve(at, path, absolute)) return real(at, path, flags);
    lock();
    int result = real(at, path, flags);
    if (result == 0) note_path(REMOVE, 0, absolute, NULL);
    unlock();
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    char absolute[PATH_MAX];
    struct stat status;
    if (!resolve(at, path, absolute)) return real(at, path, mode);
    lock();
    int result = real(at, path, mode);
    if (result == 0 && lstat(absolute, &status) == 0) note_path(MKDIR, status.st_ino, absolute, NULL);
    unlock();
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    char a[PATH_MAX], b[PATH_MAX];
    if (!(resolve(from_at, from, a) & resolve(to_at, to, b))) return real(from_at, from, to_at, to, flags);
    lock();
    int result = real(from_at, from, to_at, to, flags);
    if (result == 0) note_path(LINK, 0, a, b);
    unlock();
    return result;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

static void refuse(int fd, const char *call) {
    if (!traced(fd)) return;
    lock();
    note_path(REFUSED, 0, call, NULL);
    unlock();
}

int fallocate64(int fd, int how, off64_t offset, off64_t bytes) {
    REAL(int, "fallocate64", int, int, off64_t, off64_t);
    refuse(fd, "fallocate");
    return real(fd, how, offset, bytes);
}
int fallocate(int fd, int how, off_t offset, off_t bytes) { return fallocate64(fd, how, offset, bytes); }
int posix_fallocate64(int fd, off64_t offset, off64_t bytes) {
    REAL(int, "posix_fallocate64", int, off64_t, off64_t);
    refuse(fd, "posix_fallocate");
    return real(fd, offset, bytes);
}
int posix_fallocate(int fd, off_t offset, off_t bytes) { return posix_fallocate64(fd, offset, bytes); }
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t bytes, unsigned flags) {
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    refuse(to, "copy_file_range");
    return real(from, from_at, to, to_at, bytes, flags);
}
