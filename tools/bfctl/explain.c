/*
 * explain - what a request would get, and why.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/buf.h"
#include "server/base/fd.h"
#include "server/base/when.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/explain.h"

#define BODY_MAX (1u << 20) /* as the API takes it */

struct wish {
    const char *key, *model, *fallbacks, *provider_key, *tags, *tokens, *max_tokens, *images,
        *endpoint, *dialect, *body, *address, *at, *budget_used;
    const char *headers[ARG_MANY_MAX + 1], *params[ARG_MANY_MAX + 1];
    bool stream, tools;
};

#define OPTION(member) offsetof(struct wish, member), ARG_ONE
#define OPTIONS(member) offsetof(struct wish, member), ARG_MANY

static const struct arg explain_args[] = {
    {"--model", "NAME", "the model, as a client writes it", OPTION(model)},
    {"--key", "NAME|ID", "the virtual key that asks, never its secret (default: none)",
     OPTION(key)},
    {"--fallbacks", "A,B", "as x-bf-fallbacks: instead of the model's own", OPTION(fallbacks)},
    {"--provider-key", "NAME", "as x-bf-provider-key: NAME or provider/NAME", OPTION(provider_key)},
    {"--tags", "A,B", "as x-bf-tags: only routes that have all of them", OPTION(tags)},
    {"--endpoint", "WORD|PATH",
     "chat (default), responses, messages, completions, embeddings, gemini, converse, cohere, or a "
     "path that begins with /",
     OPTION(endpoint)},
    {"--dialect", "NAME",
     "openai, responses, anthropic, gemini, bedrock or cohere: a chat in that dialect",
     OPTION(dialect)},
    {"--tokens", "N", "in the prompt", OPTION(tokens)},
    {"--max-tokens", "N", "at most in the answer", OPTION(max_tokens)},
    {"--images", "N", "in the prompt", OPTION(images)},
    {"--stream", NULL, "the answer is streamed", OPTION(stream)},
    {"--tools", NULL, "with tools", OPTION(tools)},
    {"--header", "'NAME: VALUE'", "of the request; NAME=VALUE as well", OPTIONS(headers)},
    {"--param", "NAME=VALUE", "of its URL's query", OPTIONS(params)},
    {"--address", "IP", "that it comes from (default: 127.0.0.1)", OPTION(address)},
    {"--peer", "IP", NULL, OPTION(address)},
    {"--at", "TIME", "what rules take for the time, as 2026-11-22T16:45:00Z (default: now)",
     OPTION(at)},
    {"--budget-used", "SHARE", "what rules take for budget.used, 0.85 for 85 % (default: as it is)",
     OPTION(budget_used)},
    {"--body", "FILE|-", "the request's own JSON instead of all that describes one; - is stdin",
     OPTION(body)},
};

