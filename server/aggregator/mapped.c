#include "server/aggregator/mapped.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

void mapped_forget(int fd)
{
    struct stat st;
    char line[512];
    FILE *maps;

    if (fstat(fd, &st) != 0 || (maps = fopen("/proc/self/maps", "re")) == NULL)
        return;
    while (fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t from;
        uintptr_t to;
        uint64_t inode;
        char sharing;

        /*
         * The rest of a line longer than the buffer does not look like this. Devices are not
         * compared, some file systems show another one here; of a shared mapping nothing is lost
         * in any case.
         */
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*3s%c %*x %*s %" SCNu64, &from, &to, &sharing,
                   &inode) == 4 &&
            sharing == 's' && inode == st.st_ino)
            (void)madvise((void *)from, to - from, MADV_DONTNEED); /* only memory would be saved */
    }
    (void)fclose(maps);
}
