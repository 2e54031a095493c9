#include "providers/cause.h"

#include <string.h>

#include "server/base/base.h"

#define WORDS_MAX 2048 /* of a message; it is said in the first sentence */

/* Codes and types, whole and as they are written. */
static const char *const context_codes[] = {
    "context_length_exceeded", /* OpenAI, Azure, Groq, DeepSeek, xAI */
    "context_window_exceeded",    "model_context_window_exceeded",
    "ContextWindowExceededError", /* LiteLLM */
    "exceed_context_size_error",  /* llama.cpp */
    "request_too_large",          /* Anthropic, 413 */
};
static const char *const filter_codes[] = {
    "content_filter", /* Azure */
    "content_policy_violation",
    "moderation_blocked", /* OpenAI's images */
    "ResponsibleAIPolicyViolation",
    "ContentPolicyViolationError", /* LiteLLM */
    "contentFilter",
    "data_inspection_failed", /* Alibaba */
    "DataInspectionFailed",
    "SAFETY", /* Gemini */
    "PROHIBITED_CONTENT",
};

/* Words of a message, in lower case. */
static const char *const context_words[] = {
    "maximum context length",     /* OpenAI, vLLM, DeepSeek, Mistral's servers */
    "exceeds the context window", /* OpenAI's responses */
    "exceed context limit",       /* Anthropic: input and max_tokens together */
    "prompt is too long",         /* Anthropic, also at Bedrock and Vertex */
    "input is too long",          /* Bedrock */
    "too many input tokens",      /* Bedrock */
    "too many tokens: total number of tokens in the", /* Cohere */
    "exceeds the maximum number of tokens allowed",   /* Gemini, Vertex */
    "maximum prompt length",                          /* xAI */
    "maximum context limit",
    "longer than the model's context length",
    "input tokens exceed the configured limit",
    "exceeds the available context size", /* llama.cpp */
    "tokens, which exceeds the model's",
    "too large for model with",                   /* Mistral */
    "`inputs` tokens + `max_new_tokens` must be", /* Hugging Face's servers, Together */
    "request payload size exceeds the limit",     /* Gemini */
    "content': string too long",
    "'input': string too long",
    "reduce the length of the messages", /* Groq, OpenAI's older models */
    "contextwindowexceeded",             /* another gateway's name for it */
};
static const char *const filter_words[] = {
    "content management policy",                 /* Azure */
    "blocked by content filtering policy",       /* Anthropic */
    "blocked by our content filter",             /* Bedrock's image models */
    "rejected as a result of our safety system", /* OpenAI's images */
    "rejected by the safety system",
    "potentially violating our usage policy", /* OpenAI's reasoning models */
    "content violates usage guidelines",      /* xAI */
    "responsible ai practices",               /* Vertex */
    "data may contain inappropriate content", /* Alibaba */
    "content exists risk",                    /* DeepSeek */
    "contentpolicyviolation",                 /* another gateway's name for it */
};

static bool is_one_of(struct str code, const char *const *codes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(code, str_of(codes[i])))
            return true;
    }
    return false;
}

static bool says_one_of(struct str message, const char *const *words, size_t n)
{
    char lower[WORDS_MAX];
    size_t len = min_u64(message.len, sizeof(lower));

    for (size_t i = 0; i < len; i++) {
        char c = message.p[i];

        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    for (size_t i = 0; i < n; i++) {
        if (memmem(lower, len, words[i], strlen(words[i])) != NULL)
            return true;
    }
    return false;
}

enum error_cause cause_of(const struct chat_error *e)
{
    if (is_one_of(e->code, filter_codes, ARRAY_LEN(filter_codes)) ||
        is_one_of(e->type, filter_codes, ARRAY_LEN(filter_codes)) ||
        says_one_of(e->message, filter_words, ARRAY_LEN(filter_words)))
        return CAUSE_FILTER;
    if (e->status == 413 || is_one_of(e->code, context_codes, ARRAY_LEN(context_codes)) ||
        is_one_of(e->type, context_codes, ARRAY_LEN(context_codes)) ||
        says_one_of(e->message, context_words, ARRAY_LEN(context_words)))
        return CAUSE_CONTEXT;
    return CAUSE_OTHER;
}
