#include "server/worker/outcome.h"

#include "providers/dialect.h"
#include "server/worker/fail.h"
#include "server/worker/relay.h"
#include "server/worker/translate.h"

/*
 * The table of retries. A caller's fault is one everywhere, and a client that has gone wants nothing more. A
 * refused key (its route is benched by the aggregator) says nothing of its provider, so its next key is asked
 * at once; of all other failures the provider is suspect as a whole. Where no answer came although one
 * was asked for, the provider may have worked: that is booked, and it is tried again all the same, because
 * the client would do it anyway.
 */
static const struct outcome_rule rules[SAMPLE_OUTCOMES] = {
    [SAMPLE_KEY_REFUSED] = {.is_tried_again = true},
    [SAMPLE_RATE_LIMITED] = {.is_tried_again = true, .is_of_provider = true},
    [SAMPLE_UPSTREAM_ERROR] = {.is_tried_again = true, .is_of_provider = true},
    [SAMPLE_CONNECT] = {.is_tried_again = true, .is_of_provider = true},
    [SAMPLE_TIMEOUT] = {true, .is_for_work = true, .is_of_provider = true},
    [SAMPLE_CUT] = {true, .is_for_work = true, .is_of_provider = true},
};

const struct outcome_rule *outcome_rule(enum sample_outcome outcome)
{
    must(outcome < SAMPLE_OUTCOMES);
    return &rules[outcome];
}

static enum sample_outcome outcome_of(int status)
{
    if (status == 401 || status == 402 || status == 403)
        return SAMPLE_KEY_REFUSED;
    if (status == 429)
        return SAMPLE_RATE_LIMITED;
    if (status >= 500)
        return SAMPLE_UPSTREAM_ERROR;
    return status >= 400 ? SAMPLE_CALLER_FAULT : SAMPLE_OK;
}

bool outcome_may_improve(int status)
{
    return rules[outcome_of(status)].is_tried_again;
}

/* What makes a model answer in JSON or events. Files, speech and images are whatever their provider says. */
static bool is_answered_in_json(enum path_op op)
{
    return op == OP_CHAT || op == OP_COMPLETIONS || op == OP_EMBEDDINGS ||
           op == OP_EMBEDDINGS_BATCH || op == OP_RERANK || op == OP_COUNT_TOKENS || op == OP_INVOKE;
}

static bool is_page(struct str type)
{
    static const char *const pages[] = {"text/html", "application/xhtml", "text/xml",
                                        "application/xml"};

    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct str page = str_of(pages[i]);

        if (type.len >= page.len && str_eq_nocase((struct str){type.p, page.len}, page))
            return true;
    }
    return false;
}

bool outcome_is_page(const struct request *r, const struct upstream_head *head)
{
    if (r->is_forward || head->status < 200 || head->status >= 300 ||
        !is_answered_in_json(r->path.op))
        return false;
    for (size_t i = 0; i < head->n; i++) {
        if (str_eq(head->names[i], STR("content-type")))
            return is_page(head->values[i]);
    }
    return false;
}

bool outcome_is_cut(const struct request *r)
{
    return r->is_stream && r->watching && r->attempt.status == 200 && !r->stream_finished &&
           !r->stream_error && (r->path.op == OP_CHAT || r->path.op == OP_COMPLETIONS) &&
           dialect_get(r->path.dialect) != NULL;
}

/* What a provider says of its failure in the middle of a good answer. */
static enum sample_outcome outcome_of_error(const struct chat_error *e)
{
    if (e != NULL && cause_of(e) != CAUSE_OTHER)
        return SAMPLE_CALLER_FAULT;
    switch (e != NULL ? e->kind : ERROR_UPSTREAM) {
    case ERROR_INVALID:
    case ERROR_NOT_FOUND:
    case ERROR_METHOD:
    case ERROR_CONFLICT:
    case ERROR_TOO_LARGE:
        return SAMPLE_CALLER_FAULT;
    case ERROR_AUTH:
    case ERROR_BILLING:
    case ERROR_PERMISSION:
        return SAMPLE_KEY_REFUSED;
    case ERROR_RATE:
        return SAMPLE_RATE_LIMITED;
    default:
        return SAMPLE_UPSTREAM_ERROR;
    }
}

