/*
 * What a translation costs between every two dialects: no allocation outside arenas and pooled
 * buffers once they are warm, and how much time.
 *
 * Allocations are counted by putting malloc and its kin in front of glibc's; the sanitizers have
 * their own, so nothing is counted under them.
 */
#include <errno.h>
#include <time.h>

#include "tests/unit/pairs_answers.h"

#define CHUNKS 1000
#define REQUEST_BYTES 2048
#define PROMPT_BYTES 204800

/* volatile: to the compiler, malloc does not touch them */
static volatile size_t allocations;
static volatile bool is_counting;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_COUNT false
#else
#define CAN_COUNT true

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

void *malloc(size_t n)
{
    allocations += is_counting;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    allocations += is_counting;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    allocations += is_counting;
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    allocations += is_counting;
    return __libc_memalign(align, n);
}

int posix_memalign(void **out, size_t align, size_t n)
{
    allocations += is_counting;
    *out = __libc_memalign(align, n);
    return *out != NULL ? 0 : ENOMEM;
}
#endif

/* --- one translation of each sort --- */

/* What a worker keeps from request to request. */
struct bench {
    enum dialect_id from, to; /* the client's, the provider's */
    struct chat_codec codec;
    struct buf out;
    struct str request;
    struct str answer;
    struct chat_frame frames[64]; /* of the provider's stream */
    size_t n_frames, text;        /* the one that is a piece of text */
    struct chat *chat;            /* of the client */
};

static void translate_request(struct bench *x)
{
    struct chat_target target = pairs_target(x->to);
    struct chat_url url = {.model = STR("pairs-model"), .stream = true};
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.kind = ERROR_INVALID};
    struct chat chat = {.n_messages = 0};

    if (x->from != DIALECT_GEMINI && x->from != DIALECT_BEDROCK)
        url.model = STR_NONE;
    arena_reset(x->codec.arena);
    arena_reset(x->codec.scratch);
    buf_clear(&x->out);
    assert_int_equal(dialect_get(x->from)->decode_request(&x->codec, &url, x->request, &chat, &err),
                     0);
    assert_int_equal(
        dialect_get(x->to)->encode_request(&x->codec, &chat, &target, &loss, &x->out, &err), 0);
}

static struct chat_reply reply_for(const struct bench *x, bool is_stream)
{
    return (struct chat_reply){
        .chat = x->chat,
        .id = STR("0192f0c1"),
        .model = STR("pairs-model"),
        .created_s = 1700000000,
        .stream = is_stream,
        .sse = true,
    };
}

