#include "conf/json_node.h"

#include <string.h>

#include "conf/set.h"

static bool has_nul(struct str s)
{
    return s.len > 0 && memchr(s.p, '\0', s.len) != NULL;
}

static bool has_duplicates(const struct json *object, struct findings *f)
{
    struct set seen;
    bool found = false;

    if (object->n < 2)
        return false;
    set_init(&seen, object->n);
    for (const struct json *j = object->child; j != NULL && !found; j = j->next) {
        found = set_add(&seen, j->key, 1) != 0;
        if (found)
            findings_add(f, 0, "%s is there twice", findings_quote(f, j->key));
    }
    set_fini(&seen);
    return found;
}

static void set_scalar(struct arena *a, struct node *n, const struct json *json)
{
    n->type = NODE_SCALAR;
    n->plain = json->type != JSON_STRING;
    if (json->type == JSON_BOOL)
        n->text = json->boolean ? STR("true") : STR("false");
    else if (json->type == JSON_NULL)
        n->text = STR("null");
    else
        n->text = arena_str(a, json->text);
}

static struct node *convert(struct arena *a, const struct json *json, struct findings *f, int depth)
{
    struct node *n = arena_zalloc(a, sizeof(*n));
    struct node **end = &n->child;

    n->key = arena_str(a, json->key);
    n->n = json->n;
    if (has_nul(json->key) || has_nul(json->text)) {
        findings_add(f, 0, "a text must not have a NUL in it");
        return NULL;
    }
    if (json->type != JSON_ARRAY && json->type != JSON_OBJECT) {
        set_scalar(a, n, json);
        return n;
    }
    n->type = json->type == JSON_ARRAY ? NODE_SEQUENCE : NODE_MAPPING;
    if (depth == YAML_DEPTH_MAX) {
        findings_add(f, 0, "more than %d levels", YAML_DEPTH_MAX);
        return NULL;
    }
    if (n->type == NODE_MAPPING && has_duplicates(json, f))
        return NULL;
    for (const struct json *j = json->child; j != NULL; j = j->next) {
        *end = convert(a, j, f, depth + 1);
        if (*end == NULL)
            return NULL;
        end = &(*end)->next;
    }
    return n;
}

struct node *json_node(struct arena *a, const struct json *json, struct findings *f)
{
    return convert(a, json, f, 0);
}
