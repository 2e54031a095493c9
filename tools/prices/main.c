/*
 * prices - packs conf/prices.yaml into the bytes that the program carries. Run by make.
 *
 *   prices conf/prices.yaml OUT
 *
 * The file is read by the configuration's own parser, so what stands in it is checked as what a user
 * writes below `prices:` is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "providers/dialect.h"
#include "server/base/alloc.h"
#include "server/base/fd.h"
#include "server/priced.h"
#include "server/vendors.h"

static const char *no_env(const char *name)
{
    (void)name;
    return NULL;
}

static struct config *load(const char *path, struct error *err)
{
    struct conf_vendor items[VENDORS_MAX];
    struct conf_vendors vendors = {items, conf_vendors_fill(items), dialect_names, DIALECTS};
    struct buf text = BUF_INIT;
    struct conf_source source = {.name = "prices", .env = no_env};
    struct config *conf = NULL;

    buf_cstr(&text, "prices: ");
    buf_json(&text, str_of(path));
    source.text = buf_view(&text);
    if (config_load_text(&source, NULL, &vendors, &conf, err) != 0)
        conf = NULL;
    buf_fini(&text);
    return conf;
}

/* Here every entry says whose price it is and where it comes from. */
static int check(const struct conf_price *p, struct error *err)
{
    bool names_one = str_index(str_of(p->name), '/') > 0;

    if (!names_one && p->n_vendors == 0)
        return error_set(err, "%s:%d: %s needs vendors", p->origin.file, p->origin.line, p->name);
    if (p->source == NULL || p->date == 0)
        return error_set(err, "%s:%d: %s needs source and date", p->origin.file, p->origin.line,
                         p->name);
    if (str_index(str_of(p->name), '*') >= 0 && !str_eq(str_of(p->name), STR("*")))
        return error_set(err, "%s:%d: %s is a pattern", p->origin.file, p->origin.line, p->name);
    return 0;
}

static int pack(const struct config *conf, struct buf *out, struct error *err)
{
    struct arena *a = arena_create(64u << 10);
    struct price_row *rows;
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; i < conf->n_prices; i++)
        n += priced_n(&conf->prices[i]);
    rows = xcalloc(n + 1, sizeof(*rows));
    n = 0;
    for (size_t i = 0; i < conf->n_prices && rc == 0; i++) {
        rc = check(&conf->prices[i], err);
        n += priced_rows(&conf->prices[i], true, a, &rows[n]);
    }
    if (rc == 0)
        rc = prices_pack(rows, n, out, err);
    arena_free(a);
    free(rows);
    return rc;
}

static int write_file(const char *path, const struct buf *bytes, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int rc = fd >= 0 ? fd_write_all(fd, bytes->data, bytes->len) : -1;

    if (rc != 0)
        (void)error_errno(err, "%s", path);
    fd_close(&fd);
    return rc;
}

int main(int argc, char **argv)
{
    struct error err = ERROR_INIT;
    struct buf bytes = BUF_INIT;
    struct config *conf;
    int rc = -1;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: prices FILE.yaml OUT\n");
        return 2;
    }
    conf = load(argv[1], &err);
    if (conf != NULL && pack(conf, &bytes, &err) == 0)
        rc = write_file(argv[2], &bytes, &err);
    if (rc != 0)
        (void)fprintf(stderr, "%s\n", err.text);
    config_free(conf);
    buf_fini(&bytes);
    return rc == 0 ? 0 : 1;
}
