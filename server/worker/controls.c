#include "server/worker/controls.h"

#include <stdlib.h>

#include "server/base/buf.h"
#include "server/worker/fail.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

#define TIMEOUT_MAX_S 86400.0 /* longer than any call; keeps the milliseconds in 32 bits */

/* Whole families; no provider has a name in its body that begins like these. */
static const char *const families[] = {
    "litellm_", "mock_", "aws_", "vertex_", "azure_", "langfuse_", "langsmith_",
};

static const char *const names[] = {
    /* where to, and with whose credential */
    "api_base",
    "base_url",
    "api_key",
    "api_version",
    "api_type",
    "organization",
    "deployment_id",
    "custom_llm_provider",
    "client_id",
    "client_secret",
    "tenant_id",
    "region_name",
    "allowed_model_region",
    "user_config",
    "model_list",
    "model_info",
    "model_config",
    "base_model",
    "hf_model_name",
    "ssl_verify",
    "headers",
    "extra_headers",
    "provider_specific_header",
    "use_litellm_proxy",
    "use_chat_completions_api",
    "use_in_pass_through",
    "use_client",
    /* how often, how long, what else */
    "num_retries",
    "max_retries",
    "retry_policy",
    "retry_strategy",
    "fallbacks",
    "disable_fallbacks",
    "default_fallbacks",
    "context_window_fallbacks",
    "context_window_fallback_dict",
    "content_policy_fallbacks",
    "max_fallbacks",
    "timeout",
    "request_timeout",
    "stream_timeout",
    "force_timeout",
    "client_side_timeout",
    "cooldown_time",
    "routing_strategy",
    "fastest_response",
    "enable_tag_filtering",
    "keepalive_seconds",
    "rpm",
    "tpm",
    "max_parallel_requests",
    "max_budget",
    "budget_duration",
    /* caches, logs, guards, prompts */
    "cache",
    "caching",
    "caching_groups",
    "cache_key",
    "ttl",
    "no-log",
    "tags",
    "metadata",
    "spend_logs_metadata",
    "success_callback",
    "failure_callback",
    "callbacks",
    "logger_fn",
    "verbose",
    "guardrails",
    "guardrail_config",
    "policies",
    "prompt_id",
    "prompt_variables",
    "prompt_label",
    "prompt_version",
    "custom_prompt_dict",
    /* parameters and prices */
    "drop_params",
    "additional_drop_params",
    "allowed_openai_params",
    "modify_params",
    "ensure_alternating_roles",
    "user_continue_message",
    "assistant_continue_message",
    "merge_reasoning_content_in_choices",
    "enable_json_schema_validation",
    "input_cost_per_token",
    "output_cost_per_token",
    "input_cost_per_second",
    "output_cost_per_second",
    "cost_per_query",
};

struct taking {
    struct request *r;
    struct controls *found;
    struct str metadata; /* its value; the last one, as everywhere */
    bool has_own_metadata;
    bool has_any;
    struct buf kept; /* the body without them */
};

bool controls_are_asked(const struct http_exchange *ex)
{
    struct str rest;

    return path_under(ex->path, STR("/litellm"), &rest);
}

static bool is_control(struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        if (str_starts(key, str_of(families[i])))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(key, str_of(names[i])))
            return true;
    }
    return false;
}

static bool number_of(struct str raw, double *out)
{
    char text[32];
    char *end;

    if (raw.len == 0 || raw.len >= sizeof(text))
        return false;
    memcpy(text, raw.p, raw.len);
    text[raw.len] = '\0';
    *out = strtod(text, &end);
    return *end == '\0' && *out >= 0;
}

static bool take_attempts(struct controls *c, struct str raw)
{
    double n;

    if (!number_of(raw, &n))
        return false;
    c->attempts_max = n < ATTEMPTS_MAX ? (uint32_t)n + 1 : ATTEMPTS_MAX;
    return true;
}

static bool take_timeout(struct controls *c, struct str raw)
{
    double s;
    uint32_t ms;

    if (!number_of(raw, &s) || s <= 0)
        return false;
    ms = (uint32_t)((s < TIMEOUT_MAX_S ? s : TIMEOUT_MAX_S) * 1000);
    if (c->timeout_ms == 0 || ms < c->timeout_ms)
        c->timeout_ms = ms > 0 ? ms : 1;
    return true;
}

/* OpenAI's own labels are texts (Anthropic's user may be null); LiteLLM's hold lists and objects. */
static bool on_label(void *ctx, const struct json_member *m)
{
    bool *is_plain = ctx;

    *is_plain = m->type == JSON_STRING || m->type == JSON_NULL;
    return *is_plain;
}