static enum sample_outcome outcome_of_status(const struct request *r)
{
    int status = r->attempt.status;

    if (r->broken == &FAIL_BUDGET_EXCEEDED)
        return SAMPLE_CLIENT_GONE; /* nobody's fault: we have left */
    if (status >= 400)
        return outcome_of(status);
    if (r->broken == &FAIL_UPSTREAM_CUT)
        return SAMPLE_CUT;
    if (r->broken == &FAIL_UPSTREAM_SLOW)
        return SAMPLE_TIMEOUT;
    if (r->stream_error)
        return outcome_of_error(content_error(r));
    return r->broken != NULL ? SAMPLE_UPSTREAM_ERROR : SAMPLE_OK;
}

int relay_status(const struct request *r)
{
    return r->attempt.is_abroad ? translate_status(r) : r->attempt.status;
}

enum sample_outcome relay_outcome(const struct request *r)
{
    if (!r->upstream_done || r->result == UPSTREAM_OK)
        return r->upstream_done && outcome_is_cut(r) ? SAMPLE_CUT : outcome_of_status(r);
    switch (r->result) {
    case UPSTREAM_CONNECT:
    case UPSTREAM_TLS:
        return SAMPLE_CONNECT;
    case UPSTREAM_FIRST_BYTE:
    case UPSTREAM_SILENCE:
    case UPSTREAM_TOTAL:
        return SAMPLE_TIMEOUT;
    case UPSTREAM_CUT:
        return SAMPLE_CUT;
    default:
        return SAMPLE_UPSTREAM_ERROR;
    }
}

const struct fail *outcome_fail(const struct request *r)
{
    if (r->is_forward)
        return &FAIL_ADMIN_DOWN;
    switch (r->result) {
    case UPSTREAM_CONNECT:
        return &FAIL_UPSTREAM_CONNECT;
    case UPSTREAM_TLS:
        return &FAIL_UPSTREAM_TLS;
    case UPSTREAM_FIRST_BYTE:
    case UPSTREAM_TOTAL:
        return &FAIL_UPSTREAM_TIMEOUT;
    case UPSTREAM_SILENCE:
        return &FAIL_UPSTREAM_SILENT;
    case UPSTREAM_CUT:
        return &FAIL_UPSTREAM_CUT;
    default:
        return &FAIL_UPSTREAM_NONSENSE;
    }
}

/*
 * A good head came, but nothing of the answer has gone out: it says that it failed, broke off, makes no sense or
 * is too slow. What is the caller's fault is so everywhere.
 */
static bool failed_early(const struct request *r)
{
    if (r->attempt.status < 200 || r->attempt.status >= 300 || r->course.name.len == 0)
        return false;
    if (r->stream_error)
        return outcome_of_error(content_error(r)) != SAMPLE_CALLER_FAULT;
    if (r->broken != NULL)
        return true;
    return r->upstream_done &&
           (r->result == UPSTREAM_CUT || r->result == UPSTREAM_SILENCE ||
            r->result == UPSTREAM_NONSENSE || (r->result == UPSTREAM_OK && outcome_is_cut(r)));
}

bool outcome_is_worth_another(const struct request *r)
{
    const struct outcome_rule *rule;

    if (r->is_forward)
        return false;
    if (watch_is_work(r) && failed_early(r))
        return true;
    if (!r->upstream_done || r->attempt.status != 0 || r->result == UPSTREAM_TOTAL)
        return false; /* whose time is over has none for another one */
    rule = outcome_rule(relay_outcome(r));
    return rule->is_tried_again && (!rule->is_for_work || watch_is_work(r));
}
