#include "server/master/rule_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/entity.h"
#include "conf/routing.h"
#include "server/base/crypto.h"
#include "server/master/api_rules.h"
#include "server/master/entity.h"
#include "server/master/rule_publish.h"
#include "server/master/state.h"
#include "shm/published.h"

#define RULE_NAME_MAX 128
#define ID_DIGITS 16

/* One call: what it works with. */
struct rule_call {
    struct master *m;
    struct arena *arena;
    const struct json *json;
    struct store *store;
    struct pub_view view;
    struct api_rules rules; /* those of the API */
    uint64_t id;            /* whom the call is about; made here, of a new one */
    struct error err;
};

static enum entity_result fail(struct rule_call *c, enum entity_result why, const char *fmt, ...)
    BF_PRINTF(3, 4);
static enum entity_result fail(struct rule_call *c, enum entity_result why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(c->err.text, sizeof(c->err.text), fmt, args); /* cut is fine */
    va_end(args);
    return why;
}

/* --- is it a good one? --- */

static bool name_is_good(const char *name)
{
    size_t len = name != NULL ? strlen(name) : 0;

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    }
    return len > 0 && len <= RULE_NAME_MAX;
}

static bool is_taken(const struct rule_call *c, const char *name)
{
    for (uint32_t i = 0; i < c->view.image->n_rules; i++) {
        const struct pub_rule *r = pub_rule(&c->view, i);

        if (r->id == 0 && str_eq(pub_text(&c->view, r->name), str_of(name)))
            return true;
    }
    for (size_t i = 0; i < c->rules.n; i++) {
        if (c->rules.items[i].id != c->id && strcmp(c->rules.items[i].rule.name, name) == 0)
            return true;
    }
    return false;
}

static bool has_owner(const struct rule_call *c, const struct conf_rule *r)
{
    const struct money *money = c->m->money;
    struct str whose = str_of(r->whose);
    uint64_t id;

    switch ((enum conf_rule_scope)r->scope) {
    case CONF_RULE_KEY:
        return key_table_id_of_name(money->keys, whose, &id);
    case CONF_RULE_TEAM:
        return directory_name(&money->directory, PLACE_TEAM, whose) != NULL;
    case CONF_RULE_CUSTOMER:
        return directory_name(&money->directory, PLACE_CUSTOMER, whose) != NULL;
    default:
        return true;
    }
}

static enum entity_result check(struct rule_call *c, const struct conf_rule *r)
{
    static const char *const scopes[] = {"key", "team", "customer"};

    if (!name_is_good(r->name))
        return fail(c, ENTITY_INVALID,
                    "name: must have 1 to %d bytes and no control characters: it is what the rule "
                    "is called in x-bf-rule and logs",
                    RULE_NAME_MAX);
    if (is_taken(c, r->name))
        return fail(c, ENTITY_CONFLICT, "name: there is already a rule \"%s\"", r->name);
    if (!entity_is_model(&c->view, str_of(r->use)))
        return fail(c, ENTITY_INVALID,
                    "use: there is no model \"%s\": it must be a name that clients may use, or "
                    "provider/model, and no pattern",
                    r->use);
    if (!has_owner(c, r))
        return fail(c, ENTITY_INVALID, "%s: there is none called \"%s\"", scopes[r->scope],
                    r->whose);
    return ENTITY_OK;
}

/* --- the calls --- */

static enum entity_result store(struct rule_call *c, const struct conf_rule *r)
{
    struct buf body = BUF_INIT;
    char key[8];
    enum entity_result result = ENTITY_INTERNAL;

    if (r != NULL)
        conf_rule_json(r, &body);
    if (store_begin(c->store, &c->err) == 0) {
        struct str at = entity_store_key(c->id, key);
        int rc = r != NULL ? store_put(c->store, STORE_RULES, at, buf_view(&body), &c->err)
                           : store_delete(c->store, STORE_RULES, at, &c->err);

        if (rc == 0 && store_commit(c->store, true, &c->err) == 0)
            result = ENTITY_OK;
        else
            store_abort(c->store);
    }
    buf_fini(&body);
    return result;
}

static enum entity_result load_and_store(struct rule_call *c, const struct json *body)
{
    struct conf_rule r;
    enum entity_result result;

    if (conf_rule_load(&r, body, c->arena, &c->err) != 0)
        return ENTITY_INVALID;
    result = check(c, &r);
    return result == ENTITY_OK ? store(c, &r) : result;
}

static enum entity_result create(struct rule_call *c)
{
    if (c->view.image->n_rules >= RULES_MAX || c->rules.n >= RULES_MAX)
        return fail(c, ENTITY_FULL, "there are %d rules already", RULES_MAX);
    crypto_random(&c->id, sizeof(c->id));
    c->id |= c->id == 0;
    return load_and_store(c, json_get(c->json, "rule"));
}

