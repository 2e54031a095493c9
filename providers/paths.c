#include "providers/paths.h"

#include <string.h>

#define GETS "GET, HEAD"
#define POSTS "POST"
#define ANY "GET, HEAD, POST, PUT, PATCH, DELETE"

#define NEEDS 1u   /* a model, in the body if not in the path */
#define OWN 2u     /* not at the root, unless the client's headers are this dialect's */
#define BELOW 4u   /* an id and more may follow */
#define IS_ITEM 8u /* something must follow */
#define BROAD 16u  /* what it does is not bound to the model that it names, or to none */

struct request_path {
    struct str path, query;
    bool at_root;
};

/* A path behind its prefix and version. */
struct row {
    enum dialect_id dialect;
    const char *tail;
    enum path_op op;
    const char *endpoint;
    const char *allow;
    unsigned flags;
};

static const struct row openai_rows[] = {
    {DIALECT_OPENAI, "/chat/completions", OP_CHAT, "chat.completions", POSTS, NEEDS},
    {DIALECT_OPENAI, "/chat/completions", OP_RELAY, "chat.completions", ANY,
     BELOW | IS_ITEM | BROAD},
    {DIALECT_OPENAI, "/completions", OP_COMPLETIONS, "completions", POSTS, NEEDS},
    {DIALECT_RESPONSES, "/responses", OP_CHAT, "responses", POSTS, NEEDS},
    {DIALECT_RESPONSES, "/responses/input_tokens", OP_COUNT_TOKENS, "responses", POSTS, NEEDS},
    {DIALECT_RESPONSES, "/responses", OP_RELAY, "responses", "GET, POST, DELETE",
     BELOW | IS_ITEM | BROAD},
    {DIALECT_OPENAI, "/embeddings", OP_EMBEDDINGS, "embeddings", POSTS, NEEDS},
    {DIALECT_OPENAI, "/rerank", OP_RERANK, "rerank", POSTS, NEEDS},
    {DIALECT_OPENAI, "/moderations", OP_RELAY, "moderations", POSTS, 0},
    {DIALECT_OPENAI, "/images/generations", OP_RELAY, "images", POSTS, 0},
    {DIALECT_OPENAI, "/images/edits", OP_RELAY, "images", POSTS, 0},
    {DIALECT_OPENAI, "/images/variations", OP_RELAY, "images", POSTS, 0},
    {DIALECT_OPENAI, "/audio/speech", OP_RELAY, "audio", POSTS, 0},
    {DIALECT_OPENAI, "/audio/transcriptions", OP_RELAY, "audio", POSTS, 0},
    {DIALECT_OPENAI, "/audio/translations", OP_RELAY, "audio", POSTS, 0},
    {DIALECT_OPENAI, "/files", OP_FILES, "files", "GET, POST", BROAD},
    {DIALECT_OPENAI, "/files", OP_FILES, "files", "GET, DELETE", BELOW | IS_ITEM | BROAD},
    {DIALECT_OPENAI, "/uploads", OP_FILES, "uploads", POSTS, BELOW | BROAD},
    {DIALECT_OPENAI, "/batches", OP_RELAY, "batches", ANY, BELOW | BROAD},
    {DIALECT_OPENAI, "/fine_tuning", OP_RELAY, "fine_tuning", ANY, BELOW | IS_ITEM | BROAD},
    {DIALECT_OPENAI, "/videos", OP_RELAY, "videos", ANY, BELOW},
    {DIALECT_OPENAI, "/containers", OP_RELAY, "containers", ANY, BELOW | BROAD},
    {DIALECT_OPENAI, "/vector_stores", OP_RELAY, "vector_stores", ANY, BELOW | BROAD},
    {DIALECT_OPENAI, "/assistants", OP_RELAY, "assistants", ANY, BELOW | BROAD},
    {DIALECT_OPENAI, "/threads", OP_RELAY, "threads", ANY, BELOW | BROAD},
    {DIALECT_RESPONSES, "/conversations", OP_RELAY, "conversations", ANY, BELOW | BROAD},
    {DIALECT_OPENAI, "/evals", OP_RELAY, "evals", ANY, BELOW | BROAD},
    {DIALECT_OPENAI, "/models", OP_MODELS, "models", GETS, BELOW},
};

