/*
 * What generateContent refuses. Taken from the Gemini API reference ("Generating content",
 * "Function calling", "Thought signatures") and the words of its answers. Protobuf's JSON: a name is
 * good in camelCase and in snake_case, and one that is in no message is an error.
 */
#include "tools/mock/check.h"

#include <stdio.h>

#include "tools/mock/signature.h"

#define STOPS_MAX 5
#define TEXT_CALL_MISSING                                                                          \
    "Function call is missing a thought_signature in functionCall parts. This is required for "    \
    "tools to work correctly, and missing thought_signature may lead to degraded model "           \
    "performance. Additional data, function call `default_api:%.*s` , position %zu."

/* In camelCase; `is_known` reads the other as well. */
static const char *const FIELDS[] = {"contents",
                                     "tools",
                                     "toolConfig",
                                     "safetySettings",
                                     "systemInstruction",
                                     "generationConfig",
                                     "cachedContent",
                                     "model",
                                     "labels",
                                     "serviceTier",
                                     "store",
                                     NULL};
static const char *const CONFIG_FIELDS[] = {"stopSequences",
                                            "responseMimeType",
                                            "responseSchema",
                                            "responseJsonSchema",
                                            "responseModalities",
                                            "candidateCount",
                                            "maxOutputTokens",
                                            "temperature",
                                            "topP",
                                            "topK",
                                            "seed",
                                            "presencePenalty",
                                            "frequencyPenalty",
                                            "responseLogprobs",
                                            "logprobs",
                                            "enableEnhancedCivicAnswers",
                                            "speechConfig",
                                            "thinkingConfig",
                                            "imageConfig",
                                            "mediaResolution",
                                            "audioTimestamp",
                                            "routingConfig",
                                            "modelSelectionConfig",
                                            "responseFormat",
                                            NULL};
static const char *const CONTENT_FIELDS[] = {"parts", "role", NULL};
static const char *const PART_DATA[] = {
    "text",           "inlineData",          "functionCall", "functionResponse", "fileData",
    "executableCode", "codeExecutionResult", "toolCall",     "toolResponse",     NULL};
static const char *const PART_FIELDS[] = {"thought",      "thoughtSignature", "videoMetadata",
                                          "partMetadata", "mediaResolution",  NULL};
static const char *const SCHEMA_FIELDS[] = {"type",
                                            "format",
                                            "title",
                                            "description",
                                            "nullable",
                                            "enum",
                                            "maxItems",
                                            "minItems",
                                            "properties",
                                            "required",
                                            "minProperties",
                                            "maxProperties",
                                            "minLength",
                                            "maxLength",
                                            "pattern",
                                            "example",
                                            "anyOf",
                                            "propertyOrdering",
                                            "default",
                                            "items",
                                            "minimum",
                                            "maximum",
                                            NULL};
static const char *const SCHEMA_TYPES[] = {"string", "number", "integer", "boolean",
                                           "array",  "object", "null",    NULL};

/* "inlineData" and "inline_data" */
static bool same_name(struct str key, const char *camel)
{
    size_t at = 0;

    for (; *camel != '\0'; camel++) {
        bool upper = *camel >= 'A' && *camel <= 'Z';

        if (upper && at < key.len && key.p[at] == '_') {
            at++;
            if (at >= key.len || key.p[at] != (char)(*camel | 0x20))
                return false;
        } else if (at >= key.len || key.p[at] != *camel) {
            return false;
        }
        at++;
    }
    return at == key.len;
}

static bool is_known(struct str key, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (same_name(key, *list))
            return true;
    }
    return false;
}

static const struct json *get(const struct json *object, const char *camel)
{
    const struct json *found = NULL;

    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (const struct json *m = object->child; m != NULL; m = m->next) {
        if (same_name(m->key, camel))
            found = m;
    }
    return found;
}

static int unknown(const struct check *k, struct str key, const char *where)
{
    if (*where == '\0')
        return CHECK_FAIL(
            k, NULL, "Invalid JSON payload received. Unknown name \"%.*s\": Cannot find field.",
            CHECK_ARGS(key));
    return CHECK_FAIL(k, NULL,
                      "Invalid JSON payload received. Unknown name \"%.*s\" at '%s': Cannot find "
                      "field.",
                      CHECK_ARGS(key), where);
}

