/*
 * explain_manners - what a model says beside its targets, as lines for people; what both halves share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>

#include "tools/bfctl/ctl.h"
#include "tools/bfctl/explain.h"
#include "tools/bfctl/table.h"

const struct json *explain_first(const struct json *object, const char *name)
{
    const struct json *list = json_get(object, name);

    return list != NULL ? list->child : NULL;
}

void explain_clean(struct buf *b, struct str text)
{
    table_clean(b, text, false);
}

void explain_list(struct buf *b, const struct json *list)
{
    for (const struct json *item = list != NULL ? list->child : NULL; item != NULL;
         item = item->next) {
        explain_clean(b, item->text);
        if (item->next != NULL)
            buf_cstr(b, ", ");
    }
}

bool explain_has(const struct json *object, const char *name)
{
    return explain_first(object, name) != NULL;
}

static void put_seconds(struct buf *b, uint64_t ms)
{
    if (ms % 1000 != 0)
        buf_printf(b, "%" PRIu64 "ms", ms);
    else
        buf_printf(b, "%" PRIu64 "s", ms / 1000);
}

/* Who is on which side of a canary. */
static void print_sides(struct buf *b, const struct json *name)
{
    const struct json *sticky = json_get(name, "sticky");
    struct str by = ctl_str(sticky, "by");
    bool is_key = str_eq(by, STR("key"));

    if (sticky == NULL)
        return;
    buf_cstr(b, INDENT "callers are dealt out by share, and who shows the same ");
    explain_clean(b, is_key ? STR("virtual key") : by);
    buf_cstr(b, ctl_bool(sticky, "is_told")
                    ? " stays on its side, as this request does\n"
                    : " stays on its side; this request shows none: a matter of chance\n");
}

static void print_patience(struct buf *b, const struct json *name)
{
    const struct json *timeout = json_get(name, "timeout_ms");
    const struct json *throughput = json_get(name, "throughput");
    uint64_t first_ms = ctl_u64(timeout, "first_byte");
    uint64_t between_ms = ctl_u64(timeout, "between_bytes");

    if (timeout != NULL) {
        buf_cstr(b, INDENT "its own patience: ");
        if (first_ms > 0)
            put_seconds(b, first_ms);
        buf_cstr(b, first_ms > 0 ? " to the first byte" : "");
        buf_cstr(b, first_ms > 0 && between_ms > 0 ? ", " : "");
        if (between_ms > 0)
            put_seconds(b, between_ms);
        buf_cstr(b, between_ms > 0 ? " of silence\n" : "\n");
    }
    if (throughput != NULL) {
        buf_printf(b, INDENT "streams slower than %.*s tokens a second over ",
                   STR_ARGS(ctl_str(throughput, "at_least")));
        put_seconds(b, ctl_u64(throughput, "over_ms"));
        buf_cstr(b, " are given up\n");
    }
}

void explain_put_queue(struct buf *b, const struct json *queue, const char *whose)
{
    buf_cstr(b, "who finds no place waits ");
    put_seconds(b, ctl_u64(queue, "wait_ms"));
    buf_printf(b, " at most, in %s queue of %" PRIu64 "\n", whose, ctl_u64(queue, "at_most"));
}

static void print_shadow(struct buf *b, const struct json *shadow)
{
    if (shadow == NULL)
        return;
    buf_printf(b, INDENT "copies of %.*s%% of its requests go to ",
               STR_ARGS(ctl_str(shadow, "share_percent")));
    explain_clean(b, ctl_str(shadow, "provider"));
    buf_char(b, '/');
    explain_clean(b, ctl_str(shadow, "model"));
    buf_cstr(b, " as a shadow, ");
    put_seconds(b, ctl_u64(shadow, "timeout_ms"));
    buf_cstr(b, " at most\n");
}

static void print_list(struct buf *b, const struct json *name, const char *member,
                       const char *words)
{
    if (!explain_has(name, member))
        return;
    buf_cstr(b, words);
    explain_list(b, json_get(name, member));
    buf_char(b, '\n');
}

void explain_print_manners(struct buf *b, const struct json *name)
{
    const struct json *hedge = json_get(name, "hedge");
    const struct json *affinity = json_get(name, "affinity");
    const struct json *queue = json_get(name, "queue");

    print_patience(b, name);
    if (hedge != NULL)
        buf_printf(b, INDENT "a second route after %.*s, for at most %.*s%% of its requests\n",
                   STR_ARGS(ctl_str(hedge, "after")), STR_ARGS(ctl_str(hedge, "at_most_percent")));
    if (affinity != NULL) {
        buf_cstr(b, INDENT "sessions stay on their routes, by ");
        explain_clean(b, ctl_str(affinity, "by"));
        buf_cstr(b, ctl_bool(affinity, "is_told") ? "\n" : ", which this request does not tell\n");
    }
    if (queue != NULL) {
        buf_cstr(b, INDENT);
        explain_put_queue(b, queue, "its own");
    }
    print_shadow(b, json_get(name, "shadow"));
    print_list(b, name, "context_fallbacks", INDENT "a prompt that is too long goes to ");
    print_list(b, name, "content_filter_fallbacks",
               INDENT "what a content filter refuses goes to ");
    print_sides(b, name);
}
