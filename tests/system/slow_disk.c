/* Preloaded into the agent: a disk that takes its time. The file in $SLOW_DISK says how long each
 * sync takes, in ms. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void take_time(void)
{
    unsigned ms = 0;
    FILE *file = fopen(getenv("SLOW_DISK"), "r");
    if (file) {
        if (fscanf(file, "%u", &ms) == 1) {
            usleep(ms * 1000);
        }
        fclose(file);
    }
}

int fsync(int fd)
{
    take_time();
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    take_time();
    return (int)syscall(SYS_fdatasync, fd);
}
