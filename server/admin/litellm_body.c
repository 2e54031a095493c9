/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/litellm_body.h"

#include "server/admin/admin.h"
#include "server/admin/litellm_text.h"

#define FIELDS_MAX 80
#define SHOWN_MAX 64 /* bytes of a stranger's name in a message */

static const struct litellm_field *find_field(struct litellm_fields fields, struct str name)
{
    for (size_t i = 0; i < fields.n; i++) {
        if (str_eq(name, str_of(fields.rows[i].name)))
            return &fields.rows[i];
    }
    return NULL;
}

static void refuse_unknown(struct exchange *ex, struct str name, struct litellm_fields fields)
{
    const char *names[FIELDS_MAX];
    char *shown = arena_cstr(ex->arena, (struct str){name.p, min_u64(name.len, SHOWN_MAX)});

    must(fields.n <= FIELDS_MAX);
    for (size_t i = 0; i < fields.n; i++)
        names[i] = fields.rows[i].name;
    const char *nearest = str_nearest(name, names, fields.n);
    exchange_error(ex, 400, "unknown_field", shown, "unknown field \"%s\"%s%s%s", shown,
                   nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "\"?" : "");
}

static bool is_text_list(const struct json *value)
{
    if (value->type != JSON_ARRAY)
        return false;
    for (const struct json *item = value->child; item != NULL; item = item->next) {
        if (item->type != JSON_STRING)
            return false;
    }
    return true;
}

/* What the field must be, or NULL when it is that. */
static const char *kind_problem(const struct json *value, enum litellm_kind kind)
{
    uint64_t n;

    switch (kind) {
    case LITELLM_TEXT:
        return value->type == JSON_STRING ? NULL : "a string";
    case LITELLM_TEXTS:
        return is_text_list(value) ? NULL : "a list of strings";
    case LITELLM_BOOL:
        return value->type == JSON_BOOL ? NULL : "true or false";
    case LITELLM_MONEY:
        return value->type == JSON_NUMBER && litellm_dollars(value->text, &n)
                   ? NULL
                   : "an amount of dollars, a number from 0 to 1000000000";
    case LITELLM_COUNT:
        return value->type == JSON_NUMBER && json_u64(value, &n) ? NULL
                                                                 : "a whole number, 0 or more";
    case LITELLM_OBJECT:
        return value->type == JSON_OBJECT ? NULL : "an object";
    case LITELLM_LIST:
        return value->type == JSON_ARRAY ? NULL : "a list";
    case LITELLM_KEPT:
    case LITELLM_IGNORED:
        break;
    }
    return NULL;
}

static bool member_is_good(struct exchange *ex, const struct json *member,
                           struct litellm_fields fields)
{
    const struct litellm_field *field = find_field(fields, member->key);
    const char *problem;

    if (field == NULL) {
        refuse_unknown(ex, member->key, fields);
        return false;
    }
    if (json_find(&(struct json){.type = JSON_OBJECT, .child = member->next}, member->key) !=
        NULL) {
        exchange_error(ex, 400, "bad_field", field->name, "%s stands twice", field->name);
        return false;
    }
    problem = member->type == JSON_NULL ? NULL : kind_problem(member, field->kind);
    if (problem != NULL)
        litellm_bad(ex, field->name, problem);
    return problem == NULL;
}

const struct json *litellm_body(struct exchange *ex, struct litellm_fields fields)
{
    struct str text = ex->body.len > 0 ? ex->body : STR("{}");
    struct json_error err;
    const struct json *body = json_parse(ex->admin->json, ex->arena, text, &err);

    if (body == NULL || body->type != JSON_OBJECT) {
        exchange_error(ex, 400, "bad_json", NULL, "the body must be a JSON object: %s",
                       body == NULL ? err.text : "it is something else");
        return NULL;
    }
    for (const struct json *member = body->child; member != NULL; member = member->next) {
        if (!member_is_good(ex, member, fields))
            return NULL;
    }
    return body;
}

const struct json *litellm_get(const struct json *body, const char *name)
{
    const struct json *value = json_get(body, name);

    return value == NULL || value->type == JSON_NULL ? NULL : value;
}

/* null, "", [], {}, false and 0 ask for nothing; clients send them as defaults. */
static bool says_something(const struct json *value)
{
    double number;

    switch (value->type) {
    case JSON_NULL:
        return false;
    case JSON_BOOL:
        return value->boolean;
    case JSON_NUMBER:
        return !json_double(value, &number) || number != 0;
    case JSON_STRING:
        return value->text.len > 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return value->n > 0;
    }
    return false;
}

void litellm_write_ignored(struct writer *w, const struct json *body, struct litellm_fields fields)
{
    writer_array(w, "ignored");
    for (const struct json *m = body != NULL ? body->child : NULL; m != NULL; m = m->next) {
        const struct litellm_field *field = find_field(fields, m->key);

        if (field != NULL && field->kind == LITELLM_IGNORED && says_something(m))
            writer_cstr(w, NULL, field->name);
    }
    writer_array_end(w);
}

void litellm_bad(struct exchange *ex, const char *name, const char *what)
{
    exchange_error(ex, 400, "bad_field", name, "%s must be %s", name, what);
}

void litellm_missing(struct exchange *ex, const char *name)
{
    exchange_error(ex, 400, "missing_field", name, "%s is missing", name);
}

bool litellm_text(struct exchange *ex, const struct json *body, const char *name, size_t max,
                  struct str *out)
{
    *out = json_str(litellm_get(body, name));
    for (size_t i = 0; i < out->len; i++) {
        if ((unsigned char)out->p[i] < ' ' || out->p[i] == 0x7f) {
            litellm_bad(ex, name, "without control characters");
            return false;
        }
    }
    if (out->len <= max)
        return true;
    exchange_error(ex, 400, "bad_field", name, "%s may have %zu bytes", name, max);
    return false;
}
