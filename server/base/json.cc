/*
 * simdjson's first stage finds every bracket, comma, colon, opening quote and start of a number or
 * word, and checks UTF-8, the strings' ends and control characters in them: all that is costly a
 * byte. Its second stage (DOM) refuses or rounds numbers, and its on-demand front end looks only at
 * what is asked for; so the grammar is walked here, over the first stage's positions. Nothing is
 * read past the text's end and nothing is copied, so no padding is needed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <memory>
#include <new>

#include <simdjson.h>

#include "server/base/json.h"
#include "server/base/json_token.h"

/* Positions take up to four bytes for each byte of text; more than this is given back after use. */
static const size_t CAPACITY_KEPT = 1u << 20;
static const size_t CAPACITY_FIRST = 1u << 16;
static const size_t TEXT_MAX = 1u << 30;

struct json_parser {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> impl;
};

extern "C" struct json_parser *json_parser_create(void)
{
    struct json_parser *p = new (std::nothrow) json_parser;

    must(p != nullptr);
    must(simdjson::get_active_implementation()->create_dom_parser_implementation(
             CAPACITY_FIRST, 1, p->impl) == simdjson::SUCCESS);
    return p;
}

extern "C" void json_parser_free(struct json_parser *p)
{
    delete p;
}

/* --- walking the grammar --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool fail(struct json_error *err, const char *text, size_t offset)
{
    *err = json_error{text, offset};
    return false;
}

struct walk {
    struct str text;
    const uint32_t *at; /* positions of the first stage */
    uint32_t n;
    uint32_t i; /* the token now */
    uint32_t depth;
    bool is_object[JSON_DEPTH_MAX];
    struct json_error *err;

    char c() const
    {
        return text.p[at[i]];
    }

    /* From the token's first byte to its last one before blanks and the next token. */
    struct str raw() const
    {
        size_t start = at[i];
        size_t end = i + 1 < n ? at[i + 1] : text.len;

        while (is_blank(text.p[end - 1]))
            end--;
        return str{text.p + start, end - start};
    }

    bool failed(const char *why) const
    {
        return fail(err, why, i < n ? at[i] : text.len);
    }
};

/* Positions of all tokens, or false with the reason. */
static bool first_stage(struct json_parser *p, struct str text, struct walk *w)
{
    simdjson::error_code rc;

    if (text.len == 0)
        return fail(w->err, "empty", 0);
    if (text.len > TEXT_MAX)
        return fail(w->err, "too long", text.len);
    if (text.len > p->impl->capacity() &&
        p->impl->set_capacity((text.len + 4095) & ~(size_t)4095) != simdjson::SUCCESS)
        return fail(w->err, "no memory for it", text.len);
    rc = p->impl->stage1((const uint8_t *)text.p, text.len, simdjson::stage1_mode::regular);
    switch (rc) {
    case simdjson::SUCCESS:
        break;
    case simdjson::UTF8_ERROR:
        return fail(w->err, "not UTF-8", text.len);
    case simdjson::UNCLOSED_STRING:
        return fail(w->err, "a string has no end", text.len);
    case simdjson::UNESCAPED_CHARS:
        return fail(w->err, "a control character in a string", text.len);
    default:
        return fail(w->err, "no JSON in it", text.len);
    }
    w->text = text;
    w->at = p->impl->structural_indexes.get();
    w->n = p->impl->n_structural_indexes;
    w->i = 0;
    w->depth = 0;
    return true;
}

static void give_back(struct json_parser *p)
{
    if (p->impl->capacity() > CAPACITY_KEPT)
        must(p->impl->set_capacity(CAPACITY_FIRST) == simdjson::SUCCESS);
}

enum expect { EXPECT_VALUE, EXPECT_FIRST_VALUE, EXPECT_KEY, EXPECT_FIRST_KEY, EXPECT_AFTER };

/*
 * A sink has open(type, start), close(end), key(inside) and scalar(type, raw); each returns false
 * to stop the walk, having set the error or not.
 */
