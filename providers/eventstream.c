#include "providers/eventstream.h"

#include <string.h>

#include <zlib.h>

#define PRELUDE_BYTES 12 /* two lengths and their CRC */
#define CRC_BYTES 4
#define FRAME_MIN (PRELUDE_BYTES + CRC_BYTES)

/* Types of a header's value. */
enum { VALUE_TRUE, VALUE_FALSE, VALUE_BYTES = 6, VALUE_STRING = 7, VALUE_TYPES = 10 };

/* How long values of fixed length are, by type. */
static const uint8_t value_bytes[VALUE_TYPES] = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};

void eventstream_fini(struct eventstream *s)
{
    buf_fini(&s->partial);
}

void eventstream_reset(struct eventstream *s)
{
    buf_clear(&s->partial);
}

struct str eventstream_rest(const struct eventstream *s)
{
    return buf_view(&s->partial);
}

static uint32_t get_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void set_u32(char *p, uint32_t n)
{
    p[0] = (char)(n >> 24);
    p[1] = (char)(n >> 16);
    p[2] = (char)(n >> 8);
    p[3] = (char)n;
}

static uint32_t crc_of(const char *p, size_t len)
{
    return (uint32_t)crc32_z(0, (const unsigned char *)p, len);
}

/* --- decoding --- */

static bool take(struct str *rest, size_t n, struct str *out)
{
    if (rest->len < n)
        return false;
    *out = (struct str){rest->p, n};
    *rest = str_skip(*rest, n);
    return true;
}

/* One header; `value` is empty unless it is a string. */
static bool take_header(struct str *rest, struct str *name, struct str *value)
{
    struct str bytes;
    unsigned type;
    size_t len;

    if (!take(rest, 1, &bytes) || !take(rest, (uint8_t)bytes.p[0], name) || !take(rest, 1, &bytes))
        return false;
    type = (uint8_t)bytes.p[0];
    if (type >= VALUE_TYPES)
        return false;
    len = value_bytes[type];
    if (type == VALUE_BYTES || type == VALUE_STRING) {
        if (!take(rest, 2, &bytes))
            return false;
        len = (size_t)((uint8_t)bytes.p[0] << 8 | (uint8_t)bytes.p[1]);
    }
    if (!take(rest, len, value))
        return false;
    if (type != VALUE_STRING)
        *value = STR_NONE;
    return true;
}

static bool read_headers(struct str rest, struct eventstream_message *m)
{
    struct str name;
    struct str value;
    struct str error = STR_NONE;

    while (rest.len > 0) {
        if (!take_header(&rest, &name, &value))
            return false;
        if (str_eq(name, STR(":message-type")))
            m->is_exception = str_eq(value, STR("exception")) || str_eq(value, STR("error"));
        else if (str_eq(name, STR(":event-type")) || str_eq(name, STR(":exception-type")) ||
                 str_eq(name, STR(":error-code")))
            m->type = value;
        else if (str_eq(name, STR(":error-message")))
            error = value;
    }
    if (m->payload.len == 0 && m->is_exception)
        m->payload = error;
    return true;
}

/*
 * The message at the start of `bytes`: 1 with *m, 0 when more bytes are needed, -1 when it is none.
 * The prelude is judged as soon as it is there, so that garbage is not waited for.
 */
static int parse(struct str bytes, struct eventstream_message *m)
{
    size_t total;
    size_t headers;

    if (bytes.len < PRELUDE_BYTES)
        return 0;
    total = get_u32(bytes.p);
    headers = get_u32(bytes.p + 4);
    if (get_u32(bytes.p + 8) != crc_of(bytes.p, 8) || total < FRAME_MIN ||
        total > EVENTSTREAM_MAX || headers > total - FRAME_MIN)
        return -1;
    if (bytes.len < total)
        return 0;
    if (get_u32(bytes.p + total - CRC_BYTES) != crc_of(bytes.p, total - CRC_BYTES))
        return -1;
    *m = (struct eventstream_message){
        .payload = {bytes.p + PRELUDE_BYTES + headers, total - FRAME_MIN - headers},
        .raw = {bytes.p, total},
    };
    return read_headers((struct str){bytes.p + PRELUDE_BYTES, headers}, m) ? 1 : -1;
}

/* Hand out the whole messages of *bytes and step over them. -1: what follows is none. */
static int split(struct str *bytes, eventstream_fn *fn, void *ctx)
{
    struct eventstream_message m;
    int got;

    while ((got = parse(*bytes, &m)) > 0) {
        fn(ctx, &m);
        *bytes = str_skip(*bytes, m.raw.len);
    }
    return got;
}

int eventstream_feed(struct eventstream *s, struct str bytes, eventstream_fn *fn, void *ctx)
{
    struct str rest = bytes;
    int rc;

    if (s->partial.len == 0) {
        rc = split(&rest, fn, ctx);
        if (rest.len > 0)
            buf_str(&s->partial, rest);
        return rc;
    }
    buf_str(&s->partial, bytes);
    rest = buf_view(&s->partial);
    rc = split(&rest, fn, ctx);
    buf_drop(&s->partial, s->partial.len - rest.len);
    return rc;
}

/* --- encoding --- */

static void put_header(struct buf *b, struct str name, struct str value)
{
    char head[3] = {VALUE_STRING, (char)(value.len >> 8), (char)value.len};

    buf_char(b, (char)name.len);
    buf_str(b, name);
    buf_add(b, head, sizeof(head));
    buf_str(b, value);
}

static size_t begin(struct buf *b, bool is_exception, const char *type)
{
    static const char prelude[PRELUDE_BYTES];
    size_t at = b->len;

    buf_reserve(b, 256);
    buf_add(b, prelude, sizeof(prelude));
    put_header(b, is_exception ? STR(":exception-type") : STR(":event-type"), str_of(type));
    put_header(b, STR(":content-type"), STR("application/json"));
    put_header(b, STR(":message-type"), is_exception ? STR("exception") : STR("event"));
    set_u32(b->data + at + 4, (uint32_t)(b->len - at - PRELUDE_BYTES));
    return at;
}

static void end(struct buf *b, size_t at)
{
    size_t total = b->len - at + CRC_BYTES;
    char crc[CRC_BYTES];

    must(total <= UINT32_MAX);
    set_u32(b->data + at, (uint32_t)total);
    set_u32(b->data + at + 8, crc_of(b->data + at, 8));
    set_u32(crc, crc_of(b->data + at, b->len - at));
    buf_add(b, crc, sizeof(crc));
}

size_t eventstream_begin(struct buf *b, bool is_exception, const char *type)
{
    size_t at = begin(b, is_exception, type);

    buf_char(b, '{');
    return at;
}

void eventstream_end(struct buf *b, size_t at)
{
    buf_char(b, '}');
    end(b, at);
}

void eventstream_put(struct buf *b, const char *type, struct str payload)
{
    size_t at = begin(b, false, type);

    buf_str(b, payload);
    end(b, at);
}
