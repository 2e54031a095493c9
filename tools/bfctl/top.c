/*
 * top - a live table of workers and routes; one picture when nobody looks at a screen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "shm/layout.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/table.h"

#define ROUTES_SHOWN 1000 /* one page; the screen cuts it anyway */
#define WORKERS_SHOWN SLOTS_MAX

struct before { /* counters of the last picture, for rates */
    uint64_t at_ms, requests, attempts, tokens_out, errors;
    uint64_t worker_requests[WORKERS_SHOWN];
    uint64_t route_attempts[ROUTES_MAX];
};

struct top {
    struct before was;
    uint64_t elapsed_ms; /* since the last picture; 0: this is the first */
};

/* Set by INT and TERM: the screen must be given back as it was. */
static volatile sig_atomic_t stop;

static void on_stop(int sig)
{
    (void)sig;
    stop = 1;
}

/* Per second since the last picture, and remember the counter. */
static uint64_t rate(const struct top *t, uint64_t *was, uint64_t now)
{
    uint64_t more = now > *was ? now - *was : 0;

    *was = now;
    return t->elapsed_ms > 0 ? more * 1000 / t->elapsed_ms : 0;
}

static void draw_head(struct top *t, const struct json *s, struct buf *out)
{
    const struct json *totals = json_get(s, "totals"), *latency = json_get(s, "latency");
    const struct json *request = json_get(latency, "request");
    struct buf ready = BUF_INIT;

    table_clean(&ready, ctl_str(json_get(s, "ready"), "text"), false);
    buf_printf(out, "bowfin %.*s   %s   up %.0f s   keys %" PRIu64 "\n",
               STR_ARGS(ctl_str(s, "version")), ready.data != NULL ? ready.data : "",
               ctl_double(s, "uptime_s"), ctl_u64(s, "virtual_keys"));
    buf_printf(out,
               "requests/s %" PRIu64 "   calls/s %" PRIu64 "   tokens out/s %" PRIu64
               "   5xx/s %" PRIu64 "   open %" PRIu64 "   queued %" PRIu64 "   streams %" PRIu64
               "\n",
               rate(t, &t->was.requests, ctl_u64(totals, "requests_total")),
               rate(t, &t->was.attempts, ctl_u64(totals, "attempts_total")),
               rate(t, &t->was.tokens_out, ctl_u64(totals, "tokens_output_total")),
               rate(t, &t->was.errors, ctl_u64(totals, "answers_5xx_total")),
               ctl_u64(totals, "requests_open"), ctl_u64(totals, "queue_length"),
               ctl_u64(totals, "streams_open"));
    buf_printf(out, "request ms  p50 %.1f  p95 %.1f  p99 %.1f   overhead p99 %.2f\n\n",
               ctl_double(request, "p50_ms"), ctl_double(request, "p95_ms"),
               ctl_double(request, "p99_ms"), ctl_double(json_get(latency, "overhead"), "p99_ms"));
    buf_fini(&ready);
}

static void draw_workers(struct top *t, const struct json *s, struct buf *out)
{
    const struct json *workers = json_get(s, "workers");
    struct table table;

    table_init(&table, ">worker|>pid|state|>req/s|>requests|>open|>streams|>connections|>restarts");
    for (const struct json *w = workers != NULL ? workers->child : NULL; w != NULL; w = w->next) {
        const struct json *stats = json_get(w, "stats");
        uint64_t slot = ctl_u64(w, "slot"), requests = ctl_u64(stats, "requests_total");

        if (slot >= WORKERS_SHOWN)
            continue;
        table_str(&table, ctl_str(w, "slot"));
        table_str(&table, ctl_str(w, "pid"));
        table_str(&table, ctl_str(w, "state"));
        table_count(&table, rate(t, &t->was.worker_requests[slot], requests));
        table_count(&table, requests);
        table_count(&table, ctl_u64(stats, "requests_open"));
        table_count(&table, ctl_u64(stats, "streams_open"));
        table_count(&table, ctl_u64(stats, "connections_open"));
        table_count(&table, ctl_u64(w, "restarts"));
    }
    table_print(&table, out);
    table_fini(&table);
}

static void draw_routes(struct top *t, const struct json *answer, struct buf *out)
{
    const struct json *data = json_get(answer, "data");
    struct table table;

    table_init(&table, "provider|key|model|state|>health|>calls/s|>calls|>in flight|>errors|"
                       ">first ms");
    for (const struct json *r = data != NULL ? data->child : NULL; r != NULL; r = r->next) {
        uint64_t row = ctl_u64(r, "row"), attempts = ctl_u64(r, "attempts");
        struct str model = ctl_str(r, "model");

        if (row >= ROUTES_MAX)
            continue;
        table_str(&table, ctl_str(r, "provider"));
        table_str(&table, ctl_str(r, "provider_key"));
        table_str(&table, model.len > 0 ? model : STR("*"));
        table_str(&table, ctl_str(r, "state"));
        table_printf(&table, "%.0f%%", ctl_double(r, "weight") * 100);
        table_count(&table, rate(t, &t->was.route_attempts[row], attempts));
        table_count(&table, attempts);
        table_count(&table, ctl_u64(r, "in_flight"));
        table_count(&table, ctl_u64(r, "errors"));
        table_printf(&table, "%.1f", ctl_double(r, "first_byte_ms"));
    }
    table_print(&table, out);
    table_fini(&table);
}

