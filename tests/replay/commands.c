#include "tests/replay/commands.h"

#include "server/worker/worker.h"
#include "shm/outbox.h"
#include "shm/weights.h"
#include "tests/replay/checks.h"
#include "tests/replay/fake.h"

typedef int command_fn(struct str text, struct error *err);

/* The next word of *rest. */
static struct str word(struct str *rest)
{
    struct str out = STR_NONE;

    while (str_next(rest, ' ', &out) && out.len == 0)
        ;
    return out;
}

static int do_config(struct str text, struct error *err)
{
    return world_configure(text, err);
}

static int do_random(struct str text, struct error *err)
{
    return str_parse_u64(text, &fake_random) ? 0 : error_set(err, "RANDOM needs a number");
}

/* WEIGHT provider/key/model weight state retry_in_ms */
static int do_weight(struct str text, struct error *err)
{
    static const char *const states[] = {"healthy", "degraded", "open", "half_open"};
    struct str identity = word(&text);
    struct str state;
    struct weight w = {.weight = 0};
    uint64_t weight = 0;
    uint64_t retry = 0;
    int row = world_row(arena_concat(client.arena, (struct str[]){STR("route/"), identity}, 2));

    if (row < 0)
        return error_set(err, "no route %.*s", STR_ARGS(identity));
    if (!str_parse_u64(word(&text), &weight))
        return error_set(err, "WEIGHT needs a number");
    state = word(&text);
    for (uint32_t i = 0; i < ARRAY_LEN(states); i++) {
        if (str_eq(str_of(states[i]), state))
            w.state = i;
    }
    w.weight = (uint32_t)weight;
    if (str_parse_u64(word(&text), &retry) && retry > 0)
        w.retry_at_ms = fake_now_us / 1000 + retry;
    world_set_weight((uint32_t)row, &w);
    return 0;
}

static int do_in_flight(struct str text, struct error *err)
{
    struct str identity = word(&text);
    uint64_t n = 0;
    int row = world_row(arena_concat(client.arena, (struct str[]){STR("route/"), identity}, 2));

    if (row < 0 || !str_parse_u64(word(&text), &n))
        return error_set(err, "IN_FLIGHT provider/key/model number");
    world_set_in_flight((uint32_t)row, (uint32_t)n);
    return 0;
}

/* REQUEST method path[?query] */
static int do_request(struct str text, struct error *err)
{
    struct str target;
    ptrdiff_t query;

    (void)err;
    client.ex.method = word(&text);
    target = word(&text);
    query = str_index(target, '?');
    client.ex.path = query < 0 ? target : (struct str){target.p, (size_t)query};
    client.ex.query = query < 0 ? STR_NONE : str_skip(target, (size_t)query + 1);
    return 0;
}

static int split_header(struct str text, struct str *name, struct str *value, struct error *err)
{
    ptrdiff_t colon = str_index(text, ':');

    if (colon <= 0)
        return error_set(err, "a header is \"name: value\"");
    *name = (struct str){text.p, (size_t)colon};
    *value = str_trim(str_skip(text, (size_t)colon + 1));
    return 0;
}

static int do_header(struct str text, struct error *err)
{
    struct http_header *h = &client.headers[client.n_headers];

    if (client.n_headers == FAKE_HEADERS_MAX)
        return error_set(err, "too many headers");
    client.n_headers++;
    return split_header(text, &h->name, &h->value, err);
}

static int do_body(struct str text, struct error *err)
{
    (void)err;
    client.ex.body = text;
    return 0;
}

static int do_peer(struct str text, struct error *err)
{
    (void)err;
    client.ex.peer = text;
    client.ex.peer_is_loopback = false;
    return 0;
}

static int do_begin(struct str text, struct error *err)
{
    (void)text;
    (void)err;
    client_begin(world_worker());
    return 0;
}

static int do_client_slow(struct str text, struct error *err)
{
    (void)text;
    (void)err;
    client.is_slow = true;
    return 0;
}

