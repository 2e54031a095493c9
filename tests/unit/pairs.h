/*
 * pairs - the requests and answers of tests/unit/data/pairs, and what each dialect is given them with.
 *
 * Runs in:  tests.   Reads: tests/unit/data/pairs (from the repository's root, where tests run).
 * Writes: nothing shared.
 * A file is one JSON object; its members are handed out as they stand. Messages are the last member
 * of each request, so that one more turn is put in before the closing brackets.
 * Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_PAIRS_H
#define UNIT_PAIRS_H

#include <stdio.h>

#include "tests/unit/chat_dump.h"
#include "tests/unit/unit.h"

#include "providers/dialect.h"

#define PAIRS_DIR "tests/unit/data/pairs/"

static struct chat_codec pairs_codec;

static inline int pairs_set_up(void **state)
{
    (void)state;
    pairs_codec =
        (struct chat_codec){arena_create(1u << 20), arena_create(1u << 20), json_parser_create()};
    return 0;
}

static inline int pairs_tear_down(void **state)
{
    (void)state;
    arena_free(pairs_codec.arena);
    arena_free(pairs_codec.scratch);
    json_parser_free(pairs_codec.json);
    return 0;
}

#define pairs_test(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, pairs_set_up, pairs_tear_down)

static inline struct str pairs_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text;
    long len;

    if (f == NULL)
        fail_msg("%s: cannot be read", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    len = ftell(f);
    assert_true(len >= 0);
    rewind(f);
    text = arena_alloc(pairs_codec.arena, (size_t)len + 1);
    assert_int_equal(fread(text, 1, (size_t)len, f), (size_t)len);
    text[len] = '\0';
    (void)fclose(f);
    return (struct str){text, (size_t)len};
}

/* A member of a dialect's file: "openai", ".json", "request". Empty: it has none. */
static inline struct json *pairs_member(enum dialect_id id, const char *ending, const char *member)
{
    char path[128];
    struct json_error err;
    struct json *root;

    (void)snprintf(path, sizeof(path), PAIRS_DIR "%s%s", dialect_names[id], ending);
    root = json_parse_raw(pairs_codec.json, pairs_codec.arena, pairs_file(path), &err);
    if (root == NULL)
        fail_msg("%s: %s at %zu", path, err.text, err.offset);
    return json_get(root, member);
}

static inline struct str pairs_request(enum dialect_id id, const char *member)
{
    struct json *node = pairs_member(id, ".json", member);

    assert_non_null(node);
    return node->raw;
}

/* The request with one more turn. */
static inline struct str pairs_longer(struct str request, struct str turn)
{
    size_t end = request.len;

    while (end > 0 && request.p[end - 1] != ']')
        end--;
    assert_true(end > 1 && turn.len > 2);
    return arena_concat(pairs_codec.arena,
                        (struct str[]){{request.p, end - 1}, STR(","), str_skip(turn, 1), STR("}")},
                        4);
}

#define PAIRS_ABLE                                                                                 \
    (MODEL_KNOWN | MODEL_IMAGES | MODEL_AUDIO | MODEL_DOCUMENTS | MODEL_TOOLS | MODEL_REASONING |  \
     MODEL_SCHEMA | MODEL_CHAT)

/* A model that each dialect's own vendor has. */
static inline struct chat_target pairs_target(enum dialect_id id)
{
    static const struct chat_target targets[DIALECTS] = {
        [DIALECT_OPENAI] = {{"gpt-5.1", 7}, QUIRK_MAX_COMPLETION, PAIRS_ABLE, 64000, true},
        [DIALECT_RESPONSES] = {{"gpt-5.1", 7}, 0, PAIRS_ABLE, 64000, true},
        [DIALECT_ANTHROPIC] = {{"claude-sonnet-4-5", 17}, 0, PAIRS_ABLE, 64000, true},
        [DIALECT_GEMINI] = {{"gemini-3-flash", 14}, 0, PAIRS_ABLE | MODEL_EFFORT, 64000, true},
        [DIALECT_BEDROCK] =
            {{"anthropic.claude-sonnet-4-5-20250929-v1:0", 41}, 0, PAIRS_ABLE, 64000, true},
        [DIALECT_COHERE] = {{"command-a-reasoning-08-2025", 27}, 0, PAIRS_ABLE, 32000, true},
    };

    return targets[id];
}

/* A body as this dialect's decoder understands it. NULL: *err. */
static inline struct chat *pairs_decode(enum dialect_id id, struct str body, struct chat_error *err)
{
    struct chat *chat = arena_zalloc(pairs_codec.arena, sizeof(*chat));
    struct chat_url url = {.stream = true};

    if (id == DIALECT_GEMINI || id == DIALECT_BEDROCK)
        url.model = STR("pairs-model");
    *err = (struct chat_error){.kind = ERROR_INVALID};
    if (dialect_get(id)->decode_request(&pairs_codec, &url, body, chat, err) != 0)
        return NULL;
    return chat;
}

static inline struct chat *pairs_decoded(enum dialect_id id, struct str body)
{
    struct chat_error err;
    struct chat *chat = pairs_decode(id, body, &err);

    if (chat == NULL)
        fail_msg("%s: %.*s: %.*s\n%.*s", dialect_names[id], STR_ARGS(err.param),
                 STR_ARGS(err.message), STR_ARGS(body));
    return chat;
}

/* A chat as a body for this dialect's model, in the arena. Empty: *err. */
static inline struct str pairs_encode(enum dialect_id id, const struct chat *chat,
                                      struct chat_loss *loss, struct chat_error *err)
{
    struct chat_target target = pairs_target(id);
    struct buf out = BUF_INIT;
    struct str body = STR_NONE;

    *loss = (struct chat_loss){.n_dropped = 0};
    *err = (struct chat_error){.kind = ERROR_INVALID};
    if (dialect_get(id)->encode_request(&pairs_codec, chat, &target, loss, &out, err) == 0)
        body = arena_str(pairs_codec.arena, buf_view(&out));
    buf_fini(&out);
    return body;
}

/* Take out each medium that the target refuses outright, and say which those are. */
static inline void pairs_take_out_refused(enum dialect_id to, struct chat *chat,
                                          struct buf *refused)
{
    struct chat_loss loss;
    struct chat_error err;

    for (struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        for (struct chat_block **b = &m->blocks; *b != NULL;) {
            struct chat_block alone = **b, *next = alone.next;
            struct chat_message turn = {.role = ROLE_USER, .blocks = &alone, .last = &alone};
            struct chat single = {.from = chat->from, .messages = &turn, .n_messages = 1};

            alone.next = NULL;
            single.last_message = &turn;
            single.reasoning.budget = BUDGET_UNSET;
            if (alone.kind < BLOCK_IMAGE || alone.kind > BLOCK_DOCUMENT ||
                pairs_encode(to, &single, &loss, &err).len > 0) {
                b = &(*b)->next;
                continue;
            }
            buf_printf(refused, "%s%s%s", refused->len > 0 ? ", " : "", dump_kind(alone.kind),
                       alone.media.source == SOURCE_URL ? " by URL" : "");
            *b = next;
        }
    }
}

/* Every pair of dialects that this build speaks. */
#define pairs_each(from, to)                                                                       \
    for (enum dialect_id from = DIALECT_OPENAI; from < DIALECTS; from++)                           \
        for (enum dialect_id to = DIALECT_OPENAI; to < DIALECTS; to++)                             \
            if (dialect_get(from) != NULL && dialect_get(to) != NULL)

#endif