/* A pooled buffer, so not the arena's. */
static void put_event(void *ctx, const struct chat_event *e)
{
    struct pairs_relay *r = ctx;

    r->dialect->encode_event(r->encoder, e, &r->out);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The provider's stream with its piece of text CHUNKS times. Returns what the pieces took. */
static uint64_t translate_stream(struct bench *x)
{
    const struct dialect *provider = dialect_get(x->to);
    struct chat_reply reply = reply_for(x, true);
    struct pairs_relay r = {dialect_get(x->from), NULL, x->out};
    struct chat_sink sink = {put_event, &r};
    uint64_t spent = 0;
    void *decoder;

    arena_reset(x->codec.arena);
    decoder = provider->decoder(&x->codec);
    r.encoder = r.dialect->encoder(&x->codec, &reply);
    for (size_t i = 0; i < x->n_frames; i++) {
        uint64_t start = now_ns();
        size_t times = i == x->text ? CHUNKS : 1;

        for (size_t n = 0; n < times; n++) {
            buf_clear(&r.out);
            assert_int_equal(provider->decode_frame(decoder, &x->frames[i], &sink), 0);
            arena_reset(x->codec.scratch);
        }
        if (i == x->text)
            spent = now_ns() - start;
    }
    provider->decode_end(decoder, &sink);
    x->out = r.out;
    return spent;
}

static void translate_answer(struct bench *x)
{
    const struct dialect *provider = dialect_get(x->to), *client = dialect_get(x->from);
    struct chat_reply reply = reply_for(x, false);
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_fold *fold;
    struct chat_sink sink = {fold_event, NULL};

    arena_reset(x->codec.arena);
    arena_reset(x->codec.scratch);
    buf_clear(&x->out);
    fold = fold_create(&x->codec, PAIRS_FOLD_MAX);
    sink.ctx = fold;
    assert_int_equal(provider->decode_answer(provider->decoder(&x->codec), x->answer, &sink), 0);
    client->encode_answer(client->encoder(&x->codec, &reply), fold_answer(fold), &loss, &x->out);
}

/* --- set up --- */

static void bench_init(struct bench *x)
{
    *x = (struct bench){
        .codec = {arena_create(4u << 20), arena_create(4u << 20), json_parser_create()}};
}

static void bench_fini(struct bench *x)
{
    arena_free(x->codec.arena);
    arena_free(x->codec.scratch);
    json_parser_free(x->codec.json);
    buf_fini(&x->out);
}

static void bench_pair(struct bench *x, enum dialect_id client, enum dialect_id provider)
{
    x->from = client;
    x->to = provider;
    x->answer = pairs_answer(provider, "answer")->raw;
    x->chat = pairs_decoded(client, pairs_request(client, "plain"));
    x->n_frames = 0;
    x->text = 0;
    for (const struct json *n = pairs_answer(provider, "stream")->child; n != NULL; n = n->next) {
        assert_true(x->n_frames < ARRAY_LEN(x->frames));
        x->frames[x->n_frames] = pairs_frame(n);
        if (x->text == 0 && (fact_within(STR("look.\"}"), x->frames[x->n_frames].data) ||
                             fact_within(STR("\"delta\": \"look.\""), x->frames[x->n_frames].data)))
            x->text = x->n_frames;
        x->n_frames++;
    }
    assert_true(x->text > 0);
}

/* The plain request with turns until it has 2 KB. */
static struct str request_of_2k(enum dialect_id id)
{
    struct str request = pairs_request(id, "plain");

    while (request.len < REQUEST_BYTES)
        request = pairs_longer(request, pairs_request(id, "turn"));
    return request;
}

/* ... with a long text where it asks. */
static struct str request_of_200k(enum dialect_id id)
{
    struct str request = pairs_request(id, "plain");
    const char *at = memmem(request.p, request.len, "And in Kiel?", 12);
    struct buf b = BUF_IN(pairs_codec.arena);

    assert_non_null(at);
    buf_add(&b, request.p, (size_t)(at - request.p));
    while (b.len < PROMPT_BYTES)
        buf_cstr(&b, "The quick brown fox jumps over the lazy \\\"dog\\\", says \u00fcber-fox to "
                     "everyone who wants to hear it.\\n");
    buf_str(&b, str_skip(request, (size_t)(at - request.p)));
    return buf_view(&b);
}

/* --- the tests --- */

static void counts(const struct bench *x, const char *what)
{
    is_counting = false;
    if (allocations > 0)
        fail_msg("%s for a client of %s: %s: %zu allocations", dialect_names[x->to],
                 dialect_names[x->from], what, allocations);
}

#define count(x, what, ...)                                                                        \
    do {                                                                                           \
        __VA_ARGS__; /* warm */                                                                    \
        allocations = 0;                                                                           \
        is_counting = true;                                                                        \
        __VA_ARGS__;                                                                               \
        counts(x, what);                                                                           \
    } while (0)

/* A request without the media that the target refuses outright. */
static void encode_taken(struct bench *x, const struct chat *taken)
{
    struct chat_target target = pairs_target(x->to);
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err = {.kind = ERROR_INVALID};

    arena_reset(x->codec.arena);
    arena_reset(x->codec.scratch);
    buf_clear(&x->out);
    assert_int_equal(
        dialect_get(x->to)->encode_request(&x->codec, taken, &target, &loss, &x->out, &err), 0);
}

static void decode_only(struct bench *x)
{
    struct chat_url url = {.model = STR("pairs-model"), .stream = true};
    struct chat_error err = {.kind = ERROR_INVALID};
    struct chat chat;

    arena_reset(x->codec.arena);
    arena_reset(x->codec.scratch);
    if (x->from != DIALECT_GEMINI && x->from != DIALECT_BEDROCK)
        url.model = STR_NONE;
    assert_int_equal(dialect_get(x->from)->decode_request(&x->codec, &url, x->request, &chat, &err),
                     0);
}

/* Or the rest would prove nothing. */
static void sees_an_allocation(void **state)
{
    void *volatile p;

    (void)state;
    if (!CAN_COUNT)
        skip();
    allocations = 0;
    is_counting = true;
    p = malloc(1);
    p = realloc(p, 4096);
    is_counting = false;
    free(p);
    assert_int_equal(allocations, 2);
}

static void allocates_nothing(void **state)
{
    struct bench x;
    struct buf refused = BUF_INIT;
    struct chat *taken;

    (void)state;
    if (!CAN_COUNT)
        skip();
    bench_init(&x);
    pairs_each(client, provider)
    {
        bench_pair(&x, client, provider);
        x.request = pairs_request(client, "plain");
        count(&x, "a plain request", translate_request(&x));
        x.request = pairs_request(client, "request");
        taken = pairs_decoded(client, x.request);
        pairs_take_out_refused(provider, taken, &refused);
        count(&x, "a whole request, read", decode_only(&x));
        count(&x, "a whole request, written", encode_taken(&x, taken));
        count(&x, "a stream", (void)translate_stream(&x));
        count(&x, "an answer", translate_answer(&x));
    }
    bench_fini(&x);
    buf_fini(&refused);
}

struct worst {
    double value;
    enum dialect_id client, provider;
};

static void worse(struct worst *w, const struct bench *x, double value)
{
    if (value > w->value)
        *w = (struct worst){value, x->from, x->to};
}

/* The least of several rounds: others use the machine, too. */
static double request_us(struct bench *x, int rounds, int times)
{
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < rounds; i++) {
        uint64_t start = now_ns();

        for (int k = 0; k < times; k++)
            translate_request(x);
        least = min_u64(least, now_ns() - start);
    }
    return (double)least / 1000 / times;
}

