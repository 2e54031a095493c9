#include "server/worker/framing.h"

#include "server/base/base.h"
#include "server/worker/http_guard.h"

static const char NO_STATUS[] = "no HTTP status line";
static const char LONG_CHUNK[] = "a chunk is longer than its size";

enum framing_state {
    AT_STATUS,
    AT_HEADER,
    AT_INTERIM, /* headers that nobody sees */
    AT_CHUNK,   /* a chunk's size */
    AT_CHUNK_END,
    AT_TRAILER,
    IN_CHUNK, /* from here on not line by line */
    IN_LENGTH,
    IN_REST, /* until the connection ends */
    IS_WHOLE,
    IS_BAD,
};

static enum framing_event bad(struct framing *f, const char *why)
{
    f->state = IS_BAD;
    f->why = why;
    return FRAMING_BAD;
}

void framing_begin(struct framing *f, bool asked_head)
{
    struct buf partial = f->partial;

    buf_clear(&partial);
    *f = (struct framing){.partial = partial, .asked_head = asked_head};
}

void framing_fini(struct framing *f)
{
    buf_fini(&f->partial);
}

/* --- lines --- */

static bool has_control(struct str line)
{
    bool found = false;

    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.p[i];
        found |= (c < 0x20 && c != '\t') || c == 0x7f;
    }
    return found;
}

/* "HTTP/1.1 200 OK"; the reason may be missing, with its blank. */
static enum framing_event on_status(struct framing *f, struct str line)
{
    const char *p = line.p;
    bool is_good = line.len >= 12 && str_starts(line, STR("HTTP/1.")) && str_is_digit(p[7]) &&
                   p[8] == ' ' && p[9] >= '1' && str_is_digit(p[9]) && str_is_digit(p[10]) &&
                   str_is_digit(p[11]) && (line.len == 12 || p[12] == ' ');

    if (!is_good)
        return bad(f, NO_STATUS);
    f->minor = (uint8_t)(p[7] - '0');
    f->status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
    if (f->status == 101)
        return bad(f, "another protocol, which nobody asked for");
    if (f->status >= 200) {
        f->state = AT_HEADER;
        return FRAMING_LINE;
    }
    if (++f->n_interim > FRAMING_INTERIM_MAX)
        return bad(f, "too many interim answers");
    f->state = AT_INTERIM;
    return FRAMING_MORE;
}

/* How the body ends (RFC 9112, section 6.3). */
static void begin_body(struct framing *f)
{
    bool has_none = f->asked_head || f->status == 204 || f->status == 304;

    f->bytes = 0;
    f->n_lines = 0;
    if (has_none)
        f->state = IS_WHOLE;
    else if (f->is_chunked)
        f->state = AT_CHUNK;
    else if (f->has_length)
        f->state = f->left > 0 ? IN_LENGTH : IS_WHOLE;
    else
        f->state = IN_REST;
}

static enum framing_event on_length(struct framing *f, struct str value)
{
    uint64_t length;

    if (!str_parse_u64(value, &length))
        return bad(f, "Content-Length is no number");
    if (f->has_length && length != f->left)
        return bad(f, "two different lengths");
    f->has_length = true;
    f->left = length;
    return FRAMING_LINE;
}

static enum framing_event on_encoding(struct framing *f, struct str value)
{
    if (f->is_chunked || !str_eq_nocase(value, STR("chunked")))
        return bad(f, "a transfer coding other than chunked");
    f->is_chunked = true;
    return FRAMING_LINE;
}

static enum framing_event on_connection(struct framing *f, struct str value)
{
    struct str option;

    while (str_next(&value, ',', &option))
        f->says_close |= str_eq_nocase(str_trim(option), STR("close"));
    return FRAMING_LINE;
}

/*
 * A header's or trailer's name. Empty: it has none (a blank in front of the colon, a folded line),
 * and then it is passed over, as others do; but nothing more is believed of this connection.
 */
static struct str field_name(struct framing *f, struct str line)
{
    ptrdiff_t colon = str_index(line, ':');
    struct str name = {line.p, colon < 0 ? 0 : (size_t)colon};

    if (http_guard_is_token(name))
        return name;
    f->is_odd = true;
    return STR_NONE;
}

static enum framing_event on_header(struct framing *f, struct str line)
{
    struct str name;

    if (line.len == 0) {
        begin_body(f);
        return FRAMING_HEAD;
    }
    if (++f->n_lines > FRAMING_LINES_MAX)
        return bad(f, "too many headers");
    name = field_name(f, line);
    if (name.len == 0)
        return FRAMING_MORE;
    struct str value = str_trim(str_skip(line, name.len + 1));
    if (str_eq_nocase(name, STR("content-length")))
        return on_length(f, value);
    if (str_eq_nocase(name, STR("transfer-encoding")))
        return on_encoding(f, value);
    if (str_eq_nocase(name, STR("connection")))
        return on_connection(f, value);
    return FRAMING_LINE;
}

/* Headers of interim answers, and trailers: nobody sees them. */
static enum framing_event on_unseen(struct framing *f, struct str line)
{
    if (line.len > 0) {
        (void)field_name(f, line); /* only whether it has one */
        return ++f->n_lines > FRAMING_LINES_MAX ? bad(f, "too many headers") : FRAMING_MORE;
    }
    f->state = f->state == AT_TRAILER ? IS_WHOLE : AT_STATUS;
    f->bytes = 0;
    f->n_lines = 0;
    return FRAMING_MORE;
}

