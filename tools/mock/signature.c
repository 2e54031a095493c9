#include "tools/mock/signature.h"

#include <inttypes.h>

#include "providers/base64.h"
#include "server/base/buf.h"

static uint64_t hash_of(struct str text)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.p[i]) * 1099511628211u;
    return h;
}

struct str signature_make(struct arena *a, enum dialect_id dialect, struct str text)
{
    /* Claude's are good on both of its wires. 33 bytes of ASCII: no padding, no + and no /. */
    int maker = dialect == DIALECT_BEDROCK ? (int)DIALECT_ANTHROPIC : (int)dialect;
    struct str plain = arena_printf(a, "mock-signature-%d:%016" PRIx64, maker % 10, hash_of(text));
    struct buf b = BUF_INIT;
    struct str out;

    base64_put(&b, plain);
    out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

bool signature_is_valid(struct arena *a, enum dialect_id dialect, struct str text,
                        struct str signature)
{
    return str_eq(signature, signature_make(a, dialect, text));
}

enum chat_signer signature_signer(enum dialect_id dialect)
{
    switch (dialect) {
    case DIALECT_ANTHROPIC:
    case DIALECT_BEDROCK: /* Claude there too */
        return SIGNER_ANTHROPIC;
    case DIALECT_GEMINI:
        return SIGNER_GEMINI;
    case DIALECT_RESPONSES:
        return SIGNER_OPENAI;
    default:
        return SIGNER_NONE;
    }
}
