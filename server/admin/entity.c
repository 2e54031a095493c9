/*
 * entity - making, reading, changing and deleting one entity.
 *
 * The master makes the change: on disk, then in the shared tables, then it answers. So what is
 * answered here already holds on every worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/entity.h"

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/entity_text.h"
#include "server/admin/params.h"

#define VALUE_MIN 16  /* bytes of a key text that somebody brings along */
#define VALUE_MAX 512 /* what the workers take as a key */
#define GRACE_MS_MAX (366ull * 24 * 3600 * 1000)

const struct entity_info entity_infos[ENTITY_KINDS] = {
    [ENTITY_CUSTOMER] = {"customer", "/api/customers", "customer", true},
    [ENTITY_TEAM] = {"team", "/api/teams", "team", true},
    [ENTITY_KEY] = {"key", "/api/keys", "virtual key", false},
    [ENTITY_MODEL_LIMIT] = {"model_limit", "/api/model-limits", "model limit", false},
};

enum entity_kind entity_kind_of(struct str path)
{
    uint32_t k = 0;

    while (k < ENTITY_KINDS && !str_starts(path, str_of(entity_infos[k].path)))
        k++;
    must(k < ENTITY_KINDS); /* the table of routes has no others */
    return k;
}

bool entity_kind_parse(struct str name, enum entity_kind *out)
{
    for (uint32_t k = 0; k < ENTITY_KINDS; k++) {
        if (str_eq(name, str_of(entity_infos[k].name))) {
            *out = k;
            return true;
        }
    }
    return false;
}

void entity_call_begin(struct exchange *ex, struct writer *w, const char *op, enum entity_kind kind,
                       struct str id)
{
    writer_object(w, NULL);
    writer_cstr(w, "op", op);
    writer_cstr(w, "kind", entity_infos[kind].name);
    if (id.len > 0)
        writer_str(w, "id", id);
    if (ex->idempotency.len > 0 && str_eq(ex->method, STR("POST")))
        writer_str(w, "idempotency", ex->idempotency);
}

bool entity_id_is_good(struct exchange *ex, enum entity_kind kind, struct str id)
{
    uint64_t number;

    if (params_id_parse(id, &number))
        return true;
    exchange_error(ex, 404, "not_found", "id", "there is no %s with this id (16 hex digits)",
                   entity_infos[kind].noun);
    return false;
}

static void write_get(struct writer *w, enum entity_kind kind, const char *field, struct str value)
{
    writer_object(w, NULL);
    writer_cstr(w, "op", "entity_get");
    writer_cstr(w, "kind", entity_infos[kind].name);
    writer_str(w, field, value);
    writer_object_end(w);
}

static const char *field_for(struct str id_or_name)
{
    uint64_t number;

    return params_id_parse(id_or_name, &number) ? "id" : "name";
}

void entity_try_name(struct exchange *ex, enum entity_kind kind, struct str name, call_fn *fn)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    write_get(&w, kind, "name", name);
    call_master_try(ex, &text, CALL_TIMEOUT_MS, fn);
}

void entity_ask(struct exchange *ex, enum entity_kind kind, struct str id_or_name, call_fn *fn)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    write_get(&w, kind, field_for(id_or_name), id_or_name);
    call_master(ex, &text, CALL_TIMEOUT_MS, fn);
}

void entity_try(struct exchange *ex, enum entity_kind kind, struct str id_or_name, call_fn *fn)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    write_get(&w, kind, field_for(id_or_name), id_or_name);
    call_master_try(ex, &text, CALL_TIMEOUT_MS, fn);
}

/* The answer: the entity, behind the key's text when there is a new one. */
static void answer_entity(struct exchange *ex, const struct json *reply, int status)
{
    const struct json *defaults = json_get(reply, "defaults");
    struct str key = json_str(json_get(reply, "key"));
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    if (key.len > 0)
        writer_str(&w, "key", key);
    entity_text_write(ex, &w, entity_kind_of(ex->path), json_get(reply, "entity"));
    if (defaults != NULL)
        writer_raw(&w, "defaults", defaults->raw);
    writer_object_end(&w);
    exchange_json(ex, status);
}

static void on_created(struct exchange *ex, const struct json *reply)
{
    answer_entity(ex, reply, 201);
}

static void on_answer(struct exchange *ex, const struct json *reply)
{
    answer_entity(ex, reply, 200);
}

/* A body on its way to the master; its parents' names may have to be found first. */
struct change {
    enum entity_kind kind;
    struct str id; /* empty: a new one */
    const struct json *body;
};

static void send_change(struct exchange *ex, const struct entity_parents *parents)
{
    struct change *c = ex->state;
    bool is_new = c->id.len == 0;
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    entity_call_begin(ex, &w, is_new ? "entity_create" : "entity_update", c->kind, c->id);
    if (!entity_body_write(ex, &w, c->body, parents, !is_new)) {
        buf_fini(&text);
        return;
    }
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, is_new ? on_created : on_answer);
}

static void begin_change(struct exchange *ex, struct str id)
{
    struct change *c = arena_alloc(ex->arena, sizeof(*c));

    c->kind = entity_kind_of(ex->path);
    c->id = id;
    c->body = entity_body_read(ex, c->kind, id.len > 0);
    if (c->body == NULL)
        return;
    ex->state = c;
    entity_find_parents(
        ex, &(struct entity_parents){.team = json_str(json_get(c->body, "team_id")),
                                     .customer = json_str(json_get(c->body, "customer_id")),
                                     .fn = send_change});
}

