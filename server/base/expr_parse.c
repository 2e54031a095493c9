/* Tokens to nodes, by recursive descent over cel-spec's grammar. */
#include "server/base/expr_parse.h"

#include <string.h>

static int parse_unary(struct expr_builder *b, uint32_t *out);

bool expr_is_sign(const struct expr_builder *b, const char *sign)
{
    return b->lexer.token == TOKEN_SIGN && strcmp(b->lexer.sign, sign) == 0;
}

bool expr_is_word(const struct expr_builder *b, const char *word)
{
    return b->lexer.token == TOKEN_NAME && str_eq(b->lexer.name, str_of(word));
}

int expr_expect(struct expr_builder *b, const char *sign)
{
    if (!expr_is_sign(b, sign))
        return expr_fail(&b->lexer, b->lexer.start, "expected \"%s\"", sign);
    return expr_next(&b->lexer);
}

/* --- literals --- */

int expr_add_text(struct expr_builder *b, struct str text, uint32_t *out)
{
    struct expr_node n = {.op = OP_TEXT, .type = EXPR_STRING, .depth = 1};

    n.text.offset = (uint32_t)b->text.len;
    n.text.len = (uint32_t)text.len;
    buf_str(&b->text, text);
    return expr_add(b, &n, out);
}

/* `negative`: a minus stands before it, so that the smallest whole number can be written. */
static int add_integer(struct expr_builder *b, bool negative, uint32_t *out)
{
    struct expr_node n = {.op = OP_INTEGER, .type = EXPR_INT, .depth = 1};
    uint64_t most = (uint64_t)INT64_MAX + (negative ? 1 : 0);

    if (b->lexer.integer > most)
        return expr_fail(&b->lexer, b->lexer.start, "the number does not fit 64 bits");
    n.integer = (int64_t)(negative ? 0 - b->lexer.integer : b->lexer.integer);
    if (expr_add(b, &n, out) != 0)
        return -1;
    return expr_next(&b->lexer);
}

static int add_number(struct expr_builder *b, uint32_t *out)
{
    struct expr_node n = {
        .op = OP_NUMBER, .type = EXPR_DOUBLE, .depth = 1, .number = b->lexer.number};

    if (expr_add(b, &n, out) != 0)
        return -1;
    return expr_next(&b->lexer);
}

static int check_item(struct expr_builder *b, const struct expr_node *list, uint32_t item,
                      size_t at)
{
    const struct expr_node *n = &b->nodes[item];

    if (n->type == EXPR_LIST || n->type == EXPR_MAP)
        return expr_fail(&b->lexer, at, "a list cannot hold a %s", expr_type_name(n));
    if (list->item != EXPR_ERROR && list->item != n->type)
        return expr_fail(&b->lexer, at, "a list's items must be of one type");
    return 0;
}

/* At its bracket. Its children lie side by side in `kids`, those of an inner list before them. */
static int parse_list(struct expr_builder *b, uint32_t *out)
{
    struct expr_node n = {.op = OP_ITEMS, .type = EXPR_LIST, .depth = 1};
    uint32_t items[EXPR_REGEX_MAX * 4];

    if (expr_next(&b->lexer) != 0)
        return -1;
    while (!expr_is_sign(b, "]")) {
        size_t at = b->lexer.start;
        uint32_t item = 0;

        if (n.b == ARRAY_LEN(items))
            return expr_fail(&b->lexer, at, "a list has at most %zu items", ARRAY_LEN(items));
        if (expr_parse_any(b, &item) != 0 || check_item(b, &n, item, at) != 0)
            return -1;
        n.item = b->nodes[item].type;
        if (n.depth <= b->nodes[item].depth)
            n.depth = (uint8_t)(b->nodes[item].depth + 1);
        items[n.b++] = item;
        if (expr_is_sign(b, "]"))
            break;
        if (expr_expect(b, ",") != 0)
            return -1;
    }
    if (b->n_kids + n.b > EXPR_NODES_MAX)
        return expr_fail(&b->lexer, b->lexer.start, "the expression is too large");
    n.a = b->n_kids;
    memcpy(b->kids + b->n_kids, items, n.b * sizeof(items[0]));
    b->n_kids += n.b;
    if (expr_next(&b->lexer) != 0)
        return -1;
    return expr_add(b, &n, out);
}

static int parse_primary(struct expr_builder *b, uint32_t *out)
{
    switch (b->lexer.token) {
    case TOKEN_INTEGER:
        return add_integer(b, false, out);
    case TOKEN_NUMBER:
        return add_number(b, out);
    case TOKEN_TEXT:
        if (expr_add_text(b, buf_view(&b->lexer.string), out) != 0)
            return -1;
        return expr_next(&b->lexer);
    case TOKEN_NAME:
        return expr_parse_name(b, out);
    default:
        break;
    }
    if (expr_is_sign(b, "["))
        return parse_list(b, out);
    if (!expr_is_sign(b, "("))
        return expr_fail(&b->lexer, b->lexer.start, "expected a value");
    if (expr_next(&b->lexer) != 0 || expr_parse_any(b, out) != 0)
        return -1;
    return expr_expect(b, ")");
}

static int parse_index(struct expr_builder *b, uint32_t *value)
{
    size_t at = b->lexer.start;
    uint32_t index = 0;

    if (expr_next(&b->lexer) != 0 || expr_parse_any(b, &index) != 0 || expr_expect(b, "]") != 0)
        return -1;
    if (b->nodes[*value].type == EXPR_MAP && b->nodes[index].type == EXPR_STRING)
        return expr_add_member(b, *value, index, value);
    return expr_check(b, &(struct expr_apply){OP_ITEM, "[]", *value, index, at}, value);
}

