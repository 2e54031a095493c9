/*
 * litellm_generate - POST /key/generate and /key/service-account/generate.
 *
 * First whom the key belongs to is looked up (its team, its organization, or its user when that one
 * was made with /user/new), then the rules of its budget_id, then the key is made.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/litellm_generate.h"

#include <string.h>

#include "server/admin/litellm_text.h"
#include "server/base/clock.h"

#define KEY_TEXT_MIN 16 /* bytes of a key that somebody brings along */
#define KEY_TEXT_MAX 512
#define TAG_MAX 64

static const struct litellm_field fields[] = {
    {"key_alias", LITELLM_TEXT},
    {"duration", LITELLM_TEXT},
    {"models", LITELLM_TEXTS},
    {"max_budget", LITELLM_MONEY},
    {"budget_duration", LITELLM_TEXT},
    {"budget_limits", LITELLM_LIST},
    {"budget_id", LITELLM_TEXT},
    {"user_id", LITELLM_TEXT},
    {"team_id", LITELLM_TEXT},
    {"organization_id", LITELLM_TEXT},
    {"agent_id", LITELLM_KEPT},
    {"project_id", LITELLM_KEPT},
    {"max_parallel_requests", LITELLM_COUNT},
    {"tpm_limit", LITELLM_COUNT},
    {"rpm_limit", LITELLM_COUNT},
    {"metadata", LITELLM_OBJECT},
    {"tags", LITELLM_TEXTS},
    {"blocked", LITELLM_BOOL},
    {"allowed_routes", LITELLM_TEXTS},
    {"key", LITELLM_TEXT},
    {"token", LITELLM_TEXT},
    {"spend", LITELLM_IGNORED},
    {"soft_budget", LITELLM_IGNORED},
    {"aliases", LITELLM_IGNORED},
    {"config", LITELLM_IGNORED},
    {"permissions", LITELLM_IGNORED},
    {"model_max_budget", LITELLM_IGNORED},
    {"model_rpm_limit", LITELLM_IGNORED},
    {"model_tpm_limit", LITELLM_IGNORED},
    {"tag_rpm_limit", LITELLM_IGNORED},
    {"mcp_rpm_limit", LITELLM_IGNORED},
    {"tpm_limit_type", LITELLM_IGNORED},
    {"rpm_limit_type", LITELLM_IGNORED},
    {"budget_fallbacks", LITELLM_IGNORED},
    {"throttle_on_budget_exceeded", LITELLM_IGNORED},
    {"default_estimated_output_tokens", LITELLM_IGNORED},
    {"default_estimated_output_tokens_per_model", LITELLM_IGNORED},
    {"enforced_params", LITELLM_IGNORED},
    {"guardrails", LITELLM_IGNORED},
    {"policies", LITELLM_IGNORED},
    {"prompts", LITELLM_IGNORED},
    {"object_permission", LITELLM_IGNORED},
    {"allowed_cache_controls", LITELLM_IGNORED},
    {"allowed_passthrough_routes", LITELLM_IGNORED},
    {"allowed_vector_store_indexes", LITELLM_IGNORED},
    {"key_type", LITELLM_IGNORED},
    {"auto_rotate", LITELLM_IGNORED},
    {"rotation_interval", LITELLM_IGNORED},
    {"router_settings", LITELLM_IGNORED},
    {"access_group_ids", LITELLM_IGNORED},
    {"send_invite_email", LITELLM_IGNORED},
    /* of /key/update and /key/regenerate alone */
    {"temp_budget_increase", LITELLM_IGNORED},
    {"temp_budget_expiry", LITELLM_IGNORED},
    {"new_master_key", LITELLM_IGNORED},
    {"grace_period", LITELLM_TEXT},
    {"new_key", LITELLM_TEXT},
};
#define CHANGE_FIELDS 5
const struct litellm_fields litellm_key_fields = {fields, ARRAY_LEN(fields) - CHANGE_FIELDS};
const struct litellm_fields litellm_change_fields = {fields, ARRAY_LEN(fields)};

const char *const litellm_key_kept[] = {
    "user_id", "budget_duration", "budget_id", "agent_id", "allowed_routes", "project_id", NULL};

struct generate {
    const struct json *body;
    struct str name, team, customer;
    const struct json *parent; /* gives its models; NULL: none */
    const struct json *budget; /* of budget_id; NULL: none */
    uint8_t hash[SHA256_BYTES];
    bool has_hash; /* a key is imported by its hash */
    generate_fn *fn;
    void *ctx;
};

