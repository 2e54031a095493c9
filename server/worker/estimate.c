#include "server/worker/estimate.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"

#define ENTRIES                                                                                    \
    4096         /* of each table; a power of two: 128 KiB, and only what is used is ever touched */
#define ENOUGH 8 /* answers after which a key's own are better than its route's */
#define SOME 3   /* ... after which a route's are better than a guess */
#define FIXED 256u   /* ratios and means have 8 bits behind the point */
#define RATIO_MIN 1u /* bytes of a token: nobody has less */
#define RATIO_MAX 5u
#define LONG_TEXT 2048 /* shorter ones are mostly the envelope: nothing is learned from them */

/* Decayed figures of one route, or one key. */
struct seen {
    uint64_t id;              /* 0: free */
    uint32_t n;               /* answers; stops at ENOUGH */
    uint32_t ratio;           /* bytes of text for a token, FIXED */
    uint32_t n_ratio;         /* long texts behind it; likewise */
    uint64_t mean, deviation; /* tokens of one answer, FIXED */
};

struct estimator {
    struct seen routes[ENTRIES], keys[ENTRIES];
};

struct estimator *estimator_create(void)
{
    return xcalloc(1, sizeof(struct estimator));
}

void estimator_free(struct estimator *e)
{
    free(e);
}

static size_t place_of(uint64_t id)
{
    return (size_t)((id * 0x9e3779b97f4a7c15ull) >> 52) % ENTRIES;
}

static const struct seen *find(const struct seen *table, uint64_t id)
{
    const struct seen *s = &table[place_of(id)];

    return id != 0 && s->id == id ? s : NULL;
}

/* --- media --- */

#define LONG_BODY 16384 /* a picture of less is not worth the look */
#define STRIDE 2048
#define PROBE 48

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || str_is_digit(c) || c == '+' ||
           c == '/' || c == '=' || c == '-' || c == '_';
}

/* So many letters without a blank are no language's. */
static bool is_media_at(struct str body, size_t at)
{
    if (body.len - at < PROBE)
        return false;
    for (size_t i = 0; i < PROBE; i++) {
        if (!is_base64(body.p[at + i]))
            return false;
    }
    return true;
}

/* --- density --- */

#define WINDOW 32 /* bytes looked at in one place */
#define WINDOWS 32
#define OF_PROSE 4u  /* 16ths of a token for a letter of a word, or a blank */
#define OF_OTHERS 8u /* ... a digit, a sign, a byte of another script */
#define OF_NOISE 12u /* ... any byte where no word ends: keys, hashes, media in words' place */

static uint32_t weigh_window(const char *p)
{
    uint32_t weight = 0;
    bool has_end = false;

    for (size_t i = 0; i < WINDOW; i++) {
        has_end = has_end || !is_base64(p[i]);
        weight += (p[i] >= 'a' && p[i] <= 'z') || p[i] == ' ' ? OF_PROSE : OF_OTHERS;
    }
    return has_end ? weight : OF_NOISE * WINDOW;
}

/* Weights and places of one text. */
struct samples {
    uint64_t weight;
    uint32_t n;
};

static void sample(struct samples *s, struct str body, size_t at)
{
    if (body.len - at < WINDOW)
        return;
    s->weight += weigh_window(body.p + at);
    s->n++;
}

static uint32_t density_of(const struct samples *s)
{
    return s->n == 0 ? 0 : (uint32_t)(s->weight * (FIXED / 16) / ((uint64_t)s->n * WINDOW));
}

/* Members in which the dialects carry media. What looks like some in any other is read as it is. */
static bool is_name_of_media(struct str name)
{
    static const char *const names[] = {"data",     "url",   "image_url", "file_data",
                                        "b64_json", "bytes", "image",     "document_url"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(name, str_of(names[i])))
            return true;
    }
    return false;
}

static const char *before_blanks(const char *p, const char *begin)
{
    while (p > begin && (p[-1] == ' ' || p[-1] == '\n' || p[-1] == '\t' || p[-1] == '\r'))
        p--;
    return p;
}

