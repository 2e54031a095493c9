#include "server/worker/told.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/base/when.h"

#define RESET_MAX_MS 86400000.0 /* a day: limits by the day are told, too */
#define SCARCE 4                /* a quarter: aggregator/headroom.h begins to care at a fifth */

enum field { FIELD_MOST, FIELD_LEFT, FIELD_RESET, FIELD_NONE };

/* --- values --- */

/* A plain number, or one with a fraction; what follows is in *rest. Negative ones, signs: no. */
static bool take_number(struct str *rest, double *out)
{
    double n = 0;
    double unit = 1;
    bool is_fraction = false;
    size_t i = 0;

    if (rest->len == 0 || !str_is_digit(rest->p[0]))
        return false;
    for (; i < rest->len && i < 20; i++) {
        if (rest->p[i] == '.' && !is_fraction) {
            is_fraction = true;
        } else if (!str_is_digit(rest->p[i])) {
            break;
        } else if (is_fraction) {
            unit /= 10;
            n += (rest->p[i] - '0') * unit;
        } else {
            n = 10 * n + (rest->p[i] - '0');
        }
    }
    *rest = str_skip(*rest, i);
    *out = n;
    return true;
}

/* Milliseconds of "6m0s", "2m59.5s", "12ms", "1h", and of plain seconds. */
static bool parse_duration(struct str text, double *out_ms)
{
    double sum = 0;

    do {
        double n;
        double unit;
        size_t len = 1;

        if (!take_number(&text, &n))
            return false;
        if (text.len == 0 && sum <= 0)
            unit = 1000;
        else if (str_starts(text, STR("ms")))
            unit = 1, len = 2;
        else if (str_starts(text, STR("s")))
            unit = 1000;
        else if (str_starts(text, STR("m")))
            unit = 60000;
        else if (str_starts(text, STR("h")))
            unit = 3600000;
        else if (str_starts(text, STR("d")))
            unit = 86400000;
        else
            return false;
        sum += n * unit;
        text = str_skip(text, len);
    } while (text.len > 0);
    *out_ms = sum;
    return true;
}

static uint32_t bounded_ms(double ms)
{
    if (ms <= 0)
        return 0;
    return ms < 1 ? 1 : ms > RESET_MAX_MS ? (uint32_t)RESET_MAX_MS : (uint32_t)ms;
}

/* RFC 3339 */
static bool parse_moment(struct str text, uint64_t real_ms, double *out_ms)
{
    uint64_t at_ms;

    if (text.len < 19 || text.p[4] != '-' || !when_parse(text, &at_ms))
        return false;
    *out_ms = (double)at_ms - (double)real_ms;
    return true;
}

/* "Wed, 21 Oct 2015 07:28:00 GMT" */
static bool parse_http_date(struct str text, uint64_t real_ms, double *out_ms)
{
    char copy[40];
    struct tm tm = {.tm_year = 0};
    const char *end;

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';
    end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (end == NULL || *end != '\0')
        return false;
    *out_ms = (double)timegm(&tm) * 1000 - (double)real_ms;
    return true;
}

static void take_retry(struct told_heads *heads, struct str value, double unit, uint64_t real_ms)
{
    struct str rest = value;
    double ms;

    if (take_number(&rest, &ms) && rest.len == 0)
        ms *= unit;
    else if (!parse_http_date(value, real_ms, &ms))
        return;
    /* the more exact one is the larger one, or the same */
    if (bounded_ms(ms) > heads->retry_after_ms)
        heads->retry_after_ms = bounded_ms(ms);
}

/* --- limits --- */

static uint32_t bit(int kind, enum field field)
{
    return 1u << (kind * 3 + (int)field);
}

static void take_limit(struct told_heads *heads, int kind, enum field field, struct str value,
                       uint64_t real_ms)
{
    uint64_t n;
    double ms;

    if (field == FIELD_RESET) {
        if (!parse_duration(value, &ms) && !parse_moment(value, real_ms, &ms))
            return;
        heads->reset_ms[kind] = bounded_ms(ms);
    } else {
        if (!str_parse_u64(value, &n))
            return;
        *(field == FIELD_MOST ? &heads->most[kind] : &heads->left[kind]) =
            n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    }
    heads->seen |= bit(kind, field);
}

