#include "server/base/expr.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/expr_parse.h"

void expr_pack(const struct expr_builder *b, uint32_t root, struct buf *out)
{
    struct expr_program head = {.n_nodes = b->n_nodes,
                                .n_kids = b->n_kids,
                                .n_patterns = b->n_patterns,
                                .text_bytes = (uint32_t)b->text.len,
                                .root = root};
    size_t bytes = sizeof(head) + b->n_nodes * sizeof(b->nodes[0]) +
                   b->n_kids * sizeof(b->kids[0]) + b->text.len;
    size_t padding = (8 - bytes % 8) % 8;

    head.bytes = (uint32_t)(bytes + padding);
    memcpy(head.patterns, b->patterns, sizeof(head.patterns));
    buf_add(out, &head, sizeof(head));
    buf_add(out, b->nodes, b->n_nodes * sizeof(b->nodes[0]));
    buf_add(out, b->kids, b->n_kids * sizeof(b->kids[0]));
    buf_str(out, buf_view(&b->text));
    buf_add(out, "\0\0\0\0\0\0\0", padding);
}

int expr_compile(struct str text, const struct expr_variables *vars, struct buf *out,
                 struct error *err)
{
    struct expr_builder *b;
    uint32_t root = 0;
    int rc = -1;

    must(out->len % 8 == 0);
    if (text.len > EXPR_TEXT_MAX)
        return error_set(err, "column %d: an expression has at most %d bytes", EXPR_TEXT_MAX + 1,
                         EXPR_TEXT_MAX);
    b = xcalloc(1, sizeof(*b));
    b->lexer = (struct expr_lexer){.text = text, .err = err};
    b->vars = vars;
    if (expr_parse(b, &root) == 0) {
        expr_pack(b, root, out);
        rc = 0;
    }
    buf_fini(&b->lexer.string);
    buf_fini(&b->text);
    free(b);
    return rc;
}

enum expr_type expr_result(const struct expr_program *p)
{
    return (enum expr_type)p->nodes[p->root].type;
}

size_t expr_bytes(const struct expr_program *p)
{
    return p->bytes;
}

uint32_t expr_patterns(const struct expr_program *p)
{
    return p->n_patterns;
}

struct str expr_pattern(const struct expr_program *p, uint32_t number)
{
    return expr_text(p, &p->nodes[p->patterns[number]]);
}

bool expr_asks_for(const struct expr_program *p, uint32_t variable)
{
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        if ((p->nodes[i].op == OP_VARIABLE || p->nodes[i].op == OP_MEMBER) &&
            p->nodes[i].a == variable)
            return true;
    }
    return false;
}

/* --- is it sound? --- */

static bool is_child(const struct expr_program *p, uint32_t child, uint32_t parent)
{
    return child < parent && p->nodes[child].depth < p->nodes[parent].depth;
}

static bool kids_are_sound(const struct expr_program *p, uint32_t at)
{
    const struct expr_node *n = &p->nodes[at];

    if (n->a > p->n_kids || n->b > p->n_kids - n->a)
        return false;
    for (uint32_t i = 0; i < n->b; i++) {
        if (!is_child(p, expr_kids(p)[n->a + i], at))
            return false;
    }
    return true;
}

static bool node_is_sound(const struct expr_program *p, uint32_t at)
{
    const struct expr_node *n = &p->nodes[at];

    if (n->op >= EXPR_OPS || n->type > EXPR_MAP || n->depth == 0 || n->depth > EXPR_DEPTH_MAX)
        return false;
    switch (n->op) {
    case OP_TRUE:
    case OP_FALSE:
    case OP_INTEGER:
    case OP_NUMBER:
    case OP_VARIABLE:
        return true;
    case OP_TEXT:
        return n->text.offset <= p->text_bytes && n->text.len <= p->text_bytes - n->text.offset;
    case OP_ITEMS:
        return kids_are_sound(p, at);
    case OP_MEMBER:
        return is_child(p, n->b, at);
    case OP_CHOOSE:
        return is_child(p, n->a, at) && is_child(p, n->b, at) && is_child(p, n->c, at);
    case OP_MATCHES:
        return is_child(p, n->a, at) && n->b < p->n_patterns;
    case OP_HAS:
        return is_child(p, n->a, at) &&
               (p->nodes[n->a].op == OP_VARIABLE || p->nodes[n->a].op == OP_MEMBER);
    case OP_NOT:
    case OP_NEGATE:
    case OP_SIZE:
    case OP_TO_INT:
    case OP_TO_DOUBLE:
        return is_child(p, n->a, at);
    default:
        return is_child(p, n->a, at) && is_child(p, n->b, at);
    }
}

bool expr_is_sound(const struct expr_program *p, size_t room)
{
    size_t bytes;

    if (room < sizeof(*p) || p->bytes > room || p->bytes % 8 != 0 || p->n_nodes == 0 ||
        p->n_nodes > EXPR_NODES_MAX || p->n_kids > EXPR_NODES_MAX ||
        p->n_patterns > EXPR_REGEX_MAX || p->text_bytes > 4 * EXPR_TEXT_MAX ||
        p->root >= p->n_nodes)
        return false;
    bytes = sizeof(*p) + p->n_nodes * sizeof(p->nodes[0]) + p->n_kids * sizeof(uint32_t) +
            p->text_bytes;
    if (bytes > p->bytes)
        return false;
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        if (!node_is_sound(p, i))
            return false;
    }
    for (uint32_t i = 0; i < p->n_patterns; i++) {
        if (p->patterns[i] >= p->n_nodes || p->nodes[p->patterns[i]].op != OP_TEXT)
            return false;
    }
    return true;
}
