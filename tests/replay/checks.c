#include "tests/replay/checks.h"

#include <stdio.h>

#include "server/worker/worker.h"
#include "tests/replay/fake.h"

typedef int check_fn(struct str text, struct error *err);

static int differ(struct error *err, const char *what, struct str is, struct str should)
{
    return error_set(err, "%s is\n      %.*s\n    should be\n      %.*s", what, STR_ARGS(is),
                     STR_ARGS(should));
}

static int same(struct error *err, const char *what, struct str is, struct str should)
{
    return str_eq(is, should) ? 0 : differ(err, what, is, should);
}

static bool has(struct str s, struct str part)
{
    return part.len == 0 || (s.len > 0 && memmem(s.p, s.len, part.p, part.len) != NULL);
}

static int same_number(struct error *err, const char *what, uint64_t is, struct str should)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)is);
    return same(err, what, str_of(text), should);
}

static int check_status(struct str text, struct error *err)
{
    return same_number(err, "the status", (uint64_t)client.status, text);
}

static struct str answer_header(struct str name)
{
    for (size_t i = 0; i < client.n_answer_headers; i++) {
        if (str_eq(client.answer_names[i], name))
            return client.answer_values[i];
    }
    return STR_NONE;
}

static int check_header(struct str text, struct error *err)
{
    ptrdiff_t colon = str_index(text, ':');
    struct str name = {text.p, colon < 0 ? text.len : (size_t)colon};

    return same(err, "the header", answer_header(name), str_trim(str_skip(text, name.len + 1)));
}

static int check_no_header(struct str text, struct error *err)
{
    return answer_header(text).p == NULL ? 0 : error_set(err, "there is %.*s", STR_ARGS(text));
}

static int check_length(struct str text, struct error *err)
{
    if (client.content_length < 0)
        return same(err, "the length", STR("unknown"), text);
    return same_number(err, "the length", (uint64_t)client.content_length, text);
}

static int check_answer(struct str text, struct error *err)
{
    return same(err, "the answer", buf_view(&client.answer), text);
}

static int check_answer_has(struct str text, struct error *err)
{
    struct str answer = buf_view(&client.answer);

    return has(answer, text) ? 0 : differ(err, "the answer (a part of it)", answer, text);
}

static int check_answer_lacks(struct str text, struct error *err)
{
    struct str answer = buf_view(&client.answer);

    return has(answer, text) ? differ(err, "the answer (no part of it)", answer, text) : 0;
}

static int check_answer_bytes(struct str text, struct error *err)
{
    return same_number(err, "the answer's length", client.answer.len, text);
}

static int check_ended(struct str text, struct error *err)
{
    (void)text;
    return client.is_ended && !client.is_open ? 0 : error_set(err, "the answer has not ended");
}

static int check_aborted(struct str text, struct error *err)
{
    (void)text;
    return client.is_aborted ? 0 : error_set(err, "the answer was not broken off");
}

static int check_nothing_sent(struct str text, struct error *err)
{
    (void)text;
    return !client.is_started ? 0 : error_set(err, "the answer has begun");
}

static int check_upstream_url(struct str text, struct error *err)
{
    return same(err, "the URL", provider.request.url, text);
}

static int check_upstream_method(struct str text, struct error *err)
{
    return same(err, "the method", provider.request.method, text);
}

static int check_upstream_socket(struct str text, struct error *err)
{
    return same(err, "the socket", provider.request.unix_socket, text);
}

static int check_upstream_body(struct str text, struct error *err)
{
    return same(err, "the body sent", buf_view(&provider.body), text);
}

static struct str header_line(struct str text, const char *end)
{
    return arena_concat(provider.arena, (struct str[]){STR("\n"), text, str_of(end)}, 3);
}

static int check_upstream_header(struct str text, struct error *err)
{
    struct str headers = buf_view(&provider.headers);

    return has(headers, header_line(text, "\n")) ? 0 : differ(err, "the head sent", headers, text);
}