template <class sink_type> static bool walk_key(struct walk *w, sink_type *sink)
{
    struct str raw;

    if (w->c() != '"')
        return w->failed("expected a member's name in quotes");
    raw = w->raw();
    if (!json_escapes_are_sound(str{raw.p + 1, raw.len - 2}))
        return w->failed("a member's name has an escape that is not one");
    w->i++;
    if (w->i == w->n || w->c() != ':')
        return w->failed("expected ':' behind a member's name");
    return sink->key(str{raw.p + 1, raw.len - 2});
}

template <class sink_type>
static bool walk_value(struct walk *w, sink_type *sink, enum expect *expect)
{
    char c = w->c();
    enum json_type type;
    const char *fault;
    struct str raw;

    if (c == '{' || c == '[') {
        if (w->depth == JSON_DEPTH_MAX)
            return w->failed("nested too deeply");
        w->is_object[w->depth++] = c == '{';
        *expect = c == '{' ? EXPECT_FIRST_KEY : EXPECT_FIRST_VALUE;
        return sink->open(c == '{' ? JSON_OBJECT : JSON_ARRAY, w->text.p + w->at[w->i]);
    }
    raw = w->raw();
    if (!json_scalar_type(raw, &type, &fault))
        return w->failed(fault);
    *expect = EXPECT_AFTER;
    return sink->scalar(type, raw);
}

template <class sink_type>
static bool walk_after(struct walk *w, sink_type *sink, enum expect *expect)
{
    bool is_object;

    if (w->depth == 0)
        return w->failed("text behind the value");
    is_object = w->is_object[w->depth - 1];
    if (w->c() == ',') {
        *expect = is_object ? EXPECT_KEY : EXPECT_VALUE;
        return true;
    }
    if (w->c() != (is_object ? '}' : ']'))
        return w->failed(is_object ? "expected ',' or '}'" : "expected ',' or ']'");
    w->depth--;
    *expect = EXPECT_AFTER;
    return sink->close(w->text.p + w->at[w->i] + 1);
}

/* False: the error is set, or the sink wanted no more. */
template <class sink_type> static bool walk_text(struct walk *w, sink_type *sink)
{
    enum expect expect = EXPECT_VALUE;

    for (; w->i < w->n; w->i++) {
        bool is_end = (expect == EXPECT_FIRST_KEY && w->c() == '}') ||
                      (expect == EXPECT_FIRST_VALUE && w->c() == ']');
        bool ok;

        if (expect == EXPECT_AFTER || is_end) {
            ok = walk_after(w, sink, &expect);
        } else if (expect == EXPECT_KEY || expect == EXPECT_FIRST_KEY) {
            ok = walk_key(w, sink);
            expect = EXPECT_VALUE;
        } else {
            ok = walk_value(w, sink, &expect);
        }
        if (!ok)
            return false;
    }
    if (w->depth > 0 || expect != EXPECT_AFTER)
        return w->failed("the text ends too early");
    return true;
}

/* --- json_scan --- */

struct scan_sink {
    json_member_fn *fn;
    void *ctx;
    struct json_member member; /* the one being read */
    uint32_t depth;
    bool is_stopped;

    bool give(struct str raw)
    {
        member.raw = raw;
        is_stopped = !fn(ctx, &member);
        return !is_stopped;
    }

    bool open(enum json_type type, const char *start)
    {
        if (depth++ == 1) {
            member.type = type;
            member.raw.p = start;
        }
        return true;
    }

    bool close(const char *end)
    {
        return --depth != 1 || give(str{member.raw.p, (size_t)(end - member.raw.p)});
    }

    bool key(struct str inside)
    {
        if (depth == 1)
            member.key = inside;
        return true;
    }

    bool scalar(enum json_type type, struct str raw)
    {
        if (depth != 1)
            return true;
        member.type = type;
        return give(raw);
    }
};

