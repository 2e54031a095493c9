/*
 * journal - usage and logs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/bfctl/journal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/table.h"

#define LOGS_DEFAULT 50
#define CURSOR_ROOM 32
#define FOLLOW_MS 500 /* between looks; a look without news is one indexed read */

static const char time_note[] =
    "A TIME is 2026-11-22, 2026-11-22T16:45:00Z, milliseconds since 1970, or an age: 15m, 24h, "
    "7d.\n"
    "--since is the first moment that counts, --until the first that does not.\n";

#define OPTION(member) offsetof(struct journal_options, member), ARG_ONE
#define FILTERS                                                                                    \
    {"--key", "NAME|ID|none", "of this virtual key; none: of no key", OPTION(key)},                \
        {"--team", "NAME|ID|none", "of this team's keys", OPTION(team)},                           \
        {"--customer", "NAME|ID|none", "of this customer's keys", OPTION(customer)},               \
        {"--provider", "NAME", "the provider that answered", OPTION(provider)},                    \
        {"--since", "TIME", "from then on", OPTION(since)},                                        \
        {"--from", "TIME", NULL, OPTION(since)}, {"--until", "TIME", "up to then", OPTION(until)}, \
    {                                                                                              \
        "--to", "TIME", NULL, OPTION(until)                                                        \
    }

static const struct arg usage_args[] = {
    {"--by", "LIST",
     "what to sum over: words of day, customer, team, key, provider, model with commas, or none "
     "(default: key,provider,model)",
     OPTION(by)},
    {"--model", "NAME", "the model, as its provider calls it", OPTION(model)},
    FILTERS,
};

static const struct arg reprice_args[] = {
    {"--prices", "FILE",
     "a price list to try, before the book in force (as below prices: in the "
     "configuration)",
     OPTION(prices)},
    {"--model", "NAME", "the model, as its provider calls it", OPTION(model)},
    FILTERS,
};

static const struct arg logs_args[] = {
    {"-f", NULL, "go on with new ones, as they come", OPTION(follow)},
    {"--follow", NULL, NULL, OPTION(follow)},
    {"--limit", "N", "the newest N (default: 50)", OPTION(limit)},
    {"--model", "NAME", "the model, as it was asked for or as its provider calls it",
     OPTION(model)},
    {"--status", "404|4xx", "of this status, or class of them", OPTION(status)},
    FILTERS,
};

const struct args usage_uses[] = {
    {"", "who spent what on which model", usage_args, ARRAY_LEN(usage_args),
     "A TIME is 2026-11-22, 2026-11-22T16:45:00Z, or an age: 15m, 24h, 7d.\n"
     "Sums are of whole days (UTC): each day that has a moment from --since up to --until counts.\n"
     "bfctl logs and bfctl usage reprice go by the moment in which a request began.\n"},
    {"reprice", "what the log's tokens would have cost by other prices; nothing is changed",
     reprice_args, ARRAY_LEN(reprice_args), time_note},
    ARGS_END,
};

const struct args logs_uses[] = {
    {"", "one line per request, oldest first", logs_args, ARRAY_LEN(logs_args), time_note},
    ARGS_END,
};

void journal_filters(struct buf *path, const struct journal_options *f)
{
    const struct {
        const char *name, *value;
    } all[] = {{"key", f->key},     {"team", f->team},         {"customer", f->customer},
               {"model", f->model}, {"provider", f->provider}, {"since", f->since},
               {"until", f->until}, {"status", f->status}};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i].value != NULL)
            ctl_query(path, all[i].name, all[i].value);
    }
}

/* --- usage --- */

static const char *const group_names[] = {"day", "customer", "team", "key", "provider", "model"};

static bool has_word(const char *list, const char *word)
{
    struct str rest = str_of(list), part;

    while (str_next(&rest, ',', &part)) {
        if (str_eq(part, str_of(word)))
            return true;
    }
    return false;
}

