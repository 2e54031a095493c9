/* `rules:`, and what a model of `models:` has beside its targets. */
#include "conf/load_routing.h"

#include "conf/json_node.h"
#include "server/base/buf.h"

#define DAY_MS 86400000ull

/* bifrost's names where it has them; what is not told of a request is missing, which has() sees. */
static const struct expr_variable variables[] = {
    {"model", EXPR_STRING},
    {"provider", EXPR_STRING},
    {"request.type", EXPR_STRING},
    {"request.dialect", EXPR_STRING},
    {"request.stream", EXPR_BOOL},
    {"request.tokens", EXPR_INT},
    {"request.max_tokens", EXPR_INT},
    {"request.bytes", EXPR_INT},
    {"request.has_tools", EXPR_BOOL},
    {"request.has_images", EXPR_BOOL},
    {"request.address", EXPR_STRING},
    {"key.name", EXPR_STRING},
    {"key.id", EXPR_STRING},
    {"key.team", EXPR_STRING},
    {"key.customer", EXPR_STRING},
    {"key.tags", EXPR_LIST},
    {"budget.used", EXPR_DOUBLE},
    {"time.hour", EXPR_INT},
    {"time.minute", EXPR_INT},
    {"time.weekday", EXPR_INT},
    {"headers", EXPR_MAP},
    {"params", EXPR_MAP},
    {"request.tags", EXPR_LIST},
};
const struct expr_variables conf_rule_variables = {variables, ARRAY_LEN(variables), true};

/* --- models.<name> --- */

static_assert(offsetof(struct conf_model, n_fallbacks) ==
                  offsetof(struct conf_model, fallbacks) + sizeof(char **),
              "load_set_texts");

#define MODEL(member) offsetof(struct conf_model, member)
static const struct load_key model_timeout_keys[] = {
    {"first_byte", "duration", load_set_duration, MODEL(first_byte_ms), 1, DAY_MS, false},
    {"between_bytes", "duration", load_set_duration, MODEL(between_bytes_ms), 1, DAY_MS, false},
};
const struct load_table table_model_timeout = {"models.<name>.timeout", model_timeout_keys,
                                               ARRAY_LEN(model_timeout_keys)};

void load_set_model_timeout(struct load *l, const struct load_at *at, const struct load_key *key,
                            void *object)
{
    (void)key;
    load_object(l, at, &table_model_timeout, object);
}

void load_set_fallbacks(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    const struct conf_model *m = object;

    load_set_texts(l, at, key, object);
    if (m->n_fallbacks > CONF_FALLBACKS_MAX)
        load_fail(l, at, "must have at most %d items, has %zu", CONF_FALLBACKS_MAX, m->n_fallbacks);
}

/* --- rules[] --- */

static void set_when(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_rule *r = object;
    struct buf program = BUF_INIT;
    struct error err = ERROR_INIT;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (expr_compile(text, &conf_rule_variables, &program, &err) != 0) {
        load_fail(l, at, "cannot be read: %s", err.text);
    } else if (expr_result((const void *)program.data) != EXPR_BOOL) {
        load_fail(l, at, "must be true or false, and is neither: %s",
                  findings_quote(l->findings, text));
    } else {
        r->when = text.p;
        r->program = arena_str(l->arena, buf_view(&program));
    }
    buf_fini(&program);
}

static void set_whose(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct conf_rule *r = object;
    struct str text;

    if (!load_text(l, at, &text, NULL))
        return;
    if (r->whose != NULL) {
        load_fail(l, at, "stands beside another one: a rule is for a key, a team or a customer");
        return;
    }
    r->whose = text.p;
    r->scope = (uint32_t)key->min;
}

#define RULE(member) offsetof(struct conf_rule, member)
static const struct load_key rule_keys[] = {
    {"name", "text", load_set_text, RULE(name), 0, 0, false},
    {"when", "expression", set_when, 0, 0, 0, false},
    {"use", "name of a model", load_set_text, RULE(use), 0, 0, true},
    {"key", "name of a key", set_whose, 0, CONF_RULE_KEY, 0, false},
    {"team", "name of a team", set_whose, 0, CONF_RULE_TEAM, 0, false},
    {"customer", "name of a customer", set_whose, 0, CONF_RULE_CUSTOMER, 0, false},
    {"priority", "whole number", load_set_u32, RULE(priority), 0, CONF_PRIORITY_MAX, false},
};
const struct load_table table_rule = {"rules[]", rule_keys, ARRAY_LEN(rule_keys)};

void load_set_routing_rules(struct load *l, const struct load_at *at, const struct load_key *key,
                            void *object)
{
    struct config *c = object;
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of mappings with when and use"))
        return;
    if (at->node->n > CONF_RULES_MAX) {
        load_fail(l, at, "must have at most %d items, has %u", CONF_RULES_MAX, at->node->n);
        return;
    }
    c->rules = arena_zalloc(l->arena, ((size_t)at->node->n + 1) * sizeof(*c->rules));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct conf_rule *r = &c->rules[c->n_rules];

        *r = (struct conf_rule){
            .scope = CONF_RULE_GLOBAL, .priority = 100, .origin = load_origin(l, item)};
        load_object(l, &down, &table_rule, r);
        if (r->use != NULL)
            c->n_rules++;
    }
}

int conf_rule_load(struct conf_rule *out, const struct json *body, struct arena *a,
                   struct error *err)
{
    struct findings *findings = arena_zalloc(a, sizeof(*findings));
    struct load l = {.arena = a, .findings = findings};
    struct node *root;

    *out = (struct conf_rule){.scope = CONF_RULE_GLOBAL, .priority = 100};
    findings_init(findings, NULL, a);
    if (body == NULL || body->type != JSON_OBJECT)
        return error_set(err, "body: must be an object");
    root = json_node(a, body, findings);
    if (root != NULL)
        load_object(&l, &(struct load_at){NULL, root, STR_NONE, 0}, &table_rule, out);
    return findings_report(findings, err);
}