/* --- what a LiteLLM key may do, as we say it --- */

/* By what a route of `allowed_routes` ends with. Groups like llm_api_routes open everything there is. */
static const struct {
    const char *end, *route;
} routes[] = {{"/chat/completions", "chat"},
              {"/messages", "chat"},
              {"/completions", "completions"},
              {"/responses", "responses"},
              {"/embeddings", "embeddings"},
              {"/rerank", "rerank"},
              {"/images/generations", "images"},
              {"/images/edits", "images"},
              {"/audio/speech", "audio"},
              {"/audio/transcriptions", "audio"},
              {"/files", "files"},
              {"/batches", "batches"},
              {"/models", "models"}};

static const char *route_of(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (str_ends(text, str_of(routes[i].end)))
            return routes[i].route;
    }
    return NULL;
}

static bool is_group(struct str text)
{
    return str_eq(text, STR("llm_api_routes")) || str_eq(text, STR("openai_routes")) ||
           str_eq(text, STR("info_routes")) || str_eq(text, STR("anthropic_routes"));
}

bool litellm_write_routes(struct exchange *ex, struct writer *w, const struct json *body)
{
    const struct json *list = json_get(body, "allowed_routes");
    bool is_all = false;

    if (list == NULL)
        return true;
    for (const struct json *item = list->child; item != NULL; item = item->next) {
        is_all |= is_group(item->text);
        if (!is_group(item->text) && route_of(item->text) == NULL) {
            litellm_bad(ex, "allowed_routes",
                        "of llm_api_routes, openai_routes, anthropic_routes and paths like "
                        "/chat/completions, /embeddings, /responses, /rerank, /models");
            return false;
        }
    }
    writer_array(w, "routes");
    for (const struct json *item = is_all ? NULL : list->child; item != NULL; item = item->next)
        writer_cstr(w, NULL, route_of(item->text));
    writer_array_end(w);
    return true;
}

void litellm_write_models(struct writer *w, const struct json *models, const struct json *parent)
{
    const struct json *theirs = json_get(litellm_meta(parent), "models");
    bool all_of_team = models == NULL || models->type == JSON_NULL || models->n == 0;

    for (const struct json *m = models != NULL ? models->child : NULL; m != NULL; m = m->next)
        all_of_team |= str_eq(m->text, STR("all-team-models"));
    writer_array(w, "models");
    if (all_of_team)
        models = theirs;
    for (const struct json *m = models != NULL ? models->child : NULL; m != NULL; m = m->next) {
        if (!str_eq(m->text, STR("all-proxy-models")) && !str_eq(m->text, STR("all-team-models")))
            writer_str(w, NULL, m->text);
    }
    writer_array_end(w);
}

/* The first model of the body that its team does not have; STR_NONE: all are its own. */
static struct str foreign_model(const struct json *models, const struct json *parent)
{
    const struct json *theirs = json_get(litellm_meta(parent), "models");

    if (theirs == NULL || theirs->n == 0 || models == NULL)
        return STR_NONE;
    for (const struct json *m = models->child; m != NULL; m = m->next) {
        bool found =
            str_eq(m->text, STR("all-team-models")) || str_eq(m->text, STR("no-default-models"));

        for (const struct json *t = theirs->child; t != NULL && !found; t = t->next)
            found = glob_match(t->text, m->text) || str_eq(t->text, STR("all-proxy-models"));
        if (!found)
            return m->text;
    }
    return STR_NONE;
}

struct str litellm_user_tag(struct exchange *ex, struct str user_id)
{
    uint8_t hash[SHA256_BYTES];
    char hex[LITELLM_TOKEN_TEXT];

    if (user_id.len + 5 <= TAG_MAX)
        return arena_printf(ex->arena, "user:%.*s", STR_ARGS(user_id));
    crypto_sha256(user_id, hash);
    crypto_hex(hash, SHA256_BYTES, hex);
    return arena_printf(ex->arena, "user:sha256:%.40s", hex);
}

void litellm_write_tags(struct exchange *ex, struct writer *w, const struct json *tags,
                        struct str user_id)
{
    writer_array(w, "tags");
    for (const struct json *t = tags != NULL ? tags->child : NULL; t != NULL; t = t->next)
        writer_str(w, NULL, t->text);
    if (user_id.len > 0)
        writer_str(w, NULL, litellm_user_tag(ex, user_id));
    writer_array_end(w);
}

