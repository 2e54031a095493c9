/*
 * explain_print - what a request would get, as lines for people (explain_manners.c: what a model says).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/bfctl/explain.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/bfctl/ctl.h"
#include "tools/bfctl/table.h"

/* Nothing, where nothing is said. */
static void put_said(struct buf *b, const char *words, struct str text)
{
    if (text.len == 0)
        return;
    buf_cstr(b, words);
    explain_clean(b, text);
}

static void print_request(struct buf *b, const struct json *r)
{
    struct str model = ctl_str(r, "model");

    buf_printf(b, LABEL, "request");
    if (json_str(json_get(r, "dialect")).len == 0) {
        explain_clean(b, ctl_str(r, "path"));
        buf_cstr(b, ", which is no endpoint\n");
        return;
    }
    explain_clean(b, ctl_str(r, "endpoint"));
    buf_cstr(b, " (");
    explain_clean(b, ctl_str(r, "dialect"));
    buf_cstr(b, ")");
    if (model.len > 0) {
        buf_cstr(b, ", model ");
        explain_clean(b, model);
    }
    if (!ctl_bool(r, "read")) {
        buf_cstr(b, ", not read\n");
        return;
    }
    buf_printf(b, ", %" PRIu64 " tokens", ctl_u64(r, "tokens"));
    if (ctl_u64(r, "max_tokens") > 0)
        buf_printf(b, ", at most %" PRIu64 " back", ctl_u64(r, "max_tokens"));
    buf_cstr(b, ctl_bool(r, "stream") ? ", streamed" : "");
    buf_cstr(b, ctl_bool(r, "tools") ? ", with tools" : "");
    buf_cstr(b, ctl_u64(r, "media") > 0 ? ", with images" : "");
    put_said(b, ", only by provider key ", ctl_str(r, "provider_key"));
    put_said(b, ", only with tags ", ctl_str(r, "tags"));
    buf_char(b, '\n');
}

static void put_scope(struct buf *b, const struct json *key, const char *name, const char *words)
{
    if (!explain_has(key, name))
        return;
    buf_printf(b, "; %s ", words);
    explain_list(b, json_get(key, name));
}

static void print_key(struct buf *b, const struct json *key)
{
    static const char *const above[] = {"team", "customer"};

    buf_printf(b, LABEL, "key");
    if (key == NULL || key->type != JSON_OBJECT) {
        buf_cstr(b, "none\n");
        return;
    }
    explain_clean(b, ctl_str(key, "name"));
    for (size_t i = 0; i < ARRAY_LEN(above); i++) {
        struct str name = json_str(json_get(key, above[i]));

        if (name.len == 0)
            continue;
        buf_printf(b, ", %s ", above[i]);
        explain_clean(b, name);
    }
    put_scope(b, key, "models", "models:");
    put_scope(b, key, "deny_models", "not:");
    put_scope(b, key, "providers", "providers:");
    put_scope(b, key, "routes", "endpoints:");
    put_scope(b, key, "networks", "from:");
    buf_char(b, '\n');
}

static void put_refusal(struct buf *b, const struct json *refusal)
{
    buf_printf(b, "%" PRIu64 " ", ctl_u64(refusal, "status"));
    explain_clean(b, ctl_str(refusal, "error"));
    buf_cstr(b, ": ");
    explain_clean(b, ctl_str(refusal, "message"));
}

static bool is_refused(const struct json *object)
{
    const struct json *refusal = json_get(object, "refusal");

    return refusal != NULL && refusal->type == JSON_OBJECT;
}

