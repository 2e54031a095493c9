#include "server/worker/brought.h"

#include "server/base/buf.h"
#include "server/worker/fail.h"
#include "server/worker/parse.h"
#include "server/worker/worker.h"

#define LIST_BYTES_MAX 16384 /* five names as long as names may be, with their escapes */

/* --- what the list says --- */

struct taking {
    struct request *r;
    struct str *names; /* room for COURSE_CLIENT_MAX */
    uint32_t n;
    const char *wrong; /* static; NULL: nothing is */
};

static bool name_is_sound(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return false;
    }
    return name.len > 0 && name.len <= MODEL_MAX;
}

static void add_name(struct taking *t, struct str name)
{
    name = str_trim(name);
    if (!name_is_sound(name))
        t->wrong = "a name has 1 to 512 bytes without control characters";
    else if (t->n == COURSE_CLIENT_MAX)
        t->wrong = "these are more than 5";
    else
        t->names[t->n++] = arena_str(t->r->arena, name);
}

/* {"provider": "anthropic", "model": "claude-haiku-4-5"}; the provider may be missing. */
static void add_object(struct taking *t, const struct json *object)
{
    const struct json *model = json_get(object, "model");
    const struct json *provider = json_get(object, "provider");
    struct str parts[] = {provider != NULL ? provider->text : STR_NONE, STR("/"), model->text};

    if (model->type != JSON_STRING || (provider != NULL && provider->type != JSON_STRING))
        t->wrong = "\"provider\" and \"model\" are texts";
    else if (object->n != (provider != NULL ? 2u : 1u)) /* its own messages, for instance */
        t->wrong = "only \"provider\" and \"model\" can be told of a fallback";
    else
        add_name(t, provider != NULL ? arena_concat(t->r->arena, parts, 3) : model->text);
}

/* {"gpt-4o": ["a", "b"]}: of one model, which is not always the one that is asked for. */
static void add_map(struct taking *t, const struct json *object)
{
    for (const struct json *list = object->child; list != NULL; list = list->next) {
        if (list->type != JSON_ARRAY) {
            t->wrong = "an object has a \"model\", or a list of names for each model";
            return;
        }
        if (!str_eq(list->key, t->r->path.has_model ? t->r->path.model : t->r->openai.model))
            continue;
        for (const struct json *name = list->child; name != NULL; name = name->next) {
            if (name->type == JSON_STRING)
                add_name(t, name->text);
            else
                t->wrong = "names are texts";
        }
    }
}

static void add_all(struct taking *t, const struct json *list)
{
    if (list->type != JSON_ARRAY) {
        t->wrong = "it is no list";
        return;
    }
    for (const struct json *x = list->child; x != NULL && t->wrong == NULL; x = x->next) {
        if (x->type == JSON_STRING)
            add_name(t, x->text);
        else if (x->type == JSON_OBJECT && json_get(x, "model") != NULL)
            add_object(t, x);
        else if (x->type == JSON_OBJECT && x->n > 0)
            add_map(t, x);
        else
            t->wrong = "names are texts";
    }
}

/* --- the body without it --- */

struct cutting {
    struct request *r;
    size_t from; /* what is before it was copied, or is cut out */
    struct buf kept;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_blanks(struct str s, size_t at)
{
    while (at < s.len && is_blank(s.p[at]))
        at++;
    return at;
}

/* The comma goes with it: the one behind it, else the one before. */
static void cut_out(struct cutting *c, size_t start, size_t end)
{
    struct str body = c->r->ex->body;
    size_t next = skip_blanks(body, end);

    buf_add(&c->kept, body.p + c->from, start - c->from);
    if (next < body.len && body.p[next] == ',') {
        c->from = skip_blanks(body, next + 1);
        return;
    }
    c->from = end;
    while (c->kept.len > 0 && is_blank(c->kept.data[c->kept.len - 1]))
        c->kept.len--;
    if (c->kept.len > 0 && c->kept.data[c->kept.len - 1] == ',')
        c->kept.len--;
}

static bool on_member(void *ctx, const struct json_member *m)
{
    struct cutting *c = ctx;
    struct str key = m->key;
    const char *start = m->key.p - 1;

    if (key.len > 0 && memchr(key.p, '\\', key.len) != NULL)
        key = json_unescape_inside(c->r->arena, key);
    if (str_eq(key, STR("fallbacks")))
        cut_out(c, (size_t)(start - c->r->ex->body.p),
                (size_t)(m->raw.p + m->raw.len - c->r->ex->body.p));
    return true;
}

/* -1: there is no room for the copy. */
static int cut_body(struct request *r)
{
    struct cutting c = {.r = r, .kept = BUF_IN(r->arena)};
    struct json_error err;

    if (json_scan(r->worker->json, r->ex->body, on_member, &c, &err) != 0)
        return -1;
    buf_str(&c.kept, str_skip(r->ex->body, c.from));
    if (r->explain == NULL && !http_hold(r->ex, c.kept.len)) /* (who asks for that has no client) */
        return -1;
    r->ex->body = buf_view(&c.kept);
    return openai_scan(r->worker->json, r->arena, r->ex->body, &r->openai, &err);
}

enum step_result brought_take(struct request *r)
{
    struct taking t = {.r = r};
    struct json_error err;
    const struct json *list;

    if (r->openai.fallbacks_raw.p == NULL)
        return STEP_NEXT;
    if (r->openai.fallbacks_raw.len > LIST_BYTES_MAX)
        return request_fail(r, &FAIL_BAD_FALLBACKS, STR("it is too long"), STR("fallbacks"));
    t.names = arena_zalloc(r->arena, COURSE_CLIENT_MAX * sizeof(*t.names));
    list = json_parse(r->worker->json, r->worker->scratch, r->openai.fallbacks_raw, &err);
    if (list == NULL)
        t.wrong = err.text;
    else if (list->type != JSON_NULL)
        add_all(&t, list);
    r->course.has_wishes = list != NULL && list->type != JSON_NULL;
    r->course.wished = t.names;
    r->course.n_wished = t.n;
    worker_scratch_reset(r->worker);
    if (t.wrong != NULL)
        return request_fail(r, &FAIL_BAD_FALLBACKS, str_of(t.wrong), STR("fallbacks"));
    if (cut_body(r) != 0)
        return request_fail(r, &FAIL_OVERLOADED, STR_NONE, STR_NONE);
    return STEP_NEXT;
}
