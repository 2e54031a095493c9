/*
 * target - what an encoder must know of the model and vendor it writes for.
 *
 * Runs in:  worker, tests.   Reads, writes: nothing shared.
 * Filled in by the worker from the vendor's row and the catalogue; zeroes mean "unknown", and an
 * encoder then writes what the dialect's own reference says. Does not: hold credentials.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_TARGET_H
#define PROVIDERS_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/chat.h"
#include "server/base/str.h"

/* Differences between vendors of one dialect, as flags of a vendor's row. */
#define QUIRK_TELLS_USAGE (1u << 0)    /* ends streams with usage unasked; refuses stream_options */
#define QUIRK_MAX_COMPLETION (1u << 1) /* wants max_completion_tokens instead of max_tokens */
#define QUIRK_NO_DEVELOPER (1u << 2)   /* knows role system only */
#define QUIRK_NO_STRICT (1u << 3)      /* refuses `strict` in tools */
#define QUIRK_NO_SCHEMA (1u << 4)      /* response_format: json_object only */
#define QUIRK_NO_PARALLEL (1u << 5)    /* refuses parallel_tool_calls */
#define QUIRK_TOOL_ANY (1u << 6)       /* says "any" for "required" */
#define QUIRK_NO_NAME (1u << 7)        /* refuses `name` in messages */
#define QUIRK_REASONING_CONTENT (1u << 8) /* thinking comes and goes as reasoning_content */
#define QUIRK_NO_USER (1u << 9)           /* refuses `user` */
#define QUIRK_NO_PENALTIES (1u << 10)
#define QUIRK_NO_SEED (1u << 11)
#define QUIRK_RANDOM_SEED (1u << 12) /* calls it random_seed */
#define QUIRK_NO_N (1u << 13)
#define QUIRK_NO_LOGPROBS (1u << 14)
#define QUIRK_NO_STREAM_OPTIONS                                                                    \
    (1u << 15) /* refuses stream_options and tells no usage in streams */
#define QUIRK_NO_SERVICE_TIER (1u << 16)
#define QUIRK_NO_STOP (1u << 17) /* refuses stop sequences */
#define QUIRK_VERTEX (1u << 18)  /* Anthropic: anthropic_version in the body, model in the URL */
#define QUIRK_LOGPROBS_COUNT                                                                       \
    (1u << 19) /* `logprobs` is how many; there is no top_logprobs (Together) */
#define QUIRK_NO_PENALTY_THINKING                                                                  \
    (1u << 20) /* reasoning models: refuses temperature and its like */
#define QUIRK_INVOKE                                                                               \
    (1u << 21) /* Anthropic behind Bedrock's InvokeModel: as QUIRK_VERTEX, no stream */
#define QUIRK_SAMPLING (1u << 22) /* takes top_k, min_p, repetition_penalty (vLLM and its kin) */
#define QUIRK_CACHE_CONTROL (1u << 23)  /* takes Anthropic's cache_control in OpenAI's parts */
#define QUIRK_STRING_CONTENT (1u << 24) /* OpenAI: `content` must be a string, not parts */
#define QUIRK_NO_STORAGE (1u << 25)     /* refuses store, metadata, verbosity, prompt_cache_key */
#define QUIRK_SHORT_IDS (1u << 30) /* OpenAI: tool call ids of nine letters and digits (Mistral) */
/* How a vendor of the OpenAI dialect is asked to think; none of them: reasoning_effort. */
#define QUIRK_REASONING_OBJECT (1u << 26) /* reasoning: {effort | max_tokens} (OpenRouter) */
#define QUIRK_THINKING_OBJECT (1u << 27)  /* thinking: {type} (Zhipu, DeepSeek, Moonshot) */
#define QUIRK_ENABLE_THINKING (1u << 28)  /* enable_thinking, thinking_budget (Qwen) */
#define QUIRK_NO_REASONING (1u << 29)     /* cannot be asked; refuses all of these */

#define QUIRK_NO_COMPLETIONS (1u << 31) /* chat only: text completions become chats */

/* What the catalogue knows of a model. */
#define MODEL_IMAGES (1u << 0)
#define MODEL_AUDIO (1u << 1)
#define MODEL_DOCUMENTS (1u << 2)
#define MODEL_TOOLS (1u << 3)
#define MODEL_REASONING (1u << 4) /* has a thinking mode */
#define MODEL_SCHEMA (1u << 5)    /* structured output */
#define MODEL_KNOWN (1u << 6)     /* the catalogue has it: a missing flag above means "cannot" */
#define MODEL_ADAPTIVE (1u << 7)  /* Claude: thinking by effort, no budget_tokens */
#define MODEL_EFFORT (1u << 8)    /* Gemini 3 and later: thinkingLevel instead of thinkingBudget */
#define MODEL_CHAT (1u << 9)
#define MODEL_EMBED (1u << 10)
#define MODEL_SYSTEM_TURNS                                                                         \
    (1u << 11) /* Claude Opus 4.8 and later: role system among the messages */
#define MODEL_RERANK (1u << 12)

struct chat_target {
    struct str model;     /* the upstream's name for it, not escaped */
    uint32_t quirks;      /* QUIRK_* */
    uint32_t model_flags; /* MODEL_* */
    uint64_t max_output;  /* tokens; 0: unknown */
    bool wants_usage;     /* ask a stream for its usage where the dialect must be asked */
};

#endif
