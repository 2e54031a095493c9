/*
 * Google's Schema, a part of OpenAPI 3.0, as JSON Schema: schema.h.
 */
#include "providers/chat_text.h"
#include "providers/schema.h"
#include "providers/schema_tree.h"

struct reading {
    struct arena *a;
};

static const struct json *read_schema(struct reading *r, const struct json *node);

/* Names that are in JSON Schema, as a client may spell them here. */
static const struct {
    const char *theirs, *ours;
} names[] = {
    {"any_of", "anyOf"},
    {"min_items", "minItems"},
    {"max_items", "maxItems"},
    {"min_length", "minLength"},
    {"max_length", "maxLength"},
    {"min_properties", "minProperties"},
    {"max_properties", "maxProperties"},
    {"additional_properties", "additionalProperties"},
    {"prefix_items", "prefixItems"},
    {"defs", "$defs"},
    {"ref", "$ref"},
};

static const char *const types[] = {"string", "number", "integer", "boolean",
                                    "array",  "object", "null"};

static struct str name_of(struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(key, str_of(names[i].theirs)))
            return str_of(names[i].ours);
    }
    return key;
}

static bool is_dropped(const struct json *m)
{
    static const char *const dropped[] = {"nullable", "propertyOrdering", "property_ordering",
                                          "example"};

    for (size_t i = 0; i < ARRAY_LEN(dropped); i++) {
        if (str_eq(m->key, str_of(dropped[i])))
            return true;
    }
    return (str_eq(m->key, STR("type")) && tree_is(m, "TYPE_UNSPECIFIED")) ||
           (str_eq(m->key, STR("format")) && tree_is(m, "enum"));
}

static const struct json *read_type(const struct reading *r, const struct json *m)
{
    struct str inside = text_inside(m);

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct str raw;

        if (!str_eq_nocase(inside, str_of(types[i])))
            continue;
        if (str_eq(inside, str_of(types[i])))
            return m;
        raw = arena_concat(r->a, (struct str[]){STR("\""), str_of(types[i]), STR("\"")}, 3);
        return tree_scalar(r->a, JSON_STRING, raw);
    }
    return m;
}

static bool is_number_text(struct str s)
{
    size_t i = s.len > 1 && s.p[0] == '-';

    if (s.len == 0 || s.len > 18 || (s.p[i] == '0' && s.len > i + 1))
        return false;
    for (; i < s.len; i++) {
        if (!str_is_digit(s.p[i]))
            return false;
    }
    return true;
}

/* int64 is a string in Google's JSON: "minItems": "1". */
static const struct json *read_count(const struct reading *r, const struct json *m)
{
    struct str inside = text_inside(m);

    return is_number_text(inside) ? tree_scalar(r->a, JSON_NUMBER, inside) : m;
}

/* Values of an integer are written as texts here, and as numbers everywhere else. */
static const struct json *read_enum(const struct reading *r, const struct json *m, bool is_number,
                                    bool is_nullable)
{
    static const struct json null = {.type = JSON_NULL, .raw = {"null", 4}};
    struct tree_list l = {.arena = r->a};
    bool is_changed = is_nullable;

    for (const struct json *x = m->child; x != NULL; x = x->next) {
        const struct json *now = is_number ? read_count(r, x) : x;

        is_changed |= now != x;
        (void)tree_add(&l, STR_NONE, now);
    }
    if (is_nullable)
        (void)tree_add(&l, STR_NONE, &null);
    return is_changed ? tree_node(&l, JSON_ARRAY) : m;
}

static const struct json *each_of(struct reading *r, const struct json *node)
{
    struct tree_list l = {.arena = r->a};
    bool is_changed = false;

    for (const struct json *x = node->child; x != NULL; x = x->next) {
        const struct json *now = read_schema(r, x);

        is_changed |= now != x;
        (void)tree_add(&l, x->key, now);
    }
    return is_changed ? tree_node(&l, node->type) : node;
}

static bool is_one_of(struct str key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(key, str_of(list[i])))
            return true;
    }
    return false;
}

static const struct json *read_member(struct reading *r, const struct json *m, struct str key)
{
    static const char *const lists[] = {"anyOf", "prefixItems"};
    static const char *const maps[] = {"properties", "$defs"};
    static const char *const schemas[] = {"items", "additionalProperties"};
    static const char *const counts[] = {"minItems",  "maxItems",      "minLength",
                                         "maxLength", "minProperties", "maxProperties"};

    if (str_eq(key, STR("type")))
        return read_type(r, m);
    if (is_one_of(key, counts, ARRAY_LEN(counts)))
        return read_count(r, m);
    if (is_one_of(key, schemas, ARRAY_LEN(schemas)))
        return read_schema(r, m);
    if ((m->type == JSON_ARRAY && is_one_of(key, lists, ARRAY_LEN(lists))) ||
        (m->type == JSON_OBJECT && is_one_of(key, maps, ARRAY_LEN(maps))))
        return each_of(r, m);
    return m;
}

/* "type": ["string", "null"], or another alternative. */
static void allow_null(const struct reading *r, struct tree_list *l)
{
    static const struct json null = {.type = JSON_STRING, .raw = {"\"null\"", 6}};
    static const struct json schema = {.type = JSON_OBJECT, .raw = {"{\"type\":\"null\"}", 15}};
    struct json *type = tree_find(l, STR("type"));
    struct json *any = tree_find(l, STR("anyOf"));
    struct json *at = type != NULL ? type : any;
    struct tree_list with = {.arena = r->a};
    struct json *next;
    struct str key;

    if (at == NULL || (at == any && at->type != JSON_ARRAY) ||
        (at == type && at->type != JSON_STRING))
        return; /* anything: null is among it */
    if (at == any) {
        for (const struct json *x = any->child; x != NULL; x = x->next)
            (void)tree_add(&with, STR_NONE, x);
    } else {
        (void)tree_add(&with, STR_NONE, type);
    }
    (void)tree_add(&with, STR_NONE, at == any ? &schema : &null);
    next = at->next;
    key = at->key;
    *at = *tree_node(&with, JSON_ARRAY);
    at->key = key;
    at->next = next;
}

static const struct json *read_schema(struct reading *r, const struct json *node)
{
    struct tree_list l = {.arena = r->a};
    const struct json *type = json_get(node, "type");
    struct str type_name = text_inside(type);
    bool is_nullable = false;
    bool is_number =
        str_eq_nocase(type_name, STR("integer")) || str_eq_nocase(type_name, STR("number"));
    bool is_changed = false;

    if (node->type != JSON_OBJECT)
        return node;
    (void)json_bool(json_get(node, "nullable"), &is_nullable);
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        struct str key = name_of(m->key);
        const struct json *now;

        if (is_dropped(m)) {
            is_changed = true;
            continue;
        }
        if (str_eq(key, STR("enum")) && m->type == JSON_ARRAY)
            now = read_enum(r, m, is_number, is_nullable);
        else
            now = read_member(r, m, key);
        is_changed |= now != m || key.p != m->key.p;
        (void)tree_add(&l, key, now);
    }
    if (!is_changed)
        return node;
    if (is_nullable)
        allow_null(r, &l);
    return tree_node(&l, JSON_OBJECT);
}

struct str schema_from_gemini(const struct chat_codec *c, const struct json *schema)
{
    struct reading r = {.a = c->scratch};
    const struct json *now = read_schema(&r, schema);
    struct buf b = BUF_IN(c->arena);

    if (now == schema)
        return schema->raw;
    tree_write(now, &b);
    return buf_view(&b);
}
