/*
 * expr_parse - text to checked nodes: expr.c's first half.
 *
 * Runs in:  master, tests.   Reads, writes: nothing.
 * Does not: evaluate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_EXPR_PARSE_H
#define BASE_EXPR_PARSE_H

#include <stdbool.h>

#include "server/base/expr_program.h"

enum expr_token {
    TOKEN_END,
    TOKEN_NAME,
    TOKEN_INTEGER,
    TOKEN_NUMBER,
    TOKEN_TEXT,
    TOKEN_SIGN /* an operator or bracket: `sign` */
};

struct expr_lexer {
    struct str text;
    size_t at; /* behind the token */
    enum expr_token token;
    size_t start; /* of the token */
    struct str name;
    char sign[3];
    uint64_t integer; /* without its minus: 2^63 is one that needs it */
    double number;
    struct buf string; /* of TOKEN_TEXT: unescaped */
    struct error *err;
};

/* The next token; -1: not one, and *err says where. */
BF_MUST_CHECK int expr_next(struct expr_lexer *l);
/* "column N: ..." for the current token's place. */
int expr_fail(const struct expr_lexer *l, size_t at, const char *fmt, ...) BF_PRINTF(3, 4);

struct expr_builder {
    struct expr_lexer lexer;
    const struct expr_variables *vars;
    struct expr_node nodes[EXPR_NODES_MAX];
    uint32_t n_nodes;
    uint32_t kids[EXPR_NODES_MAX];
    uint32_t n_kids;
    uint32_t patterns[EXPR_REGEX_MAX];
    uint32_t n_patterns;
    bool is_constant[EXPR_NODES_MAX]; /* by node: there are only literals below it */
    struct buf text;
    uint32_t nesting;
};

/* A node of an operator, type-checked: `a` and `b` are nodes (b: as the operator wants it). */
struct expr_apply {
    enum expr_op op;
    const char *name; /* as it is written, for messages */
    uint32_t a, b;
    size_t at;
};
BF_MUST_CHECK int expr_check(struct expr_builder *b, const struct expr_apply *x, uint32_t *out);
/* Add a node as it is. */
BF_MUST_CHECK int expr_add(struct expr_builder *b, const struct expr_node *n, uint32_t *out);
const char *expr_type_name(const struct expr_node *n);

/* Nodes as a program with this root, appended to `out`. */
void expr_pack(const struct expr_builder *b, uint32_t root, struct buf *out);

/* --- expr_constant.c --- */

/* Are there only literals below it? Of a node whose children are told. */
bool expr_has_only_literals(const struct expr_builder *b, const struct expr_node *n);
/* For the strict: -1, and *err says why, when this operator's node can be nothing but an error. */
BF_MUST_CHECK int expr_refuse_certain(struct expr_builder *b, uint32_t node, size_t at);

/* --- between expr_parse.c and expr_names.c --- */

bool expr_is_sign(const struct expr_builder *b, const char *sign);
bool expr_is_word(const struct expr_builder *b, const char *word);
BF_MUST_CHECK int expr_expect(struct expr_builder *b, const char *sign);
BF_MUST_CHECK int expr_add_text(struct expr_builder *b, struct str text, uint32_t *out);
BF_MUST_CHECK int expr_add_member(struct expr_builder *b, uint32_t map, uint32_t key,
                                  uint32_t *out);
BF_MUST_CHECK int expr_parse_name(struct expr_builder *b, uint32_t *out);
BF_MUST_CHECK int expr_parse_method(struct expr_builder *b, uint32_t *value);
BF_MUST_CHECK int expr_parse_any(struct expr_builder *b, uint32_t *out);

/* The whole text as one expression. */
BF_MUST_CHECK int expr_parse(struct expr_builder *b, uint32_t *out_root);

#endif