static const struct row anthropic_rows[] = {
    {DIALECT_ANTHROPIC, "/messages", OP_CHAT, "messages", POSTS, NEEDS},
    {DIALECT_ANTHROPIC, "/messages/count_tokens", OP_COUNT_TOKENS, "count_tokens", POSTS, NEEDS},
    {DIALECT_ANTHROPIC, "/messages/batches", OP_RELAY, "batches", ANY, BELOW | BROAD},
    {DIALECT_ANTHROPIC, "/complete", OP_RELAY, "complete", POSTS, NEEDS},
    {DIALECT_ANTHROPIC, "/files", OP_FILES, "files", ANY, BELOW | OWN | BROAD},
    {DIALECT_ANTHROPIC, "/skills", OP_RELAY, "skills", ANY, BELOW | OWN | BROAD},
    {DIALECT_ANTHROPIC, "/models", OP_MODELS, "models", GETS, BELOW | OWN},
};

static const struct row gemini_rows[] = {
    {DIALECT_GEMINI, "/models", OP_MODELS, "models", GETS, BELOW},
    {DIALECT_GEMINI, "/files", OP_FILES, "files", ANY, BELOW | BROAD},
    {DIALECT_GEMINI, "/cachedContents", OP_RELAY, "cachedContents", ANY, BELOW | BROAD},
    {DIALECT_GEMINI, "/batches", OP_RELAY, "batches", ANY, BELOW | BROAD},
    {DIALECT_GEMINI, "/operations", OP_RELAY, "operations", ANY, BELOW | BROAD},
    {DIALECT_GEMINI, "/tunedModels", OP_RELAY, "tunedModels", ANY, BELOW | BROAD},
    {DIALECT_GEMINI, "/fileSearchStores", OP_RELAY, "fileSearchStores", ANY, BELOW | BROAD},
    {DIALECT_GEMINI, "/interactions", OP_RELAY, "interactions", ANY, BELOW | BROAD},
};

static const struct row bedrock_rows[] = {
    {DIALECT_BEDROCK, "/async-invoke", OP_RELAY, "async-invoke", ANY, BELOW | BROAD},
    {DIALECT_BEDROCK, "/guardrail", OP_RELAY, "guardrail", ANY, BELOW | IS_ITEM | BROAD},
};

static const struct row cohere_rows[] = {
    {DIALECT_COHERE, "/v2/chat", OP_CHAT, "chat", POSTS, NEEDS},
    {DIALECT_COHERE, "/v2/embed", OP_EMBEDDINGS, "embed", POSTS, NEEDS},
    {DIALECT_COHERE, "/v2/rerank", OP_RERANK, "rerank", POSTS, NEEDS},
    {DIALECT_COHERE, "/v1/tokenize", OP_COUNT_TOKENS, "tokenize", POSTS, NEEDS},
    {DIALECT_COHERE, "/v1/detokenize", OP_RELAY, "detokenize", POSTS, NEEDS},
    {DIALECT_COHERE, "/v1/chat", OP_RELAY, "chat.v1", POSTS, OWN},
    {DIALECT_COHERE, "/v1/embed", OP_RELAY, "embed.v1", POSTS, 0},
    {DIALECT_COHERE, "/v1/rerank", OP_RELAY, "rerank.v1", POSTS, OWN},
    {DIALECT_COHERE, "/v1/classify", OP_RELAY, "classify", POSTS, 0},
    {DIALECT_COHERE, "/v1/datasets", OP_RELAY, "datasets", ANY, BELOW | BROAD},
    {DIALECT_COHERE, "/v1/embed-jobs", OP_RELAY, "embed-jobs", ANY, BELOW | BROAD},
    {DIALECT_COHERE, "/v1/models", OP_MODELS, "models", GETS, BELOW | OWN},
};

/* --- pieces of a path --- */

/* Index of the last `c`, or -1. */
static ptrdiff_t last_index(struct str s, char c)
{
    const char *p = s.len > 0 ? memrchr(s.p, c, s.len) : NULL;

    return p != NULL ? p - s.p : -1;
}

static struct str decode(struct arena *a, struct str s)
{
    char *out;
    size_t len;

    if (memchr(s.p, '%', s.len) == NULL)
        return s;
    out = arena_alloc(a, s.len + 1);
    (void)str_unescape(s, out, &len); /* what is no escape stays, and no model is called that */
    return (struct str){out, len};
}

