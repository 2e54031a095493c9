#include "providers/vendor.h"

/*
 * Names that resolve without "provider/" in front. Exact ones are listed by GET /v1/models, globs
 * are not (nobody knows what they stand for).
 */
#define OPENAI_MODELS                                                                              \
    "gpt-4o,gpt-4o-mini,gpt-4.1,gpt-4.1-mini,gpt-4.1-nano,gpt-5,gpt-5-mini,gpt-5-nano,"            \
    "o3,o3-mini,o4-mini,text-embedding-3-small,text-embedding-3-large,omni-moderation-latest,"     \
    "gpt-*,o1*,o3*,o4*,chatgpt-*,codex-*,computer-use-*,text-embedding-*,omni-moderation-*,"       \
    "text-moderation-*,dall-e-*,whisper-*,tts-*,davinci-*,babbage-*,ft:*"

#define MOCK_MODELS "echo,tool,json,hang,lorem-*,slow-*,error-*,cut-*,flaky-*"

/* In the order in which zero-config tries them. */
static const struct vendor vendors[] = {
    {.name = "openai",
     .base_url = "https://api.openai.com/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER,
     .key_env = "OPENAI_API_KEY",
     .default_models = OPENAI_MODELS,
     .needs_key = true},
    {.name = "groq",
     .base_url = "https://api.groq.com/openai/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER,
     .key_env = "GROQ_API_KEY",
     .needs_key = true},
    {.name = "mistral",
     .base_url = "https://api.mistral.ai/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER,
     .key_env = "MISTRAL_API_KEY",
     .default_models = "mistral-*,ministral-*,magistral-*,codestral-*,devstral-*,pixtral-*",
     .needs_key = true,
     .tells_usage = true},
    {.name = "deepseek",
     .base_url = "https://api.deepseek.com/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER,
     .key_env = "DEEPSEEK_API_KEY",
     .default_models = "deepseek-chat,deepseek-reasoner",
     .needs_key = true},
    {.name = "xai",
     .base_url = "https://api.x.ai/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER,
     .key_env = "XAI_API_KEY",
     .default_models = "grok-*",
     .needs_key = true},
    {.name = "openrouter",
     .base_url = "https://openrouter.ai/api/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER,
     .key_env = "OPENROUTER_API_KEY",
     .needs_key = true},
    {.name = "together",
     .base_url = "https://api.together.xyz/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER,
     .key_env = "TOGETHER_API_KEY",
     .needs_key = true},
    {.name = "fireworks",
     .base_url = "https://api.fireworks.ai/inference/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER,
     .key_env = "FIREWORKS_API_KEY",
     .needs_key = true},
    {.name = "cerebras",
     .base_url = "https://api.cerebras.ai/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER,
     .key_env = "CEREBRAS_API_KEY",
     .needs_key = true},
    /* Local servers: they take any key or none, and their default ports. */
    {.name = "ollama",
     .base_url = "http://localhost:11434/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER},
    {.name = "vllm",
     .base_url = "http://localhost:8000/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER},
    {.name = "lmstudio",
     .base_url = "http://localhost:1234/v1",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_BEARER},
    {.name = "openai-compatible", .dialect = DIALECT_OPENAI, .auth = AUTH_BEARER},
    {.name = "mock",
     .dialect = DIALECT_OPENAI,
     .auth = AUTH_NONE,
     .default_models = MOCK_MODELS,
     .is_mock = true},
};

size_t vendor_count(void)
{
    return ARRAY_LEN(vendors);
}

const struct vendor *vendor_get(size_t index)
{
    must(index < ARRAY_LEN(vendors));
    return &vendors[index];
}

const struct vendor *vendor_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(vendors); i++) {
        if (str_eq(str_of(vendors[i].name), name))
            return &vendors[i];
    }
    return NULL;
}