static void usage_row(struct table *t, const struct json *r, const char *by)
{
    const struct json *tokens = json_get(r, "tokens");

    for (size_t i = 0; i < ARRAY_LEN(group_names); i++) {
        if (has_word(by, group_names[i]))
            table_str(t, ctl_str(r, group_names[i]));
    }
    table_count(t, ctl_u64(r, "requests"));
    table_count(t, ctl_u64(r, "failed"));
    table_count(t, ctl_u64(tokens, "input"));
    table_count(t, ctl_u64(tokens, "cached"));
    table_count(t, ctl_u64(tokens, "output"));
    table_count(t, ctl_u64(tokens, "reasoning"));
    table_str(t, ctl_str(r, "cost"));
    table_count(t, ctl_u64(r, "estimated"));
    table_count(t, ctl_u64(r, "unpriced"));
}

static bool is_filtered(const struct journal_options *f)
{
    return f->key != NULL || f->team != NULL || f->customer != NULL || f->model != NULL ||
           f->provider != NULL || f->since != NULL || f->until != NULL || f->status != NULL;
}

static void print_usage(const struct ctl *c, const struct json *answer,
                        const struct journal_options *f)
{
    const char *by = f->by;
    const struct json *data = json_get(answer, "data");
    struct buf head = BUF_INIT, out = BUF_INIT;
    struct table t;

    for (size_t i = 0; i < ARRAY_LEN(group_names); i++) {
        if (has_word(by, group_names[i]))
            buf_printf(&head, "%s|", group_names[i]);
    }
    buf_cstr(&head, ">requests|>failed|>tokens in|>cached|>tokens out|>reasoning|>cost $|"
                    ">estimated|>unpriced");
    table_init(&t, head.data);
    for (const struct json *r = data != NULL ? data->child : NULL; r != NULL; r = r->next)
        usage_row(&t, r, by);
    if (table_rows(&t) == 0)
        ctl_nothing(c, "no request was counted%s", is_filtered(f) ? " that matches" : " so far");
    else
        table_print(&t, &out);
    ctl_write(&out);
    if (ctl_u64(answer, "truncated") > 0)
        (void)fprintf(stderr, "bfctl: %llu more rows are not shown; filter or group less\n",
                      (unsigned long long)ctl_u64(answer, "truncated"));
    if (ctl_bool(answer, "partial"))
        (void)fputs("bfctl: too much to add up: the newest days are missing; give --since\n",
                    stderr);
    table_fini(&t);
    buf_fini(&out);
    buf_fini(&head);
}

int command_usage(struct ctl *c, int argc, char **argv)
{
    struct journal_options f = {.by = "key,provider,model"};
    const struct json *answer = NULL;
    struct buf path = BUF_INIT;
    int status = CTL_OK;

    if (argc > 1 && strcmp(argv[1], "reprice") == 0)
        return command_reprice(c, argc - 1, argv + 1);
    if (args_parse(&argc, argv, &usage_uses[0], &f) != 0 ||
        args_words(argc, argv, 0, 0, "no words, or reprice") != 0)
        return CTL_USAGE;
    buf_cstr(&path, "/api/usage");
    ctl_query(&path, "group_by", f.by);
    journal_filters(&path, &f);
    if (!ctl_print_json(c, path.data, &status)) {
        status = ctl_call(c, "GET", path.data, STR_NONE, &answer);
        if (status == CTL_OK)
            print_usage(c, answer, &f);
    }
    buf_fini(&path);
    return status;
}

/* --- logs --- */

struct rows {
    const struct json **items; /* newest first */
    size_t n, room;
};

static void keep_row(void *ctx, const struct json *row)
{
    struct rows *rows = ctx;

    if (rows->n == rows->room) {
        rows->room = rows->room == 0 ? 64 : rows->room * 2;
        rows->items = xrealloc(rows->items, rows->room, sizeof(struct json *));
    }
    rows->items[rows->n++] = row;
}

