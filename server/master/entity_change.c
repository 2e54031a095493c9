/* Making and changing one entity. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/inherit.h"
#include "server/master/entity.h"
#include "server/master/entity_load.h"
#include "shm/limits.h"
#include "shm/published.h"

#define HINT_TAIL 4

enum entity_result entity_fail(struct entity_call *c, enum entity_result why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(c->err.text, sizeof(c->err.text), fmt, args); /* cut is fine */
    va_end(args);
    return why;
}

/* --- a key's text --- */

void entity_new_text(struct entity_call *c, char out[KEY_TEXT_LEN + 1])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *token = out + sizeof(KEY_TEXT_PREFIX) - 1;
    uint8_t bytes[SHA256_BYTES];
    uint32_t bits = 0;
    uint32_t n_bits = 0;
    size_t used = 0;

    memcpy(out, KEY_TEXT_PREFIX, sizeof(KEY_TEXT_PREFIX) - 1);
    if (c->once.state == ONCE_NONE) {
        crypto_token(token, KEY_TEXT_TOKEN);
        return;
    }
    once_derive(&c->once, str_of(c->money->secret), bytes);
    for (size_t i = 0; i < KEY_TEXT_TOKEN; i++) { /* 43 letters of six bits hold the 256 */
        if (n_bits < 6) {
            bits = bits << 8 | (used < sizeof(bytes) ? bytes[used] : 0);
            used++;
            n_bits += 8;
        }
        n_bits -= 6;
        token[i] = letters[bits >> n_bits & 63];
    }
    token[KEY_TEXT_TOKEN] = '\0';
    crypto_wipe(bytes, sizeof(bytes));
}

void entity_take_text(struct arena *a, struct str text, struct conf_virtual_key *k)
{
    bool is_ours = str_starts(text, STR(KEY_TEXT_PREFIX));

    must(text.len > HINT_TAIL);
    crypto_sha256(text, k->hash);
    k->hint = arena_printf(a, "%s...%.*s", is_ours ? KEY_TEXT_PREFIX : "", HINT_TAIL,
                           text.p + text.len - HINT_TAIL)
                  .p;
}

/* --- storing --- */

void entity_fill(struct entity_call *c, const struct conf_entity *e, struct entity_record *r)
{
    const struct marks_owner owner = {conf_kind_names[e->kind], STR_NONE, clock_real_ms(),
                                      c->arena};
    struct marks_part own = {STR_NONE, conf_entity_rules(e)};
    struct marks_part *parts = &own;
    size_t n = 1;
    struct conf_entity body = *e;
    struct conf_key_scope scope;
    struct buf text = BUF_IN(c->arena);

    if (e->kind == CONF_KEY)
        n = key_parts(&e->key, c->arena, &parts);
    marks_follow(&r->marks, &owner, parts, n);
    if (e->kind == CONF_TEAM) {
        body.team.customer = NULL; /* its id is in the record */
    } else if (e->kind == CONF_KEY && e->key.scope != NULL) {
        scope = *e->key.scope;
        scope.team = scope.customer = NULL;
        body.key.scope = &scope;
    }
    conf_entity_json(&body, &text);
    r->body = buf_view(&text);
    if (e->kind != CONF_KEY)
        return;
    memcpy(r->hash, e->key.hash, sizeof(r->hash));
    r->hint = str_of(e->key.hint);
}

enum entity_result entity_begin(struct entity_call *c)
{
    must_be_role(ROLE_MASTER);
    return store_begin(c->store, &c->err) == 0 ? ENTITY_OK : ENTITY_INTERNAL;
}

enum entity_result entity_put(struct entity_call *c, const struct entity_record *r)
{
    struct buf value = BUF_INIT;
    char key[8];
    int rc;

    entity_encode(r, &value);
    rc = store_put(c->store, entity_table(r->kind), entity_store_key(r->id, key), buf_view(&value),
                   &c->err);
    buf_fini(&value);
    return rc == 0 ? ENTITY_OK : ENTITY_INTERNAL;
}

