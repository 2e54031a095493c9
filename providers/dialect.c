#include "providers/dialect.h"

static const struct dialect *const dialects[DIALECTS] = {
    [DIALECT_NONE] = NULL,
    [DIALECT_OPENAI] = &dialect_openai,
    [DIALECT_RESPONSES] = &dialect_responses,
    [DIALECT_ANTHROPIC] = &dialect_anthropic,
    [DIALECT_GEMINI] = &dialect_gemini,
    [DIALECT_BEDROCK] = &dialect_bedrock,
    [DIALECT_COHERE] = &dialect_cohere,
};

const struct dialect *dialect_get(enum dialect_id id)
{
    return (size_t)id < ARRAY_LEN(dialects) ? dialects[id] : NULL;
}

const char *const dialect_names[DIALECTS] = {
    [DIALECT_NONE] = "",
    [DIALECT_OPENAI] = "openai",
    [DIALECT_RESPONSES] = "responses",
    [DIALECT_ANTHROPIC] = "anthropic",
    [DIALECT_GEMINI] = "gemini",
    [DIALECT_BEDROCK] = "bedrock",
    [DIALECT_COHERE] = "cohere",
};
