/*
 * amounts - dollars and windows of time as people write them, exactly: no floating point.
 *
 * Runs in:  master, admin, `bowfin -t`, bfctl.   Reads, writes: nothing.
 * Parsers take all of the text or fail and leave *out alone; formatters write what the parsers
 * read. Does not: know what the amounts are for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_AMOUNTS_H
#define CONF_AMOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/money.h"
#include "server/base/buf.h"
#include "server/base/str.h"

enum amount_result { AMOUNT_OK, AMOUNT_NEGATIVE, AMOUNT_HUGE, AMOUNT_FINE, AMOUNT_NOT };

/*
 * "1000", "12.50", "1e3", "0.000000001" to nano-dollars. HUGE: more than CONF_MONEY_MAX. FINE: more
 * digits behind the point than nano-dollars have. NOT: no number at all.
 */
enum amount_result amount_parse(struct str text, uint64_t *out);
/* What is wrong with it, as the end of "... must be X". */
const char *amount_problem(enum amount_result why);
void amount_format(struct buf *b, uint64_t nanousd); /* "1000.000000000" */

/* "1M", or a CONF_CUSTOM of "7d", "12h", "90m", "30s"; then *out_ms is its length, else 0. */
bool period_parse(struct str text, enum conf_period *out, uint64_t *out_ms);
void period_format(struct buf *b, enum conf_period period, uint64_t length_ms);
/* The same for a length alone ("per: 1m"): m is a minute, and there are no months. */
bool length_parse(struct str text, uint64_t *out_ms);
void length_format(struct buf *b, uint64_t length_ms);

#endif
