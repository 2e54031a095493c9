/*
 * entity_options - what an entity may and how much, from a command line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "conf/values.h"
#include "server/base/clock.h"
#include "server/base/when.h"
#include "tools/bfctl/entity.h"

#define OPTION(member) offsetof(struct entity_options, member), ARG_ONE
#define OPTION_LIST(member) offsetof(struct entity_options, member), ARG_LIST

/* --name is first: create has it as its word. */
const struct arg entity_options[ENTITY_OPTIONS] = {
    {"--name", "NEW", "a new name", OPTION(name)},
    {"--budget", "5/1d,100/1M",
     "dollars in a window (1m 5m 1h 1d 1w 1M 1Q 1Y, or 7d); 1000: per 1M", OPTION(budget)},
    {"--rate-limit", "100/1m", "requests in a time; 100: per 1m", OPTION(rate_limit)},
    {"--token-limit", "100000/1m", "tokens in a time", OPTION(token_limit)},
    {"--concurrency", "N", "requests at the same time", OPTION(concurrency)},
    {"--tags", "A,B", "words to find it by; rules may ask for a key's", OPTION_LIST(tags)},
    {"--customer", "NAME", "the customer that it belongs to", OPTION(customer)},
    {"--team", "NAME", "the team that it belongs to", OPTION(team)},
    {"--models", "GLOB,...", "what it may use: names, or provider/model; * stands for anything",
     OPTION_LIST(models)},
    {"--deny-models", "GLOB,...", "what it may not use, whatever --models says",
     OPTION_LIST(deny_models)},
    {"--expires", "30d|2027-01-31", "when it ends; never: not at all", OPTION(expires)},
    {"--value", "TEXT", "the key itself, where it must not be made up", OPTION(value)},
    {"--inactive", NULL, "not usable yet", OPTION(inactive)},
    {"--strict", NULL, "refuse what could be translated in part only", OPTION(strict)},
    {"--priority", "WORD", "high, normal or low: whose requests go first when it is full",
     OPTION(priority)},
};

static void member(struct buf *out, const char *name)
{
    if (out->len > 1)
        buf_char(out, ',');
    buf_printf(out, "\"%s\":", name);
}

static void put_text(struct buf *out, const char *name, const char *value, bool may_be_none)
{
    if (value == NULL)
        return;
    member(out, name);
    if (may_be_none && strcmp(value, "none") == 0)
        buf_cstr(out, "null");
    else
        buf_json(out, str_of(value));
}

static void put_list(struct buf *out, const char *name, const char *value)
{
    struct str rest = str_of(value), item;
    bool comma = false;

    if (value == NULL)
        return;
    member(out, name);
    buf_char(out, '[');
    while (str_next(&rest, ',', &item)) {
        if (comma)
            buf_char(out, ',');
        buf_json(out, str_trim(item));
        comma = true;
    }
    buf_char(out, ']');
}

/* "5/1d" as {"limit":"5","window":"1d"}. */
static void put_rule(struct buf *out, struct str item, const char *what, const char *per,
                     bool is_number)
{
    ptrdiff_t slash = str_index(item, '/');
    struct str amount = slash >= 0 ? (struct str){item.p, (size_t)slash} : item;
    uint64_t number;

    buf_printf(out, "{\"%s\":", what);
    if (is_number && str_parse_u64(amount, &number))
        buf_u64(out, number);
    else
        buf_json(out, amount);
    if (slash >= 0) {
        buf_printf(out, ",\"%s\":", per);
        buf_json(out, str_skip(item, (size_t)slash + 1));
    } else if (is_number) {
        buf_printf(out, ",\"%s\":\"1m\"", per);
    }
    buf_char(out, '}');
}

static void put_rules(struct buf *out, const char *value, const char *what, const char *per,
                      bool is_number)
{
    struct str rest = str_of(value), item;

    while (value != NULL && str_next(&rest, ',', &item)) {
        if (out->data[out->len - 1] == '}')
            buf_char(out, ',');
        put_rule(out, str_trim(item), what, per, is_number);
    }
}

static bool is_none(const char *value)
{
    return value == NULL || strcmp(value, "none") == 0;
}

static void put_money(struct buf *out, const struct entity_options *o)
{
    if (o->budget != NULL && is_none(o->budget)) {
        member(out, "budgets");
        buf_cstr(out, "null");
    } else if (o->budget != NULL) {
        member(out, "budgets");
        buf_char(out, '[');
        put_rules(out, o->budget, "limit", "window", false);
        buf_char(out, ']');
    }
    if (o->rate_limit == NULL && o->token_limit == NULL)
        return;
    member(out, "rate_limits");
    if (is_none(o->rate_limit) && is_none(o->token_limit)) {
        buf_cstr(out, "null");
        return;
    }
    buf_char(out, '[');
    put_rules(out, is_none(o->rate_limit) ? NULL : o->rate_limit, "requests", "per", true);
    put_rules(out, is_none(o->token_limit) ? NULL : o->token_limit, "tokens", "per", true);
    buf_char(out, ']');
}

static int put_expiry(struct buf *out, const char *expires)
{
    uint64_t ms;

    if (expires == NULL)
        return CTL_OK;
    member(out, "expires_ms");
    if (strcmp(expires, "none") == 0 || strcmp(expires, "never") == 0) {
        buf_cstr(out, "null");
        return CTL_OK;
    }
    if (value_duration(str_of(expires), &ms) && ms > 0)
        ms += clock_real_ms();
    else if (!when_parse(str_of(expires), &ms))
        return ctl_fail(CTL_USAGE, "--expires must be a duration from now (30d), never, or %s",
                        VALUE_TIME_HELP);
    buf_u64(out, ms);
    return CTL_OK;
}

int entity_body(const struct entity_options *o, bool is_patch, struct buf *out)
{
    uint64_t number;

    buf_char(out, '{');
    put_text(out, "name", o->name, false);
    put_text(out, "team", o->team, is_patch);
    put_text(out, "customer", o->customer, is_patch);
    put_text(out, "value", o->value, false);
    put_text(out, "priority", o->priority, is_patch);
    put_list(out, "models", o->models);
    put_list(out, "deny_models", o->deny_models);
    put_list(out, "tags", o->tags);
    put_money(out, o);
    if (o->concurrency != NULL && str_parse_u64(str_of(o->concurrency), &number)) {
        member(out, "concurrency");
        buf_u64(out, number);
    } else if (o->concurrency != NULL) {
        put_text(out, "concurrency", o->concurrency, is_patch);
    }
    if (o->inactive) {
        member(out, "active");
        buf_cstr(out, "false");
    }
    if (o->strict) {
        member(out, "strict");
        buf_cstr(out, "true");
    }
    int status = put_expiry(out, o->expires);
    buf_char(out, '}');
    return status;
}
