#include "providers/schema.h"

#include "providers/chat_text.h"
#include "providers/schema_tree.h"
#include "providers/schema_walk.h"

#define ALL (G | O | A | B)

enum holds { VALUE, SCHEMA, SCHEMAS, MAP };

/* A keyword: what is in it, who takes it, and whether it only tells and rules nothing. */
static const struct keyword {
    const char *name;
    enum holds holds;
    uint32_t taken_by;
    bool is_note;
} keywords[] = {
    {"type", VALUE, ALL, false},
    {"description", VALUE, ALL, true},
    {"properties", MAP, ALL, false},
    {"required", VALUE, ALL, false},
    {"enum", VALUE, ALL, false},
    {"items", SCHEMA, ALL, false},
    {"anyOf", SCHEMAS, ALL, false},
    {"additionalProperties", SCHEMA, ALL, false},
    {"title", VALUE, ALL, true},
    {"default", VALUE, G | A | B, true},
    {"format", VALUE, ALL, false},
    {"pattern", VALUE, ALL, false},
    {"minimum", VALUE, G | O | B, false},
    {"maximum", VALUE, G | O | B, false},
    {"minItems", VALUE, ALL, false},
    {"maxItems", VALUE, G | O | B, false},
    {"minLength", VALUE, G | B, false},
    {"maxLength", VALUE, G | B, false},
    {"minProperties", VALUE, G | B, false},
    {"maxProperties", VALUE, G | B, false},
    {"exclusiveMinimum", VALUE, O | B, false},
    {"exclusiveMaximum", VALUE, O | B, false},
    {"multipleOf", VALUE, O | B, false},
    {"const", VALUE, O | A | B, false},
    {"prefixItems", SCHEMAS, G | B, false},
    {"oneOf", SCHEMAS, B, false},
    {"allOf", SCHEMAS, B, false},
    {"$ref", VALUE, O, false},
    {"$defs", MAP, O, true},
    {"definitions", MAP, O, true},
    {"propertyOrdering", VALUE, G, true},
    {"not", SCHEMA, B, false},
    {"if", SCHEMA, B, false},
    {"then", SCHEMA, B, false},
    {"else", SCHEMA, B, false},
    {"contains", SCHEMA, B, false},
    {"propertyNames", SCHEMA, B, false},
    {"patternProperties", MAP, B, false},
    {"dependentSchemas", MAP, B, false},
    {"dependentRequired", VALUE, B, false},
    {"unevaluatedProperties", SCHEMA, B, false},
    {"unevaluatedItems", SCHEMA, B, false},
    {"uniqueItems", VALUE, B, false},
    {"minContains", VALUE, B, false},
    {"maxContains", VALUE, B, false},
    {"nullable", VALUE, B, false},
};
/* Everything else ($schema, $id, $comment, examples, x-...) rules nothing. */

static const struct json anything = {.type = JSON_OBJECT, .raw = {"{}", 2}};
static const struct json no = {.type = JSON_BOOL, .raw = {"false", 5}};
static const struct json null_text = {.type = JSON_STRING, .raw = {"\"null\"", 6}};
static const struct json null_value = {.type = JSON_NULL, .raw = {"null", 4}};
static const struct json null_schema = {.type = JSON_OBJECT, .raw = {"{\"type\":\"null\"}", 15}};

static const struct json *schema_of(struct normaliser *w, const struct json *node, uint32_t depth);

static bool is_key(const struct json *m, const char *key)
{
    return str_eq(m->key, str_of(key));
}

static const struct keyword *keyword_of(struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        if (str_eq(key, str_of(keywords[i].name)))
            return &keywords[i];
    }
    return NULL;
}

/* --- values of keywords --- */

static const struct json *each_of(struct normaliser *w, const struct json *node, uint32_t depth)
{
    struct tree_list l = {.arena = w->c->scratch};
    bool is_changed = false;

    for (const struct json *x = node->child; x != NULL; x = x->next) {
        const struct json *now = schema_of(w, x, depth);

        is_changed |= now != x;
        (void)tree_add(&l, x->key, now);
        if (w->n_nodes > SCHEMA_NODES_MAX)
            break; /* full: the answer is thrown away in part, not the machine's time */
    }
    return is_changed ? tree_node(&l, node->type) : node;
}

static const struct json *value_of(struct normaliser *w, const struct keyword *k,
                                   const struct json *m, uint32_t depth)
{
    switch (k->holds) {
    case SCHEMA:
        if (m->type == JSON_BOOL && str_eq(m->key, STR("additionalProperties")))
            return m; /* the one place where everybody takes true and false */
        return schema_of(w, m, depth + 1);
    case SCHEMAS:
        return m->type == JSON_ARRAY ? each_of(w, m, depth + 1) : m;
    case MAP:
        return m->type == JSON_OBJECT ? each_of(w, m, depth + 1) : m;
    default:
        return m;
    }
}

