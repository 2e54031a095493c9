/*
 * expr_guard - what must at least hold for an expression to be true.
 *
 * Runs in:  worker.   Reads, writes: nothing.
 * Found in the program itself: of `a && b` one side will do, of `a || b` it takes both. A guard asks
 * one thing of one variable, so that many expressions can be passed over by comparing numbers. It is
 * necessary, never sufficient: who passes is evaluated. Does not: evaluate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_EXPR_GUARD_H
#define BASE_EXPR_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/expr.h"

enum expr_guard_kind {
    EXPR_GUARD_EQUAL, /* the variable is there, and is `text` */
    EXPR_GUARD_STARTS,
    EXPR_GUARD_ENDS,
    EXPR_GUARD_CONTAINS,
    EXPR_GUARD_WITHIN, /* as a double (bool: 0 or 1) it is low .. high, both included */
    EXPR_GUARD_KINDS
};

struct expr_guard {
    enum expr_guard_kind kind;
    uint32_t variable;
    struct str key; /* of a map; both texts lie in the program */
    struct str text;
    double low, high;
};

/*
 * At most `max` guards of which one must hold: how many; 0: it is never true; -1: nothing can be said.
 * `costs`: by variable, what it takes to look at one; of two sides the cheaper one is taken.
 */
int expr_guards(const struct expr_program *p, const uint8_t *costs, struct expr_guard *out,
                size_t max);

#endif
