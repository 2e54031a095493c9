#include "server/worker/money_tell.h"

#include "server/base/buf.h"
#include "server/base/when.h"
#include "server/worker/relay.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

static_assert(ACCOUNT_TOKENS_OUT == ACCOUNT_REQUESTS + 3, "enum told has their order");

/* The tightest limit of a kind: that with the smallest part of it left. */
struct tightest {
    bool is_there;
    uint64_t limit, left, reset_ms;
};

/* Which of the kinds told of is one of the account's: requests first, then tokens by direction. */
enum told { TOLD_REQUESTS, TOLD_TOKENS, TOLD_TOKENS_IN, TOLD_TOKENS_OUT, TOLD_KINDS };

/* left / limit < than that one's */
static bool is_tighter(uint64_t left, uint64_t limit, const struct tightest *than)
{
    return !than->is_there ||
           (unsigned __int128)left * than->limit < (unsigned __int128)than->left * limit;
}

static void look(struct request *r, const struct accounts *list, struct tightest *out)
{
    uint64_t now_ms = request_real_ms(r);

    for (uint32_t i = 0; i < list->n; i++) {
        const struct account *a = &list->items[i];
        struct tightest *t;
        struct usage_now now;
        uint64_t left;

        if (a->kind < ACCOUNT_REQUESTS || a->kind > ACCOUNT_TOKENS_OUT)
            continue;
        t = &out[a->kind - ACCOUNT_REQUESTS];
        account_usage(&r->worker->in->regions, a, now_ms, &now);
        left = a->limit > now.used ? a->limit - now.used : 0;
        if (is_tighter(left, a->limit, t))
            *t = (struct tightest){true, a->limit, left, max_u64(now.reset_ms, now_ms)};
    }
}

/* "1s", "6m0s", "250ms": as OpenAI writes them. */
static struct str duration(struct request *r, uint64_t ms)
{
    struct buf b = BUF_IN(r->arena);
    uint64_t s = (ms + 999) / 1000;

    if (ms < 1000) {
        buf_u64(&b, ms);
        buf_cstr(&b, "ms");
        return buf_view(&b);
    }
    if (s >= 3600) {
        buf_u64(&b, s / 3600);
        buf_char(&b, 'h');
    }
    if (s >= 60) {
        buf_u64(&b, s / 60 % 60);
        buf_char(&b, 'm');
    }
    buf_u64(&b, s % 60);
    buf_char(&b, 's');
    return buf_view(&b);
}

static struct str moment(struct request *r, uint64_t ms)
{
    struct buf b = BUF_IN(r->arena);

    when_format(&b, (ms + 999) / 1000 * 1000);
    return buf_view(&b);
}

static struct str number(struct request *r, uint64_t n)
{
    struct buf b = BUF_IN(r->arena);

    buf_u64(&b, n);
    return buf_view(&b);
}

struct names {
    struct str limit, remaining, reset;
};

static size_t put(struct request *r, const struct tightest *t, const struct names *names,
                  struct http_header *out)
{
    bool is_anthropic = r->path.dialect == DIALECT_ANTHROPIC;
    uint64_t now_ms = request_real_ms(r);

    if (!t->is_there)
        return 0;
    out[0] = (struct http_header){names->limit, number(r, t->limit)};
    out[1] = (struct http_header){names->remaining, number(r, t->left)};
    out[2] = (struct http_header){
        names->reset, is_anthropic ? moment(r, t->reset_ms)
                                   : duration(r, t->reset_ms - min_u64(now_ms, t->reset_ms))};
    return 3;
}

#define NAMES(of)                                                                                  \
    {                                                                                              \
        {"x-ratelimit-limit-" of, sizeof("x-ratelimit-limit-" of) - 1},                            \
            {"x-ratelimit-remaining-" of, sizeof("x-ratelimit-remaining-" of) - 1},                \
        {                                                                                          \
            "x-ratelimit-reset-" of, sizeof("x-ratelimit-reset-" of) - 1                           \
        }                                                                                          \
    }
#define ANTHROPIC(of)                                                                              \
    {                                                                                              \
        {"anthropic-ratelimit-" of "-limit", sizeof("anthropic-ratelimit-" of "-limit") - 1},      \
            {"anthropic-ratelimit-" of "-remaining",                                               \
             sizeof("anthropic-ratelimit-" of "-remaining") - 1},                                  \
        {                                                                                          \
            "anthropic-ratelimit-" of "-reset", sizeof("anthropic-ratelimit-" of "-reset") - 1     \
        }                                                                                          \
    }

