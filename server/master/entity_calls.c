/* The calls about entities: which, and what every one of them begins and ends with. */
#include <string.h>

#include "server/master/entity.h"
#include "server/master/import.h"

const char *const entity_result_names[] = {
    [ENTITY_OK] = "ok",
    [ENTITY_NOT_FOUND] = "not_found",
    [ENTITY_CONFLICT] = "conflict",
    [ENTITY_INVALID] = "invalid",
    [ENTITY_READ_ONLY] = "read_only",
    [ENTITY_FULL] = "full",
    [ENTITY_INTERNAL] = "internal",
};

static enum entity_result get(struct entity_call *c, enum conf_kind kind)
{
    static const struct entity_show how = {.hash = true};
    struct entity_found found;
    enum entity_result result = entity_find(c, kind, &found);

    if (result != ENTITY_OK)
        return result;
    buf_cstr(c->out, "{\"ok\":true,\"entity\":");
    entity_show(c->money, &found, &how, c->out);
    buf_char(c->out, '}');
    return ENTITY_OK;
}

static enum entity_result rotate(struct entity_call *c, enum conf_kind kind)
{
    (void)kind;
    return entity_rotate(c);
}

static enum entity_result import(struct entity_call *c, enum conf_kind kind)
{
    (void)kind;
    return import_call(c);
}

static const struct {
    const char *op;
    enum entity_result (*fn)(struct entity_call *c, enum conf_kind kind);
    bool needs_kind;
} ops[] = {
    {"entity_create", entity_create, true}, {"entity_update", entity_update, true},
    {"entity_delete", entity_delete, true}, {"entity_reset", entity_reset, true},
    {"entity_list", entity_list, true},     {"entity_get", get, true},
    {"key_rotate", rotate, false},          {"key_import", import, false},
};

static enum entity_result read_kind(struct entity_call *c, enum conf_kind *out)
{
    struct str kind = json_str(json_get(c->json, "kind"));

    for (uint32_t k = 0; k < CONF_KINDS; k++) {
        if (str_eq(kind, str_of(conf_kind_names[k]))) {
            *out = (enum conf_kind)k;
            return ENTITY_OK;
        }
    }
    return entity_fail(c, ENTITY_INVALID, "kind: must be customer, team, key or model_limit");
}

static enum entity_result run(struct entity_call *c, size_t op)
{
    enum conf_kind kind = CONF_KEY;
    enum entity_result result = ops[op].needs_kind ? read_kind(c, &kind) : ENTITY_OK;

    if (result != ENTITY_OK)
        return result;
    if (store_open(c->money->state_dir, &c->store, &c->err) != 0 ||
        once_find(c->store, c->json, c->arena, &c->once, &c->err) != 0)
        return ENTITY_INTERNAL;
    if (c->once.state == ONCE_OTHER)
        return entity_fail(c, ENTITY_CONFLICT,
                           "idempotency: the same text was used for another call");
    return ops[op].fn(c, kind);
}

bool entity_answer(struct money *m, const struct json *call, struct arena *a, struct buf *out)
{
    struct str name = json_str(json_get(call, "op"));
    struct entity_call c = {.money = m, .arena = a, .json = call, .out = out, .err = ERROR_INIT};
    enum entity_result result;
    size_t op = 0;

    while (op < ARRAY_LEN(ops) && !str_eq(name, str_of(ops[op].op)))
        op++;
    if (op == ARRAY_LEN(ops))
        return false;
    result = run(&c, op);
    store_close(c.store);
    if (result == ENTITY_OK)
        return true;
    buf_clear(out);
    buf_printf(out, "{\"ok\":false,\"kind\":\"%s\",\"error\":", entity_result_names[result]);
    buf_json(out, str_of(c.err.text));
    buf_char(out, '}');
    return true;
}
