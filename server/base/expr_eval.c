/* A value for each node, children first; bounded by the depth that the compiler allowed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/expr_program.h"

#define TEXT_NUMBER_MAX 64 /* characters of a text that int() and double() look at */

struct eval {
    const struct expr_program *p;
    const struct expr_world *world;
};

static struct expr_value eval(const struct eval *e, uint32_t at);

static struct expr_value failed(void)
{
    return (struct expr_value){.type = EXPR_ERROR};
}

static struct expr_value of_bool(bool is_true)
{
    return (struct expr_value){.type = EXPR_BOOL, .is_true = is_true};
}

static struct expr_value of_int(int64_t n)
{
    return (struct expr_value){.type = EXPR_INT, .integer = n};
}

static struct expr_value of_double(double n)
{
    return (struct expr_value){.type = EXPR_DOUBLE, .number = n};
}

/* --- lists --- */

static size_t list_size(const struct eval *e, const struct expr_value *list)
{
    return list->is_literal ? e->p->nodes[list->node].b : list->list.n;
}

static struct expr_value list_item(const struct eval *e, const struct expr_value *list, size_t i)
{
    if (list->is_literal)
        return eval(e, expr_kids(e->p)[e->p->nodes[list->node].a + i]);
    return (struct expr_value){.type = EXPR_STRING, .string = list->list.items[i]};
}

/* --- comparing: -1, 0, 1; 2: neither, for what is not a number --- */

