/*
 * What Cohere's v2/chat refuses. Taken from the Cohere API reference ("Chat") and the words of its
 * answers. Unknown members are ignored.
 */
#include "tools/mock/check.h"

#define STOPS_MAX 5

static const char *const ROLES[] = {"user", "assistant", "system", "tool", "developer", NULL};

struct walk {
    const struct check *k;
    size_t message;
    struct check_ids calls;
};

static int check_calls(struct walk *w, const struct json *calls)
{
    for (const struct json *c = check_items(calls); c != NULL; c = c->next) {
        const struct json *f = json_get(c, "function");
        const struct json *arguments = json_get(f, "arguments");
        struct str id = json_str(json_get(c, "id"));

        if (id.len == 0 || json_str(json_get(f, "name")).len == 0)
            return CHECK_FAIL(w->k, NULL,
                              "invalid request: tool calls in messages[%zu] must have an id and a "
                              "function name",
                              w->message);
        if (arguments == NULL || arguments->type != JSON_STRING)
            return CHECK_FAIL(
                w->k, NULL,
                "invalid type: parameter messages[%zu].tool_calls.function.arguments is "
                "not of type string.",
                w->message);
        if (!check_ids_add(w->k->c, &w->calls, id))
            return CHECK_FAIL(w->k, NULL, "invalid request: duplicate tool call id '%.*s'",
                              CHECK_ARGS(id));
    }
    return 0;
}

static bool is_empty(const struct json *content)
{
    if (content == NULL || content->type == JSON_NULL)
        return true;
    return content->type == JSON_STRING ? content->text.len == 0 : content->n == 0;
}

static int check_message(struct walk *w, const struct json *m)
{
    struct str role = json_str(json_get(m, "role"));
    const struct json *calls = json_get(m, "tool_calls");
    struct str open;

    if (!check_is_one_of(role, ROLES))
        return CHECK_FAIL(
            w->k, NULL,
            "invalid request: messages[%zu].role must be one of user, assistant, system, "
            "tool",
            w->message);
    if (is_empty(json_get(m, "content")) && check_items(calls) == NULL)
        return CHECK_FAIL(
            w->k, NULL,
            "invalid request: all elements in messages must have non-empty content or "
            "tool calls (messages[%zu])",
            w->message);
    if (str_eq(role, STR("tool"))) {
        struct str id = json_str(json_get(m, "tool_call_id"));

        if (check_ids_use(&w->calls, id))
            return 0;
        return CHECK_FAIL(
            w->k, NULL,
            "invalid request: tool call id '%.*s' of messages[%zu] not found in previous "
            "tool calls",
            CHECK_ARGS(id), w->message);
    }
    open = check_ids_unused(&w->calls);
    if (open.p != NULL)
        return CHECK_FAIL(w->k, NULL,
                          "invalid request: missing tool result for tool call id '%.*s'",
                          CHECK_ARGS(open));
    check_ids_clear(&w->calls);
    return str_eq(role, STR("assistant")) ? check_calls(w, calls) : 0;
}

static int check_numbers(const struct check *k)
{
    const struct json *stops = json_get(k->body, "stop_sequences");

    if (check_outside(json_get(k->body, "temperature"), 0, 1))
        return CHECK_FAIL(k, NULL,
                          "invalid request: temperature must be between 0 and 1.0 inclusive.");
    if (check_outside(json_get(k->body, "p"), 0.01, 0.99))
        return CHECK_FAIL(k, NULL, "invalid request: p must be between 0.01 and 0.99 inclusive.");
    if (check_outside(json_get(k->body, "k"), 0, 500))
        return CHECK_FAIL(k, NULL, "invalid request: k must be between 0 and 500 inclusive.");
    if (stops != NULL && stops->n > STOPS_MAX)
        return CHECK_FAIL(k, NULL, "invalid request: stop_sequences must have at most 5 elements.");
    return 0;
}

int check_cohere(const struct check *k)
{
    const struct json *messages = json_get(k->body, "messages");
    struct walk w = {.k = k};
    struct str open;

    if (messages == NULL || messages->type != JSON_ARRAY || messages->n == 0)
        return CHECK_FAIL(k, NULL, "invalid request: messages must be provided and not empty.");
    if (check_numbers(k) != 0)
        return -1;
    for (const struct json *m = messages->child; m != NULL; m = m->next, w.message++) {
        if (check_message(&w, m) != 0)
            return -1;
    }
    open = check_ids_unused(&w.calls);
    if (open.p != NULL)
        return CHECK_FAIL(k, NULL, "invalid request: missing tool result for tool call id '%.*s'",
                          CHECK_ARGS(open));
    return 0;
}
