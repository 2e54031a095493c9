/*
 * litellm_keys - POST /key/update, /key/block, /key/unblock, /key/delete, /key/regenerate and
 * /key/{key}/reset_spend.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/admin.h"
#include "server/admin/key_text.h"
#include "server/admin/litellm_generate.h"
#include "server/admin/litellm_text.h"
#include "server/admin/params.h"
#include "server/base/clock.h"

#define DELETE_MAX 1000           /* keys of one call */
#define GRACE_MAX_MS 31536000000u /* a year */

struct change {
    const struct json *body;
    struct str given; /* the key as the client wrote it */
    uint8_t hash[SHA256_BYTES];
    struct str id;
    struct str new_key; /* of /key/regenerate: its text */
};

static struct change *change_begin(struct exchange *ex, const struct json *body)
{
    struct change *c = arena_zalloc(ex->arena, sizeof(*c));

    c->body = body;
    ex->state = c;
    return c;
}

static struct str id_text(struct exchange *ex, uint64_t id)
{
    char text[KEY_ID_TEXT];

    key_id_format(id, text);
    return arena_str(ex->arena, str_of(text));
}

/* The key that `text` names, into the change. False: answered. */
static bool take_key(struct exchange *ex, struct change *c, struct str text)
{
    struct virtual_key key;

    c->given = text;
    if (!litellm_find_key(ex, text, &key))
        return false;
    memcpy(c->hash, key.hash, sizeof(c->hash));
    c->id = id_text(ex, key.id);
    return true;
}

static void answer_row(struct exchange *ex, const struct json *entity)
{
    const struct change *c = ex->state;
    struct litellm_key_row row = {.entity = entity, .with_token = true};
    struct writer w = WRITER_INIT(&ex->out);

    memcpy(row.hash, c->hash, sizeof(row.hash));
    writer_object(&w, NULL);
    writer_str(&w, "key", c->new_key.len > 0 ? c->new_key : c->given);
    litellm_write_key(ex, &w, &row);
    litellm_write_ignored(&w, c->body, litellm_change_fields);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void on_changed(struct exchange *ex, const struct json *reply)
{
    answer_row(ex, json_get(reply, "entity"));
}

/* --- update --- */

/* Its team, else its organization; null takes it out of the one it is in. */
static void write_owner(struct writer *w, const struct json *body)
{
    const struct json *team = json_get(body, "team_id");
    const struct json *organization = json_get(body, "organization_id");

    if (team != NULL)
        writer_raw(w, "team", team->raw);
    else if (organization != NULL) /* a key belongs to one of them */
        writer_raw(w, "customer", organization->raw);
}

static bool write_change(struct exchange *ex, struct writer *w, const struct json *body,
                         const struct json *old)
{
    struct str alias = json_str(litellm_get(body, "key_alias"));
    const struct json *user = json_get(body, "user_id");
    bool blocked;

    writer_object(w, "body");
    if (alias.len > 0 && !str_eq(alias, json_str(json_get(old, "name"))))
        writer_str(w, "name", alias);
    write_owner(w, body);
    if (json_get(body, "models") != NULL)
        litellm_write_models(w, json_get(body, "models"), NULL);
    if (user == NULL)
        user = json_get(litellm_meta(old), "user_id");
    if (json_get(body, "tags") != NULL || json_get(body, "user_id") != NULL)
        litellm_write_tags(ex, w, litellm_get(body, "tags"), json_str(user));
    if (json_bool(litellm_get(body, "blocked"), &blocked))
        writer_bool(w, "active", !blocked);
    if (!litellm_write_routes(ex, w, body) || !litellm_write_expiry(ex, w, body) ||
        !litellm_write_rules(ex, w, body, old))
        return false;
    litellm_write_metadata(ex, w, body, old, litellm_key_kept);
    writer_object_end(w);
    return true;
}

static void send_change(struct exchange *ex, const struct json *old)
{
    struct change *c = ex->state;
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    entity_call_begin(ex, &w, "entity_update", ENTITY_KEY, c->id);
    if (!write_change(ex, &w, c->body, old)) {
        buf_fini(&text);
        return;
    }
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_changed);
}

