/*
 * bedrock_fields - what additionalModelRequestFields says in the words of the model's own vendor:
 * bedrock.h. The names are unambiguous, so they are read whatever the model's name is: a client may
 * call it by an alias.
 */
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/reasoning.h"

#define THINKING_BUDGET_MAX (1u << 30)

/* Claude: {"type":"enabled","budget_tokens":4096,"display":"omitted"}. */
static int read_thinking(const struct bedrock_in *in, const struct json *v, const char *path)
{
    struct chat_reasoning *r = &in->chat->reasoning;
    struct str type = text_member(v, "type");
    struct str display = text_member(v, "display");
    uint64_t budget;

    if (text_is(type, "disabled")) {
        r->effort = EFFORT_NONE;
    } else if (text_is(type, "adaptive")) {
        r->adaptive = true;
    } else if (text_is(type, "enabled")) {
        if (!json_u64(json_get(v, "budget_tokens"), &budget) || budget == 0 ||
            budget > THINKING_BUDGET_MAX)
            return bedrock_wrong(in, path, "needs budget_tokens, a whole number");
        r->budget = (int64_t)budget;
    } else {
        return bedrock_wrong(in, path, "must have type enabled, disabled or adaptive");
    }
    if (display.len > 0)
        r->show = text_is(display, "omitted") ? NO : YES;
    return 0;
}

static int read_effort(const struct bedrock_in *in, const struct json *v, const char *path)
{
    enum chat_effort effort = reasoning_parse(text_inside(v));

    if (effort == EFFORT_UNSET)
        return bedrock_wrong(in, path, "is no effort that is known");
    in->chat->reasoning.effort = effort;
    return 0;
}

static int read_output_config(const struct bedrock_in *in, const struct json *v, const char *path)
{
    static const struct bedrock_member members[] = {{"effort", read_effort}};

    return bedrock_read_members(in, v, path, members, ARRAY_LEN(members));
}

/* Nova 2: {"type":"enabled","maxReasoningEffort":"low"}. */
static int read_nova_reasoning(const struct bedrock_in *in, const struct json *v, const char *path)
{
    const struct json *effort = json_get(v, "maxReasoningEffort");

    if (text_is(text_member(v, "type"), "disabled")) {
        in->chat->reasoning.effort = EFFORT_NONE;
        return 0;
    }
    return effort != NULL ? read_effort(in, effort, path)
                          : bedrock_wrong(in, path, "needs maxReasoningEffort");
}

static int read_top_k(const struct bedrock_in *in, const struct json *v, const char *path)
{
    in->chat->top_k = v->raw;
    return bedrock_want(in, v, JSON_NUMBER, path);
}

static int read_nova_inference(const struct bedrock_in *in, const struct json *v, const char *path)
{
    static const struct bedrock_member members[] = {{"topK", read_top_k}, {"top_k", read_top_k}};

    return bedrock_read_members(in, v, path, members, ARRAY_LEN(members));
}

static enum chat_builtin builtin_of(struct str type)
{
    static const struct {
        struct str begin;
        enum chat_builtin builtin;
    } builtins[] = {
        {{"computer_", 9}, BUILTIN_COMPUTER},    {{"bash_", 5}, BUILTIN_SHELL},
        {{"text_editor_", 12}, BUILTIN_EDITOR},  {{"web_search_", 11}, BUILTIN_WEB_SEARCH},
        {{"web_fetch_", 10}, BUILTIN_WEB_FETCH}, {{"code_execution_", 15}, BUILTIN_CODE},
    };

    for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
        if (str_starts(type, builtins[i].begin))
            return builtins[i].builtin;
    }
    return BUILTIN_OTHER;
}

/* Claude's own tools have no place in toolConfig. */
static int read_tools(const struct bedrock_in *in, const struct json *v, const char *path)
{
    if (bedrock_want(in, v, JSON_ARRAY, path) != 0)
        return -1;
    if (v->n > BEDROCK_TOOLS_MAX)
        return bedrock_wrong(in, path, "has too many members");
    for (const struct json *tool = v->child; tool != NULL; tool = tool->next) {
        struct str type = text_member(tool, "type");
        struct chat_tool *t;

        if (type.len == 0)
            return bedrock_wrong(in, path, "must be tools with a type");
        t = chat_add_tool(in->c, in->chat);
        t->builtin = builtin_of(type);
        t->name = type;
        t->raw = tool->raw;
    }
    return 0;
}

int bedrock_read_fields(const struct bedrock_in *in, const struct json *fields, const char *path)
{
    static const struct bedrock_member members[] = {
        {"thinking", read_thinking},
        {"reasoning_config", read_thinking}, /* as AWS's first examples called it */
        {"output_config", read_output_config},
        {"reasoning_effort", read_effort},
        {"reasoningConfig", read_nova_reasoning},
        {"top_k", read_top_k},
        {"inferenceConfig", read_nova_inference},
        {"tools", read_tools},
    };

    return bedrock_read_members(in, fields, path, members, ARRAY_LEN(members));
}
