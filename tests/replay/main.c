/*
 * replay - the real worker code on scenarios: network, clock and pipes are fakes.
 *
 * Each scenario runs as it is written; then with the provider's bytes cut at every position, and
 * into single bytes; then again and again with the client going away after each command, where
 * only what must always hold is checked.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/log.h"
#include "tests/replay/checks.h"
#include "tests/replay/commands.h"
#include "tests/replay/fake.h"
#include "tests/replay/property.h"

#define PATIENCE_MS 600100 /* a call without its client ends by itself */
#define SPLIT_MAX 4096     /* longer bodies are cut in this many places only */

struct how {
    size_t split_at;
    size_t stop_after; /* commands; then the client goes. 0: to the end */
};

static void reset(struct how how)
{
    client_reset();
    provider_reset();
    time_reset();
    reports_reset();
    world_reset();
    provider.split_at = how.split_at;
}

static int run_commands(const struct scenario *s, struct how how, struct error *err)
{
    size_t n = how.stop_after > 0 ? how.stop_after : s->n;

    for (size_t i = 0; i < n; i++) {
        const struct command *c = &s->commands[i];

        if (how.stop_after > 0 && command_is_check(c))
            continue;
        if (command_run(c, err) != 0)
            return error_wrap(err, "%s:%d", s->path, c->line);
    }
    return 0;
}

static int run(const struct scenario *s, struct how how, struct error *err)
{
    int rc;

    reset(how);
    rc = run_commands(s, how, err);
    if (how.stop_after > 0)
        client_gone();
    if (rc != 0)
        client_gone(); /* so that the next one begins clean */
    time_passes(0);
    if (provider.call != NULL)
        time_passes(PATIENCE_MS); /* on_disconnect: finish */
    if (rc == 0 && check_rest(err) != 0)
        rc = error_wrap(err, "%s: at the end", s->path);
    if (rc != 0 && how.split_at > 0)
        (void)error_wrap(err, "bytes cut at %zd", (ssize_t)how.split_at);
    if (rc != 0 && how.stop_after > 0)
        (void)error_wrap(err, "client gone after line %d", s->commands[how.stop_after - 1].line);
    return rc;
}

static size_t longest_body(const struct scenario *s)
{
    size_t longest = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->commands[i].word, STR("UPSTREAM_BODY")) && s->commands[i].text.len > longest)
            longest = s->commands[i].text.len;
    }
    return longest > SPLIT_MAX ? SPLIT_MAX : longest;
}

static int run_all_ways(const struct scenario *s, struct error *err)
{
    size_t longest = longest_body(s);
    int rc = run(s, (struct how){0, 0}, err);

    for (size_t at = 1; rc == 0 && at < longest; at++)
        rc = run(s, (struct how){at, 0}, err);
    if (rc == 0 && longest > 0)
        rc = run(s, (struct how){SIZE_MAX, 0}, err);
    for (size_t n = 1; rc == 0 && n < s->n; n++)
        rc = run(s, (struct how){0, n}, err);
    return rc;
}

static int run_file(const char *path)
{
    struct error err = ERROR_INIT;
    struct scenario s;
    int rc;

    if (scenario_load(path, &s, &err) != 0) {
        printf("replay: %s\n", err.text);
        return -1;
    }
    rc = run_all_ways(&s, &err);
    if (rc != 0)
        printf("replay: %s\n", err.text);
    scenario_fini(&s);
    return rc;
}

static int is_scenario(const struct dirent *entry)
{
    return str_ends(str_of(entry->d_name), STR(".rpl"));
}

static int run_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, is_scenario, alphasort);
    int failed = 0;

    if (n <= 0) {
        printf("replay: no scenarios in %s\n", folder);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        failed += run_file(path) != 0;
        free(entries[i]);
    }
    free(entries);
    printf("replay: %d passed, %d failed\n", n - failed, failed);
    return failed > 0;
}

static int run_property(const char *seed, const char *number)
{
    struct error err = ERROR_INIT;
    uint64_t first;
    uint64_t n;

    if (!str_parse_u64(str_of(seed), &first) || !str_parse_u64(str_of(number), &n)) {
        fprintf(stderr, "replay: --property SEED NUMBER\n");
        return 2;
    }
    if (property_run(first, n, &err) != 0) {
        printf("replay: %s\n", err.text);
        return 1;
    }
    printf("replay: %s made up configurations passed\n", number);
    return 0;
}

static int run_path(const char *path)
{
    return str_ends(str_of(path), STR(".rpl")) ? run_file(path) != 0 : run_folder(path);
}

int main(int argc, char **argv)
{
    struct error err = ERROR_INIT;
    bool is_property = argc == 4 && strcmp(argv[1], "--property") == 0;
    int rc;

    if (argc != 2 && !is_property) {
        fprintf(stderr, "usage: %s FOLDER | --property SEED NUMBER\n", argv[0]);
        return 2;
    }
    log_init("replay", LOG_ERROR);
    if (world_open(&err) != 0) {
        printf("replay: %s\n", err.text);
        return 1;
    }
    rc = is_property ? run_property(argv[2], argv[3]) : run_path(argv[1]);
    client_reset();
    provider_reset();
    arena_free(client.arena);
    arena_free(provider.arena);
    world_close();
    return rc;
}