/* Formats that the strict modes know. */
static bool is_format_taken(const struct normaliser *w, const struct json *m)
{
    static const char *const known[] = {"date-time", "time", "date", "duration", "email",
                                        "hostname",  "ipv4", "ipv6", "uuid"};

    if (!schema_is_for(w, O | A))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (tree_is(m, known[i]))
            return true;
    }
    return schema_is_for(w, A) && tree_is(m, "uri");
}

/* A keyword the vendor does not take, in others of its words. NULL: there are none. */
static const struct json *in_other_words(struct normaliser *w, const struct json *m, uint32_t depth,
                                         const char **key)
{
    struct arena *a = w->c->scratch;

    if (is_key(m, "oneOf") && m->type == JSON_ARRAY) {
        *key = "anyOf";
        return each_of(w, m, depth + 1);
    }
    if (is_key(m, "const")) {
        *key = "enum";
        return tree_only(a, JSON_ARRAY, "", m);
    }
    if (is_key(m, "exclusiveMinimum") || is_key(m, "exclusiveMaximum")) {
        if (!schema_is_for(w, G) || m->type != JSON_NUMBER)
            return NULL;
        w->is_lossy = true; /* the bound itself is now let through */
        *key = is_key(m, "exclusiveMinimum") ? "minimum" : "maximum";
        return m;
    }
    if (is_key(m, "prefixItems") && m->type == JSON_ARRAY) {
        w->is_lossy = true; /* which is where is lost */
        *key = "items";
        return tree_only(a, JSON_OBJECT, "anyOf", each_of(w, m, depth + 1));
    }
    return NULL;
}

/* One member into the list. True: not as it was. */
static bool member(struct normaliser *w, const struct json *m, struct tree_list *l, uint32_t depth)
{
    const struct keyword *k = keyword_of(m->key);
    const struct json *now;
    const char *key;
    uint64_t n;

    if (k == NULL) {
        if (schema_is_for(w, B) && (m->key.len == 0 || m->key.p[0] != '$')) {
            (void)tree_add(l, m->key, m);
            return false;
        }
        return true;
    }
    if (is_key(m, "items") && m->type == JSON_ARRAY &&
        !schema_is_for(w, B)) { /* the tuple of old drafts */
        struct json tuple = *m;

        tuple.key = STR("prefixItems");
        (void)member(w, &tuple, l, depth);
        return true;
    }
    if (schema_is_for(w, k->taken_by) && (!is_key(m, "format") || is_format_taken(w, m)) &&
        (!is_key(m, "minItems") || !schema_is_for(w, A) || (json_u64(m, &n) && n < 2))) {
        now = value_of(w, k, m, depth);
        (void)tree_add(l, m->key, now);
        return now != m;
    }
    now = in_other_words(w, m, depth, &key);
    if (now != NULL && tree_find(l, str_of(key)) == NULL)
        (void)tree_add(l, str_of(key), now);
    else if (!k->is_note)
        w->is_lossy = true;
    return true;
}

/* --- strict modes --- */

static const struct json *with_null(struct normaliser *w, const struct json *array,
                                    const struct json *null)
{
    struct tree_list l = {.arena = w->c->scratch};

    for (const struct json *x = array->child; x != NULL; x = x->next) {
        if (str_eq(x->raw, null->raw))
            return array;
        (void)tree_add(&l, x->key, x);
    }
    (void)tree_add(&l, STR_NONE, null);
    return tree_node(&l, JSON_ARRAY);
}

static const struct json *null_type(struct normaliser *w, const struct json *type)
{
    struct tree_list l = {.arena = w->c->scratch};

    if (type->type == JSON_ARRAY)
        return with_null(w, type, &null_text);
    if (tree_is(type, "null"))
        return type;
    (void)tree_add(&l, STR_NONE, type);
    (void)tree_add(&l, STR_NONE, &null_text);
    return tree_node(&l, JSON_ARRAY);
}

/* The schema, or null: how something optional is said where everything is required. */
static const struct json *nullable(struct normaliser *w, const struct json *node)
{
    const struct json *type = json_get(node, "type");
    const struct json *any = json_get(node, "anyOf");
    struct tree_list l = {.arena = w->c->scratch};

    if (node->type != JSON_OBJECT || json_get(node, "const") != NULL ||
        (type == NULL && (any == NULL || any->type != JSON_ARRAY))) {
        (void)tree_add(&l, STR_NONE, node);
        (void)tree_add(&l, STR_NONE, &null_schema);
        return tree_only(w->c->scratch, JSON_OBJECT, "anyOf", tree_node(&l, JSON_ARRAY));
    }
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        const struct json *now = m;

        if (m == type)
            now = null_type(w, m);
        else if (m == any && type == NULL)
            now = with_null(w, m, &null_schema);
        else if (is_key(m, "enum") && m->type == JSON_ARRAY)
            now = with_null(w, m, &null_value);
        (void)tree_add(&l, m->key, now);
    }
    return tree_node(&l, JSON_OBJECT);
}

static bool is_in(const struct json *array, struct str key)
{
    uint32_t left = SCHEMA_NODES_MAX;

    if (array == NULL || array->type != JSON_ARRAY)
        return false;
    for (const struct json *x = array->child; x != NULL && left > 0; x = x->next, left--) {
        if (str_eq(text_inside(x), key))
            return true;
    }
    return false;
}

