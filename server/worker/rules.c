#include "server/worker/rules.h"

#include <stdlib.h>
#include <time.h>

#include "providers/dialect.h"
#include "server/base/alloc.h"
#include "server/base/log.h"
#include "server/base/regex.h"
#include "server/worker/explain.h"
#include "server/worker/parse.h"
#include "server/worker/request.h"
#include "server/worker/rule_index.h"
#include "server/worker/worker.h"
#include "shm/owner_names.h"
#include "shm/scope.h"

struct rules {
    uint64_t generation;
    uint32_t n;
    struct regex *(*patterns)[EXPR_REGEX_MAX]; /* by rule; NULL where there is none */
    struct rule_index *index;
    bool ask_for_tags;
};

/* --- patterns --- */

static void clear(struct rules *rules)
{
    for (uint32_t i = 0; i < rules->n; i++) {
        for (uint32_t j = 0; j < EXPR_REGEX_MAX; j++)
            regex_free(rules->patterns[i][j]);
    }
    free(rules->patterns);
    rule_index_free(rules->index);
    *rules = (struct rules){0};
}

void rules_free(struct rules *rules)
{
    if (rules == NULL)
        return;
    clear(rules);
    free(rules);
}

static void compile(struct rules *rules, uint32_t index, const struct expr_program *p)
{
    struct error err = ERROR_INIT;

    for (uint32_t i = 0; i < expr_patterns(p); i++) {
        /* It was compiled when the rule was read: what fails here never matches. */
        if (regex_compile(expr_pattern(p, i), &rules->patterns[index][i], &err) != 0)
            log_error("rule_pattern", "rule=%u text=\"%s\"", index, err.text);
    }
}

static struct rules *current(struct worker *w)
{
    const struct pub_view *v = &w->view;
    struct rules *rules = w->rules;

    if (rules == NULL)
        rules = w->rules = xcalloc(1, sizeof(*rules));
    if (rules->generation == v->generation)
        return rules;
    clear(rules);
    rules->generation = v->generation;
    rules->n = v->image->n_rules;
    rules->index = rule_index_create(v);
    rules->patterns = xcalloc(rules->n + 1, sizeof(*rules->patterns));
    for (uint32_t i = 0; i < rules->n; i++) {
        const struct expr_program *p = pub_program(v, pub_rule(v, i));

        if (p == NULL)
            continue;
        compile(rules, i, p);
        rules->ask_for_tags = rules->ask_for_tags || expr_asks_for(p, RULE_REQUEST_TAGS);
    }
    return rules;
}

/* --- whose request it is --- */

/* The name of the team or customer above the key; texts are in the arena. */
static struct str name_above(struct request *r, uint32_t kind)
{
    const struct region *published = &r->worker->in->regions.published;
    uint32_t row = r->key.owner;
    char name[OWNER_NAME_MAX];
    size_t len;

    for (int i = 0; i < OWNER_DEPTH_MAX && row != ROW_NONE; i++) {
        struct owner o;

        if (!owner_read(published, row, &o))
            return STR_NONE;
        if (o.kind == kind)
            return owner_name_read(published, row, name, &len)
                       ? arena_str(r->arena, (struct str){name, len})
                       : STR_NONE;
        row = o.parent;
    }
    return STR_NONE;
}

static bool is_in_scope(struct request *r, const struct pub_rule *rule)
{
    struct str whose = pub_text(&r->worker->view, rule->whose);

    switch (rule->scope) {
    case RULE_OF_KEY:
        return r->key.id != 0 && str_eq(r->key.name, whose);
    case RULE_OF_TEAM:
        return r->payers.team_id != 0 && str_eq(name_above(r, OWNER_TEAM), whose);
    case RULE_OF_CUSTOMER:
        return r->payers.customer_id != 0 && str_eq(name_above(r, OWNER_CUSTOMER), whose);
    default:
        return true;
    }
}

/* --- variables --- */

static bool give_text(struct expr_value *out, struct str text)
{
    *out = (struct expr_value){.type = EXPR_STRING, .string = text};
    return text.len > 0;
}

static bool give_bool(struct expr_value *out, bool is_true)
{
    *out = (struct expr_value){.type = EXPR_BOOL, .is_true = is_true};
    return true;
}