static bool is_of_media(struct str body, const char *begin)
{
    const char *p;
    const char *name;

    if (begin <= body.p + 1)
        return false;
    p = before_blanks(begin - 1, body.p);
    if (p == body.p || p[-1] != ':')
        return false;
    p = before_blanks(p - 1, body.p);
    if (p == body.p || p[-1] != '"')
        return false;
    p--;
    name = memrchr(body.p, '"', (size_t)(p - body.p));
    return name != NULL && is_name_of_media((struct str){name + 1, (size_t)(p - name - 1)});
}

/* What may be fetched by its address counts as one of them. */
static uint32_t count_links(struct str body)
{
    static const char link[] = "\"http";
    const char *p = body.p;
    size_t left = min_u64(body.len, ESTIMATE_LOOK_MAX);
    const char *end = body.p + left;
    uint32_t n = 0;

    while (n < UINT16_MAX && (p = memmem(p, left, link, sizeof(link) - 1)) != NULL) {
        p += sizeof(link) - 1;
        left = (size_t)(end - p);
        n++;
    }
    return n;
}

void estimate_look(struct str body, struct estimate_body *out)
{
    struct samples samples = {0};
    size_t at = STRIDE;
    size_t looked = 0; /* up to where the last quote is known */
    const char *quote = NULL;

    *out = (struct estimate_body){.text_bytes = body.len};
    if (body.len == 0)
        return;
    out->n_media = count_links(body);
    if (body.len < LONG_BODY) {
        for (at = 0; body.len >= LONG_TEXT && at < body.len; at += body.len / WINDOWS)
            sample(&samples, body, at);
        out->density = density_of(&samples);
        return;
    }
    while (at < body.len) {
        const char *begin;
        const char *end;
        size_t len;

        begin =
            memrchr(body.p + looked, '"', at - looked); /* each byte once, however long a text is */
        quote = begin != NULL ? begin : quote;
        looked = at;
        begin = is_media_at(body, at) ? quote : NULL;
        if (begin == NULL || !is_of_media(body, begin + 1)) {
            sample(&samples, body, at);
            at += STRIDE;
            continue;
        }
        end = memchr(body.p + at, '"', body.len - at);
        begin++;
        end = end != NULL ? end : body.p + body.len;
        len = (size_t)(end - begin);
        out->n_media++;
        out->media_bytes += min_u64(len, out->text_bytes);
        out->text_bytes -= min_u64(len, out->text_bytes);
        at = (size_t)(end - body.p) + STRIDE;
    }
    out->density = density_of(&samples);
}

/* --- tokens --- */

static uint64_t tokens_of(uint64_t bytes, uint64_t ratio)
{
    bytes = min_u64(bytes, ESTIMATE_TOKENS_MAX);
    return (bytes * FIXED + ratio - 1) / ratio;
}

static uint64_t ratio_of(const struct seen *s)
{
    return s != NULL && s->n_ratio >= SOME ? s->ratio : ESTIMATE_BYTES_PER_TOKEN * FIXED;
}

uint64_t estimate_text(uint64_t bytes)
{
    return tokens_of(bytes, ESTIMATE_BYTES_PER_TOKEN * FIXED);
}

uint64_t estimate_input(const struct estimator *e, uint64_t route, uint64_t text_bytes)
{
    return tokens_of(text_bytes, ratio_of(find(e->routes, route)));
}

/* Mean and two deviations: enough for most, without holding what nobody writes. */
static uint64_t usual(const struct seen *s)
{
    return (s->mean + 2 * s->deviation) / FIXED + 1;
}

static uint64_t seldom_more(const struct seen *s)
{
    return (s->mean + 6 * s->deviation) / FIXED + 1;
}

/* Who tells what to expect? NULL: nobody knows yet. */
static const struct seen *teller(const struct estimator *e, const struct estimate_ask *ask)
{
    const struct seen *key = find(e->keys, ask->key);
    const struct seen *route = find(e->routes, ask->route);

    if (key != NULL && key->n >= ENOUGH)
        return key;
    return route != NULL && route->n >= SOME ? route : NULL;
}

static uint64_t times(uint64_t tokens, uint64_t n)
{
    return min_u64(min_u64(tokens, ESTIMATE_TOKENS_MAX) * min_u64(n, UINT16_MAX),
                   ESTIMATE_TOKENS_MAX);
}

