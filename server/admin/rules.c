/*
 * rules - routing rules: read where the workers read them, changed by the master.
 *
 * A change is answered when every worker has it, so what is read here behind it is what holds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/rules.h"

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/call.h"
#include "server/admin/params.h"
#include "server/admin/writer.h"

static const struct body_field rule_fields[] = {
    {"name", BODY_STRING, true},  {"when", BODY_STRING, false}, {"use", BODY_STRING, true},
    {"key", BODY_STRING, false},  {"team", BODY_STRING, false}, {"customer", BODY_STRING, false},
    {"priority", BODY_U64, false}};

/* --- reading --- */

const struct pub_view *rules_view(struct exchange *ex)
{
    const struct pub_view *v = admin_view(ex->admin);

    if (v == NULL)
        exchange_error(ex, 503, "not_ready", NULL, "no configuration is published yet");
    return v;
}

/* `at`: its place in the order in which rules are tried, from 1. */
static void write_members(struct exchange *ex, struct writer *w, const struct pub_view *v,
                          uint32_t at)
{
    static const char *const scopes[] = {"key", "team", "customer"};
    const struct pub_rule *r = pub_rule(v, at);

    if (r->id != 0)
        writer_str(w, "id", arena_printf(ex->arena, "%016llx", (unsigned long long)r->id));
    else
        writer_null(w, "id");
    if (r->name.len > 0)
        writer_str(w, "name", pub_text(v, r->name));
    else
        writer_null(w, "name");
    if (r->scope != RULE_OF_ALL)
        writer_str(w, scopes[r->scope], pub_text(v, r->whose));
    if (r->when.len > 0)
        writer_str(w, "when", pub_text(v, r->when));
    writer_str(w, "use", pub_text(v, r->use));
    writer_u64(w, "priority", r->priority);
    writer_u64(w, "place", at + 1);
    writer_cstr(w, "origin", r->id != 0 ? "api" : "file");
}

void api_rules(struct exchange *ex, struct str tail)
{
    const struct pub_view *v = rules_view(ex);
    struct writer w = WRITER_INIT(&ex->out);
    uint64_t limit, at;

    (void)tail;
    if (v == NULL || !params_u64(ex, "limit", API_PAGE_MAX, API_PAGE_MAX, &limit) ||
        !params_u64(ex, "cursor", 0, UINT32_MAX, &at))
        return;
    limit += limit == 0;
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (; at < v->image->n_rules && limit > 0; at++, limit--) {
        writer_object(&w, NULL);
        write_members(ex, &w, v, (uint32_t)at);
        writer_object_end(&w);
    }
    writer_array_end(&w);
    if (at < v->image->n_rules)
        writer_str(&w, "next", arena_printf(ex->arena, "%llu", (unsigned long long)at));
    else
        writer_null(&w, "next");
    writer_object_end(&w);
    exchange_json(ex, 200);
}

bool rules_find(const struct pub_view *v, struct str wanted, uint32_t *out)
{
    uint64_t id = 0;
    bool is_id = params_id_parse(wanted, &id);

    for (uint32_t i = 0; i < v->image->n_rules; i++) {
        const struct pub_rule *r = pub_rule(v, i);

        if ((is_id && r->id == id) || str_eq(pub_text(v, r->name), wanted)) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool read_name(struct exchange *ex, struct str tail, struct str *out)
{
    if (params_unescape(ex->arena, tail, out) && out->len > 0)
        return true;
    exchange_error(ex, 404, "not_found", "id", "which rule? Its name or id stands in the path");
    return false;
}

#define NAMES_MAX 1024 /* compared with a wrong one */

static void refuse_name(struct exchange *ex, const struct pub_view *v, struct str wanted)
{
    const char **names = arena_alloc(ex->arena, NAMES_MAX * sizeof(*names));
    const char *nearest;
    size_t n = 0;

    for (uint32_t i = 0; i < v->image->n_rules && n < NAMES_MAX; i++)
        names[n++] = arena_cstr(ex->arena, pub_text(v, pub_rule(v, i)->name));
    nearest = str_nearest(wanted, names, n);
    exchange_error(ex, 404, "not_found", "id", "there is no rule \"%.*s\"%s%s%s", STR_ARGS(wanted),
                   nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "\"?" : "");
}

static void answer_one(struct exchange *ex, struct str wanted, int status)
{
    const struct pub_view *v = rules_view(ex);
    struct writer w = WRITER_INIT(&ex->out);
    uint32_t at;

    if (v == NULL)
        return;
    if (!rules_find(v, wanted, &at)) {
        refuse_name(ex, v, wanted);
        return;
    }
    writer_object(&w, NULL);
    write_members(ex, &w, v, at);
    writer_object_end(&w);
    exchange_json(ex, status);
}

void api_rule(struct exchange *ex, struct str tail)
{
    struct str name;

    if (read_name(ex, tail, &name))
        answer_one(ex, name, 200);
}

/* --- changing --- */

static void on_created(struct exchange *ex, const struct json *reply)
{
    answer_one(ex, json_str(json_get(reply, "id")), 201);
}

static void on_changed(struct exchange *ex, const struct json *reply)
{
    answer_one(ex, json_str(json_get(reply, "id")), 200);
}

static void on_deleted(struct exchange *ex, const struct json *reply)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    writer_str(&w, "id", json_str(json_get(reply, "id")));
    writer_bool(&w, "deleted", true);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void rules_call(struct exchange *ex, const char *op, struct str id, const char *member,
                struct str json, call_fn *fn)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    writer_object(&w, NULL);
    writer_cstr(&w, "op", op);
    if (id.len > 0)
        writer_str(&w, "id", id);
    if (json.len > 0)
        writer_raw(&w, member, json);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, fn);
}

void api_rule_create(struct exchange *ex, struct str tail)
{
    const struct json *body = params_body(ex, rule_fields, ARRAY_LEN(rule_fields));

    (void)tail;
    if (body != NULL)
        rules_call(ex, "rule_create", STR_NONE, "rule", body->raw, on_created);
}

void api_rule_update(struct exchange *ex, struct str tail)
{
    const struct json *body = params_patch(ex, rule_fields, ARRAY_LEN(rule_fields));
    struct str name;

    if (body != NULL && read_name(ex, tail, &name))
        rules_call(ex, "rule_update", name, "patch", body->raw, on_changed);
}

void api_rule_delete(struct exchange *ex, struct str tail)
{
    struct str name;

    if (read_name(ex, tail, &name))
        rules_call(ex, "rule_delete", name, NULL, STR_NONE, on_deleted);
}
