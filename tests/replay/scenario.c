#include "tests/replay/scenario.h"

#include "server/base/crypto.h"
#include "server/base/fd.h"

#define FILE_MAX (1u << 20)

static char one_escape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

static struct str unescape(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        uint8_t byte;

        if (s.p[i] != '\\' || i + 1 == s.len) {
            out[n++] = s.p[i];
        } else if (s.p[i + 1] == 'x' && s.len - i > 3 &&
                   crypto_unhex((struct str){s.p + i + 2, 2}, &byte, 1) == 0) {
            out[n++] = (char)byte;
            i += 3;
        } else {
            out[n++] = one_escape(s.p[++i]);
        }
    }
    return (struct str){out, n};
}

/* The lines up to END, as they are. */
static struct str take_block(struct str *rest, int *line)
{
    struct str block = {rest->p, 0};
    struct str one;

    while (str_next(rest, '\n', &one)) {
        (*line)++;
        if (str_eq(one, STR("END")))
            break;
        block.len += one.len + 1;
    }
    return block;
}

static void add(struct scenario *s, struct str line, struct str *rest, int *number)
{
    ptrdiff_t blank = str_index(line, ' ');
    struct command *c = &s->commands[s->n++];

    c->line = *number;
    c->word = (struct str){line.p, blank < 0 ? line.len : (size_t)blank};
    if (str_eq(c->word, STR("CONFIG")))
        c->text = take_block(rest, number);
    else
        c->text = unescape(s->arena, str_skip(line, c->word.len + 1));
}

int scenario_load(const char *path, struct scenario *out, struct error *err)
{
    struct buf text = BUF_INIT;
    struct str rest;
    struct str line;
    int number = 0;
    int rc = 0;

    if (fd_read_file(path, FILE_MAX, &text, err) != 0)
        return -1;
    *out = (struct scenario){.path = path, .arena = arena_create(65536)};
    rest = arena_str(out->arena, buf_view(&text));
    buf_fini(&text);
    while (rc == 0 && str_next(&rest, '\n', &line)) {
        number++;
        if (line.len == 0 || line.p[0] == '#')
            continue;
        if (out->n == COMMANDS_MAX)
            rc = error_set(err, "%s:%d: more than %d commands", path, number, COMMANDS_MAX);
        else
            add(out, line, &rest, &number);
    }
    if (rc != 0)
        scenario_fini(out);
    return rc;
}

void scenario_fini(struct scenario *s)
{
    arena_free(s->arena);
    s->arena = NULL;
}