static bool find_row(const struct row *rows, size_t n, struct str tail, bool at_root,
                     struct path *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct row *row = &rows[i];
        struct str rest;

        /* almost every row ends here, at the letter behind its slash */
        if (tail.len < 2 || row->tail[1] != tail.p[1] ||
            !path_under(tail, str_of(row->tail), &rest) || (at_root && (row->flags & OWN) != 0))
            continue;
        if (rest.len > 0 ? (row->flags & BELOW) == 0 || rest.len == 1 : (row->flags & IS_ITEM) != 0)
            continue;
        out->dialect = row->dialect;
        out->op = row->op;
        out->endpoint = row->endpoint;
        out->allow = row->allow;
        out->needs_model = (row->flags & NEEDS) != 0;
        out->is_broad = (row->flags & BROAD) != 0;
        out->tail = tail;
        return true;
    }
    return false;
}

/* --- OpenAI --- */

/* "/deployments/{name}/chat/completions": the name is the model; the client does not escape its slash. */
static bool parse_deployment(struct arena *a, struct str path, struct path *out)
{
    struct str rest;
    size_t len = 0;

    if (!path_under(path, STR("/deployments"), &rest) || rest.len < 2)
        return false;
    rest = str_skip(rest, 1);
    do {
        ptrdiff_t slash = str_index(str_skip(rest, len + 1), '/');

        if (slash < 0)
            return false;
        len += (size_t)slash + 1;
    } while (!find_row(openai_rows, ARRAY_LEN(openai_rows), str_skip(rest, len), false, out));
    if (rest.p[0] == '/' || out->op == OP_MODELS)
        return false;
    out->model = decode(a, (struct str){rest.p, len});
    out->has_model = true;
    out->is_azure = true;
    return true;
}

static bool parse_openai(struct arena *a, struct str path, bool at_root, struct path *out)
{
    struct str rest = path;

    if (!at_root && path_under(path, STR("/openai"), &rest) && parse_deployment(a, rest, out))
        return true; /* AzureOpenAI adds an "/openai" of its own */
    if (!at_root && parse_deployment(a, path, out))
        return true;
    rest = path;
    (void)path_under(path, STR("/v1"), &rest);
    return find_row(openai_rows, ARRAY_LEN(openai_rows), rest, false, out);
}

/* --- Anthropic --- */

static bool parse_anthropic(struct str path, bool at_root, struct path *out)
{
    struct str rest = path;

    (void)path_under(path, STR("/v1"), &rest);
    return find_row(anthropic_rows, ARRAY_LEN(anthropic_rows), rest, at_root, out);
}

/*
 * AnthropicVertex: ".../publishers/anthropic/models/{model}:rawPredict". Nobody but Anthropic's SDK asks for
 * that publisher, so it is Anthropic's dialect below any base URL.
 */
static bool parse_vertex(struct arena *a, struct str path, struct path *out)
{
    static const struct str publisher = {"/publishers/anthropic/models/", 29};
    static const char *const tails[] = {"/messages", "/messages/count_tokens"};
    ptrdiff_t colon = last_index(path, ':');
    const char *at = path.len > 0 ? memmem(path.p, path.len, publisher.p, publisher.len) : NULL;
    struct str verb = str_skip(path, (size_t)(colon + 1));
    struct str model, rest;
    bool counts, is_ours;

    (void)(path_under(path, STR("/v1"), &path) || path_under(path, STR("/v1beta1"), &path));
    if (at == NULL || colon < 0 || !path_under(path, STR("/projects"), &rest) ||
        (!str_eq(verb, STR("rawPredict")) && !str_eq(verb, STR("streamRawPredict"))))
        return false;
    model = (struct str){at + publisher.len, (size_t)(verb.p - 1 - (at + publisher.len))};
    counts = str_eq(model, STR("count-tokens")); /* its model is in the body */
    is_ours = model.len > 0 && find_row(anthropic_rows, ARRAY_LEN(anthropic_rows),
                                        str_of(tails[counts]), false, out);
    out->is_vertex = is_ours;
    if (is_ours && !counts) {
        out->stream = verb.len > strlen("rawPredict");
        out->model = decode(a, model);
    }
    return is_ours;
}

