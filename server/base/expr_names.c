/* Variables, members and calls: what begins with a name. */
#include <string.h>

#include "server/base/expr_parse.h"
#include "server/base/regex.h"

#define PATH_MAX_PARTS 8
#define PATH_BYTES_MAX 128

/* --- names --- */

static int find_variable(const struct expr_builder *b, struct str name)
{
    for (size_t i = 0; i < b->vars->n; i++) {
        if (str_eq(str_of(b->vars->items[i].name), name))
            return (int)i;
    }
    return -1;
}

static int unknown(struct expr_builder *b, struct str name, size_t at)
{
    const char *names[64];
    size_t n = 0;
    const char *near;

    for (; n < b->vars->n && n < ARRAY_LEN(names); n++)
        names[n] = b->vars->items[n].name;
    near = str_nearest(name, names, n);
    if (near != NULL)
        return expr_fail(&b->lexer, at, "there is no variable \"%.*s\"; did you mean \"%s\"?",
                         STR_ARGS(name), near);
    return expr_fail(&b->lexer, at, "there is no variable \"%.*s\"", STR_ARGS(name));
}

static int add_variable(struct expr_builder *b, int number, uint32_t *out)
{
    struct expr_node n = {.op = OP_VARIABLE, .depth = 1, .a = (uint32_t)number};

    n.type = (uint8_t)b->vars->items[number].type;
    n.item = n.type == EXPR_LIST ? EXPR_STRING : EXPR_ERROR;
    return expr_add(b, &n, out);
}

int expr_add_member(struct expr_builder *b, uint32_t map, uint32_t key, uint32_t *out)
{
    struct expr_node n = {.op = OP_MEMBER, .type = EXPR_STRING, .a = b->nodes[map].a, .b = key};

    n.depth = (uint8_t)(b->nodes[key].depth + 1);
    return expr_add(b, &n, out);
}

/* "key.team", or a map's "headers.accept": the longest name that is a variable wins. */
static int resolve(struct expr_builder *b, struct str path, size_t at, uint32_t *out)
{
    struct str name = path;
    uint32_t map = 0;
    uint32_t key = 0;
    int number;

    while ((number = find_variable(b, name)) < 0) {
        while (name.len > 0 && name.p[name.len - 1] != '.')
            name.len--;
        if (name.len == 0)
            return unknown(b, path, at);
        name.len--;
    }
    if (name.len == path.len)
        return add_variable(b, number, out);
    if (b->vars->items[number].type != EXPR_MAP ||
        str_index(str_skip(path, name.len + 1), '.') >= 0)
        return unknown(b, path, at);
    if (add_variable(b, number, &map) != 0 ||
        expr_add_text(b, str_skip(path, name.len + 1), &key) != 0)
        return -1;
    return expr_add_member(b, map, key, out);
}

/* --- calls --- */

static const struct function {
    const char *name;
    enum expr_op op;
    bool is_method, is_function;
} functions[] = {
    {"size", OP_SIZE, true, true},       {"startsWith", OP_STARTS, true, false},
    {"endsWith", OP_ENDS, true, false},  {"contains", OP_CONTAINS, true, false},
    {"matches", OP_MATCHES, true, true}, {"has", OP_HAS, false, true},
    {"int", OP_TO_INT, false, true},     {"double", OP_TO_DOUBLE, false, true},
};

static const char *nearest_function(struct str name)
{
    const char *names[ARRAY_LEN(functions)];

    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        names[i] = functions[i].name;
    return str_nearest(name, names, ARRAY_LEN(names));
}

static const struct function *find_function(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        if (str_eq(str_of(functions[i].name), name))
            return &functions[i];
    }
    return NULL;
}

struct call {
    struct str name;
    size_t at;
    bool is_method;
    uint32_t args[2]; /* of a method: what it is called on comes first */
    size_t places[2]; /* ... where they begin; a method's first one: where its name does */
    uint32_t n;
};

