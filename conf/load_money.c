/* `customers:`, `teams:`, `model_limits:`, and what else concerns money at the top level. */
#include "conf/load_money.h"

#include <stdio.h>
#include <string.h>

#include "conf/values.h"

#define ENTITIES_MAX 1000000 /* of a file, of one kind; what fits is checked where rows are made */
#define DURABILITY_MIN_MS 10
#define DURABILITY_MAX_MS 60000

static_assert(offsetof(struct conf_customer, n_tags) ==
                  offsetof(struct conf_customer, tags) + sizeof(char **),
              "load_set_tags");
static_assert(offsetof(struct conf_team, n_tags) ==
                  offsetof(struct conf_team, tags) + sizeof(char **),
              "load_set_tags");

static bool is_printable(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return false;
    }
    return true;
}

bool load_entity_name_is_good(struct load *l, const struct load_at *at, struct str name)
{
    if (name.len > 0 && name.len <= CONF_NAME_MAX && is_printable(name))
        return true;
    load_fail(l, at, "has a name that is not 1 to %d printable characters", CONF_NAME_MAX);
    return false;
}

/* A customer's or team's name, as another entity says it. */
static void set_parent(struct load *l, const struct load_at *at, const char **out)
{
    struct str text;

    if (!load_text(l, at, &text, NULL))
        return;
    if (text.len == 0 || text.len > CONF_NAME_MAX || !is_printable(text))
        load_fail(l, at, "must be a name of 1 to %d printable characters", CONF_NAME_MAX);
    else
        *out = text.p;
}

/* --- customers and teams --- */

#define CUSTOMER(member) offsetof(struct conf_customer, member)
static const struct load_key customer_keys[] = {
    LOAD_RULES(CUSTOMER(rules), LOAD_RULES_INSIDE),
    {"blocked", "true or false", load_set_bool, CUSTOMER(blocked), 0, 0, false},
    {"tags", "list of texts", load_set_tags, CUSTOMER(tags), 0, 0, false},
    {"metadata", "mapping", load_set_metadata, CUSTOMER(metadata), 0, 0, false},
};
const struct load_table table_customer = {"customers.<name>", customer_keys,
                                          ARRAY_LEN(customer_keys)};

static void set_team_customer(struct load *l, const struct load_at *at, const struct load_key *key,
                              void *object)
{
    (void)key;
    set_parent(l, at, &((struct conf_team *)object)->customer);
}

#define TEAM(member) offsetof(struct conf_team, member)
static const struct load_key team_keys[] = {
    {"customer", "name of a customer", set_team_customer, 0, 0, 0, false},
    LOAD_RULES(TEAM(rules), LOAD_RULES_INSIDE),
    {"blocked", "true or false", load_set_bool, TEAM(blocked), 0, 0, false},
    {"tags", "list of texts", load_set_tags, TEAM(tags), 0, 0, false},
    {"metadata", "mapping", load_set_metadata, TEAM(metadata), 0, 0, false},
};
const struct load_table table_team = {"teams.<name>", team_keys, ARRAY_LEN(team_keys)};

static bool is_mapping_of(struct load *l, const struct load_at *at, const char *what)
{
    if (!load_is_type(l, at, NODE_MAPPING, what))
        return false;
    if (at->node->n > ENTITIES_MAX)
        load_fail(l, at, "must have at most %d members, has %u", ENTITIES_MAX, at->node->n);
    return at->node->n <= ENTITIES_MAX;
}

void load_set_customers(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    struct config *c = object;

    (void)key;
    if (!is_mapping_of(l, at, "a mapping of names to customers"))
        return;
    c->customers = arena_zalloc(l->arena, ((size_t)at->node->n + 1) * sizeof(*c->customers));
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        struct load_at down = load_down(at, member);
        struct conf_customer *one = &c->customers[c->n_customers];

        if (!load_entity_name_is_good(l, &down, member->key))
            continue;
        one->name = arena_cstr(l->arena, member->key);
        one->origin = (struct conf_origin){l->findings->file, member->key_line};
        c->n_customers++;
        if (node_is_null(member))
            continue;
        load_object(l, &down, &table_customer, one);
        load_rules_check(l, &down, &one->rules);
    }
}

