/*
 * A client's body with fallbacks: a list is taken out of it, and names that are sound come out of the list; what is left is
 * the same body without them.
 */
#include "server/worker/brought.h"
#include "server/worker/parse.h"
#include "server/worker/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The members that are left, but for the fallbacks. */
struct seen {
    struct arena *arena;
    struct buf members;
    bool has_fallbacks;
};

static bool on_member(void *ctx, const struct json_member *m)
{
    struct seen *s = ctx;
    struct str key = json_unescape_inside(s->arena, m->key);

    if (str_eq(key, STR("fallbacks"))) {
        s->has_fallbacks = true;
        return true;
    }
    buf_str(&s->members, m->key);
    buf_char(&s->members, '\n');
    buf_str(&s->members, m->raw);
    buf_char(&s->members, '\n');
    return true;
}

static struct seen look(struct worker *w, struct arena *a, struct str body)
{
    struct seen s = {.arena = a, .members = BUF_IN(a)};
    struct json_error err;

    must(json_scan(w->json, body, on_member, &s, &err) == 0);
    return s;
}

static void check(struct request *r, const struct seen *before)
{
    struct seen after = look(r->worker, r->arena, r->ex->body);

    must(!after.has_fallbacks);
    must(str_eq(buf_view(&before->members), buf_view(&after.members)));
    must(r->course.n_wished <= COURSE_CLIENT_MAX);
    for (uint32_t i = 0; i < r->course.n_wished; i++) {
        struct str name = r->course.wished[i];

        must(name.len > 0 && name.len <= MODEL_MAX && memchr(name.p, '\0', name.len) == NULL);
        must(memchr(name.p, '\n', name.len) == NULL && memchr(name.p, '\r', name.len) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct worker w;
    struct arena *arena = arena_create(4096);
    struct http_exchange ex = {.body = arena_str(arena, (struct str){(const char *)data, size})};
    struct request *r = arena_zalloc(arena, sizeof(*r));
    struct json_error err;

    if (w.json == NULL) {
        w.json = json_parser_create();
        w.scratch = arena_create(4096);
    }
    r->worker = &w;
    r->arena = arena;
    r->ex = &ex;
    r->explain = arena_alloc(arena, 1); /* there is no connection that holds a body */
    if (openai_scan(w.json, arena, ex.body, &r->openai, &err) == 0 &&
        r->openai.fallbacks_raw.p != NULL) {
        struct seen before = look(&w, arena, ex.body);

        if (brought_take(r) == STEP_NEXT)
            check(r, &before);
    }
    arena_free(arena);
    return 0;
}