/* What its users would find out one request at a time is told where it stands. */
static int check_pattern(struct expr_builder *b, const struct call *c)
{
    const struct expr_node *n = &b->nodes[c->args[1]];
    struct error wrong = ERROR_INIT;
    struct regex *regex = NULL;

    if (regex_compile((struct str){b->text.data + n->text.offset, n->text.len}, &regex, &wrong) !=
        0)
        return expr_fail(&b->lexer, c->places[1], "%s", wrong.text);
    regex_free(regex);
    return 0;
}

/* A pattern is compiled when the rule is, so it must stand there as it is. */
static int apply_matches(struct expr_builder *b, const struct call *c, uint32_t *out)
{
    uint32_t text = c->args[0];
    struct expr_node n = {.op = OP_MATCHES, .type = EXPR_BOOL, .a = text, .b = b->n_patterns};

    if (b->nodes[text].type != EXPR_STRING || b->nodes[c->args[1]].op != OP_TEXT)
        return expr_fail(&b->lexer, c->at, "matches wants a string, and a pattern written out");
    if (b->n_patterns == EXPR_REGEX_MAX)
        return expr_fail(&b->lexer, c->at, "at most %d patterns in one expression", EXPR_REGEX_MAX);
    if (check_pattern(b, c) != 0)
        return -1;
    b->patterns[b->n_patterns++] = c->args[1];
    n.depth = (uint8_t)(b->nodes[text].depth + 1);
    return expr_add(b, &n, out);
}

static int apply_has(struct expr_builder *b, uint32_t of, size_t at, uint32_t *out)
{
    struct expr_node n = {.op = OP_HAS, .type = EXPR_BOOL, .a = of};
    const char *name =
        b->nodes[of].op == OP_VARIABLE ? b->vars->items[b->nodes[of].a].name : "headers.x";

    if (b->nodes[of].op != OP_VARIABLE && b->nodes[of].op != OP_MEMBER)
        return expr_fail(&b->lexer, at, "has wants a field, as in has(key.team)");
    if (strchr(name, '.') == NULL)
        return expr_fail(&b->lexer, at,
                         "has wants a field, as in has(key.team) or has(headers.accept), and %s is "
                         "a variable by itself",
                         name);
    n.depth = (uint8_t)(b->nodes[of].depth + 1);
    return expr_add(b, &n, out);
}

static int parse_arguments(struct expr_builder *b, struct call *c)
{
    if (expr_expect(b, "(") != 0)
        return -1;
    while (!expr_is_sign(b, ")")) {
        if (c->n == ARRAY_LEN(c->args))
            return expr_fail(&b->lexer, b->lexer.start, "too many arguments");
        c->places[c->n] = b->lexer.start;
        if (expr_parse_any(b, &c->args[c->n]) != 0)
            return -1;
        c->n++;
        if (!expr_is_sign(b, ")") && expr_expect(b, ",") != 0)
            return -1;
    }
    return expr_next(&b->lexer);
}

static int apply_call(struct expr_builder *b, const struct call *c, uint32_t *out)
{
    const struct function *f = find_function(c->name);
    const char *near;
    uint32_t want;

    if (f == NULL || !(c->is_method ? f->is_method : f->is_function)) {
        near = nearest_function(c->name);
        return expr_fail(&b->lexer, c->at, "there is no %s \"%.*s\"%s%s",
                         c->is_method ? "method" : "function", STR_ARGS(c->name),
                         near != NULL ? "; nearest: " : "", near != NULL ? near : "");
    }
    want = f->op == OP_STARTS || f->op == OP_ENDS || f->op == OP_CONTAINS || f->op == OP_MATCHES
               ? 2
               : 1;
    if (c->n != want)
        return expr_fail(&b->lexer, c->at, "%s takes %u argument%s", f->name,
                         want - (c->is_method ? 1 : 0),
                         want - (c->is_method ? 1u : 0u) == 1 ? "" : "s");
    if (f->op == OP_MATCHES)
        return apply_matches(b, c, out);
    if (f->op == OP_HAS)
        return apply_has(b, c->args[0], c->places[0], out);
    return expr_check(
        b, &(struct expr_apply){f->op, f->name, c->args[0], want == 2 ? c->args[1] : 0, c->at},
        out);
}