static void print_rule(struct buf *b, const struct json *rule, bool is_first)
{
    struct str name = json_str(json_get(rule, "name"));
    struct str whose = json_str(json_get(rule, "whose"));
    struct str when = json_str(json_get(rule, "when"));
    struct str result = ctl_str(rule, "result");

    buf_printf(b, LABEL "%" PRIu64 ".", is_first ? "rules" : "", ctl_u64(rule, "number"));
    buf_char(b, ' ');
    explain_clean(b, name.len > 0 ? name : STR("(no name)"));
    if (whose.len > 0) {
        buf_printf(b, " (of %.*s ", STR_ARGS(ctl_str(rule, "scope")));
        explain_clean(b, whose);
        buf_char(b, ')');
    }
    buf_cstr(b, ": ");
    if (str_eq(result, STR("leads")) || str_eq(result, STR("leads_nowhere"))) {
        buf_cstr(b, "holds, and leads to ");
        explain_clean(b, ctl_str(rule, "use"));
    } else {
        buf_cstr(b, str_eq(result, STR("does_not_hold")) ? "does not hold" : "is for others");
    }
    buf_char(b, '\n');
    if (is_refused(rule)) {
        buf_cstr(b, INDENT "   passed over: ");
        put_refusal(b, json_get(rule, "refusal"));
        buf_char(b, '\n');
    } else if (str_eq(result, STR("leads_nowhere"))) {
        buf_cstr(b, INDENT "   passed over: none of its routes can serve this\n");
    }
    if (when.len > 0) {
        buf_cstr(b, INDENT "   when ");
        explain_clean(b, when);
        buf_char(b, '\n');
    }
    for (const struct json *v = explain_first(rule, "values"); v != NULL; v = v->next) {
        const struct json *value = json_get(v, "value");

        buf_cstr(b, INDENT "   ");
        explain_clean(b, ctl_str(v, "name"));
        buf_cstr(b, value != NULL && value->type == JSON_STRING ? " is " : " is not there");
        explain_clean(b, json_str(value));
        buf_char(b, '\n');
    }
}

static void print_rules(struct buf *b, const struct json *answer)
{
    const struct json *first = explain_first(answer, "rules");
    uint64_t rest = ctl_u64(answer, "rules_not_tried");

    for (const struct json *rule = first; rule != NULL; rule = rule->next)
        print_rule(b, rule, rule == first);
    if (first == NULL)
        buf_printf(b, LABEL "%s\n", "rules", rest > 0 ? "none was looked at" : "there are none");
    else if (rest > 0)
        buf_printf(b, INDENT "%" PRIu64 " more behind it\n", rest);
}

/* "a group of 2 targets", "provider openai, which calls it gpt-4o" */
static void put_stands_for(struct buf *b, const struct json *s)
{
    struct str kind = ctl_str(s, "kind");
    uint64_t targets = ctl_u64(s, "targets");

    if (str_eq(kind, STR("group"))) {
        buf_printf(b, "a model of the configuration with %" PRIu64 " target%s", targets,
                   targets == 1 ? "" : "s");
    } else if (str_eq(kind, STR("declared"))) {
        buf_printf(b, "a name that %" PRIu64 " provider%s", targets,
                   targets == 1 ? " declares" : "s declare");
    } else {
        buf_cstr(b, str_eq(kind, STR("catalogue")) ? "a model of the catalogue; provider "
                    : str_eq(kind, STR("default")) ? "no model; provider "
                                                   : "provider ");
        explain_clean(b, ctl_str(s, "provider"));
        if (json_str(json_get(s, "model")).len > 0) {
            buf_cstr(b, ", model ");
            explain_clean(b, json_str(json_get(s, "model")));
        }
    }
}

static void put_duration(struct table *t, uint64_t ms)
{
    if (ms == 0)
        table_str(t, STR_NONE);
    else if (ms % 1000 != 0)
        table_printf(t, "%" PRIu64 "ms", ms);
    else
        table_printf(t, "%" PRIu64 "s", ms / 1000);
}

static void put_verdict(struct table *t, const struct json *c)
{
    const struct json *refusal = json_get(c, "refusal");

    if (is_refused(c))
        table_str(t, ctl_str(refusal, "error"));
    else if (!ctl_bool(c, "has_token"))
        table_str(t, STR("its token was never fetched"));
    else if (ctl_bool(c, "is_least_bad"))
        table_str(t, STR("nobody is better now"));
    else if (ctl_bool(c, "is_spare"))
        table_str(t, STR("for other callers"));
    else if (ctl_bool(c, "was_asked"))
        table_str(t, STR("asked before"));
    else
        table_str(t, json_str(json_get(c, "why")));
}

/* What a side gets of the callers counts more than the weights inside it. */
static void put_weight(struct table *t, const struct json *c)
{
    struct str weight = ctl_str(c, "configured_weight");
    struct str share = ctl_str(c, "caller_share_percent");

    if (share.len == 0)
        table_str(t, weight);
    else if (ctl_u64(c, "side_routes") < 2)
        table_printf(t, "%.*s%%", STR_ARGS(share));
    else
        table_printf(t, "%.*s in %.*s%%", STR_ARGS(weight), STR_ARGS(share));
}