static int check_names(const struct check *k, const struct json *object, const char *const *known,
                       const char *where)
{
    for (const struct json *m = object->child; m != NULL; m = m->next) {
        if (!is_known(m->key, known))
            return unknown(k, m->key, where);
    }
    return 0;
}

/* --- contents --- */

struct walk {
    const struct check *k;
    size_t content, part;
    size_t n_calls, n_results; /* in the content under way */
    size_t open;               /* calls of the content before, not answered */
    bool wants_signature;      /* behind the user's last words */
};

#define FAIL_AT(w, fmt, ...)                                                                       \
    CHECK_FAIL((w)->k, NULL, "* GenerateContentRequest.contents[%zu].parts[%zu]" fmt,              \
               (w)->content, (w)->part, ##__VA_ARGS__)

/* Google's own parser takes both alphabets; its SDKs write the URL-safe one. */
static bool is_bytes(const struct walk *w, struct str s)
{
    char *standard = arena_alloc(w->k->c->arena, s.len + 1);

    for (size_t i = 0; i < s.len; i++)
        standard[i] = s.p[i] == '-' ? '+' : s.p[i] == '_' ? '/' : s.p[i];
    return check_is_base64(w->k->c, (struct str){standard, s.len});
}

static int check_inline(const struct walk *w, const struct json *data)
{
    if (json_str(get(data, "mimeType")).len == 0)
        return FAIL_AT(w, ".inline_data.mime_type: must not be empty");
    if (!is_bytes(w, json_str(get(data, "data"))))
        return CHECK_FAIL(
            w->k, NULL,
            "Invalid value at 'contents[%zu].parts[%zu].inline_data.data' (TYPE_BYTES), "
            "Base64 decoding failed",
            w->content, w->part);
    return 0;
}

static int check_call(struct walk *w, const struct json *part, const struct json *call)
{
    const struct json *args = get(call, "args");
    struct str name = json_str(json_get(call, "name"));
    struct str signature = json_str(get(part, "thoughtSignature"));

    if (name.len == 0)
        return FAIL_AT(w, ".function_call.name: Name cannot be empty.");
    if (args != NULL && args->type != JSON_OBJECT)
        return CHECK_FAIL(w->k, NULL,
                          "Invalid value at 'contents[%zu].parts[%zu].function_call.args' "
                          "(type.googleapis.com/google.protobuf.Struct)",
                          w->content, w->part);
    /* Of parallel calls the first one has it. */
    if (w->n_calls++ > 0 || w->k->kind != MODEL_THINK || !w->wants_signature)
        return 0;
    if (signature.len == 0)
        return CHECK_FAIL(w->k, NULL, TEXT_CALL_MISSING, CHECK_ARGS(name), w->content + 1);
    if (!signature_is_valid(w->k->c->arena, DIALECT_GEMINI, name, signature))
        return CHECK_FAIL(w->k, NULL, "Thought signature is not valid.");
    return 0;
}

static int check_result(struct walk *w, const struct json *result)
{
    const struct json *response = get(result, "response");

    w->n_results++;
    if (json_str(json_get(result, "name")).len == 0)
        return FAIL_AT(w, ".function_response.name: Name cannot be empty.");
    if (response == NULL || response->type != JSON_OBJECT)
        return CHECK_FAIL(w->k, NULL,
                          "Invalid value at 'contents[%zu].parts[%zu].function_response.response' "
                          "(type.googleapis.com/google.protobuf.Struct)",
                          w->content, w->part);
    return 0;
}

static int check_part(struct walk *w, const struct json *part)
{
    size_t n = 0;
    const struct json *m;
    char where[64];

    (void)snprintf(where, sizeof(where), "contents[%zu].parts[%zu]", w->content, w->part);
    for (m = part->child; m != NULL; m = m->next) {
        n += is_known(m->key, PART_DATA);
        if (!is_known(m->key, PART_DATA) && !is_known(m->key, PART_FIELDS))
            return unknown(w->k, m->key, where);
    }
    if (n == 0)
        return FAIL_AT(w, ".data: required oneof field 'data' must have one initialized field");
    if (n > 1)
        return FAIL_AT(w, ".data: oneof field 'data' is already set");
    if (str_starts(json_str(get(part, "thoughtSignature")), STR("bf1.")))
        return CHECK_FAIL(w->k, NULL, "Invalid value at '%s.thought_signature' (TYPE_BYTES)",
                          where);
    if ((m = get(part, "functionCall")) != NULL)
        return check_call(w, part, m);
    if ((m = get(part, "functionResponse")) != NULL)
        return check_result(w, m);
    if ((m = get(part, "inlineData")) != NULL)
        return check_inline(w, m);
    return 0;
}

/* Calls and their results alternate, and there are as many of both. */
static int check_order(struct walk *w, bool is_model)
{
    if (w->open > 0 && w->n_results != w->open)
        return CHECK_FAIL(
            w->k, NULL,
            "Please ensure that the number of function response parts is equal to the "
            "number of function call parts of the function call turn.");
    if (w->open == 0 && w->n_results > 0)
        return CHECK_FAIL(w->k, NULL,
                          "Please ensure that function response turn comes immediately after a "
                          "function call turn.");
    if (w->n_calls > 0 && (!is_model || w->content == 0))
        return CHECK_FAIL(
            w->k, NULL,
            "Please ensure that function call turn comes immediately after a user turn "
            "or after a function response turn.");
    w->open = w->n_calls;
    return 0;
}

static int check_content(struct walk *w, const struct json *content)
{
    struct str role = json_str(json_get(content, "role"));
    bool is_model = str_eq(role, STR("model"));
    const struct json *parts = json_get(content, "parts");

    if (role.len > 0 && !is_model && !str_eq(role, STR("user")) && !str_eq(role, STR("function")))
        return CHECK_FAIL(w->k, NULL, "Please use a valid role: user, model.");
    if (content->type != JSON_OBJECT || parts == NULL ||
        (parts->type == JSON_ARRAY && parts->n == 0))
        return CHECK_FAIL(
            w->k, NULL,
            "* GenerateContentRequest.contents[%zu].parts: contents.parts must not be "
            "empty.",
            w->content);
    if (check_names(w->k, content, CONTENT_FIELDS, "contents") != 0)
        return -1;
    w->n_calls = w->n_results = w->part = 0;
    /* one part without its array is taken too */
    for (const struct json *p = parts->type == JSON_ARRAY ? parts->child : parts; p != NULL;
         p = parts->type == JSON_ARRAY ? p->next : NULL, w->part++) {
        if (check_part(w, p) != 0)
            return -1;
    }
    return check_order(w, is_model);
}

static bool has_words(const struct json *content)
{
    bool words = false;

    if (str_eq(json_str(json_get(content, "role")), STR("model")))
        return false;
    for (const struct json *p = check_items(json_get(content, "parts")); p != NULL; p = p->next) {
        if (get(p, "functionResponse") != NULL)
            return false;
        words = true;
    }
    return words;
}

static int check_contents(struct walk *w, const struct json *contents)
{
    const struct json *last = NULL;

    if (contents == NULL || (contents->type == JSON_ARRAY && contents->n == 0))
        return CHECK_FAIL(w->k, NULL,
                          "* GenerateContentRequest.contents: contents is not specified");
    for (const struct json *c = check_items(contents); c != NULL; c = c->next) {
        if (has_words(c))
            last = c;
    }
    for (const struct json *c = check_items(contents); c != NULL; c = c->next, w->content++) {
        if (check_content(w, c) != 0)
            return -1;
        w->wants_signature = w->wants_signature || c == last;
    }
    if (w->open > 0)
        return CHECK_FAIL(
            w->k, NULL,
            "Please ensure that the number of function response parts is equal to the "
            "number of function call parts of the function call turn.");
    return 0;
}

/* --- tools, schemas, configuration --- */

static bool is_type(struct str s)
{
    for (const char *const *t = SCHEMA_TYPES; *t != NULL; t++) {
        if (str_eq_nocase(s, str_of(*t)))
            return true;
    }
    return false;
}

/* Gemini's own `Schema`, which is a part of OpenAPI's. The parser bounds its depth. */
static int check_schema(const struct check *k, const struct json *schema, const char *where)
{
    const struct json *type = json_get(schema, "type");

    if (schema->type != JSON_OBJECT)
        return CHECK_FAIL(k, NULL, "Invalid value at '%s' (type Schema)", where);
    if (type != NULL && !is_type(json_str(type)))
        return CHECK_FAIL(k, NULL,
                          "Invalid value at '%s.type' (type.googleapis.com/"
                          "google.ai.generativelanguage.v1beta.Type), \"%.*s\"",
                          where, CHECK_ARGS(type->text));
    if (check_names(k, schema, SCHEMA_FIELDS, where) != 0)
        return -1;
    for (const struct json *m = schema->child; m != NULL; m = m->next) {
        const struct json *inner = NULL;

        if (str_eq(m->key, STR("items")) && check_schema(k, m, where) != 0)
            return -1;
        if (str_eq(m->key, STR("properties")) || same_name(m->key, "anyOf"))
            inner = m->child;
        for (; inner != NULL; inner = inner->next) {
            if (check_schema(k, inner, where) != 0)
                return -1;
        }
    }
    return 0;
}

static int check_function(const struct check *k, const struct json *f)
{
    struct str name = json_str(json_get(f, "name"));
    const struct json *schema = get(f, "parameters");

    if (!check_is_name(name, "_.:-", 128) || str_is_digit(name.p[0]) || name.p[0] == '-' ||
        name.p[0] == '.' || name.p[0] == ':')
        return CHECK_FAIL(
            k, NULL,
            "* GenerateContentRequest.tools[0].function_declarations[0].name: Invalid "
            "function name. Must start with a letter or an underscore. Must be "
            "alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or "
            "dashes (-), with a maximum length of 128.");
    if (schema != NULL && get(f, "parametersJsonSchema") != NULL)
        return CHECK_FAIL(k, NULL, "parameters and parameters_json_schema are mutually exclusive.");
    return schema != NULL ? check_schema(k, schema, "tools[0].function_declarations[0].parameters")
                          : 0;
}

static int check_tools(const struct check *k, const struct json *tools)
{
    for (const struct json *t = check_items(tools); t != NULL; t = t->next) {
        for (const struct json *f = check_items(get(t, "functionDeclarations")); f != NULL;
             f = f->next) {
            if (check_function(k, f) != 0)
                return -1;
        }
    }
    return 0;
}

static int check_config(const struct check *k, const struct json *config)
{
    const struct json *schema = get(config, "responseSchema");
    const struct json *stops = get(config, "stopSequences");
    struct str mime = json_str(get(config, "responseMimeType"));

    if (config == NULL)
        return 0;
    if (check_names(k, config, CONFIG_FIELDS, "generation_config") != 0)
        return -1;
    if (check_outside(get(config, "temperature"), 0, 2))
        return CHECK_FAIL(
            k, NULL,
            "* GenerateContentRequest.generation_config.temperature: temperature must "
            "be in the range [0.0, 2.0].");
    if (check_outside(get(config, "candidateCount"), 1, 8))
        return CHECK_FAIL(
            k, NULL,
            "* GenerateContentRequest.generation_config.candidate_count: candidate_count "
            "must be in the range [1, 8].");
    if (stops != NULL && stops->n > STOPS_MAX)
        return CHECK_FAIL(k, NULL, "The number of stop sequences must be less than or equal to 5.");
    if ((schema != NULL || get(config, "responseJsonSchema") != NULL) &&
        !str_eq(mime, STR("application/json")) && !str_eq(mime, STR("text/x.enum")))
        return CHECK_FAIL(k, NULL,
                          "Function calling config or response schema needs a response mime type: "
                          "'application/json' or 'text/x.enum'.");
    return schema != NULL ? check_schema(k, schema, "generation_config.response_schema") : 0;
}

int check_gemini(const struct check *k)
{
    struct walk w = {.k = k};

    if (check_names(k, k->body, FIELDS, "") != 0 ||
        check_config(k, get(k->body, "generationConfig")) != 0 ||
        check_tools(k, get(k->body, "tools")) != 0)
        return -1;
    return check_contents(&w, get(k->body, "contents"));
}