static enum framing_event on_chunk(struct framing *f, struct str line)
{
    uint64_t size = 0;
    size_t n = 0;
    int digit;

    for (; n < line.len && (digit = str_hex_digit(line.p[n])) >= 0; n++) {
        if (size >> 60 != 0)
            return bad(f, "a chunk's size is too large");
        size = size << 4 | (uint64_t)digit;
    }
    struct str extension = str_trim(str_skip(line, n));
    if (n == 0 || (extension.len > 0 && extension.p[0] != ';'))
        return bad(f, "a chunk's size is no number");
    f->bytes = 0;
    f->left = size;
    f->state = size > 0 ? IN_CHUNK : AT_TRAILER;
    return FRAMING_MORE;
}

static enum framing_event on_chunk_end(struct framing *f, struct str line)
{
    if (line.len > 0)
        return bad(f, LONG_CHUNK);
    f->bytes = 0;
    f->state = AT_CHUNK;
    return FRAMING_MORE;
}

/* A line's end is a LF, with or without a CR before it. MORE: it has not come. */
static enum framing_event take_line(struct framing *f, struct str *in, struct str *line)
{
    bool is_chunk = f->state == AT_CHUNK || f->state == AT_CHUNK_END;
    uint32_t most = is_chunk ? FRAMING_CHUNK_LINE_MAX : FRAMING_HEAD_MAX;
    ptrdiff_t lf = str_index(*in, '\n');
    size_t len = lf < 0 ? in->len : (size_t)lf + 1;

    if (len > most - f->bytes)
        return bad(f, is_chunk ? "a chunk's extension is too long" : "the head is too large");
    f->bytes += (uint32_t)len;
    *line = (struct str){in->p, len};
    *in = str_skip(*in, len);
    if (lf < 0 || f->partial.len > 0) {
        buf_str(&f->partial, *line);
        *line = buf_view(&f->partial);
    }
    if (lf < 0)
        return FRAMING_MORE;
    f->is_given = f->partial.len > 0;
    line->len--;
    if (line->len > 0 && line->p[line->len - 1] == '\r')
        line->len--;
    return FRAMING_LINE;
}

/* What cannot become right any more need not be waited for until its line ends. */
static bool may_become_right(const struct framing *f, struct str begun)
{
    struct str start = STR("HTTP/1.");

    if (f->state == AT_CHUNK_END)
        return str_eq(begun, STR("\r"));
    start.len = min_u64(start.len, begun.len);
    return f->state != AT_STATUS || str_starts(begun, start);
}

/* MORE: either there is no event in this line, or it is incomplete and *in is empty. */
static enum framing_event next_line(struct framing *f, struct str *in, struct str *line)
{
    static enum framing_event (*const handlers[])(struct framing *, struct str) = {
        [AT_STATUS] = on_status, [AT_HEADER] = on_header,       [AT_INTERIM] = on_unseen,
        [AT_CHUNK] = on_chunk,   [AT_CHUNK_END] = on_chunk_end, [AT_TRAILER] = on_unseen,
    };
    enum framing_event event = take_line(f, in, line);

    if (event == FRAMING_MORE && !may_become_right(f, *line))
        return bad(f, f->state == AT_STATUS ? NO_STATUS : LONG_CHUNK);
    if (event != FRAMING_LINE)
        return event;
    if (has_control(*line))
        return bad(f, "a control byte in a line");
    return handlers[f->state](f, *line);
}

/* --- all of it --- */

static enum framing_event next_piece(struct framing *f, struct str *in, struct str *piece)
{
    uint64_t most = f->state == IN_REST ? UINT64_MAX : f->left;

    *piece = (struct str){in->p, min_u64(in->len, most)};
    *in = str_skip(*in, piece->len);
    if (f->state == IN_REST)
        return FRAMING_BODY;
    f->left -= piece->len;
    if (f->left == 0)
        f->state = f->state == IN_CHUNK ? AT_CHUNK_END : IS_WHOLE;
    return FRAMING_BODY;
}

enum framing_event framing_next(struct framing *f, struct str *in, struct str *piece)
{
    enum framing_event event = FRAMING_MORE;

    while (event == FRAMING_MORE) {
        if (f->is_given) {
            buf_clear(&f->partial);
            f->is_given = false;
        }
        if (f->state == IS_WHOLE)
            return FRAMING_END;
        if (f->state == IS_BAD)
            return FRAMING_BAD;
        if (in->len == 0)
            return FRAMING_MORE;
        event = f->state < IN_CHUNK ? next_line(f, in, piece) : next_piece(f, in, piece);
    }
    return event;
}

enum framing_event framing_eof(struct framing *f)
{
    if (f->state == IN_REST)
        f->state = IS_WHOLE;
    if (f->state == IS_WHOLE)
        return FRAMING_END;
    return f->state == IS_BAD ? FRAMING_BAD : bad(f, "closed before the answer was whole");
}

bool framing_is_whole(const struct framing *f)
{
    return f->state == IS_WHOLE;
}

bool framing_is_reusable(const struct framing *f)
{
    bool has_both = f->is_chunked && f->has_length; /* somebody else may go by the other one */
    bool has_end =
        f->is_chunked || f->has_length || f->asked_head || f->status == 204 || f->status == 304;

    return f->minor >= 1 && !f->says_close && !f->is_odd && !has_both && has_end;
}
