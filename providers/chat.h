/*
 * chat - the neutral request: what a client of any dialect asks of a model of any other.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Six dialects decode into it and encode from it, so N formats need 2N functions. Everything lies
 * in one arena or points into the request's body, and is read-only once decoded: a retry encodes
 * the same struct again for another dialect.
 *
 * Texts marked `escaped` are the inside of a JSON string exactly as it stood on the wire, without
 * its quotes. All six wires are JSON, so text goes from one to another by one copy; who needs the
 * bytes themselves (tool arguments, data URLs) asks for them (chat_text.h). Texts marked `raw` are
 * a whole JSON value as it stood. Numbers stay raw, so that 0.70 stays 0.70.
 *
 * A decoder puts every field of the wire into a member here or names it in `extras`; what an
 * encoder cannot say it names in struct chat_loss (loss.h). Nothing is dropped in silence.
 * Does not: know providers, prices, or what a model can do (target.h tells an encoder that).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_CHAT_H
#define PROVIDERS_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/json.h"
#include "server/base/str.h"

/* Wire formats. The numbers go through shared memory and records: append only. */
enum dialect_id {
    DIALECT_NONE,
    DIALECT_OPENAI,    /* POST chat/completions */
    DIALECT_RESPONSES, /* POST responses */
    DIALECT_ANTHROPIC, /* POST messages */
    DIALECT_GEMINI,    /* models/{m}:generateContent */
    DIALECT_BEDROCK,   /* model/{id}/converse */
    DIALECT_COHERE,    /* POST v2/chat */
    DIALECTS
};

#define CHAT_MESSAGES_MAX 100000 /* more nodes than this are refused before they are built */
#define CHAT_EXTRAS_MAX 256      /* a client that says more than these has been told enough */