/* --- Gemini --- */

static const struct verb {
    struct str name;
    enum path_op op;
    bool stream;
    bool is_broad;
} verbs[] = {
    {{"generateContent", 15}, OP_CHAT, false, false},
    {{"streamGenerateContent", 21}, OP_CHAT, true, false},
    {{"countTokens", 11}, OP_COUNT_TOKENS, false, false},
    {{"embedContent", 12}, OP_EMBEDDINGS, false, false},
    {{"batchEmbedContents", 18}, OP_EMBEDDINGS_BATCH, false, false},
    {{"batchGenerateContent", 20}, OP_RELAY, false, true},
    {{"asyncBatchEmbedContent", 22}, OP_RELAY, false, true},
    {{"predict", 7}, OP_RELAY, false, false},
    {{"predictLongRunning", 18}, OP_RELAY, false, false},
    {{"fetchPredictOperation", 21}, OP_RELAY, false, false},
    {{"rawPredict", 10}, OP_RELAY, false, false},
    {{"streamRawPredict", 16}, OP_RELAY, true, false},
};

/* Vercel's client leaves "/models" out when a name has a slash: "/provider/model". */
static bool is_bare_model(struct str path)
{
    struct str rest;

    return path.len > 1 && str_index(str_skip(path, 1), '/') > 0 &&
           !path_under(path, STR("/projects"), &rest) &&
           !path_under(path, STR("/publishers"), &rest);
}

/* Where a model's name begins: behind "/models/", in Vertex's long paths as well. */
static bool skip_to_model(struct str path, struct str *name)
{
    struct str rest;

    if (path_under(path, STR("/models"), name))
        return true;
    if (path_under(path, STR("/tunedModels"), &rest)) {
        *name = (struct str){path.p, path.len}; /* "/tunedModels/x" is the name */
        return true;
    }
    if (path_under(path, STR("/projects"), &rest)) { /* /{project}/locations/{location} */
        for (int i = 0; i < 3; i++) {
            ptrdiff_t slash = rest.len > 1 ? str_index(str_skip(rest, 1), '/') : -1;

            if (slash < 0)
                return false;
            rest = str_skip(rest, (size_t)slash + 1);
        }
    } else {
        rest = path;
    }
    if (!path_under(rest, STR("/publishers"), &rest) || rest.len < 2)
        return false;
    rest = str_skip(rest, 1);
    if (str_index(rest, '/') <= 0)
        return false;
    rest = str_skip(rest, (size_t)str_index(rest, '/'));
    return path_under(rest, STR("/models"), name);
}

static bool parse_verb(struct arena *a, const struct request_path *in, struct str path,
                       struct path *out)
{
    struct str query = in->query;
    ptrdiff_t colon = last_index(path, ':');
    struct str name = {path.p, colon > 0 ? (size_t)colon : 0};
    bool is_bare = !in->at_root && is_bare_model(name);
    struct str verb;
    struct str param;

    if (name.len == 0 || (!skip_to_model(name, &name) && !is_bare) || name.len < 2)
        return false;
    verb = str_skip(path, (size_t)colon + 1);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!str_eq(verb, verbs[i].name))
            continue;
        *out = (struct path){.dialect = DIALECT_GEMINI, .op = verbs[i].op, .allow = POSTS};
        out->endpoint = verbs[i].name.p;
        out->tail = path;
        out->model = decode(a, str_skip(name, 1));
        out->before = STR("/models/");
        out->after = str_skip(path, (size_t)colon);
        out->stream = verbs[i].stream;
        out->is_broad = verbs[i].is_broad;
        out->has_model = true;
        while (str_next(&query, '&', &param))
            out->sse = out->sse || str_eq(param, STR("alt=sse"));
        return true;
    }
    return false;
}

static bool parse_gemini(struct arena *a, const struct request_path *in, struct path *out)
{
    static const struct str versions[] = {
        {"/v1beta", 7},
        {"/v1alpha", 8},
        {"/v1beta1", 8}, /* Vertex */
        {"/v1", 3},
    };
    struct str version = STR_NONE;
    struct str path = in->path;
    bool is_upload = path_under(path, STR("/upload"), &path);
    struct str name;
    struct str rest = path;

    for (size_t i = 0; i < ARRAY_LEN(versions) && version.len == 0; i++) {
        if (path_under(path, versions[i], &rest))
            version = str_skip(versions[i], 1);
    }
    if (is_upload && (version.len == 0 || !path_under(rest, STR("/files"), &name)))
        return false;
    if (!parse_verb(a, in, rest, out) &&
        ((in->at_root && version.len < 3) || /* /v1/models and /v1/files are OpenAI's there */
         !find_row(gemini_rows, ARRAY_LEN(gemini_rows), rest, false, out)))
        return false;
    out->version = version;
    out->is_upload = is_upload;
    return true;
}

