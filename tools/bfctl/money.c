/*
 * money - usage reprice, audit money.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "providers/dialect.h"
#include "server/base/alloc.h"
#include "server/base/crypto.h"
#include "server/priced.h"
#include "server/vendors.h"
#include "shm/prices.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/journal.h"
#include "tools/bfctl/table.h"

#define AUDITS_MAX 8
#define AUDIT_PAUSE_MS 500 /* a dead worker's holds are ended within a second */

static void table_usd(struct table *t, int64_t nanousd)
{
    uint64_t size = nanousd < 0 ? (uint64_t)-nanousd : (uint64_t)nanousd;

    table_printf(t, "%s%llu.%09llu", nanousd < 0 ? "-" : "",
                 (unsigned long long)(size / 1000000000), (unsigned long long)(size % 1000000000));
}

/* --- a price file as the bytes of a book --- */

static struct config *load_prices(struct ctl *c, const char *path, struct error *err)
{
    struct conf_vendor *items = arena_zalloc(c->arena, VENDORS_MAX * sizeof(*items));
    struct conf_vendors vendors = {items, conf_vendors_fill(items), dialect_names, DIALECTS};
    struct buf text = BUF_INIT;
    struct conf_source source = {.name = path};
    struct config *conf = NULL;

    buf_cstr(&text, "prices: ");
    buf_json(&text, str_of(path));
    source.text = buf_view(&text);
    if (config_load_text(&source, NULL, &vendors, &conf, err) != 0)
        conf = NULL;
    buf_fini(&text);
    return conf;
}

static int pack_prices(struct ctl *c, const struct config *conf, struct buf *out, struct error *err)
{
    size_t n = 1;
    struct price_row *rows;
    int rc;

    for (size_t i = 0; i < conf->n_prices; i++)
        n += priced_n(&conf->prices[i]);
    rows = xcalloc(n, sizeof(*rows));
    n = 0;
    for (size_t i = 0; i < conf->n_prices; i++)
        n += priced_rows(&conf->prices[i], false, c->arena, &rows[n]);
    rc = prices_pack(rows, n, out, err);
    free(rows);
    return rc;
}

/* {"book": "..."} */
static int read_book(struct ctl *c, const char *path, struct buf *body)
{
    struct error err = ERROR_INIT;
    struct buf bytes = BUF_INIT;
    struct config *conf = load_prices(c, path, &err);
    int rc = conf != NULL ? pack_prices(c, conf, &bytes, &err) : -1;

    if (rc == 0) {
        char *hex = arena_alloc(c->arena, 2 * bytes.len + 1);

        crypto_hex((const uint8_t *)bytes.data, bytes.len, hex);
        buf_cstr(body, "{\"book\":");
        buf_json(body, (struct str){hex, 2 * bytes.len});
        buf_char(body, '}');
    }
    config_free(conf);
    buf_fini(&bytes);
    return rc == 0 ? CTL_OK : ctl_fail(CTL_FAILED, "%s", err.text);
}

/* --- reprice --- */

struct repriced {
    struct str provider, model;
    uint64_t requests, booked, booked_unpriced, would_be, would_be_unpriced;
};

struct repriced_all {
    struct repriced *rows;
    size_t n;
};

static struct repriced *row_of(struct repriced_all *all, struct str provider, struct str model)
{
    for (size_t i = 0; i < all->n; i++) {
        if (str_eq(all->rows[i].model, model) && str_eq(all->rows[i].provider, provider))
            return &all->rows[i];
    }
    all->rows = xrealloc(all->rows, all->n + 1, sizeof(*all->rows));
    all->rows[all->n] = (struct repriced){.provider = provider, .model = model};
    return &all->rows[all->n++];
}

static void take_rows(struct repriced_all *all, const struct json *answer)
{
    const struct json *data = json_get(answer, "data");

    for (const struct json *r = data != NULL ? data->child : NULL; r != NULL; r = r->next) {
        struct repriced *row = row_of(all, ctl_str(r, "provider"), ctl_str(r, "model"));

        row->requests += ctl_u64(r, "requests");
        row->booked += ctl_u64(r, "booked_nanousd");
        row->booked_unpriced += ctl_u64(r, "booked_unpriced");
        row->would_be += ctl_u64(r, "would_be_nanousd");
        row->would_be_unpriced += ctl_u64(r, "would_be_unpriced");
    }
}

static int by_cost(const void *a, const void *b)
{
    const struct repriced *x = a, *y = b;

    if (x->would_be != y->would_be)
        return x->would_be > y->would_be ? -1 : 1;
    int by_provider = str_cmp(x->provider, y->provider);
    return by_provider != 0 ? by_provider : str_cmp(x->model, y->model);
}