static int check_upstream_no_header(struct str text, struct error *err)
{
    struct str headers = buf_view(&provider.headers);

    return !has(headers, header_line(text, ":"))
               ? 0
               : error_set(err, "%.*s was sent upstream", STR_ARGS(text));
}

static int check_attempts(struct str text, struct error *err)
{
    return same_number(err, "the number of attempts", provider.n_started, text);
}

static int check_idle(struct str text, struct error *err)
{
    (void)text;
    return provider.call == NULL ? 0 : error_set(err, "a call is under way");
}

static int check_cancelled(struct str text, struct error *err)
{
    return same_number(err, "the number of cancelled calls", provider.n_cancelled, text);
}

static int check_paused(struct str text, struct error *err)
{
    (void)text;
    return provider.is_paused ? 0 : error_set(err, "the provider is not paused");
}

static int check_running(struct str text, struct error *err)
{
    (void)text;
    return !provider.is_paused ? 0 : error_set(err, "the provider is paused");
}

static int check_samples(struct str text, struct error *err)
{
    struct str all = STR_NONE;

    for (size_t i = 0; i < reports.n_samples; i++) {
        struct str parts[] = {all, i > 0 ? STR(" ") : STR_NONE,
                              str_of(sample_outcome_name(reports.samples[i].outcome))};

        all = arena_concat(client.arena, parts, 3);
    }
    return same(err, "the samples", all, text);
}

static int check_retry_after(struct str text, struct error *err)
{
    return same_number(err, "the first sample's Retry-After",
                       reports.samples[0].retry_after_ms / 1000, text);
}

static int check_no_record(struct str text, struct error *err)
{
    (void)text;
    return reports.n_records == 0 ? 0 : error_set(err, "there is a record");
}

/* The record as "name=value" lines, to be looked for by a check. */
static struct str record_text(void)
{
    const struct record *r = &reports.record;

    return arena_printf(
        client.arena,
        " status=%u upstream_status=%u attempts=%u provider=%.*s key=%.*s model=%.*s asked=%.*s "
        "endpoint=%.*s fail=%.*s vk=%.*s in=%llu out=%llu cached=%llu reasoning=%llu stream=%d "
        "estimated=%d gone=%d no_usage=%d unpriced=%d cost=%llu service=%u "
        "bookings=%u bytes_in=%llu bytes_out=%llu ",
        r->status, r->upstream_status, r->attempts, STR_ARGS(r->provider),
        STR_ARGS(r->provider_key), STR_ARGS(r->model), STR_ARGS(r->asked), STR_ARGS(r->endpoint),
        STR_ARGS(r->fail), STR_ARGS(r->key_name), (unsigned long long)r->tokens.input,
        (unsigned long long)r->tokens.output, (unsigned long long)r->tokens.cached,
        (unsigned long long)r->tokens.reasoning, (r->flags & RECORD_STREAM) != 0,
        (r->flags & RECORD_ESTIMATED) != 0, (r->flags & RECORD_CLIENT_GONE) != 0,
        (r->flags & RECORD_NO_USAGE) != 0, (r->flags & RECORD_UNPRICED) != 0,
        (unsigned long long)r->cost_nanousd, r->service, r->n_bookings,
        (unsigned long long)r->bytes_in, (unsigned long long)r->bytes_out);
}

/* CHECK_RECORD name=value ... : each of them */
static int check_record(struct str text, struct error *err)
{
    struct str all = record_text();
    struct str one;

    if (reports.n_records != 1)
        return error_set(err, "there are %zu records", reports.n_records);
    while (str_next(&text, ' ', &one)) {
        if (!has(all, arena_concat(client.arena, (struct str[]){STR(" "), one, STR(" ")}, 3)))
            return differ(err, "the record", all, one);
    }
    return 0;
}

/* CHECK_ABANDONED number: attempts that got a record of their own */
static int check_abandoned(struct str text, struct error *err)
{
    return same_number(err, "the number of abandoned attempts", reports.n_abandoned, text);
}

