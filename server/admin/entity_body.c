/*
 * entity_body - what a client says of an entity, as the master takes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/entity.h"
#include "server/admin/params.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/when.h"
#include "shm/keys.h"

#define EXPIRES_MS_MAX 253402300799000u /* the year 9999: what RFC 3339 can say */

/* What every kind has. Amounts and windows are checked where the file's are: by the master. */
#define RULE_FIELDS                                                                                \
    {"budget", BODY_ANY, false}, {"budgets", BODY_LIST, false}, {"rate_limit", BODY_ANY, false},   \
        {"rate_limits", BODY_LIST, false},                                                         \
    {                                                                                              \
        "concurrency", BODY_ANY, false                                                             \
    }
#define LABEL_FIELDS                                                                               \
    {"tags", BODY_STRINGS, false},                                                                 \
    {                                                                                              \
        "metadata", BODY_OBJECT, false                                                             \
    }

static const struct body_field customer_fields[] = {
    {"name", BODY_STRING, true}, {"blocked", BODY_BOOL, false}, RULE_FIELDS, LABEL_FIELDS};

static const struct body_field team_fields[] = {{"name", BODY_STRING, true},
                                                {"customer", BODY_STRING, false},
                                                {"customer_id", BODY_STRING, false},
                                                {"blocked", BODY_BOOL, false},
                                                RULE_FIELDS,
                                                LABEL_FIELDS};

static const struct body_field key_fields[] = {{"name", BODY_STRING, true},
                                               {"value", BODY_STRING, false},
                                               {"hash", BODY_STRING, false},
                                               {"models", BODY_STRINGS, false},
                                               {"deny_models", BODY_STRINGS, false},
                                               {"expires", BODY_ANY, false},
                                               {"expires_ms", BODY_U64, false},
                                               {"active", BODY_BOOL, false},
                                               {"strict", BODY_BOOL, false},
                                               {"priority", BODY_STRING, false},
                                               {"team", BODY_STRING, false},
                                               {"team_id", BODY_STRING, false},
                                               {"customer", BODY_STRING, false},
                                               {"customer_id", BODY_STRING, false},
                                               {"providers", BODY_LIST, false},
                                               {"routes", BODY_STRINGS, false},
                                               {"networks", BODY_STRINGS, false},
                                               {"mcp_tools", BODY_STRINGS, false},
                                               {"aliases", BODY_OBJECT, false},
                                               RULE_FIELDS,
                                               LABEL_FIELDS};

static const struct body_field model_limit_fields[] = {{"model", BODY_STRING, true}, RULE_FIELDS};

static const struct {
    const struct body_field *fields;
    size_t n;
} bodies[ENTITY_KINDS] = {
    [ENTITY_CUSTOMER] = {customer_fields, ARRAY_LEN(customer_fields)},
    [ENTITY_TEAM] = {team_fields, ARRAY_LEN(team_fields)},
    [ENTITY_KEY] = {key_fields, ARRAY_LEN(key_fields)},
    [ENTITY_MODEL_LIMIT] = {model_limit_fields, ARRAY_LEN(model_limit_fields)},
};

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    }
    return false;
}

static bool name_is_good(struct exchange *ex, const struct json *body)
{
    const struct json *node = json_get(body, "name");
    struct str name = json_str(node);

    if (node == NULL || (name.len > 0 && name.len <= KEY_NAME_MAX && !has_control(name)))
        return true;
    exchange_error(ex, 400, "bad_field", "name",
                   "name must have 1 to %d bytes of UTF-8 and no control characters", KEY_NAME_MAX);
    return false;
}

static void write_time(struct writer *w, const char *key, uint64_t ms)
{
    struct buf text = BUF_INIT;

    when_format(&text, ms);
    if (ms % 1000 != 0) {
        text.len--; /* the Z */
        buf_printf(&text, ".%03uZ", (unsigned)(ms % 1000));
    }
    writer_str(w, key, buf_view(&text));
    buf_fini(&text);
}

/*
 * The file has `expires: "2027-01-31"`; here durations and milliseconds are good, too. NULL, or what
 * is wrong.
 */
static const char *write_expiry(struct writer *w, const struct json *body)
{
    const struct json *expires = json_get(body, "expires");
    const struct json *expires_ms = json_get(body, "expires_ms");
    uint64_t ms = 0;

    if (expires != NULL && expires_ms != NULL)
        return "expires: give expires or expires_ms, not both";
    if (expires == NULL && expires_ms == NULL)
        return NULL;
    if (expires != NULL && expires->type != JSON_NULL && !params_expiry(json_str(expires), &ms))
        return "expires: must be a duration from now (30d), a date (2027-01-31) or a time "
               "(2027-01-31T18:00:00Z), as a string";
    if (expires_ms != NULL && expires_ms->type != JSON_NULL && !json_u64(expires_ms, &ms))
        return "expires_ms: must be milliseconds since 1970, or null for never";
    if (ms > EXPIRES_MS_MAX)
        return "expires: the year 9999 is the latest that can be told; null means never";
    if (ms == 0) /* null, and 0 as ever: never */
        writer_null(w, "expires");
    else
        write_time(w, "expires", ms);
    return NULL;
}