static void repriced_cells(struct table *t, const struct repriced *r)
{
    table_str(t, r->provider);
    table_str(t, r->model);
    table_count(t, r->requests);
    table_usd(t, (int64_t)r->booked);
    table_usd(t, (int64_t)r->would_be);
    table_usd(t, (int64_t)(r->would_be - r->booked));
    table_count(t, r->booked_unpriced);
    table_count(t, r->would_be_unpriced);
}

static void print_repriced(struct repriced_all *all)
{
    struct repriced total = {.provider = STR("total")};
    struct buf out = BUF_INIT;
    struct table t;

    if (all->n > 0)
        qsort(all->rows, all->n, sizeof(*all->rows), by_cost);
    table_init(&t, "provider|model|>requests|>booked $|>would be $|>difference $|>unpriced|"
                   ">would be unpriced");
    for (size_t i = 0; i < all->n; i++) {
        const struct repriced *r = &all->rows[i];

        repriced_cells(&t, r);
        total.requests += r->requests;
        total.booked += r->booked;
        total.would_be += r->would_be;
        total.booked_unpriced += r->booked_unpriced;
        total.would_be_unpriced += r->would_be_unpriced;
    }
    repriced_cells(&t, &total);
    table_print(&t, &out);
    ctl_write(&out);
    table_fini(&t);
    buf_fini(&out);
}

static void print_repriced_json(const struct repriced_all *all)
{
    struct buf out = BUF_INIT;

    buf_cstr(&out, "{\"data\":[");
    for (size_t i = 0; i < all->n; i++) {
        const struct repriced *r = &all->rows[i];

        buf_cstr(&out, i > 0 ? ",{\"provider\":" : "{\"provider\":");
        buf_json(&out, r->provider);
        buf_cstr(&out, ",\"model\":");
        buf_json(&out, r->model);
        buf_printf(&out,
                   ",\"requests\":%llu,\"booked_nanousd\":%llu,\"booked_unpriced\":%llu,"
                   "\"would_be_nanousd\":%llu,\"would_be_unpriced\":%llu}",
                   (unsigned long long)r->requests, (unsigned long long)r->booked,
                   (unsigned long long)r->booked_unpriced, (unsigned long long)r->would_be,
                   (unsigned long long)r->would_be_unpriced);
    }
    buf_cstr(&out, "]}\n");
    ctl_write(&out);
    buf_fini(&out);
}

static int reprice(struct ctl *c, const struct buf *query, struct str body,
                   struct repriced_all *all)
{
    const char *cursor = NULL;
    int status = CTL_OK;

    do {
        struct buf path = BUF_INIT;
        const struct json *answer = NULL;

        buf_cstr(&path, query->data);
        if (cursor != NULL)
            ctl_query(&path, "cursor", cursor);
        status = ctl_call(c, "POST", path.data, body, &answer);
        buf_fini(&path);
        if (status != CTL_OK)
            return status;
        take_rows(all, answer);
        struct str next = json_str(json_get(answer, "next"));
        cursor = next.len > 0 ? arena_cstr(c->arena, next) : NULL;
    } while (cursor != NULL);
    return status;
}

