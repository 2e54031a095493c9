/*
 * What Converse refuses. Taken from the Amazon Bedrock API reference ("Converse", its data types)
 * and the words of its answers. Unknown members are ignored, as AWS's services do.
 */
#include "tools/mock/check.h"

#include "tools/mock/signature.h"

static const char *const IMAGE_FORMATS[] = {"png", "jpeg", "gif", "webp", NULL};
static const char *const DOCUMENT_FORMATS[] = {"pdf",  "csv",  "doc", "docx", "xls",
                                               "xlsx", "html", "txt", "md",   NULL};

struct walk {
    const struct check *k;
    size_t message, block;
    bool is_assistant;
    struct check_ids calls;                 /* of the turn before */
    size_t n_results, n_texts, n_documents; /* in the message under way */
    bool uses_tools;
};

#define FAIL_AT(w, fmt, ...) CHECK_FAIL((w)->k, NULL, fmt, (w)->message, (w)->block, ##__VA_ARGS__)

static int check_text(struct walk *w, const struct json *text)
{
    w->n_texts++;
    if (!check_is_blank(json_str(text)))
        return 0;
    return FAIL_AT(
        w, "The text field in the ContentBlock object at messages.%zu.content.%zu is blank. "
           "Add text to the text field, and try again.");
}

/* Bytes in base64, an S3 location, or a text. */
static int check_source(const struct walk *w, const struct json *source, const char *what)
{
    const struct json *bytes = json_get(source, "bytes");

    if (source == NULL || source->type != JSON_OBJECT || source->n != 1)
        return FAIL_AT(w, "The source at messages.%zu.content.%zu.%s must have exactly one member.",
                       what);
    if (bytes == NULL || check_is_base64(w->k->c, json_str(bytes)))
        return 0;
    return FAIL_AT(w, "messages.%zu.content.%zu.%s.source.bytes: not base64", what);
}

static int check_image(const struct walk *w, const struct json *image)
{
    struct str format = json_str(json_get(image, "format"));

    if (!check_is_one_of(format, IMAGE_FORMATS))
        return FAIL_AT(w, "Value at 'messages.%zu.content.%zu.image.format' failed to satisfy "
                          "constraint: Member must satisfy enum value set: [jpeg, png, gif, webp]");
    return check_source(w, json_get(image, "source"), "image");
}

static bool is_document_name(struct str s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.p[i] == ' ' && s.p[i - 1] == ' ')
            return false;
    }
    return check_is_name(s, " -()[]", 200);
}

static int check_document(struct walk *w, const struct json *document)
{
    struct str name = json_str(json_get(document, "name"));
    struct str format = json_str(json_get(document, "format"));

    w->n_documents++;
    if (name.len == 0)
        return FAIL_AT(w, "1 validation error detected: Value null at "
                          "'messages.%zu.content.%zu.document.name' failed to satisfy constraint: "
                          "Member must not be null");
    if (!is_document_name(name))
        return CHECK_FAIL(
            w->k, NULL,
            "The document file name can only contain alphanumeric characters, "
            "whitespace characters, hyphens, parentheses, and square brackets. The name "
            "can't contain more than one consecutive whitespace character. Edit the "
            "document file name and retry your request.");
    if (format.len > 0 && !check_is_one_of(format, DOCUMENT_FORMATS))
        return FAIL_AT(w,
                       "Value at 'messages.%zu.content.%zu.document.format' failed to satisfy "
                       "constraint: Member must satisfy enum value set: [pdf, csv, doc, docx, xls, "
                       "xlsx, html, txt, md]");
    return check_source(w, json_get(document, "source"), "document");
}

static int check_call(struct walk *w, const struct json *call)
{
    const struct json *input = json_get(call, "input");
    struct str id = json_str(json_get(call, "toolUseId"));

    w->uses_tools = true;
    if (!check_is_name(id, "_-", 64) || !check_is_name(json_str(json_get(call, "name")), "_-", 64))
        return FAIL_AT(w,
                       "Value at 'messages.%zu.content.%zu.toolUse' failed to satisfy constraint: "
                       "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+");
    if (input == NULL || input->type != JSON_OBJECT)
        return FAIL_AT(w, "The format of the value at messages.%zu.content.%zu.toolUse.input is "
                          "invalid. Provide a json object for the field and try again.");
    if (!check_ids_add(w->k->c, &w->calls, id))
        return FAIL_AT(w, "messages.%zu.content.%zu contains a duplicate Id: %.*s", CHECK_ARGS(id));
    return 0;
}

