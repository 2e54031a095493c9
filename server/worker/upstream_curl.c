/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/worker/upstream_curl.h"

#define EXPECT_BYTES 1000000 /* curl asks for "100 Continue" from a mebibyte on */
#define INLINE_MAX 65536     /* larger bodies are read by curl part by part */
#define SEND_MAX 262144      /* ... so much at once */

enum { FLAG_INSECURE = 1, FLAG_HTTP1 = 2, FLAG_H2C = 4 };

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct upstream_call *call = ctx;

    if (call->state != CALL_RUNNING)
        return 0;
    upstream_on_bytes(call);
    return upstream_head_line(call, (struct str){bytes, size * n}) && call->state == CALL_RUNNING
               ? size * n
               : 0;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *ctx)
{
    struct upstream_call *call = ctx;

    /* curl may take a line for a status line that we do not: no body without a head. */
    if (call->state != CALL_RUNNING || !call->has_head)
        return 0;
    upstream_on_bytes(call);
    upstream_on_body(call, (struct str){bytes, size * n});
    if (call->state != CALL_RUNNING)
        return 0;
    if (call->wants_pause && !call->is_paused) {
        call->is_paused = true;
        (void)curl_easy_pause(call->easy->handle, CURLPAUSE_RECV); /* allowed in its own callback */
    }
    return size * n;
}

/* The request's head is about to be sent on a connection that stands. */
static int on_prereq(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    upstream_on_connected(ctx);
    return CURL_PREREQFUNC_OK;
}

static size_t on_read(char *room, size_t size, size_t n, void *ctx)
{
    struct upstream_call *call = ctx;
    struct curl_easy *easy = call->easy;
    size_t left = size * n;
    size_t filled = 0;

    while (left > 0 && easy->sent_part < call->req.n_body) {
        struct str part = str_skip(call->req.body[easy->sent_part], easy->sent_at);
        size_t take = min_u64(part.len, left);

        if (take > 0)
            memcpy(room + filled, part.p, take);
        filled += take;
        left -= take;
        call->easy->sent_at += take;
        if (take == part.len) {
            call->easy->sent_part++;
            call->easy->sent_at = 0;
        }
    }
    return filled;
}

/* Back to the start: curl sends the body again when a kept-alive connection proved dead. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct upstream_call *call = ctx;

    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    call->easy->sent_part = 0;
    call->easy->sent_at = 0;
    return CURL_SEEKFUNC_OK;
}

#define SET(easy, option, value) (void)curl_easy_setopt(easy, option, value)

static struct curl_easy *easy_create(struct upstream_call *call)
{
    struct curl_easy *owner = xcalloc(1, sizeof(*owner));
    CURL *easy = owner->handle = curl_easy_init();

    must(easy != NULL); /* fails for want of memory only */
    SET(easy, CURLOPT_PRIVATE, (void *)call);
    SET(easy, CURLOPT_ERRORBUFFER, call->error);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_PATH_AS_IS, 1L);
    SET(easy, CURLOPT_PROXY, ""); /* and not what the environment says */
    SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(easy, CURLOPT_HEADERDATA, call);
    SET(easy, CURLOPT_WRITEFUNCTION, on_write);
    SET(easy, CURLOPT_WRITEDATA, call);
    SET(easy, CURLOPT_READFUNCTION, on_read);
    SET(easy, CURLOPT_READDATA, call);
    SET(easy, CURLOPT_SEEKFUNCTION, on_seek);
    SET(easy, CURLOPT_SEEKDATA, call);
    SET(easy, CURLOPT_PREREQFUNCTION, on_prereq);
    SET(easy, CURLOPT_PREREQDATA, call);
    SET(easy, CURLOPT_OPENSOCKETFUNCTION, curl_on_open);
    SET(easy, CURLOPT_OPENSOCKETDATA, call->upstream->curl);
    SET(easy, CURLOPT_CLOSESOCKETFUNCTION, curl_on_close);
    SET(easy, CURLOPT_CLOSESOCKETDATA, call->upstream->curl);
    return owner;
}