int command_reprice(struct ctl *c, int argc, char **argv)
{
    struct journal_options o = {.by = NULL};
    struct repriced_all all = {NULL, 0};
    struct buf path = BUF_INIT, body = BUF_INIT;
    int status = CTL_OK;

    if (args_parse(&argc, argv, args_find(usage_uses, "reprice"), &o) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    buf_cstr(&path, "/api/usage/reprice");
    journal_filters(&path, &o);
    if (o.prices != NULL)
        status = read_book(c, o.prices, &body);
    else
        buf_cstr(&body, "{}");
    if (status == CTL_OK)
        status = reprice(c, &path, buf_view(&body), &all);
    if (status == CTL_OK && c->json)
        print_repriced_json(&all);
    else if (status == CTL_OK && all.n == 0)
        ctl_nothing(c, "no request of the log matches");
    else if (status == CTL_OK)
        print_repriced(&all);
    free(all.rows);
    buf_fini(&body);
    buf_fini(&path);
    return status;
}

/* --- audit --- */

static void audit_cells(struct table *t, const struct json *r)
{
    bool is_counter = str_eq(ctl_str(r, "where"), STR("counter"));

    table_printf(t, "%.*s%s", STR_ARGS(ctl_str(r, "where")), ctl_bool(r, "busy") ? " (busy)" : "");
    table_str(t, ctl_str(r, "owner"));
    table_str(t, ctl_str(r, "owner_id"));
    table_str(t, ctl_str(r, "account_id"));
    table_count(t, ctl_u64(r, "window"));
    table_str(t, ctl_str(r, is_counter ? "counter" : "log"));
    table_str(t, ctl_str(r, is_counter ? "held" : "left_log"));
    table_str(t, ctl_str(r, "waiting"));
    table_str(t, ctl_str(r, "journal"));
    table_str(t, ctl_str(r, "difference"));
}

static void print_differences(const struct json *answer)
{
    const struct json *data = json_get(answer, "data");
    struct buf out = BUF_INIT;
    struct table t;

    if (data == NULL || data->child == NULL)
        return;
    table_init(&t, "where|owner|owner id|account|>window|>counter or log $|>held or left the log $|"
                   ">in outboxes $|>journal $|>difference $");
    for (const struct json *r = data->child; r != NULL; r = r->next)
        audit_cells(&t, r);
    table_print(&t, &out);
    ctl_write(&out);
    table_fini(&t);
    buf_fini(&out);
}

static void print_line(const char *what, struct str amount)
{
    printf("%-22s %20.*s\n", what, STR_ARGS(amount));
}

static void print_audit(const struct json *a)
{
    const struct json *log = json_get(a, "log");
    struct buf since = BUF_INIT;
    struct table t;

    print_differences(a);
    printf("%llu windows of %llu budgets: counters against holds, outboxes and journal\n",
           (unsigned long long)ctl_u64(a, "windows"), (unsigned long long)ctl_u64(a, "accounts"));
    print_line("  counters", ctl_str(a, "counters"));
    print_line("  open holds", ctl_str(a, "held"));
    print_line("  in outboxes", ctl_str(a, "waiting"));
    print_line("  journal", ctl_str(a, "journal"));
    if (ctl_bool(log, "compared")) {
        table_init(&t, "log since (UTC)");
        table_time(&t, ctl_u64(log, "since_ms"));
        table_print(&t, &since);
        struct str text = buf_view(&since);
        text = str_skip(text, (size_t)str_index(text, '\n') + 1);
        text.len -= text.len > 0; /* its line's end */
        printf("%llu windows of the journal against %llu rows of log, since %.*s\n",
               (unsigned long long)ctl_u64(log, "windows"),
               (unsigned long long)ctl_u64(log, "rows"), STR_ARGS(text));
        table_fini(&t);
        print_line("  booked by these rows", ctl_str(log, "booked"));
        print_line("  of rows before them", ctl_str(log, "left_log"));
    } else {
        printf("the log's %llu rows are too many to be compared\n",
               (unsigned long long)ctl_u64(log, "rows"));
    }
    if (ctl_u64(a, "busy") > 0)
        printf("%llu windows did not rest; the least difference seen of them: %.*s\n",
               (unsigned long long)ctl_u64(a, "busy"), STR_ARGS(ctl_str(a, "busy_difference")));
    print_line("difference", ctl_str(a, "difference"));
    buf_fini(&since);
}

/* What a worker that was just killed had begun is ended within a second: look again until then. */
static int audit(struct ctl *c, const struct json **out)
{
    int status = CTL_OK;

    for (int i = 0; i < AUDITS_MAX; i++) {
        if (i > 0)
            (void)poll(NULL, 0, AUDIT_PAUSE_MS);
        status = ctl_call(c, "GET", "/api/audit/money", STR_NONE, out);
        if (status != CTL_OK || (ctl_u64(*out, "difference_nanousd") == 0 &&
                                 ctl_u64(*out, "busy_difference_nanousd") == 0))
            break;
    }
    return status;
}

const struct args audit_uses[] = {
    ARGS_NONE("money", "counters, journal and log compared, to the nano-dollar (exit status 1: "
                       "there is a difference)"),
    ARGS_END,
};

int command_audit(struct ctl *c, int argc, char **argv)
{
    const struct json *answer = NULL;
    int status;

    if (args_parse(&argc, argv, &audit_uses[0], NULL) != 0)
        return CTL_USAGE;
    if (argc != 2 || strcmp(argv[1], "money") != 0)
        return ctl_fail(CTL_USAGE, "audit what? There is: bfctl audit money");
    status = audit(c, &answer);
    if (status != CTL_OK)
        return status;
    if (c->json)
        printf("%.*s\n", STR_ARGS(answer->raw));
    else
        print_audit(answer);
    return ctl_u64(answer, "difference_nanousd") == 0 ? CTL_OK : CTL_FAILED;
}