/* CHECK_STAT name number */
static int check_stat(struct str text, struct error *err)
{
    ptrdiff_t blank = str_index(text, ' ');
    struct str name = {text.p, blank < 0 ? text.len : (size_t)blank};

    for (enum stat_id i = 0; i < STATS_N; i++) {
        if (str_eq(str_of(stat_info(i)->name), name))
            return same_number(err, stat_info(i)->name, world_stat(i),
                               str_skip(text, name.len + 1));
    }
    return error_set(err, "no such counter: %.*s", STR_ARGS(name));
}

static const struct {
    const char *word;
    check_fn *run;
} checks[] = {
    {"CHECK_STATUS", check_status},
    {"CHECK_HEADER", check_header},
    {"CHECK_NO_HEADER", check_no_header},
    {"CHECK_LENGTH", check_length},
    {"CHECK_ANSWER", check_answer},
    {"CHECK_ANSWER_HAS", check_answer_has},
    {"CHECK_ANSWER_LACKS", check_answer_lacks},
    {"CHECK_ANSWER_BYTES", check_answer_bytes},
    {"CHECK_ENDED", check_ended},
    {"CHECK_ABORTED", check_aborted},
    {"CHECK_NOTHING_SENT", check_nothing_sent},
    {"CHECK_UPSTREAM_URL", check_upstream_url},
    {"CHECK_UPSTREAM_METHOD", check_upstream_method},
    {"CHECK_UPSTREAM_SOCKET", check_upstream_socket},
    {"CHECK_UPSTREAM_BODY", check_upstream_body},
    {"CHECK_UPSTREAM_HEADER", check_upstream_header},
    {"CHECK_UPSTREAM_NO_HEADER", check_upstream_no_header},
    {"CHECK_ATTEMPTS", check_attempts},
    {"CHECK_IDLE", check_idle},
    {"CHECK_CANCELLED", check_cancelled},
    {"CHECK_PAUSED", check_paused},
    {"CHECK_RUNNING", check_running},
    {"CHECK_SAMPLES", check_samples},
    {"CHECK_RETRY_AFTER", check_retry_after},
    {"CHECK_RECORD", check_record},
    {"CHECK_ABANDONED", check_abandoned},
    {"CHECK_NO_RECORD", check_no_record},
    {"CHECK_STAT", check_stat},
};

int check_run(struct str word, struct str text, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (str_eq(str_of(checks[i].word), word))
            return checks[i].run(text, err);
    }
    return error_set(err, "no such check: %.*s", STR_ARGS(word));
}

int check_rest(struct error *err)
{
    if (client.is_open)
        return error_set(err, "the request never ended");
    if (provider.call != NULL)
        return error_set(err, "a call is still under way");
    if (timers_pending() > 0)
        return error_set(err, "%zu timers are still pending", timers_pending());
    if (world_arenas_out() > 0)
        return error_set(err, "%zu arenas were not given back", world_arenas_out());
    if (world_holds() > 0)
        return error_set(err, "%u holds are still open", world_holds());
    if (world_in_flight() != 0)
        return error_set(err, "%u attempts still count as in flight", world_in_flight());
    if (world_stat(STAT_REQUESTS_OPEN) != 0 || world_stat(STAT_STREAMS_OPEN) != 0)
        return error_set(err, "open requests %lld, open streams %lld",
                         (long long)world_stat(STAT_REQUESTS_OPEN),
                         (long long)world_stat(STAT_STREAMS_OPEN));
    if (world_in_request())
        return error_set(err, "the slot still says that a request is being run");
    if (reports.n_samples != world_stat(STAT_ATTEMPTS))
        return error_set(err, "%zu samples for %llu attempts", reports.n_samples,
                         (unsigned long long)world_stat(STAT_ATTEMPTS));
    if (reports.n_records > 1)
        return error_set(err, "%zu records for one request", reports.n_records);
    return client.was_unsettled ? error_set(err, "the last byte left before settle") : 0;
}