/* A key that is known by its SHA-256 alone: in the file it is `value: "sha256:..."`. */
static const char *write_hash(struct writer *w, struct arena *a, const struct json *body)
{
    struct str hash = json_str(json_get(body, "hash"));
    uint8_t bytes[SHA256_BYTES];

    if (json_get(body, "hash") == NULL)
        return NULL;
    if (json_get(body, "value") != NULL)
        return "hash: give value or hash, not both";
    if (crypto_unhex(hash, bytes, sizeof(bytes)) != 0)
        return "hash: must be the key's SHA-256 as 64 hexadecimal digits";
    writer_str(w, "value", arena_printf(a, "sha256:%.*s", STR_ARGS(hash)));
    return NULL;
}

/* What the master's form has otherwise. NULL, or what is wrong, its field first. */
static const char *write_special(struct writer *w, struct arena *a, const struct json *body)
{
    const char *wrong = write_expiry(w, body);

    return wrong != NULL ? wrong : write_hash(w, a, body);
}

static bool is_written_apart(struct str key)
{
    static const char *const names[] = {"expires", "expires_ms", "hash", "team_id", "customer_id"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(key, str_of(names[i])))
            return true;
    }
    return false;
}

/* Of a text like "expires: must be ...". */
static const char *field_of(const char *wrong)
{
    static const char *const names[] = {"expires", "expires_ms", "hash"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_starts(str_of(wrong), str_of(names[i])) && wrong[strlen(names[i])] == ':')
            return names[i];
    }
    return NULL;
}

const char *entity_key_write(struct writer *w, struct arena *scratch, const struct json *key)
{
    size_t before = w->out->len;
    bool comma = w->comma;

    writer_object(w, NULL);
    for (const struct json *m = key->child; m != NULL; m = m->next) {
        if (m->type != JSON_NULL && !is_written_apart(m->key))
            writer_raw(w, arena_cstr(scratch, m->key), m->raw);
    }
    const char *wrong = write_special(w, scratch, key);
    if (wrong != NULL) { /* as if it had not been begun */
        w->out->len = before;
        w->comma = comma;
        return wrong;
    }
    writer_object_end(w);
    return NULL;
}

const struct json *entity_body_read(struct exchange *ex, enum entity_kind kind, bool is_patch)
{
    const struct body_field *fields = bodies[kind].fields;
    const struct json *body = is_patch ? params_patch(ex, fields, bodies[kind].n)
                                       : params_body(ex, fields, bodies[kind].n);

    if (body == NULL || !name_is_good(ex, body))
        return NULL;
    if (is_patch && body->n == 0) {
        exchange_error(ex, 400, "missing_field", NULL,
                       "nothing to change: the body must have at least one field");
        return NULL;
    }
    if ((json_get(body, "team") != NULL && json_get(body, "team_id") != NULL) ||
        (json_get(body, "customer") != NULL && json_get(body, "customer_id") != NULL)) {
        exchange_error(ex, 400, "bad_field",
                       json_get(body, "team_id") != NULL ? "team_id" : "customer_id",
                       "give a parent by its name or by its id, not both");
        return NULL;
    }
    return body;
}

/* "team_id": null takes the parent away, as "team": null does. */
static void write_parent(struct writer *w, const struct json *id, const char *name,
                         struct str found)
{
    if (id == NULL)
        return;
    if (found.len > 0)
        writer_str(w, name, found);
    else
        writer_null(w, name);
}

bool entity_body_write(struct exchange *ex, struct writer *w, const struct json *body,
                       const struct entity_parents *parents, bool is_patch)
{
    writer_object(w, "body");
    for (const struct json *m = body->child; m != NULL; m = m->next) {
        if ((m->type != JSON_NULL || is_patch) && !is_written_apart(m->key))
            writer_raw(w, arena_cstr(ex->arena, m->key), m->raw);
    }
    write_parent(w, json_get(body, "team_id"), "team", parents->team);
    write_parent(w, json_get(body, "customer_id"), "customer", parents->customer);
    const char *wrong = write_special(w, ex->arena, body);
    if (wrong != NULL) {
        exchange_error(ex, 400, "bad_field", field_of(wrong), "%s", wrong);
        return false;
    }
    writer_object_end(w);
    return true;
}
