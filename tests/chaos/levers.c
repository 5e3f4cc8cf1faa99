/* Preloaded into a process: a file of two numbers moves its clock and fills its disk, while it runs.
 *
 * Only the wall clock moves; the monotonic one cannot. A full disk lets be overwritten what is there, and lets nothing
 * grow, as a real one does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct levers { volatile int64_t ahead_ns, full; };

static const struct levers none;
static const struct levers *levers = &none;

__attribute__((constructor)) static void take_hold(void) {
    const char *path = getenv("CHAOS_LEVERS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *found = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) levers = found;
    close(file);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = (int) syscall(SYS_clock_gettime, which, now);
    if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        int64_t all = now->tv_sec * 1000000000LL + now->tv_nsec + levers->ahead_ns;
        now->tv_sec = all / 1000000000LL;
        now->tv_nsec = all % 1000000000LL;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void) zone;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *also) {
    struct timespec exact;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    if (also) *also = exact.tv_sec;
    return exact.tv_sec;
}

static int no_room(int file, off_t end) {
    struct stat is;
    return levers->full && !fstat(file, &is) && S_ISREG(is.st_mode) && end > is.st_size;
}

#define REFUSE_BEYOND(file, end) if (no_room(file, end)) { errno = ENOSPC; return -1; }
#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    REFUSE_BEYOND(file, at + (off_t) count)
    return syscall(SYS_pwrite64, file, bytes, count, at);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) { return pwrite64(file, bytes, count, at); }

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at) {
    size_t all = 0;
    for (int i = 0; i < count; i++) all += parts[i].iov_len;
    REFUSE_BEYOND(file, at + (off_t) all)
    return REAL(pwritev64)(file, parts, count, at);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) { return pwritev64(file, parts, count, at); }

ssize_t write(int file, const void *bytes, size_t count) {
    if (levers->full && file > 2) {
        off_t at = lseek(file, 0, SEEK_CUR);
        if (at >= 0) REFUSE_BEYOND(file, at + (off_t) count)
    }
    return syscall(SYS_write, file, bytes, count);
}

int posix_fallocate64(int file, off64_t at, off64_t count) {
    return no_room(file, at + count) ? ENOSPC : REAL(posix_fallocate64)(file, at, count);
}

int posix_fallocate(int file, off_t at, off_t count) { return posix_fallocate64(file, at, count); }
