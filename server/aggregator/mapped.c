#include "server/aggregator/mapped.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct mapping {
    uintptr_t from, to;
    bool is_shared;
    uint64_t inode;
};

/* "7f0c8000-7f0c9000 r--s 00000000 fd:00 1234  /path". Devices are left out: some file systems show
 * another one here than stat() does, and of a shared mapping nothing can be lost. */
static bool parse(const char *line, struct mapping *out)
{
    char *at;

    out->from = strtoull(line, &at, 16);
    if (*at != '-')
        return false;
    out->to = strtoull(at + 1, &at, 16);
    if (strlen(at) < 6 || at[0] != ' ' || at[5] != ' ')
        return false;
    out->is_shared = at[4] == 's';
    for (int blanks = 0; blanks < 2; blanks++) { /* past the offset and the device */
        at = strchr(at + (blanks == 0 ? 6 : 1), ' ');
        if (at == NULL)
            return false;
    }
    out->inode = strtoull(at, NULL, 10);
    return out->from < out->to;
}

void mapped_forget(int fd)
{
    struct stat st;
    char line[512];
    FILE *maps;

    if (fstat(fd, &st) != 0 || (maps = fopen("/proc/self/maps", "re")) == NULL)
        return;
    /* The rest of a line that is longer than the buffer is not shared memory of that file. */
    while (fgets(line, sizeof(line), maps) != NULL) {
        struct mapping m;

        if (parse(line, &m) && m.is_shared && m.inode == st.st_ino)
            (void)madvise((void *)m.from, m.to - m.from,
                          MADV_DONTNEED); /* only memory is at stake */
    }
    (void)fclose(maps);
}