void load_set_teams(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    struct config *c = object;

    (void)key;
    if (!is_mapping_of(l, at, "a mapping of names to teams"))
        return;
    c->teams = arena_zalloc(l->arena, ((size_t)at->node->n + 1) * sizeof(*c->teams));
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        struct load_at down = load_down(at, member);
        struct conf_team *one = &c->teams[c->n_teams];

        if (!load_entity_name_is_good(l, &down, member->key))
            continue;
        one->name = arena_cstr(l->arena, member->key);
        one->origin = (struct conf_origin){l->findings->file, member->key_line};
        c->n_teams++;
        if (node_is_null(member))
            continue;
        load_object(l, &down, &table_team, one);
        load_rules_check(l, &down, &one->rules);
    }
}

/* --- model limits --- */

static void set_model(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (text.len == 0 || text.len > CONF_MODEL_GLOB_MAX || !is_printable(text))
        load_fail(l, at, "must be a pattern of 1 to %d printable characters such as openai/gpt-4o*",
                  CONF_MODEL_GLOB_MAX);
    else
        ((struct conf_model_limit *)object)->model = text.p;
}

static const struct load_key model_limit_keys[] = {
    {"model", "glob", set_model, 0, 0, 0, true},
    LOAD_RULES(offsetof(struct conf_model_limit, rules), LOAD_RULES_INSIDE),
};
const struct load_table table_model_limit = {"model_limits[]", model_limit_keys,
                                             ARRAY_LEN(model_limit_keys)};

void load_set_model_limits(struct load *l, const struct load_at *at, const struct load_key *key,
                           void *object)
{
    struct config *c = object;
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of mappings with model"))
        return;
    if (at->node->n > CONF_MODEL_LIMITS_MAX) {
        load_fail(l, at, "must have at most %d items, has %u", CONF_MODEL_LIMITS_MAX, at->node->n);
        return;
    }
    c->model_limits = arena_zalloc(l->arena, ((size_t)at->node->n + 1) * sizeof(*c->model_limits));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct conf_model_limit one = {.origin = load_origin(l, item)};

        load_object(l, &down, &table_model_limit, &one);
        load_rules_check(l, &down, &one.rules);
        if (one.model != NULL)
            c->model_limits[c->n_model_limits++] = one;
    }
}

/* --- durability, on_disconnect --- */

void load_set_durability(struct load *l, const struct load_at *at, const struct load_key *key,
                         void *object)
{
    const struct load_key bounds = {.name = key->name,
                                    .offset = offsetof(struct config, durability_ms),
                                    .min = DURABILITY_MIN_MS,
                                    .max = DURABILITY_MAX_MS};
    struct config *c = object;
    struct str text;

    if (!load_text(l, at, &text, NULL))
        return;
    c->durability_strict = str_eq(text, STR("strict"));
    if (!c->durability_strict)
        load_set_duration(l, at, &bounds, c);
}

void load_set_on_disconnect(struct load *l, const struct load_at *at, const struct load_key *key,
                            void *object)
{
    struct config *c = object;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    c->finish_on_disconnect = str_eq(text, STR("finish"));
    if (!c->finish_on_disconnect && !str_eq(text, STR("cancel")))
        load_must_be(l, at, "cancel or finish");
}

/* --- a virtual key's parents --- */

void load_set_team(struct load *l, const struct load_at *at, const struct load_key *key,
                   void *object)
{
    (void)key;
    set_parent(l, at, &load_scope(l, object)->team);
}

void load_set_customer(struct load *l, const struct load_at *at, const struct load_key *key,
                       void *object)
{
    (void)key;
    set_parent(l, at, &load_scope(l, object)->customer);
}
