#include "conf/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/values.h"
#include "server/base/buf.h"
#include "server/base/pace.h"

#define KEYS_MAX_PER_TABLE 32 /* bits in a mask of what was seen; and a list in a message */
#define KEYS_TOLD 8           /* where a mapping is wanted and something else is there */
#define TEXT_LINE 900

static void format_path(struct buf *b, const struct load_at *at)
{
    if (at->up == NULL)
        return;
    format_path(b, at->up);
    if (at->name.p != NULL)
        buf_printf(b, "%s%.*s", b->len > 0 ? "." : "",
                   (int)(at->name.len < FINDING_SHOWN ? at->name.len : FINDING_SHOWN), at->name.p);
    else
        buf_printf(b, "[%zu]", at->index);
}

const char *load_path(struct load *l, const struct load_at *at)
{
    struct buf b = BUF_INIT;
    const char *path;

    format_path(&b, at);
    path = b.len > 0                   ? arena_cstr(l->findings->arena, buf_view(&b))
           : l->findings->file != NULL ? "the file"
                                       : "body";
    buf_fini(&b);
    return path;
}

/* A mapping below its key starts at its first member; people look for the key. */
static int node_line(const struct node *node)
{
    return node->type != NODE_SCALAR && node->key_line > 0 ? node->key_line : node->line;
}

void load_fail(struct load *l, const struct load_at *at, const char *fmt, ...)
{
    char text[TEXT_LINE];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut is fine */
    va_end(args);
    findings_add(l->findings, node_line(at->node), "%s %s", load_path(l, at), text);
}

void load_must_be(struct load *l, const struct load_at *at, const char *what)
{
    if (at->node->type == NODE_SCALAR)
        load_fail(l, at, "must be %s, is %s", what, findings_quote(l->findings, at->node->text));
    else
        load_fail(l, at, "must be %s, is %s", what, node_type_name(at->node));
}

bool load_is_type(struct load *l, const struct load_at *at, enum node_type type, const char *what)
{
    if (at->node->type == type)
        return true;
    /* The text might be a secret in the wrong place: only its kind is told. */
    load_fail(l, at, "must be %s, is %s", what, node_type_name(at->node));
    return false;
}

bool load_text(struct load *l, const struct load_at *at, struct str *out, const char **source)
{
    const struct node *node = at->node;
    struct str name;
    const char *value;
    char *variable;

    if (!load_is_type(l, at, NODE_SCALAR, "a text"))
        return false;
    if (node->text.len > TEXT_MAX) {
        load_fail(l, at, "must be at most %d bytes long", TEXT_MAX);
        return false;
    }
    if (source != NULL)
        *source = NULL;
    if (l->env == NULL || !str_starts(node->text, STR("env."))) {
        *out = arena_str(l->arena, node->text);
        return true;
    }
    if (!value_env_name(node->text, &name)) {
        load_fail(l, at, "must be env.NAME with the name of an environment variable");
        return false;
    }
    variable = arena_cstr(l->arena, name);
    value = l->env(variable);
    if (value == NULL || value[0] == '\0') {
        findings_add(l->findings, node->line, "environment variable %s is %s (used by %s)",
                     variable, value == NULL ? "not set" : "empty", load_path(l, at));
        return false;
    }
    if (strlen(value) > TEXT_MAX) {
        findings_add(l->findings, node->line,
                     "environment variable %s is longer than %d bytes (used by %s)", variable,
                     TEXT_MAX, load_path(l, at));
        return false;
    }
    if (source != NULL)
        *source = arena_cstr(l->arena, node->text);
    *out = arena_str(l->arena, str_of(value));
    return true;
}

struct conf_origin load_origin(const struct load *l, const struct node *node)
{
    return (struct conf_origin){l->findings->file, node->line};
}

/*
 * A key of another mapping, found by its name: of one below this one, or of the file itself. NULL: of none,
 * or of several, where any guess would be wrong half of the time.
 */
