#include "server/base/alloc.h"
#include "shm/calendar.h"
#include "shm/live.h"
#include "shm/owner_names.h"
#include "shm/owners.h"
#include "shm/scope.h"
#include "tests/replay/fake.h"

#include "conf/money.h"
#include "server/worker/worker.h"

/* The owners of the configuration at hand: each scenario begins with new rows, so that nothing is used. */
static struct owner_table *table;
static uint64_t next_id;

void owners_open(void)
{
    struct regions *r = (struct regions *)(uintptr_t)&world_worker()->in->regions;

    table = owner_table_open(&r->published, &r->counters, &r->live);
}

void owners_close(void)
{
    owner_table_close(table);
}

static void add(struct owner *o, struct account *a, struct error *err)
{
    a->id = ++next_id;
    a->owner = o->index;
    a->owner_kind = o->kind;
    must(o->n_accounts < OWNER_ACCOUNTS_MAX && account_table_add(table, a, err) == 0);
    o->accounts[o->n_accounts++] = a->index;
}

static void add_rules(struct owner *o, const struct conf_rules *rules, struct error *err)
{
    static const uint32_t kinds[] = {[CONF_REQUESTS] = ACCOUNT_REQUESTS,
                                     [CONF_TOKENS] = ACCOUNT_TOKENS,
                                     [CONF_TOKENS_IN] = ACCOUNT_TOKENS_IN,
                                     [CONF_TOKENS_OUT] = ACCOUNT_TOKENS_OUT};

    for (size_t i = 0; i < rules->n_budgets; i++) {
        const struct conf_budget *b = &rules->budgets[i];
        struct account a = {.kind = ACCOUNT_BUDGET,
                            .limit = b->limit_nanousd,
                            .overshoot = b->overshoot_nanousd,
                            .window = {.period = b->window,
                                       .anchor_ms = CALENDAR_EPOCH_MS,
                                       .length_ms = b->window == CONF_CUSTOM
                                                        ? b->length_ms
                                                        : window_period_ms(b->window)}};

        add(o, &a, err);
    }
    for (size_t i = 0; i < rules->n_limits; i++) {
        const struct conf_limit *l = &rules->limits[i];
        struct account a = {.kind = kinds[l->kind],
                            .limit = l->amount,
                            .window = {.period = PERIOD_CUSTOM, .length_ms = l->length_ms}};

        add(o, &a, err);
    }
    if (rules->concurrency > 0) {
        struct account a = {.kind = ACCOUNT_CONCURRENCY, .limit = rules->concurrency};

        add(o, &a, err);
    }
}

static uint32_t put(struct owner *o, const struct conf_rules *rules, struct error *err)
{
    o->id = ++next_id;
    must(owner_table_add(table, o, err) == 0);
    add_rules(o, rules, err);
    owner_table_put(table, o);
    return o->index;
}

static uint32_t put_named(enum owner_kind kind, const struct conf_rules *rules, bool is_blocked,
                          uint32_t parent, const char *name)
{
    struct region *published = (struct region *)(uintptr_t)&world_worker()->in->regions.published;
    struct owner o = {.kind = kind, .flags = is_blocked ? OWNER_BLOCKED : 0, .parent = parent};
    struct error err = ERROR_INIT;
    uint32_t row = put(&o, rules, &err);

    owner_name_put(published, row, str_of(name));
    return row;
}

static uint32_t put_customer(const struct config *conf, const char *name)
{
    for (size_t i = 0; name != NULL && i < conf->n_customers; i++) {
        const struct conf_customer *c = &conf->customers[i];

        if (strcmp(c->name, name) == 0)
            return put_named(OWNER_CUSTOMER, &c->rules, c->blocked, ROW_NONE, name);
    }
    return ROW_NONE;
}

static uint32_t put_team(const struct config *conf, const char *name)
{
    for (size_t i = 0; name != NULL && i < conf->n_teams; i++) {
        const struct conf_team *t = &conf->teams[i];

        if (strcmp(t->name, name) == 0)
            return put_named(OWNER_TEAM, &t->rules, t->blocked, put_customer(conf, t->customer),
                             name);
    }
    return ROW_NONE;
}

static struct str join(struct arena *a, const char *const *items, size_t n)
{
    struct buf out = BUF_IN(a);

    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(&out, '\0');
        buf_cstr(&out, items[i]);
    }
    return n > 0 ? buf_view(&out) : STR_NONE;
}

/* Each key has a team and a customer of its own, which is enough to be refused by them. */
uint32_t owners_put_key(const struct config *conf, const struct conf_key_scope *s, struct arena *a,
                        struct str *out_scope)
{
    static struct scope scope;
    struct error err = ERROR_INIT;
    struct owner key = {.kind = OWNER_KEY};
    struct buf out = BUF_IN(a);

    scope = (struct scope){.routes = s->routes, .n_networks = (uint32_t)s->n_networks};
    key.parent = s->team != NULL ? put_team(conf, s->team) : put_customer(conf, s->customer);
    scope.denied_models = join(a, s->denied_models, s->n_denied);
    scope.aliases = join(a, s->aliases, s->n_aliases);
    for (size_t i = 0; i < s->n_networks; i++) {
        memcpy(scope.networks[i].address, s->networks[i].address, sizeof(s->networks[i].address));
        scope.networks[i].bits = s->networks[i].bits;
    }
    scope.n_providers = (uint32_t)s->n_providers;
    for (size_t i = 0; i < s->n_providers; i++) {
        const struct conf_key_provider *p = &s->providers[i];
        struct owner own = {.kind = OWNER_KEY_PROVIDER};

        scope.providers[i] = (struct scope_provider){.name = str_of(p->provider),
                                                     .models = join(a, p->models, p->n_models),
                                                     .denied = join(a, p->denied, p->n_denied),
                                                     .weight = p->weight,
                                                     .owner = put(&own, &p->rules, &err)};
    }
    scope_encode(&scope, &out);
    *out_scope = buf_view(&out);
    return put(&key, &s->rules, &err);
}
