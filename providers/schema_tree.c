#include "providers/schema_tree.h"

#include "providers/write.h"

struct json *tree_add(struct tree_list *l, struct str key, const struct json *node)
{
    struct json *copy = arena_alloc(l->arena, sizeof(*copy));

    *copy = *node;
    copy->key = key;
    copy->next = NULL;
    if (l->last == NULL)
        l->first = copy;
    else
        l->last->next = copy;
    l->last = copy;
    l->n++;
    return copy;
}

struct json *tree_find(const struct tree_list *l, struct str key)
{
    for (struct json *x = l->first; x != NULL; x = x->next) {
        if (str_eq(x->key, key))
            return x;
    }
    return NULL;
}

const struct json *tree_node(const struct tree_list *l, enum json_type type)
{
    struct json *node = arena_zalloc(l->arena, sizeof(*node));

    node->type = type;
    node->child = l->first;
    node->n = l->n;
    return node;
}

const struct json *tree_scalar(struct arena *a, enum json_type type, struct str raw)
{
    struct json *node = arena_zalloc(a, sizeof(*node));

    node->type = type;
    node->raw = raw;
    return node;
}

const struct json *tree_only(struct arena *a, enum json_type type, const char *key,
                             const struct json *child)
{
    struct tree_list l = {.arena = a};

    (void)tree_add(&l, str_of(key), child);
    return tree_node(&l, type);
}

bool tree_is(const struct json *node, const char *plain)
{
    return node != NULL && node->type == JSON_STRING && node->raw.len == strlen(plain) + 2 &&
           memcmp(node->raw.p + 1, plain, strlen(plain)) == 0;
}

bool tree_has_text(const struct json *array, const char *plain)
{
    if (array == NULL || array->type != JSON_ARRAY)
        return false;
    for (const struct json *x = array->child; x != NULL; x = x->next) {
        if (tree_is(x, plain))
            return true;
    }
    return false;
}

void tree_write(const struct json *node, struct buf *out)
{
    bool is_object = node->type == JSON_OBJECT;

    if (node->raw.len > 0) {
        write_raw(out, node->raw);
        return;
    }
    write_open(out, is_object ? '{' : '[');
    for (const struct json *x = node->child; x != NULL; x = x->next) {
        if (is_object) {
            write_plain(out, x->key);
            buf_char(out, ':');
        }
        tree_write(x, out);
    }
    write_close(out, is_object ? '}' : ']');
}
