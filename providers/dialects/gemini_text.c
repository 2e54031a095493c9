/*
 * Names, base64, signatures and stop reasons of the Gemini dialect: gemini.h.
 */
#include "providers/dialects/gemini.h"

#include <inttypes.h>
#include <stdio.h>

#include "providers/base64.h"
#include "providers/chat_text.h"

/* --- base64 --- */

struct str gemini_base64(struct arena *a, struct str escaped)
{
    struct str plain = text_plain(a, escaped);
    char *copy;

    /* Google's SDKs write the URL-safe alphabet, which nobody else takes. */
    if (plain.len == 0 ||
        (memchr(plain.p, '-', plain.len) == NULL && memchr(plain.p, '_', plain.len) == NULL))
        return plain;
    copy = arena_alloc(a, plain.len);
    for (size_t i = 0; i < plain.len; i++) {
        char c = plain.p[i];

        c = c == '-' ? '+' : c;
        copy[i] = c == '_' ? '/' : c;
    }
    return (struct str){copy, plain.len};
}

/* --- signatures --- */

struct str gemini_signature_in(struct arena *a, struct str escaped, enum chat_signer *signer)
{
    struct str plain = text_plain(a, escaped);
    struct str text, unwrapped;
    char *bytes;
    size_t len;

    *signer = SIGNER_GEMINI;
    if (str_eq(plain, STR(GEMINI_NO_SIGNATURE)))
        return STR_NONE;                  /* an encoder writes it again where it is needed */
    if (!str_starts(plain, STR("YmYxL"))) /* "bf1." in base64 */
        return plain;
    text = gemini_base64(a, plain);
    bytes = arena_alloc(a, base64_room(text));
    if (!base64_read(text, bytes, &len))
        return plain;
    /* It goes between quotes again: what was wrapped was an escaped text. */
    text = text_escape(a, (struct str){bytes, len});
    unwrapped = text_unwrap(text, SIGNER_GEMINI, signer);
    return unwrapped.len < text.len ? unwrapped : plain; /* looks like it, but is not ours */
}

struct str gemini_signature_out(struct arena *a, struct str signature, enum chat_signer signer)
{
    struct buf b = BUF_IN(a);

    if (signer == SIGNER_GEMINI || signature.len == 0)
        return signature;
    /* The SDKs read bytes here, so it must be base64. */
    base64_put(&b, text_plain(a, text_wrap(a, signature, signer)));
    return buf_view(&b);
}

bool gemini_checks_signatures(const struct chat_target *target)
{
    static const struct str family = {"gemini-", 7};
    struct str name = target->model;

    if ((target->model_flags & MODEL_EFFORT) != 0)
        return true;
    for (ptrdiff_t slash = str_index(name, '/'); slash >= 0; slash = str_index(name, '/'))
        name = str_skip(name, (size_t)slash + 1);
    if (!str_starts(name, family) || name.len == family.len)
        return false;
    name = str_skip(name, family.len);
    return name.p[0] != '1' && name.p[0] != '2';
}

/* --- ids --- */

static uint64_t mix(uint64_t hash, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.p[i]) * 0x100000001b3u; /* FNV-1a */
    return hash;
}

struct str gemini_call_id(struct arena *a, struct str response_id, const struct json *call,
                          uint32_t n)
{
    uint64_t hash = mix(mix(0xcbf29ce484222325u, response_id), call->raw);

    /* 29 characters at most: OpenAI takes 40, Bedrock 64, and none of them a dot */
    return arena_printf(a, "call_%016" PRIx64 "_%u", hash, n);
}

/* --- stop reasons --- */

static const struct {
    const char *name;
    enum chat_stop stop;
} stops[] = {
    {"STOP", STOP_END},
    {"MAX_TOKENS", STOP_LENGTH},
    {"SAFETY", STOP_FILTER},
    {"RECITATION", STOP_FILTER},
    {"LANGUAGE", STOP_FILTER},
    {"BLOCKLIST", STOP_FILTER},
    {"PROHIBITED_CONTENT", STOP_FILTER},
    {"SPII", STOP_FILTER},
    {"MODEL_ARMOR", STOP_FILTER},
    {"IMAGE_SAFETY", STOP_FILTER},
    {"IMAGE_PROHIBITED_CONTENT", STOP_FILTER},
    {"IMAGE_RECITATION", STOP_FILTER},
    {"FINISH_REASON_UNSPECIFIED", STOP_END},
};

enum chat_stop gemini_stop_of(struct str reason, bool has_calls)
{
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        if (!text_is(reason, stops[i].name))
            continue;
        return stops[i].stop == STOP_END && has_calls ? STOP_TOOL : stops[i].stop;
    }
    return STOP_ERROR; /* OTHER, MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL, NO_IMAGE, ... */
}

const char *gemini_stop_name(enum chat_stop stop)
{
    switch (stop) {
    case STOP_LENGTH:
    case STOP_CONTEXT:
        return "MAX_TOKENS";
    case STOP_FILTER:
    case STOP_REFUSAL:
        return "SAFETY";
    case STOP_ERROR:
        return "OTHER";
    default:
        return "STOP";
    }
}
