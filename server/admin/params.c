/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/params.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/admin/admin.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/when.h"

#define DURATION_MAX_MS (1ull << 56) /* more than anybody means; sums of two still fit */

/* '+' stays itself: who writes filters by hand does not think of forms. False: a bad escape. */
bool params_unescape(struct arena *a, struct str raw, struct str *out)
{
    char *to = arena_alloc(a, raw.len + 1);
    size_t n;

    if (!str_unescape(raw, to, &n))
        return false;
    to[n] = '\0';
    *out = (struct str){to, n};
    return true;
}

/* Take "name=value" from the rest of a query. */
static bool next_pair(struct str *rest, struct str *out_name, struct str *out_value)
{
    struct str pair;

    do {
        if (!str_next(rest, '&', &pair))
            return false;
    } while (pair.len == 0);
    ptrdiff_t at = str_index(pair, '=');
    *out_name = pair;
    *out_value = STR_NONE;
    if (at >= 0) {
        out_name->len = (size_t)at;
        *out_value = str_skip(pair, (size_t)at + 1);
    }
    return true;
}

static size_t list_find(const char *const *known, struct str name)
{
    size_t i = 0;

    while (known[i] != NULL && !str_eq(name, str_of(known[i])))
        i++;
    return i;
}

static size_t list_len(const char *const *known)
{
    size_t n = 0;

    while (known[n] != NULL)
        n++;
    return n;
}

/* A name from outside, fit for a message: short, and printable ASCII only. */
static const char *printable(struct exchange *ex, struct str name)
{
    char *text = arena_cstr(ex->arena, (struct str){name.p, name.len > 64 ? 64 : name.len});

    for (char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
    return text;
}

static void refuse_unknown(struct exchange *ex, const char *what, struct str name,
                           const char *const *known)
{
    const char *nearest = str_nearest(name, known, list_len(known));
    const char *shown = printable(ex, name);

    if (nearest != NULL)
        exchange_error(ex, 400, "unknown_field", shown, "unknown %s \"%s\"; did you mean \"%s\"?",
                       what, shown, nearest);
    else
        exchange_error(ex, 400, "unknown_field", shown, "unknown %s \"%s\"", what, shown);
}

bool params_check(struct exchange *ex, const char *const *known)
{
    struct str rest = ex->query, name, value, decoded;
    bool seen[PARAMS_MAX] = {false};

    must(list_len(known) <= PARAMS_MAX);
    while (next_pair(&rest, &name, &value)) {
        size_t i = list_find(known, name);

        if (known[i] == NULL) {
            refuse_unknown(ex, "parameter", name, known);
            return false;
        }
        if (seen[i] || value.len > PARAM_VALUE_MAX * (size_t)3 ||
            !params_unescape(ex->arena, value, &decoded) || decoded.len > PARAM_VALUE_MAX) {
            exchange_error(ex, 400, "bad_parameter", known[i],
                           seen[i] ? "parameter \"%s\" stands twice"
                                   : "parameter \"%s\" is too long or has a bad %%-escape",
                           known[i]);
            return false;
        }
        seen[i] = true;
    }
    return true;
}

struct str params_get(const struct exchange *ex, const char *name)
{
    struct str rest = ex->query, this_name, value, decoded;

    while (next_pair(&rest, &this_name, &value)) {
        if (str_eq(this_name, str_of(name)))
            return params_unescape(ex->arena, value, &decoded) ? decoded : STR_NONE;
    }
    return STR_NONE;
}

bool params_u64(struct exchange *ex, const char *name, uint64_t fallback, uint64_t max,
                uint64_t *out)
{
    struct str text = params_get(ex, name);
    uint64_t n = fallback;

    if (text.len > 0 && (!str_parse_u64(text, &n) || n > max)) {
        exchange_error(ex, 400, "bad_parameter", name,
                       "%s must be a whole number of at most %" PRIu64 ", is \"%s\"", name, max,
                       printable(ex, text));
        return false;
    }
    *out = n;
    return true;
}

bool params_duration(struct str text, uint64_t *out_ms)
{
    static const struct {
        char unit;
        uint64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
    uint64_t n;

    if (text.len < 2 || !str_parse_u64((struct str){text.p, text.len - 1}, &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].unit == text.p[text.len - 1]) {
            *out_ms = n > DURATION_MAX_MS / units[i].ms ? DURATION_MAX_MS : n * units[i].ms;
            return true;
        }
    }
    return false;
}

/* "15m": that long before now. */
static bool parse_ago(struct str text, uint64_t now, uint64_t *out)
{
    uint64_t ms;

    if (!params_duration(text, &ms))
        return false;
    *out = ms > now ? 0 : now - ms;
    return true;
}

bool params_time(struct exchange *ex, const char *name, uint64_t fallback, uint64_t *out)
{
    struct str text = params_get(ex, name);

    if (text.len == 0) {
        *out = fallback;
        return true;
    }
    if (str_parse_u64(text, out) || parse_ago(text, clock_real_ms(), out) || when_parse(text, out))
        return true;
    exchange_error(ex, 400, "bad_parameter", name,
                   "%s must be a time like 2026-11-22T16:45:00Z, 2026-11-22, milliseconds since "
                   "1970, or an age like 15m, 24h, 7d; is \"%s\"",
                   name, printable(ex, text));
    return false;
}

bool params_span(struct exchange *ex, uint64_t *out_since_ms, uint64_t *out_until_ms)
{
    if (!params_time(ex, "since", 0, out_since_ms) || !params_time(ex, "until", 0, out_until_ms))
        return false;
    if (*out_until_ms == 0 || *out_since_ms < *out_until_ms)
        return true;
    exchange_error(ex, 400, "bad_parameter", "until",
                   "nothing lies between: since must be earlier than until");
    return false;
}

bool params_id_parse(struct str text, uint64_t *out)
{
    uint8_t bytes[8];
    uint64_t id = 0;

    if (text.len != 16 || crypto_unhex(text, bytes, sizeof(bytes)) != 0)
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++)
        id = id << 8 | bytes[i];
    *out = id;
    return id != 0;
}

