/*
 * anthropic_schema - JSON Schema as structured output and strict tools take it.
 *
 * What is taken, and what becomes of the rest, is the official SDK's transform_schema: keywords that
 * are not taken go into the description, so that the model still reads them; objects are closed;
 * oneOf becomes anyOf. `const` and `default` stay, as the reference lists them as taken.
 */
#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/write.h"

enum sort { PLAIN, SCHEMA, SCHEMA_LIST, SCHEMA_MAP, CLOSED, CHECKED, OTHER };

static const struct {
    const char *key;
    enum sort sort;
} keywords[] = {
    {"type", PLAIN},
    {"description", PLAIN},
    {"title", PLAIN},
    {"enum", PLAIN},
    {"const", PLAIN},
    {"default", PLAIN},
    {"required", PLAIN},
    {"$ref", PLAIN},
    {"properties", SCHEMA_MAP},
    {"$defs", SCHEMA_MAP},
    {"definitions", SCHEMA_MAP},
    {"items", SCHEMA},
    {"anyOf", SCHEMA_LIST},
    {"allOf", SCHEMA_LIST},
    {"additionalProperties", CLOSED},
    {"format", CHECKED},
    {"minItems", CHECKED},
};

static const char *const formats[] = {"date-time", "time", "date", "duration", "email",
                                      "hostname",  "uri",  "ipv4", "ipv6",     "uuid"};

static bool is_taken_value(const struct json *m)
{
    if (str_eq(m->key, STR("minItems")))
        return str_eq(m->raw, STR("0")) || str_eq(m->raw, STR("1"));
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (text_is(text_inside(m), formats[i]))
            return true;
    }
    return false;
}

static enum sort sort_of(const struct json *m)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        if (!str_eq(m->key, str_of(keywords[i].key)))
            continue;
        if (keywords[i].sort == CHECKED)
            return is_taken_value(m) ? PLAIN : OTHER;
        return keywords[i].sort;
    }
    return OTHER;
}

static bool is_object_schema(const struct json *node)
{
    const struct json *type = json_get(node, "type");

    if (text_is(text_inside(type), "object") || json_get(node, "properties") != NULL)
        return true;
    if (type == NULL || type->type != JSON_ARRAY)
        return false;
    for (const struct json *t = type->child; t != NULL; t = t->next) {
        if (text_is(text_inside(t), "object"))
            return true;
    }
    return false;
}

static bool is_false(const struct json *node)
{
    return node != NULL && node->type == JSON_BOOL && !node->boolean;
}

/* As deep as the parser lets a text be. NOLINTNEXTLINE(misc-no-recursion) */
static bool fits(const struct json *node)
{
    if (node->type != JSON_OBJECT)
        return true;
    if (is_object_schema(node) && !is_false(json_get(node, "additionalProperties")))
        return false;
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        enum sort sort = sort_of(m);

        if (sort == OTHER || (sort == CLOSED && !is_false(m)) || (sort == SCHEMA && !fits(m)))
            return false;
        if (sort != SCHEMA_LIST && sort != SCHEMA_MAP)
            continue;
        for (const struct json *n = m->child; n != NULL; n = n->next) {
            if (!fits(n))
                return false;
        }
    }
    return true;
}

static void rewrite(const struct chat_codec *c, const struct json *node, struct buf *b);

/* NOLINTNEXTLINE(misc-no-recursion) */
static void rewrite_all(const struct chat_codec *c, const struct json *node, struct buf *b)
{
    bool is_map = node->type == JSON_OBJECT;

    if (!is_map && node->type != JSON_ARRAY) {
        write_raw(b, node->raw);
        return;
    }
    write_open(b, is_map ? '{' : '[');
    for (const struct json *n = node->child; n != NULL; n = n->next) {
        if (is_map) {
            write_plain(b, n->key);
            buf_char(b, ':');
        }
        rewrite(c, n, b);
    }
    write_close(b, is_map ? '}' : ']');
}

/* "text\n\n{minLength: 1, pattern: \"a+\"}" */
static void write_description(const struct chat_codec *c, const struct json *node, struct buf *b)
{
    struct str text = text_member(node, "description");
    struct buf rest = BUF_INIT;

    for (const struct json *m = node->child; m != NULL; m = m->next) {
        if (sort_of(m) != OTHER || str_eq(m->key, STR("oneOf")))
            continue;
        buf_cstr(&rest, rest.len > 0 ? ", " : "{");
        buf_str(&rest, m->key);
        buf_cstr(&rest, ": ");
        buf_str(&rest, m->raw);
    }
    if (rest.len > 0) {
        struct str parts[3] = {text, text.len > 0 ? STR("\\n\\n") : STR(""), STR_NONE};

        buf_char(&rest, '}');
        parts[2] = text_escape(c->arena, arena_str(c->arena, buf_view(&rest)));
        text = arena_concat(c->arena, parts, ARRAY_LEN(parts));
    }
    buf_fini(&rest);
    write_text_if(b, "description", text);
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void rewrite_member(const struct chat_codec *c, const struct json *m, struct buf *b)
{
    enum sort sort = sort_of(m);
    bool is_one_of = str_eq(m->key, STR("oneOf"));

    if (str_eq(m->key, STR("description")) || sort == CLOSED || (sort == OTHER && !is_one_of))
        return;
    write_plain(b, is_one_of ? STR("anyOf") : m->key);
    buf_char(b, ':');
    if (sort == PLAIN)
        buf_str(b, m->raw);
    else if (sort == SCHEMA)
        rewrite(c, m, b);
    else
        rewrite_all(c, m, b);
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void rewrite(const struct chat_codec *c, const struct json *node, struct buf *b)
{
    bool has_any = json_get(node, "anyOf") != NULL;

    if (node->type != JSON_OBJECT) {
        write_raw(b, node->raw);
        return;
    }
    write_open(b, '{');
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        if (!(has_any && str_eq(m->key, STR("oneOf")))) /* one of the two, as in the SDK */
            rewrite_member(c, m, b);
    }
    if (json_get(node, "$ref") == NULL)
        write_description(c, node, b);
    if (is_object_schema(node))
        write_member_bool(b, "additionalProperties", false);
    write_close(b, '}');
}

struct str anthropic_schema(const struct chat_codec *c, struct str raw, bool *changed)
{
    struct json_error err;
    const struct json *root = json_parse_raw(c->json, c->scratch, raw, &err);
    struct buf b = BUF_INIT;

    if (root == NULL || fits(root))
        return raw;
    *changed = true;
    rewrite(c, root, &b);
    raw = arena_str(c->arena, buf_view(&b));
    buf_fini(&b);
    return raw;
}