static void on_old(struct exchange *ex, const struct json *reply)
{
    send_change(ex, litellm_keep_entity(ex, reply));
}

/* By its alias: then the entity is there at once, and the hash comes from the table. */
static void on_old_by_alias(struct exchange *ex, const struct json *reply)
{
    struct change *c = ex->state;
    const struct json *old = litellm_keep_entity(ex, reply);
    struct virtual_key key;
    uint64_t id;

    if (litellm_refused(ex, reply))
        return;
    if (old == NULL || !params_id_parse(litellm_id_of(old), &id) ||
        !keys_find_id(&ex->admin->regions->published, id, ex->arena, &key)) {
        exchange_error(ex, 404, "unknown_key", "key_alias", "Key not found in database");
        return;
    }
    memcpy(c->hash, key.hash, sizeof(c->hash));
    c->id = litellm_id_of(old);
    send_change(ex, old);
}

void litellm_key_update(struct exchange *ex, struct str tail)
{
    const struct json *body = litellm_body(ex, litellm_change_fields);
    struct str given = json_str(litellm_get(body, "key"));
    struct str alias = json_str(litellm_get(body, "key_alias"));

    (void)tail;
    if (body == NULL)
        return;
    struct change *c = change_begin(ex, body);
    if (given.len == 0 && alias.len == 0)
        litellm_missing(ex, "key");
    else if (given.len == 0)
        litellm_ask_name(ex, ENTITY_KEY, alias, on_old_by_alias);
    else if (take_key(ex, c, given))
        entity_ask(ex, ENTITY_KEY, c->id, on_old);
}

/* --- block, unblock --- */

static const struct litellm_field block_fields[] = {{"key", LITELLM_TEXT}};

static void set_active(struct exchange *ex, bool active)
{
    const struct json *body =
        litellm_body(ex, (struct litellm_fields){block_fields, ARRAY_LEN(block_fields)});
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    if (body == NULL)
        return;
    struct change *c = change_begin(ex, body);
    if (litellm_get(body, "key") == NULL)
        litellm_missing(ex, "key");
    if (ex->finished || !take_key(ex, c, json_str(litellm_get(body, "key"))))
        return;
    entity_call_begin(ex, &w, "entity_update", ENTITY_KEY, c->id);
    writer_object(&w, "body");
    writer_bool(&w, "active", active);
    writer_object_end(&w);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_changed);
}

void litellm_key_block(struct exchange *ex, struct str tail)
{
    (void)tail;
    set_active(ex, false);
}

void litellm_key_unblock(struct exchange *ex, struct str tail)
{
    (void)tail;
    set_active(ex, true);
}

/* --- delete --- */

struct deletion {
    struct str *ids;
    size_t n, done;
    const struct json *names; /* as the client gave them */
    bool by_alias;
};

static const struct litellm_field delete_fields[] = {{"keys", LITELLM_TEXTS},
                                                     {"key_aliases", LITELLM_TEXTS}};

