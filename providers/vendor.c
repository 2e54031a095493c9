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

/* In the order in which zero-config tries them. */
static const struct vendor vendors[] = {
    {.name = "openai",
     .root = "https://api.openai.com",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .key_env = "OPENAI_API_KEY",
     .default_models = OPENAI_MODELS,
     .reference = "OpenAI API reference",
     .needs_key = true},
    {.name = "anthropic",
     .root = "https://api.anthropic.com",
     .faces = {{.dialect = DIALECT_ANTHROPIC, .path = "/v1"}},
     .auth = AUTH_X_API_KEY,
     .key_env = "ANTHROPIC_API_KEY",
     .default_models = "claude-*",
     .reference = "Claude API reference, API overview",
     .needs_key = true},
    {.name = "gemini",
     .root = "https://generativelanguage.googleapis.com",
     .faces = {{.dialect = DIALECT_GEMINI, .path = "/v1beta"}},
     .auth = AUTH_X_GOOG_API_KEY,
     .key_env = "GEMINI_API_KEY",
     .default_models = "gemini-*,gemma-*,imagen-*,veo-*",
     .reference = "Gemini API reference",
     .needs_key = true},
    {.name = "cohere",
     .root = "https://api.cohere.com",
     .faces = {{.dialect = DIALECT_COHERE, .path = ""}},
     .auth = AUTH_BEARER,
     .key_env = "COHERE_API_KEY",
     .default_models = "command-*,c4ai-*,embed-english-*,embed-multilingual-*,embed-v*,rerank-*",
     .reference = "Cohere API v2 reference",
     .needs_key = true},
    {.name = "groq",
     .root = "https://api.groq.com",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/openai/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/openai/v1"}},
     .auth = AUTH_BEARER,
     .key_env = "GROQ_API_KEY",
     .reference = "Groq API reference",
     .needs_key = true},
    {.name = "mistral",
     .root = "https://api.mistral.ai",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .key_env = "MISTRAL_API_KEY",
     .default_models = "mistral-*,ministral-*,magistral-*,codestral-*,devstral-*,pixtral-*",
     .reference = "Mistral API reference",
     .quirks = QUIRK_TELLS_USAGE,
     .needs_key = true},
    {.name = "deepseek",
     .root = "https://api.deepseek.com",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .key_env = "DEEPSEEK_API_KEY",
     .default_models = "deepseek-chat,deepseek-reasoner",
     .reference = "DeepSeek API docs",
     .needs_key = true},
    {.name = "xai",
     .root = "https://api.x.ai",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .key_env = "XAI_API_KEY",
     .default_models = "grok-*",
     .reference = "xAI API reference",
     .needs_key = true},
    {.name = "openrouter",
     .root = "https://openrouter.ai/api",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .key_env = "OPENROUTER_API_KEY",
     .reference = "OpenRouter API reference",
     .needs_key = true},
    {.name = "together",
     .root = "https://api.together.xyz",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .key_env = "TOGETHER_API_KEY",
     .reference = "Together API reference",
     .needs_key = true},
    {.name = "fireworks",
     .root = "https://api.fireworks.ai/inference",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .key_env = "FIREWORKS_API_KEY",
     .reference = "Fireworks API reference",
     .needs_key = true},
    {.name = "cerebras",
     .root = "https://api.cerebras.ai",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .key_env = "CEREBRAS_API_KEY",
     .reference = "Cerebras inference docs",
     .needs_key = true},
    /* Local servers: they take any key or none, and their default ports. */
    {.name = "ollama",
     .root = "http://localhost:11434",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .reference = "Ollama docs, OpenAI compatibility"},
    {.name = "vllm",
     .root = "http://localhost:8000",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .reference = "vLLM docs, OpenAI-compatible server"},
    {.name = "lmstudio",
     .root = "http://localhost:1234",
     .faces = {{.dialect = DIALECT_OPENAI, .path = "/v1"},
               {.dialect = DIALECT_RESPONSES, .path = "/v1"}},
     .auth = AUTH_BEARER,
     .reference = "LM Studio docs, OpenAI compatibility endpoints"},
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

uint32_t vendor_dialects(const struct vendor *v)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < FACES_MAX && v->faces[i].dialect != DIALECT_NONE; i++)
        bits |= 1u << v->faces[i].dialect;
    return bits;
}

static bool is_for(const struct vendor_face *face, struct str model)
{
    struct str globs = str_of(face->models);
    struct str glob;

    if (globs.len == 0 || model.len == 0)
        return true;
    while (str_next(&globs, ',', &glob)) {
        if (glob_match(glob, model))
            return true;
    }
    return false;
}

const struct vendor_face *vendor_face(const struct vendor *v, enum dialect_id dialect)
{
    for (size_t i = 0; i < FACES_MAX && v->faces[i].dialect != DIALECT_NONE; i++) {
        if (dialect == DIALECT_NONE || v->faces[i].dialect == dialect)
            return &v->faces[i];
    }
    return NULL;
}

const struct vendor_face *vendor_choose(const struct vendor *v, enum dialect_id forced,
                                        enum dialect_id wanted, struct str model)
{
    const struct vendor_face *first = NULL;

    if (forced != DIALECT_NONE)
        return vendor_face(v, forced);
    for (size_t i = 0; i < FACES_MAX && v->faces[i].dialect != DIALECT_NONE; i++) {
        const struct vendor_face *face = &v->faces[i];

        if (!is_for(face, model))
            continue;
        if (face->dialect == wanted)
            return face;
        if (first == NULL)
            first = face;
    }
    return first;
}

bool vendor_face_base(const struct vendor *v, enum dialect_id forced,
                      const struct vendor_face *face, struct str base_url, struct str out[2])
{
    const struct vendor_face *own = vendor_face(v, forced);
    struct str path = own != NULL ? str_of(own->path) : STR_NONE;

    if (own == NULL)
        return false;
    out[1] = STR_NONE;
    out[0] = base_url;
    if (face == own || strcmp(face->path, own->path) == 0)
        return true;
    if (!str_ends(base_url, path))
        return false;
    out[0].len -= path.len;
    out[1] = str_of(face->path);
    return true;
}

enum vendor_auth vendor_auth(const struct vendor *v, const struct vendor_face *face)
{
    return face->auth != AUTH_DEFAULT ? face->auth : v->auth;
}
