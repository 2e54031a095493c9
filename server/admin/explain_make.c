/*
 * explain_make - a request's body from a few words about it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/explain.h"

/* What the clients of these endpoints call a tool, and an image. */
#define IMAGE_BYTES 16384 /* in base64 */
#define IMAGE_URL "https://images.invalid/1.png"
#define IMAGE_OPENAI "{\"type\":\"image_url\",\"image_url\":{\"url\":\"" IMAGE_URL "\"}}"
#define TOOLS_OPENAI                                                                               \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"t\",\"parameters\":{}}}]"

static const struct shape {
    const char *name;
    const char *dialect; /* whose chats these are; NULL: no chats */
    const char *path;    /* ends before the model where that stands in it */
    const char *action,
        *action_streamed;       /* behind the model in the path; NULL: it is in the body */
    const char *before, *after; /* around the prompt's parts */
    const char *text; /* before a text among parts; NULL: a prompt is a string, and that alone */
    const char *image;
    const char *max_before, *max_after; /* around the limit of the answer; NULL: there is none */
    const char *tools;
    bool is_always_parts; /* a prompt is a list of parts also when it is one text */
    bool has_stream;      /* ... in the body */
} shapes[] = {
    {"chat", "openai", "/v1/chat/completions", NULL, NULL,
     "\"messages\":[{\"role\":\"user\",\"content\":", "}]", "{\"type\":\"text\",\"text\":",
     IMAGE_OPENAI, ",\"max_tokens\":", "", TOOLS_OPENAI, false, true},
    {"responses", "responses", "/v1/responses", NULL, NULL,
     "\"input\":[{\"role\":\"user\",\"content\":", "}]", "{\"type\":\"input_text\",\"text\":",
     "{\"type\":\"input_image\",\"image_url\":\"" IMAGE_URL "\"}", ",\"max_output_tokens\":", "",
     ",\"tools\":[{\"type\":\"function\",\"name\":\"t\",\"parameters\":{}}]", false, true},
    {"messages", "anthropic", "/anthropic/v1/messages", NULL, NULL,
     "\"messages\":[{\"role\":\"user\",\"content\":", "}]", "{\"type\":\"text\",\"text\":",
     "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"" IMAGE_URL "\"}}",
     ",\"max_tokens\":", "", ",\"tools\":[{\"name\":\"t\",\"input_schema\":{\"type\":\"object\"}}]",
     false, true},
    {"gemini", "gemini", "/genai/v1beta/models/", ":generateContent", ":streamGenerateContent",
     "\"contents\":[{\"role\":\"user\",\"parts\":", "}]",
     "{\"text\":", "{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"" IMAGE_URL "\"}}",
     ",\"generationConfig\":{\"maxOutputTokens\":", "}",
     ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"t\"}]}]", true, false},
    {"converse", "bedrock", "/bedrock/model/", "/converse", "/converse-stream",
     "\"messages\":[{\"role\":\"user\",\"content\":", "}]",
     "{\"text\":", "{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"\"}}}",
     ",\"inferenceConfig\":{\"maxTokens\":", "}",
     ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"t\",\"inputSchema\":{\"json\":{}}}}]}",
     true, false},
    {"cohere", "cohere", "/cohere/v2/chat", NULL, NULL,
     "\"messages\":[{\"role\":\"user\",\"content\":", "}]", "{\"type\":\"text\",\"text\":",
     IMAGE_OPENAI, ",\"max_tokens\":", "", TOOLS_OPENAI, false, true},
    {"completions", NULL, "/v1/completions", NULL, NULL, "\"prompt\":", "", NULL, NULL,
     ",\"max_tokens\":", "", NULL, false, true},
    {"embeddings", NULL, "/v1/embeddings", NULL, NULL, "\"input\":", "", NULL, NULL, NULL, NULL,
     NULL, false, false},
};

static const struct shape *shape_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (str_eq(str_of(shapes[i].name), name))
            return &shapes[i];
    }
    return NULL;
}

