#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/schema.h"
#include "providers/write.h"

#define NAME_MAX_BYTES 128

/* Tools that have a wire type. Which version is written is the oldest generally available one. */
static const struct {
    const char *prefix; /* of the type, before its date */
    enum chat_builtin builtin;
    const char *type, *name; /* what is written for another dialect's; NULL: nothing */
} builtins[] = {
    {"web_search_", BUILTIN_WEB_SEARCH, "web_search_20250305", "web_search"},
    {"web_fetch_", BUILTIN_WEB_FETCH, "web_fetch_20250910", "web_fetch"},
    {"code_execution_", BUILTIN_CODE, "code_execution_20250825", "code_execution"},
    {"bash_", BUILTIN_SHELL, NULL, NULL},
    {"text_editor_", BUILTIN_EDITOR, NULL, NULL},
    {"computer_", BUILTIN_COMPUTER, NULL, NULL},
    {"mcp_", BUILTIN_MCP, NULL, NULL},
};

/* --- decoding --- */

static int decode_function(struct anthropic_in *in, const struct json *node, struct chat_tool *t)
{
    const struct json *schema = NULL;
    bool is_strict;

    for (const struct json *m = node->child; m != NULL; m = m->next) {
        if (m->type == JSON_NULL || str_eq(m->key, STR("type")) ||
            str_eq(m->key, STR("cache_control")))
            continue;
        if (str_eq(m->key, STR("name"))) {
            t->name = text_inside(m);
        } else if (str_eq(m->key, STR("description"))) {
            t->description = text_inside(m);
        } else if (str_eq(m->key, STR("input_schema"))) {
            schema = m;
        } else if (str_eq(m->key, STR("strict")) && json_bool(m, &is_strict)) {
            t->strict = is_strict ? YES : NO;
        } else {
            struct str parts[] = {STR("tools."), m->key};

            chat_add_extra(in->c, in->chat, arena_concat(in->c->scratch, parts, 2), STR_NONE);
        }
    }
    if (t->name.len == 0)
        return anthropic_bad(in, "name", "Field required");
    if (schema == NULL)
        return anthropic_bad(in, "input_schema", "Field required");
    if (schema->type != JSON_OBJECT)
        return anthropic_bad(in, "input_schema", "Input should be a valid dictionary");
    t->schema = schema->raw;
    return 0;
}

int anthropic_decode_tools(struct anthropic_in *in, const struct json *node)
{
    if (node == NULL)
        return 0;
    in->list = "tools";
    in->item = in->block = in->inner = -1;
    if (node->type != JSON_ARRAY || node->n > CHAT_MESSAGES_MAX)
        return anthropic_bad(in, NULL, "Input should be a valid list");
    in->item = 0;
    for (const struct json *n = node->child; n != NULL; n = n->next, in->item++) {
        struct str type = text_member(n, "type");
        struct chat_tool *t;

        if (n->type != JSON_OBJECT)
            return anthropic_bad(in, NULL, "Input should be a valid dictionary");
        t = chat_add_tool(in->c, in->chat);
        t->raw = n->raw;
        if (anthropic_decode_cache(in, anthropic_given(json_get(n, "cache_control")), &t->cache) !=
            0)
            return -1;
        if (type.len == 0 || text_is(type, "custom")) {
            if (decode_function(in, n, t) != 0)
                return -1;
            continue;
        }
        t->name = type;
        t->builtin = BUILTIN_OTHER;
        for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
            if (str_starts(type, str_of(builtins[i].prefix)))
                t->builtin = builtins[i].builtin;
        }
    }
    in->list = NULL;
    return 0;
}

/* --- ids and names --- */

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.p[i];

        if (!(str_is_digit(ch) || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
              ch == '_' || ch == '-'))
            return false;
    }
    return s.len > 0;
}

/* What is refused becomes '_', and a sum of the whole keeps apart what was different. */
static struct str make_plain(const struct chat_codec *c, struct str s, size_t max)
{
    size_t len = min_u64(s.len, max - 9);
    char *out = arena_alloc(c->arena, len + 10);
    uint32_t sum = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < s.len; i++)
        sum = (sum ^ (unsigned char)s.p[i]) * 16777619u;
    for (size_t i = 0; i < len; i++)
        out[i] = s.p[i] != '\0' && is_plain((struct str){s.p + i, 1}) ? s.p[i] : '_';
    (void)snprintf(out + len, 10, "_%08x", sum); /* nine characters */
    return (struct str){out, len + 9};
}

struct str anthropic_id(const struct chat_codec *c, struct str id)
{
    return is_plain(id) ? id : make_plain(c, id, 512);
}

struct str anthropic_name(const struct chat_codec *c, struct str name)
{
    return is_plain(name) && name.len <= NAME_MAX_BYTES ? name
                                                        : make_plain(c, name, NAME_MAX_BYTES);
}

/* --- encoding --- */

