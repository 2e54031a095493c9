/*
 * replay_main - a fuzz target as a plain program: each file of its corpus once.
 *
 *   fuzz_x            files of tests/fuzz/corpus/fuzz_x
 *   fuzz_x PATH...    those files, or the files of those folders
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/base/alloc.h"
#include "server/base/fd.h"

#define INPUT_MAX (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    struct error err = ERROR_INIT;
    struct buf bytes = BUF_INIT;
    uint8_t *exact; /* so that a read past the end is one past the allocation's end */

    if (fd_read_file(path, INPUT_MAX, &bytes, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    exact = xalloc(bytes.len > 0 ? bytes.len : 1);
    if (bytes.len > 0)
        memcpy(exact, bytes.data, bytes.len);
    (void)LLVMFuzzerTestOneInput(exact, bytes.len);
    free(exact);
    buf_fini(&bytes);
    return 0;
}

static int run_folder(const char *path, unsigned *n)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    int rc = 0;

    if (folder == NULL) {
        perror(path);
        return -1;
    }
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        char file[PATH_MAX];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        rc = run_file(file);
        *n += 1;
    }
    (void)closedir(folder);
    return rc;
}

static int run_path(const char *path, unsigned *n)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return run_folder(path, n);
    *n += 1;
    return run_file(path);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash != NULL ? slash + 1 : argv[0];
    char corpus[PATH_MAX];
    unsigned n = 0;
    int rc = 0;

    (void)snprintf(corpus, sizeof(corpus), "tests/fuzz/corpus/%s", name);
    if (argc < 2)
        rc = run_path(corpus, &n);
    for (int i = 1; i < argc && rc == 0; i++)
        rc = run_path(argv[i], &n);
    if (rc != 0 || n == 0)
        return 1; /* a corpus without files shows nothing */
    printf("%s: %u inputs\n", name, n);
    return 0;
}