static enum field field_of(struct str word)
{
    return str_eq(word, STR("limit"))       ? FIELD_MOST
           : str_eq(word, STR("remaining")) ? FIELD_LEFT
           : str_eq(word, STR("reset"))     ? FIELD_RESET
                                            : FIELD_NONE;
}

/* "remaining-requests"; Mistral's "limit-req-minute", Cerebras's "remaining-tokens-minute" */
static void take_openai(struct told_heads *heads, struct str rest, struct str value,
                        uint64_t real_ms)
{
    struct str word;
    enum field field;
    int kind;

    (void)str_next(&rest, '-', &word);
    field = field_of(word);
    if (field == FIELD_NONE || !str_next(&rest, '-', &word))
        return;
    kind = str_eq(word, STR("tokens"))                                 ? LIMIT_TOKENS
           : str_eq(word, STR("requests")) || str_eq(word, STR("req")) ? LIMIT_REQUESTS
                                                                       : LIMIT_KINDS;
    if (kind != LIMIT_KINDS && (rest.len == 0 || str_eq(rest, STR("minute"))))
        take_limit(heads, kind, field, value, real_ms);
}

/* "input-tokens-remaining" */
static void take_anthropic(struct told_heads *heads, struct str rest, struct str value,
                           uint64_t real_ms)
{
    static const struct {
        struct str prefix;
        int kind;
    } kinds[] = {{{"requests-", 9}, LIMIT_REQUESTS},
                 {{"tokens-", 7}, LIMIT_TOKENS},
                 {{"input-tokens-", 13}, LIMIT_TOKENS_IN},
                 {{"output-tokens-", 14}, LIMIT_TOKENS_OUT}};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        enum field field = FIELD_NONE;

        if (str_starts(rest, kinds[i].prefix))
            field = field_of(str_skip(rest, kinds[i].prefix.len));
        if (field != FIELD_NONE)
            take_limit(heads, kinds[i].kind, field, value, real_ms);
    }
}

void told_header(struct told_heads *heads, struct str name, struct str value, uint64_t real_ms)
{
    if (str_starts(name, STR("x-ratelimit-")))
        take_openai(heads, str_skip(name, sizeof("x-ratelimit-") - 1), value, real_ms);
    else if (str_starts(name, STR("anthropic-ratelimit-")))
        take_anthropic(heads, str_skip(name, sizeof("anthropic-ratelimit-") - 1), value, real_ms);
    else if (str_eq(name, STR("retry-after")) || str_eq(name, STR("x-ms-retry-after")))
        take_retry(heads, value, 1000, real_ms);
    else if (str_eq(name, STR("retry-after-ms")) || str_eq(name, STR("x-ms-retry-after-ms")))
        take_retry(heads, value, 1, real_ms);
}

static bool is_whole(const struct told_heads *heads, int kind)
{
    uint32_t both = bit(kind, FIELD_MOST) | bit(kind, FIELD_LEFT);

    return (heads->seen & both) == both && heads->most[kind] > 0;
}

/* The share that is left, to compare two limits. */
static double share(const struct told_heads *heads, int kind)
{
    return (double)heads->left[kind] / heads->most[kind];
}

static void keep(const struct told_heads *heads, int kind, struct sample_headroom *out,
                 uint16_t *reset_ds)
{
    uint32_t ds = heads->reset_ms[kind] / 100 + (heads->reset_ms[kind] % 100 != 0);

    out->most = heads->most[kind];
    out->left = heads->left[kind] < out->most ? heads->left[kind] : out->most;
    *reset_ds = (uint16_t)(ds > UINT16_MAX ? UINT16_MAX : ds);
}

