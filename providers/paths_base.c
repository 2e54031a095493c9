/*
 * paths_base - base URLs; and of paths that are none of ours, whose they would be and what was meant.
 */
#include "providers/paths.h"

#define NEAR_BYTES 200 /* of a path that is looked at */

/* Base URLs that are one dialect's, and the vendor that a bare model name means there. */
static const struct prefix {
    struct str prefix;
    enum dialect_id dialect;
    const char *vendor;
} prefixes[] = {
    {{"/openai", 7}, DIALECT_OPENAI, "openai"},
    {{"/anthropic", 10}, DIALECT_ANTHROPIC, "anthropic"},
    {{"/genai", 6}, DIALECT_GEMINI, "gemini"},
    {{"/bedrock", 8}, DIALECT_BEDROCK, "bedrock"},
    {{"/cohere", 7}, DIALECT_COHERE, "cohere"},
};

/* Those that have all others beneath. */
static const struct str umbrellas[] = {{"/langchain", 10}, {"/pydanticai", 11}, {"/litellm", 8}};

bool path_under(struct str path, struct str prefix, struct str *rest)
{
    if (!str_starts(path, prefix) || (path.len > prefix.len && path.p[prefix.len] != '/'))
        return false;
    *rest = str_skip(path, prefix.len);
    return true;
}

struct path_base path_base(struct str path)
{
    struct path_base base = {path, DIALECT_NONE, NULL};

    for (size_t i = 0; i < ARRAY_LEN(umbrellas); i++) {
        if (path_under(path, umbrellas[i], &base.rest))
            break;
    }
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (!path_under(base.rest, prefixes[i].prefix, &base.rest))
            continue;
        base.dialect = prefixes[i].dialect;
        base.vendor = prefixes[i].vendor;
        break;
    }
    return base;
}

/* At the root what only one of them begins with. */
enum dialect_id path_guess(const struct path_base *base)
{
    static const struct {
        struct str first;
        enum dialect_id dialect;
    } firsts[] = {
        {{"/v1/messages", 12}, DIALECT_ANTHROPIC}, {{"/v1/responses", 13}, DIALECT_RESPONSES},
        {{"/v1beta", 7}, DIALECT_GEMINI},          {{"/v1alpha", 8}, DIALECT_GEMINI},
        {{"/v1beta1", 8}, DIALECT_GEMINI},         {{"/upload", 7}, DIALECT_GEMINI},
        {{"/model", 6}, DIALECT_BEDROCK},          {{"/v2", 3}, DIALECT_COHERE},
    };
    struct str rest;

    for (size_t i = 0; i < ARRAY_LEN(firsts) && base->dialect == DIALECT_NONE; i++) {
        if (path_under(base->rest, firsts[i].first, &rest))
            return firsts[i].dialect;
    }
    return base->dialect;
}

/* --- what was meant --- */

#define NEAR_MAX 24 /* paths of one dialect, and one: the list's end */

static const char *const openai_near[NEAR_MAX] = {
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/images/variations",
    "/v1/audio/speech",
    "/v1/files",
    "/v1/audio/translations",
    "/v1/audio/transcriptions",
    "/v1/models",
    "/v1/rerank",
    "/v1/batches",
    "/v1/uploads",
    "/v1/vector_stores",
    "/v1/fine_tuning/jobs",
    "/v1/assistants",
    "/v1/threads",
    "/v1/conversations",
    "/v1/messages", /* at the root */
};
static const char *const anthropic_near[NEAR_MAX] = {
    "/v1/messages", "/v1/messages/count_tokens", "/v1/messages/batches", "/v1/models", "/v1/files",
};
static const char *const gemini_near[NEAR_MAX] = {
    "/v1beta/models/{model}:generateContent",
    "/v1beta/models",
    "/v1beta/files",
    "/upload/v1beta/files",
    "/v1beta/cachedContents",
    "/v1beta/batches",
    "/v1beta/operations",
};
static const char *const gemini_verbs[NEAR_MAX] = {
    "generateContent", "streamGenerateContent", "countTokens",
    "embedContent",    "batchEmbedContents",    "batchGenerateContent",
};
static const char *const bedrock_near[NEAR_MAX] = {
    "/model/{modelId}/converse",
    "/model/{modelId}/invoke",
    "/async-invoke",
};
static const char *const bedrock_actions[NEAR_MAX] = {
    "converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens",
};
static const char *const cohere_near[NEAR_MAX] = {
    "/v2/chat", "/v2/embed", "/v2/rerank", "/v1/tokenize", "/v1/detokenize", "/v1/models",
};

static const struct near {
    const char *const *paths; /* the first one is the example */
    const char *const *last;  /* behind a model's name, or NULL */
    struct str before;        /* the model's name */
    char mark;                /* behind it */
} nears[DIALECTS] = {
    [DIALECT_NONE] = {.paths = openai_near},
    [DIALECT_OPENAI] = {.paths = openai_near},
    [DIALECT_RESPONSES] = {.paths = openai_near},
    [DIALECT_ANTHROPIC] = {.paths = anthropic_near},
    [DIALECT_GEMINI] = {gemini_near, gemini_verbs, {"/models/", 8}, ':'},
    [DIALECT_BEDROCK] = {bedrock_near, bedrock_actions, {"/model/", 7}, '/'},
    [DIALECT_COHERE] = {.paths = cohere_near},
};

static const char *nearest(struct str word, const char *const *list)
{
    size_t n = 0;

    while (n < NEAR_MAX && list[n] != NULL)
        n++;
    return str_nearest(word, list, n);
}

/* "/model/x/convers": the last word alone, whatever the model is called. */
static bool near_behind_model(struct arena *a, const struct near *near, struct str path,
                              struct str *out)
{
    const char *mark, *model, *last;

    if (near->last == NULL || path.len == 0)
        return false;
    mark = memrchr(path.p, near->mark, path.len);
    model = memmem(path.p, path.len, near->before.p, near->before.len);
    if (model == NULL || mark == NULL || mark <= model + near->before.len)
        return false;
    last = nearest(str_skip(path, (size_t)(mark + 1 - path.p)), near->last);
    if (last == NULL)
        return false;
    *out = arena_concat(a, (struct str[]){{path.p, (size_t)(mark + 1 - path.p)}, str_of(last)}, 2);
    return true;
}

struct str path_near(struct arena *a, struct str path, bool *is_near)
{
    struct path_base base;
    const struct near *near;
    const char *found;
    struct str out;

    path.len = path.len < NEAR_BYTES ? path.len : NEAR_BYTES;
    base = path_base(path);
    near = &nears[path_guess(&base)];
    *is_near = true;
    if (near_behind_model(a, near, path, &out))
        return out;
    found = nearest(base.rest, near->paths);
    if (found ==
        NULL) /* clients of OpenAI and Anthropic have the version in their base URL, or not */
        found = nearest(arena_concat(a, (struct str[]){STR("/v1"), base.rest}, 2), near->paths);
    *is_near = found != NULL;
    path.len -= base.rest.len; /* the prefix */
    return arena_concat(a, (struct str[]){path, str_of(found != NULL ? found : near->paths[0])}, 2);
}
