#include "server/worker/rule_index.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/expr_guard.h"
#include "server/base/mix.h"
#include "shm/published.h"

#define GUARDS_OF_ONE 16 /* a rule with more alternatives is always evaluated */

/* What it takes to look at a variable, roughly in tens of nanoseconds; the fullest budget takes most. */
static const uint8_t costs[RULE_VARIABLES] = {
    [RULE_REQUEST_TOKENS] = 5,    [RULE_REQUEST_MAX_TOKENS] = 5,
    [RULE_REQUEST_HAS_TOOLS] = 6, [RULE_REQUEST_HAS_IMAGES] = 6,
    [RULE_KEY_ID] = 10,           [RULE_KEY_TEAM] = 4,
    [RULE_KEY_CUSTOMER] = 4,      [RULE_KEY_TAGS] = 30,
    [RULE_BUDGET_USED] = 40,      [RULE_TIME_HOUR] = 10,
    [RULE_TIME_MINUTE] = 10,      [RULE_TIME_WEEKDAY] = 10,
    [RULE_HEADERS] = 2,           [RULE_PARAMS] = 2,
    [RULE_REQUEST_TAGS] = 10,
};

/* What a guard compares with: by kind numbers of a text, or the ends of a range. */
struct guard {
    union {
        uint64_t a;
        double low;
    };
    union {
        uint64_t b;
        double high;
    };
    uint32_t rule;
};

/* Guards of one kind on one variable lie in a row. */
struct group {
    uint32_t variable;
    struct str key;
    uint32_t kind; /* enum expr_guard_kind */
    uint32_t first, n;
};

struct rule_index {
    struct group *groups;
    struct guard *guards;
    uint32_t n_groups;
    uint32_t n_words;
    uint64_t always[RULE_WORDS];
};

/* --- numbers of a text --- */

/* Its first (or last) eight bytes, and which of them count. */
static uint64_t ends_of(struct str s, bool is_tail, uint64_t *mask)
{
    size_t n = min_u64(s.len, sizeof(uint64_t));
    uint64_t bytes = 0;

    *mask = 0;
    if (n == 0)
        return 0;
    memcpy(&bytes, is_tail ? s.p + s.len - n : s.p, n);
    if (is_tail && n < sizeof(bytes)) /* the last byte is always the same place */
        bytes <<= 8 * (sizeof(bytes) - n);
    *mask = n == sizeof(bytes) ? UINT64_MAX
            : is_tail          ? ~(UINT64_MAX >> 8 * n)
                               : (1ull << 8 * n) - 1;
    return bytes;
}

/* A bit for each pair of neighbours: a text that contains another one has all of its bits. */
static uint64_t pairs_of(struct str s)
{
    uint64_t bits = 0;

    for (size_t i = 1; i < s.len; i++) {
        uint32_t pair = (uint32_t)(unsigned char)s.p[i - 1] << 8 | (unsigned char)s.p[i];

        bits |= 1ull << (pair * 0x9e3779b1u >> 26);
    }
    return bits;
}

static struct guard guard_of(const struct expr_guard *g, uint32_t rule)
{
    struct guard out = {.rule = rule};

    switch (g->kind) {
    case EXPR_GUARD_EQUAL:
        out.a = mix_text(g->text);
        break;
    case EXPR_GUARD_STARTS:
    case EXPR_GUARD_ENDS:
        out.a = ends_of(g->text, g->kind == EXPR_GUARD_ENDS, &out.b);
        break;
    case EXPR_GUARD_CONTAINS:
        out.a = pairs_of(g->text);
        break;
    default:
        out.low = g->low;
        out.high = g->high;
        break;
    }
    return out;
}

/* --- making --- */

struct raw {
    struct expr_guard guard;
    uint32_t rule;
};

static int compare(const void *left, const void *right)
{
    const struct raw *a = left, *b = right;
    int order;

    if (a->guard.variable != b->guard.variable)
        return a->guard.variable < b->guard.variable ? -1 : 1;
    order = str_cmp(a->guard.key, b->guard.key);
    if (order != 0)
        return order;
    return (int)a->guard.kind - (int)b->guard.kind;
}

static const uint32_t scope_variables[RULE_SCOPES] = {
    [RULE_OF_KEY] = RULE_KEY_NAME,
    [RULE_OF_TEAM] = RULE_KEY_TEAM,
    [RULE_OF_CUSTOMER] = RULE_KEY_CUSTOMER,
};

/* Of one rule: how many; -1: it has to be looked at for every request. */
static int guards_of(const struct pub_view *v, const struct pub_rule *rule,
                     struct expr_guard out[GUARDS_OF_ONE])
{
    const struct expr_program *p = pub_program(v, rule);
    int n = p != NULL ? expr_guards(p, costs, out, GUARDS_OF_ONE) : -1;

