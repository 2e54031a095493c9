/*
 * explain_make - a request's body from a few words about it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/explain.h"

static const struct shape {
    const char *name, *path;
    const char *before, *after; /* around the prompt, which is a string's inside */
    const char *max_tokens;     /* name of that member */
    bool is_chat;               /* may have tools and images, and may be streamed */
} shapes[] = {
    {"chat", "/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":", "}]",
     "max_tokens", true},
    {"responses", "/v1/responses", "\"input\":[{\"role\":\"user\",\"content\":", "}]",
     "max_output_tokens", true},
    {"messages", "/anthropic/v1/messages", "\"messages\":[{\"role\":\"user\",\"content\":", "}]",
     "max_tokens", true},
    {"completions", "/v1/completions", "\"prompt\":", "", "max_tokens", false},
    {"embeddings", "/v1/embeddings", "\"input\":", "", NULL, false},
};

/* What the clients of these endpoints call a tool, and an image. */
static const char tools_openai[] =
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"t\",\"parameters\":{}}}]";
static const char tools_responses[] =
    ",\"tools\":[{\"type\":\"function\",\"name\":\"t\",\"parameters\":{}}]";
static const char tools_anthropic[] =
    ",\"tools\":[{\"name\":\"t\",\"input_schema\":{\"type\":\"object\"}}]";
static const char image_openai[] =
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://images.invalid/1.png\"}},";
static const char image_responses[] =
    "{\"type\":\"input_image\",\"image_url\":\"https://images.invalid/1.png\"},";
static const char image_anthropic[] = "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
                                      "\"https://images.invalid/1.png\"}},";

static const char *tools_of(const struct shape *s)
{
    if (strcmp(s->name, "messages") == 0)
        return tools_anthropic;
    return strcmp(s->name, "responses") == 0 ? tools_responses : tools_openai;
}

static const char *image_of(const struct shape *s)
{
    if (strcmp(s->name, "messages") == 0)
        return image_anthropic;
    return strcmp(s->name, "responses") == 0 ? image_responses : image_openai;
}

static void put_prompt(struct buf *b, const struct shape *s, const struct explain_wish *wish,
                       size_t filler)
{
    bool is_list = s->is_chat && wish->images > 0;

    buf_cstr(b, s->before);
    if (is_list) {
        buf_char(b, '[');
        for (uint64_t i = 0; i < wish->images; i++)
            buf_cstr(b, image_of(s));
        buf_printf(b, "{\"type\":\"%s\",\"text\":",
                   strcmp(s->name, "responses") == 0 ? "input_text" : "text");
    }
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
    buf_cstr(b, "{\"model\":");
    buf_json(b, wish->model);
    buf_char(b, ',');
    put_prompt(b, s, wish, filler);
    if (wish->max_tokens > 0 && s->max_tokens != NULL)
        buf_printf(b, ",\"%s\":%llu", s->max_tokens, (unsigned long long)wish->max_tokens);
    if (wish->is_stream && s->is_chat)
        buf_cstr(b, ",\"stream\":true");
    if (wish->has_tools && s->is_chat)
        buf_cstr(b, tools_of(s));
    buf_char(b, '}');
}

bool explain_make(struct arena *a, struct str endpoint, const struct explain_wish *wish,
                  struct explain_ask *ask)
{
    const struct shape *s = &shapes[0];
    struct buf b = BUF_IN(a);

    ask->method = STR("POST");
    if (endpoint.len > 0 && endpoint.p[0] == '/') { /* of any dialect, as a client writes it */
        ask->path = endpoint;
    } else {
        while (s < shapes + ARRAY_LEN(shapes) && !str_eq(str_of(s->name), endpoint))
            s++;
        if (s == shapes + ARRAY_LEN(shapes))
            return false;
        ask->path = str_of(s->path);
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
