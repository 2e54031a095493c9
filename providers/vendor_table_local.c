/*
 * vendor_table_local - local servers, servers of a known kind, the mock.
 */
#include "providers/vendor.h"

#define MOCK_MODELS                                                                                \
    "echo,tool,json,hang,think,refuse,image,tool-*,lorem-*,slow-*,error-*,cut-*,flaky-*"

/* Where the mock has its dialects. */
#define MOCK_OPENAI                                                                                \
    {                                                                                              \
        .dialect = DIALECT_OPENAI, .path = "/v1"                                                   \
    }
#define MOCK_RESPONSES                                                                             \
    {                                                                                              \
        .dialect = DIALECT_RESPONSES, .path = "/v1"                                                \
    }
#define MOCK_ANTHROPIC                                                                             \
    {                                                                                              \
        .dialect = DIALECT_ANTHROPIC, .path = "/anthropic/v1"                                      \
    }
#define MOCK_GEMINI                                                                                \
    {                                                                                              \
        .dialect = DIALECT_GEMINI, .path = "/genai/v1beta"                                         \
    }
#define MOCK_BEDROCK                                                                               \
    {                                                                                              \
        .dialect = DIALECT_BEDROCK, .path = "/bedrock"                                             \
    }
#define MOCK_COHERE                                                                                \
    {                                                                                              \
        .dialect = DIALECT_COHERE, .path = "/cohere"                                               \
    }

const struct vendor vendor_table_local[] = {
    /* Local servers: they take any key or none, and their default ports. */
    {.name = "ollama",
     .root = "http://localhost:11434",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"},
               {.dialect = DIALECT_ANTHROPIC, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .reference = "Ollama docs, OpenAI and Anthropic compatibility",
     .checked = CHECKED_ADDRESS,
     .quirks = QUIRK_NO_DEVELOPER | QUIRK_NO_STORAGE | QUIRK_NO_SERVICE_TIER},
    {.name = "vllm",
     .root = "http://localhost:8000",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"},
               {.dialect = DIALECT_ANTHROPIC, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .reference = "vLLM, its OpenAI server, ChatCompletionRequest; its Anthropic server",
     .checked = CHECKED_ALL,
     .quirks = QUIRK_SAMPLING},
    {.name = "sglang",
     .root = "http://localhost:30000",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"},
               {.dialect = DIALECT_ANTHROPIC, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .reference = "SGLang, ChatCompletionRequest; docs, Anthropic-compatible API",
     .checked = CHECKED_ALL,
     .quirks = QUIRK_SAMPLING | QUIRK_REASONING_CONTENT | QUIRK_NO_STORAGE | QUIRK_NO_SERVICE_TIER},
    {.name = "llama.cpp",
     .root = "http://localhost:8080",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_ANTHROPIC, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .reference = "llama.cpp, server README: OpenAI- and Anthropic-compatible endpoints",
     .checked = CHECKED_ADDRESS,
     .quirks = QUIRK_SAMPLING | QUIRK_NO_STORAGE | QUIRK_NO_SERVICE_TIER},
    {.name = "lmstudio",
     .root = "http://localhost:1234",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"},
               {.dialect = DIALECT_ANTHROPIC, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .reference = "LM Studio docs, OpenAI- and Anthropic-compatible endpoints",
     .checked = CHECKED_ADDRESS,
     .quirks = QUIRK_NO_DEVELOPER | QUIRK_SAMPLING | QUIRK_NO_STORAGE | QUIRK_NO_SERVICE_TIER},
    /* Other gateways, to be fronted: what they pass on is whatever stands behind them, so no quirks. */
    {.name = "litellm",
     .root = "http://localhost:4000",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"},
               {.dialect = DIALECT_ANTHROPIC, .path = "/v1"},
               {.dialect = DIALECT_GEMINI, .path = "/v1beta"}},
     .auth = AUTH_BEARER,
     .reference = "LiteLLM docs, proxy: quick start, virtual keys, /v1/messages, generateContent",
     .checked = CHECKED_ADDRESS},
    {.name = "bifrost",
     .root = "http://localhost:8080",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"},
               {.dialect = DIALECT_ANTHROPIC, .path = "/anthropic/v1"},
               {.dialect = DIALECT_GEMINI, .path = "/genai/v1beta"}},
     .auth = AUTH_BEARER,
     .reference = "Bifrost docs: OpenAI, Anthropic and GenAI integrations, virtual keys",
     .checked = CHECKED_ADDRESS},
    /* What a base URL is of, is not known: it counts as whole, for both OpenAI dialects. */
    {.name = "openai-compatible",
     .faces = {{.dialect = DIALECT_OPENAI, .path = ""}, {.dialect = DIALECT_RESPONSES, .path = ""}},
     .auth = AUTH_BEARER},
    {.name = "anthropic-compatible",
     .faces = {{.dialect = DIALECT_ANTHROPIC, .path = ""}},
     .auth = AUTH_X_API_KEY},
    {.name = "mock",
     .faces = {MOCK_OPENAI, MOCK_RESPONSES, MOCK_ANTHROPIC, MOCK_GEMINI, MOCK_BEDROCK, MOCK_COHERE},
     .auth = AUTH_NONE,
     .default_models = MOCK_MODELS,
     .is_mock = true},
    /* One face each: every pair of dialects can be tried without an account. */
    {.name = "mock-openai", .faces = {MOCK_OPENAI}, .auth = AUTH_NONE, .is_mock = true},
    {.name = "mock-responses", .faces = {MOCK_RESPONSES}, .auth = AUTH_NONE, .is_mock = true},
    {.name = "mock-anthropic", .faces = {MOCK_ANTHROPIC}, .auth = AUTH_NONE, .is_mock = true},
    {.name = "mock-gemini", .faces = {MOCK_GEMINI}, .auth = AUTH_NONE, .is_mock = true},
    {.name = "mock-bedrock", .faces = {MOCK_BEDROCK}, .auth = AUTH_NONE, .is_mock = true},
    {.name = "mock-cohere", .faces = {MOCK_COHERE}, .auth = AUTH_NONE, .is_mock = true},
};
const size_t vendor_table_local_n = ARRAY_LEN(vendor_table_local);
