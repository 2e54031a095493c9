/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/worker/upstream_io.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static int parse_status(struct str line)
{
    ptrdiff_t space = str_index(line, ' ');
    struct str rest = space < 0 ? STR_NONE : str_skip(line, (size_t)space + 1);
    int status = 0;

    if (rest.len < 3)
        return 0;
    for (size_t i = 0; i < 3; i++) {
        if (rest.p[i] < '0' || rest.p[i] > '9')
            return 0;
        status = status * 10 + (rest.p[i] - '0');
    }
    return status;
}

static void split_line(struct str line, char *base, struct str *name, struct str *value)
{
    ptrdiff_t colon = str_index(line, ':');
    char *p = base + (line.p - base);

    *name = (struct str){line.p, colon < 0 ? 0 : (size_t)colon};
    *value = colon < 0 ? STR_NONE : str_trim(str_skip(line, (size_t)colon + 1));
    for (size_t i = 0; i < name->len; i++)
        p[i] = lower(p[i]);
}

static void deliver_head(struct upstream_call *call)
{
    struct str *names = arena_alloc(call->req.arena, 2 * call->n_lines * sizeof(*names) + 1);
    struct str *values = names + call->n_lines;
    struct str rest = buf_view(&call->head);
    struct str line;
    size_t n = 0;

    while (n < call->n_lines && str_next(&rest, '\n', &line)) {
        split_line(line, call->head.data, &names[n], &values[n]);
        if (names[n].len > 0)
            n++;
    }
    struct upstream_head head = {call->status, names, values, n};

    upstream_on_head(call, &head);
}

bool upstream_head_line(struct upstream_call *call, struct str line)
{
    while (line.len > 0 && (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
        line.len--;
    if (call->has_head) /* trailers */
        return true;
    if (str_starts(line, STR("HTTP/"))) {
        buf_clear(&call->head);
        call->n_lines = 0;
        call->status = parse_status(line);
        return call->status >= 100;
    }
    if (line.len > 0) {
        if (call->head.len + line.len > UPSTREAM_HEAD_MAX || call->n_lines >= UPSTREAM_HEADERS_MAX)
            return false;
        buf_str(&call->head, line);
        buf_char(&call->head, '\n');
        call->n_lines++;
        return true;
    }
    if (call->status >= 200)
        deliver_head(call);
    else if (call->status == 101)
        return false; /* nobody asked for another protocol */
    return true;
}