const struct args explain_uses[] = {
    {"", "what a request would get, step by step; nothing is sent, nothing is counted",
     explain_args, ARRAY_LEN(explain_args),
     "Exit status 1 when there is nothing to explain (no such key); a request that would be\n"
     "refused is explained like any other.\n"},
    ARGS_END,
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

/* The first of "=" and ":" parts them, as far as `with_colon` allows; blanks around do not count. */
static ptrdiff_t parting(struct str pair, bool with_colon)
{
    ptrdiff_t equals = str_index(pair, '=');
    ptrdiff_t colon = with_colon ? str_index(pair, ':') : -1;

    return colon >= 0 && (equals < 0 || colon < equals) ? colon : equals;
}

static int put_pair(struct buf *b, const char *option, const char *text, bool with_colon)
{
    struct str pair = str_of(text);
    ptrdiff_t at = parting(pair, with_colon);
    struct str name = str_trim((struct str){pair.p, at > 0 ? (size_t)at : 0});

    if (name.len == 0)
        return ctl_fail(-1, "%s must be %s, is %s", option,
                        with_colon ? "'NAME: VALUE' or NAME=VALUE" : "NAME=VALUE", text);
    buf_json(b, name);
    buf_char(b, ':');
    buf_json(b, str_trim(str_skip(pair, (size_t)at + 1)));
    return 0;
}

/* A header that an option of its own stands for. */
static void put_own(struct buf *b, const char *name, const char *value)
{
    if (value == NULL)
        return;
    if (b->data[b->len - 1] != '{')
        buf_char(b, ',');
    buf_printf(b, "\"%s\":", name);
    buf_json(b, str_of(value));
}

static int put_headers(struct buf *b, const struct wish *o)
{
    if (o->headers[0] == NULL && o->fallbacks == NULL && o->provider_key == NULL && o->tags == NULL)
        return 0;
    member(b, "headers");
    buf_char(b, '{');
    for (size_t i = 0; o->headers[i] != NULL; i++) {
        if (i > 0)
            buf_char(b, ',');
        if (put_pair(b, "--header", o->headers[i], true) != 0)
            return -1;
    }
    put_own(b, "x-bf-fallbacks", o->fallbacks);
    put_own(b, "x-bf-provider-key", o->provider_key);
    put_own(b, "x-bf-tags", o->tags);
    buf_char(b, '}');
    return 0;
}

static int put_params(struct buf *b, const struct wish *o)
{
    if (o->params[0] == NULL)
        return 0;
    member(b, "params");
    for (size_t i = 0; o->params[i] != NULL; i++) {
        buf_char(b, i == 0 ? '{' : ',');
        if (put_pair(b, "--param", o->params[i], false) != 0)
            return -1;
    }
    buf_char(b, '}');
    return 0;
}

/* What is no JSON would only make the question none. */
static int put_file(struct ctl *c, struct buf *b, const char *path)
{
    const char *name = path;
    struct error err = ERROR_INIT;
    struct json_error bad;
    struct buf file = BUF_INIT;
    int rc = 0;

    if (path == NULL)
        return 0;
    if (strcmp(path, "-") == 0)
        path = "/dev/stdin"; /* Linux */
    if (fd_read_file(path, BODY_MAX, &file, &err) != 0)
        rc = ctl_fail(-1, "%s", err.text);
    else if (json_parse(c->parser, c->arena, arena_str(c->arena, buf_view(&file)), &bad) == NULL)
        rc = ctl_fail(-1, "--body %s is not JSON: %s", name, bad.text);
    if (rc == 0) {
        member(b, "body");
        buf_str(b, buf_view(&file));
    }
    buf_fini(&file);
    return rc;
}

/* A share as a number of JSON, whatever strtod would take beside. */
static int put_share(struct buf *b, const char *value)
{
    char *end;
    double share;

    if (value == NULL)
        return 0;
    share = strtod(value, &end);
    if (*end != '\0' || end == value || !(share >= 0 && share <= 1000))
        return ctl_fail(-1, "--budget-used must be a share like 0.85, is %s", value);
    member(b, "budget_used");
    buf_printf(b, "%.6f", share);
    return 0;
}

static int put_time(struct buf *b, const char *value)
{
    uint64_t ms;

    if (value == NULL)
        return 0;
    if (!when_parse(str_of(value), &ms))
        return ctl_fail(-1, "--at must be a time like 2026-11-22T16:45:00Z, is %s", value);
    member(b, "at_ms");
    buf_printf(b, "%" PRIu64, ms);
    return 0;
}

/* Said before the gateway is asked, in the words of this command line. */
static int check_wish(const struct wish *o)
{
    bool is_path = o->endpoint != NULL && o->endpoint[0] == '/';

    if (o->body == NULL && o->model == NULL && !is_path)
        return ctl_fail(-1,
                        "what is to be explained? --model NAME describes a request, --body FILE "
                        "is one (or --endpoint with a path, for what has no model)");
    if (o->body != NULL && (o->model != NULL || o->tokens != NULL || o->max_tokens != NULL ||
                            o->images != NULL || o->stream || o->tools))
        return ctl_fail(-1, "a body is the whole request: --model, --tokens, --max-tokens, "
                            "--images, --stream and --tools describe one that is made up");
    if (o->dialect != NULL && o->endpoint != NULL)
        return ctl_fail(-1, "--dialect and --endpoint exclude each other");
    return 0;
}

static int put_wish(struct ctl *c, struct buf *b, const struct wish *o)
{
    buf_char(b, '{');
    put_text(b, "key", o->key);
    put_text(b, "model", o->model);
    put_text(b, "endpoint", o->endpoint);
    put_text(b, "dialect", o->dialect);
    put_text(b, "peer", o->address);
    if (o->stream)
        buf_cstr(b, b->len > 1 ? ",\"stream\":true" : "\"stream\":true");
    if (o->tools)
        buf_cstr(b, b->len > 1 ? ",\"tools\":true" : "\"tools\":true");
    if (put_number(b, "tokens", "--tokens", o->tokens) != 0 ||
        put_number(b, "max_tokens", "--max-tokens", o->max_tokens) != 0 ||
        put_number(b, "images", "--images", o->images) != 0 || put_time(b, o->at) != 0 ||
        put_share(b, o->budget_used) != 0 || put_headers(b, o) != 0 || put_params(b, o) != 0 ||
        put_file(c, b, o->body) != 0)
        return -1;
    buf_char(b, '}');
    return 0;
}

/* --- the command --- */

int command_explain(struct ctl *c, int argc, char **argv)
{
    struct wish o = {.key = NULL};
    const struct json *answer = NULL;
    struct buf text = BUF_INIT;
    int status = CTL_USAGE;

    if (args_parse(&argc, argv, &explain_uses[0], &o) == 0 &&
        args_words(argc, argv, 0, 0, "no words") == 0 && check_wish(&o) == 0 &&
        put_wish(c, &text, &o) == 0)
        status = ctl_call(c, "POST", "/api/explain", buf_view(&text), &answer);
    buf_clear(&text);
    if (status == CTL_OK && c->json) {
        buf_str(&text, answer->raw);
        buf_char(&text, '\n');
    } else if (status == CTL_OK) {
        explain_print(&text, answer);
    }
    ctl_write(&text);
    buf_fini(&text);
    return status;
}
