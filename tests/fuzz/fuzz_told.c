/*
 * What a provider may tell of its limits: "name: value" lines, and behind an empty one the body of a 429. Whatever it
 * says, the sample that is made of it is one that the aggregator believes.
 */
#include "server/worker/told.h"
#include "shm/layout.h"

#define NOW_MS 1795420000000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left behind the head's end. */
static struct str read_head(struct str rest, struct told_heads *heads)
{
    struct str line;

    while (str_next(&rest, '\n', &line) && line.len > 0) {
        ptrdiff_t colon = str_index(line, ':');
        struct str name = line;
        struct str value = STR_NONE;

        if (colon >= 0) {
            name.len = (size_t)colon;
            value = str_trim(str_skip(line, (size_t)colon + 1));
        }
        if (told_may_matter(name))
            told_header(heads, name, value, NOW_MS);
    }
    return rest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(4096);
    struct told_heads heads = {.seen = 0};
    struct told_limits limits = {.flags = 0};
    struct sample s = {
        .version = SAMPLE_VERSION, .outcome = SAMPLE_RATE_LIMITED, .http_status = 429};
    struct str body = read_head((struct str){(const char *)data, size}, &heads);

    told_head_end(&limits, &heads);
    while (body.len > 0) { /* in pieces that grow */
        size_t n = min_u64(body.len, limits.body_len + 1);

        told_body(&limits, arena, (struct str){body.p, n});
        body = str_skip(body, n);
        if (limits.body_len == TOLD_BODY_MAX)
            break;
    }
    told_fill(&limits, STR("model"), &s);
    must(sample_valid(&s));
    must(s.retry_after_ms <= 86400000);
    must(!told_is_scarce(&limits) || (s.flags & (SAMPLE_REQUESTS_TOLD | SAMPLE_TOKENS_TOLD)) != 0);
    arena_free(arena);
    return 0;
}