struct str explain_endpoint(struct str dialect)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (shapes[i].dialect != NULL && str_eq(str_of(shapes[i].dialect), dialect))
            return str_of(shapes[i].name);
    }
    return STR_NONE;
}

bool explain_names_model(struct str endpoint)
{
    const struct shape *s = shape_of(endpoint);

    return s != NULL && s->action != NULL;
}

/* By its address, or where only bytes will do, as so many that they are one (estimate.c). */
static void put_image(struct buf *b, const struct shape *s)
{
    const char *quotes = strstr(s->image, "\"\"");

    if (quotes == NULL) {
        buf_cstr(b, s->image);
    } else {
        buf_add(b, s->image, (size_t)(quotes - s->image) + 1);
        for (int i = 0; i < IMAGE_BYTES; i++)
            buf_char(b, 'A');
        buf_cstr(b, quotes + 1);
    }
    buf_char(b, ',');
}

static void put_prompt(struct buf *b, const struct shape *s, const struct explain_wish *wish,
                       size_t filler)
{
    bool is_list = s->text != NULL && (wish->images > 0 || s->is_always_parts);

    buf_cstr(b, s->before);
    if (is_list)
        buf_char(b, '[');
    for (uint64_t i = 0; is_list && i < wish->images; i++) {
        put_image(b, s);
    }
    if (is_list)
        buf_cstr(b, s->text);
    buf_cstr(b, "\"Hello");
    while (filler-- > 0)
        buf_char(b, '.');
    buf_char(b, '"');
    if (is_list)
        buf_cstr(b, "}]");
    buf_cstr(b, s->after);
}

static void put_body(struct buf *b, const struct shape *s, const struct explain_wish *wish,
                     size_t filler)
{
    buf_char(b, '{');
    if (s->action == NULL) {
        buf_cstr(b, "\"model\":");
        buf_json(b, wish->model);
        buf_char(b, ',');
    }
    put_prompt(b, s, wish, filler);
    if (wish->max_tokens > 0 && s->max_before != NULL)
        buf_printf(b, "%s%llu%s", s->max_before, (unsigned long long)wish->max_tokens,
                   s->max_after);
    if (wish->is_stream && s->has_stream)
        buf_cstr(b, ",\"stream\":true");
    if (wish->has_tools && s->tools != NULL)
        buf_cstr(b, s->tools);
    buf_char(b, '}');
}

/* As a client's library writes a model into a URL: all but plain characters escaped. */
static struct str path_of(struct arena *a, const struct shape *s, const struct explain_wish *wish)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    struct buf b = BUF_IN(a);

    if (s->action == NULL)
        return str_of(s->path);
    buf_cstr(&b, s->path);
    for (size_t i = 0; i < wish->model.len; i++) {
        char c = wish->model.p[i];

        if (c != '\0' && strchr(plain, c) != NULL)
            buf_char(&b, c);
        else
            buf_printf(&b, "%%%02X", (unsigned char)c);
    }
    buf_cstr(&b, wish->is_stream ? s->action_streamed : s->action);
    return buf_view(&b);
}

bool explain_make(struct arena *a, struct str endpoint, const struct explain_wish *wish,
                  struct explain_ask *ask)
{
    const struct shape *s = shape_of(endpoint);
    struct buf b = BUF_IN(a);

    ask->method = STR("POST");
    if (s == NULL) { /* of any dialect, as a client writes it */
        if (endpoint.len == 0 || endpoint.p[0] != '/')
            return false;
        ask->path = endpoint;
        s = &shapes[0];
    } else {
        ask->path = path_of(a, s, wish);
    }
    if (ask->body.len > 0 || wish->model.len == 0)
        return true;
    put_body(&b, s, wish, 0);
    if (wish->tokens * ESTIMATE_BYTES_PER_TOKEN > b.len) {
        size_t filler = wish->tokens * ESTIMATE_BYTES_PER_TOKEN - b.len;

        b = (struct buf)BUF_IN(a);
        put_body(&b, s, wish, filler);
    }
    ask->body = buf_view(&b);
    return true;
}
