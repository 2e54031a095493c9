/*
 * check - what each vendor refuses, found in the request as it came.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * One file a dialect, on plain parsed JSON and without the gateway's codecs, so that what an encoder
 * and its decoder both have wrong is still found. Texts are roughly the vendor's own.
 * Does not: check what no vendor checks; bounds are the parser's (json.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_CHECK_H
#define MOCK_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "providers/chat.h"
#include "server/base/base.h"
#include "server/base/json.h"
#include "tools/mock/model.h"

struct check {
    const struct chat_codec *c;
    const struct json *body; /* an object */
    enum model_kind kind;    /* MODEL_THINK wants its signatures back */
    bool is_count;           /* counting tokens: nothing is generated */
    bool is_invoke;          /* Anthropic's body behind Bedrock's InvokeModel */
    struct chat_error *err;
};

/* 0, or -1 with *err: the status, and the words. */
BF_MUST_CHECK int check_request(const struct check *k, enum dialect_id dialect);

int check_openai(const struct check *k);
int check_responses(const struct check *k);
int check_anthropic(const struct check *k);
int check_gemini(const struct check *k);
int check_bedrock(const struct check *k);
int check_cohere(const struct check *k);

/* --- what OpenAI's two share --- */

int check_openai_stranger(const struct check *k, const char *const *known);
int check_openai_numbers(const struct check *k);
/* A function's declaration at "tools[0].function". */
int check_openai_function(const struct check *k, const struct json *f, const char *where);
/* `what`: whose schema it is, in words. */
int check_strict_schema(const struct check *k, const struct json *schema, const char *param,
                        const char *what);

/* --- what all share --- */

#define CHECK_FAIL(k, param, ...) chat_invalid((k)->c, (k)->err, param, __VA_ARGS__)

/* The beginning of a client's text, for the words of a refusal; ends between two characters. */
struct str check_brief(struct str s);
#define CHECK_ARGS(s) STR_ARGS(check_brief(s))
/* The first member whose name is not in the list, which ends with NULL; NULL: all are. */
const struct json *check_stranger(const struct json *object, const char *const *known);
bool check_is_one_of(struct str s, const char *const *list);
/* Is it a number outside of these? False for what is no number. */
bool check_outside(const struct json *number, double least, double most);
bool check_is_blank(struct str s);
/* Letters, digits, and those of `more`; 1 to `most` bytes. */
bool check_is_name(struct str s, const char *more, size_t most);
bool check_is_base64(const struct chat_codec *c, struct str s);
/* An array's first child; NULL for everything else. */
const struct json *check_items(const struct json *array);

/* Names that were given and must come back: tool call ids. */
struct check_ids {
    struct str *ids; /* in the arena */
    bool *used;
    size_t n, room, n_used;
};
bool check_ids_add(const struct chat_codec *c, struct check_ids *s,
                   struct str id);                      /* false: twice */
bool check_ids_use(struct check_ids *s, struct str id); /* false: unknown, or used before */
struct str check_ids_unused(const struct check_ids *s); /* the first; STR_NONE: all were used */
void check_ids_clear(struct check_ids *s);

#endif