static int order(double a, double b)
{
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

/* Exact, also where a double cannot hold the whole number. */
static int order_mixed(int64_t a, double b)
{
    int64_t whole;

    if (isnan(b))
        return 2;
    if (b >= 9223372036854775808.0)
        return -1;
    if (b < -9223372036854775808.0)
        return 1;
    whole = (int64_t)b;
    if (a != whole)
        return a < whole ? -1 : 1;
    return order(0.0, b - (double)whole);
}

static int order_scalars(const struct expr_value *a, const struct expr_value *b)
{
    if (a->type == EXPR_INT && b->type == EXPR_INT)
        return a->integer < b->integer ? -1 : a->integer > b->integer;
    if (a->type == EXPR_INT && b->type == EXPR_DOUBLE)
        return order_mixed(a->integer, b->number);
    if (a->type == EXPR_DOUBLE && b->type == EXPR_INT) {
        int mixed = order_mixed(b->integer, a->number);

        return mixed == 2 ? 2 : -mixed;
    }
    if (a->type == EXPR_DOUBLE)
        return order(a->number, b->number);
    if (a->type == EXPR_BOOL)
        return (int)a->is_true - (int)b->is_true;
    int by_bytes = str_cmp(a->string, b->string);

    return by_bytes < 0 ? -1 : by_bytes > 0;
}

/* 1 equal, 0 not, -1 an item could not be had. */
static int equal(const struct eval *e, const struct expr_value *a, const struct expr_value *b)
{
    size_t n;

    if (a->type == EXPR_ERROR || b->type == EXPR_ERROR)
        return -1;
    if (a->type != EXPR_LIST)
        return order_scalars(a, b) == 0;
    n = list_size(e, a);
    if (n != list_size(e, b))
        return 0;
    for (size_t i = 0; i < n; i++) {
        struct expr_value x = list_item(e, a, i);
        struct expr_value y = list_item(e, b, i);
        int same = equal(e, &x, &y);

        if (same != 1)
            return same;
    }
    return 1;
}

static struct expr_value compare(const struct eval *e, enum expr_op op, const struct expr_value *a,
                                 const struct expr_value *b)
{
    int found;

    if (op == OP_EQUAL || op == OP_UNEQUAL) {
        found = equal(e, a, b);
        return found < 0 ? failed() : of_bool((found == 1) == (op == OP_EQUAL));
    }
    found = order_scalars(a, b);
    if (found == 2)
        return of_bool(false);
    return of_bool(op == OP_LESS         ? found < 0
                   : op == OP_LESS_EQUAL ? found <= 0
                   : op == OP_MORE       ? found > 0
                                         : found >= 0);
}

/* --- arithmetic --- */

static struct expr_value compute_ints(enum expr_op op, int64_t a, int64_t b)
{
    int64_t out = 0;
    bool failure;

    switch (op) {
    case OP_ADD:
        failure = __builtin_add_overflow(a, b, &out);
        break;
    case OP_SUBTRACT:
        failure = __builtin_sub_overflow(a, b, &out);
        break;
    case OP_MULTIPLY:
        failure = __builtin_mul_overflow(a, b, &out);
        break;
    default:
        failure = b == 0 || (a == INT64_MIN && b == -1);
        if (!failure)
            out = op == OP_DIVIDE ? a / b : a % b;
        break;
    }
    return failure ? failed() : of_int(out);
}

static struct expr_value compute(enum expr_op op, const struct expr_value *a,
                                 const struct expr_value *b)
{
    if (a->type == EXPR_INT)
        return compute_ints(op, a->integer, b->integer);
    switch (op) {
    case OP_ADD:
        return of_double(a->number + b->number);
    case OP_SUBTRACT:
        return of_double(a->number - b->number);
    case OP_MULTIPLY:
        return of_double(a->number * b->number);
    default:
        return of_double(a->number / b->number);
    }
}

/* --- strings --- */

static int64_t characters(struct str s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool contains(struct str s, struct str part)
{
    return part.len == 0 || (s.len >= part.len && memmem(s.p, s.len, part.p, part.len) != NULL);
}

static struct expr_value parse_text(enum expr_op op, struct str s)
{
    char text[TEXT_NUMBER_MAX];
    char *end;
    bool negative = s.len > 0 && s.p[0] == '-';
    uint64_t n;

    if (op == OP_TO_INT) {
        if (!str_parse_u64(str_skip(s, negative ? 1 : 0), &n) ||
            n > (uint64_t)INT64_MAX + (negative ? 1 : 0))
            return failed();
        return of_int((int64_t)(negative ? 0 - n : n));
    }
    if (s.len == 0 || s.len >= sizeof(text) || s.p[0] == ' ')
        return failed();
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    double number = strtod(text, &end);

    return *end == '\0' ? of_double(number) : failed();
}

static struct expr_value convert(enum expr_op op, const struct expr_value *v)
{
    if (v->type == EXPR_STRING)
        return parse_text(op, v->string);
    if (op == OP_TO_DOUBLE)
        return v->type == EXPR_INT ? of_double((double)v->integer) : *v;
    if (v->type == EXPR_INT)
        return *v;
    /* (the bounds themselves are refused, as cel-spec has it) */
    if (!(v->number > -9223372036854775808.0 && v->number < 9223372036854775808.0))
        return failed();
    return of_int((int64_t)v->number);
}

/* --- names --- */

static struct expr_value get(const struct eval *e, const struct expr_node *n)
{
    struct expr_value key = {.type = EXPR_STRING, .string = STR_NONE};
    struct expr_value out;

    if (n->op == OP_MEMBER)
        key = eval(e, n->b);
    if (key.type != EXPR_STRING)
        return failed();
    if (n->type == EXPR_MAP) /* only ever looked into, by its node */
        return (struct expr_value){.type = EXPR_MAP};
    if (!e->world->get(e->world->ctx, n->a, key.string, &out) || out.type != n->type)
        return failed();
    return out;
}

static struct expr_value is_in(const struct eval *e, const struct expr_node *n)
{
    struct expr_value item = eval(e, n->a);
    const struct expr_node *where = &e->p->nodes[n->b];
    struct expr_value list;
    struct expr_value found;
    bool unsure = false;

    if (item.type == EXPR_ERROR)
        return failed();
    if (where->type == EXPR_MAP)
        return of_bool(e->world->get(e->world->ctx, where->a, item.string, &found));
    list = eval(e, n->b);
    if (list.type != EXPR_LIST)
        return failed();
    for (size_t i = 0, size = list_size(e, &list); i < size; i++) {
        struct expr_value one = list_item(e, &list, i);
        int same = equal(e, &item, &one);

        if (same == 1)
            return of_bool(true);
        unsure = unsure || same < 0;
    }
    return unsure ? failed() : of_bool(false);
}

/* --- operators --- */

/* `decides`: the value of either side that settles it, whatever the other one is. */
static struct expr_value logic(const struct eval *e, const struct expr_node *n, bool decides)
{
    struct expr_value a = eval(e, n->a);
    struct expr_value b;

    if (a.type == EXPR_BOOL && a.is_true == decides)
        return a;
    b = eval(e, n->b);
    if (b.type == EXPR_BOOL && b.is_true == decides)
        return b;
    return a.type == EXPR_ERROR || b.type == EXPR_ERROR ? failed() : of_bool(!decides);
}

static struct expr_value choose(const struct eval *e, const struct expr_node *n)
{
    struct expr_value which = eval(e, n->a);

    if (which.type != EXPR_BOOL)
        return failed();
    return eval(e, which.is_true ? n->b : n->c);
}

static struct expr_value eval_one(const struct eval *e, const struct expr_node *n)
{
    struct expr_value v = eval(e, n->a);

    if (v.type == EXPR_ERROR)
        return v;
    switch (n->op) {
    case OP_NOT:
        return of_bool(!v.is_true);
    case OP_NEGATE:
        if (v.type == EXPR_DOUBLE)
            return of_double(-v.number);
        return v.integer == INT64_MIN ? failed() : of_int(-v.integer);
    case OP_SIZE:
        return of_int(v.type == EXPR_STRING ? characters(v.string) : (int64_t)list_size(e, &v));
    case OP_MATCHES:
        return of_bool(e->world->matches(e->world->ctx, n->b, v.string));
    default:
        return convert((enum expr_op)n->op, &v);
    }
}

static struct expr_value eval_two(const struct eval *e, const struct expr_node *n)
{
    enum expr_op op = (enum expr_op)n->op;
    struct expr_value a = eval(e, n->a);
    struct expr_value b = eval(e, n->b);

    if (a.type == EXPR_ERROR || b.type == EXPR_ERROR)
        return failed();
    switch (op) {
    case OP_STARTS:
        return of_bool(str_starts(a.string, b.string));
    case OP_ENDS:
        return of_bool(str_ends(a.string, b.string));
    case OP_CONTAINS:
        return of_bool(contains(a.string, b.string));
    case OP_ITEM:
        if (b.integer < 0 || (uint64_t)b.integer >= list_size(e, &a))
            return failed();
        return list_item(e, &a, (size_t)b.integer);
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE:
    case OP_MODULO:
        return compute(op, &a, &b);
    default:
        return compare(e, op, &a, &b);
    }
}

static struct expr_value eval(const struct eval *e, uint32_t at)
{
    const struct expr_node *n = &e->p->nodes[at];

    switch (n->op) {
    case OP_TRUE:
    case OP_FALSE:
        return of_bool(n->op == OP_TRUE);
    case OP_INTEGER:
        return of_int(n->integer);
    case OP_NUMBER:
        return of_double(n->number);
    case OP_TEXT:
        return (struct expr_value){.type = EXPR_STRING, .string = expr_text(e->p, n)};
    case OP_VARIABLE:
    case OP_MEMBER:
        return get(e, n);
    case OP_ITEMS:
        return (struct expr_value){.type = EXPR_LIST, .node = at, .is_literal = true};
    case OP_HAS:
        return of_bool(get(e, &e->p->nodes[n->a]).type != EXPR_ERROR);
    case OP_AND:
        return logic(e, n, false);
    case OP_OR:
        return logic(e, n, true);
    case OP_CHOOSE:
        return choose(e, n);
    case OP_IN:
        return is_in(e, n);
    case OP_NOT:
    case OP_NEGATE:
    case OP_SIZE:
    case OP_MATCHES:
    case OP_TO_INT:
    case OP_TO_DOUBLE:
        return eval_one(e, n);
    default:
        return eval_two(e, n);
    }
}

struct expr_value expr_eval(const struct expr_program *p, const struct expr_world *world)
{
    return eval(&(struct eval){p, world}, p->root);
}

bool expr_is_true(const struct expr_program *p, const struct expr_world *world)
{
    struct expr_value v = expr_eval(p, world);

    return v.type == EXPR_BOOL && v.is_true;
}
