/*
 * What a client and a provider of the OpenAI dialect may send: bodies, forms, answers, events,
 * paths. A spliced body scans again, with the new model and usage asked for, and splicing in what
 * is there already changes no byte.
 */
#include "providers/dialects/openai.h"
#include "server/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_parser *parser;
static struct arena *arena;

static struct str joined(const struct openai_parts *parts)
{
    struct str all = arena_concat(arena, parts->parts, parts->n);

    must(all.len == parts->bytes);
    return all;
}

static bool is_within(struct str span, struct str whole)
{
    return span.p >= whole.p && span.p + span.len <= whole.p + whole.len;
}

static void try_body(struct str body)
{
    struct openai_request req;
    struct openai_request again;
    struct openai_parts parts;
    struct json_error err = {.text = NULL};
    struct str spliced;

    if (openai_scan(parser, arena, body, &req, &err) != 0) {
        must(err.text != NULL && err.offset <= body.len);
        return;
    }
    if (req.model_raw.p == NULL || !req.model_is_string)
        return;
    must(is_within(req.model_raw, body));
    openai_splice(&req, arena, req.model, false, &parts);
    must(str_eq(joined(&parts), body));
    openai_splice(&req, arena, STR("new \"model\""), true, &parts);
    spliced = joined(&parts);
    if (openai_scan(parser, arena, spliced, &again, &err) != 0)
        return; /* two `model`s that were alike are not any more: refused, not misread */
    must(again.model_is_string && str_eq(again.model, STR("new \"model\"")));
    must(again.include_usage);
}

static void try_form(struct str body)
{
    struct openai_parts parts;
    struct str value;

    if (openai_multipart_model(STR("multipart/form-data; boundary=b"), body, &value) != 1)
        return;
    must(is_within(value, body));
    openai_multipart_splice(body, value, value, &parts);
    must(str_eq(joined(&parts), body));
}

static void try_answer(struct str body)
{
    struct openai_usage usage = {.known = false};
    struct openai_event event;

    openai_usage(body, &usage);
    openai_event(body, &event, &usage);
    must(event.content_bytes <= body.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(struct str) = {try_body, try_form, try_answer};

    if (size < 1)
        return 0;
    if (parser == NULL) {
        parser = json_parser_create();
        arena = arena_create(65536);
    }
    targets[data[0] % ARRAY_LEN(targets)]((struct str){(const char *)data + 1, size - 1});
    arena_reset(arena);
    return 0;
}
