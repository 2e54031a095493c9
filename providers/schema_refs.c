/*
 * References and compositions put into the schemas that name them: schema_walk.h.
 */
#include "providers/chat_text.h"
#include "providers/schema_walk.h"

static bool is_key(const struct json *m, const char *key)
{
    return str_eq(m->key, str_of(key));
}

/* One step of a JSON pointer: "a~1b%20c" into the member "a/b c". */
static const struct json *step(struct arena *a, const struct json *node, struct str token)
{
    char *name = arena_alloc(a, token.len + 1);
    size_t len, n = 0;

    if (!str_unescape(token, name, &len))
        return NULL;
    for (size_t i = 0; i < len; i++) {
        bool is_escape = name[i] == '~' && i + 1 < len;

        name[n++] = is_escape ? (name[i + 1] == '1' ? '/' : '~') : name[i];
        i += is_escape;
    }
    if (node == NULL || (node->type != JSON_OBJECT && node->type != JSON_ARRAY))
        return NULL;
    if (node->type == JSON_ARRAY) {
        uint64_t index;

        if (!str_parse_u64((struct str){name, n}, &index) || index >= node->n)
            return NULL;
        node = node->child;
        while (index-- > 0)
            node = node->next;
        return node;
    }
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        if (str_eq(m->key, (struct str){name, n}))
            return m;
    }
    return NULL;
}

static const struct json *resolve(struct normaliser *w, const struct json *ref)
{
    struct str path = text_plain(w->c->scratch, text_inside(ref));
    const struct json *node = w->root;
    struct str token;

    if (str_eq(path, STR("#")))
        return node;
    if (!str_starts(path, STR("#/")))
        return NULL;
    path = str_skip(path, 2);
    while (node != NULL && str_next(&path, '/', &token))
        node = step(w->c->scratch, node, token);
    return node;
}

static bool is_under_way(const struct normaliser *w, const struct json *target)
{
    for (uint32_t i = 0; i < w->n_refs; i++) {
        if (w->refs[i] == target)
            return true;
    }
    return false;
}

/* Two members of one name: what both say where that can be put together, else the first. */
static void merge(struct normaliser *w, struct json *have, const struct json *more)
{
    struct tree_list l = {.arena = w->c->scratch};
    bool is_map = is_key(have, "properties") && have->type == JSON_OBJECT;
    struct json *next = have->next;
    struct str key = have->key;

    if (w->n_nodes > SCHEMA_NODES_MAX || have->type != more->type ||
        (!is_map && !is_key(have, "required")))
        return;
    w->n_nodes += have->n;
    for (const struct json *x = have->child; x != NULL; x = x->next)
        (void)tree_add(&l, x->key, x);
    for (const struct json *x = more->child; x != NULL; x = x->next) {
        bool is_there = false;

        for (const struct json *y = have->child; y != NULL && !is_there; y = y->next)
            is_there = is_map ? str_eq(x->key, y->key) : str_eq(x->raw, y->raw);
        if (!is_there)
            (void)tree_add(&l, x->key, x);
        if (++w->n_nodes > SCHEMA_NODES_MAX)
            break;
    }
    *have = *tree_node(&l, have->type);
    have->key = key;
    have->next = next;
}

bool schema_gather(struct normaliser *w, const struct json *node, struct tree_list *l,
                   uint32_t depth)
{
    const struct json *ref = json_get(node, "$ref");
    const struct json *all = json_get(node, "allOf");
    const struct json *target = NULL;
    bool is_inlined = ref != NULL && !schema_is_for(w, O);
    bool is_composed = all != NULL && all->type == JSON_ARRAY && !schema_is_for(w, B);

    if (++w->n_nodes > SCHEMA_NODES_MAX || depth > SCHEMA_DEPTH_MAX) {
        w->is_lossy = true;
        return true;
    }
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        struct json *have;

        if ((is_inlined && is_key(m, "$ref")) || (is_composed && is_key(m, "allOf")))
            continue;
        if (++w->n_nodes > SCHEMA_NODES_MAX)
            break;
        have = tree_find(l, m->key);
        if (have != NULL)
            merge(w, have, m);
        else
            (void)tree_add(l, m->key, m);
    }
    if (is_inlined) {
        target = resolve(w, ref);
        if (target == NULL || target->type != JSON_OBJECT || is_under_way(w, target) ||
            w->n_refs == REFS_MAX) {
            w->is_lossy = true;
        } else {
            w->refs[w->n_refs++] = target; /* schema_of takes them off */
            (void)schema_gather(w, target, l, depth + 1);
        }
    }
    for (const struct json *x = is_composed ? all->child : NULL; x != NULL; x = x->next)
        (void)schema_gather(w, x, l, depth + 1);
    return is_inlined || is_composed;
}