void anthropic_write_cache(struct buf *b, enum chat_cache cache)
{
    if (cache == CACHE_5M)
        write_member_raw(b, "cache_control", STR("{\"type\":\"ephemeral\"}"));
    else if (cache == CACHE_1H)
        write_member_raw(b, "cache_control", STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"));
}

struct type_search {
    bool is_object;
};

static bool on_schema_member(void *ctx, const struct json_member *m)
{
    struct type_search *s = ctx;

    s->is_object = str_eq(m->key, STR("type")) && str_eq(m->raw, STR("\"object\""));
    return !s->is_object;
}

/* Anthropic wants `"type":"object"` at the top, where others take it as understood. */
static struct str schema_of(struct anthropic_out *o, const struct chat_tool *t)
{
    static const struct str usual = {"{\"type\":\"object\"", 16};
    struct type_search search = {false};
    struct json_error err;
    struct str raw = t->schema;

    if (raw.len <= 2)
        return STR("{\"type\":\"object\",\"properties\":{}}");
    if (!str_starts(raw, usual) &&
        (json_scan(o->c->json, raw, on_schema_member, &search, &err) != 0 || !search.is_object)) {
        loss_change(o->loss, STR("tools.parameters"));
        return str_starts(raw, STR("{}")) || raw.p[0] != '{'
                   ? STR("{\"type\":\"object\",\"properties\":{}}")
                   : arena_concat(o->c->arena, (struct str[]){usual, STR(","), str_skip(raw, 1)},
                                  3);
    }
    if (t->strict == YES && (o->target->quirks & QUIRK_NO_STRICT) == 0)
        raw =
            schema_normalise(o->c, raw, SCHEMA_ANTHROPIC_STRICT, o->loss, STR("tools.parameters"));
    return raw;
}

static void write_function(struct anthropic_out *o, const struct chat_tool *t)
{
    struct str name = anthropic_name(o->c, t->name);

    if (!str_eq(name, t->name))
        loss_change(o->loss, STR("tools.name"));
    write_open(o->b, '{');
    write_member_text(o->b, "name", name);
    write_text_if(o->b, "description", t->description);
    write_member_raw(o->b, "input_schema", schema_of(o, t));
    if (t->strict == YES && (o->target->quirks & QUIRK_NO_STRICT) != 0)
        loss_drop(o->loss, STR("tools.strict"));
    else if (t->strict == YES)
        write_member_bool(o->b, "strict", true);
    anthropic_write_cache(o->b, t->cache);
    write_close(o->b, '}');
}

static void write_builtin(struct anthropic_out *o, const struct chat_tool *t)
{
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
        if (builtins[i].builtin != t->builtin || builtins[i].type == NULL)
            continue;
        write_open(o->b, '{');
        write_member_cstr(o->b, "type", builtins[i].type);
        write_member_cstr(o->b, "name", builtins[i].name);
        anthropic_write_cache(o->b, t->cache);
        write_close(o->b, '}');
        loss_change(o->loss, STR("tools")); /* its settings are the other dialect's */
        return;
    }
    loss_drop(o->loss, STR("tools"));
}

static bool is_writable(const struct anthropic_out *o, const struct chat_tool *t)
{
    if (o->is_home || t->builtin == BUILTIN_NONE)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
        if (builtins[i].builtin == t->builtin && builtins[i].type != NULL)
            return true;
    }
    return false;
}

static bool has_tools(const struct anthropic_out *o)
{
    for (const struct chat_tool *t = o->chat->tools; t != NULL; t = t->next) {
        if (is_writable(o, t))
            return true;
    }
    return false;
}

void anthropic_write_tools(struct anthropic_out *o)
{
    bool any = has_tools(o);

    if (any) {
        write_key(o->b, "tools");
        write_open(o->b, '[');
    }
    for (const struct chat_tool *t = o->chat->tools; t != NULL; t = t->next) {
        if (o->is_home && t->raw.len > 0)
            write_raw(o->b, t->raw);
        else if (t->builtin == BUILTIN_NONE)
            write_function(o, t);
        else
            write_builtin(o, t);
    }
    if (any)
        write_close(o->b, ']');
}

void anthropic_write_tool_choice(struct anthropic_out *o, bool is_thinking)
{
    static const char *const types[] = {[CHOICE_AUTO] = "auto",
                                        [CHOICE_NONE] = "none",
                                        [CHOICE_REQUIRED] = "any",
                                        [CHOICE_NAMED] = "tool"};
    const struct chat *chat = o->chat;
    enum chat_choice choice = chat->tool_choice;
    bool is_single = chat->parallel_tools == NO && choice != CHOICE_NONE;

    if (!has_tools(o) || (choice == CHOICE_UNSET && !is_single))
        return;
    if (choice == CHOICE_UNSET)
        choice = CHOICE_AUTO;
    if (is_thinking && (choice == CHOICE_REQUIRED || choice == CHOICE_NAMED)) {
        loss_change(o->loss, STR("tool_choice"));
        choice = CHOICE_AUTO;
    }
    if (is_single && (o->target->quirks & QUIRK_NO_PARALLEL) != 0) {
        loss_drop(o->loss, STR("parallel_tool_calls"));
        is_single = false;
    }
    write_key(o->b, "tool_choice");
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", types[choice]);
    if (choice == CHOICE_NAMED)
        write_member_text(o->b, "name", anthropic_name(o->c, chat->tool_name));
    if (is_single)
        write_member_bool(o->b, "disable_parallel_tool_use", true);
    write_close(o->b, '}');
}