/* --- members --- */

static bool is_reserved(struct str name)
{
    static const char *const words[] = {
        "in",  "as",     "break",   "const",     "continue", "else", "for",  "function", "if",
        "let", "import", "package", "namespace", "return",   "loop", "void", "while",    "var"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq(name, str_of(words[i])))
            return true;
    }
    return false;
}

static int add_flag(struct expr_builder *b, bool is_true, uint32_t *out)
{
    struct expr_node n = {.op = is_true ? OP_TRUE : OP_FALSE, .type = EXPR_BOOL, .depth = 1};

    return expr_add(b, &n, out);
}

/*
 * A name with what dots add to it: "key.team". A method's name is taken off again: *method is it when
 * one is called on the path, which ends before it.
 */
static int parse_path(struct expr_builder *b, char *path, struct str *method)
{
    size_t len = 0;

    *method = STR_NONE;
    for (int parts = 0; parts < PATH_MAX_PARTS; parts++) {
        struct str name = b->lexer.name;

        if (b->lexer.token != TOKEN_NAME)
            return expr_fail(&b->lexer, b->lexer.start, "expected a name behind the dot");
        if (len + name.len + 2 > PATH_BYTES_MAX)
            return expr_fail(&b->lexer, b->lexer.start, "a name has at most %d characters",
                             PATH_BYTES_MAX);
        if (expr_next(&b->lexer) != 0)
            return -1;
        if (expr_is_sign(b, "(") && len > 0) {
            *method = name;
            return 0;
        }
        if (len > 0)
            path[len++] = '.';
        memcpy(path + len, name.p, name.len);
        len += name.len;
        path[len] = '\0';
        if (!expr_is_sign(b, "."))
            return 0;
        if (expr_next(&b->lexer) != 0)
            return -1;
    }
    return expr_fail(&b->lexer, b->lexer.start, "a name has at most %d parts", PATH_MAX_PARTS);
}

int expr_parse_name(struct expr_builder *b, uint32_t *out)
{
    struct call c = {.at = b->lexer.start};
    char path[PATH_BYTES_MAX];

    if (expr_is_word(b, "true") || expr_is_word(b, "false")) {
        bool is_true = expr_is_word(b, "true");

        if (expr_next(&b->lexer) != 0)
            return -1;
        return add_flag(b, is_true, out);
    }
    if (is_reserved(b->lexer.name) || expr_is_word(b, "null"))
        return expr_fail(&b->lexer, c.at, "\"%.*s\" cannot stand here", STR_ARGS(b->lexer.name));
    if (parse_path(b, path, &c.name) != 0)
        return -1;
    if (c.name.len > 0) {
        c.is_method = true;
        c.n = 1;
        if (resolve(b, str_of(path), c.at, &c.args[0]) != 0)
            return -1;
    } else if (expr_is_sign(b, "(")) {
        c.name = str_of(path);
    } else {
        return resolve(b, str_of(path), c.at, out);
    }
    if (parse_arguments(b, &c) != 0)
        return -1;
    return apply_call(b, &c, out);
}

int expr_parse_method(struct expr_builder *b, uint32_t *value)
{
    struct call c = {.is_method = true, .n = 1};

    c.args[0] = *value;
    if (expr_next(&b->lexer) != 0)
        return -1;
    c.at = b->lexer.start;
    c.name = b->lexer.name;
    if (b->lexer.token != TOKEN_NAME)
        return expr_fail(&b->lexer, c.at, "expected a method's name");
    if (expr_next(&b->lexer) != 0 || parse_arguments(b, &c) != 0)
        return -1;
    return apply_call(b, &c, value);
}
