/*
 * JSON Schemas that OpenAI is asked to obey strictly: "Structured outputs", supported schemas.
 */
#include "tools/mock/check.h"

static const char *const REFUSED[] = {
    "allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "oneOf", NULL};

struct strict {
    const struct check *k;
    const char *param, *what; /* "function 'f'" */
};

static bool lists(const struct json *array, struct str name)
{
    for (const struct json *one = check_items(array); one != NULL; one = one->next) {
        if (str_eq(json_str(one), name))
            return true;
    }
    return false;
}

static int check_object(const struct strict *s, const struct json *schema)
{
    const struct json *properties = json_get(schema, "properties");
    bool more = true;

    (void)json_bool(json_get(schema, "additionalProperties"), &more); /* absent: not false */
    if (more)
        return CHECK_FAIL(
            s->k, s->param,
            "Invalid schema for %s: In context=(), 'additionalProperties' is required "
            "to be supplied and to be false.",
            s->what);
    for (const struct json *p = properties != NULL ? properties->child : NULL; p != NULL;
         p = p->next) {
        if (!lists(json_get(schema, "required"), p->key))
            return CHECK_FAIL(s->k, s->param,
                              "Invalid schema for %s: In context=(), 'required' is required to be "
                              "supplied and to be an array including every key in properties. "
                              "Missing '%.*s'.",
                              s->what, CHECK_ARGS(p->key));
    }
    return 0;
}

/* The parser bounds the depth. */
static int check_node(const struct strict *s, const struct json *schema)
{
    static const char *const MAPS[] = {"properties", "$defs", "definitions", "anyOf", NULL};
    bool is_object = str_eq(json_str(json_get(schema, "type")), STR("object")) ||
                     lists(json_get(schema, "type"), STR("object"));

    if (schema->type != JSON_OBJECT)
        return 0;
    for (const struct json *m = schema->child; m != NULL; m = m->next) {
        if (check_is_one_of(m->key, REFUSED))
            return CHECK_FAIL(s->k, s->param,
                              "Invalid schema for %s: In context=(), '%.*s' is not permitted.",
                              s->what, CHECK_ARGS(m->key));
        if (str_eq(m->key, STR("items")) && check_node(s, m) != 0)
            return -1;
        if (!check_is_one_of(m->key, MAPS))
            continue;
        for (const struct json *inner = m->child; inner != NULL; inner = inner->next) {
            if (check_node(s, inner) != 0)
                return -1;
        }
    }
    return is_object ? check_object(s, schema) : 0;
}

int check_strict_schema(const struct check *k, const struct json *schema, const char *param,
                        const char *what)
{
    const struct strict s = {k, param, what};

    if (schema == NULL || schema->type != JSON_OBJECT)
        return CHECK_FAIL(k, param, "Invalid schema for %s: it must be an object.", what);
    return check_node(&s, schema);
}

int check_openai_function(const struct check *k, const struct json *f, const char *where)
{
    const struct json *schema = json_get(f, "parameters");
    struct str name = json_str(json_get(f, "name"));
    struct str type = json_str(json_get(schema, "type"));
    bool strict = false;
    struct str what;

    if (!check_is_name(name, "_-", 64))
        return CHECK_FAIL(
            k, where,
            "Invalid '%s.name': string does not match pattern. Expected a string that "
            "matches the pattern '^[a-zA-Z0-9_-]+$'.",
            where);
    what = arena_printf(k->c->arena, "function '%.*s'", STR_ARGS(name));
    if (schema != NULL && schema->type != JSON_NULL && !str_eq(type, STR("object")))
        return CHECK_FAIL(k, where,
                          "Invalid schema for %s: schema must be a JSON Schema of 'type: "
                          "\"object\"', got 'type: \"%.*s\"'.",
                          what.p, CHECK_ARGS(type.len > 0 ? type : STR("None")));
    (void)json_bool(json_get(f, "strict"), &strict);
    return strict ? check_strict_schema(k, schema, where, what.p) : 0;
}