static void print_candidates(struct buf *b, const struct json *name)
{
    struct buf rows = BUF_INIT;
    struct str rest;
    struct str line;
    struct table t;

    if (!explain_has(name, "candidates"))
        return;
    table_init(&t, "provider|key|model|>weight|>health|>share|state|>reserves $|>first byte|"
                   ">silence|>whole|why");
    for (const struct json *c = explain_first(name, "candidates"); c != NULL; c = c->next) {
        const struct json *times = json_get(c, "timeouts_ms");

        table_str(&t, ctl_str(c, "provider"));
        table_str(&t, ctl_str(c, "provider_key"));
        table_str(&t, ctl_str(c, "model"));
        put_weight(&t, c);
        table_printf(&t, "%.0f%%", ctl_double(c, "weight") * 100);
        table_printf(&t, "%.1f%%", ctl_double(c, "share") * 100);
        table_str(&t, ctl_str(c, "state"));
        if (!ctl_bool(c, "priced"))
            table_str(&t, STR("no price"));
        else
            table_str(&t, ctl_u64(c, "reserves_nanousd") > 0 ? ctl_str(c, "reserves") : STR_NONE);
        put_duration(&t, ctl_u64(times, "first_byte"));
        put_duration(&t, ctl_u64(times, "between_bytes"));
        put_duration(&t, ctl_u64(times, "total"));
        put_verdict(&t, c);
    }
    table_print(&t, &rows);
    rest = buf_view(&rows);
    while (str_next(&rest, '\n', &line) && line.len > 0) {
        buf_cstr(b, INDENT);
        buf_str(b, line);
        buf_char(b, '\n');
    }
    table_fini(&t);
    buf_fini(&rows);
    if (ctl_bool(name, "is_passed_over"))
        buf_cstr(b, INDENT "passed over: none of them is well, and a fallback is\n");
    for (const struct json *c = explain_first(name, "candidates"); c != NULL; c = c->next) {
        if (!is_refused(c))
            continue;
        buf_cstr(b, INDENT "no room at ");
        explain_clean(b, ctl_str(c, "provider"));
        buf_cstr(b, ": ");
        put_refusal(b, json_get(c, "refusal"));
        buf_char(b, '\n');
    }
}

static void print_left_out(struct buf *b, const struct json *left)
{
    struct str model = json_str(json_get(left, "model"));
    struct str key = json_str(json_get(left, "provider_key"));

    buf_cstr(b, INDENT "left out: ");
    explain_clean(b, ctl_str(left, "provider"));
    if (model.len > 0) {
        buf_char(b, '/');
        explain_clean(b, model);
    }
    if (key.len > 0) {
        buf_cstr(b, " key ");
        explain_clean(b, key);
    }
    buf_cstr(b, ": ");
    explain_clean(b, ctl_str(left, "why"));
    buf_char(b, '\n');
}

/* How it came to be looked at. */
static void put_origin(struct buf *b, struct str origin, bool are_clients)
{
    if (str_eq(origin, STR("rule")))
        buf_cstr(b, ", as the rule says");
    else if (str_eq(origin, STR("context_fallback")))
        buf_cstr(b, ", where the prompt is too long");
    else if (str_eq(origin, STR("content_filter_fallback")))
        buf_cstr(b, ", where a content filter refuses");
    else if (str_eq(origin, STR("fallback")) && are_clients)
        buf_cstr(b, ", as the request says");
}

static void print_name(struct buf *b, const struct json *name, const struct json *answer)
{
    bool is_routed = ctl_bool(answer, "routed");
    struct str origin = ctl_str(name, "origin");
    struct str text = json_str(json_get(name, "name"));
    struct str said = json_str(json_get(name, "said"));
    const struct json *stands = json_get(name, "stands_for");

    buf_printf(b, LABEL, str_ends(origin, STR("fallback")) ? "fallback" : "name");
    explain_clean(b, text.len > 0 ? text : STR("(no model)"));
    put_origin(b, origin, str_eq(ctl_str(answer, "fallbacks_of"), STR("request")));
    if (said.len > 0) {
        buf_cstr(b, ", which the key means by ");
        explain_clean(b, said);
    }
    if (stands != NULL && stands->type == JSON_OBJECT) {
        buf_cstr(b, ": ");
        put_stands_for(b, stands);
    }
    buf_char(b, '\n');
    explain_print_manners(b, name);
    print_candidates(b, name);
    for (const struct json *left = explain_first(name, "left_out"); left != NULL; left = left->next)
        print_left_out(b, left);
    if (is_refused(name) && !explain_has(name, "candidates")) {
        buf_cstr(b, INDENT "passed over: ");
        put_refusal(b, json_get(name, "refusal"));
        buf_char(b, '\n');
    } else if (is_routed && !explain_has(name, "candidates")) {
        buf_cstr(b, INDENT "passed over: none of its routes can serve this\n");
    }
}