void curl_call_free(struct upstream_call *call)
{
    struct curl_easy *easy = call->easy;

    if (easy == NULL)
        return;
    curl_easy_cleanup(easy->handle);
    curl_url_cleanup(easy->parsed);
    buf_fini(&easy->url);
    buf_fini(&easy->proxy);
    buf_fini(&easy->ca);
    buf_fini(&easy->path);
    free(easy);
    call->easy = NULL;
}

/* Set a text option when it is not what the handle has already: curl copies it each time. */
static void set_text(CURL *easy, CURLoption option, struct buf *set, struct str wanted,
                     const char *when_empty)
{
    if (set->data != NULL && str_eq(buf_view(set), wanted))
        return;
    buf_clear(set);
    buf_str(set, wanted);
    buf_char(set, '\0');
    set->len--;
    SET(easy, option, wanted.len > 0 ? set->data : when_empty);
}

/*
 * Parsed once for as long as the URL stays the same: curl takes a copy of the parts for each
 * transfer, which costs a fifth of parsing the text and writing it anew. The text is set as well,
 * for curl's own second try.
 */
static void set_url(struct upstream_call *call, struct str url)
{
    CURLU *parsed;

    if (call->easy->url.data != NULL && str_eq(buf_view(&call->easy->url), url))
        return;
    set_text(call->easy->handle, CURLOPT_URL, &call->easy->url, url, NULL);
    parsed = curl_url();
    if (parsed != NULL &&
        curl_url_set(parsed, CURLUPART_URL, call->easy->url.data, CURLU_PATH_AS_IS) != CURLUE_OK) {
        curl_url_cleanup(parsed);
        parsed = NULL; /* the text says to curl what is wrong with it */
    }
    SET(call->easy->handle, CURLOPT_CURLU, parsed);
    curl_url_cleanup(call->easy->parsed);
    call->easy->parsed = parsed;
}

