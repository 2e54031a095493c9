/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/bfctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/bfctl/client.h"
#include "tools/bfctl/table.h"

int ctl_fail(int status, const char *fmt, ...)
{
    va_list ap;

    (void)fputs("bfctl: ", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    return status;
}

void ctl_nothing(const struct ctl *c, const char *fmt, ...)
{
    va_list ap;

    if (c->json)
        return;
    (void)fputs("bfctl: ", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
}

void ctl_write(const struct buf *text)
{
    if (text->len > 0)
        (void)fwrite(text->data, 1, text->len, stdout);
}

int ctl_flush(int status)
{
    bool has_failed = fflush(stdout) != 0;

    if (has_failed && errno == EPIPE) /* whoever reads has seen enough, as `| head` has */
        return CTL_FAILED;
    if (has_failed || ferror(stdout))
        return ctl_fail(CTL_FAILED, "cannot write the output");
    return status;
}

#define ITEMS_SHOWN 20

/* The API's own words, each finding of a configuration on its line. */
static int print_refusal(struct ctl *c, const struct client_answer *answer)
{
    struct json_error err;
    const struct json *root = json_parse(c->parser, c->arena, buf_view(&answer->body), &err);
    const struct json *error = json_get(root, "error");
    struct str message = json_str(json_get(error, "message"));
    const struct json *errors = json_get(root, "errors");
    bool is_list = errors != NULL && errors->type == JSON_ARRAY;
    struct buf text = BUF_INIT;
    uint32_t n = 0;

    table_clean(&text, message, true);
    if (answer->status == 401)
        (void)ctl_fail(CTL_FAILED, "%.*s\nGive it with --token or BOWFIN_ADMIN_TOKEN.",
                       STR_ARGS(buf_view(&text)));
    else if (text.len > 0)
        (void)ctl_fail(CTL_FAILED, "%.*s", STR_ARGS(buf_view(&text)));
    else
        (void)ctl_fail(CTL_FAILED, "the gateway answered with status %d", answer->status);
    /* An import tells of each item by itself. */
    for (const struct json *e = is_list ? errors->child : NULL; e != NULL && n < ITEMS_SHOWN;
         e = e->next, n++) {
        text.len = 0;
        table_clean(&text, json_str(json_get(e, "error")), true);
        (void)fprintf(stderr, "  item %llu: %.*s\n", (unsigned long long)ctl_u64(e, "index"),
                      STR_ARGS(buf_view(&text)));
    }
    if (is_list && errors->n > n)
        (void)fprintf(stderr, "  ... and more\n");
    buf_fini(&text);
    return CTL_FAILED;
}

int ctl_fetch(struct ctl *c, const char *method, const char *path, struct str body, struct buf *out)
{
    const struct client_request request = {method, path, body};
    struct client_answer answer = {0, BUF_INIT};
    struct error err = ERROR_INIT;
    int status = CTL_OK;

    if (c->client == NULL)
        c->client = client_create(c, &err);
    if (c->client == NULL || client_call(c->client, &request, &answer, &err) != 0)
        status = ctl_fail(CTL_UNREACHABLE, "%s", err.text);
    else if (answer.status < 200 || answer.status > 299)
        status = print_refusal(c, &answer);
    else
        buf_str(out, buf_view(&answer.body));
    buf_fini(&answer.body);
    return status;
}

int ctl_call(struct ctl *c, const char *method, const char *path, struct str body,
             const struct json **out)
{
    struct buf text = BUF_INIT;
    struct json_error err;
    int status = ctl_fetch(c, method, path, body, &text);

    if (status == CTL_OK && out != NULL) {
        const struct json *root =
            json_parse(c->parser, c->arena, arena_str(c->arena, buf_view(&text)), &err);
        if (root == NULL)
            status = ctl_fail(CTL_FAILED, "the answer is not JSON: %s", err.text);
        else
            *out = root;
    }
    buf_fini(&text);
    return status;
}

bool ctl_print_json(struct ctl *c, const char *path, int *status)
{
    struct buf text = BUF_INIT;

    if (!c->json)
        return false;
    *status = ctl_fetch(c, "GET", path, STR_NONE, &text);
    if (*status == CTL_OK && text.len > 0)
        ctl_write(&text);
    buf_fini(&text);
    return true;
}

int ctl_each(struct ctl *c, const char *path, uint64_t max, ctl_row_fn *fn, void *ctx)
{
    struct buf page_path = BUF_INIT;
    struct str cursor = STR_NONE;
    uint64_t left = max == 0 ? UINT64_MAX : max;
    char limit[24];
    int status;

    do {
        const struct json *page = NULL;

        buf_clear(&page_path);
        buf_cstr(&page_path, path);
        (void)snprintf(limit, sizeof(limit), "%llu", (unsigned long long)min_u64(left, CTL_PAGE));
        ctl_query(&page_path, "limit", limit);
        if (cursor.len > 0)
            ctl_query(&page_path, "cursor", arena_cstr(c->arena, cursor));
        status = ctl_call(c, "GET", page_path.data, STR_NONE, &page);
        if (status != CTL_OK)
            break;
        const struct json *data = json_get(page, "data");
        for (const struct json *row = data != NULL ? data->child : NULL; row != NULL && left > 0;
             row = row->next, left--)
            fn(ctx, row);
        cursor = json_str(json_get(page, "next"));
    } while (cursor.len > 0 && left > 0);
    buf_fini(&page_path);
    return status;
}

struct raw_list {
    struct buf *out;
    uint64_t n;
};

static void add_raw(void *ctx, const struct json *row)
{
    struct raw_list *list = ctx;

    if (list->n++ > 0)
        buf_char(list->out, ',');
    buf_str(list->out, row->raw);
}

int ctl_print_list(struct ctl *c, const char *path, uint64_t max)
{
    struct buf text = BUF_INIT;
    struct raw_list list = {&text, 0};

    buf_cstr(&text, "{\"data\":[");
    int status = ctl_each(c, path, max, add_raw, &list);
    buf_cstr(&text, "],\"next\":null}\n");
    if (status == CTL_OK)
        ctl_write(&text);
    buf_fini(&text);
    return status;
}

void ctl_query(struct buf *b, const char *name, const char *value)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~,:";

    if (value == NULL)
        return;
    buf_printf(b, "%c%s=", b->len > 0 && strchr(b->data, '?') != NULL ? '&' : '?', name);
    for (const char *p = value; *p != '\0'; p++) {
        if (strchr(plain, *p) != NULL)
            buf_char(b, *p);
        else
            buf_printf(b, "%%%02X", (unsigned char)*p);
    }
}

uint64_t ctl_u64(const struct json *object, const char *name)
{
    uint64_t n = 0;

    return json_u64(json_get(object, name), &n) ? n : 0;
}

double ctl_double(const struct json *object, const char *name)
{
    double n = 0;

    return json_double(json_get(object, name), &n) ? n : 0;
}

struct str ctl_str(const struct json *object, const char *name)
{
    const struct json *node = json_get(object, name);

    return node != NULL && (node->type == JSON_STRING || node->type == JSON_NUMBER) ? node->text
                                                                                    : STR_NONE;
}

bool ctl_bool(const struct json *object, const char *name)
{
    bool value = false;

    return json_bool(json_get(object, name), &value) && value;
}
