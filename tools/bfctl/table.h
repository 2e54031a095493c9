/*
 * table - rows of text in columns, and text that is fit for a terminal.
 *
 * Runs in:  bfctl.   Reads, writes: nothing shared.
 * What comes from the gateway (names, error texts) may hold anything; control characters, also the
 * two-byte ones and those that turn the writing direction, become '?', so that nothing in a log
 * can move the cursor or recolour the screen.
 * Does not: know what the rows mean.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BFCTL_TABLE_H
#define BFCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

#define TABLE_COLUMNS_MAX 16

struct table {
    struct buf cells; /* NUL-terminated, row by row; the first row is the head */
    size_t n_columns, n_cells;
    size_t widths[TABLE_COLUMNS_MAX];
    bool right[TABLE_COLUMNS_MAX]; /* numbers */
};

/* Column names separated by '|'; one that begins with '>' is aligned to the right. */
void table_init(struct table *t, const char *columns);
void table_fini(struct table *t);
/* Cells of a row, from left to right. Empty shows as "-". */
void table_str(struct table *t, struct str cell);
void table_printf(struct table *t, const char *fmt, ...) BF_PRINTF(2, 3);
size_t table_rows(const struct table *t); /* without the head */
void table_print(const struct table *t, struct buf *out);

/* Appends `s` without control characters; `lines`: line ends stay. */
void table_clean(struct buf *out, struct str s, bool lines);

/* "3s", "12m", "5h", "9d": how long. */
void table_age(struct table *t, uint64_t ms);
/* "2026-11-22 16:45:09", UTC; 0: empty. */
void table_time(struct table *t, uint64_t real_ms);
/* "12,345,678". */
void table_count(struct table *t, uint64_t n);
/* A JSON list of strings with commas; empty: `if_empty`. */
struct json;
void table_list(struct table *t, const struct json *list, const char *if_empty);

#endif