void told_head_end(struct told_limits *t, const struct told_heads *heads)
{
    int tightest = LIMIT_KINDS;

    t->retry_after_ms = heads->retry_after_ms;
    if (heads->seen == 0)
        return;
    if (is_whole(heads, LIMIT_REQUESTS)) {
        keep(heads, LIMIT_REQUESTS, &t->requests, &t->requests_reset_ds);
        t->flags |= SAMPLE_REQUESTS_TOLD;
    }
    for (int kind = LIMIT_TOKENS; kind < LIMIT_KINDS; kind++) {
        if (is_whole(heads, kind) &&
            (tightest == LIMIT_KINDS || share(heads, kind) < share(heads, tightest)))
            tightest = kind;
    }
    if (tightest != LIMIT_KINDS) {
        keep(heads, tightest, &t->tokens, &t->tokens_reset_ds);
        t->flags |= SAMPLE_TOKENS_TOLD;
    }
}

/* --- bodies --- */

void told_body(struct told_limits *t, struct arena *arena, struct str bytes)
{
    size_t n = bytes.len < TOLD_BODY_MAX - t->body_len ? bytes.len : TOLD_BODY_MAX - t->body_len;

    if (n == 0)
        return;
    if (t->body == NULL)
        t->body = arena_alloc(arena, TOLD_BODY_MAX);
    memcpy(t->body + t->body_len, bytes.p, n);
    t->body_len += (uint32_t)n;
}

/* The text of the next member of this name in *rest, which moves behind it. */
static bool next_member(struct str *rest, struct str quoted_name, struct str *out)
{
    const char *at =
        rest->len > 0 ? memmem(rest->p, rest->len, quoted_name.p, quoted_name.len) : NULL;
    ptrdiff_t quote;
    ptrdiff_t end;

    if (at == NULL)
        return false;
    *rest = str_skip(*rest, (size_t)(at - rest->p) + quoted_name.len);
    quote = str_index(*rest, '"');
    if (quote < 0 || quote > 8) /* ':' and blanks stand between */
        return false;
    *rest = str_skip(*rest, (size_t)quote + 1);
    end = str_index(*rest, '"');
    if (end < 0)
        return false;
    *out = (struct str){rest->p, (size_t)end};
    *rest = str_skip(*rest, (size_t)end + 1);
    return true;
}

static bool has(struct str body, struct str text)
{
    return memmem(body.p, body.len, text.p, text.len) != NULL;
}

/* Every quota that was exceeded is one of the project's, and of no single model. */
static bool names_whole_quotas(struct str body)
{
    struct str rest = body;
    struct str id;
    bool is_any = false;

    while (next_member(&rest, STR("\"quotaId\""), &id)) {
        if (has(id, STR("PerModel")) || has(id, STR("PerBaseModel")))
            return false;
        is_any = true;
    }
    return is_any;
}

static void read_body(const struct told_limits *t, struct sample *out)
{
    struct str body = {t->body, t->body_len};
    struct str rest = body;
    struct str text;
    double ms;

    if (out->retry_after_ms == 0 && next_member(&rest, STR("\"retryDelay\""), &text) &&
        parse_duration(text, &ms))
        out->retry_after_ms = bounded_ms(ms);
    if (has(body, STR("\"insufficient_quota\"")) || names_whole_quotas(body))
        out->flags |= SAMPLE_WHOLE_KEY;
}

void told_fill(const struct told_limits *t, struct str model, struct sample *out)
{
    out->retry_after_ms = t->retry_after_ms;
    out->flags = t->flags;
    out->requests = t->requests;
    out->tokens = t->tokens;
    out->requests_reset_ds = t->requests_reset_ds;
    out->tokens_reset_ds = t->tokens_reset_ds;
    out->model = model.len > 0 ? sample_model(model) : 0;
    if (t->body_len > 0)
        read_body(t, out);
}

bool told_is_scarce(const struct told_limits *t)
{
    return ((t->flags & SAMPLE_REQUESTS_TOLD) != 0 &&
            t->requests.left < t->requests.most / SCARCE) ||
           ((t->flags & SAMPLE_TOKENS_TOLD) != 0 && t->tokens.left < t->tokens.most / SCARCE);
}