static bool give_int(struct expr_value *out, uint64_t n)
{
    *out = (struct expr_value){.type = EXPR_INT, .integer = (int64_t)min_u64(n, INT64_MAX)};
    return true;
}

/* Of the fullest budget of key, team and customer; there may be none. */
static bool give_used(struct request *r, struct expr_value *out)
{
    const struct accounts *list = &r->payers.accounts;
    uint64_t now_ms = request_real_ms(r);
    double most = 0;
    bool found = false;

    if (r->explain != NULL && r->explain->has_used) {
        *out = (struct expr_value){.type = EXPR_DOUBLE, .number = r->explain->used};
        return true;
    }
    for (uint32_t i = 0; i < list->n; i++) {
        const struct account *a = &list->items[i];
        struct usage_now used;
        double share;

        if (a->kind != ACCOUNT_BUDGET)
            continue;
        account_usage(&r->worker->in->regions, a, now_ms, &used);
        share = a->limit > 0 ? (double)used.used / (double)a->limit : 1;
        most = share > most ? share : most;
        found = true;
    }
    *out = (struct expr_value){.type = EXPR_DOUBLE, .number = most};
    return found;
}

/* Texts with this between them; empty ones are none. */
static bool give_list(struct request *r, struct str texts, char separator, struct expr_value *out)
{
    struct str rest = texts;
    struct str *items;
    struct str item;
    size_t n = 0;

    while (str_next(&rest, separator, &item))
        n++;
    items = arena_alloc(r->arena, (n + 1) * sizeof(*items));
    n = 0;
    while (str_next(&texts, separator, &item)) {
        items[n] = str_trim(item);
        n += items[n].len > 0;
    }
    *out = (struct expr_value){.type = EXPR_LIST, .list = {items, n}};
    return n > 0;
}

static bool give_tags(struct request *r, struct expr_value *out)
{
    struct scope *scope = arena_alloc(r->arena, sizeof(*scope));

    if (r->key.scope.len == 0 || scope_decode(r->key.scope, scope) != 0 || scope->tags.len == 0)
        return false;
    return give_list(r, scope->tags, '\0', out);
}

static bool give_time(const struct request *r, enum rule_variable which, struct expr_value *out)
{
    bool is_told = r->explain != NULL && r->explain->at_ms != 0;
    time_t now = (time_t)((is_told ? r->explain->at_ms : r->begun_ms) / 1000);
    struct tm utc;

    if (gmtime_r(&now, &utc) == NULL)
        return false;
    return give_int(out, (uint64_t)(which == RULE_TIME_HOUR     ? utc.tm_hour
                                    : which == RULE_TIME_MINUTE ? utc.tm_min
                                                                : utc.tm_wday));
}

static bool give_provider(const struct request *r, struct expr_value *out)
{
    ptrdiff_t slash = str_index(r->asked, '/');

    return give_text(out, (struct str){r->asked.p, slash > 0 ? (size_t)slash : 0});
}

static const struct estimate_ask *ask_of(struct request *r, struct estimate *estimate)
{
    money_estimate(r, estimate);
    return &r->money.ask;
}

static bool give_request(struct request *r, enum rule_variable which, struct expr_value *out)
{
    struct estimate estimate;
    const struct estimate_ask *ask = ask_of(r, &estimate);

    switch (which) {
    case RULE_REQUEST_TOKENS:
        return give_int(out, estimate.input);
    case RULE_REQUEST_MAX_TOKENS:
        (void)give_int(out, ask->max_tokens);
        return ask->max_tokens > 0;
    case RULE_REQUEST_HAS_TOOLS:
        return give_bool(out, ask->has_tools);
    default:
        return give_bool(out, ask->body.n_media > 0);
    }
}

static bool give_id(struct request *r, struct expr_value *out)
{
    if (r->key.id == 0)
        return false;
    return give_text(out, arena_printf(r->arena, "%016llx", (unsigned long long)r->key.id));
}

