#include "server/worker/fail.h"

#include "providers/chat_text.h"
#include "server/worker/answer.h"
#include "server/worker/money_tell.h"
#include "server/worker/primary.h"
#include "server/worker/queue.h"
#include "server/worker/refusal.h"
#include "server/worker/relay.h"
#include "server/worker/request.h"
#include "server/worker/settle.h"
#include "server/worker/translate.h"

#define INVALID "invalid_request_error"
#define AUTH "authentication_error"
#define PERMISSION "permission_error"
#define BLOCKED "access_blocked"
#define UPSTREAM "upstream_error"
#define SERVER "server_error"

const struct fail FAIL_NOT_JSON = {"not_json", 400, INVALID,
                                   "the request body must be one JSON object"};
const struct fail FAIL_NO_MODEL = {"no_model", 400, INVALID,
                                   "the request needs a \"model\", for instance "
                                   "\"openai/gpt-4o-mini\"; GET /v1/models lists some"};
const struct fail FAIL_BAD_MODEL = {
    "bad_model", 400, INVALID,
    "\"model\" must be a string of 1 to 512 bytes without control characters"};
const struct fail FAIL_BAD_FALLBACKS = {
    "bad_fallbacks", 400, INVALID,
    "fallbacks are a list of at most 5 names of models, in the body or in x-bf-fallbacks"};
const struct fail FAIL_UNKNOWN_PROVIDER = {"unknown_provider", 404, INVALID,
                                           "no such provider is configured here"};
const struct fail FAIL_UNKNOWN_PROVIDER_KEY = {
    "unknown_provider_key", 400, INVALID,
    "x-bf-provider-key names no provider key that may serve this request"};
const struct fail FAIL_UNKNOWN_TAGS = {"unknown_tags", 400, INVALID,
                                       "x-bf-tags asks for what no route of this request has"};
const struct fail FAIL_UNKNOWN_MODEL = {
    "unknown_model", 404, INVALID,
    "no provider here has this model: use a name of GET /v1/models, or provider/model"};
const struct fail FAIL_MODEL_NOT_ALLOWED = {"model_not_allowed", 403, "model_blocked",
                                            "this virtual key may not use this model"};
const struct fail FAIL_PROVIDER_NOT_ALLOWED = {"provider_not_allowed", 403, "provider_blocked",
                                               "this virtual key may not use this provider"};
const struct fail FAIL_ROUTE_NOT_ALLOWED = {"route_not_allowed", 403, BLOCKED,
                                            "this virtual key may not use this path"};
const struct fail FAIL_NETWORK_NOT_ALLOWED = {"network_not_allowed", 403, BLOCKED,
                                              "this virtual key may not be used from this address"};
const struct fail FAIL_KEY_BLOCKED = {"key_blocked", 403, BLOCKED,
                                      "this virtual key may not be used now"};
const struct fail FAIL_BUDGET_EXCEEDED = {"budget_exceeded", 402, "budget_exceeded",
                                          "Budget exceeded: the budget"};
const struct fail FAIL_TOO_MANY_BUDGETS = {
    "too_many_budgets", 403, BLOCKED,
    "more budgets stand over this request than can be booked to, of its key, of those above it, "
    "and of its provider and model together"};
const struct fail FAIL_REQUEST_LIMITED = {"request_limited", 429, "request_limited",
                                          "Too many requests: the limit"};
const struct fail FAIL_TOKEN_LIMITED = {"token_limited", 429, "token_limited",
                                        "Too many tokens: the limit"};
const struct fail FAIL_CONCURRENCY_LIMITED = {"concurrency_limited", 429, "rate_limited",
                                              "Too many requests at the same time: the limit"};
const struct fail FAIL_QUEUE_FULL = {
    "queue_full", 429, "rate_limited",
    "everything that could serve this is busy, and as many wait for it as may; try again later"};
const struct fail FAIL_QUEUE_TIMEOUT = {
    "queue_timeout", 429, "rate_limited",
    "everything that could serve this was busy for as long as a request may wait; try again later"};
