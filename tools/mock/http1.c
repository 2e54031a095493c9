#include "tools/mock/http1.h"

#include <string.h>

static const unsigned char TOKEN[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (TOKEN[(unsigned char)s.p[i]] == 0)
            return false;
    }
    return s.len > 0;
}

static bool is_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* The line at *at, without its CRLF; false on a line that ends otherwise. */
static bool next_line(struct str head, size_t *at, struct str *line)
{
    const char *start = head.p + *at;
    const char *lf = memchr(start, '\n', head.len - *at);

    if (lf == NULL || lf == start || lf[-1] != '\r')
        return false;
    *line = (struct str){start, (size_t)(lf - start) - 1};
    *at += (size_t)(lf - start) + 1;
    return true;
}

static int parse_request_line(struct str line, struct http1_request *out)
{
    struct str version;
    ptrdiff_t question;

    if (!str_next(&line, ' ', &out->method) || !str_next(&line, ' ', &out->target))
        return -400;
    version = line;
    if (!is_token(out->method) || out->target.len == 0 || out->target.p[0] != '/' ||
        !is_value(out->target))
        return -400;
    if (str_eq(version, STR("HTTP/1.1")))
        out->keep_alive = true;
    else if (!str_eq(version, STR("HTTP/1.0")))
        return -505;
    question = str_index(out->target, '?');
    out->path = out->target;
    if (question >= 0) {
        out->path.len = (size_t)question;
        out->query = str_skip(out->target, (size_t)question + 1);
    }
    return 0;
}

static int take_length(struct http1_request *out, struct str value, bool *has_length)
{
    uint64_t n;

    if (*has_length || !str_parse_u64(value, &n))
        return -400;
    if (n > HTTP1_BODY_MAX)
        return -413;
    *has_length = true;
    out->body_bytes = (size_t)n;
    return 0;
}

static int take_header(struct http1_request *out, const struct http1_header *h, bool *has_length)
{
    if (str_eq(h->name, STR("content-length")))
        return take_length(out, h->value, has_length);
    if (str_eq(h->name, STR("transfer-encoding"))) {
        if (out->chunked || !str_eq_nocase(h->value, STR("chunked")))
            return -400;
        out->chunked = true;
    } else if (str_eq(h->name, STR("connection"))) {
        if (str_eq_nocase(h->value, STR("close")))
            out->keep_alive = false;
    } else if (str_eq(h->name, STR("expect"))) {
        out->expects_continue = str_eq_nocase(h->value, STR("100-continue"));
    }
    return 0;
}

static int parse_header(char *bytes, struct str line, struct http1_header *h)
{
    ptrdiff_t colon = str_index(line, ':');
    char *name = bytes + (line.p - bytes);

    if (colon <= 0 || !is_token((struct str){line.p, (size_t)colon}))
        return -400;
    for (ptrdiff_t i = 0; i < colon; i++) {
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] + ('a' - 'A'));
    }
    h->name = (struct str){line.p, (size_t)colon};
    h->value = str_trim(str_skip(line, (size_t)colon + 1));
    return is_value(h->value) ? 0 : -400;
}

static int parse_headers(char *bytes, size_t at, struct http1_request *out)
{
    bool has_length = false;
    bool has_host = false;

    for (;;) {
        struct http1_header *h = &out->headers[out->n_headers];
        struct str line;
        int rc;

        if (!next_line(out->head, &at, &line))
            return -400;
        if (line.len == 0)
            break;
        if (out->n_headers == HTTP1_HEADERS_MAX)
            return -431;
        rc = parse_header(bytes, line, h);
        if (rc == 0)
            rc = take_header(out, h, &has_length);
        if (rc != 0)
            return rc;
        has_host = has_host || str_eq(h->name, STR("host"));
        out->n_headers++;
    }
    if (out->chunked && has_length)
        return -400;
    return has_host || !out->keep_alive ? 0 : -400;
}

int http1_parse_head(char *bytes, size_t len, struct http1_request *out)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    struct str line;
    size_t at = 0;
    int rc;

    if (end == NULL)
        return len > HTTP1_HEAD_MAX ? -431 : 0;
    out->head = (struct str){bytes, (size_t)(end - bytes) + 4};
    if (out->head.len > HTTP1_HEAD_MAX)
        return -431;
    out->n_headers = 0;
    out->body_bytes = 0;
    out->chunked = out->keep_alive = out->expects_continue = false;
    out->query = STR_NONE;
    out->body = STR_NONE;
    if (!next_line(out->head, &at, &line))
        return -400;
    rc = parse_request_line(line, out);
    if (rc == 0)
        rc = parse_headers(bytes, at, out);
    return rc != 0 ? rc : (int)out->head.len;
}

enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };

static int parse_chunk_size(struct str line, size_t *out)
{
    size_t n = 0;
    size_t i = 0;

    for (; i < line.len && str_hex_digit(line.p[i]) >= 0; i++) {
        n = n * 16 + (size_t)str_hex_digit(line.p[i]);
        if (n > HTTP1_BODY_MAX)
            return -413;
    }
    if (i == 0 || (i < line.len && line.p[i] != ';'))
        return -400;
    *out = n;
    return 0;
}

/* One step of the state machine; > 0 done, 0 more bytes needed, < 0 refused; 2 go on. */
static int chunk_line(struct http1_chunks *c, struct str raw)
{
    struct str line;
    size_t at = c->read;
    int rc;

    if (memchr(raw.p + at, '\n', raw.len - at) == NULL)
        return raw.len - at > HTTP1_CHUNK_LINE_MAX ? -400 : 0;
    if (!next_line(raw, &at, &line))
        return -400;
    c->read = at;
    if (c->state == CHUNK_TRAILER)
        return line.len == 0 ? 1 : 2;
    if (c->state == CHUNK_DATA_END) {
        c->state = CHUNK_SIZE;
        return line.len == 0 ? 2 : -400;
    }
    rc = parse_chunk_size(line, &c->left);
    if (rc != 0)
        return rc;
    if (c->left > HTTP1_BODY_MAX - c->written)
        return -413;
    c->state = c->left == 0 ? CHUNK_TRAILER : CHUNK_DATA;
    return 2;
}

int http1_chunks_feed(struct http1_chunks *c, char *bytes, size_t len)
{
    int rc = 2;

    while (rc == 2 && c->read < len) {
        size_t n;

        if (c->state != CHUNK_DATA) {
            rc = chunk_line(c, (struct str){bytes, len});
            continue;
        }
        n = len - c->read < c->left ? len - c->read : c->left;
        memmove(bytes + c->written, bytes + c->read, n);
        c->written += n;
        c->read += n;
        c->left -= n;
        if (c->left == 0)
            c->state = CHUNK_DATA_END;
    }
    return rc == 2 ? 0 : rc;
}

struct str http1_find(const struct http1_request *req, struct str name)
{
    for (size_t i = 0; i < req->n_headers; i++) {
        if (str_eq(req->headers[i].name, name))
            return req->headers[i].value;
    }
    return STR_NONE;
}