static bool get(void *ctx, uint32_t variable, struct str key, struct expr_value *out)
{
    struct request *r = ctx;

    switch ((enum rule_variable)variable) {
    case RULE_MODEL:
        return give_text(out, r->asked);
    case RULE_PROVIDER:
        return give_provider(r, out);
    case RULE_REQUEST_TYPE:
        return give_text(out, str_of(r->path.endpoint));
    case RULE_REQUEST_DIALECT:
        return give_text(out, str_of(dialect_names[r->path.dialect]));
    case RULE_REQUEST_STREAM:
        return give_bool(out, r->openai.stream || r->path.stream);
    case RULE_REQUEST_TOKENS:
    case RULE_REQUEST_MAX_TOKENS:
    case RULE_REQUEST_HAS_TOOLS:
    case RULE_REQUEST_HAS_IMAGES:
        return give_request(r, (enum rule_variable)variable, out);
    case RULE_REQUEST_BYTES:
        return give_int(out, r->body_bytes);
    case RULE_REQUEST_ADDRESS:
        return give_text(out, r->ex->peer);
    case RULE_KEY_NAME:
        return give_text(out, r->key.name);
    case RULE_KEY_ID:
        return give_id(r, out);
    case RULE_KEY_TEAM:
        return give_text(out, name_above(r, OWNER_TEAM));
    case RULE_KEY_CUSTOMER:
        return give_text(out, name_above(r, OWNER_CUSTOMER));
    case RULE_KEY_TAGS:
        return give_tags(r, out);
    case RULE_BUDGET_USED:
        return give_used(r, out);
    case RULE_TIME_HOUR:
    case RULE_TIME_MINUTE:
    case RULE_TIME_WEEKDAY:
        return give_time(r, (enum rule_variable)variable, out);
    case RULE_HEADERS:
        return give_text(out, http_find(r->ex, key));
    case RULE_PARAMS:
        return give_text(out, query_find(r->ex->query, key));
    case RULE_REQUEST_TAGS:
        return give_list(r, r->wishes.tags, ',', out);
    case RULE_VARIABLES:
        break;
    }
    return false;
}

struct matching {
    struct request *request; /* first: what `get` is given */
    struct regex **patterns;
};

static bool get_for(void *ctx, uint32_t variable, struct str key, struct expr_value *out)
{
    struct request *r = ((struct matching *)ctx)->request;
    bool is_there = get(r, variable, key, out);

    if (r->explain != NULL)
        explain_rule_asks(r, variable, key, out, is_there);
    return is_there;
}

static bool matches(void *ctx, uint32_t number, struct str text)
{
    const struct matching *m = ctx;

    return number < EXPR_REGEX_MAX && m->patterns[number] != NULL &&
           regex_match(m->patterns[number], text);
}

bool rules_hold(struct request *r, uint32_t index)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_rule *rule = pub_rule(v, index);
    const struct expr_program *p = pub_program(v, rule);
    struct matching m = {.request = r};

    if (r->explain != NULL)
        explain_rule_begins(r, index);
    if (!is_in_scope(r, rule)) {
        if (r->explain != NULL)
            explain_rule_ends(r, EXPLAIN_RULE_NOT_ITS);
        return false;
    }
    if (p == NULL)
        return true;
    m.patterns = current(r->worker)->patterns[index];
    return expr_is_true(p, &(struct expr_world){get_for, matches, &m});
}

void rules_begin(struct request *r, struct rule_walk *walk)
{
    const struct rules *rules = current(r->worker);

    *walk = (struct rule_walk){.n_words = (rules->n + 63) / 64};
    rule_index_ask(rules->index, get, r, walk->bits);
    for (uint32_t i = 0; i < rules->n && r->explain != NULL; i++) /* which tells of all */
        walk->bits[i / 64] |= 1ull << i % 64;
}

bool rules_next(struct rule_walk *walk, uint32_t *index)
{
    for (; walk->word < walk->n_words; walk->word++) {
        uint64_t *bits = &walk->bits[walk->word];

        if (*bits == 0)
            continue;
        *index = walk->word * 64 + (uint32_t)__builtin_ctzll(*bits);
        *bits &= *bits - 1;
        return true;
    }
    return false;
}

bool rules_ask_for_tags(struct worker *w)
{
    return w->view.image->n_rules > 0 && current(w)->ask_for_tags;
}