const struct fail FAIL_SHED = {"shed", 503, SERVER,
                               "the gateway is full, and requests of this key's priority are "
                               "refused until there is room; try again later"};
const struct fail FAIL_UNPRICED = {
    "unpriced", 400, INVALID,
    "nobody has told what this model costs, and such models are refused here"};
const struct fail FAIL_NO_KEY = {
    "no_key", 401, AUTH,
    "a virtual key is needed: send it as \"Authorization: Bearer sk-bf-...\" (or x-api-key, "
    "api-key, x-goog-api-key, x-bf-vk)"};
const struct fail FAIL_BAD_KEY = {
    "bad_key", 401, AUTH,
    "there is no such virtual key: check that it was copied whole and was not revoked"};
const struct fail FAIL_KEY_EXPIRED = {"key_expired", 403, BLOCKED,
                                      "this virtual key has expired: ask for a new one"};
const struct fail FAIL_KEY_INACTIVE = {"key_inactive", 403, BLOCKED,
                                       "this virtual key is switched off"};
const struct fail FAIL_BAD_PATH = {
    "bad_path", 404, INVALID,
    "no such path: the API is under /v1 (also /, /openai, /anthropic, /genai, /bedrock, /cohere)"};
const struct fail FAIL_BAD_METHOD = {"bad_method", 405, INVALID,
                                     "this path does not take this method; it takes"};
const struct fail FAIL_BODY_TOO_LARGE = {
    "body_too_large", 413, INVALID, "the request body is larger than limits.body_max allows here"};
const struct fail FAIL_BAD_MULTIPART = {
    "bad_multipart", 400, INVALID,
    "the body must be multipart/form-data as its boundary says, with one \"model\" field at most"};
const struct fail FAIL_NO_UPSTREAM_KEY = {"no_upstream_key", 503, UPSTREAM,
                                          "no provider key can serve this request"};
const struct fail FAIL_NO_TOKEN = {
    "no_token", 503, UPSTREAM,
    "the provider's credential could not be exchanged for a token; see the gateway's log"};
const struct fail FAIL_UPSTREAM_CONNECT = {"upstream_connect", 502, UPSTREAM,
                                           "the provider could not be reached"};
const struct fail FAIL_UPSTREAM_TLS = {"upstream_tls", 502, UPSTREAM,
                                       "no trusted TLS connection to the provider could be made"};
const struct fail FAIL_UPSTREAM_TIMEOUT = {"upstream_timeout", 504, UPSTREAM,
                                           "the provider did not answer in time"};
const struct fail FAIL_UPSTREAM_SILENT = {"upstream_silent", 504, UPSTREAM,
                                          "the provider went silent in the middle of its answer"};
const struct fail FAIL_UPSTREAM_SLOW = {
    "upstream_slow", 504, UPSTREAM, "the provider wrote slower than the model's throughput allows"};
const struct fail FAIL_FILTERED = {"filtered", 400, INVALID,
                                   "the provider's content filter let nothing through"};
const struct fail FAIL_UPSTREAM_CUT = {"upstream_cut", 502, UPSTREAM,
                                       "the provider broke its answer off"};
const struct fail FAIL_UPSTREAM_NONSENSE = {"upstream_nonsense", 502, UPSTREAM,
                                            "the provider's answer could not be understood"};
const struct fail FAIL_UPSTREAM_TYPE = {"upstream_type", 502, UPSTREAM,
                                        "the provider answered with a page, as portals and load "
                                        "balancers do, not with a model's answer"};
const struct fail FAIL_ADMIN_DOWN = {"admin_down", 503, SERVER,
                                     "the management process is not there; it is being restarted"};
const struct fail FAIL_NOT_READY = {"not_ready", 503, SERVER,
                                    "the gateway has no configuration yet; try again in a second"};
const struct fail FAIL_OVERLOADED = {"overloaded", 503, SERVER,
                                     "the gateway holds as much as it may; try again in a second"};