/* Put `now` where `key` stands, else behind the others. */
static void set(struct tree_list *l, const char *key, const struct json *now)
{
    struct json *have = tree_find(l, str_of(key));
    struct json *next;

    if (have == NULL) {
        (void)tree_add(l, str_of(key), now);
        return;
    }
    next = have->next;
    *have = *now;
    have->key = str_of(key);
    have->next = next;
}

/* Every property is required; the optional ones may be null. */
static bool require_all(struct normaliser *w, struct tree_list *l)
{
    const struct json *required = tree_find(l, STR("required"));
    const struct json *properties = tree_find(l, STR("properties"));
    struct tree_list names = {.arena = w->c->scratch}, members = {.arena = w->c->scratch};
    bool is_changed = false;

    if (properties == NULL || properties->type != JSON_OBJECT)
        return false;
    for (const struct json *p = properties->child; p != NULL; p = p->next) {
        struct str key = text_escape(w->c->scratch, p->key);
        bool is_required = is_in(required, key);
        struct str raw = arena_concat(w->c->scratch, (struct str[]){STR("\""), key, STR("\"")}, 3);

        is_changed |= !is_required;
        (void)tree_add(&members, p->key, is_required ? p : nullable(w, p));
        (void)tree_add(&names, STR_NONE, tree_scalar(w->c->scratch, JSON_STRING, raw));
    }
    if (!is_changed && required != NULL)
        return false;
    set(l, "properties", tree_node(&members, JSON_OBJECT));
    set(l, "required", tree_node(&names, JSON_ARRAY));
    return true;
}

static bool tighten(struct normaliser *w, struct tree_list *l)
{
    const struct json *type = tree_find(l, STR("type"));
    const struct json *more = tree_find(l, STR("additionalProperties"));
    bool is_changed = false;

    if (!schema_is_for(w, O | A) || (!tree_is(type, "object") && !tree_has_text(type, "object") &&
                                     tree_find(l, STR("properties")) == NULL))
        return false;
    if (more == NULL || more->type != JSON_BOOL || more->boolean) {
        w->is_lossy |= more != NULL;
        set(l, "additionalProperties", &no);
        is_changed = true;
    }
    if (schema_is_for(w, O))
        is_changed |= require_all(w, l);
    return is_changed;
}

/* --- schemas --- */

/* Amazon's models take these three at the top, and nothing else. */
static bool bare(struct normaliser *w, struct tree_list *l)
{
    struct tree_list kept = {.arena = l->arena};

    for (const struct json *m = l->first; m != NULL; m = m->next) {
        const struct keyword *k = keyword_of(m->key);

        if (is_key(m, "type") || is_key(m, "properties") || is_key(m, "required"))
            (void)tree_add(&kept, m->key, m);
        else if (k != NULL && !k->is_note)
            w->is_lossy = true;
    }
    if (kept.n == l->n)
        return false;
    *l = kept;
    return true;
}

static const struct json *schema_of(struct normaliser *w, const struct json *node, uint32_t depth)
{
    struct tree_list all = {.arena = w->c->scratch}, kept = {.arena = w->c->scratch};
    const struct json *members = node->child;
    uint32_t n_refs = w->n_refs;
    bool is_changed = false;

    w->n_nodes++;
    if (node->type == JSON_BOOL && !schema_is_for(w, B)) {
        w->is_lossy |= !node->boolean; /* "nothing" cannot be said */
        return &anything;
    }
    if (node->type != JSON_OBJECT)
        return node;
    if (w->n_nodes > SCHEMA_NODES_MAX || depth > SCHEMA_DEPTH_MAX) {
        w->is_lossy = true;
        return &anything;
    }
    if (json_get(node, "$ref") != NULL || json_get(node, "allOf") != NULL) {
        is_changed = schema_gather(w, node, &all, 0);
        members = all.first;
    }
    for (const struct json *m = members; m != NULL; m = m->next)
        is_changed |= member(w, m, &kept, depth);
    w->n_refs = n_refs;
    is_changed |= tighten(w, &kept);
    if (depth == 0 && w->subset == SCHEMA_NOVA)
        is_changed |= bare(w, &kept);
    return is_changed ? tree_node(&kept, JSON_OBJECT) : node;
}

struct str schema_normalise(const struct chat_codec *c, struct str raw, enum schema_subset subset,
                            struct chat_loss *loss, struct str name)
{
    struct json_error err;
    struct normaliser w = {.c = c, .subset = subset};
    const struct json *now;
    struct buf b = BUF_IN(c->arena);

    w.root = json_parse_raw(c->json, c->scratch, raw, &err);
    if (w.root == NULL || w.root->type != JSON_OBJECT)
        return raw;
    now = schema_of(&w, w.root, 0);
    if (w.is_lossy)
        loss_change(loss, name);
    if (now == w.root)
        return raw;
    tree_write(now, &b);
    if (b.len <= SCHEMA_BYTES_MAX)
        return buf_view(&b);
    loss_change(loss, name);
    return STR("{}");
}