/* --- Bedrock --- */

static const struct action {
    struct str name;
    enum path_op op;
    bool stream;
} actions[] = {
    {{"/converse", 9}, OP_CHAT, false},
    {{"/converse-stream", 16}, OP_CHAT, true},
    {{"/invoke", 7}, OP_INVOKE, false},
    {{"/invoke-with-response-stream", 28}, OP_INVOKE, true},
    {{"/count-tokens", 13}, OP_COUNT_TOKENS, false},
};

static bool parse_bedrock(struct arena *a, struct str path, struct path *out)
{
    struct str rest;
    ptrdiff_t slash;

    if (!path_under(path, STR("/model"), &rest) || rest.len < 2)
        return find_row(bedrock_rows, ARRAY_LEN(bedrock_rows), path, false, out);
    slash = last_index(rest, '/');
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (slash < 2 || !str_eq(str_skip(rest, (size_t)slash), actions[i].name))
            continue;
        *out = (struct path){.dialect = DIALECT_BEDROCK, .op = actions[i].op, .allow = POSTS};
        out->endpoint = actions[i].name.p + 1;
        out->tail = path;
        out->model = decode(a, (struct str){rest.p + 1, (size_t)slash - 1});
        out->before = STR("/model/");
        out->after = actions[i].name;
        out->stream = actions[i].stream;
        out->has_model = true;
        return true;
    }
    return false;
}

/* --- all --- */

static bool parse_as(struct arena *a, enum dialect_id dialect, const struct request_path *in,
                     struct path *out)
{
    switch (dialect) {
    case DIALECT_OPENAI:
        return parse_openai(a, in->path, in->at_root, out);
    case DIALECT_ANTHROPIC:
        return parse_vertex(a, in->path, out) || parse_anthropic(in->path, in->at_root, out);
    case DIALECT_GEMINI:
        return parse_vertex(a, in->path, out) || parse_gemini(a, in, out);
    case DIALECT_BEDROCK:
        return parse_bedrock(a, in->path, out);
    case DIALECT_COHERE:
        return find_row(cohere_rows, ARRAY_LEN(cohere_rows), in->path, in->at_root, out);
    default:
        return false;
    }
}

/* At the root: Gemini first, because its ":verb" is unmistakable and /models/... is OpenAI's too. */
static bool parse_root(struct arena *a, struct request_path *in, enum dialect_id hint,
                       struct path *out)
{
    static const enum dialect_id order[] = {DIALECT_GEMINI, DIALECT_ANTHROPIC, DIALECT_OPENAI,
                                            DIALECT_BEDROCK, DIALECT_COHERE};

    in->at_root = false;
    if (hint != DIALECT_NONE && parse_as(a, hint, in, out))
        return true;
    in->at_root = true;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if (parse_as(a, order[i], in, out))
            return true;
    }
    return false;
}

static bool parse(struct arena *a, const struct path_base *base, struct str query,
                  enum dialect_id hint, struct path *out)
{
    struct request_path in = {base->rest, query, false};

    if (base->dialect == DIALECT_NONE)
        return parse_root(a, &in, hint, out);
    if (!parse_as(a, base->dialect, &in, out))
        return false;
    out->vendor = out->is_vertex ? "vertex" : base->vendor;
    return true;
}

bool path_parse(struct arena *a, struct str path, struct str query, enum dialect_id hint,
                struct path *out)
{
    const struct path_base base = path_base(path);
    const struct path none = {
        .dialect = path_guess(&base), .op = OP_NONE, .endpoint = "none", .allow = ""};
    struct path found = {.op = OP_NONE};
    bool is_ours = parse(a, &base, query, hint, &found);

    *out = is_ours ? found : none; /* nothing of an attempt that came to nothing */
    return is_ours;
}