/* The first of these that is so. */
static struct str outcome_of(const struct json *r)
{
    static const struct {
        const char *member, *said;
    } all[] = {{"client_gone", "client gone"},
               {"crashed", "worker died"},
               {"hedge", "hedged"},
               {"retried", "retried"},
               {"estimated", "estimated"}};
    struct str fail = ctl_str(r, "fail");

    for (size_t i = 0; i < ARRAY_LEN(all) && fail.len == 0; i++) {
        if (strcmp(all[i].member, "retried") == 0 ? ctl_u64(r, "attempts") > 1
                                                  : ctl_bool(r, all[i].member))
            fail = str_of(all[i].said);
    }
    return fail;
}

static void put_attempt(struct buf *note, const struct json *a)
{
    buf_str(note, ctl_str(a, "provider"));
    buf_cstr(note, "/");
    buf_str(note, ctl_str(a, "provider_key"));
    buf_printf(note, "%s %.*s", ctl_bool(a, "hedge") ? " hedge" : "",
               STR_ARGS(ctl_str(a, "reason")));
    if (ctl_u64(a, "upstream_status") > 0)
        buf_printf(note, " %llu", (unsigned long long)ctl_u64(a, "upstream_status"));
    buf_printf(note, " %.0fms", ctl_double(a, "total_ms"));
}

/* What became of a request, and of each attempt where there was more than one. */
static void put_note(struct buf *note, const struct json *r)
{
    const struct json *trail = json_get(r, "trail");

    buf_str(note, outcome_of(r));
    if (ctl_u64(r, "attempts") < 2 || trail == NULL)
        return;
    for (const struct json *a = trail->child; a != NULL; a = a->next) {
        buf_cstr(note, a == trail->child ? ": " : ", ");
        put_attempt(note, a);
    }
}

static void log_cells(struct table *t, const struct json *r)
{
    const struct json *tokens = json_get(r, "tokens");
    struct buf note = BUF_INIT;
    uint64_t ms = ctl_u64(r, "begun_ms");

    table_time(t, ms);
    table_str(t, ctl_str(r, "status"));
    table_str(t, ctl_str(r, "key"));
    table_str(t, ctl_str(r, "provider"));
    table_str(t, ctl_str(r, "model"));
    table_str(t, ctl_str(r, "endpoint"));
    table_count(t, ctl_u64(tokens, "input"));
    table_count(t, ctl_u64(tokens, "output"));
    table_str(t, ctl_bool(r, "unpriced") ? STR("unpriced") : ctl_str(r, "cost"));
    table_printf(t, "%.1f", ctl_double(r, "first_byte_ms"));
    table_printf(t, "%.1f", ctl_double(r, "total_ms"));
    put_note(&note, r);
    table_str(t, buf_view(&note));
    buf_fini(&note);
}

/* Oldest first, as a log reads; the head line only above the first rows. */
static void print_rows(const struct rows *rows, bool json, bool head)
{
    struct buf out = BUF_INIT;
    struct table t;

    if (json) {
        for (size_t i = rows->n; i-- > 0;)
            printf("%.*s\n", STR_ARGS(rows->items[i]->raw));
        return;
    }
    table_init(&t,
               "time (UTC)|status|key|provider|model|endpoint|>in|>out|>cost $|>first ms|>total ms|"
               "note");
    /* Later batches keep the columns about where the first had them. */
    t.widths[2] = t.widths[3] = 12;
    t.widths[4] = 20;
    t.widths[5] = 16;
    for (size_t i = rows->n; i-- > 0;)
        log_cells(&t, rows->items[i]);
    table_print(&t, &out);
    struct str text = buf_view(&out);
    if (!head)
        text = str_skip(text, (size_t)str_index(text, '\n') + 1);
    (void)fwrite(text.p, 1, text.len, stdout);
    table_fini(&t);
    buf_fini(&out);
}

