#include "providers/sse.h"

#include <string.h>

#define BOM "\xef\xbb\xbf"
#define BLOCK 256 /* bytes searched at once */

void sse_fini(struct sse *s)
{
    buf_fini(&s->partial);
    buf_fini(&s->joined);
}

void sse_reset(struct sse *s)
{
    buf_clear(&s->partial);
    buf_clear(&s->joined);
    s->line = 0;
    s->scanned = 0;
    s->bom_done = false;
}

/*
 * Where the first line end from `from` on is; s.len when there is none. Block by block: in a text of
 * short lines that end in CR the search for a LF must not go through all that follows, each time.
 */
static size_t find_end(struct str s, size_t from)
{
    for (; from < s.len; from += BLOCK) {
        const char *start = s.p + from;
        size_t n = min_u64(s.len - from, BLOCK);
        const char *lf = memchr(start, '\n', n);
        const char *cr = memchr(start, '\r', lf != NULL ? (size_t)(lf - start) : n);

        if (cr != NULL || lf != NULL)
            return (size_t)((cr != NULL ? cr : lf) - s.p);
    }
    return s.len;
}

/*
 * The end of the line that begins at or before `from`: *content is where its text ends, the result
 * is the index behind its line end. 0 when the line is not finished yet.
 */
static size_t line_end(struct str s, size_t from, size_t *content)
{
    size_t at = find_end(s, from);

    if (at == s.len)
        return 0;
    *content = at;
    if (s.p[at] == '\n')
        return at + 1;
    if (at + 1 == s.len)
        return 0; /* a LF may follow and belong to it */
    return s.p[at + 1] == '\n' ? at + 2 : at + 1;
}

/* "field: value" with one optional blank behind the colon. */
static bool field_is(struct str line, struct str field, struct str *value)
{
    if (!str_starts(line, field))
        return false;
    line = str_skip(line, field.len);
    if (line.len > 0 && line.p[0] != ':')
        return false;
    line = str_skip(line, 1);
    if (line.len > 0 && line.p[0] == ' ')
        line = str_skip(line, 1);
    *value = line;
    return true;
}

/* Another "data:" line: joined by LF, copied only from the second one on. */
static void data_add(struct sse *s, struct sse_event *event, size_t n_lines, struct str value)
{
    if (n_lines == 0) {
        event->data = value;
        return;
    }
    if (n_lines == 1) {
        buf_clear(&s->joined);
        buf_str(&s->joined, event->data);
    }
    buf_char(&s->joined, '\n');
    buf_str(&s->joined, value);
    event->data = buf_view(&s->joined);
}

static void emit(struct sse *s, struct str raw, sse_event_fn *fn, void *ctx)
{
    struct sse_event event = {.raw = raw};
    struct str rest = raw;
    size_t n_lines = 0;
    size_t content;
    size_t end;

    if (!s->bom_done && str_starts(rest, STR(BOM)))
        rest = str_skip(rest, 3);
    s->bom_done = true;
    while (rest.len > 0) {
        struct str value;
        struct str line;

        end = line_end(rest, 0, &content);
        if (end == 0) /* its last line ends in a bare CR */
            end = content = rest.len;
        line = (struct str){rest.p, content};
        if (field_is(line, STR("data"), &value))
            data_add(s, &event, n_lines++, value);
        else if (field_is(line, STR("event"), &value))
            event.name = value;
        rest = str_skip(rest, end);
    }
    fn(ctx, &event);
}

/*
 * Hand out the whole events of `bytes`; returns how many bytes they took. s->line and s->scanned
 * say where the search goes on, relative to what is left.
 */
static size_t split(struct sse *s, struct str bytes, sse_event_fn *fn, void *ctx)
{
    size_t taken = 0;
    size_t line = s->line;
    size_t from = s->scanned;

    while (from < bytes.len) {
        size_t content;
        size_t end = line_end(bytes, from, &content);

        if (end == 0) {
            /* a CR at the very end is looked at again */
            from = bytes.p[bytes.len - 1] == '\r' ? bytes.len - 1 : bytes.len;
            break;
        }
        if (content == line) {
            emit(s, (struct str){bytes.p + taken, end - taken}, fn, ctx);
            taken = end;
        }
        line = end;
        from = end;
    }
    s->line = line - taken;
    s->scanned = from - taken;
    return taken;
}

int sse_feed(struct sse *s, struct str bytes, sse_event_fn *fn, void *ctx)
{
    size_t taken;

    if (s->partial.len == 0) {
        taken = split(s, bytes, fn, ctx);
        if (bytes.len - taken > SSE_EVENT_MAX)
            return -1;
        if (bytes.len > taken)
            buf_add(&s->partial, bytes.p + taken, bytes.len - taken);
        return 0;
    }
    buf_str(&s->partial, bytes);
    taken = split(s, buf_view(&s->partial), fn, ctx);
    buf_drop(&s->partial, taken);
    return s->partial.len > SSE_EVENT_MAX ? -1 : 0;
}

struct str sse_rest(const struct sse *s)
{
    return buf_view(&s->partial);
}