static const char *find_elsewhere(struct load *l, const struct load_table *here, struct str key)
{
    const char *found = NULL;

    for (size_t i = 0; i < load_tables_n; i++) {
        const struct load_table *t = load_tables[i];
        size_t len = strlen(here->path);
        bool is_below =
            t != here && (len == 0 ? strpbrk(t->path, "<[") == NULL
                                   : strncmp(t->path, here->path, len) == 0 && t->path[len] == '.');

        for (size_t j = 0; (is_below || t->path[0] == '\0') && t != here && j < t->n; j++) {
            if (!str_eq(key, str_of(t->keys[j].name)))
                continue;
            if (found != NULL)
                return NULL;
            found = t->path[0] == '\0'
                        ? arena_printf(l->findings->arena, "\"%s\" at the top level of the file",
                                       t->keys[j].name)
                              .p
                        : arena_printf(l->findings->arena, "\"%s.%s\"", t->path + len + (len > 0),
                                       t->keys[j].name)
                              .p;
        }
    }
    return found;
}

static void unknown_key(struct load *l, const struct load_at *at, const struct load_table *table,
                        const struct node *member)
{
    const char *names[KEYS_MAX_PER_TABLE];
    const char *nearest;
    const char *elsewhere;
    const char *quoted = findings_quote(l->findings, member->key);
    const char *where = at->up == NULL ? "" : load_path(l, at);
    const char *in = at->up == NULL ? "" : " in ";
    struct buf list = BUF_INIT;

    for (size_t i = 0; i < table->n; i++) {
        names[i] = table->keys[i].name;
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    nearest = str_nearest(member->key, names, table->n);
    elsewhere = nearest == NULL ? find_elsewhere(l, table, member->key) : NULL;
    if (nearest != NULL)
        findings_add(l->findings, member->key_line, "unknown key %s%s%s, did you mean \"%s\"?",
                     quoted, in, where, nearest);
    else if (elsewhere != NULL)
        findings_add(l->findings, member->key_line, "unknown key %s%s%s, did you mean %s?", quoted,
                     in, where, elsewhere);
    else
        findings_add(l->findings, member->key_line, "unknown key %s%s%s; known here: %s", quoted,
                     in, where, list.data);
    buf_fini(&list);
}

/* What is wanted is told by its keys; the text itself might be a secret in the wrong place. */
static void not_a_mapping(struct load *l, const struct load_at *at, const struct load_table *table)
{
    struct buf list = BUF_INIT;

    for (size_t i = 0; i < table->n && i < KEYS_TOLD; i++)
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", table->keys[i].name);
    load_fail(l, at, "must be a mapping, is %s; its keys: %s%s", node_type_name(at->node),
              list.data, table->n > KEYS_TOLD ? ", ..." : "");
    buf_fini(&list);
}

static const struct load_key *find_key(const struct load_table *table, struct str name)
{
    for (size_t i = 0; i < table->n && name.len > 0; i++) {
        const char *known = table->keys[i].name;

        /* Most are told apart by their first letter, and there may be a million to tell. */
        if (known[0] == name.p[0] && str_eq(name, str_of(known)))
            return &table->keys[i];
    }
    return NULL;
}

void load_object(struct load *l, const struct load_at *at, const struct load_table *table,
                 void *object)
{
    uint32_t seen = 0;

    must(table->n <= KEYS_MAX_PER_TABLE);
    if (at->node->type != NODE_MAPPING) {
        not_a_mapping(l, at, table);
        return;
    }
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        const struct load_key *key = find_key(table, member->key);
        struct load_at down = load_down(at, member);

        pace();
        if (key == NULL) {
            unknown_key(l, at, table, member);
            continue;
        }
        if (node_is_null(member))
            continue; /* as if it were not there */
        seen |= 1u << (key - table->keys);
        key->set(l, &down, key, object);
    }
    for (size_t i = 0; i < table->n; i++) {
        if (table->keys[i].is_required && (seen & (1u << i)) == 0)
            load_fail(l, at, "needs %s (%s)", table->keys[i].name, table->keys[i].type);
    }
}
