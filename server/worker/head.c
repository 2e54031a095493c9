/*
 * head - the head of a relayed answer: what passes and what is added.
 */
#include "server/worker/header.h"
#include "server/worker/money_tell.h"
#include "server/worker/relay.h"
#include "server/worker/retry.h"
#include "server/worker/send.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

#define ADDED_MAX (9 + MONEY_HEADERS_MAX)

/*
 * What belongs to the provider's connection, and what would bind the client to the provider's
 * host: its cookies (shared by all clients here) and its claims about other protocols and TLS.
 */
static bool header_passes(struct str name)
{
    static const struct str hidden[] = {
        {"date", 4}, /* http.c's own */
        {"server", 6}, {"alt-svc", 7}, {"set-cookie", 10}, {"strict-transport-security", 25},
    };

    if (str_starts(name, STR("x-bf-")))
        return false;
    return !header_is_hop(name) && !header_is_one_of(name, hidden, ARRAY_LEN(hidden));
}

static void read_type(struct request *r, struct str type)
{
    static const struct str event_stream = {"text/event-stream", 17};
    static const struct str json = {"application/json", 16};

    r->is_eventstream = str_starts(type, STR(EVENTSTREAM_TYPE));
    r->is_stream =
        r->is_eventstream || (type.len >= event_stream.len &&
                              str_eq_nocase((struct str){type.p, event_stream.len}, event_stream));
    r->is_json = type.len >= json.len && str_eq_nocase((struct str){type.p, json.len}, json);
}

void head_keep(struct request *r, const struct upstream_head *head)
{
    struct http_header *kept = arena_alloc(r->arena, (head->n + 1) * sizeof(*kept));
    size_t n = 0;

    struct told_heads limits = {.seen = 0};
    bool is_chunked = false;

    r->content_length = -1;
    r->is_stream = false;
    r->is_eventstream = false;
    r->is_json = false;
    for (size_t i = 0; i < head->n; i++) {
        struct str name = head->names[i];
        struct str value = head->values[i];
        uint64_t number;

        if (str_eq(name, STR("content-length")) && str_parse_u64(value, &number) &&
            number <= INT64_MAX)
            r->content_length = (int64_t)number;
        else if (str_eq(name, STR("transfer-encoding")))
            is_chunked = true;
        else if (str_eq(name, STR("content-type")))
            read_type(r, value);
        else if (told_may_matter(name))
            told_header(&limits, name, value, request_real_ms(r));
        if (header_passes(name) && !money_hides(r, name))
            kept[n++] = (struct http_header){arena_str(r->arena, name), arena_str(r->arena, value)};
    }
    if (is_chunked) /* a length beside the chunks is a lie that would become the client's framing */
        r->content_length = -1;
    r->headers = kept;
    r->n_headers = n;
    told_head_end(&r->attempt.told, &limits);
    if (r->is_stream && r->attempt.in_flight && told_is_scarce(&r->attempt.told))
        attempt_tell_early(r);
}

struct str head_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] >= 0x7f)
            return STR("?");
    }
    return s;
}

void head_send(struct request *r, int64_t content_length)
{
    size_t room = r->n_headers + ADDED_MAX;
    struct http_header *all = arena_alloc(r->arena, room * sizeof(*all));
    size_t n = r->n_headers;

    if (n > 0)
        memcpy(all, r->headers, n * sizeof(*all));
    all[n++] = (struct http_header){STR("x-bf-request-id"), str_of(r->id_text)};
    if (!r->is_forward) {
        all[n++] = (struct http_header){STR("x-bf-provider"), head_printable(r->attempt.provider)};
        if (r->attempt.model.len > 0)
            all[n++] = (struct http_header){STR("x-bf-model"), head_printable(r->attempt.model)};
        all[n++] = (struct http_header){STR("x-bf-attempts"), trail_text(r)};
    }
    if (r->course.n_skips > 0)
        all[n++] = (struct http_header){STR("x-bf-skipped"), course_skipped(r)};
    if (r->course.rule.len > 0)
        all[n++] = (struct http_header){STR("x-bf-rule"), head_printable(r->course.rule)};
    if (!r->is_forward) {
        all[n++] = (struct http_header){STR("x-bf-fidelity"), translate_fidelity(r)};
        n += money_headers(r, all + n);
    }
    if (r->is_stream) {
        /* proxies in front of us (nginx) would collect the events otherwise */
        all[n++] = (struct http_header){STR("x-accel-buffering"), STR("no")};
        stat_add(r->worker->slot, STAT_STREAMS_OPEN, 1);
    }
    r->status = relay_status(r);
    if (r->attempt.in_flight && r->attempt.status < 400)
        retry_was_good(r);
    r->answer_begun = true;
    r->first_byte_us = loop_now_us(r->worker->loop) - r->begun_us;
    http_start(r->ex, r->status, all, n, content_length);
}