/* --- the body --- */

bool params_expiry(struct str text, uint64_t *out_ms)
{
    uint64_t ms;

    if (params_duration(text, &ms) && ms > 0) {
        *out_ms = clock_real_ms() + ms;
        return true;
    }
    return when_parse(text, out_ms);
}

static bool is_kind(const struct json *value, enum body_kind kind)
{
    uint64_t n;

    switch (kind) {
    case BODY_STRING:
        return value->type == JSON_STRING;
    case BODY_U64:
        return value->type == JSON_NUMBER && json_u64(value, &n);
    case BODY_BOOL:
        return value->type == JSON_BOOL;
    case BODY_OBJECT:
        return value->type == JSON_OBJECT;
    case BODY_LIST:
        return value->type == JSON_ARRAY;
    case BODY_ANY:
        return true;
    case BODY_STRINGS:
        break;
    }
    if (value->type != JSON_ARRAY)
        return false;
    for (const struct json *item = value->child; item != NULL; item = item->next) {
        if (item->type != JSON_STRING)
            return false;
    }
    return true;
}

static const char *kind_text(enum body_kind kind)
{
    static const char *const texts[] = {[BODY_STRING] = "a string",
                                        [BODY_STRINGS] = "a list of strings",
                                        [BODY_U64] = "a whole number, 0 or more",
                                        [BODY_BOOL] = "true or false",
                                        [BODY_OBJECT] = "an object",
                                        [BODY_LIST] = "a list",
                                        [BODY_ANY] = "a value"};

    return texts[kind];
}

struct body_rules {
    const struct body_field *fields;
    const char *names[PARAMS_MAX + 1];
    const char *where;
    bool is_patch;
};

static bool member_is_good(struct exchange *ex, const struct json *member,
                           const struct body_rules *rules)
{
    size_t i = list_find(rules->names, member->key);

    if (rules->names[i] == NULL) {
        refuse_unknown(ex, "field", member->key, rules->names);
        return false;
    }
    const char *name =
        arena_printf(ex->arena, "%s%s", rules->where, rules->names[i]).p; /* NUL-terminated */
    if (json_get((&(struct json){.type = JSON_OBJECT, .child = member->next}), rules->names[i]) !=
        NULL) {
        exchange_error(ex, 400, "bad_field", name, "field \"%s\" stands twice", name);
        return false;
    }
    /* Many clients send null for what is not set. */
    if (member->type == JSON_NULL && (rules->is_patch || !rules->fields[i].required))
        return true;
    if (!is_kind(member, rules->fields[i].kind)) {
        exchange_error(ex, 400, "bad_field", name, "%s must be %s", name,
                       kind_text(rules->fields[i].kind));
        return false;
    }
    return true;
}

static bool members_are_good(struct exchange *ex, const struct json *object,
                             struct body_rules *rules, size_t n)
{
    must(n <= PARAMS_MAX);
    for (size_t i = 0; i < n; i++)
        rules->names[i] = rules->fields[i].name;
    for (const struct json *member = object->child; member != NULL; member = member->next) {
        if (!member_is_good(ex, member, rules))
            return false;
    }
    for (size_t i = 0; i < n && !rules->is_patch; i++) {
        if (rules->fields[i].required && json_get(object, rules->names[i]) == NULL) {
            const char *name = arena_printf(ex->arena, "%s%s", rules->where, rules->names[i]).p;

            exchange_error(ex, 400, "missing_field", name, "%s is missing: %s", name,
                           kind_text(rules->fields[i].kind));
            return false;
        }
    }
    return true;
}

static const struct json *read_body(struct exchange *ex, struct str text, struct body_rules *rules,
                                    size_t n)
{
    struct json_error err;
    struct json *body = json_parse(ex->admin->json, ex->arena, text, &err);

    if (body == NULL || body->type != JSON_OBJECT) {
        exchange_error(ex, 400, "bad_json", NULL, "the body must be a JSON object: %s",
                       body == NULL ? err.text : "it is something else");
        return NULL;
    }
    return members_are_good(ex, body, rules, n) ? body : NULL;
}

const struct json *params_body(struct exchange *ex, const struct body_field *fields, size_t n)
{
    struct body_rules rules = {.fields = fields, .where = ""};

    return read_body(ex, ex->body, &rules, n);
}

const struct json *params_patch(struct exchange *ex, const struct body_field *fields, size_t n)
{
    struct body_rules rules = {.fields = fields, .where = "", .is_patch = true};

    return read_body(ex, ex->body.len > 0 ? ex->body : STR("{}"), &rules, n);
}

bool params_members(struct exchange *ex, const struct json *object, const char *where,
                    const struct body_field *fields, size_t n)
{
    struct body_rules rules = {.fields = fields, .where = where};

    return members_are_good(ex, object, &rules, n);
}