const struct fail FAIL_BAD_HTTP = {"bad_http", 400, INVALID, "the request is not well-formed HTTP"};
const struct fail FAIL_HEAD_TOO_LARGE = {
    "head_too_large", 431, INVALID,
    "the request has more headers than are taken: 100, 64 KiB in all"};
const struct fail FAIL_TOO_SLOW = {"too_slow", 408, INVALID,
                                   "the request took longer to arrive than limits allow"};
const struct fail FAIL_NO_DIALECT = {
    "no_dialect", 501, INVALID,
    "this model's provider has nothing like it, and it cannot be translated"};
const struct fail FAIL_NOT_FAITHFUL = {
    "not_faithful", 400, INVALID,
    "x-bf-strict is set, by the request or its key, and this model's provider has no equivalent "
    "for parts of the request"};
const struct fail FAIL_UNTRANSLATABLE = {"untranslatable", 400, INVALID,
                                         "the request cannot be said to this model's provider"};
const struct fail FAIL_NO_IMAGES = {"no_images", 400, INVALID, "this model takes no images"};
const struct fail FAIL_UPSTREAM_ERROR = {"upstream_error", 502, UPSTREAM,
                                         "the provider ended its answer with an error"};
const struct fail FAIL_FORBIDDEN = {"forbidden", 403, PERMISSION, "this is not allowed"};

struct str fail_message(struct arena *a, const struct fail *f, struct str detail)
{
    if (detail.len == 0)
        return str_of(f->text);
    return arena_concat(
        a, (struct str[]){str_of(f->text), refusal_is(f) ? STR(" ") : STR(": "), detail}, 3);
}

/* OpenAI's errors have our own names in them; the others' types are their SDKs' to choose. */
static const struct dialect *own_words(const struct dialect *d)
{
    return d != NULL && d->id != DIALECT_OPENAI ? d : NULL;
}

static struct chat_error error_of(struct arena *a, const struct fail *f, struct str detail,
                                  struct str param)
{
    return (struct chat_error){
        .kind = chat_error_kind_of(f->status),
        .status = f->status,
        .message = text_escape(a, fail_message(a, f, detail)),
        .code = str_of(f->name),
        .param = text_escape(a, param),
    };
}

/* What a request's answer says: of the provider's or the translation's error, if there is one. */
static struct chat_error error_in(struct request *r, const struct fail *f, struct str detail,
                                  struct str param)
{
    struct chat_error e =
        r->fail_error != NULL ? *r->fail_error : error_of(r->arena, f, detail, param);

    if (f == &FAIL_BUDGET_EXCEEDED) {
        e.status = refusal_budget_status(r);
        e.kind = chat_error_kind_of(e.status);
    }
    return e;
}

/* What is said, before it is known in which dialect. */
struct words {
    struct arena *arena;
    const struct fail *f;
    const char *type; /* OpenAI's */
    struct chat_error e;
};

static void add_header(struct fail_text *t, struct str name, struct str value)
{
    must(t->n_headers < FAIL_HEADERS_MAX);
    t->headers[t->n_headers++] = (struct http_header){name, value};
}

static void put_headers(const struct words *w, enum dialect_id dialect, struct fail_text *out)
{
    struct str id_name = translate_id_header(dialect);

    out->n_headers = 0;
    add_header(out, STR("x-bf-error"), str_of(w->f->name));
    if (w->e.status == 401)
        add_header(out, STR("www-authenticate"), STR("Bearer"));
    else if (w->e.status == 503)
        add_header(out, STR("retry-after"), STR("1"));
    if (id_name.len > 0)
        add_header(out, id_name, str_of(out->id));
}

