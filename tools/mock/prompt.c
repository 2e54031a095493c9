#include "tools/mock/prompt.h"

#include <inttypes.h>

#include "providers/base64.h"
#include "providers/chat_text.h"
#include "server/base/buf.h"
#include "tools/mock/text.h"

/* --- texts --- */

static void note_cache(struct prompt *p, enum chat_cache cache)
{
    if (cache > p->cache)
        p->cache = cache;
}

/* Texts one below the other; a single one is not copied. */
struct words {
    struct str only;
    struct buf joined;
    size_t n;
};

static void add_words(struct words *w, struct str text)
{
    if (text.len == 0)
        return;
    if (w->n == 0) {
        w->only = text;
    } else {
        if (w->n == 1)
            buf_str(&w->joined, w->only);
        buf_char(&w->joined, '\n');
        buf_str(&w->joined, text);
    }
    w->n++;
}

static void forget_words(struct words *w)
{
    buf_clear(&w->joined);
    w->only = STR_NONE;
    w->n = 0;
}

static struct str text_in(const struct chat_codec *c, const struct chat_block *blocks)
{
    return text_plain(c->arena, text_of_blocks(c, blocks, STR("\\n")));
}

static bool has_result(const struct chat_message *m)
{
    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        if (b->kind == BLOCK_TOOL_RESULT)
            return true;
    }
    return false;
}

/* The user's, or a tool's. */
static void read_turn(const struct chat_codec *c, const struct chat_message *m, struct prompt *p,
                      struct words *words)
{
    bool is_result = has_result(m);
    struct str text = text_in(c, m->blocks);

    /* Results of parallel calls come one a message in some dialects, and words beside results in a
     * message of their own: neither is a new question. */
    if (!p->is_answered)
        forget_words(words);
    p->is_answered = p->is_answered || is_result;
    for (const struct chat_block *b = m->blocks; b != NULL && is_result; b = b->next) {
        struct str result;

        if (b->kind != BLOCK_TOOL_RESULT)
            continue;
        result = text_in(c, b->content);
        p->tokens += text_count(result);
        add_words(words, result);
    }
    p->tokens += text_count(text);
    add_words(words, text);
}

void prompt_read(const struct chat_codec *c, const struct chat *chat, struct prompt *out)
{
    struct words words = {STR_NONE, BUF_INIT, 0};

    *out = (struct prompt){0};
    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next)
            note_cache(out, b->cache);
        if (m->role == ROLE_USER || m->role == ROLE_TOOL) {
            read_turn(c, m, out, &words);
            continue;
        }
        out->tokens += text_count(text_in(c, m->blocks));
        out->is_answered = out->is_answered && m->role != ROLE_ASSISTANT;
    }
    for (const struct chat_tool *t = chat->tools; t != NULL; t = t->next)
        note_cache(out, t->cache);
    out->last = words.n > 1 ? arena_str(c->arena, buf_view(&words.joined)) : words.only;
    buf_fini(&words.joined);
}

/* --- media --- */

static void put_media(const struct chat_codec *c, const struct chat_media *m, struct buf *out)
{
    struct str type = m->type.len > 0 ? text_plain(c->arena, m->type) : STR("unknown type");
    struct str data = text_plain(c->arena, m->data);
    size_t n = 0;

    if (out->len > 0)
        buf_cstr(out, ", ");
    switch (m->source) {
    case SOURCE_BASE64:
        buf_str(out, type);
        if (base64_read(data, arena_alloc(c->arena, base64_room(data)), &n))
            buf_printf(out, " %zu bytes", n);
        else
            buf_cstr(out, " broken base64");
        return;
    case SOURCE_TEXT:
        buf_str(out, m->type.len > 0 ? type : STR("text/plain"));
        buf_printf(out, " %zu bytes", data.len);
        return;
    case SOURCE_URL:
        buf_cstr(out, "url ");
        break;
    case SOURCE_FILE:
        buf_cstr(out, "file ");
        break;
    }
    buf_str(out, data);
}

static void put_blocks(const struct chat_codec *c, const struct chat_block *blocks, struct buf *out)
{
    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (b->kind == BLOCK_IMAGE || b->kind == BLOCK_AUDIO || b->kind == BLOCK_VIDEO ||
            b->kind == BLOCK_DOCUMENT)
            put_media(c, &b->media, out);
    }
}

struct str prompt_media(const struct chat_codec *c, const struct chat *chat)
{
    struct buf b = BUF_INIT;
    struct str out;

    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        put_blocks(c, m->blocks, &b);
        for (const struct chat_block *one = m->blocks; one != NULL; one = one->next)
            put_blocks(c, one->content, &b);
    }
    out = b.len > 0 ? arena_str(c->arena, buf_view(&b)) : STR("no media");
    buf_fini(&b);
    return out;
}