enum entity_result entity_commit(struct entity_call *c)
{
    if (once_put(c->store, &c->once, &c->err) != 0 || store_commit(c->store, true, &c->err) != 0)
        return ENTITY_INTERNAL;
    return ENTITY_OK;
}

static enum entity_result store_one(struct entity_call *c, const struct entity_record *r)
{
    enum entity_result result = entity_begin(c);

    c->once.id = r->id;
    if (result == ENTITY_OK)
        result = entity_put(c, r);
    if (result == ENTITY_OK)
        result = entity_commit(c);
    if (result != ENTITY_OK)
        store_abort(c->store);
    return result;
}

/* What the workers cannot see must not come back at the next start. */
static void unstore(struct entity_call *c, const struct entity_record *r,
                    const struct entity_found *have)
{
    struct error undo = ERROR_INIT;
    struct buf value = BUF_INIT;
    char key[8];
    struct str id = entity_store_key(r->id, key);
    int rc = store_begin(c->store, &undo);

    if (have != NULL)
        entity_encode(&have->record, &value);
    if (rc == 0)
        rc = have != NULL ? store_put(c->store, entity_table(r->kind), id, buf_view(&value), &undo)
                          : store_delete(c->store, entity_table(r->kind), id, &undo);
    if (rc == 0)
        rc = store_commit(c->store, true, &undo);
    if (rc != 0)
        (void)error_add(&c->err, "%s", undo.text);
    store_abort(c->store);
    buf_fini(&value);
}

/* --- keys --- */

static bool has_alias(const struct entity_record *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->n_aliases; i++) {
        if (r->aliases[i].id == id)
            return true;
    }
    return false;
}

/* Old texts go with the key; those that are no longer in its record go. */
static int put_aliases(struct entity_call *c, const struct entity_record *r,
                       const struct entity_found *have)
{
    struct virtual_key k;
    int rc = 0;

    for (uint32_t i = 0; have != NULL && i < have->record.n_aliases; i++) {
        if (!has_alias(r, have->record.aliases[i].id))
            (void)key_table_remove(c->money->keys,
                                   have->record.aliases[i].id); /* or gone already */
    }
    if (r->n_aliases == 0 || !key_table_get(c->money->keys, r->id, c->arena, &k))
        return 0;
    for (uint32_t i = 0; rc == 0 && i < r->n_aliases; i++)
        rc = key_put_alias(c->money, &k, &r->aliases[i], &c->err);
    return rc;
}

static enum entity_result apply_key(struct entity_call *c, const struct entity_record *r,
                                    const struct conf_entity *e, const struct entity_found *have)
{
    struct money *m = c->money;
    struct key_want want = {.conf = &e->key,
                            .id = r->id,
                            .created_ms = r->created_ms,
                            .flags = KEY_ORIGIN_API,
                            .marks = &r->marks};
    struct key_plan plan;
    enum entity_result result;

    if (entity_parent_row(m, r, &want.parent, &c->err) != 0 ||
        key_plan(m, &want, have != NULL ? &have->key : NULL, c->arena, &plan, &c->err) != 0)
        return ENTITY_FULL;
    result = store_one(c, r);
    if (result != ENTITY_OK) {
        key_abort(m, &plan);
        return result;
    }
    if (key_commit(m, &plan, &c->err) == 0 && put_aliases(c, r, have) == 0)
        return ENTITY_OK;
    unstore(c, r, have);
    return ENTITY_FULL;
}

/* --- the others --- */

