/*
 * expr_program - how a compiled expression lies in memory, for expr_*.c alone.
 *
 * Runs in:  wherever expr does.   Reads, writes: nothing.
 * Does not: check anything; expr_is_sound does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_EXPR_PROGRAM_H
#define BASE_EXPR_PROGRAM_H

#include <stdint.h>

#include "server/base/expr.h"

enum expr_op {
    OP_TRUE,
    OP_FALSE,
    OP_INTEGER,
    OP_NUMBER,
    OP_TEXT,
    OP_VARIABLE, /* a: its number */
    OP_MEMBER,   /* of a map; a: the variable, b: the key's node */
    OP_ITEMS,    /* a list in the expression; a: the first of its children in `kids`, b: how many */
    OP_ITEM,     /* a: list, b: index */
    OP_HAS,      /* a: a variable's or a member's node */
    OP_NOT,
    OP_NEGATE,
    OP_AND,
    OP_OR,
    OP_CHOOSE, /* a ? b : c */
    OP_EQUAL,
    OP_UNEQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_MORE,
    OP_MORE_EQUAL,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_MODULO,
    OP_IN,
    OP_SIZE,
    OP_STARTS,
    OP_ENDS,
    OP_CONTAINS,
    OP_MATCHES, /* a: the text, b: the pattern's number */
    OP_TO_INT,
    OP_TO_DOUBLE,
    EXPR_OPS
};

struct expr_node {
    uint8_t op;    /* enum expr_op */
    uint8_t type;  /* enum expr_type */
    uint8_t item;  /* a list's: enum expr_type of what is in it; EXPR_ERROR: it is empty */
    uint8_t depth; /* 1: a leaf */
    uint32_t a, b, c;
    union {
        int64_t integer;
        double number;
        struct {
            uint32_t offset, len; /* in the text */
        } text;
    };
};

struct expr_program {
    uint32_t bytes; /* a multiple of 8 */
    uint32_t n_nodes, n_kids, n_patterns, text_bytes;
    uint32_t root;
    uint32_t patterns[EXPR_REGEX_MAX]; /* nodes of the patterns' texts */
    struct expr_node nodes[];          /* then uint32_t kids[n_kids], then the text */
};

static inline const uint32_t *expr_kids(const struct expr_program *p)
{
    return (const uint32_t *)(const void *)&p->nodes[p->n_nodes];
}

static inline struct str expr_text(const struct expr_program *p, const struct expr_node *n)
{
    return (struct str){(const char *)(expr_kids(p) + p->n_kids) + n->text.offset, n->text.len};
}

#endif
