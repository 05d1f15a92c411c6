/* A disk that fails, for one program: LD_PRELOAD puts these functions before those of the C library.
 *
 * Each call that changes a file or a folder is counted. Call number DISK_AT is where it happens: the process is killed, after
 * half of a write where it is one (DISK_FAULT=kill), or the call fails, and all those after it that need space (ENOSPC), all
 * those after it (EROFS), or none of them (EIO). DISK_COUNT names a file that the number of calls is written to at the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long calls, at = -1;
static const char *fault = "";

__attribute__((constructor)) static void begin(void) {
    const char *number = getenv("DISK_AT"), *kind = getenv("DISK_FAULT");
    at = number ? atol(number) : -1;
    fault = kind ? kind : "";
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("DISK_COUNT");
    FILE *file = path ? fopen(path, "we") : NULL;
    if (file) {
        fprintf(file, "%ld\n", calls);
        fclose(file);
    }
}

/* What becomes of a call: 0 as ever, -1 it fails; `dies` where the process is to be killed now. */
static int next(int takes_space, int *dies) {
    long call = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    *dies = call == at && !strcmp(fault, "kill");
    if (at < 0 || call < at || *dies) return 0;
    if (!strcmp(fault, "ENOSPC") && takes_space) return errno = ENOSPC, -1;
    if (!strcmp(fault, "EROFS")) return errno = EROFS, -1;
    if (!strcmp(fault, "EIO") && call == at) return errno = EIO, -1;
    return 0;
}

static int counts(int fd) {
    struct stat found;
    return !fstat(fd, &found) && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode));
}

static void die(void) { kill(getpid(), SIGKILL); }

#define FAILS(takes_space)                      \
    int dies, fails = next(takes_space, &dies); \
    if (dies) die();                            \
    if (fails) return -1

#define WRITES(whole, half)               \
    if (counts(fd)) {                     \
        int dies, fails = next(1, &dies); \
        if (dies) {                       \
            (void)!(half);                \
            die();                        \
        }                                 \
        if (fails) return -1;             \
    }                                     \
    return whole

ssize_t write(int fd, const void *bytes, size_t n) {
    WRITES(REAL(write)(fd, bytes, n), REAL(write)(fd, bytes, n / 2));
}
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t to) {
    WRITES(REAL(pwrite)(fd, bytes, n, to), REAL(pwrite)(fd, bytes, n / 2, to));
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t to) {
    WRITES(REAL(pwrite64)(fd, bytes, n, to), REAL(pwrite64)(fd, bytes, n / 2, to));
}

#define OPENS(call)                                                                                 \
    mode_t mode = 0;                                                                                \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                            \
        va_list more;                                                                               \
        va_start(more, flags);                                                                      \
        mode = va_arg(more, mode_t);                                                                \
        va_end(more);                                                                               \
    }                                                                                               \
    if ((flags & O_ACCMODE) != O_RDONLY && strncmp(path, "/dev/", 5) && strncmp(path, "/proc/", 6)) { \
        FAILS((flags & O_CREAT) && access(path, F_OK));                                             \
    }                                                                                               \
    return call

int open(const char *path, int flags, ...) { OPENS(REAL(open)(path, flags, mode)); }
int open64(const char *path, int flags, ...) { OPENS(REAL(open64)(path, flags, mode)); }
int openat(int at_fd, const char *path, int flags, ...) { OPENS(REAL(openat)(at_fd, path, flags, mode)); }
int openat64(int at_fd, const char *path, int flags, ...) { OPENS(REAL(openat64)(at_fd, path, flags, mode)); }

#define CHANGES(name, takes_space, parameters, arguments) \
    int name parameters {                                 \
        FAILS(takes_space);                               \
        return REAL(name) arguments;                      \
    }

CHANGES(fsync, 0, (int fd), (fd))
CHANGES(fdatasync, 0, (int fd), (fd))
CHANGES(ftruncate, 0, (int fd, off_t size), (fd, size))
CHANGES(ftruncate64, 0, (int fd, off64_t size), (fd, size))
CHANGES(rename, 1, (const char *from, const char *to), (from, to))
CHANGES(unlink, 0, (const char *path), (path))
CHANGES(mkdir, 1, (const char *path, mode_t mode), (path, mode))
CHANGES(chmod, 0, (const char *path, mode_t mode), (path, mode))
CHANGES(fchmod, 0, (int fd, mode_t mode), (fd, mode))