static enum entity_result apply_place(struct entity_call *c, const struct entity_record *r,
                                      const struct conf_entity *e, const struct entity_found *have)
{
    struct money *m = c->money;
    struct place fresh = {.kind = (enum place_kind)r->kind,
                          .origin = PLACE_API,
                          .id = r->id,
                          .created_ms = r->created_ms,
                          .name = str_of(e->name)};
    struct place *p = have != NULL ? have->place : NULL;
    struct want_owner want;
    struct rows_plan rows;
    enum entity_result result;
    uint32_t parent;

    if (entity_parent_row(m, r, &parent, &c->err) != 0)
        return ENTITY_FULL;
    want = entity_want(e, r->id, parent);
    if (rows_plan(&m->rows, p != NULL ? p->row : ROW_NONE, &want, &r->marks, &rows, &c->err) != 0)
        return ENTITY_FULL;
    result = store_one(c, r);
    if (result != ENTITY_OK) {
        rows_abort(&m->rows, &rows);
        return result;
    }
    rows_commit(&m->rows, &rows);
    rows_clean(&m->rows, &rows);
    if (p == NULL)
        p = directory_add(&m->directory, &fresh);
    p->parent = r->parent;
    p->row = rows.row;
    directory_rename(&m->directory, p, str_of(e->name));
    money_publish_name(m, p);
    if (r->kind == CONF_MODEL_LIMIT)
        money_publish_limits(m);
    return ENTITY_OK;
}

enum entity_result entity_apply(struct entity_call *c, const struct entity_record *r,
                                const struct conf_entity *e, const struct entity_found *have)
{
    return r->kind == CONF_KEY ? apply_key(c, r, e, have) : apply_place(c, r, e, have);
}

/* --- the calls --- */

static void put_defaults(struct entity_call *c, struct str defaults)
{
    struct str line;
    bool first = true;

    buf_cstr(c->out, ",\"defaults\":[");
    while (str_next(&defaults, '\n', &line)) {
        if (line.len == 0)
            continue;
        if (!first)
            buf_char(c->out, ',');
        buf_json(c->out, line);
        first = false;
    }
    buf_char(c->out, ']');
}

enum entity_result entity_answer_entity(struct entity_call *c, enum conf_kind kind, uint64_t id,
                                        const char *text)
{
    static const struct entity_show how = {.hash = false};
    struct entity_found found;
    enum entity_result result = entity_find_id(c, kind, id, &found);

    if (result != ENTITY_OK)
        return result;
    buf_printf(c->out, "{\"ok\":true,\"id\":\"%016jx\"", (uintmax_t)id);
    if (text != NULL)
        buf_printf(c->out, ",\"key\":\"%s\"", text);
    buf_cstr(c->out, ",\"entity\":");
    entity_show(c->money, &found, &how, c->out);
    if (c->once.note.len > 0)
        put_defaults(c, c->once.note);
    buf_char(c->out, '}');
    return ENTITY_OK;
}

/* It was made before: the same text again, unless the key has another one by now. */
static enum entity_result again(struct entity_call *c, enum conf_kind kind)
{
    struct virtual_key k;
    char text[KEY_TEXT_LEN + 1];
    uint8_t hash[SHA256_BYTES];
    bool is_same;
    enum entity_result result;

    entity_new_text(c, text);
    crypto_sha256(str_of(text), hash);
    is_same = kind == CONF_KEY && key_table_get(c->money->keys, c->once.id, c->arena, &k) &&
              memcmp(k.hash, hash, sizeof(hash)) == 0;
    result = entity_answer_entity(c, kind, c->once.id, is_same ? text : NULL);
    crypto_wipe(text, sizeof(text));
    return result;
}

static enum entity_result value_taken(struct entity_call *c, const uint8_t hash[SHA256_BYTES])
{
    struct virtual_key other;

    if (!keys_find(c->money->published, hash, c->arena, &other))
        return ENTITY_OK;
    return entity_fail(c, ENTITY_CONFLICT, "value: another key has the same value");
}

enum entity_result entity_create(struct entity_call *c, enum conf_kind kind)
{
    struct buf defaults = BUF_IN(c->arena);
    struct conf_entity e = {.kind = kind};
    struct entity_record r = {.kind = kind, .created_ms = clock_real_ms()};
    char text[KEY_TEXT_LEN + 1] = "";
    enum entity_result result;
    uint32_t parent;