/* OpenAI knows one limit of tokens: the tightest of the three kinds. */
static size_t put_openai(struct request *r, const struct tightest *told, struct http_header *out)
{
    static const struct names requests = NAMES("requests");
    static const struct names tokens = NAMES("tokens");
    struct tightest of_tokens = told[TOLD_TOKENS];
    size_t n = put(r, &told[TOLD_REQUESTS], &requests, out);

    for (enum told kind = TOLD_TOKENS_IN; kind <= TOLD_TOKENS_OUT; kind++) {
        if (told[kind].is_there && is_tighter(told[kind].left, told[kind].limit, &of_tokens))
            of_tokens = told[kind];
    }
    return n + put(r, &of_tokens, &tokens, out + n);
}

static size_t put_anthropic(struct request *r, const struct tightest *told, struct http_header *out)
{
    static const struct names names[TOLD_KINDS] = {
        [TOLD_REQUESTS] = ANTHROPIC("requests"),
        [TOLD_TOKENS] = ANTHROPIC("tokens"),
        [TOLD_TOKENS_IN] = ANTHROPIC("input-tokens"),
        [TOLD_TOKENS_OUT] = ANTHROPIC("output-tokens"),
    };
    size_t n = 0;

    for (enum told kind = 0; kind < TOLD_KINDS; kind++)
        n += put(r, &told[kind], &names[kind], out + n);
    return n;
}

bool money_hides(const struct request *r, struct str name)
{
    return r->payers.has_rates &&
           (str_starts(name, STR("x-ratelimit-")) || str_starts(name, STR("anthropic-ratelimit-")));
}

/* --- costs --- */

static bool wants(const struct request *r, struct str what)
{
    struct str list = r->ex != NULL ? http_find(r->ex, STR("x-bf-want")) : STR_NONE;
    struct str one;

    while (str_next(&list, ',', &one)) {
        if (str_eq_nocase(str_trim(one), what))
            return true;
    }
    return false;
}

static struct str nine_digits(struct request *r, uint64_t nanousd)
{
    return arena_printf(r->arena, "%llu.%09llu", (unsigned long long)(nanousd / 1000000000u),
                        (unsigned long long)(nanousd % 1000000000u));
}

/* What is not priced has no cost to be told, and certainly not 0. */
static struct str cost_text(struct request *r)
{
    const struct price *p = r->money.price;

    if (!r->settled || (p != NULL && p->is_known == 0))
        return STR_NONE;
    return nine_digits(r, r->money.cost_nanousd);
}

/* The least that is left of any of its budgets. */
static struct str budget_text(struct request *r)
{
    const struct accounts *list =
        r->money.accounts.n > 0 ? &r->money.accounts : &r->payers.accounts;
    uint64_t now_ms = request_real_ms(r);
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < list->n; i++) {
        const struct account *a = &list->items[i];
        struct usage_now now;

        if (a->kind != ACCOUNT_BUDGET)
            continue;
        account_usage(&r->worker->in->regions, a, now_ms, &now);
        least = min_u64(least, a->limit > now.used ? a->limit - now.used : 0);
    }
    return least == UINT64_MAX ? STR_NONE : nine_digits(r, least);
}

size_t money_headers(struct request *r, struct http_header *out)
{
    size_t n = 0;

    if (r->payers.has_rates) {
        struct tightest told[TOLD_KINDS] = {0};

        look(r, &r->payers.accounts, told);
        n = r->path.dialect == DIALECT_ANTHROPIC ? put_anthropic(r, told, out)
                                                 : put_openai(r, told, out);
    }
    if (wants(r, STR("cost"))) {
        struct str cost = cost_text(r);

        if (cost.len > 0)
            out[n++] = (struct http_header){STR("x-bf-cost"), cost};
    }
    if (wants(r, STR("budget"))) {
        struct str left = budget_text(r);

        if (left.len > 0)
            out[n++] = (struct http_header){STR("x-bf-budget-remaining"), left};
    }
    return n;
}

/* A line that begins with a colon is a comment in every stream of events. */
static void comment(struct request *r, const char *name, struct str value)
{
    struct buf *out = &r->buffers->out;
    size_t before = out->len;

    if (value.len == 0)
        return;
    buf_cstr(out, ": ");
    buf_cstr(out, name);
    buf_cstr(out, ": ");
    buf_str(out, value);
    buf_cstr(out, "\n\n");
    r->bytes_out += out->len - before;
}

void money_tell(struct request *r)
{
    const struct dialect *d = translate_client(r);
    bool is_events = d != NULL && r->is_stream && !r->is_eventstream && r->buffers != NULL &&
                     (r->path.dialect != DIALECT_GEMINI || r->path.sse) &&
                     r->path.dialect != DIALECT_BEDROCK;

    if (!is_events || r->ex == NULL || r->content_length >= 0 || r->answer_closing)
        return;
    if (wants(r, STR("cost")))
        comment(r, "x-bf-cost", cost_text(r));
    if (wants(r, STR("budget")))
        comment(r, "x-bf-budget-remaining", budget_text(r));
}
