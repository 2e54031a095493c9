#include "server/base/expr_guard.h"

#include <math.h>
#include <string.h>

#include "server/base/expr_program.h"

#define COST_OF_BOOL 100
#define COST_OF_NUMBER 5

struct search {
    const struct expr_program *p;
    const uint8_t *costs;
    struct expr_guard *out;
    size_t max;
};

/* Of one node: its guards are `n` from the place that was given; -1: none. */
struct found {
    int n;
    uint32_t cost;
};

static const struct found NOTHING = {-1, UINT32_MAX};

static const struct expr_node *node_of(const struct search *s, uint32_t at)
{
    return &s->p->nodes[at];
}

/* A variable, or a member of a map with a key that is written out. */
static bool is_variable(const struct search *s, const struct expr_node *n, struct expr_guard *g)
{
    if (n->op == OP_VARIABLE) {
        g->variable = n->a;
        g->key = STR_NONE;
        return true;
    }
    if (n->op != OP_MEMBER || node_of(s, n->b)->op != OP_TEXT)
        return false;
    g->variable = n->a;
    g->key = expr_text(s->p, node_of(s, n->b));
    return true;
}

static struct found keep(struct search *s, size_t at, const struct expr_guard *g)
{
    if (at >= s->max)
        return NOTHING;
    s->out[at] = *g;
    return (struct found){1, s->costs[g->variable]};
}

static struct found text_guard(struct search *s, size_t at, enum expr_guard_kind kind,
                               const struct expr_node *variable, const struct expr_node *text)
{
    struct expr_guard g = {.kind = kind};

    if (text->op != OP_TEXT || variable->type != EXPR_STRING || !is_variable(s, variable, &g))
        return NOTHING;
    g.text = expr_text(s->p, text);
    return keep(s, at, &g);
}

static struct found within(struct search *s, size_t at, const struct expr_node *variable,
                           double low, double high)
{
    struct expr_guard g = {.kind = EXPR_GUARD_WITHIN, .low = low, .high = high};
    struct found found;

    if (variable->type != EXPR_BOOL && variable->type != EXPR_INT && variable->type != EXPR_DOUBLE)
        return NOTHING;
    if (!is_variable(s, variable, &g))
        return NOTHING;
    found = keep(s, at, &g);
    if (found.n > 0) /* every other request passes: rather a text, or a number */
        found.cost += variable->type == EXPR_BOOL ? COST_OF_BOOL : COST_OF_NUMBER;
    return found;
}

static bool number_of(const struct expr_node *n, double *out)
{
    switch (n->op) {
    case OP_INTEGER:
        *out = (double)n->integer; /* who is not above it stays so when both are rounded */
        return true;
    case OP_NUMBER:
        *out = n->number;
        return !isnan(n->number);
    case OP_TRUE:
    case OP_FALSE:
        *out = n->op == OP_TRUE;
        return true;
    default:
        return false;
    }
}

static struct found comparison(struct search *s, size_t at, const struct expr_node *n)
{
    const struct expr_node *a = node_of(s, n->a), *b = node_of(s, n->b);
    enum expr_op op = (enum expr_op)n->op;
    bool is_turned = false;
    double number;

    if (a->op != OP_VARIABLE && a->op != OP_MEMBER) { /* 3 < x */
        const struct expr_node *other = a;

        a = b;
        b = other;
        is_turned = true;
    }
    if (op == OP_EQUAL && b->op == OP_TEXT)
        return text_guard(s, at, EXPR_GUARD_EQUAL, a, b);
    if (!number_of(b, &number))
        return NOTHING;
    if (op == OP_EQUAL)
        return within(s, at, a, number, number);
    if ((op == OP_LESS || op == OP_LESS_EQUAL) != is_turned)
        return within(s, at, a, -INFINITY, number);
    return within(s, at, a, number, INFINITY);
}

static struct found membership(struct search *s, size_t at, const struct expr_node *n)
{
    const struct expr_node *list = node_of(s, n->b);
    struct found all = {0, 0};

    if (list->op != OP_ITEMS)
        return NOTHING;
    for (uint32_t i = 0; i < list->b; i++) {
        const struct expr_node *item = node_of(s, expr_kids(s->p)[list->a + i]);
        struct found one =
            text_guard(s, at + (size_t)all.n, EXPR_GUARD_EQUAL, node_of(s, n->a), item);

        if (one.n < 0)
            return NOTHING;
        all.n += one.n;
        all.cost = one.cost + (uint32_t)all.n;
    }
    return all;
}

static struct found search(struct search *s, size_t at, uint32_t node);

static struct found either(struct search *s, size_t at, const struct expr_node *n)
{
    struct found a = search(s, at, n->a);
    struct found b = a.n >= 0 ? search(s, at + (size_t)a.n, n->b) : NOTHING;

    return b.n < 0 ? NOTHING : (struct found){a.n + b.n, a.cost + b.cost};
}

static struct found both(struct search *s, size_t at, const struct expr_node *n)
{
    struct found a = search(s, at, n->a);
    size_t behind = at + (a.n > 0 ? (size_t)a.n : 0);
    struct found b = search(s, behind, n->b);

    if (b.n < 0 || (a.n >= 0 && a.cost <= b.cost))
        return a;
    memmove(&s->out[at], &s->out[behind], (size_t)b.n * sizeof(*s->out));
    return b;
}

static struct found search(struct search *s, size_t at, uint32_t node)
{
    const struct expr_node *n = node_of(s, node);

    switch (n->op) {
    case OP_FALSE:
        return (struct found){0, 0};
    case OP_VARIABLE:
    case OP_MEMBER:
        return n->type == EXPR_BOOL ? within(s, at, n, 1, 1) : NOTHING;
    case OP_NOT:
        n = node_of(s, n->a);
        return n->type == EXPR_BOOL ? within(s, at, n, 0, 0) : NOTHING;
    case OP_AND:
        return both(s, at, n);
    case OP_OR:
        return either(s, at, n);
    case OP_EQUAL:
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_MORE:
    case OP_MORE_EQUAL:
        return comparison(s, at, n);
    case OP_IN:
        return membership(s, at, n);
    case OP_STARTS:
        return text_guard(s, at, EXPR_GUARD_STARTS, node_of(s, n->a), node_of(s, n->b));
    case OP_ENDS:
        return text_guard(s, at, EXPR_GUARD_ENDS, node_of(s, n->a), node_of(s, n->b));
    case OP_CONTAINS:
        return text_guard(s, at, EXPR_GUARD_CONTAINS, node_of(s, n->a), node_of(s, n->b));
    default:
        return NOTHING;
    }
}

int expr_guards(const struct expr_program *p, const uint8_t *costs, struct expr_guard *out,
                size_t max)
{
    struct search s = {p, costs, out, max};

    return search(&s, 0, p->root).n;
}
