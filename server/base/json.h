/*
 * json - reading JSON without changing it; the door to simdjson.
 *
 * Runs in:  every process and tool.   Reads: nothing.   Writes: nothing shared.
 * Two ways in: json_scan walks the members of a top-level object once and hands out raw spans
 * (the request path); json_parse builds a tree in an arena in which every node keeps its raw
 * span (admin, mock, translation). Number text, key order and duplicate keys are kept. Refused:
 * bad UTF-8, lone surrogates, bad numbers (01, -, 1.), text behind the value, more than
 * JSON_DEPTH_MAX levels. Writing is buf_json and buf_printf.
 * Does not: convert numbers unless asked, copy the source (spans point into it).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/str.h"

#define JSON_DEPTH_MAX 128 /* deeper than any real request; bounds recursion */
/*
 * A body of "0,0,0" must not become forty times its size: a tree of json_parse_raw, whose texts are
 * strangers', has JSON_NODES_FREE nodes and one more for each JSON_BYTES_A_NODE bytes of text (real
 * requests have one in 20 to 40 bytes, rows of numbers one in 5). No tree has more than JSON_NODES_MAX,
 * which is 80 MB, and none grows in an arena that has JSON_ARENA_MAX already.
 */
#define JSON_NODES_MAX 1000000
#define JSON_NODES_FREE 32768
#define JSON_BYTES_A_NODE 16
#define JSON_ARENA_MAX (128u << 20)

#ifdef __cplusplus
extern "C" {
#endif

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_error {
    const char *text; /* static: what is wrong */
    size_t offset;    /* byte in the source, or its length when unknown */
};

struct json_parser; /* buffers that are reused; one per process is enough */

struct json_parser *json_parser_create(void);
void json_parser_free(struct json_parser *p); /* takes NULL */

/*
 * One member of the scanned object. `key` is raw, between its quotes and still escaped; `raw`
 * is the value as it stands in the source, a string with its quotes, without blanks around it.
 */
struct json_member {
    struct str key;
    struct str raw;
    enum json_type type;
};

/* Return false to stop early: the rest of the text is then not validated. */
typedef bool json_member_fn(void *ctx, const struct json_member *member);

/*
 * Walk the members of the object that `text` must be, in order. The whole text is validated
 * as JSON. 0, or -1 with *err. `text` is only read (and never past its end).
 */
BF_MUST_CHECK int json_scan(struct json_parser *p, struct str text, json_member_fn *fn, void *ctx,
                            struct json_error *err);

struct json {
    enum json_type type;
    bool boolean;
    struct str raw;     /* as in the source */
    struct str key;     /* unescaped, when the parent is an object */
    struct str text;    /* a string unescaped, a number as written; else empty */
    struct json *child; /* first, of an array or object */
    struct json *next;  /* sibling */
    uint32_t n;         /* children */
};

/* The root in the arena, or NULL with *err. Spans point into `text` or the arena. */
struct json *json_parse(struct json_parser *p, struct arena *a, struct str text,
                        struct json_error *err);
/* The same, but strings stay escaped: their `text` is empty and only `raw` is set. Translation copies
 * long texts from wire to wire and has no use for a decoded copy. Keys are unescaped. */
struct json *json_parse_raw(struct json_parser *p, struct arena *a, struct str text,
                            struct json_error *err);

/* Readers that take NULL nodes, so that they can be chained. The last of duplicate keys wins. */
struct json *json_find(const struct json *object, struct str key);
static inline struct json *json_get(const struct json *object, const char *key)
{
    return json_find(object, str_of(key)); /* a literal's length is known when it is compiled */
}
struct str json_str(const struct json *node);          /* STR_NONE unless a string */
bool json_u64(const struct json *node, uint64_t *out); /* a whole number >= 0, also 1.0 and 1e3 */
bool json_double(const struct json *node, double *out);
bool json_bool(const struct json *node, bool *out);

/* A raw string span (with quotes) unescaped into the arena; STR_NONE when it is not one. */
struct str json_unescape(struct arena *a, struct str raw);
/* The same for what stands between a string's quotes. NUL-terminated; STR_NONE when unsound. */
struct str json_unescape_inside(struct arena *a, struct str inside);
/* A raw number span as a whole number. */
bool json_raw_u64(struct str raw, uint64_t *out);

#ifdef __cplusplus
}
#endif

#endif