void api_entity_create(struct exchange *ex, struct str tail)
{
    (void)tail;
    begin_change(ex, STR_NONE);
}

void api_entity_get(struct exchange *ex, struct str tail)
{
    enum entity_kind kind = entity_kind_of(ex->path);

    if (entity_id_is_good(ex, kind, tail))
        entity_ask(ex, kind, tail, on_answer);
}

void api_entity_update(struct exchange *ex, struct str tail)
{
    if (entity_id_is_good(ex, entity_kind_of(ex->path), tail))
        begin_change(ex, tail);
}

static void on_deleted(struct exchange *ex, const struct json *reply)
{
    const struct json *deleted = json_get(reply, "deleted");
    struct writer w = WRITER_INIT(&ex->out);
    struct str id = str_skip(ex->path, strlen(entity_infos[entity_kind_of(ex->path)].path) + 1);

    writer_object(&w, NULL);
    writer_str(&w, "id", id);
    writer_bool(&w, "deleted", true);
    if (deleted != NULL && deleted->type == JSON_ARRAY)
        writer_raw(&w, "ids", deleted->raw);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void entity_ask_delete(struct exchange *ex, enum entity_kind kind, struct str id,
                       const char *policy, call_fn *fn)
{
    static const char *const policies[] = {"refuse", "reparent", "delete"};
    struct str children = params_get(ex, "children");
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);
    bool is_known = children.len == 0;

    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        is_known |= str_eq(children, str_of(policies[i]));
    if (!is_known) {
        exchange_error(ex, 400, "bad_parameter", "children",
                       "children must be refuse (the default), reparent or delete");
        return;
    }
    if (!entity_id_is_good(ex, kind, id))
        return;
    entity_call_begin(ex, &w, "entity_delete", kind, id);
    writer_str(&w, "children", children.len > 0 ? children : str_of(policy));
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, fn);
}

void api_entity_delete(struct exchange *ex, struct str tail)
{
    entity_ask_delete(ex, entity_kind_of(ex->path), tail, "refuse", on_deleted);
}

/* --- what a key or its parents can be told --- */

static void set_flag(struct exchange *ex, struct str id, bool is_blocked)
{
    enum entity_kind kind = entity_kind_of(ex->path);
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    if (!entity_id_is_good(ex, kind, id))
        return;
    entity_call_begin(ex, &w, "entity_update", kind, id);
    writer_object(&w, "body");
    if (kind == ENTITY_KEY)
        writer_bool(&w, "active", !is_blocked);
    else
        writer_bool(&w, "blocked", is_blocked);
    writer_object_end(&w);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_answer);
}

void api_entity_block(struct exchange *ex, struct str tail)
{
    set_flag(ex, tail, true);
}

void api_entity_unblock(struct exchange *ex, struct str tail)
{
    set_flag(ex, tail, false);
}

/* The reset has new accounts; what they hold is asked for when the master does not say it. */
static void on_reset(struct exchange *ex, const struct json *reply)
{
    if (json_get(reply, "entity") != NULL)
        answer_entity(ex, reply, 200);
    else
        entity_ask(ex, entity_kind_of(ex->path), *(struct str *)ex->state, on_answer);
}

void api_entity_reset(struct exchange *ex, struct str tail)
{
    enum entity_kind kind = entity_kind_of(ex->path);
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);
    struct str *id = arena_alloc(ex->arena, sizeof(*id));

    if (!entity_id_is_good(ex, kind, tail))
        return;
    *id = tail;
    ex->state = id;
    entity_call_begin(ex, &w, "entity_reset", kind, tail);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_reset);
}

static const struct body_field rotate_fields[] = {
    {"grace", BODY_STRING, false}, {"grace_ms", BODY_U64, false}, {"value", BODY_STRING, false}};

/* False: answered. */
static bool read_rotate(struct exchange *ex, uint64_t *out_grace_ms, struct str *out_value)
{
    const struct json *body = params_patch(ex, rotate_fields, ARRAY_LEN(rotate_fields));
    struct str grace = json_str(json_get(body, "grace"));

    if (body == NULL)
        return false;
    *out_grace_ms = 0;
    (void)json_u64(json_get(body, "grace_ms"),
                   out_grace_ms); /* absent: the old text ends at once */
    if ((grace.len > 0 && !params_duration(grace, out_grace_ms)) || *out_grace_ms > GRACE_MS_MAX) {
        exchange_error(
            ex, 400, "bad_field", grace.len > 0 ? "grace" : "grace_ms",
            "the grace must be a duration with its unit (90s, 15m, 24h, 7d) of at most a year");
        return false;
    }
    *out_value = json_str(json_get(body, "value"));
    if (out_value->len > 0 && (out_value->len < VALUE_MIN || out_value->len > VALUE_MAX)) {
        exchange_error(ex, 400, "bad_field", "value", "value must have %d to %d characters",
                       VALUE_MIN, VALUE_MAX);
        return false;
    }
    return true;
}

void api_keys_rotate(struct exchange *ex, struct str tail)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);
    struct str value;
    uint64_t grace_ms;

    if (!entity_id_is_good(ex, ENTITY_KEY, tail) || !read_rotate(ex, &grace_ms, &value))
        return;
    entity_call_begin(ex, &w, "key_rotate", ENTITY_KEY, tail);
    writer_u64(&w, "grace_ms", grace_ms);
    if (value.len > 0)
        writer_str(&w, "value", value);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_answer);
}