static void print_limit(struct buf *b, const struct json *l, bool is_first)
{
    struct str kind = ctl_str(l, "kind");
    struct str window = json_str(json_get(l, "window"));
    struct str resets = json_str(json_get(l, "resets_at"));
    bool is_budget = str_eq(kind, STR("budget"));
    struct str unit = is_budget                          ? STR("used or reserved")
                      : str_eq(kind, STR("concurrency")) ? STR("at the same time")
                                                         : kind;

    buf_printf(b, LABEL, is_first ? "limits" : "");
    explain_clean(b, ctl_str(l, "whose"));
    buf_printf(b, ": %s%.*s of %.*s%s %.*s", is_budget ? "$" : "", STR_ARGS(ctl_str(l, "used")),
               STR_ARGS(ctl_str(l, "limit")), is_budget ? " dollars" : "", STR_ARGS(unit));
    if (window.len > 0)
        buf_printf(b, ", per %.*s", STR_ARGS(window));
    if (resets.len > 0)
        buf_printf(b, ", anew at %.*s", STR_ARGS(resets));
    buf_char(b, '\n');
}

static void print_limits(struct buf *b, const struct json *answer)
{
    const struct json *first = explain_first(answer, "limits");
    const struct json *queue = json_get(answer, "queue");

    for (const struct json *l = first; l != NULL; l = l->next)
        print_limit(b, l, l == first);
    if (queue != NULL) {
        buf_printf(b, LABEL, "queue");
        explain_put_queue(b, queue, "everybody's");
    }
    buf_printf(b, LABEL "%" PRIu64 " at most, over all names", "attempts",
               ctl_u64(answer, "attempts"));
    if (ctl_u64(answer, "attempts") > 1)
        buf_printf(b, "; retries of all requests together: %.*s%% while they do not help",
                   STR_ARGS(ctl_str(answer, "retry_ratio_percent")));
    buf_char(b, '\n');
}

static void print_answer(struct buf *b, const struct json *answer)
{
    struct str chosen = ctl_str(answer, "chosen");
    const struct json *name = explain_first(answer, "names");
    const char *between = "";

    buf_printf(b, LABEL, "answer");
    if (!ctl_bool(answer, "admitted")) {
        put_refusal(b, json_get(answer, "refusal"));
        buf_char(b, '\n');
        return;
    }
    while (name != NULL && !ctl_bool(name, "is_chosen"))
        name = name->next;
    buf_cstr(b, "by ");
    explain_clean(b, chosen.len > 0 ? chosen : STR("its endpoint"));
    buf_cstr(b, ": ");
    for (const struct json *c = explain_first(name, "candidates"); c != NULL; c = c->next) {
        if (ctl_double(c, "chance") <= 0)
            continue;
        buf_cstr(b, between);
        explain_clean(b, ctl_str(c, "provider"));
        if (ctl_str(c, "model").len > 0)
            buf_char(b, '/');
        explain_clean(b, ctl_str(c, "model"));
        buf_cstr(b, " key ");
        explain_clean(b, ctl_str(c, "provider_key"));
        buf_printf(b, " %.1f%%", ctl_double(c, "chance") * 100);
        between = ", ";
    }
    buf_char(b, '\n');
}

void explain_print(struct buf *b, const struct json *answer)
{
    print_request(b, json_get(answer, "request"));
    print_key(b, json_get(answer, "key"));
    print_rules(b, answer);
    for (const struct json *name = explain_first(answer, "names"); name != NULL; name = name->next)
        print_name(b, name, answer);
    print_limits(b, answer);
    print_answer(b, answer);
}
