/*
 * explain - what a request would get, and why.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/base/buf.h"
#include "server/base/fd.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/explain.h"

#define BODY_MAX (1u << 20) /* as the API takes it */

struct wish {
    const char *key, *model, *tokens, *max_tokens, *images, *endpoint, *body, *peer;
    const char *headers[ARG_MANY_MAX + 1], *params[ARG_MANY_MAX + 1];
    bool stream, tools;
};

/* --- the question --- */

static void member(struct buf *b, const char *name)
{
    if (b->len > 1)
        buf_char(b, ',');
    buf_printf(b, "\"%s\":", name);
}

static void put_text(struct buf *b, const char *name, const char *value)
{
    if (value == NULL)
        return;
    member(b, name);
    buf_json(b, str_of(value));
}

static int put_number(struct buf *b, const char *name, const char *option, const char *value)
{
    uint64_t n;

    if (value == NULL)
        return 0;
    if (!str_parse_u64(str_of(value), &n))
        return ctl_fail(-1, "%s must be a whole number, is %s", option, value);
    member(b, name);
    buf_printf(b, "%" PRIu64, n);
    return 0;
}

/* "name=value" each, as an object. */
static int put_pairs(struct buf *b, const char *name, const char *option, const char *const *pairs)
{
    if (pairs[0] == NULL)
        return 0;
    member(b, name);
    for (size_t i = 0; pairs[i] != NULL; i++) {
        struct str pair = str_of(pairs[i]);
        ptrdiff_t equals = str_index(pair, '=');

        if (equals <= 0)
            return ctl_fail(-1, "%s must be NAME=VALUE, is %s", option, pairs[i]);
        buf_char(b, i == 0 ? '{' : ',');
        buf_json(b, (struct str){pair.p, (size_t)equals});
        buf_char(b, ':');
        buf_json(b, str_skip(pair, (size_t)equals + 1));
    }
    buf_char(b, '}');
    return 0;
}

static int put_file(struct buf *b, const char *path)
{
    struct error err = ERROR_INIT;
    struct buf file = BUF_INIT;
    int rc = 0;

    if (path == NULL)
        return 0;
    if (fd_read_file(path, BODY_MAX, &file, &err) != 0) {
        rc = ctl_fail(-1, "%s", err.text);
    } else {
        member(b, "body");
        buf_str(b, buf_view(&file));
    }
    buf_fini(&file);
    return rc;
}

static int put_wish(struct buf *b, const struct wish *o)
{
    buf_char(b, '{');
    put_text(b, "key", o->key);
    put_text(b, "model", o->model);
    put_text(b, "endpoint", o->endpoint);
    put_text(b, "peer", o->peer);
    if (o->stream)
        buf_cstr(b, b->len > 1 ? ",\"stream\":true" : "\"stream\":true");
    if (o->tools)
        buf_cstr(b, b->len > 1 ? ",\"tools\":true" : "\"tools\":true");
    if (put_number(b, "tokens", "--tokens", o->tokens) != 0 ||
        put_number(b, "max_tokens", "--max-tokens", o->max_tokens) != 0 ||
        put_number(b, "images", "--images", o->images) != 0 ||
        put_pairs(b, "headers", "--header", o->headers) != 0 ||
        put_pairs(b, "params", "--param", o->params) != 0 || put_file(b, o->body) != 0)
        return -1;
    buf_char(b, '}');
    return 0;
}

/* --- the command --- */

int command_explain(struct ctl *c, int argc, char **argv)
{
    struct wish o = {.key = NULL};
    const struct arg args[] = {
        {"--key", &o.key, NULL},          {"--model", &o.model, NULL},
        {"--tokens", &o.tokens, NULL},    {"--max-tokens", &o.max_tokens, NULL},
        {"--images", &o.images, NULL},    {"--endpoint", &o.endpoint, NULL},
        {"--body", &o.body, NULL},        {"--peer", &o.peer, NULL},
        {"--header...", o.headers, NULL}, {"--param...", o.params, NULL},
        {"--stream", NULL, &o.stream},    {"--tools", NULL, &o.tools},
    };
    const struct json *answer = NULL;
    struct buf text = BUF_INIT;
    int status = CTL_USAGE;

    if (args_parse(&argc, argv, args, ARRAY_LEN(args)) == 0 &&
        args_words(argc, argv, 0, 0, "no words") == 0 && put_wish(&text, &o) == 0)
        status = ctl_call(c, "POST", "/api/explain", buf_view(&text), &answer);
    buf_clear(&text);
    if (status == CTL_OK && c->json) {
        buf_str(&text, answer->raw);
        buf_char(&text, '\n');
    } else if (status == CTL_OK) {
        explain_print(&text, answer);
    }
    (void)fwrite(text.data, 1, text.len, stdout);
    buf_fini(&text);
    return status;
}
