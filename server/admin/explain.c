/*
 * explain - POST /api/explain: what a request would get, step by step.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/explain.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/entity.h"
#include "server/admin/params.h"
#include "shm/keys.h"

#define HEADERS_MAX 64
#define IMAGES_MAX 64

/* While the master is asked for the key. */
struct call {
    struct explain_ask ask;
    uint8_t hash[SHA256_BYTES];
};

static const struct body_field fields[] = {
    {"key", BODY_STRING, false},      {"model", BODY_STRING, false},
    {"endpoint", BODY_STRING, false}, {"headers", BODY_OBJECT, false},
    {"params", BODY_OBJECT, false},   {"tokens", BODY_U64, false},
    {"max_tokens", BODY_U64, false},  {"images", BODY_U64, false},
    {"stream", BODY_BOOL, false},     {"tools", BODY_BOOL, false},
    {"body", BODY_OBJECT, false},     {"peer", BODY_STRING, false},
    {"dialect", BODY_STRING, false},  {"at_ms", BODY_U64, false},
    {"budget_used", BODY_ANY, false},
};

static void answer(struct exchange *ex, const struct json *key)
{
    const struct pub_view *v = admin_view(ex->admin);
    struct call *call = ex->state;
    struct writer w = WRITER_INIT(&ex->out);
    struct error err = ERROR_INIT;
    struct request *r;

    if (v == NULL) {
        exchange_error(ex, 503, "not_ready", NULL, "no configuration is published yet");
        return;
    }
    if (ex->admin->explainer == NULL)
        ex->admin->explainer = explainer_create(ex->admin->regions, &err);
    if (ex->admin->explainer == NULL) {
        exchange_error(ex, 503, "no_memory", NULL, "%s", err.text);
        return;
    }
    r = explain_run(ex->admin->explainer, v, &call->ask, ex->arena);
    writer_object(&w, NULL);
    explain_write(ex, &w, r, key);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void on_key(struct exchange *ex, const struct json *reply)
{
    const struct json *entity = json_get(reply, "entity");
    struct call *call = ex->state;
    struct virtual_key key;
    uint64_t id;

    if (!params_id_parse(json_str(json_get(entity, "id")), &id) ||
        !keys_find_id(&ex->admin->regions->published, id, ex->arena, &key)) {
        exchange_error(ex, 404, "not_found", "key", "there is no such virtual key any more");
        return;
    }
    memcpy(call->hash, key.hash, sizeof(call->hash));
    call->ask.key_hash = call->hash;
    answer(ex, entity);
}

/* Header names are lower case once they are read; values are texts without line ends. */
static bool take_headers(struct exchange *ex, const struct json *object, struct explain_ask *ask)
{
    struct http_header *headers = arena_alloc(ex->arena, HEADERS_MAX * sizeof(*headers));

    ask->headers = headers;
    for (const struct json *h = object != NULL ? object->child : NULL; h != NULL; h = h->next) {
        char *name = arena_cstr(ex->arena, h->key);

        if (h->type != JSON_STRING || ask->n_headers == HEADERS_MAX) {
            exchange_error(ex, 400, "invalid", "headers",
                           "headers must be at most %d names with a text each", HEADERS_MAX);
            return false;
        }
        for (size_t i = 0; i < h->key.len; i++)
            name[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
        headers[ask->n_headers++] = (struct http_header){{name, h->key.len}, h->text};
    }
    return true;
}

/* As they stand in a query: the worker compares them as they are. */
static bool take_params(struct exchange *ex, const struct json *object, struct explain_ask *ask)
{
    struct buf b = BUF_IN(ex->arena);

    for (const struct json *p = object != NULL ? object->child : NULL; p != NULL; p = p->next) {
        if (p->type != JSON_STRING) {
            exchange_error(ex, 400, "invalid", "params", "params must be names with a text each");
            return false;
        }
        buf_printf(&b, "%s%.*s=%.*s", b.len > 0 ? "&" : "", STR_ARGS(p->key), STR_ARGS(p->text));
    }
    ask->query = buf_view(&b);
    return true;
}

/* Whole numbers are checked to be some by params_body. False: answered. */
static bool take_number(struct exchange *ex, const struct json *body, const char *name,
                        uint64_t most, uint64_t *out)
{
    (void)json_u64(json_get(body, name), out);
    if (*out > most)
        exchange_error(ex, 400, "invalid", name, "%s must be at most %" PRIu64 ", is %" PRIu64,
                       name, most, *out);
    return *out <= most;
}

static bool flag(const struct json *body, const char *name)
{
    bool is_set = false;

    (void)json_bool(json_get(body, name), &is_set);
    return is_set;
}

/* Which endpoint is asked: told, or the one for chats in a dialect. False: answered. */
static bool take_endpoint(struct exchange *ex, const struct json *body, struct str *out)
{
    struct str dialect = json_str(json_get(body, "dialect"));

    *out = json_str(json_get(body, "endpoint"));
    if (dialect.len > 0 && out->len > 0) {
        exchange_error(ex, 400, "invalid", "dialect",
                       "dialect and endpoint exclude each other: an endpoint is of one dialect");
        return false;
    }
    if (dialect.len > 0)
        *out = explain_endpoint(dialect);
    if (dialect.len > 0 && out->len == 0) {
        exchange_error(
            ex, 400, "invalid", "dialect",
            "there is no dialect \"%.*s\": dialect must be openai, responses, anthropic, "
            "gemini, bedrock or cohere",
            STR_ARGS(dialect));
        return false;
    }
    if (out->len == 0)
        *out = STR("chat");
    return true;
}

/* The client's own body, or one that is made up. False: answered. */
static bool take_body(struct exchange *ex, const struct json *body, struct explain_ask *ask)
{
    const struct json *given = json_get(body, "body");
    struct explain_wish wish = {.model = json_str(json_get(body, "model")),
                                .is_stream = flag(body, "stream"),
                                .has_tools = flag(body, "tools")};
    struct str endpoint;

    if (!take_endpoint(ex, body, &endpoint) ||
        !take_number(ex, body, "tokens", EXPLAIN_TOKENS_MAX, &wish.tokens) ||
        !take_number(ex, body, "max_tokens", UINT32_MAX, &wish.max_tokens) ||
        !take_number(ex, body, "images", IMAGES_MAX, &wish.images))
        return false;
    if (given != NULL)
        ask->body = given->raw;
    if (given != NULL && wish.model.len > 0 && !explain_names_model(endpoint)) {
        exchange_error(ex, 400, "invalid", "model",
                       "model stands in the body already: leave one of them out");
        return false;
    }
    if (given == NULL && wish.model.len == 0 && endpoint.p[0] != '/') {
        exchange_error(ex, 400, "invalid", "model",
                       "what is to be explained is missing: {\"model\": \"NAME\"} describes a "
                       "request, {\"body\": {...}} is one as a client sends it");
        return false;
    }
    if (!explain_make(ex->arena, endpoint, &wish, ask)) {
        exchange_error(ex, 400, "invalid", "endpoint",
                       "there is no endpoint \"%.*s\": endpoint must be chat, responses, messages, "
                       "completions, embeddings, gemini, converse, cohere, or a path that begins "
                       "with /",
                       STR_ARGS(endpoint));
        return false;
    }
    return true;
}

/* What conditions are to take for what changes by itself. False: answered. */
static bool take_moment(struct exchange *ex, const struct json *body, struct explain_ask *ask)
{
    const struct json *used = json_get(body, "budget_used");

    (void)json_u64(json_get(body, "at_ms"), &ask->at_ms);
    if (used == NULL)
        return true;
    ask->has_used = json_double(used, &ask->used) && ask->used >= 0;
    if (!ask->has_used)
        exchange_error(ex, 400, "invalid", "budget_used",
                       "budget_used must be a number from 0 on: 0.85 is 85 %% of the budget");
    return ask->has_used;
}

/* A client's, as the listener would have it. False: answered. */
static bool take_peer(struct exchange *ex, const struct json *body, struct explain_ask *ask)
{
    struct str peer = json_str(json_get(body, "peer"));
    struct in6_addr address;
    const char *text = arena_cstr(ex->arena, peer);

    ask->peer = peer.len > 0 ? peer : STR("127.0.0.1");
    if (peer.len == 0 || inet_pton(AF_INET, text, &address) == 1 ||
        inet_pton(AF_INET6, text, &address) == 1)
        return true;
    exchange_error(ex, 400, "invalid", "peer",
                   "peer must be an address like 10.1.2.3 or 2001:db8::1, is \"%.*s\"",
                   STR_ARGS(peer));
    return false;
}

void api_explain(struct exchange *ex, struct str tail)
{
    const struct json *body = params_body(ex, fields, ARRAY_LEN(fields));
    struct str key = json_str(json_get(body, "key"));
    struct call *call;

    (void)tail;
    if (body == NULL)
        return;
    call = arena_zalloc(ex->arena, sizeof(*call));
    if (!take_peer(ex, body, &call->ask) ||
        !take_headers(ex, json_get(body, "headers"), &call->ask) ||
        !take_params(ex, json_get(body, "params"), &call->ask) ||
        !take_moment(ex, body, &call->ask) || !take_body(ex, body, &call->ask))
        return;
    ex->state = call;
    if (key.len > 0)
        entity_ask(ex, ENTITY_KEY, key, on_key);
    else
        answer(ex, NULL);
}