/* The cursor of the newest row of all that is newer than `last`, into `last`. */
static int newest_cursor(struct ctl *c, char last[CURSOR_ROOM])
{
    struct rows rows = {NULL, 0, 0};
    struct buf path = BUF_INIT;

    buf_cstr(&path, "/api/logs");
    if (last[0] != '\0')
        ctl_query(&path, "after", last);
    int status = ctl_each(c, path.data, 1, keep_row, &rows);
    if (status == CTL_OK && rows.n > 0)
        (void)snprintf(last, CURSOR_ROOM, "%.*s", STR_ARGS(ctl_str(rows.items[0], "cursor")));
    free(rows.items);
    buf_fini(&path);
    return status;
}

/* Rows newer than `last` that pass the filters; `last` moves on. */
static int follow_once(struct ctl *c, const char *path, char last[CURSOR_ROOM])
{
    struct rows rows = {NULL, 0, 0};
    struct buf next_path = BUF_INIT;
    char newest[CURSOR_ROOM];

    memcpy(newest, last, CURSOR_ROOM);
    /* What the filters refuse is passed by too, so that it is not looked at again and again. */
    int status = newest_cursor(c, newest);
    if (status == CTL_OK && strcmp(newest, last) != 0) {
        buf_cstr(&next_path, path);
        if (last[0] != '\0')
            ctl_query(&next_path, "after", last);
        status = ctl_each(c, next_path.data, 0, keep_row, &rows);
    }
    if (status == CTL_OK && rows.n > 0) {
        struct str first = ctl_str(rows.items[0], "cursor");

        print_rows(&rows, c->json, false);
        if (str_cmp(first, str_of(newest)) > 0) /* hex digits of one length: their order is time */
            (void)snprintf(newest, CURSOR_ROOM, "%.*s", STR_ARGS(first));
    }
    memcpy(last, newest, CURSOR_ROOM);
    free(rows.items);
    buf_fini(&next_path);
    return status;
}

/* Print what comes, until the gateway or the reader goes. */
static int follow(struct ctl *c, const char *path, const char *start)
{
    char last[CURSOR_ROOM];
    int status = CTL_OK;

    (void)snprintf(last, sizeof(last), "%s", start);
    while (status == CTL_OK) {
        status = ctl_flush(CTL_OK);
        (void)poll(NULL, 0, FOLLOW_MS); /* a signal only makes the look come sooner */
        arena_reset(c->arena);
        if (status == CTL_OK)
            status = follow_once(c, path, last);
    }
    return status;
}

int command_logs(struct ctl *c, int argc, char **argv)
{
    struct journal_options f = {.key = NULL};
    struct buf path = BUF_INIT;
    struct rows rows = {NULL, 0, 0};
    uint64_t limit = LOGS_DEFAULT;
    int status;

    if (args_parse(&argc, argv, &logs_uses[0], &f) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    if (f.limit != NULL && (!str_parse_u64(str_of(f.limit), &limit) || limit == 0))
        return ctl_fail(CTL_USAGE, "--limit must be a whole number above 0, is %s", f.limit);
    buf_cstr(&path, "/api/logs");
    journal_filters(&path, &f);
    if (c->json && !f.follow) {
        status = ctl_print_list(c, path.data, limit);
        buf_fini(&path);
        return status;
    }
    char start[CURSOR_ROOM] = "";
    /* Taken first: a row that comes in between must not be passed by. */
    status = f.follow ? newest_cursor(c, start) : CTL_OK;
    if (status == CTL_OK)
        status = ctl_each(c, path.data, limit, keep_row, &rows);
    if (status == CTL_OK && rows.n == 0 && !f.follow)
        ctl_nothing(c, "no request %s",
                    is_filtered(&f) ? "in the log matches" : "was logged so far");
    if (status == CTL_OK) {
        if (rows.n > 0 || f.follow)
            print_rows(&rows, c->json, true);
        if (f.follow && rows.n > 0 && str_cmp(ctl_str(rows.items[0], "cursor"), str_of(start)) > 0)
            (void)snprintf(start, sizeof(start), "%.*s",
                           STR_ARGS(ctl_str(rows.items[0], "cursor")));
        if (f.follow)
            status = follow(c, path.data, start);
    }
    free(rows.items);
    buf_fini(&path);
    return status;
}
