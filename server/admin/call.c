/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/call.h"

#include <string.h>

#include "server/admin/admin.h"
#include "server/admin/ask.h"
#include "server/inherit.h"
#include "shm/control.h"

#define FIELD_MAX 128 /* bytes of a field's name with its parents */

struct call_state {
    struct exchange *ex;
    call_fn *fn;
    bool takes_refusals;
};

static const struct {
    const char *kind;
    int status;
    const char *code;
} refusals[] = {
    {"not_found", 404, "not_found"}, {"conflict", 409, "conflict"}, {"invalid", 400, "invalid"},
    {"read_only", 409, "read_only"}, {"full", 503, "full"},
};

/* Does the body have a member of this name, on any level? */
static bool body_has(const struct exchange *ex, struct str name)
{
    struct str rest = ex->body;

    for (;;) {
        const char *at =
            rest.len > 0 && name.len > 0 ? memmem(rest.p, rest.len, name.p, name.len) : NULL;

        if (at == NULL)
            return false;
        rest = str_skip(rest, (size_t)(at - rest.p) + name.len);
        if (at > ex->body.p && at[-1] == '"' && rest.len > 0 && rest.p[0] == '"') {
            size_t n = 1;

            while (n < rest.len && (rest.p[n] == ' ' || rest.p[n] == '\n' || rest.p[n] == '\t'))
                n++;
            if (n < rest.len && rest.p[n] == ':')
                return true;
        }
    }
}

static struct str word_at(struct str text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_[].";
    size_t n = 0;

    while (n < text.len && n < FIELD_MAX && strchr(plain, text.p[n]) != NULL)
        n++;
    return (struct str){text.p, n};
}

/* "budgets[0].limit" is about "budgets". */
static struct str head_of(struct str word)
{
    size_t n = 0;

    while (n < word.len && word.p[n] != '[' && word.p[n] != '.')
        n++;
    return (struct str){word.p, n};
}

/*
 * The master's texts say which field they are about: "budgets[0].limit must be ...", "unknown key
 * "x" in budgets[0]", "name: is taken". Unless a colon says it, it is the first word that the client's
 * body has as a name.
 */
static const char *field_of(struct exchange *ex, struct str error)
{
    struct str rest = error, first = word_at(error);

    if (first.len > 0 && first.len < error.len && error.p[first.len] == ':')
        return arena_cstr(ex->arena, first);
    if (ex->body.len > ADMIN_BODY_MAX) /* an import: its errors have their own place */
        return NULL;
    while (rest.len > 0) {
        struct str word = word_at(rest);

        if (word.len > 0 && body_has(ex, head_of(word))) {
            struct str behind = str_skip(rest, word.len);

            if (str_starts(behind, STR("\" in ")))
                return arena_printf(ex->arena, "%.*s.%.*s", STR_ARGS(word_at(str_skip(behind, 5))),
                                    STR_ARGS(word))
                    .p;
            return arena_cstr(ex->arena, word);
        }
        rest = str_skip(rest, word.len > 0 ? word.len : 1);
    }
    return NULL;
}

void call_refuse(struct exchange *ex, const struct json *reply)
{
    struct str kind = json_str(json_get(reply, "kind"));
    struct str error = json_str(json_get(reply, "error"));
    const char *field = field_of(ex, error);

    if (error.len == 0)
        error = STR("the master refused without a reason");
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (str_eq(kind, str_of(refusals[i].kind))) {
            exchange_error(ex, refusals[i].status, refusals[i].code, field, "%.*s",
                           STR_ARGS(error));
            return;
        }
    }
    exchange_error(ex, 500, "internal", NULL, "%.*s", STR_ARGS(error));
}

bool call_is_ok(const struct json *reply)
{
    bool ok = false;

    return json_bool(json_get(reply, "ok"), &ok) && ok;
}

static void on_reply(void *ctx, const struct json *reply)
{
    struct call_state *state = ctx; /* in the exchange's arena */

    if (reply == NULL)
        exchange_error(state->ex, 504, "master_silent", NULL,
                       "the master did not answer in time; the change may still happen");
    else if (state->takes_refusals || call_is_ok(reply))
        state->fn(state->ex, reply);
    else
        call_refuse(state->ex, reply);
}

static void start(const struct call_state *wanted, struct buf *text, uint64_t timeout_ms)
{
    struct exchange *ex = wanted->ex;
    struct call_state *state = arena_alloc(ex->arena, sizeof(*state));

    if (text->len > CONTROL_TEXT_MAX) {
        buf_fini(text);
        exchange_error(ex, 413, "body_too_large", NULL,
                       "this is more than one call may have: %u bytes", CALL_BYTES_MAX);
        return;
    }
    *state = *wanted;
    int rc = ask_start(ex->admin->ask, buf_view(text), timeout_ms, on_reply, state);
    buf_fini(text);
    if (rc != 0)
        exchange_error(ex, 503, "master_busy", NULL,
                       "too many changes are under way; try again in a moment");
}

void call_master(struct exchange *ex, struct buf *text, uint64_t timeout_ms, call_fn *fn)
{
    start(&(struct call_state){ex, fn, false}, text, timeout_ms);
}

void call_master_try(struct exchange *ex, struct buf *text, uint64_t timeout_ms, call_fn *fn)
{
    start(&(struct call_state){ex, fn, true}, text, timeout_ms);
}
