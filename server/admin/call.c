/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/call.h"

#include "server/admin/admin.h"
#include "server/admin/ask.h"

struct call_state {
    struct exchange *ex;
    call_fn *fn;
};

static const struct {
    const char *kind;
    int status;
    const char *code;
} refusals[] = {
    {"not_found", 404, "not_found"}, {"conflict", 409, "conflict"}, {"invalid", 400, "invalid"},
    {"read_only", 409, "read_only"}, {"full", 503, "full"},
};

static void refuse(struct exchange *ex, const struct json *reply)
{
    struct str kind = json_str(json_get(reply, "kind"));
    struct str error = json_str(json_get(reply, "error"));

    if (error.len == 0)
        error = STR("the master refused without a reason");
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (str_eq(kind, str_of(refusals[i].kind))) {
            exchange_error(ex, refusals[i].status, refusals[i].code, NULL, "%.*s", STR_ARGS(error));
            return;
        }
    }
    exchange_error(ex, 500, "internal", NULL, "%.*s", STR_ARGS(error));
}

static void on_reply(void *ctx, const struct json *reply)
{
    struct call_state *state = ctx; /* in the exchange's arena */
    bool ok = false;

    if (reply == NULL)
        exchange_error(state->ex, 504, "master_silent", NULL,
                       "the master did not answer in time; the change may still happen");
    else if (json_bool(json_get(reply, "ok"), &ok) && ok)
        state->fn(state->ex, reply);
    else
        refuse(state->ex, reply);
}

void call_master(struct exchange *ex, struct buf *text, uint64_t timeout_ms, call_fn *fn)
{
    struct call_state *state = arena_alloc(ex->arena, sizeof(*state));

    *state = (struct call_state){ex, fn};
    int rc = ask_start(ex->admin->ask, buf_view(text), timeout_ms, on_reply, state);
    buf_fini(text);
    if (rc != 0)
        exchange_error(ex, 503, "master_busy", NULL,
                       "too many changes are under way; try again in a moment");
}
