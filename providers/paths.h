/*
 * paths - what a URL asks for: dialect, operation, and the model where the wire puts it there.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * One table for all base URLs: /, /openai, /anthropic, /genai, /bedrock, /cohere, and /langchain,
 * /pydanticai and /litellm with all of those beneath. And the other way: the URL of an operation at
 * a provider. Does not: check methods (the caller does, with `allow`), know vendors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_PATHS_H
#define PROVIDERS_PATHS_H

#include <stdbool.h>

#include "providers/chat.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/str.h"

enum path_op {
    OP_NONE, /* no path of ours */
    OP_CHAT,
    OP_COMPLETIONS, /* the legacy one of OpenAI */
    OP_EMBEDDINGS,
    OP_EMBEDDINGS_BATCH, /* Gemini: batchEmbedContents */
    OP_RERANK,
    OP_COUNT_TOKENS, /* Anthropic count_tokens, Gemini countTokens, Bedrock count-tokens, Cohere
                        tokenize */
    OP_INVOKE,       /* Bedrock: the body is that of the model's own vendor */
    OP_MODELS,       /* answered by the worker itself: the list, or one */
    OP_FILES,        /* relayed; uploads have no model */
    OP_RELAY         /* at home only: byte for byte; a model where the wire has one */
};

struct path {
    enum dialect_id dialect;
    enum path_op op;
    const char *endpoint; /* for records and globs: "chat.completions", "messages", "files" */
    const char *allow;    /* methods, as the Allow header writes them */
    const char *vendor;   /* a prefix's own, for bare model names: "anthropic"; NULL: none */
    struct str tail;      /* behind the version segment, with its slash: "/chat/completions" */
    /* The model where the path has it, decoded (arena); and what stands around it in the URL of a
     * provider: "/models/" and ":generateContent". */
    struct str model;
    struct str before, after;
    struct str version; /* Gemini: "v1", "v1beta", "v1alpha"; empty: none */
    bool has_model;     /* the path has a place for it */
    bool stream, sse;   /* said by the path; sse: Gemini's alt=sse */
    bool needs_model;   /* the body must name one, if the path does not */
    bool is_broad; /* it reaches further than the model that it may name: batches, stored objects */
    bool is_upload; /* Gemini's: "/upload" stands before the version */
    bool
        is_vertex; /* Claude's at Vertex AI: the body is Anthropic's but for its model and version */
    bool is_azure; /* /deployments/: the body need not have a model, the query an api-version */
};

/*
 * What a path (without its query) asks for. `hint`: whose headers the client sends, for the few paths
 * that two dialects share (/v1/models, /v1/files); DIALECT_NONE: nobody's. False when it is not ours; then
 * only out->dialect tells anything: whose client expects its own errors there, if it can be told.
 */
bool path_parse(struct arena *a, struct str path, struct str query, enum dialect_id hint,
                struct path *out);

/* --- base URLs (paths_base.c) --- */

/* Is `prefix` the path's first segments? Then *rest is what follows, with its slash, or empty. */
bool path_under(struct str path, struct str prefix, struct str *rest);

/* A path without the part of it that a client has as its base URL. */
struct path_base {
    struct str rest;
    enum dialect_id dialect; /* DIALECT_NONE: at the root, and where all others are beneath */
    const char *vendor;      /* as in struct path */
};
struct path_base path_base(struct str path);
/* Whose path is this, although nobody knows it? DIALECT_NONE: it cannot be told. */
enum dialect_id path_guess(const struct path_base *base);
/*
 * The path that an unknown one was most likely meant to be, below the same prefix; *is_near false: there
 * is none, it is but an example.
 */
struct str path_near(struct arena *a, struct str path, bool *is_near);

/* --- the URL at a provider (paths_upstream.c) --- */

/*
 * The path of an operation below a face's base URL, with its query if it has one:
 * "/models/gemini-2.5-pro:streamGenerateContent?alt=sse". STR_NONE when the dialect has no such
 * operation. The model is escaped as the dialect's own SDK does.
 */
struct str path_for(struct arena *a, enum dialect_id dialect, enum path_op op, struct str model,
                    bool stream);
/* `before`, the model escaped, `after`: the same for what is relayed. */
struct str path_with_model(struct arena *a, const struct path *path, struct str model);
/* Can a model of this name stand in a path? Not "..", nor anything that a server would take for it. */
bool path_model_is_safe(struct str model);

#endif