static int check_result(struct walk *w, const struct json *result)
{
    struct str id = json_str(json_get(result, "toolUseId"));

    w->uses_tools = true;
    if (++w->n_results > w->calls.n || w->is_assistant)
        return CHECK_FAIL(
            w->k, NULL,
            "The number of toolResult blocks at messages.%zu.content exceeds the number "
            "of toolUse blocks of previous turn.",
            w->message);
    if (!check_ids_use(&w->calls, id))
        return CHECK_FAIL(
            w->k, NULL,
            "The toolResult blocks at messages.%zu.content contain duplicate or unknown "
            "Ids: %.*s",
            w->message, CHECK_ARGS(id));
    for (const struct json *c = check_items(json_get(result, "content")); c != NULL; c = c->next) {
        const struct json *json = json_get(c, "json");

        if (json != NULL && json->type != JSON_OBJECT)
            return FAIL_AT(w,
                           "The format of the value at "
                           "messages.%zu.content.%zu.toolResult.content.json is invalid. Provide a "
                           "json object for the field and try again.");
    }
    return 0;
}

static int check_thought(const struct walk *w, const struct json *reasoning)
{
    const struct json *text = json_get(reasoning, "reasoningText");
    struct str signature = json_str(json_get(text, "signature"));

    if (text == NULL || (!str_starts(signature, STR("bf1.")) &&
                         (w->k->kind != MODEL_THINK ||
                          signature_is_valid(w->k->c->arena, DIALECT_BEDROCK,
                                             json_str(json_get(text, "text")), signature))))
        return 0;
    return FAIL_AT(w, "The model returned the following errors: messages.%zu.content.%zu: Invalid "
                      "`signature` in `thinking` block");
}

static int check_block(struct walk *w, const struct json *b)
{
    static const struct {
        const char *name;
        int (*check)(struct walk *w, const struct json *member);
    } KINDS[] = {{"text", check_text},
                 {"document", check_document},
                 {"toolUse", check_call},
                 {"toolResult", check_result}};
    const struct json *m;

    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if ((m = json_get(b, KINDS[i].name)) != NULL)
            return KINDS[i].check(w, m);
    }
    if ((m = json_get(b, "image")) != NULL)
        return check_image(w, m);
    if ((m = json_get(b, "reasoningContent")) != NULL)
        return check_thought(w, m);
    if (b->type == JSON_OBJECT && b->n > 0)
        return 0;
    return FAIL_AT(w, "The content block at messages.%zu.content.%zu must set one of: text, image, "
                      "document, toolUse, toolResult.");
}

static int check_begins_with_thought(const struct walk *w, const struct json *content)
{
    bool has_call = false;

    for (const struct json *b = content->child; b != NULL; b = b->next)
        has_call = has_call || json_get(b, "toolUse") != NULL;
    if (!has_call || json_get(content->child, "reasoningContent") != NULL)
        return 0;
    return CHECK_FAIL(
        w->k, NULL,
        "The model returned the following errors: messages.%zu.content.0.type: Expected "
        "`thinking` or `redacted_thinking`, but found `tool_use`.",
        w->message);
}

static int check_content(struct walk *w, const struct json *content)
{
    if (content == NULL || content->type != JSON_ARRAY || content->n == 0)
        return CHECK_FAIL(w->k, NULL,
                          "The content field in the Message object at messages.%zu is empty. Add a "
                          "ContentBlock object to the content field and try again.",
                          w->message);
    w->block = w->n_results = w->n_texts = w->n_documents = 0;
    for (const struct json *b = content->child; b != NULL; b = b->next, w->block++) {
        if (check_block(w, b) != 0)
            return -1;
    }
    if (w->n_documents > 0 && w->n_texts == 0)
        return CHECK_FAIL(
            w->k, NULL,
            "The message at messages.%zu has a document and no text. Add a text block "
            "to the content field, and try again.",
            w->message);
    return w->is_assistant && w->k->kind == MODEL_THINK ? check_begins_with_thought(w, content) : 0;
}

static int check_answered(const struct walk *w)
{
    struct str open = check_ids_unused(&w->calls);

    if (open.p == NULL)
        return 0;
    return CHECK_FAIL(
        w->k, NULL,
        "Expected toolResult blocks at messages.%zu.content for the following Ids: %.*s",
        w->message, CHECK_ARGS(open));
}