/* The body in the caller's dialect, and the header that names its type where one does. */
static void put_body(const struct words *w, const struct dialect *d, struct fail_text *out)
{
    struct buf b = BUF_INIT;

    if (d == NULL) {
        out->body = openai_error(w->arena, text_plain(w->arena, w->e.message), w->type, w->f->name,
                                 text_plain(w->arena, w->e.param));
        return;
    }
    if (d->error_header != NULL)
        add_header(out, str_of(d->error_header), str_of(d->error_type(&w->e)));
    d->encode_error(&w->e, str_of(out->id), &b);
    out->body = arena_str(w->arena, buf_view(&b));
    buf_fini(&b);
}

void fail_write(struct arena *a, struct str path, const struct fail *f, struct str detail,
                struct fail_text *out)
{
    const struct words w = {a, f, f->type, error_of(a, f, detail, STR_NONE)};
    struct path p;

    (void)path_parse(a, path, STR_NONE, DIALECT_NONE, &p); /* it need not be one of ours */
    put_headers(&w, p.dialect, out);
    put_body(&w, own_words(dialect_get(p.dialect)), out);
}

/* What its limits say, and how long to wait for more. */
static void add_money(struct request *r, const struct fail *f, struct fail_text *t)
{
    struct http_header headers[MONEY_HEADERS_MAX];
    size_t n = money_headers(r, headers);

    for (size_t i = 0; i < n; i++)
        add_header(t, headers[i].name, headers[i].value);
    if (queue_is(f))
        n = queue_headers(r, headers);
    else if (refusal_is(f))
        n = refusal_headers(r, headers);
    else
        return;
    for (size_t i = 0; i < n; i++)
        add_header(t, headers[i].name, headers[i].value);
}

/* Whose error it is, and what else was tried. */
static void add_trail(struct request *r, struct fail_text *t)
{
    const struct primary *p = r->primary != NULL && r->primary->is_told ? r->primary : NULL;
    struct str model = p != NULL ? p->model : r->attempt.model;

    if (r->n_attempts > 0) {
        add_header(t, STR("x-bf-provider"),
                   head_printable(p != NULL ? p->provider : r->attempt.provider));
        if (model.len > 0)
            add_header(t, STR("x-bf-model"), head_printable(model));
    }
    if (r->admitted)
        add_header(t, STR("x-bf-attempts"), trail_text(r));
}

static void answer_whole(struct request *r, const struct fail *f, struct str detail,
                         struct str param)
{
    const char *type = r->fail_error != NULL && f->status != 502 ? INVALID : f->type;
    const struct words w = {r->arena, f, type, error_in(r, f, detail, param)};
    struct fail_text t = {.id = r->id_text};

    put_headers(&w, r->path.dialect, &t);
    add_trail(r, &t);
    if (r->course.n_skips > 0)
        add_header(&t, STR("x-bf-skipped"), course_skipped(r));
    add_money(r, f, &t);
    if (f == &FAIL_BAD_METHOD)
        add_header(&t, STR("allow"), detail);
    put_body(&w, own_words(translate_client(r)), &t);
    r->status = w.e.status;
    r->bytes_out += t.body.len;
    settle(r);
    answer_json(r, w.e.status, t.body, t.headers, t.n_headers);
}

static void break_stream(struct request *r, const struct fail *f, struct str detail)
{
    const struct chat_error e = error_in(r, f, detail, STR_NONE);
    const struct dialect *d = own_words(translate_client(r));
    struct buf b = BUF_INIT;
    struct str event;

    if (d == NULL) {
        event = openai_error_event(r->arena, text_plain(r->arena, e.message), f->type, f->name);
    } else {
        if (!translate_break(r, &e, &b))
            d->encode_error_event(&e, str_of(r->id_text), &b);
        event = arena_str(r->arena, buf_view(&b));
        buf_fini(&b);
    }
    r->bytes_out += event.len;
    settle(r);
    relay_break(r, event);
}

void fail_answer(struct request *r, const struct fail *f, struct str detail, struct str param)
{
    if (r->ex == NULL || r->answer_closing)
        return;
    if (!r->answer_begun)
        answer_whole(r, f, detail, param);
    else if (r->is_stream)
        break_stream(r, f, detail);
    else
        relay_abort(r);
}
