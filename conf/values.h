/*
 * values - the small notations of a configuration: durations, sizes, weights, dates, addresses.
 *
 * Runs in:  master, `bowfin -t`, bfctl.   Reads, writes: nothing.
 * Parsers take all of the text or fail and leave *out alone; formatters write what the parsers
 * read. Does not: know bounds (the tables of keys do).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_VALUES_H
#define CONF_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

#define VALUE_DURATION_HELP "a duration with its unit (500ms, 5s, 10m, 2h, 30d; 0 for none)"
#define VALUE_SIZE_HELP "a size with its unit (64KiB, 32MiB, 1GiB)"
#define VALUE_TIME_HELP "a date (2027-01-31) or a time (2027-01-31T18:00:00Z)"

/* "500ms", "5s", "1.5m", "2h", "30d", "0" to milliseconds. */
bool value_duration(struct str text, uint64_t *out_ms);
/* "512B", "64KiB", "32MiB", "1GiB", "10MB", "0" to bytes. */
bool value_size(struct str text, uint64_t *out_bytes);
/* A decimal number to thousandths: "8", "0.2", "1.125"; at most three digits behind the point. */
bool value_thousandths(struct str text, uint64_t *out);
/* A decimal number times 10^digits, exactly: no sign, no exponent, at most `digits` behind the point. */
bool value_decimal(struct str text, unsigned digits, uint64_t max, uint64_t *out);
/* true, yes, on; false, no, off. */
bool value_bool(struct str text, bool *out);

void value_format_duration(struct buf *b, uint64_t ms);
void value_format_size(struct buf *b, uint64_t bytes);
void value_format_thousandths(struct buf *b, uint64_t n);
void value_format_decimal(struct buf *b, uint64_t n, unsigned digits); /* no zeros at its end */

/* "env.NAME": NAME, which is not empty; else false. */
bool value_env_name(struct str text, struct str *out);

/* "127.0.0.1:80", "[::1]:80", ":80", "localhost:0", "unix:/run/x.sock". NULL, or what is wrong. */
const char *value_address_problem(struct str text);
/* The same for URLs: `schemes` is a NULL-terminated list such as {"http", "https", NULL}. */
const char *value_url_problem(struct str text, const char *const *schemes, bool allow_userinfo);

#endif
