#include "conf/yaml.h"

#include <string.h>

#include <yaml.h>

#include "conf/set.h"
#include "server/base/crypto.h"
#include "server/base/pace.h"

#define SMALL_MAPPING 8 /* members up to which comparing each with each is cheaper than a set */

struct anchor {
    struct str name;
    const struct node *node;
};

struct reader {
    yaml_parser_t parser;
    struct str text;
    struct arena *arena;
    struct findings *findings;
    struct anchor anchors[YAML_ANCHORS_MAX];
    size_t n_anchors;
    size_t nodes;
};

/* Keys and provider secrets pass through here: nothing of them stays behind on the heap. */
static void event_done(yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT)
        crypto_wipe(event->data.scalar.value, event->data.scalar.length);
    yaml_event_delete(event);
}

static void parser_done(yaml_parser_t *p)
{
    if (p->raw_buffer.start != NULL)
        crypto_wipe(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
    if (p->buffer.start != NULL)
        crypto_wipe(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
    yaml_parser_delete(p);
}

static int refuse(struct reader *r, yaml_mark_t mark, const char *text)
{
    findings_add(r->findings, (int)mark.line + 1, "%s", text);
    return -1;
}

/* A reader's error tells a byte, all others a line. */
static int line_of_byte(struct str text, size_t offset)
{
    int line = 1;

    for (size_t i = 0; i < offset && i < text.len; i++)
        line += text.p[i] == '\n';
    return line;
}

static int next_event(struct reader *r, yaml_event_t *event)
{
    const yaml_parser_t *p = &r->parser;
    int line;

    pace();
    if (yaml_parser_parse(&r->parser, event))
        return 0;
    line = p->error == YAML_READER_ERROR ? line_of_byte(r->text, p->problem_offset)
                                         : (int)p->problem_mark.line + 1;
    if (p->error == YAML_READER_ERROR)
        findings_add(r->findings, line, "not readable as UTF-8 text: %s",
                     p->problem != NULL ? p->problem : "bad bytes");
    else if (p->problem != NULL && strstr(p->problem, "cannot start any token") != NULL)
        findings_add(r->findings, line,
                     "not valid YAML: %s (tabs cannot indent; texts that start with one of "
                     "@`%%{}[]&*!|>'\" need quotes)",
                     p->problem);
    else
        findings_add(r->findings, line, "not valid YAML: %s%s%s",
                     p->problem != NULL ? p->problem : "cannot be read",
                     p->context != NULL ? ", " : "", p->context != NULL ? p->context : "");
    return -1;
}

static int node_create(struct reader *r, const yaml_event_t *event, struct node **out)
{
    struct node *node;

    if (++r->nodes > YAML_NODES_MAX)
        return refuse(r, event->start_mark, "the file has too many values");
    node = arena_zalloc(r->arena, sizeof(*node));
    node->line = (int)event->start_mark.line + 1;
    node->column = (int)event->start_mark.column + 1;
    node->weight = 1;
    *out = node;
    return 0;
}

static int anchor_add(struct reader *r, const yaml_char_t *name, const yaml_event_t *event,
                      const struct node *node)
{
    struct str text = str_of((const char *)name);

    if (name == NULL)
        return 0;
    if (r->n_anchors == YAML_ANCHORS_MAX)
        return refuse(r, event->start_mark, "the file has too many anchors (&name)");
    r->anchors[r->n_anchors].name = arena_str(r->arena, text);
    r->anchors[r->n_anchors].node = node;
    r->n_anchors++;
    return 0;
}

/* A node of its own that shares what is below; the whole of it counts, which bounds every walk. */
static int read_alias(struct reader *r, const yaml_event_t *event, struct node **out)
{
    struct str name = str_of((const char *)event->data.alias.anchor);

    for (size_t i = r->n_anchors; i > 0; i--) {
        const struct anchor *anchor = &r->anchors[i - 1];
        struct node *node;

        if (!str_eq(anchor->name, name))
            continue;
        r->nodes += anchor->node->weight;
        if (node_create(r, event, &node) != 0)
            return -1;
        *node = *anchor->node;
        node->line = (int)event->start_mark.line + 1;
        node->column = (int)event->start_mark.column + 1;
        node->next = NULL;
        *out = node;
        return 0;
    }
    findings_add(r->findings, (int)event->start_mark.line + 1, "no anchor %s before this alias",
                 findings_quote(r->findings, name));
    return -1;
}

static int check_tag(struct reader *r, const yaml_event_t *event, const yaml_char_t *tag)
{
    if (tag == NULL || strcmp((const char *)tag, YAML_STR_TAG) == 0)
        return 0;
    return refuse(r, event->start_mark, "tags (!name) have no meaning here, remove it");
}

static int read_scalar(struct reader *r, const yaml_event_t *event, struct node **out)
{
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    struct node *node;

    if (check_tag(r, event, event->data.scalar.tag) != 0 || node_create(r, event, &node) != 0)
        return -1;
    if (text.len > 0 && memchr(text.p, '\0', text.len) != NULL)
        return refuse(r, event->start_mark, "a text must not contain a NUL character");
    node->type = NODE_SCALAR;
    node->plain =
        event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
    node->text = arena_str(r->arena, text);
    *out = node;
    return anchor_add(r, event->data.scalar.anchor, event, node);
}

static int read_node(struct reader *r, const yaml_event_t *event, int depth, struct node **out);

static int read_sequence(struct reader *r, const yaml_event_t *start, int depth, struct node *node)
{
    struct node **tail = &node->child;

    node->type = NODE_SEQUENCE;
    for (;;) {
        yaml_event_t event;
        int rc;

        if (next_event(r, &event) != 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            event_done(&event);
            return anchor_add(r, start->data.sequence_start.anchor, start, node);
        }
        rc = read_node(r, &event, depth + 1, tail);
        event_done(&event);
        if (rc != 0)
            return -1;
        node->weight += (*tail)->weight;
        node->n++;
        tail = &(*tail)->next;
    }
}

/* A member's key, and its value after it. */
static int read_member(struct reader *r, const yaml_event_t *event, int depth, struct node **out)
{
    yaml_event_t value;
    struct str key;
    int rc;

    if (event->type != YAML_SCALAR_EVENT)
        return refuse(r, event->start_mark, "a mapping's keys must be plain names");
    key = (struct str){(const char *)event->data.scalar.value, event->data.scalar.length};
    if (check_tag(r, event, event->data.scalar.tag) != 0)
        return -1;
    if (memchr(key.p, '\0', key.len) != NULL)
        return refuse(r, event->start_mark, "a name must not contain a NUL character");
    if (str_eq(key, STR("<<")) && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return refuse(r, event->start_mark,
                      "merge keys (<<) are not supported: write the keys out, or use an alias for "
                      "a whole value");
    if (next_event(r, &value) != 0)
        return -1;
    rc = read_node(r, &value, depth + 1, out);
    event_done(&value);
    if (rc != 0)
        return -1;
    (*out)->key = arena_str(r->arena, key);
    (*out)->key_line = (int)event->start_mark.line + 1;
    return 0;
}

/* Report what stands there twice and keep the first of them. */
static void drop_duplicates(struct reader *r, struct node *mapping)
{
    struct node **link = &mapping->child;
    struct set seen;

    if (mapping->n < 2)
        return;
    set_init(&seen, mapping->n);
    while (*link != NULL) {
        struct node *member = *link;
        int first = set_add(&seen, member->key, member->key_line);

        if (first == 0) {
            link = &member->next;
            continue;
        }
        findings_add(r->findings, member->key_line, "duplicate key %s, first on line %d",
                     findings_quote(r->findings, member->key), first);
        *link = member->next;
        mapping->n--;
    }
    set_fini(&seen);
}

static bool has_duplicates(const struct node *mapping)
{
    if (mapping->n > SMALL_MAPPING)
        return true; /* maybe: the set tells */
    for (const struct node *a = mapping->child; a != NULL; a = a->next) {
        for (const struct node *b = a->next; b != NULL; b = b->next) {
            if (str_eq(a->key, b->key))
                return true;
        }
    }
    return false;
}

static int read_mapping(struct reader *r, const yaml_event_t *start, int depth, struct node *node)
{
    struct node **tail = &node->child;

    node->type = NODE_MAPPING;
    for (;;) {
        yaml_event_t event;
        int rc;

        if (next_event(r, &event) != 0)
            return -1;
        if (event.type == YAML_MAPPING_END_EVENT) {
            event_done(&event);
            if (has_duplicates(node))
                drop_duplicates(r, node);
            return anchor_add(r, start->data.mapping_start.anchor, start, node);
        }
        rc = read_member(r, &event, depth, tail);
        event_done(&event);
        if (rc != 0)
            return -1;
        node->weight += (*tail)->weight;
        node->n++;
        tail = &(*tail)->next;
    }
}

static int read_node(struct reader *r, const yaml_event_t *event, int depth, struct node **out)
{
    struct node *node;

    if (depth > YAML_DEPTH_MAX)
        return refuse(r, event->start_mark, "values are nested too deeply");
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(r, event, out);
    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(r, event, out);
    must(event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT);
    if (check_tag(r, event,
                  event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.tag
                                                          : event->data.sequence_start.tag) != 0 ||
        node_create(r, event, &node) != 0)
        return -1;
    *out = node;
    return event->type == YAML_MAPPING_START_EVENT ? read_mapping(r, event, depth, node)
                                                   : read_sequence(r, event, depth, node);
}

/* Stream start, document start, the root, document end, stream end: the grammar keeps the order. */
static int read_stream(struct reader *r, struct node **out)
{
    struct node *root = NULL;

    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        int rc = 0;

        if (next_event(r, &event) != 0)
            return -1;
        type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && root != NULL)
            rc = refuse(r, event.start_mark, "a second document starts here; one is enough");
        else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
                 type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT)
            rc = read_node(r, &event, 0, &root);
        event_done(&event);
        if (rc != 0)
            return -1;
        if (type == YAML_STREAM_END_EVENT)
            break;
    }
    *out = root;
    return 0;
}

