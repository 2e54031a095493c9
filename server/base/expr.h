/*
 * expr - a small typed expression language: CEL's syntax and semantics for the part that it has.
 *
 * Runs in:  master (compiles), worker (evaluates), tests.   Reads, writes: nothing.
 * Comparison, boolean and integer and floating arithmetic, ?:, strings with size, startsWith, endsWith,
 * contains and matches, lists, `in`, has(). Types are checked when a text is compiled, so that a rule
 * which cannot work is an error where it is written. What is left for run time (a missing key, an
 * overflow, a division by zero) is an error value, and, as CEL wants it, `true || error` is true; unless
 * the caller is strict, and refuses what literals alone show to be one.
 * A program is a run of bytes without pointers: nodes with children before their parents. Evaluating
 * it allocates nothing and visits each node at most once.
 * Language definition: cel-spec, doc/langdef.md. Not covered: uint, bytes, null, dyn, messages,
 * macros over lists, timestamps, string concatenation. More than CEL's: has(headers["x-tier"]), because
 * a header's name seldom fits behind a dot.
 * Does not: know what a variable means (the caller's table and function do), log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_EXPR_H
#define BASE_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/error.h"
#include "server/base/str.h"

#define EXPR_TEXT_MAX 4096  /* bytes of a text */
#define EXPR_NODES_MAX 1024 /* of a program */
#define EXPR_DEPTH_MAX 48   /* of nesting */
#define EXPR_REGEX_MAX 16   /* patterns of a program */

enum expr_type { EXPR_ERROR, EXPR_BOOL, EXPR_INT, EXPR_DOUBLE, EXPR_STRING, EXPR_LIST, EXPR_MAP };

/* A variable as expressions may name it: "model", "key.team". Lists and maps hold strings. */
struct expr_variable {
    const char *name;
    enum expr_type type;
};

struct expr_variables {
    const struct expr_variable *items;
    size_t n;
    bool
        is_strict; /* what can only be an error when it is evaluated (x / 0) is one where it is written */
};

struct expr_strings {
    const struct str *items;
    size_t n;
};

struct expr_value {
    enum expr_type type; /* EXPR_ERROR: there is none */
    union {
        bool is_true;
        int64_t integer;
        double number;
        struct str string;
        struct expr_strings list;
        uint32_t node; /* a list that stands in the expression itself */
    };
    bool is_literal; /* a list: `node` */
};

/* The first bytes of a program; it is good wherever it is copied to, at 8-byte alignment. */
struct expr_program;

/*
 * Compile; the program's bytes are appended to `out`, whose length must be a multiple of 8. -1: the
 * message begins with the column, from 1: "column 7: ...", with the nearest name for an unknown one.
 */
BF_MUST_CHECK int expr_compile(struct str text, const struct expr_variables *vars, struct buf *out,
                               struct error *err);
/* Its type: rules want EXPR_BOOL. */
enum expr_type expr_result(const struct expr_program *p);
size_t expr_bytes(const struct expr_program *p);
/* Is this variable named anywhere in it? */
bool expr_asks_for(const struct expr_program *p, uint32_t variable);
/* Every index and offset is within it and every child before its parent: once, before the first use. */
BF_MUST_CHECK bool expr_is_sound(const struct expr_program *p, size_t room);
/* The patterns of its matches(), for the caller to compile; number < expr_patterns(). */
uint32_t expr_patterns(const struct expr_program *p);
struct str expr_pattern(const struct expr_program *p, uint32_t number);

struct expr_world {
    /*
     * The value of a variable, of its declared type; of a map: of its key `key`. False: there is none
     * (which has() sees, and anything else is an error from). Strings live until the evaluation ends.
     */
    bool (*get)(void *ctx, uint32_t variable, struct str key, struct expr_value *out);
    /* Does pattern `number` match anywhere in the text? */
    bool (*matches)(void *ctx, uint32_t number, struct str text);
    void *ctx;
};

/* The value; a list comes back only when it is a variable's. */
struct expr_value expr_eval(const struct expr_program *p, const struct expr_world *world);
/* For rules: true only when the value is true, so that an error is a rule that does not hold. */
bool expr_is_true(const struct expr_program *p, const struct expr_world *world);

#endif
