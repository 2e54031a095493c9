#include "conf/entity.h"

#include <string.h>

#include "conf/check_money.h"
#include "conf/export_money.h"
#include "conf/json_node.h"
#include "conf/load_money.h"

const char *const conf_kind_names[CONF_KINDS] = {"customer", "team", "key", "model_limit"};

/* Take the member "name" out of the mapping: the tables of customers and teams do not have it. */
static struct node *take_name(struct node *mapping)
{
    struct node **at = &mapping->child;
    struct node *found;

    while (*at != NULL && !str_eq((*at)->key, STR("name")))
        at = &(*at)->next;
    found = *at;
    if (found != NULL) {
        *at = found->next;
        mapping->n--;
    }
    return found;
}

static const char *load_name(struct load *l, const struct load_at *root, struct node *mapping)
{
    const struct node *node = take_name(mapping);
    struct load_at at;
    struct str text;

    if (node == NULL || node_is_null(node)) {
        load_fail(l, root, "needs name (text)");
        return NULL;
    }
    at = load_down(root, node);
    if (!load_text(l, &at, &text, NULL) || !load_entity_name_is_good(l, &at, text))
        return NULL;
    return text.p;
}

static void load_kind(struct load *l, struct conf_entity *e, struct node *root)
{
    struct load_at at = {NULL, root, STR_NONE, 0};

    switch (e->kind) {
    case CONF_CUSTOMER:
        e->name = e->customer.name = load_name(l, &at, root);
        load_object(l, &at, &table_customer, &e->customer);
        break;
    case CONF_TEAM:
        e->name = e->team.name = load_name(l, &at, root);
        load_object(l, &at, &table_team, &e->team);
        break;
    case CONF_KEY:
        e->key.active = true;
        load_object(l, &at, &table_virtual_key, &e->key);
        load_scope_check(l, &at, &e->key);
        e->name = e->key.name;
        if (e->name != NULL)
            check_key_size(&e->key, l->findings);
        if (e->key.expires_ms == 0)
            load_default(l, &at, "expires: never");
        if (e->key.n_models == 0)
            load_default(l, &at, "models: all");
        return;
    default:
        (void)take_name(root); /* it is the model, for whoever sends back what he got */
        load_object(l, &at, &table_model_limit, &e->limit);
        e->name = e->limit.model;
        break;
    }
    load_rules_check(l, &at, conf_entity_rules(e));
}

int conf_entity_load(struct conf_entity *out, enum conf_kind kind, const struct json *body,
                     struct arena *a, struct buf *defaults, struct error *err)
{
    struct findings *findings = arena_zalloc(a, sizeof(*findings));
    struct load l = {.arena = a, .findings = findings, .defaults = defaults};
    struct node *root;

    must(kind < CONF_KINDS);
    *out = (struct conf_entity){.kind = kind};
    findings_init(findings, NULL, a);
    if (body == NULL || body->type != JSON_OBJECT)
        return error_set(err, "body: must be an object");
    root = json_node(a, body, findings);
    if (root != NULL)
        load_kind(&l, out, root);
    return findings_report(findings, err);
}

void conf_entity_emit(const struct conf_entity *e, struct emitter *w, const struct export_extra *x)
{
    if (e->kind != CONF_KEY)
        emit_text(w, "name", e->name);
    switch (e->kind) {
    case CONF_CUSTOMER:
        export_customer(w, &e->customer, x);
        break;
    case CONF_TEAM:
        export_team(w, &e->team, x);
        break;
    case CONF_KEY:
        export_key(w, &e->key, x);
        break;
    default:
        export_model_limit(w, &e->limit, x);
        break;
    }
}

void conf_entity_json(const struct conf_entity *e, struct buf *out)
{
    struct emitter w = {.out = out, .format = CONFIG_JSON};

    emit_open(&w, NULL, false);
    conf_entity_emit(e, &w, NULL);
    emit_close(&w);
}

/* --- merging --- */

/* A member of `base` that what `patch` says makes pointless. */
static bool is_replaced(const struct json *patch, struct str name)
{
    static const char *const pairs[][2] = {
        {"budget", "budgets"},         {"budgets", "budget"}, {"rate_limit", "rate_limits"},
        {"rate_limits", "rate_limit"}, {"team", "customer"},  {"customer", "team"}};

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (str_eq(name, str_of(pairs[i][0])) && json_get(patch, pairs[i][1]) != NULL)
            return true;
    }
    return false;
}

static void put_member(struct buf *out, struct str name, bool *first)
{
    if (!*first)
        buf_char(out, ',');
    *first = false;
    buf_json(out, name);
    buf_char(out, ':');
}

static void merge(const struct json *base, const struct json *patch, bool is_top, struct buf *out)
{
    bool has_base = base != NULL && base->type == JSON_OBJECT;
    bool first = true;

    if (patch->type != JSON_OBJECT) {
        buf_str(out, patch->raw);
        return;
    }
    buf_char(out, '{');
    for (const struct json *j = has_base ? base->child : NULL; j != NULL; j = j->next) {
        const struct json *change = json_find(patch, j->key);

        if ((change != NULL && change->type == JSON_NULL) ||
            (change == NULL && is_top && is_replaced(patch, j->key)))
            continue;
        put_member(out, j->key, &first);
        if (change != NULL)
            merge(j, change, false, out);
        else
            buf_str(out, j->raw);
    }
    for (const struct json *j = patch->child; j != NULL; j = j->next) {
        if (j->type == JSON_NULL || (has_base && json_find(base, j->key) != NULL))
            continue;
        put_member(out, j->key, &first);
        merge(NULL, j, false, out);
    }
    buf_char(out, '}');
}

void conf_entity_merge(const struct json *base, const struct json *patch, struct buf *out)
{
    merge(base, patch, true, out);
}