static void set_flags(struct upstream_call *call)
{
    const struct upstream_request *req = &call->req;
    int flags = (req->insecure ? FLAG_INSECURE : 0) | (req->http1_only ? FLAG_HTTP1 : 0) |
                (req->h2c ? FLAG_H2C : 0);

    if (flags == call->easy->flags_set)
        return;
    call->easy->flags_set = flags;
    SET(call->easy->handle, CURLOPT_SSL_VERIFYPEER, req->insecure ? 0L : 1L);
    SET(call->easy->handle, CURLOPT_SSL_VERIFYHOST, req->insecure ? 0L : 2L);
    SET(call->easy->handle, CURLOPT_FORBID_REUSE,
        req->h2c ? 1L : 0L); /* curl fails on a second use */
    SET(call->easy->handle, CURLOPT_HTTP_VERSION,
        req->h2c          ? (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
        : req->http1_only ? (long)CURL_HTTP_VERSION_1_1
                          : (long)CURL_HTTP_VERSION_2TLS);
}

static bool is_header(struct str line, struct str name)
{
    return line.len > name.len && line.p[name.len] == ':' &&
           str_eq_nocase((struct str){line.p, name.len}, name);
}

/*
 * curl only reads the list, so its nodes and texts come from the request's arena, without a malloc
 * each. Lengths and Expect are curl's business here; what it would add by itself is turned off by
 * a name without a value.
 */
static struct curl_slist *header_list(const struct upstream_request *req)
{
    struct curl_slist *nodes =
        arena_alloc(req->arena, (req->n_headers + 3) * sizeof(struct curl_slist));
    static char no_expect[] = "Expect:";
    static char no_accept[] = "Accept:";
    static char no_type[] = "Content-Type:";
    bool has_accept = false, has_type = false;
    size_t n = 0;

    for (size_t i = 0; i < req->n_headers; i++) {
        struct str line = req->headers[i];

        if (is_header(line, STR("content-length")) || is_header(line, STR("transfer-encoding")) ||
            is_header(line, STR("expect")))
            continue;
        has_accept |= is_header(line, STR("accept"));
        has_type |= is_header(line, STR("content-type"));
        nodes[n++].data = arena_cstr(req->arena, line);
    }
    if (req->body_bytes >= EXPECT_BYTES)
        nodes[n++].data = no_expect;
    if (!has_accept)
        nodes[n++].data = no_accept;
    if (!has_type) /* curl calls any POST a form, an empty one too */
        nodes[n++].data = no_type;
    for (size_t i = 0; i < n; i++)
        nodes[i].next = i + 1 < n ? &nodes[i + 1] : NULL;
    return nodes;
}

static void set_body(struct upstream_call *call)
{
    const struct upstream_request *req = &call->req;

    long room = req->body_bytes <= INLINE_MAX ? INLINE_MAX : SEND_MAX;

    if (room != call->easy->room_set) { /* curl waits for the socket after each room full */
        call->easy->room_set = room;
        SET(call->easy->handle, CURLOPT_UPLOAD_BUFFERSIZE, room);
    }
    SET(call->easy->handle, CURLOPT_POST, 1L);
    SET(call->easy->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_bytes);
    if (req->body_bytes > INLINE_MAX && req->n_body > 1) {
        call->easy->sent_part = 0;
        call->easy->sent_at = 0;
        SET(call->easy->handle, CURLOPT_POSTFIELDS, NULL);
    } else if (req->n_body == 1) {
        SET(call->easy->handle, CURLOPT_POSTFIELDS, req->body[0].p);
    } else {
        /* In one piece curl sends it together with the head, in one system call. */
        SET(call->easy->handle, CURLOPT_POSTFIELDS,
            arena_concat(req->arena, req->body, req->n_body).p);
    }
}

static void prepare(struct upstream_call *call)
{
    const struct upstream_request *req = &call->req;
    bool has_body = req->body_bytes > 0 || str_eq(req->method, STR("POST"));
    const char *method = NULL;

    set_url(call, req->url);
    set_text(call->easy->handle, CURLOPT_PROXY, &call->easy->proxy, req->proxy, "");
    set_text(call->easy->handle, CURLOPT_UNIX_SOCKET_PATH, &call->easy->path, req->unix_socket,
             NULL);
    if (req->ca_file.len > 0 || call->easy->ca.len > 0)
        set_text(call->easy->handle, CURLOPT_CAINFO, &call->easy->ca, req->ca_file,
                 curl_version_info(CURLVERSION_NOW)->cainfo);
    set_flags(call);
    if (call->easy->fresh_set != call->is_second) {
        call->easy->fresh_set = call->is_second;
        SET(call->easy->handle, CURLOPT_FRESH_CONNECT, (long)call->is_second);
    }
    SET(call->easy->handle, CURLOPT_HTTPHEADER, header_list(req));
    if (has_body)
        set_body(call);
    else
        SET(call->easy->handle, CURLOPT_HTTPGET, 1L);
    if (str_eq(req->method, STR("HEAD")))
        SET(call->easy->handle, CURLOPT_NOBODY, 1L);
    else if (!str_eq(req->method, has_body ? STR("POST") : STR("GET")))
        method = arena_cstr(req->arena, req->method);
    SET(call->easy->handle, CURLOPT_CUSTOMREQUEST, method);
}

/* --- the transport --- */

static void curl_begin(struct upstream_call *call)
{
    struct curl_side *side = call->upstream->curl;

    if (call->easy == NULL)
        call->easy = easy_create(call);
    prepare(call);
    call->easy->in_multi = true;
    side->is_inside = true;
    (void)curl_multi_add_handle(side->multi, call->easy->handle); /* fails for strangers only */
    side->is_inside = false;
    side->is_due = true;
}

static bool curl_leave(struct upstream_call *call)
{
    struct curl_side *side = call->upstream->curl;

    if (call->easy == NULL || !call->easy->in_multi)
        return true;
    if (side->is_inside) /* it cannot lose a handle now; its callbacks refuse all from here on */
        return false;
    side->is_inside = true;
    (void)curl_multi_remove_handle(side->multi, call->easy->handle); /* fails for strangers only */
    side->is_inside = false;
    call->easy->in_multi = false;
    return true;
}

static void curl_flow(struct upstream_call *call)
{
    struct curl_side *side = call->upstream->curl;

    if (call->easy == NULL || !call->easy->in_multi)
        return;
    side->is_inside = true; /* what curl had kept back comes through the callbacks right now */
    (void)curl_easy_pause(call->easy->handle, call->is_paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
    side->is_inside = false;
}

const struct transport transport_curl = {curl_begin, curl_leave, curl_flow};