static int check_message(struct walk *w, const struct json *m)
{
    struct str role = json_str(json_get(m, "role"));
    bool is_assistant = str_eq(role, STR("assistant"));

    if (!is_assistant && !str_eq(role, STR("user")))
        return CHECK_FAIL(w->k, NULL,
                          "Value at 'messages.%zu.role' failed to satisfy constraint: Member must "
                          "satisfy enum value set: [user, assistant]",
                          w->message);
    if (w->message == 0 && is_assistant)
        return CHECK_FAIL(w->k, NULL,
                          "A conversation must start with a user message. Try again with a "
                          "conversation that starts with a user message.");
    if (w->message > 0 && is_assistant == w->is_assistant)
        return CHECK_FAIL(
            w->k, NULL,
            "A conversation must alternate between user and assistant roles. Make sure "
            "the conversation alternates between user and assistant roles and try "
            "again.");
    w->is_assistant = is_assistant;
    if (is_assistant)
        check_ids_clear(&w->calls);
    if (check_content(w, json_get(m, "content")) != 0)
        return -1;
    return is_assistant ? 0 : check_answered(w);
}

/* --- the rest of the body --- */

static int check_tools(const struct check *k, const struct json *tools)
{
    size_t i = 0;

    for (const struct json *t = check_items(tools); t != NULL; t = t->next, i++) {
        const struct json *spec = json_get(t, "toolSpec");
        const struct json *schema = json_get(json_get(spec, "inputSchema"), "json");
        const struct json *description = json_get(spec, "description");

        if (spec == NULL)
            continue;
        if (!check_is_name(json_str(json_get(spec, "name")), "_-", 64))
            return CHECK_FAIL(k, NULL,
                              "Value at 'toolConfig.tools.%zu.toolSpec.name' failed to satisfy "
                              "constraint: Member must satisfy regular expression pattern: "
                              "[a-zA-Z0-9_-]+",
                              i);
        if (description != NULL && json_str(description).len == 0)
            return CHECK_FAIL(
                k, NULL,
                "Value '' at 'toolConfig.tools.%zu.toolSpec.description' failed to "
                "satisfy constraint: Member must have length greater than or equal to 1",
                i);
        if (!str_eq(json_str(json_get(schema, "type")), STR("object")))
            return CHECK_FAIL(
                k, NULL,
                "The value at toolConfig.tools.%zu.toolSpec.inputSchema.json.type must be "
                "one of the following: object.",
                i);
    }
    return 0;
}

static int check_numbers(const struct check *k, const struct json *config)
{
    uint64_t n;

    if (check_outside(json_get(config, "temperature"), 0, 1) ||
        check_outside(json_get(config, "topP"), 0, 1))
        return CHECK_FAIL(
            k, NULL,
            "Value at 'inferenceConfig' failed to satisfy constraint: Member must have "
            "value less than or equal to 1");
    if (json_u64(json_get(config, "maxTokens"), &n) && n < 1)
        return CHECK_FAIL(k, NULL,
                          "Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: "
                          "Member must have value greater than or equal to 1");
    for (const struct json *s = check_items(json_get(config, "stopSequences")); s != NULL;
         s = s->next) {
        if (json_str(s).len == 0)
            return CHECK_FAIL(
                k, NULL,
                "Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1");
    }
    for (const struct json *s = check_items(json_get(k->body, "system")); s != NULL; s = s->next) {
        const struct json *text = json_get(s, "text");

        if (text != NULL && check_is_blank(json_str(text)))
            return CHECK_FAIL(
                k, NULL,
                "The text field in the SystemContentBlock object is blank. Add text to "
                "the text field, and try again.");
    }
    return 0;
}

int check_bedrock(const struct check *k)
{
    const struct json *messages = json_get(k->body, "messages");
    const struct json *tools = json_get(json_get(k->body, "toolConfig"), "tools");
    struct walk w = {.k = k};

    if (messages == NULL || messages->type != JSON_ARRAY || messages->n == 0)
        return CHECK_FAIL(k, NULL,
                          "1 validation error detected: Value null at 'messages' failed to satisfy "
                          "constraint: Member must not be null");
    if (check_numbers(k, json_get(k->body, "inferenceConfig")) != 0 || check_tools(k, tools) != 0)
        return -1;
    for (const struct json *m = messages->child; m != NULL; m = m->next, w.message++) {
        if (check_message(&w, m) != 0)
            return -1;
    }
    if (check_answered(&w) != 0)
        return -1;
    if (w.uses_tools && tools == NULL)
        return CHECK_FAIL(k, NULL,
                          "The toolConfig field must be defined when using toolUse and toolResult "
                          "content blocks.");
    return 0;
}
