/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/own_key.h"

#include "server/admin/admin.h"
#include "server/admin/entity_text.h"
#include "server/admin/key_text.h"
#include "server/admin/params.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "shm/scope.h"

#define KEY_TEXT_MAX 512 /* as the worker takes them */

struct str own_key_credential(const struct exchange *ex)
{
    struct str given = ex->authorization;

    if (ex->virtual_key.len > 0)
        return str_trim(ex->virtual_key);
    if (given.len > 7 && str_eq_nocase((struct str){given.p, 7}, STR("bearer ")))
        return str_trim(str_skip(given, 7));
    return STR_NONE;
}

bool own_key_find(struct exchange *ex, struct virtual_key *out)
{
    struct str text = own_key_credential(ex);
    uint8_t hash[SHA256_BYTES];

    if (text.len == 0 || text.len > KEY_TEXT_MAX)
        return false;
    crypto_sha256(text, hash);
    return keys_find(&ex->admin->regions->published, hash, ex->arena, out);
}

uint64_t own_key_id(struct exchange *ex, const struct virtual_key *key)
{
    struct scope *scope = arena_alloc(ex->arena, sizeof(*scope));

    if (key->scope.len == 0 || scope_decode(key->scope, scope) != 0 || scope->books_as == 0)
        return key->id;
    return scope->books_as;
}

static bool take_turn(struct admin *a, uint64_t id, uint64_t second)
{
    uint32_t slot = (uint32_t)(id % OWN_KEY_SLOTS);

    if (a->own_keys.slots[slot].second != second) {
        a->own_keys.slots[slot].second = second;
        a->own_keys.slots[slot].n = 0;
    }
    return a->own_keys.slots[slot].n++ < OWN_KEY_PER_SECOND;
}

/* Where the key may be used, and not what for: its own state is no route that could be left out. */
static bool is_from_its_networks(struct exchange *ex, const struct virtual_key *key)
{
    struct scope *scope = arena_alloc(ex->arena, sizeof(*scope));

    if (!ex->has_peer || key->scope.len == 0)
        return true;
    return scope_decode(key->scope, scope) == 0 && scope_is_from(scope, ex->peer);
}

bool own_key_may(struct exchange *ex, const struct virtual_key *key)
{
    uint64_t now = clock_real_ms();

    if ((key->flags & KEY_ACTIVE) == 0)
        exchange_error(ex, 403, "key_inactive", NULL, "this virtual key is switched off");
    else if (key->expires_ms != 0 && key->expires_ms <= now)
        exchange_error(ex, 403, "key_expired", NULL,
                       "this virtual key has expired: ask for a new one");
    else if (!is_from_its_networks(ex, key))
        exchange_error(ex, 403, "network_not_allowed", NULL,
                       "this virtual key may not be used from %.*s", STR_ARGS(ex->peer));
    else if (!take_turn(ex->admin, own_key_id(ex, key), now / 1000))
        exchange_error(ex, 429, "too_often", NULL,
                       "a key may ask for its own state %d times a second", OWN_KEY_PER_SECOND);
    else
        ex->is_own_key = true;
    return ex->is_own_key;
}

bool own_key_may_scan(const struct exchange *ex)
{
    uint64_t second = clock_real_ms() / 1000;

    if (!ex->is_own_key)
        return true;
    if (ex->admin->own_keys.scanned == second)
        return false;
    ex->admin->own_keys.scanned = second;
    return true;
}

/* --- GET /v1/key --- */

static bool strip(struct str *path, const struct str *prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_starts(*path, prefixes[i]) && path->len > prefixes[i].len &&
            path->p[prefixes[i].len] == '/') {
            *path = str_skip(*path, prefixes[i].len);
            return true;
        }
    }
    return false;
}

static bool is_own_path(struct str path)
{
    static const struct str umbrellas[] = {
        {"/langchain", 10}, {"/pydanticai", 11}, {"/litellm", 8}};
    static const struct str dialects[] = {
        {"/openai", 7}, {"/anthropic", 10}, {"/genai", 6}, {"/bedrock", 8}, {"/cohere", 7}};

    (void)strip(&path, umbrellas, ARRAY_LEN(umbrellas)); /* each may be there or not */
    (void)strip(&path, dialects, ARRAY_LEN(dialects));
    return str_eq(path, STR("/v1/key"));
}

