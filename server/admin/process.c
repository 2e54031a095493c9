/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/str.h"

#define STAT_UTIME 12 /* fields behind the name's closing bracket: state is 1 */
#define STAT_STIME 13

/* A small file of /proc as text; empty when there is none. */
static struct str read_proc(uint32_t pid, const char *file, char *text, size_t room)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, file);
    int fd = pid != 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return STR_NONE;
    ssize_t n = read(fd, text, room);
    fd_close(&fd);
    return n > 0 ? (struct str){text, (size_t)n} : STR_NONE;
}

/* Field number `at` (from 1) of a line with single blanks; 0 when it is not a number. */
static uint64_t field(struct str line, int at)
{
    struct str part = STR_NONE;
    uint64_t n = 0;

    for (int i = 0; i < at; i++) {
        if (!str_next(&line, ' ', &part))
            return 0;
    }
    return str_parse_u64(part, &n) ? n : 0;
}

uint64_t process_resident_bytes(uint32_t pid)
{
    char text[256];

    return field(read_proc(pid, "statm", text, sizeof(text)), 2) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t process_cpu_us(uint32_t pid)
{
    char text[1024];
    struct str line = read_proc(pid, "stat", text, sizeof(text));
    const char *close = line.len > 0 ? memrchr(line.p, ')', line.len) : NULL;
    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);

    if (close == NULL)
        return 0;
    line = str_skip(line, (size_t)(close - line.p) + 2);
    return (field(line, STAT_UTIME) + field(line, STAT_STIME)) * 1000000 / ticks;
}