static int parse_member(struct expr_builder *b, uint32_t *out)
{
    if (parse_primary(b, out) != 0)
        return -1;
    while (expr_is_sign(b, "[") || expr_is_sign(b, ".")) {
        if ((expr_is_sign(b, "[") ? parse_index(b, out) : expr_parse_method(b, out)) != 0)
            return -1;
    }
    return 0;
}

/* --- operators --- */

static int parse_minus(struct expr_builder *b, uint32_t *out)
{
    size_t at = b->lexer.start;

    if (expr_next(&b->lexer) != 0)
        return -1;
    if (b->lexer.token == TOKEN_INTEGER)
        return add_integer(b, true, out);
    if (parse_unary(b, out) != 0)
        return -1;
    return expr_check(b, &(struct expr_apply){OP_NEGATE, "-", *out, 0, at}, out);
}

static int parse_unary(struct expr_builder *b, uint32_t *out)
{
    size_t at = b->lexer.start;
    int rc;

    if (++b->nesting > 2 * EXPR_DEPTH_MAX) /* each level comes by here twice */
        return expr_fail(&b->lexer, at, "the expression is nested more than %d deep",
                         EXPR_DEPTH_MAX);
    if (expr_is_sign(b, "-")) {
        rc = parse_minus(b, out);
    } else if (expr_is_sign(b, "!")) {
        rc = expr_next(&b->lexer) != 0 || parse_unary(b, out) != 0
                 ? -1
                 : expr_check(b, &(struct expr_apply){OP_NOT, "!", *out, 0, at}, out);
    } else {
        rc = parse_member(b, out);
    }
    b->nesting--;
    return rc;
}

/* Binary operators, loosest first; all group to the left. */
static const struct binary {
    const char *sign;
    enum expr_op op;
    int level;
} binaries[] = {
    {"||", OP_OR, 0},    {"&&", OP_AND, 1},        {"==", OP_EQUAL, 2},   {"!=", OP_UNEQUAL, 2},
    {"<", OP_LESS, 2},   {"<=", OP_LESS_EQUAL, 2}, {">", OP_MORE, 2},     {">=", OP_MORE_EQUAL, 2},
    {"in", OP_IN, 2},    {"+", OP_ADD, 3},         {"-", OP_SUBTRACT, 3}, {"*", OP_MULTIPLY, 4},
    {"/", OP_DIVIDE, 4}, {"%", OP_MODULO, 4},
};
#define LEVELS 5

static const struct binary *binary_here(const struct expr_builder *b, int level)
{
    for (size_t i = 0; i < ARRAY_LEN(binaries); i++) {
        if (binaries[i].level == level && (expr_is_sign(b, binaries[i].sign) ||
                                           (level == 2 && expr_is_word(b, binaries[i].sign))))
            return &binaries[i];
    }
    return NULL;
}

static int parse_level(struct expr_builder *b, int level, uint32_t *out)
{
    const struct binary *op;

    if (level == LEVELS)
        return parse_unary(b, out);
    if (parse_level(b, level + 1, out) != 0)
        return -1;
    while ((op = binary_here(b, level)) != NULL) {
        struct expr_apply x = {.op = op->op, .name = op->sign, .a = *out, .at = b->lexer.start};

        if (expr_next(&b->lexer) != 0 || parse_level(b, level + 1, &x.b) != 0 ||
            expr_check(b, &x, out) != 0)
            return -1;
    }
    return 0;
}

static int parse_choice(struct expr_builder *b, uint32_t *out)
{
    struct expr_node n = {.op = OP_CHOOSE, .a = *out};
    size_t at = b->lexer.start;
    uint8_t deepest = b->nodes[*out].depth;

    if (b->nodes[*out].type != EXPR_BOOL)
        return expr_fail(&b->lexer, at, "? wants bool before it, not %s",
                         expr_type_name(&b->nodes[*out]));
    if (expr_next(&b->lexer) != 0 || parse_level(b, 0, &n.b) != 0 || expr_expect(b, ":") != 0 ||
        expr_parse_any(b, &n.c) != 0)
        return -1;
    if (b->nodes[n.b].type != b->nodes[n.c].type || b->nodes[n.b].item != b->nodes[n.c].item)
        return expr_fail(&b->lexer, at, "both sides of : must be of one type");
    deepest = deepest > b->nodes[n.b].depth ? deepest : b->nodes[n.b].depth;
    deepest = deepest > b->nodes[n.c].depth ? deepest : b->nodes[n.c].depth;
    n.type = b->nodes[n.b].type;
    n.item = b->nodes[n.b].item;
    n.depth = (uint8_t)(deepest + 1);
    return expr_add(b, &n, out);
}

int expr_parse_any(struct expr_builder *b, uint32_t *out)
{
    int rc = -1;

    if (++b->nesting > 2 * EXPR_DEPTH_MAX) /* each level comes by here twice */
        return expr_fail(&b->lexer, b->lexer.start, "the expression is nested more than %d deep",
                         EXPR_DEPTH_MAX);
    if (parse_level(b, 0, out) == 0)
        rc = expr_is_sign(b, "?") ? parse_choice(b, out) : 0;
    b->nesting--;
    return rc;
}

int expr_parse(struct expr_builder *b, uint32_t *out_root)
{
    if (expr_next(&b->lexer) != 0 || expr_parse_any(b, out_root) != 0)
        return -1;
    if (b->lexer.token != TOKEN_END)
        return expr_fail(&b->lexer, b->lexer.start, "expected an operator");
    return 0;
}