extern "C" int json_scan(struct json_parser *p, struct str text, json_member_fn *fn, void *ctx,
                         struct json_error *err)
{
    struct walk w;
    struct scan_sink sink = {fn, ctx, {}, 0, false};
    bool ok;

    w.err = err;
    ok = first_stage(p, text, &w);
    if (ok && w.c() != '{')
        ok = w.failed("expected an object");
    ok = ok && (walk_text(&w, &sink) || sink.is_stopped);
    give_back(p);
    return ok ? 0 : -1;
}

/* --- json_parse --- */

struct tree_sink {
    struct walk *w;
    struct arena *a;
    struct json *root;
    struct json *open_node[JSON_DEPTH_MAX];
    struct json *last_child[JSON_DEPTH_MAX];
    struct str next_key;
    uint32_t depth;
    uint32_t nodes, nodes_max;
    bool keeps_escapes; /* strings have no `text` */

    struct json *add(enum json_type type)
    {
        struct json *node;

        if (nodes++ == nodes_max || (nodes % 1024 == 0 && arena_bytes(a) > JSON_ARENA_MAX)) {
            (void)w->failed("too many values");
            return nullptr;
        }
        node = (struct json *)arena_zalloc(a, sizeof(*node));
        node->type = type;
        node->key = next_key;
        next_key = STR_NONE;
        if (depth == 0) {
            root = node;
            return node;
        }
        if (last_child[depth - 1] == nullptr)
            open_node[depth - 1]->child = node;
        else
            last_child[depth - 1]->next = node;
        last_child[depth - 1] = node;
        open_node[depth - 1]->n++;
        return node;
    }

    struct str plain(struct str inside)
    {
        if (memchr(inside.p, '\\', inside.len) == nullptr)
            return inside;
        return json_unescape_inside(a, inside);
    }

    bool open(enum json_type type, const char *start)
    {
        struct json *node = add(type);

        if (node == nullptr)
            return false;
        node->raw.p = start;
        open_node[depth] = node;
        last_child[depth] = nullptr;
        depth++;
        return true;
    }

    bool close(const char *end)
    {
        struct json *node = open_node[--depth];

        node->raw.len = (size_t)(end - node->raw.p);
        return true;
    }

    bool key(struct str inside)
    {
        next_key = plain(inside);
        return true;
    }

    bool scalar(enum json_type type, struct str raw)
    {
        struct json *node = add(type);

        if (node == nullptr)
            return false;
        node->raw = raw;
        node->boolean = type == JSON_BOOL && raw.p[0] == 't';
        if (type == JSON_STRING && !keeps_escapes)
            node->text = plain(str{raw.p + 1, raw.len - 2});
        else if (type == JSON_NUMBER)
            node->text = raw;
        return true;
    }
};

static struct json *parse(struct json_parser *p, struct arena *a, struct str text,
                          bool keeps_escapes, struct json_error *err)
{
    struct walk w;
    struct tree_sink sink;
    bool ok;

    w.err = err;
    sink.w = &w;
    sink.a = a;
    sink.root = nullptr;
    sink.next_key = STR_NONE;
    sink.depth = 0;
    sink.nodes = 0;
    sink.nodes_max = JSON_NODES_MAX;
    if (keeps_escapes && text.len / JSON_BYTES_A_NODE < JSON_NODES_MAX - JSON_NODES_FREE)
        sink.nodes_max = JSON_NODES_FREE + (uint32_t)(text.len / JSON_BYTES_A_NODE);
    sink.keeps_escapes = keeps_escapes;
    ok = first_stage(p, text, &w) && walk_text(&w, &sink);
    give_back(p);
    return ok ? sink.root : nullptr;
}

extern "C" struct json *json_parse(struct json_parser *p, struct arena *a, struct str text,
                                   struct json_error *err)
{
    return parse(p, a, text, false, err);
}

extern "C" struct json *json_parse_raw(struct json_parser *p, struct arena *a, struct str text,
                                       struct json_error *err)
{
    return parse(p, a, text, true, err);
}