int yaml_tree(struct arena *a, struct str text, struct findings *f, struct node **out)
{
    struct reader *r;
    int rc;

    if (text.len > YAML_FILE_MAX) {
        findings_add(f, 1, "the file is larger than %u MiB", YAML_FILE_MAX >> 20);
        return -1;
    }
    r = arena_zalloc(a, sizeof(*r));
    must(yaml_parser_initialize(&r->parser)); /* fails only without memory */
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.len > 0 ? text.p : ""),
                                 text.len);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    r->text = text;
    r->arena = a;
    r->findings = f;
    rc = read_stream(r, out);
    parser_done(&r->parser);
    return rc;
}

bool node_is_null(const struct node *node)
{
    return node->type == NODE_SCALAR && node->plain &&
           (node->text.len == 0 || str_eq(node->text, STR("~")) || str_eq(node->text, STR("null")));
}

bool node_has(const struct node *mapping, const char *name)
{
    const struct node *n = mapping->type == NODE_MAPPING ? mapping->child : NULL;

    while (n != NULL && (!str_eq(n->key, str_of(name)) || node_is_null(n)))
        n = n->next;
    return n != NULL;
}

const char *node_type_name(const struct node *node)
{
    switch (node->type) {
    case NODE_SEQUENCE:
        return "a list";
    case NODE_MAPPING:
        return "a mapping";
    case NODE_SCALAR:
        break;
    }
    return "a text";
}