static int do_client_reads(struct str text, struct error *err)
{
    (void)text;
    (void)err;
    client.is_slow = false;
    return 0;
}

static int do_client_gone(struct str text, struct error *err)
{
    (void)text;
    (void)err;
    client_gone();
    return 0;
}

static int do_upstream_header(struct str text, struct error *err)
{
    size_t n = provider.n_headers;

    if (n == FAKE_HEADERS_MAX)
        return error_set(err, "too many headers");
    provider.n_headers++;
    return split_header(text, &provider.names[n], &provider.values[n], err);
}

static int do_upstream_head(struct str text, struct error *err)
{
    uint64_t status;

    if (!str_parse_u64(text, &status))
        return error_set(err, "UPSTREAM_HEAD needs a status");
    provider_head((int)status);
    return 0;
}

static int do_upstream_body(struct str text, struct error *err)
{
    (void)err;
    provider_body(text);
    return 0;
}

/* UPSTREAM_FILL number: so many bytes of text */
static int do_upstream_fill(struct str text, struct error *err)
{
    uint64_t n;
    char *bytes;

    if (!str_parse_u64(text, &n) || n > (64u << 20))
        return error_set(err, "UPSTREAM_FILL needs a number of bytes");
    bytes = arena_alloc(provider.arena, n);
    memset(bytes, 'x', n);
    provider_body((struct str){bytes, n});
    return 0;
}

static int do_upstream_done(struct str text, struct error *err)
{
    for (enum upstream_result r = UPSTREAM_OK; r <= UPSTREAM_NONSENSE; r++) {
        if (str_eq(text, str_of(upstream_result_name(r)))) {
            provider_done(r);
            return 0;
        }
    }
    return error_set(err, "UPSTREAM_DONE does not know \"%.*s\"", STR_ARGS(text));
}

/* STORED: the last record is on disk from here on; STORED_LATER: none is, until then. */
static int do_stored(struct str text, struct error *err)
{
    (void)text;
    (void)err;
    reports.is_slow = false;
    reports.n_stored = outbox_last(&world_worker()->slot->outbox);
    return 0;
}

static int do_stored_later(struct str text, struct error *err)
{
    (void)text;
    (void)err;
    reports.is_slow = true;
    return 0;
}

static int do_time_passes(struct str text, struct error *err)
{
    uint64_t ms;

    if (!str_parse_u64(text, &ms))
        return error_set(err, "TIME_PASSES needs milliseconds");
    time_passes(ms);
    return 0;
}

static const struct {
    const char *word;
    command_fn *run;
} commands[] = {
    {"CONFIG", do_config},
    {"RANDOM", do_random},
    {"WEIGHT", do_weight},
    {"IN_FLIGHT", do_in_flight},
    {"REQUEST", do_request},
    {"HEADER", do_header},
    {"BODY", do_body},
    {"PEER", do_peer},
    {"BEGIN", do_begin},
    {"CLIENT_SLOW", do_client_slow},
    {"CLIENT_READS", do_client_reads},
    {"CLIENT_GONE", do_client_gone},
    {"UPSTREAM_HEADER", do_upstream_header},
    {"UPSTREAM_HEAD", do_upstream_head},
    {"UPSTREAM_BODY", do_upstream_body},
    {"UPSTREAM_FILL", do_upstream_fill},
    {"UPSTREAM_DONE", do_upstream_done},
    {"STORED", do_stored},
    {"STORED_LATER", do_stored_later},
    {"TIME_PASSES", do_time_passes},
};

bool command_is_check(const struct command *c)
{
    return str_starts(c->word, STR("CHECK_"));
}

int command_run(const struct command *c, struct error *err)
{
    if (command_is_check(c))
        return check_run(c->word, c->text, err);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        int rc;

        if (!str_eq(str_of(commands[i].word), c->word))
            continue;
        rc = commands[i].run(c->text, err);
        if (!client.is_slow)
            client_take();
        return rc;
    }
    return error_set(err, "no such command: %.*s", STR_ARGS(c->word));
}