static void on_deleted(struct exchange *ex, const struct json *reply)
{
    struct deletion *d = ex->state;
    struct writer w = WRITER_INIT(&ex->out);

    (void)reply;
    if (++d->done < d->n) {
        litellm_ask_delete(ex, ENTITY_KEY, d->ids[d->done], on_deleted);
        return;
    }
    writer_object(&w, NULL);
    writer_raw(&w, "deleted_keys", d->names->raw);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static bool find_one(struct exchange *ex, const struct deletion *d, struct str name, uint64_t *out)
{
    struct virtual_key key;

    if (d->by_alias && key_text_id_of_name(&ex->admin->regions->published, name, out))
        return true;
    if (d->by_alias) {
        exchange_error(ex, 404, "unknown_key", "key_aliases", "Key not found in database");
        return false;
    }
    if (!litellm_find_key(ex, name, &key))
        return false;
    *out = key.id;
    return true;
}

void litellm_key_delete(struct exchange *ex, struct str tail)
{
    const struct json *body =
        litellm_body(ex, (struct litellm_fields){delete_fields, ARRAY_LEN(delete_fields)});
    struct deletion *d = arena_zalloc(ex->arena, sizeof(*d));
    uint64_t id;

    (void)tail;
    if (body == NULL)
        return;
    d->names = litellm_get(body, "keys");
    d->by_alias = d->names == NULL || d->names->n == 0;
    if (d->by_alias)
        d->names = litellm_get(body, "key_aliases");
    if (d->names == NULL || d->names->n == 0 || d->names->n > DELETE_MAX) {
        exchange_error(ex, 400, "bad_field", "keys",
                       "At least one of 'keys' or 'key_aliases' must be provided, and at most %d",
                       DELETE_MAX);
        return;
    }
    d->ids = arena_alloc(ex->arena, d->names->n * sizeof(*d->ids));
    for (const struct json *name = d->names->child; name != NULL; name = name->next) {
        if (!find_one(ex, d, name->text, &id))
            return; /* nothing has been deleted yet */
        d->ids[d->n++] = id_text(ex, id);
    }
    ex->state = d;
    litellm_ask_delete(ex, ENTITY_KEY, d->ids[0], on_deleted);
}

/* --- regenerate --- */

static bool has_rules(const struct json *body)
{
    for (const struct json *m = body->child; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR("key")) && !str_eq(m->key, STR("new_key")) &&
            !str_eq(m->key, STR("grace_period")) && !str_eq(m->key, STR("new_master_key")))
            return true;
    }
    return false;
}

static void on_rotated(struct exchange *ex, const struct json *reply)
{
    struct change *c = ex->state;
    struct str key = json_str(json_get(reply, "key"));

    c->new_key =
        arena_str(ex->arena, key.len > 0 ? key : json_str(litellm_get(c->body, "new_key")));
    crypto_sha256(c->new_key, c->hash);
    if (has_rules(c->body)) {
        litellm_next_call(ex);
        send_change(ex, litellm_keep_entity(ex, reply));
        return;
    }
    answer_row(ex, json_get(reply, "entity"));
}

static bool read_grace(struct exchange *ex, const struct json *body, uint64_t *out_ms)
{
    struct str grace = json_str(litellm_get(body, "grace_period"));
    uint64_t now = clock_real_ms();
    uint64_t end = now;

    if (grace.len == 0 || (litellm_duration_end(grace, now, &end) && end - now <= GRACE_MAX_MS)) {
        *out_ms = end - now;
        return true;
    }
    litellm_bad(ex, "grace_period", "a duration like 24h or 2d, of at most a year");
    return false;
}

void litellm_key_regenerate(struct exchange *ex, struct str tail)
{
    const struct json *body = litellm_body(ex, litellm_change_fields);
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);
    struct str given = tail, new_key;
    uint64_t grace_ms;

    if (body == NULL)
        return;
    struct change *c = change_begin(ex, body);
    new_key = json_str(litellm_get(body, "new_key"));
    if (given.len == 0)
        given = json_str(litellm_get(body, "key"));
    if (given.len == 0)
        litellm_missing(ex, "key");
    if (ex->finished || !read_grace(ex, body, &grace_ms) || !take_key(ex, c, given))
        return;
    entity_call_begin(ex, &w, "key_rotate", ENTITY_KEY, c->id);
    writer_u64(&w, "grace_ms", grace_ms);
    if (new_key.len > 0)
        writer_str(&w, "value", new_key);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_rotated);
}

/* --- reset_spend --- */

static const struct litellm_field reset_fields[] = {{"reset_to", LITELLM_MONEY}};

void litellm_key_reset(struct exchange *ex, struct str tail)
{
    const struct json *body =
        litellm_body(ex, (struct litellm_fields){reset_fields, ARRAY_LEN(reset_fields)});
    const struct json *to = litellm_get(body, "reset_to");
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);
    uint64_t nanousd = 0;

    if (body == NULL)
        return;
    struct change *c = change_begin(ex, body);
    if (to != NULL && (!litellm_dollars(to->text, &nanousd) || nanousd != 0)) {
        litellm_bad(ex, "reset_to", "0: what was spent is booked, and can only begin anew");
        return;
    }
    if (!take_key(ex, c, tail))
        return;
    entity_call_begin(ex, &w, "entity_reset", ENTITY_KEY, c->id);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_changed);
}