/* Is what it asks for done? */
static bool is_heeded(struct controls *c, struct str key, struct str raw)
{
    if (str_eq(raw, STR("null")))
        return true;
    if (str_eq(key, STR("num_retries")) || str_eq(key, STR("max_retries")))
        return take_attempts(c, raw);
    if (str_eq(key, STR("timeout")) || str_eq(key, STR("request_timeout")))
        return take_timeout(c, raw);
    /* what a provider's dialect cannot say is always dropped, and told */
    return str_eq(key, STR("drop_params")) && str_eq(raw, STR("true"));
}

static bool is_taken(const struct taking *t, const struct json_member *m, struct str *key)
{
    *key = m->key;
    if (key->len > 0 && memchr(key->p, '\\', key->len) != NULL)
        *key = json_unescape_inside(t->r->arena, *key);
    return is_control(*key) && !(t->has_own_metadata && str_eq(*key, STR("metadata")));
}

static bool on_look(void *ctx, const struct json_member *m)
{
    struct taking *t = ctx;
    struct str key;

    if (!is_taken(t, m, &key))
        return true;
    if (str_eq(key, STR("metadata")))
        t->metadata = m->raw;
    else
        t->has_any = true;
    return true;
}

static bool on_take(void *ctx, const struct json_member *m)
{
    struct taking *t = ctx;
    struct str key;

    if (!is_taken(t, m, &key)) {
        buf_char(&t->kept, t->kept.len == 0 ? '{' : ',');
        buf_add(&t->kept, m->key.p - 1, (size_t)(m->raw.p + m->raw.len + 1 - m->key.p));
    } else if (!is_heeded(t->found, key, m->raw)) {
        loss_drop(&t->found->ignored, arena_str(t->r->arena, key));
    }
    return true;
}

/* The body without them, and what it says now. */
static int take(struct request *r, struct taking *t)
{
    struct json_parser *p = r->worker->json;
    struct json_error err;

    if (t->metadata.len > 0 && t->metadata.p[0] == '{' &&
        json_scan(p, t->metadata, on_label, &t->has_own_metadata, &err) != 0)
        return -1;
    if (!t->has_any && t->has_own_metadata)
        return 0;
    if (json_scan(p, r->ex->body, on_take, t, &err) != 0)
        return -1;
    if (t->kept.len == 0)
        buf_char(&t->kept, '{');
    buf_char(&t->kept, '}');
    if (!http_hold(r->ex, t->kept.len))
        return -1;
    r->ex->body = buf_view(&t->kept);
    return openai_scan(p, r->arena, r->ex->body, &r->openai, &err);
}

enum step_result controls_take(struct request *r)
{
    struct controls *found = arena_zalloc(r->arena, sizeof(*found));
    struct taking t = {.r = r, .found = found, .kept = BUF_IN(r->arena)};
    struct json_error err;
    int rc = json_scan(r->worker->json, r->ex->body, on_look, &t, &err);

    (void)take_timeout(found, http_find(r->ex, STR("x-litellm-timeout")));
    (void)take_attempts(found, http_find(r->ex, STR("x-litellm-num-retries")));
    r->controls = found;
    if (rc == 0 && (t.has_any || t.metadata.len > 0))
        rc = take(r, &t);
    if (rc != 0) /* it was sound a moment ago: there is no room for the copy */
        return request_fail(r, &FAIL_OVERLOADED, STR_NONE, STR_NONE);
    if (!loss_is_full(&found->ignored) && translate_is_strict(r))
        return request_fail(r, &FAIL_NOT_FAITHFUL, loss_header(&found->ignored, r->arena),
                            found->ignored.dropped[0]);
    return STEP_NEXT;
}

void controls_limit(const struct request *r, struct upstream_request *out)
{
    if (r->controls == NULL || r->controls->timeout_ms == 0)
        return;
    if (out->total_ms == 0 || r->controls->timeout_ms < out->total_ms)
        out->total_ms = r->controls->timeout_ms;
}

uint32_t controls_attempts(const struct request *r, uint32_t max)
{
    uint32_t wanted = r->controls != NULL ? r->controls->attempts_max : 0;

    return wanted > 0 && wanted < max ? wanted : max;
}

void controls_tell(const struct request *r, struct chat_loss *l)
{
    if (r->controls == NULL)
        return;
    for (size_t i = 0; i < r->controls->ignored.n_dropped; i++)
        loss_drop(l, r->controls->ignored.dropped[i]);
}
