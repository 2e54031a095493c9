/*
 * params - what a request says in its query and its JSON body, checked.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * What is not known is refused with the nearest name: a filter with a typo must not answer with
 * everything. Each function that can fail has then answered the exchange with a 400.
 * Does not: know routes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_PARAMS_H
#define ADMIN_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/admin/exchange.h"
#include "server/base/base.h"
#include "server/base/json.h"

#define PARAMS_MAX 40       /* names that one route or body knows */
#define PARAM_VALUE_MAX 512 /* decoded bytes of one value */

/* Every name in the query is in the NULL-terminated list, once, and can be decoded. */
BF_MUST_CHECK bool params_check(struct exchange *ex, const char *const *known);
/* Decoded into the arena; STR_NONE when absent. */
struct str params_get(const struct exchange *ex, const char *name);
BF_MUST_CHECK bool params_u64(struct exchange *ex, const char *name, uint64_t fallback,
                              uint64_t max, uint64_t *out);
/*
 * A point in time as milliseconds since 1970: that number, "2026-11-22", "2026-11-22T16:45:09Z",
 * or how long ago: "15m", "24h", "7d". Absent: `fallback`.
 */
BF_MUST_CHECK bool params_time(struct exchange *ex, const char *name, uint64_t fallback,
                               uint64_t *out);
/* "since" and "until", each 0 where it is absent; what ends before it begins is refused. */
BF_MUST_CHECK bool params_span(struct exchange *ex, uint64_t *out_since_ms, uint64_t *out_until_ms);
/* 16 hex digits, not 0. */
BF_MUST_CHECK bool params_id_parse(struct str text, uint64_t *out);

/* BODY_ANY: whoever gets it checks it (the master, with the loader of the configuration). */
enum body_kind { BODY_STRING, BODY_STRINGS, BODY_U64, BODY_BOOL, BODY_OBJECT, BODY_LIST, BODY_ANY };

struct body_field {
    const char *name;
    enum body_kind kind;
    bool required;
};

/* The body as an object with these fields and no others, of these kinds; NULL: answered. */
BF_MUST_CHECK const struct json *params_body(struct exchange *ex, const struct body_field *fields,
                                             size_t n);
/* The same for a merge patch: null is good for every field, none is required. No body: as {}. */
BF_MUST_CHECK const struct json *params_patch(struct exchange *ex, const struct body_field *fields,
                                              size_t n);
/* Is every member of `object` one of these, once, of its kind? `where`: "" or "budgets[0]." */
BF_MUST_CHECK bool params_members(struct exchange *ex, const struct json *object, const char *where,
                                  const struct body_field *fields, size_t n);
/* "%41" in a part of the path or a query value. False: a bad escape. */
BF_MUST_CHECK bool params_unescape(struct arena *a, struct str raw, struct str *out);
/* "90s", "15m", "24h", "30d", "2w". */
BF_MUST_CHECK bool params_duration(struct str text, uint64_t *out_ms);
/* A duration like 30d from now, a date or a time (RFC 3339), as milliseconds since 1970. */
BF_MUST_CHECK bool params_expiry(struct str text, uint64_t *out_ms);

#endif
