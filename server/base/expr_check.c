/* Which operator takes which types: what cannot work is an error where it is written. */
#include <string.h>

#include "server/base/expr_parse.h"

const char *expr_type_name(const struct expr_node *n)
{
    static const char *const names[] = {"error", "bool", "int", "double", "string", "list", "map"};

    return names[n->type];
}

static bool is_numeric(enum expr_type type)
{
    return type == EXPR_INT || type == EXPR_DOUBLE;
}

static bool is_number(const struct expr_node *n)
{
    return is_numeric((enum expr_type)n->type);
}

/* Whole and broken numbers compare with each other, as in CEL; they do not add up. */
static bool may_compare(const struct expr_node *a, const struct expr_node *b)
{
    if (is_number(a) && is_number(b))
        return true;
    if (a->type != b->type)
        return false;
    if (a->type == EXPR_LIST)
        return a->item == b->item || a->item == EXPR_ERROR || b->item == EXPR_ERROR ||
               (is_numeric(a->item) && is_numeric(b->item));
    return a->type != EXPR_MAP;
}

static bool may_order(const struct expr_node *a, const struct expr_node *b)
{
    return may_compare(a, b) && a->type != EXPR_LIST;
}

static bool may_contain(const struct expr_node *item, const struct expr_node *in)
{
    struct expr_node of = {.type = in->item};

    if (in->type == EXPR_MAP)
        return item->type == EXPR_STRING;
    return in->type == EXPR_LIST &&
           (in->item == EXPR_ERROR || (item->type != EXPR_LIST && may_compare(item, &of)));
}

/* 1: fine, with the result's type; 0: the types do not go together. */
static bool result_of_two(enum expr_op op, const struct expr_node *a, const struct expr_node *b,
                          enum expr_type *out)
{
    *out = EXPR_BOOL;
    switch (op) {
    case OP_AND:
    case OP_OR:
        return a->type == EXPR_BOOL && b->type == EXPR_BOOL;
    case OP_EQUAL:
    case OP_UNEQUAL:
        return may_compare(a, b);
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_MORE:
    case OP_MORE_EQUAL:
        return may_order(a, b);
    case OP_IN:
        return may_contain(a, b);
    case OP_STARTS:
    case OP_ENDS:
    case OP_CONTAINS:
        return a->type == EXPR_STRING && b->type == EXPR_STRING;
    case OP_MODULO:
        *out = EXPR_INT;
        return a->type == EXPR_INT && b->type == EXPR_INT;
    case OP_ITEM:
        *out = (enum expr_type)a->item;
        return a->type == EXPR_LIST && a->item != EXPR_ERROR && b->type == EXPR_INT;
    default: /* arithmetic */
        *out = (enum expr_type)a->type;
        return is_number(a) && a->type == b->type;
    }
}

static bool result_of_one(enum expr_op op, const struct expr_node *a, enum expr_type *out)
{
    switch (op) {
    case OP_NOT:
        *out = EXPR_BOOL;
        return a->type == EXPR_BOOL;
    case OP_NEGATE:
        *out = (enum expr_type)a->type;
        return is_number(a);
    case OP_SIZE:
        *out = EXPR_INT;
        return a->type == EXPR_STRING || a->type == EXPR_LIST;
    case OP_TO_INT:
        *out = EXPR_INT;
        return is_number(a) || a->type == EXPR_STRING;
    case OP_TO_DOUBLE:
        *out = EXPR_DOUBLE;
        return is_number(a) || a->type == EXPR_STRING;
    default:
        return false;
    }
}

static bool takes_two(enum expr_op op)
{
    return op == OP_ITEM || (op >= OP_AND && op != OP_SIZE && op < OP_MATCHES);
}

int expr_add(struct expr_builder *b, const struct expr_node *n, uint32_t *out)
{
    if (b->n_nodes == EXPR_NODES_MAX)
        return expr_fail(&b->lexer, b->lexer.start, "the expression has more than %d parts",
                         EXPR_NODES_MAX);
    if (n->depth > EXPR_DEPTH_MAX)
        return expr_fail(&b->lexer, b->lexer.start, "the expression is nested more than %d deep",
                         EXPR_DEPTH_MAX);
    b->nodes[b->n_nodes] = *n;
    b->is_constant[b->n_nodes] = expr_has_only_literals(b, n);
    *out = b->n_nodes++;
    return 0;
}

int expr_check(struct expr_builder *b, const struct expr_apply *x, uint32_t *out)
{
    const struct expr_node *first = &b->nodes[x->a];
    bool two = takes_two(x->op);
    const struct expr_node *second = two ? &b->nodes[x->b] : first;
    struct expr_node n = {.op = (uint8_t)x->op, .a = x->a, .b = two ? x->b : 0};
    enum expr_type type = EXPR_ERROR;

    if (two && !result_of_two(x->op, first, second, &type))
        return expr_fail(&b->lexer, x->at, "%s cannot take %s and %s%s", x->name,
                         expr_type_name(first), expr_type_name(second),
                         is_number(first) && is_number(second)
                             ? ": write both as whole numbers or both with a point, or use double()"
                             : "");
    if (!two && !result_of_one(x->op, first, &type))
        return expr_fail(&b->lexer, x->at, "%s cannot take %s", x->name, expr_type_name(first));
    n.type = (uint8_t)type;
    n.depth = (uint8_t)(1 + (first->depth > second->depth ? first->depth : second->depth));
    if (expr_add(b, &n, out) != 0)
        return -1;
    return b->vars->is_strict ? expr_refuse_certain(b, *out, x->at) : 0;
}