    if (c->once.state == ONCE_AGAIN)
        return again(c, kind);
    if (conf_entity_load(&e, kind, json_get(c->json, "body"), c->arena, &defaults, &c->err) != 0)
        return ENTITY_INVALID;
    result = entity_parent(c, &e, &r, &parent);
    if (result == ENTITY_OK)
        result = entity_check(c, &e, 0);
    if (result != ENTITY_OK)
        return result;
    if (kind == CONF_KEY && e.key.hint == NULL) {
        entity_new_text(c, text);
        entity_take_text(c->arena, str_of(text), &e.key);
    }
    result = kind == CONF_KEY ? value_taken(c, e.key.hash) : ENTITY_OK;
    while (r.id == 0)
        crypto_random(&r.id, sizeof(r.id));
    c->once.note = (struct str){defaults.data, min_u64(defaults.len, ONCE_TEXT_MAX)};
    entity_fill(c, &e, &r);
    if (result == ENTITY_OK)
        result = entity_apply(c, &r, &e, NULL);
    if (result == ENTITY_OK)
        result = entity_answer_entity(c, kind, r.id, text[0] != '\0' ? text : NULL);
    crypto_wipe(text, sizeof(text));
    return result;
}

static enum entity_result read_only(struct entity_call *c, const struct entity_found *f)
{
    return entity_fail(
        c, ENTITY_READ_ONLY,
        "%s \"%s\" is declared in the configuration file; change it there and reload",
        conf_kind_names[f->entity.kind], f->entity.name);
}

/* What it is, merged with the patch, as a new entity. */
static enum entity_result merge(struct entity_call *c, const struct entity_found *have,
                                struct conf_entity *out)
{
    const struct json *patch = json_get(c->json, "body");
    struct buf base = BUF_IN(c->arena);
    struct buf text = BUF_IN(c->arena);
    struct json_error wrong;
    const struct json *old;
    const struct json *merged;

    if (patch == NULL || patch->type != JSON_OBJECT)
        return entity_fail(c, ENTITY_INVALID, "body: must be an object");
    if (json_get(patch, "value") != NULL || json_get(patch, "hash") != NULL)
        return entity_fail(c, ENTITY_INVALID, "value: rotate the key to give it another one");
    conf_entity_json(&have->entity, &base);
    old = json_parse(c->money->json, c->arena, buf_view(&base), &wrong);
    must(old != NULL);
    /* A model limit's name is its pattern. */
    conf_entity_merge(old, patch, &text);
    merged = json_parse(c->money->json, c->arena, buf_view(&text), &wrong);
    if (merged == NULL ||
        conf_entity_load(out, have->entity.kind, merged, c->arena, NULL, &c->err) != 0)
        return merged == NULL ? entity_fail(c, ENTITY_INVALID, "body: %s", wrong.text)
                              : ENTITY_INVALID;
    if (out->kind == CONF_KEY) {
        memcpy(out->key.hash, have->record.hash, sizeof(out->key.hash));
        out->key.hint = arena_cstr(c->arena, have->record.hint);
    }
    return ENTITY_OK;
}

enum entity_result entity_update(struct entity_call *c, enum conf_kind kind)
{
    struct entity_found have;
    struct conf_entity e = {.kind = kind};
    struct entity_record r;
    uint32_t parent;
    enum entity_result result;

    if (c->once.state == ONCE_AGAIN)
        return entity_answer_entity(c, kind, c->once.id, NULL);
    result = entity_find(c, kind, &have);
    if (result == ENTITY_OK && have.origin != PLACE_API)
        result = read_only(c, &have);
    if (result == ENTITY_OK)
        result = merge(c, &have, &e);
    r = have.record;
    if (result == ENTITY_OK)
        result = entity_parent(c, &e, &r, &parent);
    if (result == ENTITY_OK)
        result = entity_check(c, &e, r.id);
    if (result != ENTITY_OK)
        return result;
    entity_fill(c, &e, &r);
    result = entity_apply(c, &r, &e, &have);
    return result == ENTITY_OK ? entity_answer_entity(c, kind, r.id, NULL) : result;
}
