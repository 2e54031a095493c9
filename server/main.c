/*
 * main - the command line of bowfin.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <malloc.h>

#include "server/master/master.h"

#define MAP_FROM_BYTES (128 << 10)

int main(int argc, char **argv)
{
    /*
     * glibc moves this bound up to the largest block that was ever given back. The children would inherit that, and
     * their large tables, of which they touch a few pages, would lie in the heap and be cleared whole.
     */
    (void)mallopt(M_MMAP_THRESHOLD, MAP_FROM_BYTES);
    return master_command(argc, argv);
}