enum chat_role { ROLE_SYSTEM = 1, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

enum chat_block_kind {
    BLOCK_TEXT = 1,
    BLOCK_IMAGE,
    BLOCK_AUDIO,
    BLOCK_VIDEO,
    BLOCK_DOCUMENT,
    BLOCK_TOOL_CALL,   /* by the assistant */
    BLOCK_TOOL_RESULT, /* to it */
    BLOCK_THINKING,    /* text and, perhaps, a signature */
    BLOCK_REDACTED,    /* thinking that only its provider can read: `signature` is the data */
    BLOCK_REFUSAL,
    BLOCK_OTHER /* no equivalent anywhere else: only `raw` and `name` (its wire type) are set */
};

/* A cache point behind a block, tool or message, as the client set it. */
enum chat_cache { CACHE_NONE, CACHE_5M, CACHE_1H };

/*
 * Who can read a thinking signature or encrypted reasoning. It survives a round trip through a
 * client of another dialect in a wrapping that chat_wrap makes and chat_unwrap takes off.
 */
enum chat_signer {
    SIGNER_NONE,
    SIGNER_ANTHROPIC, /* Claude, wherever it runs (also behind Bedrock and Vertex) */
    SIGNER_GEMINI,
    SIGNER_OPENAI,
    SIGNER_OTHER /* reads only its own dialect's, at home */
};

enum chat_source { SOURCE_BASE64 = 1, SOURCE_URL, SOURCE_FILE, SOURCE_TEXT };

struct chat_media {
    enum chat_source source;
    struct str type;   /* escaped: "image/png"; empty: unknown */
    struct str data;   /* escaped: base64, URL, file id, or a plain text document */
    struct str name;   /* escaped: file name or title; empty: none */
    struct str detail; /* escaped: "low", "high"; empty: none */
};

struct chat_citation {
    struct chat_citation *next;
    struct str url, title, text; /* escaped; empty: not told */
    int64_t start, end;          /* in the answer's text, in characters; -1: not told */
    struct str raw;              /* as it stood in its dialect */
};

struct chat_block {
    struct chat_block *next;
    enum chat_block_kind kind;
    enum chat_cache cache;
    struct str raw;  /* the wire's value, when it was one value */
    struct str text; /* escaped: TEXT, THINKING, REFUSAL */
    struct chat_media media;
    /* TOOL_CALL and TOOL_RESULT. Exactly one of the two arguments is set by a decoder. */
    struct str id, name;        /* escaped; a result's name is filled in from its call */
    struct str arguments;       /* raw: an object, from dialects that write one */
    struct str arguments_text;  /* escaped: the object's text, from dialects that write a string */
    struct chat_block *content; /* TOOL_RESULT: text, images, documents */
    bool is_error;              /* TOOL_RESULT */
    bool is_json;               /* TOOL_RESULT: `raw` of its one text block is a JSON value */
    struct str signature;       /* escaped, unwrapped: THINKING, REDACTED, TOOL_CALL (Gemini) */
    enum chat_signer signer;    /* of `signature` */
    struct chat_citation *citations; /* TEXT */
};

struct chat_message {
    struct chat_message *next;
    enum chat_role role;
    struct str name; /* escaped: of the participant; empty: none */
    struct chat_block *blocks;
    struct chat_block *last;
};

/* Tools that the provider runs itself. */
enum chat_builtin {
    BUILTIN_NONE, /* a function of the client's */
    BUILTIN_WEB_SEARCH,
    BUILTIN_WEB_FETCH,
    BUILTIN_CODE,
    BUILTIN_FILE_SEARCH,
    BUILTIN_COMPUTER,
    BUILTIN_SHELL,
    BUILTIN_EDITOR,
    BUILTIN_IMAGE,
    BUILTIN_MCP,
    BUILTIN_MAPS,
    BUILTIN_OTHER
};

enum chat_three { UNSET, NO, YES };

struct chat_tool {
    struct chat_tool *next;
    enum chat_builtin builtin;
    struct str name;        /* escaped; of a built-in: its wire type */
    struct str description; /* escaped */
    struct str schema;      /* raw JSON Schema of the parameters; empty: none */
    enum chat_three strict;
    /* A free-form tool of OpenAI's (`custom`), given as a function of one string, `input`. Its calls
     * have {"input":"..."}; the client's encoder makes free-form calls of them again. */
    bool is_freeform;
    enum chat_cache cache;
    struct str raw; /* the whole declaration as it stood */
};

enum chat_choice { CHOICE_UNSET, CHOICE_AUTO, CHOICE_NONE, CHOICE_REQUIRED, CHOICE_NAMED };
enum chat_format { FORMAT_UNSET, FORMAT_TEXT, FORMAT_JSON, FORMAT_SCHEMA, FORMAT_GRAMMAR };

/* Ordered; reasoning.h maps them to token budgets and back by a written table. */
enum chat_effort {
    EFFORT_UNSET,
    EFFORT_NONE,
    EFFORT_MINIMAL,
    EFFORT_LOW,
    EFFORT_MEDIUM,
    EFFORT_HIGH,
    EFFORT_XHIGH,
    EFFORT_MAX
};

struct chat_reasoning {
    enum chat_effort effort; /* as the client said it, or UNSET */
    int64_t budget;          /* tokens; -1: dynamic; BUDGET_UNSET: not told */
    enum chat_three show;    /* thoughts or a summary in the answer */
    struct str summary;      /* escaped: "auto", "detailed"; empty: not told */
    bool adaptive;           /* Anthropic's `thinking: {type: adaptive}` */
};
#define BUDGET_UNSET INT64_MIN

struct chat_extra { /* a field without a meaning here */
    struct chat_extra *next;
    struct str
        name; /* as a client would look for it: "logit_bias", "generationConfig.mediaResolution" */
    struct str raw; /* its value; empty for what stands deep inside messages */
};

struct chat_text_list {
    struct chat_text_list *next;
    struct str text; /* escaped */
};

struct chat {
    enum dialect_id from;
    struct str model; /* as the client wrote it, decoded */
    bool stream;
    bool include_usage; /* OpenAI: the client asked for the usage chunk */
    bool is_completion; /* decoded from the legacy completions endpoint */
    bool is_functions;  /* OpenAI: tools came as the old `functions`; calls go back likewise */
    struct chat_message *messages, *last_message; /* system and developer in their places */
    uint32_t n_messages;
    struct chat_tool *tools, *last_tool;
    uint32_t n_tools;
    enum chat_choice tool_choice;
    struct str tool_name; /* escaped: CHOICE_NAMED */
    enum chat_three parallel_tools;
    enum chat_format format;
    struct str format_name, format_description; /* escaped */
    struct str format_schema; /* raw: FORMAT_SCHEMA; FORMAT_GRAMMAR: as it stood */
    enum chat_three format_strict;
    struct chat_reasoning reasoning;
    uint64_t max_tokens; /* of the answer, thinking included; 0: not told */
    /* raw numbers; empty: not told */
    struct str temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty,
        repetition_penalty, seed, top_logprobs;
    enum chat_three logprobs;
    uint32_t n; /* answers; 0: not told */
    struct chat_text_list *stops, *last_stop;
    struct str logit_bias;   /* raw */
    struct str user;         /* escaped: the end user's id */
    struct str metadata;     /* raw object */
    struct str service_tier; /* escaped */
    struct str verbosity;    /* escaped */
    struct str cache_key;    /* escaped: prompt_cache_key */
    enum chat_three store;
    struct chat_extra *extras, *last_extra; /* in the order of the wire */
    uint32_t n_extras;
};

struct chat_usage {
    bool known;
    uint64_t input;                  /* all of the prompt, cached and cache-written included */
    uint64_t output;                 /* all of the answer, reasoning included */
    uint64_t cached;                 /* part of input, read from the provider's cache */
    uint64_t written_5m, written_1h; /* part of input, written into it */
    uint64_t reasoning;              /* part of output */
    uint64_t audio_in, audio_out;    /* parts of input and output */
    uint64_t tool_input;             /* Gemini's toolUsePromptTokenCount, part of input */
    uint64_t searches;               /* server tool uses that are billed by number */
};

enum chat_stop {
    STOP_NONE,
    STOP_END,      /* the model was done */
    STOP_LENGTH,   /* max_tokens */
    STOP_CONTEXT,  /* the context window is full */
    STOP_TOOL,     /* it wants tools called */
    STOP_SEQUENCE, /* a stop sequence; its text in the event */
    STOP_FILTER,   /* content filter, safety, guardrail */
    STOP_REFUSAL,
    STOP_PAUSE, /* a server tool's turn: send the answer back to go on */
    STOP_ERROR
};

enum chat_error_kind {
    ERROR_INVALID = 1, /* 400, 422 */
    ERROR_AUTH,        /* 401 */
    ERROR_BILLING,     /* 402 */
    ERROR_PERMISSION,  /* 403 */
    ERROR_NOT_FOUND,   /* 404 */
    ERROR_METHOD,      /* 405 */
    ERROR_CONFLICT,    /* 409 */
    ERROR_TOO_LARGE,   /* 413 */
    ERROR_RATE,        /* 429 */
    ERROR_SERVER,      /* 500 */
    ERROR_UPSTREAM,    /* 502: the provider made no sense */
    ERROR_OVERLOADED,  /* 503, 529 */
    ERROR_TIMEOUT      /* 504, 408 */
};

/* A refusal of ours, or a provider's error in neutral words. */
struct chat_error {
    enum chat_error_kind kind;
    int status;         /* HTTP */
    struct str message; /* escaped */
    struct str type;    /* escaped: as the provider called it; empty: of the kind */
    struct str code;    /* escaped; empty: none */
    struct str param;   /* escaped: the field at fault; empty: none */
};

/* What a translation works with. */
struct chat_codec {
    struct arena *arena;   /* for what lives as long as the request */
    struct arena *scratch; /* reset by the caller after each event: nothing in it is kept */
    struct json_parser *json;
};

/* --- building (chat.c) --- */

struct chat_message *chat_add_message(const struct chat_codec *c, struct chat *chat,
                                      enum chat_role role);
struct chat_block *chat_add_block(const struct chat_codec *c, struct chat_message *m,
                                  enum chat_block_kind kind);
struct chat_tool *chat_add_tool(const struct chat_codec *c, struct chat *chat);
/* A field with no meaning here. `name` is copied. One without a value is noted once; what is past
 * CHAT_EXTRAS_MAX is not. */
void chat_add_extra(const struct chat_codec *c, struct chat *chat, struct str name, struct str raw);
void chat_add_stop(const struct chat_codec *c, struct chat *chat, struct str escaped);
/*
 * Give results the names of the calls they answer (Gemini and Cohere want them). -1 with *err when
 * a result answers no call before it: its own provider would refuse it too.
 */
BF_MUST_CHECK int chat_link_results(const struct chat_codec *c, struct chat *chat,
                                    struct chat_error *err);

/* "messages[3].content", ... for errors: an ERROR_INVALID with status 400. Always returns -1. */
int chat_invalid(const struct chat_codec *c, struct chat_error *err, const char *param,
                 const char *fmt, ...) BF_PRINTF(4, 5);
const char *chat_must_be(enum json_type type); /* "must be a string" */
enum chat_error_kind chat_error_kind_of(int status);
int chat_error_status(enum chat_error_kind kind);

#endif