    if (rule->scope == RULE_OF_ALL || n == 0)
        return n;
    out[0] = (struct expr_guard){.kind = EXPR_GUARD_EQUAL,
                                 .variable = scope_variables[rule->scope],
                                 .text = pub_text(v, rule->whose)};
    return 1;
}

static bool is_of(const struct group *g, const struct expr_guard *guard)
{
    return g->variable == guard->variable && g->kind == (uint32_t)guard->kind &&
           str_eq(g->key, guard->key);
}

struct rule_index *rule_index_create(const struct pub_view *v)
{
    struct rule_index *x = xcalloc(1, sizeof(*x));
    uint32_t n_rules = v->image->n_rules;
    struct raw *raw = xcalloc((size_t)n_rules * GUARDS_OF_ONE + 1, sizeof(*raw));
    uint32_t n = 0;

    for (uint32_t i = 0; i < n_rules; i++) {
        struct expr_guard found[GUARDS_OF_ONE];
        int some = guards_of(v, pub_rule(v, i), found);

        if (some < 0)
            x->always[i / 64] |= 1ull << i % 64;
        for (int j = 0; j < some; j++)
            raw[n++] = (struct raw){found[j], i};
    }
    qsort(raw, n, sizeof(*raw), compare);
    x->n_words = (n_rules + 63) / 64;
    x->guards = xcalloc((size_t)n + 1, sizeof(*x->guards));
    x->groups = xcalloc((size_t)n + 1, sizeof(*x->groups));
    for (uint32_t i = 0; i < n; i++) {
        const struct expr_guard *g = &raw[i].guard;

        if (x->n_groups == 0 || !is_of(&x->groups[x->n_groups - 1], g))
            x->groups[x->n_groups++] = (struct group){g->variable, g->key, (uint32_t)g->kind, i, 0};
        x->groups[x->n_groups - 1].n++;
        x->guards[i] = guard_of(g, raw[i].rule);
    }
    free(raw);
    return x;
}

void rule_index_free(struct rule_index *x)
{
    if (x == NULL)
        return;
    free(x->groups);
    free(x->guards);
    free(x);
}

/* --- asking --- */

/* (A branch: nearly all do not pass, and stores to one word would wait for one another.) */
static inline void pass(uint64_t bits[RULE_WORDS], uint32_t rule, bool is_in)
{
    if (is_in)
        bits[rule / 64] |= 1ull << rule % 64;
}

static void ask_text(const struct rule_index *x, const struct group *g, struct str text,
                     uint64_t bits[RULE_WORDS])
{
    const struct guard *guard = &x->guards[g->first];
    const struct guard *end = guard + g->n;
    uint64_t mask;
    uint64_t own;

    switch ((enum expr_guard_kind)g->kind) {
    case EXPR_GUARD_EQUAL:
        own = mix_text(text);
        for (; guard < end; guard++)
            pass(bits, guard->rule, guard->a == own);
        break;
    case EXPR_GUARD_STARTS:
    case EXPR_GUARD_ENDS:
        own = ends_of(text, g->kind == EXPR_GUARD_ENDS, &mask);
        for (; guard < end; guard++)
            pass(bits, guard->rule, ((own ^ guard->a) & guard->b) == 0);
        break;
    default:
        own = pairs_of(text);
        for (; guard < end; guard++)
            pass(bits, guard->rule, (guard->a & ~own) == 0);
        break;
    }
}

static void ask_number(const struct rule_index *x, const struct group *g, double number,
                       uint64_t bits[RULE_WORDS])
{
    const struct guard *guard = &x->guards[g->first];
    const struct guard *end = guard + g->n;

    for (; guard < end; guard++)
        pass(bits, guard->rule, number >= guard->low && number <= guard->high);
}

static double number_of(const struct expr_value *value)
{
    return value->type == EXPR_BOOL  ? value->is_true
           : value->type == EXPR_INT ? (double)value->integer
                                     : value->number;
}

void rule_index_ask(const struct rule_index *x, rule_get_fn *get, void *ctx,
                    uint64_t bits[RULE_WORDS])
{
    struct expr_value value = {.type = EXPR_ERROR};
    bool is_there = false;

    memcpy(bits, x->always, x->n_words * sizeof(*bits));
    for (uint32_t i = 0; i < x->n_groups; i++) {
        const struct group *g = &x->groups[i];

        if (i == 0 || g->variable != g[-1].variable || !str_eq(g->key, g[-1].key))
            is_there = get(ctx, g->variable, g->key, &value);
        if (!is_there)
            continue;
        if (g->kind == EXPR_GUARD_WITHIN)
            ask_number(x, g, number_of(&value), bits);
        else if (value.type == EXPR_STRING)
            ask_text(x, g, value.string, bits);
    }
}