bool litellm_write_expiry(struct exchange *ex, struct writer *w, const struct json *body)
{
    const struct json *duration = json_get(body, "duration");
    uint64_t ms;

    if (duration == NULL)
        return true;
    if (duration->type == JSON_NULL || duration->text.len == 0 ||
        str_eq(duration->text, STR("-1"))) {
        writer_null(w, "expires");
        return true;
    }
    if (!litellm_duration_end(duration->text, clock_real_ms(), &ms)) {
        litellm_bad(ex, "duration", "a duration like 30s, 30m, 24h, 7d or 1mo");
        return false;
    }
    litellm_write_time(w, "expires", ms);
    return true;
}

/* --- making it --- */

static void on_created(struct exchange *ex, const struct json *reply)
{
    struct generate *g = ex->state;
    struct str key = json_str(json_get(reply, "key"));
    struct generated made = {.entity = json_get(reply, "entity"),
                             .key = key.len > 0 ? key : json_str(litellm_get(g->body, "key")),
                             .defaults = json_get(reply, "defaults"),
                             .body = g->body,
                             .ctx = g->ctx};

    if (g->has_hash)
        memcpy(made.hash, g->hash, sizeof(made.hash));
    else
        crypto_sha256(made.key, made.hash);
    g->fn(ex, &made);
}

static void write_value(struct exchange *ex, struct writer *w, const struct generate *g)
{
    struct str key = json_str(litellm_get(g->body, "key"));
    char hex[LITELLM_TOKEN_TEXT];

    if (g->has_hash) {
        crypto_hex(g->hash, SHA256_BYTES, hex);
        writer_str(w, "value", arena_printf(ex->arena, "sha256:%s", hex));
    } else if (key.len > 0) {
        writer_str(w, "value", key);
    }
}

/* Not the file's way to take a value from elsewhere: what a client sends is the key. */
static bool write_body(struct exchange *ex, struct writer *w, const struct generate *g)
{
    struct str user = json_str(litellm_get(g->body, "user_id"));
    bool blocked = false;

    writer_object(w, "body");
    writer_str(w, "name", g->name);
    write_value(ex, w, g);
    if (g->team.len > 0)
        writer_str(w, "team", g->team);
    else if (g->customer.len > 0)
        writer_str(w, "customer", g->customer);
    litellm_write_models(w, json_get(g->body, "models"), g->parent);
    litellm_write_tags(ex, w, litellm_get(g->body, "tags"), user);
    if (json_bool(litellm_get(g->body, "blocked"), &blocked) && blocked)
        writer_bool(w, "active", false);
    if (!litellm_write_routes(ex, w, g->body) || !litellm_write_expiry(ex, w, g->body))
        return false;
    if (g->budget != NULL)
        litellm_copy_rules(ex, w, g->budget);
    else if (!litellm_write_rules(ex, w, g->body, NULL))
        return false;
    litellm_write_metadata(ex, w, g->body, NULL, litellm_key_kept);
    writer_object_end(w);
    return true;
}

static void create(struct exchange *ex)
{
    struct generate *g = ex->state;
    struct str foreign = foreign_model(litellm_get(g->body, "models"), g->parent);
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    if (foreign.len > 0) {
        exchange_error(ex, 400, "bad_field", "models", "the team does not have the model \"%.*s\"",
                       STR_ARGS(foreign));
        return;
    }
    entity_call_begin(ex, &w, "entity_create", ENTITY_KEY, STR_NONE);
    if (!write_body(ex, &w, g)) {
        buf_fini(&text);
        return;
    }
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_created);
}

static void on_budget(struct exchange *ex, const struct json *reply)
{
    struct generate *g = ex->state;

    if (litellm_refused(ex, reply))
        return;
    g->budget = litellm_keep_entity(ex, reply);
    if (g->budget == NULL)
        exchange_error(ex, 400, "unknown_budget", "budget_id", "there is no budget of this id");
    else
        create(ex);
}

static void find_budget(struct exchange *ex)
{
    struct generate *g = ex->state;
    struct str id = json_str(litellm_get(g->body, "budget_id"));

    if (id.len == 0)
        create(ex);
    else if (litellm_get(g->body, "max_budget") != NULL)
        exchange_error(ex, 400, "bad_field", "budget_id",
                       "Set either 'max_budget' or 'budget_id', not both.");
    else
        litellm_ask_name(ex, ENTITY_CUSTOMER, arena_printf(ex->arena, "budget:%.*s", STR_ARGS(id)),
                         on_budget);
}

