#include "server/worker/send.h"

#include "providers/vendor.h"
#include "server/worker/header.h"
#include "server/worker/parse.h"
#include "server/worker/worker.h"

#define HEADERS_MAX 160 /* http.c takes 100 from a client; the rest is for the provider's own */

bool send_header_passes(struct str name)
{
    static const struct str hidden[] = {
        {"host", 4},
        {"cookie", 6},
        {"expect", 6},
        {"api-key", 7},
        {"x-api-key", 9},
        {"x-real-ip", 9},
        {"forwarded", 9},
        {"authorization", 13},
        {"http2-settings", 14},
        {"x-goog-api-key", 14},
        {"accept-encoding", 15}, /* so that usage can be read in the answer */
    };

    if (name.len == 0 || name.p[0] == ':')
        return false;
    if (name.p[0] == 'x' &&
        (str_starts(name, STR("x-bf-")) || str_starts(name, STR("x-forwarded-"))))
        return false;
    return !header_is_hop(name) && !header_is_one_of(name, hidden, ARRAY_LEN(hidden));
}

/* Headers that `Connection:` names belong to the connection too (RFC 9110, section 7.6.1). */
static bool is_nominated(struct str connection, struct str name)
{
    struct str one;

    while (str_next(&connection, ',', &one)) {
        if (str_eq_nocase(str_trim(one), name))
            return true;
    }
    return false;
}

/* Does the provider's configuration set this header itself? */
static bool is_configured(struct str configured, struct str name)
{
    struct str line;

    while (str_next(&configured, '\0', &line)) {
        if (line.len > name.len && line.p[name.len] == ':' &&
            str_eq_nocase((struct str){line.p, name.len}, name))
            return true;
    }
    return false;
}

struct lines {
    struct str items[HEADERS_MAX];
    size_t n;
};

static void add_line(struct lines *lines, struct str line)
{
    if (lines->n < HEADERS_MAX && line.len > 0)
        lines->items[lines->n++] = line;
}

static void add_client_headers(struct request *r, struct str configured, struct lines *lines)
{
    struct str connection = http_find(r->ex, STR("connection"));
    bool has_type = false;
    struct http_header h;

    for (size_t i = 0; http_header_at(r->ex, i, &h); i++) {
        struct str parts[] = {h.name, STR(": "), h.value};

        if (!send_header_passes(h.name) || is_nominated(connection, h.name) ||
            is_configured(configured, h.name))
            continue;
        has_type = has_type || str_eq(h.name, STR("content-type"));
        add_line(lines, arena_concat(r->arena, parts, 3));
    }
    if (!has_type && r->ex->body.len > 0)
        add_line(lines, STR("content-type: application/json"));
}

static void add_credential(struct request *r, const struct vendor *vendor,
                           const struct pub_key *key, struct lines *lines)
{
    struct attempt *a = &r->attempt;
    struct str secret = {(const char *)r->worker->view.secrets + key->secret_offset,
                         key->secret_len};

    if (vendor->auth != AUTH_BEARER || secret.len == 0 || r->worker->view.secrets == NULL)
        return;
    /* the whole line counts as the secret, so that one wipe gets it */
    a->secret = arena_concat(r->arena, (struct str[]){STR("authorization: Bearer "), secret}, 2);
    add_line(lines, a->secret);
}

/* Only these endpoints end their streams with usage when asked, and Mistral's does unasked. */
static bool asks_for_usage(const struct request *r, const struct vendor *vendor)
{
    return r->openai.stream && !r->openai.include_usage && (vendor->quirks & QUIRK_TELLS_USAGE) == 0 &&
           (r->endpoint == OPENAI_CHAT || r->endpoint == OPENAI_COMPLETIONS);
}

static void prepare_body(struct request *r, const struct vendor *vendor)
{
    struct attempt *a = &r->attempt;
    struct str model = a->model;

    r->withhold_usage = false;
    if (r->multipart_model.p != NULL) {
        openai_multipart_splice(r->ex->body, r->multipart_model, model, &a->parts);
    } else if (r->openai.model_raw.p != NULL) {
        r->withhold_usage = asks_for_usage(r, vendor);
        openai_splice(&r->openai, r->arena, model, r->withhold_usage, &a->parts);
    } else if (r->ex->body.len > 0) {
        a->parts = (struct openai_parts){{r->ex->body}, 1, r->ex->body.len};
    }
    a->upstream.body = a->parts.parts;
    a->upstream.n_body = a->parts.n;
    a->upstream.body_bytes = a->parts.bytes;
}

void send_prepare(struct request *r, const struct pub_provider *p, const struct pub_key *key)
{
    const struct pub_view *v = &r->worker->view;
    const struct vendor *vendor = vendor_get(p->vendor);
    struct str configured = arena_str(r->arena, pub_text(v, p->headers));
    struct str rest = configured;
    struct str line;
    struct attempt *a = &r->attempt;
    struct lines lines = {.n = 0};
    struct str *copy;

    add_client_headers(r, configured, &lines);
    while (str_next(&rest, '\0', &line))
        add_line(&lines, line);
    add_credential(r, vendor, key, &lines);
    copy = arena_alloc(r->arena, lines.n * sizeof(*copy));
    memcpy(copy, lines.items, lines.n * sizeof(*copy));
    a->upstream.arena = r->arena;
    a->upstream.method = r->ex->method;
    a->upstream.url = arena_concat(r->arena,
                                   (struct str[]){pub_text(v, p->base_url), r->tail,
                                                  query_for_upstream(r->arena, r->ex->query)},
                                   3);
    a->upstream.headers = copy;
    a->upstream.n_headers = lines.n;
    prepare_body(r, vendor);
}

enum step_result send_step(struct request *r)
{
    attempt_begin(r);
    return STEP_NEXT;
}
