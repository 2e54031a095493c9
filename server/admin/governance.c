/*
 * governance - making, reading, changing and deleting in Bifrost's shapes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/governance.h"

#include <string.h>

#include "server/admin/api.h"
#include "server/admin/params.h"

#define ROTATE_MAX 200 /* in one call; each is a change of its own */

const struct governance_info governance_infos[GOVERNANCE_KINDS] = {
    [GOVERNANCE_KEY] = {"/api/governance/virtual-keys", "virtual_key", "virtual_keys",
                        "Virtual key", ENTITY_KEY},
    [GOVERNANCE_TEAM] = {"/api/governance/teams", "team", "teams", "Team", ENTITY_TEAM},
    [GOVERNANCE_CUSTOMER] = {"/api/governance/customers", "customer", "customers", "Customer",
                             ENTITY_CUSTOMER},
    [GOVERNANCE_MODEL] = {"/api/governance/model-configs", "model_config", "model_configs",
                          "Model config", ENTITY_MODEL_LIMIT},
    [GOVERNANCE_PROVIDER] = {"/api/governance/providers", "provider", "providers",
                             "Provider governance", ENTITY_MODEL_LIMIT},
};

enum governance_kind governance_kind_of(struct str path)
{
    uint32_t k = 0;

    while (k < GOVERNANCE_KINDS && !str_starts(path, str_of(governance_infos[k].path)))
        k++;
    must(k < GOVERNANCE_KINDS); /* the table of routes has no others */
    return k;
}

/* A change on its way through several questions to the master. */
struct change {
    struct governance_input input;
    struct str id;    /* of the entity; empty: a new one */
    const char *verb; /* "created" */
    bool is_reset;    /* reset_budget_usage */
};

static void answer(struct exchange *ex, const char *verb, const struct json *reply)
{
    enum governance_kind kind = governance_kind_of(ex->path);
    const struct governance_info *info = &governance_infos[kind];
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    if (verb != NULL)
        writer_str(&w, "message", arena_printf(ex->arena, "%s %s successfully", info->noun, verb));
    governance_text(ex, &w, info->one, kind, json_get(reply, "entity"),
                    json_str(json_get(reply, "key")));
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void on_got(struct exchange *ex, const struct json *reply)
{
    answer(ex, NULL, reply);
}

static void on_read_again(struct exchange *ex, const struct json *reply)
{
    answer(ex, ((const struct change *)ex->state)->verb, reply);
}

static void on_reset(struct exchange *ex, const struct json *reply)
{
    const struct change *c = ex->state;

    (void)reply;
    entity_ask(ex, governance_infos[c->input.kind].entity, c->id, on_read_again);
}

static void on_done(struct exchange *ex, const struct json *reply)
{
    const struct change *c = ex->state;
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    if (!c->is_reset || c->id.len == 0) {
        answer(ex, c->verb, reply);
        return;
    }
    entity_call_begin(ex, &w, "entity_reset", governance_infos[c->input.kind].entity, c->id);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_reset);
}

static void send_change(struct exchange *ex, const struct json *current)
{
    struct change *c = ex->state;
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    c->input.current = current; /* valid as long as this call */
    entity_call_begin(ex, &w, c->id.len == 0 ? "entity_create" : "entity_update",
                      governance_infos[c->input.kind].entity, c->id);
    if (!governance_write(ex, &w, &c->input)) {
        buf_fini(&text);
        return;
    }
    writer_object_end(&w);
    c->input.current = NULL;
    call_master(ex, &text, CALL_TIMEOUT_MS, on_done);
}

static void on_current(struct exchange *ex, const struct json *reply)
{
    send_change(ex, json_get(reply, "entity"));
}

static void on_parents(struct exchange *ex, const struct entity_parents *parents)
{
    struct change *c = ex->state;

    c->input.parents = *parents;
    if (c->id.len == 0)
        send_change(ex, NULL);
    else
        entity_ask(ex, governance_infos[c->input.kind].entity, c->id, on_current);
}

/* NULL: answered. */
static struct change *begin(struct exchange *ex, struct str id, const char *verb, bool is_patch)
{
    struct change *c = arena_zalloc(ex->arena, sizeof(*c));

    c->input.kind = governance_kind_of(ex->path);
    c->id = id;
    c->verb = verb;
    c->input.body = governance_read(ex, c->input.kind, is_patch);
    if (c->input.body == NULL)
        return NULL;
    (void)json_bool(json_get(c->input.body, "reset_budget_usage"), &c->is_reset); /* absent: no */
    ex->state = c;
    return c;
}

static void find_parents(struct exchange *ex, const struct change *c)
{
    const struct json *body = c->input.body;

    entity_find_parents(
        ex, &(struct entity_parents){.team = json_str(json_get(body, "team_id")),
                                     .customer = json_str(json_get(body, "customer_id")),
                                     .fn = on_parents});
}

void api_governance_create(struct exchange *ex, struct str tail)
{
    const struct change *c = begin(ex, STR_NONE, "created", false);

    (void)tail;
    if (c != NULL)
        find_parents(ex, c);
}

void api_governance_get(struct exchange *ex, struct str tail)
{
    enum entity_kind kind = governance_infos[governance_kind_of(ex->path)].entity;

    if (entity_id_is_good(ex, kind, tail))
        entity_ask(ex, kind, tail, on_got);
}

