/*
 * The JSON readers on any bytes: scan and parse agree on what is JSON, spans lie inside the text,
 * and what is read as a value reads the same when its raw span is parsed alone.
 */
#include "server/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct str text;
    uint32_t members;
};

static bool on_member(void *ctx, const struct json_member *m)
{
    struct seen *s = ctx;

    must(m->raw.len > 0 && m->raw.p >= s->text.p);
    must(m->raw.p + m->raw.len <= s->text.p + s->text.len);
    must(m->key.p > s->text.p && m->key.p[m->key.len] == '"');
    s->members++;
    return true;
}

static void check_tree(struct json_parser *p, struct arena *a, const struct json *root)
{
    for (const struct json *node = root->child; node != NULL; node = node->next) {
        struct json_error err;
        struct json *again = json_parse(p, a, node->raw, &err);
        uint64_t n;
        double d;
        bool b;

        must(again != NULL && again->type == node->type && again->n == node->n);
        must(str_eq(again->text, node->text));
        if (node->type == JSON_STRING)
            must(str_eq(json_unescape(a, node->raw), json_str(node)));
        (void)json_u64(node, &n);
        (void)json_double(node, &d);
        (void)json_bool(node, &b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_parser *parser;
    static struct arena *arena;
    struct seen seen = {{(const char *)data, size}, 0};
    struct json_error err = {NULL, 0};
    struct json *root;
    int scanned;

    if (parser == NULL) {
        parser = json_parser_create();
        arena = arena_create(65536);
    }
    arena_reset(arena);
    scanned = json_scan(parser, seen.text, on_member, &seen, &err);
    must(scanned == 0 || (err.text != NULL && err.offset <= size));
    root = json_parse(parser, arena, seen.text, &err);
    must((scanned == 0) == (root != NULL && root->type == JSON_OBJECT));
    if (root != NULL) {
        must(scanned != 0 || seen.members == root->n);
        check_tree(parser, arena, root);
    }
    return 0;
}
