/*
 * Tools and tool_choice of the Responses API into the neutral form; free-form tools as functions.
 */
#include "providers/dialects/responses.h"

#include <stdio.h>

#include "providers/chat_text.h"

/* What a free-form tool looks like to models that know functions only. */
#define FREEFORM_SCHEMA                                                                            \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\",\"description\":"         \
    "\"The tool's whole input, as plain text.\"}},\"required\":[\"input\"],"                       \
    "\"additionalProperties\":false}"

static const struct {
    const char *type;
    enum chat_builtin builtin;
} builtins[] = {
    {"web_search", BUILTIN_WEB_SEARCH}, /* and _preview, and those with a date */
    {"file_search", BUILTIN_FILE_SEARCH},
    {"computer", BUILTIN_COMPUTER}, /* and computer_use_preview */
    {"code_interpreter", BUILTIN_CODE},
    {"image_generation", BUILTIN_IMAGE},
    {"mcp", BUILTIN_MCP},
    {"local_shell", BUILTIN_SHELL},
    {"shell", BUILTIN_SHELL},
    {"apply_patch", BUILTIN_EDITOR},
};

static enum chat_builtin builtin_of(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
        if (str_starts(type, str_of(builtins[i].type)))
            return builtins[i].builtin;
    }
    return BUILTIN_OTHER;
}

static int tool_error(const struct responses_in *in, uint32_t at, const char *field,
                      const char *expected, const struct json *got)
{
    char param[64];

    (void)snprintf(param, sizeof(param), "tools[%u]%s", at, field); /* fits */
    return got == NULL ? responses_missing(in, param)
                       : responses_wrong_type(in, param, expected, got);
}

/* A description that also tells the grammar: without it a model could only guess at the format. */
static struct str freeform_description(const struct responses_in *in, const struct json *tool)
{
    const struct json *format = json_get(tool, "format");
    struct str description = text_member(tool, "description");

    if (!text_is(text_member(format, "type"), "grammar"))
        return description;
    chat_add_extra(in->c, in->chat, STR("tools.format"), STR_NONE);
    return arena_concat(in->c->arena,
                        (struct str[]){description,
                                       STR("\\n\\nGive the text as the string `input`. "
                                           "It must match this grammar ("),
                                       text_member(format, "syntax"), STR("):\\n"),
                                       text_member(format, "definition")},
                        5);
}

static int decode_function(const struct responses_in *in, const struct json *node, uint32_t at,
                           bool is_freeform)
{
    const struct json *name = json_get(node, "name");
    const struct json *schema = json_get(node, "parameters");
    struct chat_tool *t;
    bool strict;

    if (name == NULL || name->type != JSON_STRING || name->raw.len == 2)
        return tool_error(in, at, ".name", "a string", name);
    if (schema != NULL && schema->type != JSON_OBJECT && schema->type != JSON_NULL)
        return tool_error(in, at, ".parameters", "an object", schema);
    t = chat_add_tool(in->c, in->chat);
    t->raw = node->raw;
    t->name = text_inside(name);
    if (is_freeform) {
        t->is_freeform = true;
        t->description = freeform_description(in, node);
        t->schema = STR(FREEFORM_SCHEMA);
        return 0;
    }
    t->description = text_member(node, "description");
    if (schema != NULL && schema->type == JSON_OBJECT)
        t->schema = schema->raw;
    if (json_bool(json_get(node, "strict"), &strict))
        t->strict = strict ? YES : NO;
    return 0;
}

int responses_decode_tools(const struct responses_in *in, const struct json *tools)
{
    uint32_t at = 0;

    if (tools->type != JSON_ARRAY)
        return responses_wrong_type(in, "tools", "an array of objects", tools);
    if (tools->n > RESPONSES_TOOLS_MAX)
        return chat_invalid(in->c, in->err, "tools", "Invalid 'tools': more than %d tools.",
                            RESPONSES_TOOLS_MAX);
    for (const struct json *x = tools->child; x != NULL; x = x->next, at++) {
        struct str type = text_member(x, "type");
        struct chat_tool *t;

        if (x->type != JSON_OBJECT)
            return tool_error(in, at, "", "an object", x);
        if (type.len == 0)
            return tool_error(in, at, ".type", "a string", json_get(x, "type"));
        if (text_is(type, "function") || text_is(type, "custom")) {
            if (decode_function(in, x, at, text_is(type, "custom")) != 0)
                return -1;
            continue;
        }
        t = chat_add_tool(in->c, in->chat);
        t->builtin = builtin_of(type);
        t->name = type;
        t->raw = x->raw;
    }
    return 0;
}

static bool choose(struct chat *chat, struct str word)
{
    if (text_is(word, "auto"))
        chat->tool_choice = CHOICE_AUTO;
    else if (text_is(word, "none"))
        chat->tool_choice = CHOICE_NONE;
    else if (text_is(word, "required"))
        chat->tool_choice = CHOICE_REQUIRED;
    else
        return false;
    return true;
}

int responses_decode_choice(const struct responses_in *in, const struct json *choice)
{
    struct str type = text_member(choice, "type");
    struct chat *chat = in->chat;

    if (choice->type == JSON_STRING) {
        if (choose(chat, text_inside(choice)))
            return 0;
        return chat_invalid(in->c, in->err, "tool_choice",
                            "Invalid value for 'tool_choice': supported are 'none', 'auto', "
                            "'required' and objects.");
    }
    if (choice->type != JSON_OBJECT)
        return responses_wrong_type(in, "tool_choice", "a string or an object", choice);
    if (text_is(type, "function") || text_is(type, "custom")) {
        chat->tool_name = text_member(choice, "name");
        if (chat->tool_name.len == 0)
            return responses_missing(in, "tool_choice.name");
        chat->tool_choice = CHOICE_NAMED;
        return 0;
    }
    /* allowed_tools, and tools of the provider's own: no equivalent, but for how much it must */
    (void)choose(chat, text_member(choice, "mode"));
    chat_add_extra(in->c, chat, STR("tool_choice"), choice->raw);
    return 0;
}

/* --- free-form tools --- */

const struct chat_tool *responses_freeform(const struct chat *chat, struct str name)
{
    for (const struct chat_tool *t = chat->tools; t != NULL; t = t->next) {
        if (t->is_freeform && str_eq(t->name, name))
            return t;
    }
    return NULL;
}

struct str responses_freeform_arguments(struct arena *a, struct str input)
{
    return arena_concat(a, (struct str[]){STR("{\"input\":\""), input, STR("\"}")}, 3);
}

bool responses_freeform_input(const struct chat_codec *c, const struct chat_block *call,
                              struct str *out)
{
    struct str raw =
        call->arguments.len > 0 ? call->arguments : text_plain(c->scratch, call->arguments_text);
    struct json_error err;
    const struct json *root = json_parse_raw(c->json, c->scratch, raw, &err);
    const struct json *input = json_get(root, "input");

    if (root != NULL && root->type == JSON_OBJECT && input != NULL && input->type == JSON_STRING) {
        *out = text_inside(input);
        return true;
    }
    *out = call->arguments_text.len > 0 ? call->arguments_text
                                        : text_escape(c->scratch, call->arguments);
    return false;
}
