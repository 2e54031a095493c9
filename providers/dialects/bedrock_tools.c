/*
 * bedrock_tools - toolConfig: bedrock.h.
 */
#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/schema.h"
#include "providers/write.h"

#define NO_PARAMETERS STR("{\"type\":\"object\",\"properties\":{}}")

static bool has_tool_history(const struct chat *chat)
{
    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b->kind == BLOCK_TOOL_CALL || b->kind == BLOCK_TOOL_RESULT)
                return true;
        }
    }
    return false;
}

struct members {
    bool any, has_type;
};

static bool on_schema_member(void *ctx, const struct json_member *m)
{
    struct members *found = ctx;

    found->any = true;
    found->has_type = found->has_type || str_eq(m->key, STR("type"));
    return true;
}

/* AWS demands a type at the top; OpenAI's clients need not say it. */
static struct str as_object(const struct bedrock_out *o, struct str schema)
{
    static const struct str usual = {"{\"type\":\"object\"", 16};
    struct members found = {false, false};
    struct json_error ignored;

    if (str_starts(schema, usual) ||
        json_scan(o->c->json, schema, on_schema_member, &found, &ignored) != 0 || found.has_type)
        return schema;
    if (!found.any)
        return NO_PARAMETERS;
    loss_change(o->loss, STR("tools.parameters"));
    return arena_concat(o->c->arena, (struct str[]){usual, STR(","), str_skip(schema, 1)}, 3);
}

/* As this model takes it; at home as it stood. */
static struct str parameters_of(const struct bedrock_out *o, const struct chat_tool *t)
{
    bool is_nova = o->family == FAMILY_NOVA || o->family == FAMILY_NOVA2;
    bool is_strict = t->strict == YES && o->family == FAMILY_CLAUDE;

    if (t->schema.len == 0)
        return NO_PARAMETERS;
    if (o->chat->from == DIALECT_BEDROCK)
        return t->schema;
    return as_object(o, schema_normalise(o->c, t->schema,
                                         is_strict ? SCHEMA_ANTHROPIC_STRICT
                                         : is_nova ? SCHEMA_NOVA
                                                   : SCHEMA_BEDROCK,
                                         o->loss, STR("tools.parameters")));
}

static int write_spec(struct bedrock_out *o, const struct chat_tool *t)
{
    if (!bedrock_name_is_good(t->name))
        return chat_invalid(o->c, o->err, "tools",
                            "Bedrock takes letters, digits, _ and - in a tool's name, at most 64");
    write_open(o->b, '{');
    write_key(o->b, "toolSpec");
    write_open(o->b, '{');
    write_member_text(o->b, "name", t->name);
    write_text_if(o->b, "description", t->description);
    write_key(o->b, "inputSchema");
    write_open(o->b, '{');
    write_member_raw(o->b, "json", parameters_of(o, t));
    write_close(o->b, '}');
    if (t->strict != UNSET && o->family == FAMILY_CLAUDE)
        write_member_bool(o->b, "strict", t->strict == YES);
    else if (t->strict == YES)
        loss_drop(o->loss, STR("tools.strict"));
    write_close(o->b, '}');
    write_close(o->b, '}');
    return 0;
}

/* Nova runs two tools itself. */
static const char *nova_tool(const struct bedrock_out *o, const struct chat_tool *t)
{
    if (o->family != FAMILY_NOVA2)
        return NULL;
    return t->builtin == BUILTIN_WEB_SEARCH ? "nova_grounding"
           : t->builtin == BUILTIN_CODE     ? "nova_code_interpreter"
                                            : NULL;
}

static void write_builtin(struct bedrock_out *o, const struct chat_tool *t)
{
    const char *name = nova_tool(o, t);

    if (bedrock_is_claude_tool(o, t))
        return; /* it is among the additional fields */
    if (o->chat->from == DIALECT_BEDROCK) {
        write_raw(o->b, t->raw);
    } else if (name != NULL) {
        loss_change(o->loss, STR("tools"));
        write_open(o->b, '{');
        write_key(o->b, "systemTool");
        write_open(o->b, '{');
        write_member_cstr(o->b, "name", name);
        write_close(o->b, '}');
        write_close(o->b, '}');
    } else {
        loss_drop(o->loss, arena_concat(o->c->arena, (struct str[]){STR("tools."), t->name}, 2));
    }
}

static void write_choice(struct bedrock_out *o)
{
    enum chat_choice choice = o->chat->tool_choice;
    bool is_known = o->family != FAMILY_OTHER && o->family != FAMILY_GPT;

    if (o->is_thinking && (choice == CHOICE_REQUIRED || choice == CHOICE_NAMED)) {
        loss_change(o->loss, STR("tool_choice")); /* Claude thinks only when it may choose */
        choice = CHOICE_AUTO;
    }
    if (choice == CHOICE_NAMED && !is_known) {
        loss_change(o->loss, STR("tool_choice"));
        choice = CHOICE_REQUIRED;
    }
    if (choice == CHOICE_UNSET || choice == CHOICE_NONE || (choice == CHOICE_AUTO && !is_known))
        return;
    write_key(o->b, "toolChoice");
    write_open(o->b, '{');
    write_key(o->b, choice == CHOICE_AUTO ? "auto" : choice == CHOICE_REQUIRED ? "any" : "tool");
    write_open(o->b, '{');
    if (choice == CHOICE_NAMED)
        write_member_text(o->b, "name", o->chat->tool_name);
    write_close(o->b, '}');
    write_close(o->b, '}');
}

/*
 * AWS demands a toolConfig when the history has tool calls, and knows no "none": a tool that is
 * there for that alone, always the same one, so that later turns do not change the beginning.
 */
static void write_no_tools(struct bedrock_out *o)
{
    if (!has_tool_history(o->chat))
        return;
    loss_change(o->loss, STR("tools"));
    write_member_raw(
        o->b, "toolConfig",
        STR("{\"tools\":[{\"toolSpec\":{\"name\":\"no_tool\",\"description\":\"There are no tools "
            "now. Do not call this.\",\"inputSchema\":{\"json\":{\"type\":\"object\","
            "\"properties\":{}}}}}]}"));
}

int bedrock_write_tools(struct bedrock_out *o)
{
    size_t empty;
    size_t start = o->b->len;

    if (o->chat->parallel_tools == NO)
        loss_drop(o->loss, STR("parallel_tool_calls"));
    if (o->chat->tools == NULL || o->chat->tool_choice == CHOICE_NONE) {
        write_no_tools(o);
        return 0;
    }
    write_key(o->b, "toolConfig");
    write_open(o->b, '{');
    write_key(o->b, "tools");
    write_open(o->b, '[');
    empty = o->b->len;
    for (const struct chat_tool *t = o->chat->tools; t != NULL; t = t->next) {
        if (t->builtin != BUILTIN_NONE)
            write_builtin(o, t);
        else if (write_spec(o, t) != 0)
            return -1;
        if (t->cache != CACHE_NONE && o->family == FAMILY_CLAUDE && o->b->len > empty)
            bedrock_write_cache(o, t->cache);
        else if (t->cache != CACHE_NONE)
            loss_drop(o->loss, STR("cache_control")); /* Nova knows them in messages only */
    }
    if (o->b->len == empty) {
        o->b->len = start;
        return 0;
    }
    write_close(o->b, ']');
    write_choice(o);
    write_close(o->b, '}');
    return 0;
}