void api_governance_update(struct exchange *ex, struct str tail)
{
    if (!entity_id_is_good(ex, governance_infos[governance_kind_of(ex->path)].entity, tail))
        return;
    const struct change *c = begin(ex, tail, "updated", true);
    if (c != NULL)
        find_parents(ex, c);
}

static void on_deleted(struct exchange *ex, const struct json *reply)
{
    const struct governance_info *info = &governance_infos[governance_kind_of(ex->path)];
    struct writer w = WRITER_INIT(&ex->out);

    (void)reply;
    writer_object(&w, NULL);
    writer_str(&w, "message", arena_printf(ex->arena, "%s deleted successfully", info->noun));
    writer_object_end(&w);
    exchange_json(ex, 200);
}

/* There, keys and teams outlive what they belonged to. */
void api_governance_delete(struct exchange *ex, struct str tail)
{
    entity_ask_delete(ex, governance_infos[governance_kind_of(ex->path)].entity, tail, "reparent",
                      on_deleted);
}

/* --- a provider's budget and limits: those of the pattern "provider/..." --- */

static struct str pattern_of(struct exchange *ex, struct str provider)
{
    return arena_concat(ex->arena, (struct str[]){provider, STR("/*")}, 2);
}

static bool provider_is_good(struct exchange *ex, struct str provider)
{
    if (str_index(provider, '*') < 0 && str_index(provider, '%') < 0)
        return true;
    exchange_error(ex, 404, "not_found", "provider", "there is no provider with this name");
    return false;
}

static void on_provider(struct exchange *ex, const struct json *reply)
{
    struct change *c = ex->state;
    const struct json *entity = json_get(reply, "entity");

    if (call_is_ok(reply)) {
        c->id = arena_str(ex->arena, json_str(json_get(entity, "id")));
        send_change(ex, entity);
    } else if (str_eq(json_str(json_get(reply, "kind")), STR("not_found"))) {
        send_change(ex, NULL);
    } else {
        call_refuse(ex, reply);
    }
}

void api_governance_provider_put(struct exchange *ex, struct str tail)
{
    if (!provider_is_good(ex, tail))
        return;
    struct change *c = begin(ex, STR_NONE, "updated", true);
    if (c == NULL)
        return;
    c->input.provider = tail;
    entity_try(ex, ENTITY_MODEL_LIMIT, pattern_of(ex, tail), on_provider);
}

static void on_provider_found(struct exchange *ex, const struct json *reply)
{
    struct str id = json_str(json_get(json_get(reply, "entity"), "id"));

    entity_ask_delete(ex, ENTITY_MODEL_LIMIT, arena_str(ex->arena, id), "refuse", on_deleted);
}

void api_governance_provider_delete(struct exchange *ex, struct str tail)
{
    if (provider_is_good(ex, tail))
        entity_ask(ex, ENTITY_MODEL_LIMIT, pattern_of(ex, tail), on_provider_found);
}

/* --- rotation --- */

static void on_rotated(struct exchange *ex, const struct json *reply)
{
    answer(ex, "rotated", reply);
}

static void ask_rotate(struct exchange *ex, struct str id, call_fn *fn)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    entity_call_begin(ex, &w, "key_rotate", ENTITY_KEY, id);
    writer_u64(&w, "grace_ms", 0);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, fn);
}

void api_governance_rotate(struct exchange *ex, struct str tail)
{
    if (entity_id_is_good(ex, ENTITY_KEY, tail))
        ask_rotate(ex, tail, on_rotated);
}

/* Several, one after the other. */
struct rotation {
    const struct json *next; /* the id under way */
    struct writer w;
    uint64_t n;
};

static void on_one_rotated(struct exchange *ex, const struct json *reply)
{
    struct rotation *r = ex->state;

    governance_text(ex, &r->w, NULL, GOVERNANCE_KEY, json_get(reply, "entity"),
                    json_str(json_get(reply, "key")));
    r->n++;
    r->next = r->next->next;
    if (r->next != NULL) {
        ask_rotate(ex, r->next->text, on_one_rotated);
        return;
    }
    writer_array_end(&r->w);
    writer_u64(&r->w, "count", r->n);
    writer_cstr(&r->w, "message", "Virtual keys rotated successfully");
    writer_object_end(&r->w);
    exchange_json(ex, 200);
}

void api_governance_rotate_many(struct exchange *ex, struct str tail)
{
    static const struct body_field fields[] = {{"ids", BODY_STRINGS, true}};
    const struct json *body = params_body(ex, fields, ARRAY_LEN(fields));
    const struct json *ids = json_get(body, "ids");
    struct rotation *r = arena_zalloc(ex->arena, sizeof(*r));

    (void)tail;
    if (body == NULL)
        return;
    if (ids->n == 0 || ids->n > ROTATE_MAX) {
        exchange_error(ex, 400, "bad_field", "ids", "ids must name 1 to %d keys", ROTATE_MAX);
        return;
    }
    for (const struct json *id = ids->child; id != NULL; id = id->next) {
        if (!entity_id_is_good(ex, ENTITY_KEY, id->text))
            return;
    }
    ex->idempotency = STR_NONE; /* of the whole; to the master each is a call of its own */
    r->next = ids->child;
    r->w = (struct writer)WRITER_INIT(&ex->out);
    ex->state = r;
    writer_object(&r->w, NULL);
    writer_array(&r->w, "virtual_keys");
    ask_rotate(ex, r->next->text, on_one_rotated);
}