/* Lines cut to the screen, each cleared behind its end: no flicker, no scrolling. */
static void show_screen(const struct buf *picture)
{
    struct winsize size = {0};
    struct str rest = buf_view(picture), line;
    struct buf out = BUF_INIT;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    buf_cstr(&out, "\033[H");
    for (unsigned row = 0; row + 1 < size.ws_row && str_next(&rest, '\n', &line); row++) {
        line.len = min_u64(line.len, size.ws_col);
        /* Never through the middle of a character. */
        while (line.len > 0 && line.len < rest.len &&
               ((unsigned char)line.p[line.len] & 0xc0) == 0x80)
            line.len--;
        buf_str(&out, line);
        buf_cstr(&out, "\033[K\r\n");
    }
    buf_cstr(&out, "\033[J");
    ctl_write(&out);
    (void)fflush(stdout);
    buf_fini(&out);
}

/* One picture into `out`. */
static int draw(struct ctl *c, struct top *t, struct buf *out)
{
    const struct json *s = NULL, *routes = NULL;
    char path[64];
    uint64_t now;

    (void)snprintf(path, sizeof(path), "/api/routes?limit=%d", ROUTES_SHOWN);
    arena_reset(c->arena);
    int status = ctl_call(c, "GET", "/api/status", STR_NONE, &s);
    if (status == CTL_OK)
        status = ctl_call(c, "GET", path, STR_NONE, &routes);
    if (status != CTL_OK)
        return status;
    if (c->json) {
        buf_printf(
            out, "{\"status\":%.*s,\"routes\":%.*s}\n", STR_ARGS(s->raw),
            STR_ARGS(json_get(routes, "data") != NULL ? json_get(routes, "data")->raw : STR("[]")));
        return CTL_OK;
    }
    now = clock_mono_ms();
    t->elapsed_ms = t->was.at_ms != 0 ? now - t->was.at_ms : 0;
    t->was.at_ms = now;
    draw_head(t, s, out);
    draw_workers(t, s, out);
    buf_char(out, '\n');
    draw_routes(t, routes, out);
    return CTL_OK;
}

static int live(struct ctl *c, struct top *t, int interval_ms)
{
    struct sigaction action = {.sa_handler = on_stop};
    struct buf picture = BUF_INIT;
    int status = CTL_OK;

    (void)sigaction(SIGINT, &action, NULL); /* fails for bad numbers only */
    (void)sigaction(SIGTERM, &action, NULL);
    (void)fputs("\033[?1049h\033[?25l", stdout); /* the other screen, no cursor */
    while (!stop && status == CTL_OK) {
        buf_clear(&picture);
        status = draw(c, t, &picture);
        if (status == CTL_OK) {
            show_screen(&picture);
            (void)poll(NULL, 0, interval_ms); /* a signal ends it */
        }
    }
    (void)fputs("\033[?25h\033[?1049l", stdout);
    buf_fini(&picture);
    return status;
}

struct top_options {
    const char *interval;
    bool once;
};

static const struct arg top_args[] = {
    {"--once", NULL, "one picture, and end", offsetof(struct top_options, once), ARG_ONE},
    {"--interval", "SECONDS", "between pictures, 1 to 3600 (default: 1)",
     offsetof(struct top_options, interval), ARG_ONE},
};

const struct args top_uses[] = {
    {"", "a live table of workers and routes; one picture where nobody looks at a screen", top_args,
     ARRAY_LEN(top_args), NULL},
    ARGS_END,
};

int command_top(struct ctl *c, int argc, char **argv)
{
    static struct top t; /* large: counters of every route */
    struct top_options o = {NULL, false};
    struct buf picture = BUF_INIT;
    uint64_t seconds = 1;

    if (args_parse(&argc, argv, &top_uses[0], &o) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    if (o.interval != NULL &&
        (!str_parse_u64(str_of(o.interval), &seconds) || seconds == 0 || seconds > 3600))
        return ctl_fail(CTL_USAGE, "--interval must be 1 to 3600 seconds, is %s", o.interval);
    if (!o.once && !c->json && isatty(STDOUT_FILENO))
        return live(c, &t, (int)seconds * 1000);
    int status = draw(c, &t, &picture);
    if (status == CTL_OK)
        ctl_write(&picture);
    buf_fini(&picture);
    return status;
}
