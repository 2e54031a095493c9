/* What literals alone decide: an error that is certain needs no request to be found. */
#include "server/base/expr_parse.h"

static bool is_literal(enum expr_op op)
{
    return op == OP_TRUE || op == OP_FALSE || op == OP_INTEGER || op == OP_NUMBER || op == OP_TEXT;
}

bool expr_has_only_literals(const struct expr_builder *b, const struct expr_node *n)
{
    enum expr_op op = (enum expr_op)n->op;

    if (is_literal(op))
        return true;
    switch (op) {
    case OP_VARIABLE:
    case OP_MEMBER:
    case OP_HAS:
    case OP_MATCHES: /* its pattern is not at hand */
        return false;
    case OP_ITEMS:
        for (uint32_t i = 0; i < n->b; i++) {
            if (!b->is_constant[b->kids[n->a + i]])
                return false;
        }
        return true;
    case OP_CHOOSE:
        return b->is_constant[n->a] && b->is_constant[n->b] && b->is_constant[n->c];
    case OP_NOT:
    case OP_NEGATE:
    case OP_SIZE:
    case OP_TO_INT:
    case OP_TO_DOUBLE:
        return b->is_constant[n->a];
    default:
        return b->is_constant[n->a] && b->is_constant[n->b];
    }
}

static bool no_variable(void *ctx, uint32_t variable, struct str key, struct expr_value *out)
{
    (void)ctx;
    (void)variable;
    (void)key;
    (void)out;
    return false;
}

static bool no_pattern(void *ctx, uint32_t number, struct str text)
{
    (void)ctx;
    (void)number;
    (void)text;
    return false;
}

/* A list comes back as one, whatever is in it: nobody asks here for its items. */
static struct expr_value value_of(const struct expr_builder *b, uint32_t node)
{
    const struct expr_world nothing = {no_variable, no_pattern, NULL};
    struct buf program = BUF_INIT;
    struct expr_value value;

    expr_pack(b, node, &program);
    value = expr_eval((const void *)program.data, &nothing);
    if (value.type == EXPR_STRING)
        value.string = STR_NONE; /* it lay in the program */
    buf_fini(&program);
    return value;
}

static bool is_whole(const struct expr_builder *b, uint32_t node, int64_t *out)
{
    struct expr_value v;

    if (!b->is_constant[node] || b->nodes[node].type != EXPR_INT)
        return false;
    v = value_of(b, node);
    *out = v.integer;
    return v.type == EXPR_INT;
}

int expr_refuse_certain(struct expr_builder *b, uint32_t node, size_t at)
{
    const struct expr_node *n = &b->nodes[node];
    int64_t right;

    switch (n->op) {
    case OP_DIVIDE:
    case OP_MODULO:
        if (is_whole(b, n->b, &right) && right == 0)
            return expr_fail(&b->lexer, at, "%s by zero is an error whatever is divided",
                             n->op == OP_DIVIDE ? "division" : "remainder of a division");
        break;
    case OP_ITEM:
        if (is_whole(b, n->b, &right) && right < 0)
            return expr_fail(&b->lexer, at, "a list's items are counted from 0");
        break;
    default:
        break;
    }
    if (!b->is_constant[node] || value_of(b, node).type != EXPR_ERROR)
        return 0;
    if (n->op == OP_ITEM)
        return expr_fail(&b->lexer, at, "the list has no such item");
    if (n->op == OP_TO_INT || n->op == OP_TO_DOUBLE)
        return expr_fail(&b->lexer, at, "this cannot be made a number of that kind");
    return expr_fail(&b->lexer, at, "the result does not fit 64 bits");
}
