/*
 * Any JSON as a schema, for each vendor's subset and from Google's: the result is JSON and within its
 * bounds, what is normal stays as it is, and the same schema gives the same bytes.
 */
#include "providers/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chat_codec codec;

static struct str normalised(struct str raw, enum schema_subset subset)
{
    struct chat_loss loss = {.n_changed = 0};
    struct json_error err;
    struct str out = schema_normalise(&codec, raw, subset, &loss, STR("tools"));

    must(out.p == raw.p || (out.len <= SCHEMA_BYTES_MAX &&
                            json_parse_raw(codec.json, codec.arena, out, &err) != NULL));
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str raw = {(const char *)data, size};
    struct json_error err;
    const struct json *root;

    if (codec.json == NULL)
        codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    root = json_parse_raw(codec.json, codec.arena, raw, &err);
    if (root != NULL) {
        struct str ours = schema_from_gemini(&codec, root);

        must(json_parse_raw(codec.json, codec.arena, ours, &err) != NULL);
        for (enum schema_subset s = SCHEMA_GEMINI; s <= SCHEMA_ANTHROPIC_STRICT; s++)
            must(str_eq(normalised(raw, s), normalised(raw, s)));
    }
    arena_reset(codec.arena);
    arena_reset(codec.scratch);
    return 0;
}
