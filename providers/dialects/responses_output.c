/*
 * Output items of the Responses API, written as they grow.
 *
 * Members stand in an order that lets a text be appended to: what follows it is known at its end.
 */
#include "providers/dialects/responses.h"

#include "providers/chat_text.h"

static const char *const prefixes[] = {
    [ITEM_MESSAGE] = "msg_",
    [ITEM_REASONING] = "rs_",
    [ITEM_CALL] = "fc_",
    [ITEM_FREEFORM] = "ctc_",
};

void output_add(struct responses_output *o, struct arena_text *p, struct str bytes)
{
    size_t held = o->items.len + o->marks.len + o->probs.len + o->args.len;

    if (bytes.len == 0 || o->is_full)
        return;
    if (bytes.len > RESPONSES_OUTPUT_MAX - min_u64(held, RESPONSES_OUTPUT_MAX)) {
        o->is_full = true;
        return;
    }
    arena_append(o->arena, p, bytes);
}

static void add(struct responses_output *o, struct str bytes)
{
    output_add(o, &o->items, bytes);
}

static void add_text(struct responses_output *o, const char *key, struct str text)
{
    add(o, STR(",\""));
    add(o, str_of(key));
    add(o, STR("\":\""));
    add(o, text);
    add(o, STR("\""));
}

static struct str since(const struct responses_output *o, size_t start)
{
    return start < o->items.len ? (struct str){o->items.data + start, o->items.len - start}
                                : STR_NONE;
}

static void begin_item(struct responses_output *o, enum responses_item kind, const char *type)
{
    o->id = arena_printf(o->arena, "%s%.*s_%u", prefixes[kind], STR_ARGS(o->reply->id), o->n_items);
    if (o->n_items++ > 0)
        add(o, STR(","));
    o->item = kind;
    o->part = 0;
    o->n_parts = 0;
    o->item_start = o->items.len;
    add(o, STR("{\"type\":\""));
    add(o, str_of(type));
    add(o, STR("\",\"id\":\""));
    add(o, o->id);
    add(o, STR("\",\"status\":\"completed\""));
}

void output_begin_message(struct responses_output *o)
{
    begin_item(o, ITEM_MESSAGE, "message");
    add(o, STR(",\"role\":\"assistant\",\"content\":["));
}

void output_begin_reasoning(struct responses_output *o)
{
    begin_item(o, ITEM_REASONING, "reasoning");
    add(o, STR(",\"summary\":["));
}

void output_begin_call(struct responses_output *o, struct str call_id, struct str name,
                       bool is_freeform)
{
    o->call_id = arena_str(o->arena, call_id);
    o->name = arena_str(o->arena, name);
    begin_item(o, is_freeform ? ITEM_FREEFORM : ITEM_CALL,
               is_freeform ? "custom_tool_call" : "function_call");
    add_text(o, "call_id", o->call_id);
    add_text(o, "name", o->name);
    add_text(o, is_freeform ? "input" : "arguments", STR_NONE);
    if (!o->is_full)
        o->items.len--; /* its closing quote comes with output_end_item */
    o->args.len = 0;
    o->text_start = o->items.len;
}

void output_begin_part(struct responses_output *o, enum chat_block_kind kind)
{
    if (o->n_parts++ > 0)
        add(o, STR(","));
    o->part = kind;
    o->part_start = o->items.len;
    o->marks.len = 0;
    o->probs.len = 0;
    o->n_marks = 0;
    if (kind == BLOCK_TEXT)
        add(o, STR("{\"type\":\"output_text\",\"text\":\""));
    else if (kind == BLOCK_REFUSAL)
        add(o, STR("{\"type\":\"refusal\",\"refusal\":\""));
    else
        add(o, STR("{\"type\":\"summary_text\",\"text\":\""));
    o->text_start = o->items.len;
}

struct str output_text(const struct responses_output *o)
{
    return since(o, o->text_start);
}

struct str output_end_part(struct responses_output *o)
{
    add(o, STR("\""));
    if (o->part == BLOCK_TEXT) {
        add(o, STR(",\"annotations\":["));
        add(o, (struct str){o->marks.data, o->marks.len});
        add(o, STR("],\"logprobs\":["));
        add(o, (struct str){o->probs.data, o->probs.len});
        add(o, STR("]"));
    }
    add(o, STR("}"));
    o->part = 0;
    return since(o, o->part_start);
}

struct str output_end_item(struct responses_output *o, struct str sealed)
{
    switch (o->item) {
    case ITEM_MESSAGE:
        add(o, STR("]}"));
        break;
    case ITEM_REASONING:
        add(o, STR("]"));
        if (sealed.len > 0)
            add_text(o, "encrypted_content", sealed);
        add(o, STR("}"));
        break;
    default:
        add(o, STR("\"}"));
    }
    o->item = ITEM_NONE;
    return since(o, o->item_start);
}

struct str output_seal(const struct responses_output *o, enum chat_block_kind kind,
                       struct str signature, enum chat_signer signer)
{
    if (signature.len == 0)
        return STR_NONE;
    if (kind == BLOCK_TOOL_CALL)
        signature = arena_concat(
            o->arena, (struct str[]){STR(RESPONSES_CALL), o->call_id, STR(":"), signature}, 4);
    else if (signer == SIGNER_NONE || signer == SIGNER_OPENAI)
        return signature; /* this wire's own */
    else if (kind == BLOCK_REDACTED)
        signature = arena_concat(o->arena, (struct str[]){STR(RESPONSES_REDACTED), signature}, 2);
    return text_wrap(o->arena, signature, signer);
}
