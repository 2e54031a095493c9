/*
 * findings - what is wrong with a configuration, gathered so that one look shows all of it.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Readers and checks add findings in the order they meet them; the report is in the order of
 * lines. Warnings are what may be meant and hardly is: they stop nothing. Does not: carry values of
 * secrets (callers never pass them).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_FINDINGS_H
#define CONF_FINDINGS_H

#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"

#define FINDINGS_MAX 256 /* kept; far more than the report has room for */
#define WARNINGS_MAX 32  /* kept: who has more of them reads the first */
#define FINDING_SHOWN 60 /* bytes of a value that a message quotes */

struct finding {
    int line;
    const char *text;
};

struct findings {
    const char *file;    /* NULL: not from a file */
    struct arena *arena; /* owns the texts */
    struct finding items[FINDINGS_MAX];
    size_t n;     /* kept */
    size_t total; /* met */
    struct finding warnings[WARNINGS_MAX];
    size_t n_warnings;
};

void findings_init(struct findings *f, const char *file, struct arena *arena);
/* Line 0: about no line of the file (the command line, built-in values). */
void findings_add(struct findings *f, int line, const char *fmt, ...) BF_PRINTF(3, 4);
/* Nothing is wrong, but hardly as it was meant. */
void findings_warn(struct findings *f, int line, const char *fmt, ...) BF_PRINTF(3, 4);
/* 0 when there is nothing to tell, else -1 and every finding on a line of its own in *err. */
BF_MUST_CHECK int findings_report(struct findings *f, struct error *err);

/* The warnings as "FILE:LINE: text" in `to`, in the order of lines; *out has f->n_warnings of them. */
void findings_warnings(struct findings *f, struct arena *to, const char *const **out);

/* A value as a message shows it: in quotes, cut when long, nothing unprintable. In the arena. */
const char *findings_quote(struct findings *f, struct str value);

#endif
