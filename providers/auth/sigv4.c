#include "providers/auth/sigv4.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/base/base.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define DAY_LEN 8
#define HEX_LEN ((size_t)2 * SHA256_BYTES)

void sigv4_fini(struct sigv4_signer *s)
{
    if (s->text.data != NULL)
        crypto_wipe(s->text.data, s->text.cap); /* the session token was in it */
    buf_fini(&s->text);
    crypto_wipe(s->key, sizeof(s->key));
    s->has_key = false;
}

static void format_date(uint64_t now_s, char out[SIGV4_DATE_LEN + 1])
{
    time_t t = (time_t)now_s;
    struct tm tm;

    must(gmtime_r(&t, &tm) != NULL);
    must(strftime(out, SIGV4_DATE_LEN + 1, "%Y%m%dT%H%M%SZ", &tm) == SIGV4_DATE_LEN);
}

/* --- the canonical request --- */

static bool is_unreserved(char c)
{
    return str_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void put_encoded(struct buf *b, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";

    buf_reserve(b, 3 * s.len);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char hex[3] = {'%', digits[c >> 4], digits[c & 15]};

        if (is_unreserved(s.p[i]))
            buf_char(b, s.p[i]);
        else
            buf_add(b, hex, sizeof(hex));
    }
}

/* Take the last segment, and the '/' before it, off what was written since `start`. */
static void drop_segment(struct buf *b, size_t start)
{
    while (b->len > start && b->data[b->len - 1] != '/')
        b->len--;
    if (b->len > start)
        b->len--;
}

/* Without "//", "." and "..", each segment encoded. */
static void put_path(struct buf *b, struct str path)
{
    size_t start = b->len;
    bool ends_open = path.len > 0; /* with a '/' */
    struct str segment;

    while (str_next(&path, '/', &segment)) {
        ends_open = segment.len == 0 || str_eq(segment, STR(".")) || str_eq(segment, STR(".."));
        if (!ends_open) {
            buf_char(b, '/');
            put_encoded(b, segment);
        } else if (segment.len == 2) {
            drop_segment(b, start);
        }
    }
    if (ends_open || b->len == start)
        buf_char(b, '/');
}

struct pair {
    struct str name, value; /* encoded */
};

static int compare_pairs(const void *x, const void *y)
{
    const struct pair *a = x;
    const struct pair *b = y;
    int order = str_cmp(a->name, b->name);

    return order != 0 ? order : str_cmp(a->value, b->value);
}

/* Encoded exactly once, however much of it is on the wire. */
static struct str encode_again(struct arena *a, struct str s)
{
    struct buf b = BUF_INIT;
    char *plain = arena_alloc(a, s.len + 1);
    struct str copy;
    size_t len;

    (void)str_unescape(s, plain, &len); /* a stray '%' stays what it is */
    put_encoded(&b, (struct str){plain, len});
    copy = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return copy;
}

static void put_query(struct buf *b, struct str query, struct arena *a)
{
    size_t n = 1;
    struct pair *pairs;
    struct str part;

    if (query.len == 0)
        return;
    for (size_t i = 0; i < query.len; i++)
        n += query.p[i] == '&';
    pairs = arena_alloc(a, n * sizeof(*pairs));
    n = 0;
    while (str_next(&query, '&', &part)) {
        ptrdiff_t eq = str_index(part, '=');
        size_t name = eq >= 0 ? (size_t)eq : part.len;

        if (part.len == 0)
            continue;
        pairs[n].name = encode_again(a, (struct str){part.p, name});
        pairs[n++].value = encode_again(a, str_skip(part, name + 1));
    }
    qsort(pairs, n, sizeof(*pairs), compare_pairs);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(b, '&');
        buf_str(b, pairs[i].name);
        buf_char(b, '=');
        buf_str(b, pairs[i].value);
    }
}

static int compare_names(struct str a, struct str b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int x = a.p[i] >= 'A' && a.p[i] <= 'Z' ? a.p[i] + 32 : a.p[i];
        int y = b.p[i] >= 'A' && b.p[i] <= 'Z' ? b.p[i] + 32 : b.p[i];

        if (x != y)
            return x - y;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

/* By name; values of one name stay in their order, so insertion. */
static void sort_headers(struct sigv4_header *headers, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct sigv4_header h = headers[i];
        size_t at = i;

        for (; at > 0 && compare_names(headers[at - 1].name, h.name) > 0; at--)
            headers[at] = headers[at - 1];
        headers[at] = h;
    }
}

static void put_lower(struct buf *b, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];

        buf_char(b, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
}

/* Trimmed, runs of blanks as one. */
static void put_value(struct buf *b, struct str value)
{
    value = str_trim(value);
    for (size_t i = 0; i < value.len; i++) {
        if (value.p[i] != ' ' || value.p[i - 1] != ' ')
            buf_char(b, value.p[i]);
    }
}

static void put_signed_names(struct buf *b, const struct sigv4_header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && compare_names(headers[i].name, headers[i - 1].name) == 0)
            continue;
        if (i > 0)
            buf_char(b, ';');
        put_lower(b, headers[i].name);
    }
}

