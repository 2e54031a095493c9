/*
 * litellm_key_info - GET /key/info, POST /v2/key/info, GET /key/list.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/admin.h"
#include "server/admin/entity_filter.h"
#include "server/admin/litellm_generate.h"
#include "server/admin/litellm_text.h"
#include "server/admin/own_key.h"
#include "server/admin/params.h"

#define INFO_MAX 100 /* keys of one /v2/key/info */
#define SIZE_DEFAULT 10
#define SIZE_MAX_ROWS 100
#define PAGE_MAX 100000

/* --- one key --- */

struct info {
    struct str shown; /* what "key" says */
    uint8_t hash[SHA256_BYTES];
};

static void on_info(struct exchange *ex, const struct json *reply)
{
    struct info *info = ex->state;
    struct litellm_key_row row = {.entity = json_get(reply, "entity")};
    struct writer w = WRITER_INIT(&ex->out);

    memcpy(row.hash, info->hash, sizeof(row.hash));
    writer_object(&w, NULL);
    writer_str(&w, "key", info->shown);
    writer_object(&w, "info");
    litellm_write_key(ex, &w, &row);
    writer_object_end(&w);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

/* A key may ask for itself alone; whether there is another one is not told. False: answered. */
static bool find_for_caller(struct exchange *ex, struct str asked, struct virtual_key *out)
{
    struct virtual_key own;
    uint8_t hash[SHA256_BYTES];

    if (!own_key_find(ex, &own)) {
        if (asked.len == 0)
            litellm_missing(ex, "key");
        return asked.len > 0 && litellm_find_key(ex, asked, out);
    }
    litellm_hash(asked, hash);
    if (asked.len > 0 && memcmp(hash, own.hash, sizeof(hash)) != 0) {
        exchange_error(ex, 403, "forbidden", "key",
                       "You are not allowed to access this key's info: a key sees its own alone");
        return false;
    }
    *out = own;
    out->id = own_key_id(ex, &own);
    return true;
}

void litellm_key_info(struct exchange *ex, struct str tail)
{
    struct str asked = params_get(ex, "key");
    struct info *info = arena_alloc(ex->arena, sizeof(*info));
    struct virtual_key key;
    char token[LITELLM_TOKEN_TEXT];

    (void)tail;
    if (!find_for_caller(ex, asked, &key))
        return;
    memcpy(info->hash, key.hash, sizeof(info->hash));
    crypto_hex(key.hash, SHA256_BYTES, token);
    info->shown = asked.len > 0 ? asked : arena_str(ex->arena, str_of(token));
    ex->state = info;
    litellm_ask_id(ex, ENTITY_KEY, key.id, on_info);
}

/* --- several --- */

struct infos {
    const struct json *keys, *next;
    uint8_t hash[SHA256_BYTES]; /* of the key that is asked for now */
};

static const struct litellm_field infos_fields[] = {{"keys", LITELLM_TEXTS}};

static void ask_next(struct exchange *ex);

static void on_next(struct exchange *ex, const struct json *reply)
{
    struct infos *all = ex->state;
    struct litellm_key_row row = {.entity = json_get(reply, "entity"), .with_token = true};
    struct writer w = {&ex->out, all->next != all->keys->child};

    memcpy(row.hash, all->hash, sizeof(row.hash));
    writer_object(&w, NULL);
    litellm_write_key(ex, &w, &row);
    writer_object_end(&w);
    all->next = all->next->next;
    ask_next(ex);
}

static void ask_next(struct exchange *ex)
{
    struct infos *all = ex->state;
    struct writer w = {&ex->out, true};
    struct virtual_key key;

    if (all->next == NULL) {
        writer_array_end(&w);
        writer_object_end(&w);
        exchange_json(ex, 200);
        return;
    }
    if (!litellm_find_key(ex, all->next->text, &key))
        return;
    memcpy(all->hash, key.hash, sizeof(all->hash));
    litellm_ask_id(ex, ENTITY_KEY, key.id, on_next);
}

void litellm_keys_info(struct exchange *ex, struct str tail)
{
    const struct json *body =
        litellm_body(ex, (struct litellm_fields){infos_fields, ARRAY_LEN(infos_fields)});
    struct infos *all = arena_zalloc(ex->arena, sizeof(*all));
    struct writer w = WRITER_INIT(&ex->out);

    (void)tail;
    if (body == NULL)
        return;
    all->keys = litellm_get(body, "keys");
    if (all->keys == NULL || all->keys->n > INFO_MAX) {
        litellm_bad(ex, "keys", "a list of at most 100 keys or hashes");
        return;
    }
    all->next = all->keys->child;
    ex->state = all;
    writer_object(&w, NULL);
    writer_raw(&w, "key", all->keys->raw);
    writer_array(&w, "info");
    ask_next(ex);
}

/* --- the list --- */

struct listing {
    uint64_t page, size;
    bool full;
};

/* "sha256:..." or the digits alone. */
static struct str hash_of(const struct json *entity)
{
    struct str hash = json_str(json_get(entity, "hash"));

    return str_starts(hash, STR("sha256:")) ? str_skip(hash, 7) : hash;
}

static void on_entity(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                      const struct json *entity)
{
    const struct listing *l = walk->ctx;
    struct litellm_key_row row = {.entity = entity, .with_token = true};
    struct writer w = {&ex->out, walk->n_given > 0};

    (void)kind;
    if (!l->full) {
        writer_str(&w, NULL, hash_of(entity));
        return;
    }
    if (crypto_unhex(hash_of(entity), row.hash, sizeof(row.hash)) != 0)
        memset(row.hash, 0, sizeof(row.hash)); /* the master gave none: not shown as another's */
    writer_object(&w, NULL);
    litellm_write_key(ex, &w, &row);
    writer_object_end(&w);
}

static void on_end(struct entity_walk *walk, struct exchange *ex)
{
    const struct listing *l = walk->ctx;
    struct writer w = {&ex->out, true};
    uint64_t seen = walk->n_skipped + walk->n_given;
    /* Nobody has counted what a filter lets through: then there is at least one more. */
    uint64_t total = max_u64(walk->total, seen + (walk->is_done ? 0 : 1));

    writer_array_end(&w);
    writer_u64(&w, "total_count", total);
    writer_u64(&w, "current_page", l->page);
    writer_u64(&w, "total_pages", (total + l->size - 1) / l->size);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static bool is_true(const struct exchange *ex, const char *name)
{
    struct str value = params_get(ex, name);

    return str_eq_nocase(value, STR("true")) || str_eq(value, STR("1"));
}

void litellm_key_list(struct exchange *ex, struct str tail)
{
    struct entity_walk *walk = arena_zalloc(ex->arena, sizeof(*walk));
    struct listing *l = arena_zalloc(ex->arena, sizeof(*l));
    struct entity_filter filter = {.name = params_get(ex, "key_alias"),
                                   .team = params_get(ex, "team_id"),
                                   .customer = params_get(ex, "organization_id")};
    struct str user = params_get(ex, "user_id");
    struct writer w = WRITER_INIT(&ex->out);

    (void)tail;
    if (!params_u64(ex, "page", 1, PAGE_MAX, &l->page) ||
        !params_u64(ex, "size", SIZE_DEFAULT, SIZE_MAX_ROWS, &l->size))
        return;
    l->page = max_u64(l->page, 1);
    l->size = max_u64(l->size, 1);
    l->full = is_true(ex, "return_full_object");
    if (user.len > 0)
        filter.tag = litellm_user_tag(ex, user);
    *walk = (struct entity_walk){.kinds = {ENTITY_KEY},
                                 .n_kinds = 1,
                                 .with_hashes = true,
                                 .skip = (l->page - 1) * l->size,
                                 .limit = l->size,
                                 .on_entity = on_entity,
                                 .on_end = on_end,
                                 .ctx = l};
    writer_object(&w, NULL);
    writer_array(&w, "keys");
    entity_filter_start(ex, &filter, walk);
}