/* Which one is meant: by "id", which may be a name. The file's can only be read. */
static enum entity_result find(struct rule_call *c, const struct api_rule **out)
{
    struct str id = json_str(json_get(c->json, "id"));
    char text[ID_DIGITS + 1];

    for (size_t i = 0; i < c->rules.n; i++) {
        const struct api_rule *r = &c->rules.items[i];

        (void)snprintf(text, sizeof(text), "%016jx", (uintmax_t)r->id);
        if (!str_eq(id, str_of(text)) && !str_eq(id, str_of(r->rule.name)))
            continue;
        c->id = r->id;
        *out = r;
        return ENTITY_OK;
    }
    for (uint32_t i = 0; id.len > 0 && i < c->view.image->n_rules; i++) {
        const struct pub_rule *r = pub_rule(&c->view, i);

        if (r->id == 0 && str_eq(pub_text(&c->view, r->name), id))
            return fail(c, ENTITY_READ_ONLY,
                        "the rule \"%.*s\" is the configuration file's: change it there",
                        STR_ARGS(id));
    }
    return fail(c, ENTITY_NOT_FOUND, "there is no rule \"%.*s\": GET /api/rules lists them",
                STR_ARGS(id));
}

/* Whose a rule is, is one thing in three members: a new one takes the place of the old. */
static struct str without_owner(struct rule_call *c, const struct conf_rule *r,
                                const struct json *patch)
{
    struct conf_rule copy = *r;
    struct buf out = BUF_INIT;
    struct str text;

    if (json_get(patch, "key") != NULL || json_get(patch, "team") != NULL ||
        json_get(patch, "customer") != NULL) {
        copy.scope = CONF_RULE_GLOBAL;
        copy.whose = NULL;
    }
    conf_rule_json(&copy, &out);
    text = arena_str(c->arena, buf_view(&out));
    buf_fini(&out);
    return text;
}

static enum entity_result update(struct rule_call *c)
{
    const struct json *patch = json_get(c->json, "patch");
    const struct api_rule *have;
    enum entity_result result = find(c, &have);
    struct buf merged = BUF_INIT;
    struct json_error wrong;
    const struct json *base;

    if (result != ENTITY_OK)
        return result;
    base = json_parse(c->m->json, c->arena, without_owner(c, &have->rule, patch), &wrong);
    if (patch == NULL || patch->type != JSON_OBJECT)
        return fail(c, ENTITY_INVALID, "body: must be an object");
    conf_entity_merge(base, patch, &merged);
    result = load_and_store(
        c, json_parse(c->m->json, c->arena, arena_str(c->arena, buf_view(&merged)), &wrong));
    buf_fini(&merged);
    return result;
}

static enum entity_result take_away(struct rule_call *c)
{
    const struct api_rule *have;
    enum entity_result result = find(c, &have);

    return result == ENTITY_OK ? store(c, NULL) : result;
}

/* --- */

static const struct {
    const char *op;
    enum entity_result (*fn)(struct rule_call *c);
} ops[] = {{"rule_create", create}, {"rule_update", update}, {"rule_delete", take_away}};

static enum entity_result run(struct rule_call *c, size_t op)
{
    if (!published_view(&c->m->regions.published, NULL, &c->view))
        return fail(c, ENTITY_INTERNAL, "no configuration is published");
    if (store_open(c->m->state_dir, &c->store, &c->err) != 0 ||
        api_rules_load(c->store, c->m->json, c->arena, &c->rules, &c->err) != 0)
        return ENTITY_INTERNAL;
    return ops[op].fn(c);
}

bool rule_answer(struct master *m, uint64_t seq, const struct json *call, struct arena *a,
                 struct buf *out, bool *is_answered)
{
    struct str name = json_str(json_get(call, "op"));
    struct rule_call c = {.m = m, .arena = a, .json = call, .err = ERROR_INIT};
    enum entity_result result;
    size_t op = 0;

    while (op < ARRAY_LEN(ops) && !str_eq(name, str_of(ops[op].op)))
        op++;
    if (op == ARRAY_LEN(ops))
        return false;
    result = run(&c, op);
    store_close(c.store);
    if (result == ENTITY_OK) {
        buf_printf(out, "{\"ok\":true,\"id\":\"%016jx\"}", (uintmax_t)c.id);
        *is_answered = !rule_publish_ask(m, seq, buf_view(out));
        if (!*is_answered)
            return true;
        result = fail(&c, ENTITY_FULL, "it is stored, but too many changes wait to be published");
    }
    buf_clear(out);
    buf_printf(out, "{\"ok\":false,\"kind\":\"%s\",\"error\":", entity_result_names[result]);
    buf_json(out, str_of(c.err.text));
    buf_char(out, '}');
    return true;
}