static void put_headers(struct buf *b, const struct sigv4_header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && compare_names(headers[i].name, headers[i - 1].name) == 0) {
            buf_char(b, ',');
        } else {
            if (i > 0)
                buf_char(b, '\n');
            put_lower(b, headers[i].name);
            buf_char(b, ':');
        }
        put_value(b, headers[i].value);
    }
    buf_char(b, '\n');
}

/* The request's headers and ours, in order. */
static struct sigv4_header *all_headers(const struct sigv4_signer *s,
                                        const struct sigv4_request *req, struct str date,
                                        struct arena *a, size_t *out_n)
{
    size_t n = req->n_headers;
    struct sigv4_header *all = arena_alloc(a, (n + 2) * sizeof(*all));

    if (n > 0)
        memcpy(all, req->headers, n * sizeof(*all));
    all[n++] = (struct sigv4_header){STR("x-amz-date"), date};
    if (s->session_token.len > 0)
        all[n++] = (struct sigv4_header){STR("x-amz-security-token"), s->session_token};
    sort_headers(all, n);
    *out_n = n;
    return all;
}

static void put_canonical(struct sigv4_signer *s, const struct sigv4_request *req,
                          const struct sigv4_header *headers, size_t n, struct arena *a)
{
    struct buf *b = &s->text;
    uint8_t hash[SHA256_BYTES];
    char hex[HEX_LEN + 1];

    buf_clear(b);
    buf_str(b, req->method);
    buf_char(b, '\n');
    put_path(b, req->path);
    buf_char(b, '\n');
    put_query(b, req->query, a);
    buf_char(b, '\n');
    put_headers(b, headers, n);
    buf_char(b, '\n');
    put_signed_names(b, headers, n);
    buf_char(b, '\n');
    crypto_sha256_parts(req->body, req->n_body, hash);
    crypto_hex(hash, sizeof(hash), hex);
    buf_add(b, hex, HEX_LEN);
}

void sigv4_canonical(struct sigv4_signer *s, const struct sigv4_request *req, uint64_t now_s,
                     struct arena *a)
{
    char date[SIGV4_DATE_LEN + 1];
    struct sigv4_header *headers;
    size_t n;

    format_date(now_s, date);
    headers = all_headers(s, req, str_of(date), a, &n);
    put_canonical(s, req, headers, n, a);
}

/* --- the signature --- */

static struct str bytes_of(const uint8_t *p)
{
    return (struct str){(const char *)p, SHA256_BYTES};
}

static void derive_key(struct sigv4_signer *s, struct str day)
{
    const struct str nul = {"\0", 1};
    const struct str parts[] = {s->secret_key, nul, day, nul, s->region, nul, s->service};
    const struct str steps[] = {day, s->region, s->service, STR(TERMINATOR)};
    uint8_t of[SHA256_BYTES];
    uint8_t key[SHA256_BYTES];

    crypto_sha256_parts(parts, ARRAY_LEN(parts), of);
    if (s->has_key && crypto_equal(of, s->key_of, sizeof(of)))
        return;
    buf_clear(&s->text);
    buf_cstr(&s->text, "AWS4");
    buf_str(&s->text, s->secret_key);
    crypto_hmac(buf_view(&s->text), &steps[0], 1, key);
    crypto_wipe(s->text.data, s->text.len);
    for (size_t i = 1; i < ARRAY_LEN(steps); i++) {
        memcpy(s->key, key, sizeof(key));
        crypto_hmac(bytes_of(s->key), &steps[i], 1, key);
    }
    memcpy(s->key, key, sizeof(key));
    memcpy(s->key_of, of, sizeof(of));
    crypto_wipe(key, sizeof(key));
    s->has_key = true;
}

void sigv4_sign(struct sigv4_signer *s, const struct sigv4_request *req, uint64_t now_s,
                struct arena *a, struct sigv4_signature *out)
{
    struct str date = {out->date, SIGV4_DATE_LEN};
    struct str day = {out->date, DAY_LEN};
    struct sigv4_header *headers;
    struct str scope;
    uint8_t hash[SHA256_BYTES];
    char hex[HEX_LEN + 1];
    size_t n;

    format_date(now_s, out->date);
    headers = all_headers(s, req, date, a, &n);
    scope = arena_concat(
        a, (struct str[]){day, STR("/"), s->region, STR("/"), s->service, STR("/" TERMINATOR)}, 6);
    derive_key(s, day);
    put_canonical(s, req, headers, n, a);
    crypto_sha256(buf_view(&s->text), hash);
    crypto_hex(hash, sizeof(hash), hex);
    crypto_hmac(
        bytes_of(s->key),
        (struct str[]){STR(ALGORITHM "\n"), date, STR("\n"), scope, STR("\n"), {hex, HEX_LEN}}, 6,
        hash);
    crypto_hex(hash, sizeof(hash), hex);
    buf_clear(&s->text);
    buf_cstr(&s->text, ALGORITHM " Credential=");
    buf_str(&s->text, s->access_key);
    buf_char(&s->text, '/');
    buf_str(&s->text, scope);
    buf_cstr(&s->text, ", SignedHeaders=");
    put_signed_names(&s->text, headers, n);
    buf_cstr(&s->text, ", Signature=");
    buf_add(&s->text, hex, HEX_LEN);
    out->authorization = arena_str(a, buf_view(&s->text));
}