static void on_parent(struct exchange *ex, const struct json *reply)
{
    struct generate *g = ex->state;
    bool is_user = g->team.len == 0 && str_starts(g->customer, STR("user:"));

    if (litellm_refused(ex, reply))
        return;
    g->parent = litellm_keep_entity(ex, reply);
    if (g->parent == NULL && !is_user) {
        exchange_error(ex, 400, "unknown_parent", g->team.len > 0 ? "team_id" : "organization_id",
                       "there is no %s \"%.*s\"", g->team.len > 0 ? "team" : "organization",
                       STR_ARGS(g->team.len > 0 ? g->team : g->customer));
        return;
    }
    if (g->parent == NULL)
        g->customer = STR_NONE; /* a user that nobody made has no budget: only its name is kept */
    find_budget(ex);
}

/* False: answered. */
static bool read_key_text(struct exchange *ex, struct generate *g)
{
    struct str key = json_str(litellm_get(g->body, "key"));
    struct str token = json_str(litellm_get(g->body, "token"));

    if (key.len > 0 && (key.len < KEY_TEXT_MIN || key.len > KEY_TEXT_MAX)) {
        litellm_bad(ex, "key", "a text of 16 to 512 bytes");
        return false;
    }
    if (token.len > 0 && (key.len > 0 || !litellm_is_hash(token))) {
        litellm_bad(ex, "token", "the SHA-256 of a key, 64 hexadecimal digits, without \"key\"");
        return false;
    }
    g->has_hash = token.len > 0;
    if (g->has_hash)
        litellm_hash(token, g->hash);
    return true;
}

static bool read_names(struct exchange *ex, struct generate *g)
{
    struct str user;
    struct str organization;
    char random[17];

    if (!litellm_text(ex, g->body, "key_alias", KEY_NAME_MAX, &g->name) ||
        !litellm_text(ex, g->body, "team_id", LITELLM_ID_MAX, &g->team) ||
        !litellm_text(ex, g->body, "organization_id", LITELLM_ID_MAX, &organization) ||
        !litellm_text(ex, g->body, "user_id", LITELLM_ID_MAX, &user))
        return false;
    if (organization.len > 0)
        g->customer = organization;
    else if (user.len > 0)
        g->customer = arena_printf(ex->arena, "user:%.*s", STR_ARGS(user));
    if (g->name.len == 0) {
        crypto_token(random, sizeof(random) - 1);
        g->name = arena_printf(ex->arena, LITELLM_NO_ALIAS "%s", random);
    }
    return true;
}

void litellm_generate(struct exchange *ex, const struct json *body, generate_fn *fn, void *ctx)
{
    struct generate *g = arena_zalloc(ex->arena, sizeof(*g));

    g->body = body;
    g->fn = fn;
    g->ctx = ctx;
    ex->state = g;
    if (!read_key_text(ex, g) || !read_names(ex, g))
        return;
    if (g->team.len > 0)
        litellm_ask_name(ex, ENTITY_TEAM, g->team, on_parent);
    else if (g->customer.len > 0)
        litellm_ask_name(ex, ENTITY_CUSTOMER, g->customer, on_parent);
    else
        find_budget(ex);
}

void litellm_write_generated(struct exchange *ex, struct writer *w, const struct generated *made)
{
    struct litellm_key_row row = {.entity = made->entity, .with_token = true};
    char token[LITELLM_TOKEN_TEXT];

    memcpy(row.hash, made->hash, sizeof(row.hash));
    crypto_hex(made->hash, SHA256_BYTES, token);
    if (made->key.len > 0)
        writer_str(w, "key", made->key);
    else
        writer_null(w, "key"); /* imported by its hash: nobody here knows it */
    writer_cstr(w, "token_id", token);
    litellm_write_key(ex, w, &row);
    if (made->defaults != NULL)
        writer_raw(w, "defaults", made->defaults->raw);
}

static void answer(struct exchange *ex, const struct generated *made)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    litellm_write_generated(ex, &w, made);
    litellm_write_ignored(&w, made->body, litellm_key_fields);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void litellm_key_generate(struct exchange *ex, struct str tail)
{
    const struct json *body = litellm_body(ex, litellm_key_fields);

    (void)tail;
    if (body != NULL)
        litellm_generate(ex, body, answer, NULL);
}
