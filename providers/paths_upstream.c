/*
 * paths_upstream - the path of an operation at a provider: the other half of paths.h.
 */
#include "providers/paths.h"

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || str_is_digit(c) || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* `keep`: bytes that stay beside the unreserved ones. */
static struct str escape(struct arena *a, struct str s, struct str keep)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, 3 * s.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_unreserved(s.p[i]) || str_index(keep, s.p[i]) >= 0) {
            out[len++] = s.p[i];
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    return (struct str){out, len};
}

bool path_model_is_safe(struct str model)
{
    struct str part;

    if (model.len == 0)
        return false;
    while (str_next(&model, '/', &part)) {
        if (part.len == 0 || str_eq(part, STR(".")) || str_eq(part, STR("..")))
            return false;
    }
    return true;
}

/* Google's SDK leaves slashes as they are, AWS's escapes them; both know names that have some. */
static struct str join(struct arena *a, struct str before, struct str model, struct str after)
{
    if (str_eq(before, STR("/models/"))) {
        if (str_starts(model, STR("tunedModels/")) || str_starts(model, STR("models/")))
            before = STR("/");
        model = escape(a, model, STR("/@"));
    } else {
        model = escape(a, model, STR_NONE);
    }
    return arena_concat(a, (struct str[]){before, model, after}, 3);
}

struct str path_with_model(struct arena *a, const struct path *path, struct str model)
{
    return join(a, path->before, model, path->after);
}

static struct str gemini_path(struct arena *a, enum path_op op, struct str model, bool stream)
{
    struct str before = STR("/models/");

    switch (op) {
    case OP_CHAT:
        return join(a, before, model,
                    stream ? STR(":streamGenerateContent?alt=sse") : STR(":generateContent"));
    case OP_COUNT_TOKENS:
        return join(a, before, model, STR(":countTokens"));
    case OP_EMBEDDINGS: /* embed_gemini.c asks for batches only */
    case OP_EMBEDDINGS_BATCH:
        return join(a, before, model, STR(":batchEmbedContents"));
    default:
        return STR_NONE;
    }
}

static struct str bedrock_path(struct arena *a, enum path_op op, struct str model, bool stream)
{
    struct str before = STR("/model/");

    switch (op) {
    case OP_CHAT:
        return join(a, before, model, stream ? STR("/converse-stream") : STR("/converse"));
    case OP_INVOKE:
    case OP_EMBEDDINGS:
        return join(a, before, model,
                    stream ? STR("/invoke-with-response-stream") : STR("/invoke"));
    case OP_COUNT_TOKENS:
        return join(a, before, model, STR("/count-tokens"));
    default:
        return STR_NONE;
    }
}

static struct str fixed_path(enum dialect_id dialect, enum path_op op)
{
    static const struct {
        enum dialect_id dialect;
        enum path_op op;
        struct str path;
    } rows[] = {
        {DIALECT_OPENAI, OP_CHAT, {"/chat/completions", 17}},
        {DIALECT_OPENAI, OP_COMPLETIONS, {"/completions", 12}},
        {DIALECT_OPENAI, OP_EMBEDDINGS, {"/embeddings", 11}},
        {DIALECT_OPENAI, OP_RERANK, {"/rerank", 7}},
        {DIALECT_RESPONSES, OP_CHAT, {"/responses", 10}},
        {DIALECT_RESPONSES, OP_COUNT_TOKENS, {"/responses/input_tokens", 23}},
        {DIALECT_ANTHROPIC, OP_CHAT, {"/messages", 9}},
        {DIALECT_ANTHROPIC, OP_COUNT_TOKENS, {"/messages/count_tokens", 22}},
        {DIALECT_COHERE, OP_CHAT, {"/v2/chat", 8}},
        {DIALECT_COHERE, OP_EMBEDDINGS, {"/v2/embed", 9}},
        {DIALECT_COHERE, OP_RERANK, {"/v2/rerank", 10}},
        {DIALECT_COHERE, OP_COUNT_TOKENS, {"/v1/tokenize", 12}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].dialect == dialect && rows[i].op == op)
            return rows[i].path;
    }
    return STR_NONE;
}

struct str path_for(struct arena *a, enum dialect_id dialect, enum path_op op, struct str model,
                    bool stream)
{
    if (dialect == DIALECT_GEMINI)
        return gemini_path(a, op, model, stream);
    if (dialect == DIALECT_BEDROCK)
        return bedrock_path(a, op, model, stream);
    return fixed_path(dialect, op);
}