static void put_figure(const char *what, const struct worst *w, double value, const char *unit)
{
    print_message("figure: translated %s, worst pair (%s's answers for %s's clients): %.2f %s\n",
                  what, dialect_names[w->provider], dialect_names[w->client], value, unit);
}

static void costs_little(void **state)
{
    struct worst request = {0, 0, 0}, chunk = {0, 0, 0}, prompt = {0, 0, 0};
    bool tells_all = getenv("BOWFIN_PAIRS_COST") != NULL;
    struct bench x;

    (void)state;
    bench_init(&x);
    pairs_each(client, provider)
    {
        double us, per_chunk, slow;

        bench_pair(&x, client, provider);
        x.request = request_of_2k(client);
        us = request_us(&x, 8, 50);
        x.request = request_of_200k(client);
        slow = request_us(&x, 5, 3) / (double)x.request.len; /* us a byte */
        (void)translate_stream(&x);
        per_chunk = (double)min_u64(translate_stream(&x), translate_stream(&x)) / 1000 / CHUNKS;
        worse(&request, &x, us);
        worse(&chunk, &x, per_chunk);
        worse(&prompt, &x, slow);
        if (tells_all)
            print_message("%-10s to %-10s %6.2f us a request, %5.2f us a chunk, %7.0f MB/s\n",
                          dialect_names[client], dialect_names[provider], us, per_chunk, 1 / slow);
    }
    bench_fini(&x);
    put_figure("request of 2 KB", &request, request.value, "us (target 15)");
    put_figure("chunk", &chunk, chunk.value, "us (target 2)");
    put_figure("prompt of 200 KB", &prompt, 1 / prompt.value, "MB/s (target 400)");
    if (CAN_COUNT) { /* not under sanitizers; a busy machine is no reason to fail */
        assert_true(request.value < 10 * 15);
        assert_true(chunk.value < 10 * 2);
        assert_true(1 / prompt.value > 400.0 / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {pairs_test(sees_an_allocation),
                                       pairs_test(allocates_nothing), pairs_test(costs_little)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
