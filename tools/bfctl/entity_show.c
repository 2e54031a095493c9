/*
 * entity_show - one key, team or customer, a line for each thing that is known of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "tools/bfctl/entity.h"
#include "tools/bfctl/table.h"

static void put_money(struct buf *b, const struct json *o, const char *member, const char *word)
{
    buf_cstr(b, ", ");
    entity_money(b, ctl_str(o, member));
    buf_printf(b, " %s", word);
}

/* "5.00 dollars per 1d: 0.12 used, 0.00 held, 4.88 left, anew at 2026-11-24T08:48:26Z" */
static void put_budget(struct buf *b, const struct json *o)
{
    entity_money(b, ctl_str(o, "limit"));
    buf_printf(b, " dollars per %.*s%s: ", STR_ARGS(ctl_str(o, "window")),
               ctl_bool(o, "calendar") ? " of the calendar" : "");
    entity_money(b, ctl_str(o, "used"));
    buf_cstr(b, " used");
    put_money(b, o, "held", "held");
    put_money(b, o, "remaining", "left");
    buf_printf(b, ", anew at %.*s", STR_ARGS(ctl_str(o, "resets_at")));
}

/* "10 requests per 1m: 3 used, 7 left" */
static void put_rate(struct buf *b, const struct json *o)
{
    static const struct {
        const char *member, *word;
    } classes[] = {{"requests", "requests"},
                   {"tokens", "tokens"},
                   {"tokens_in", "tokens of prompts"},
                   {"tokens_out", "tokens of answers"}};

    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (json_get(o, classes[i].member) != NULL)
            buf_printf(b, "%.*s %s", STR_ARGS(ctl_str(o, classes[i].member)), classes[i].word);
    }
    buf_printf(b, " per %.*s: %.*s used, %.*s left", STR_ARGS(ctl_str(o, "per")),
               STR_ARGS(ctl_str(o, "used")), STR_ARGS(ctl_str(o, "remaining")));
}

static void print_line(struct str name, const struct buf *text)
{
    struct buf clean = BUF_INIT;

    table_clean(&clean, buf_view(text), false);
    printf("%-17.*s %.*s\n", STR_ARGS(name), STR_ARGS(buf_view(&clean)));
    buf_fini(&clean);
}

/* Budgets and limits, each on its line. */
static void print_each(const struct json *list, void (*put)(struct buf *b, const struct json *o))
{
    for (const struct json *o = list->child; o != NULL; o = o->next) {
        struct buf text = BUF_INIT;

        put(&text, o);
        print_line(o == list->child ? list->key : STR_NONE, &text);
        buf_fini(&text);
    }
}

static bool is_texts(const struct json *list)
{
    const struct json *item = list->child;

    while (item != NULL && item->type == JSON_STRING)
        item = item->next;
    return item == NULL;
}

static void put_value(struct buf *b, const struct json *m)
{
    if (m->type == JSON_STRING) {
        buf_str(b, m->text);
    } else if (m->type == JSON_NULL) {
        buf_char(b, '-');
    } else if (m->type == JSON_ARRAY && is_texts(m)) {
        for (const struct json *item = m->child; item != NULL; item = item->next) {
            buf_str(b, item->text);
            buf_cstr(b, item->next != NULL ? ", " : "");
        }
        if (m->child == NULL)
            buf_cstr(b, str_eq(m->key, STR("models")) ? "all" : "-");
    } else {
        buf_str(b, m->raw);
    }
}

/* Moments as text, where the number alone stands; what has a text of its own is told by that. */
static bool print_moment(const struct json *m)
{
    struct buf text = BUF_INIT;
    struct table t;
    uint64_t ms = 0;

    if (!str_eq(m->key, STR("created_ms")))
        return str_ends(m->key, STR("_ms"));
    table_init(&t, "created");
    (void)json_u64(m, &ms);
    table_time(&t, ms);
    buf_cstr(&text, t.cells.data + strlen(t.cells.data) + 1);
    print_line(STR("created (UTC)"), &text);
    table_fini(&t);
    buf_fini(&text);
    return true;
}

static void print_member(const struct json *m)
{
    struct buf text = BUF_INIT;

    if (print_moment(m))
        return;
    if (m->type == JSON_ARRAY && str_eq(m->key, STR("budgets"))) {
        print_each(m, put_budget);
    } else if (m->type == JSON_ARRAY && str_eq(m->key, STR("rate_limits"))) {
        print_each(m, put_rate);
    } else {
        put_value(&text, m);
        print_line(m->key, &text);
    }
    buf_fini(&text);
}

int entity_show(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    struct buf path = BUF_INIT;
    const struct json *reply = NULL;

    if (args_parse(&argc, argv, args_find(v->uses, argv[0]), NULL) != 0)
        return CTL_USAGE;
    int status = entity_path(c, v, argc, argv, "", &path);
    if (status == CTL_OK)
        status = ctl_call(c, "GET", path.data, STR_NONE, &reply);
    if (status == CTL_OK && c->json)
        printf("%.*s\n", STR_ARGS(reply->raw));
    else
        for (const struct json *m = status == CTL_OK ? reply->child : NULL; m != NULL; m = m->next)
            print_member(m);
    buf_fini(&path);
    return status;
}