static void make_output(const struct estimator *e, const struct estimate_ask *ask,
                        struct estimate *out)
{
    uint32_t choices = ask->choices > 0 ? ask->choices : 1;
    uint64_t most = ask->max_tokens > 0   ? ask->max_tokens
                    : ask->max_output > 0 ? ask->max_output
                                          : ESTIMATE_OUTPUT_MAX;
    const struct seen *s = teller(e, ask);

    out->output = out->careful_output = out->most_output = 0;
    out->is_guess = s == NULL;
    if (!ask->has_output)
        return;
    out->most_output = times(most, choices);
    out->output = min_u64(times(s != NULL ? usual(s) : ESTIMATE_OUTPUT, choices), out->most_output);
    out->careful_output =
        s != NULL ? min_u64(times(seldom_more(s), choices), out->most_output) : out->most_output;
}

void estimate_make(const struct estimator *e, const struct estimate_ask *ask, struct estimate *out)
{
    const struct estimate_body *b = &ask->body;
    uint64_t media = b->n_media == 0 ? 0
                                     : max_u64((uint64_t)b->n_media * ESTIMATE_MEDIA_MAX,
                                               b->media_bytes / ESTIMATE_MEDIA_BYTES);
    uint64_t pieces = b->media_bytes > 0 ? max_u64(b->n_media, 1) * ESTIMATE_MEDIA : 0;

    uint64_t taught = estimate_input(e, ask->route, b->text_bytes);
    uint64_t looks = min_u64(b->text_bytes, ESTIMATE_TOKENS_MAX) * b->density / FIXED;

    out->input = max_u64(taught, looks) + pieces;
    out->likely_input = max_u64(taught, looks / 2) + pieces;
    out->most_input = min_u64(b->text_bytes, ESTIMATE_TOKENS_MAX) + media + ask->context +
                      (ask->has_tools ? ESTIMATE_TOOLS_MAX : 0);
    out->most_input = max_u64(out->most_input, out->input);
    make_output(e, ask, out);
}

/* --- learning --- */

static struct seen *place(struct seen *table, uint64_t id)
{
    struct seen *s = &table[place_of(id)];

    if (s->id != id)
        *s = (struct seen){.id = id};
    return s;
}

static void learn_output(struct seen *s, uint64_t tokens)
{
    uint64_t value = min_u64(tokens, ESTIMATE_TOKENS_MAX) * FIXED;
    uint64_t away;

    if (s->n == 0) {
        s->mean = value;
        s->deviation = value / 2;
        return;
    }
    away = value > s->mean ? value - s->mean : s->mean - value;
    s->mean = s->mean - s->mean / 8 + value / 8;
    s->deviation = s->deviation - s->deviation / 4 + away / 4;
}

/* Sooner down than up: too little held is an overrun, too much only waits for its answer. */
static void learn_ratio(struct seen *s, const struct estimate_body *body, uint64_t tokens)
{
    uint64_t ratio;

    if (body->n_media > 0 || tokens == 0 || body->text_bytes < LONG_TEXT)
        return; /* what an image takes says nothing of texts */
    ratio = min_u64(body->text_bytes, ESTIMATE_TOKENS_MAX) * FIXED / tokens;
    ratio = min_u64(max_u64(ratio, RATIO_MIN * FIXED), RATIO_MAX * FIXED);
    if (s->ratio == 0 || s->n_ratio < SOME)
        s->ratio = s->n_ratio == 0 ? (uint32_t)ratio : (uint32_t)min_u64(s->ratio, ratio);
    else if (ratio < s->ratio)
        s->ratio -= (s->ratio - (uint32_t)ratio) / 2;
    else
        s->ratio = (uint32_t)(s->ratio - s->ratio / 8 + ratio / 8);
    s->n_ratio += s->n_ratio < ENOUGH;
}

void estimate_learn(struct estimator *e, const struct estimate_ask *ask, uint64_t input,
                    uint64_t output)
{
    uint32_t choices = ask->choices > 0 ? ask->choices : 1;
    struct seen *tables[] = {e->routes, e->keys};
    uint64_t ids[] = {ask->route, ask->key};

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct seen *s;

        if (ids[i] == 0 || (i == 1 && !ask->has_output))
            continue;
        s = place(tables[i], ids[i]);
        learn_output(s, output / choices);
        learn_ratio(s, &ask->body, input);
        s->n += s->n < ENOUGH;
    }
}