/* An object of these members of `entity` alone. */
static const struct json *pick(struct exchange *ex, const struct json *entity,
                               const char *const *names)
{
    struct json *out = arena_zalloc(ex->arena, sizeof(*out));
    struct json **tail = &out->child;

    out->type = JSON_OBJECT;
    for (; *names != NULL; names++) {
        const struct json *member = json_get(entity, *names);

        if (member == NULL)
            continue;
        *tail = arena_alloc(ex->arena, sizeof(**tail));
        **tail = *member;
        (*tail)->next = NULL;
        tail = &(*tail)->next;
        out->n++;
    }
    return out;
}

static void write_end(struct exchange *ex)
{
    struct writer w = {&ex->out, true};

    writer_object_end(&w);
    exchange_json(ex, 200);
}

/* A team or customer: its name, and what is left of its budgets and limits. */
static void write_parent(struct exchange *ex, enum entity_kind kind, const struct json *entity)
{
    static const char *const names[] = {"name",        "budgets", "rate_limits",
                                        "concurrency", "blocked", NULL};
    struct writer w = {&ex->out, true};

    writer_object(&w, entity_infos[kind].name);
    entity_text_write(ex, &w, kind, pick(ex, entity, names));
    writer_object_end(&w);
}

static void on_customer(struct exchange *ex, const struct json *reply)
{
    write_parent(ex, ENTITY_CUSTOMER, json_get(reply, "entity"));
    write_end(ex);
}

static bool ask_parent(struct exchange *ex, enum entity_kind kind, const struct json *entity,
                       const char *id_name, call_fn *fn)
{
    struct str id = json_str(json_get(entity, id_name));
    uint64_t number;

    if (!params_id_parse(id, &number))
        return false;
    entity_ask(ex, kind, id, fn);
    return true;
}

static void on_team(struct exchange *ex, const struct json *reply)
{
    const struct json *team = json_get(reply, "entity");

    write_parent(ex, ENTITY_TEAM, team);
    if (!ask_parent(ex, ENTITY_CUSTOMER, team, "customer_id", on_customer))
        write_end(ex);
}

static void on_key(struct exchange *ex, const struct json *reply)
{
    static const char *const names[] = {
        "id",      "name",        "hint",        "active",   "expires_ms", "expires",
        "models",  "deny_models", "routes",      "networks", "mcp_tools",  "providers",
        "budgets", "rate_limits", "concurrency", "aliases",  NULL};
    const struct json *key = json_get(reply, "entity");
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    writer_cstr(&w, "object", "key");
    entity_text_write(ex, &w, ENTITY_KEY, pick(ex, key, names));
    if (!ask_parent(ex, ENTITY_TEAM, key, "team_id", on_team) &&
        !ask_parent(ex, ENTITY_CUSTOMER, key, "customer_id", on_customer))
        write_end(ex);
}

static void answer_own(struct exchange *ex)
{
    struct virtual_key key;
    char id[KEY_ID_TEXT];

    if (!own_key_find(ex, &key)) {
        exchange_error(ex, 401, "bad_key", NULL,
                       "this answers a virtual key about itself: send one as \"Authorization: "
                       "Bearer sk-bf-...\" (or x-bf-vk, x-api-key, api-key, x-goog-api-key)");
        return;
    }
    if (!own_key_may(ex, &key))
        return;
    key_id_format(own_key_id(ex, &key), id);
    entity_ask(ex, ENTITY_KEY, arena_str(ex->arena, str_of(id)), on_key);
}

bool own_key_handle(struct exchange *ex)
{
    if (!is_own_path(ex->path))
        return false;
    if (ex->virtual_key.len == 0 && ex->authorization.len == 0)
        ex->virtual_key = params_get(ex, "key");
    if (str_eq(ex->method, STR("GET")) || str_eq(ex->method, STR("HEAD"))) {
        answer_own(ex);
    } else {
        ex->allow = "GET, HEAD";
        exchange_error(ex, 405, "method_not_allowed", NULL, "this path takes %s", ex->allow);
    }
    return true;
}
