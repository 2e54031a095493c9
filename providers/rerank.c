#include "providers/rerank.h"

#include "providers/chat_text.h"
#include "providers/spans.h"
#include "providers/write.h"

bool rerank_is_spoken(enum dialect_id dialect)
{
    return dialect == DIALECT_COHERE || dialect == DIALECT_OPENAI;
}

/* --- requests in --- */

static void extra(const struct chat_codec *c, struct rerank_ask *ask, struct str name)
{
    struct chat_text_list *x = arena_alloc(c->arena, sizeof(*x));

    x->text = arena_str(c->arena, name);
    x->next = ask->extras;
    ask->extras = x;
}

static int read_documents(const struct chat_codec *c, const struct json *list,
                          struct rerank_ask *ask, struct chat_error *err)
{
    if (list->type != JSON_ARRAY || list->n == 0 || list->n > RERANK_DOCUMENTS_MAX)
        return chat_invalid(c, err, "documents", "documents must be an array with members");
    ask->documents = arena_alloc(c->arena, list->n * sizeof(*ask->documents));
    ask->n = 0;
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        struct rerank_document *d = &ask->documents[ask->n++];

        if (x->type != JSON_STRING && x->type != JSON_OBJECT)
            return chat_invalid(c, err, "documents", "documents must be strings or objects");
        *d = (struct rerank_document){.raw = x->raw, .is_object = x->type == JSON_OBJECT};
        d->text = d->is_object ? text_member(x, "text") : text_inside(x);
        if (d->is_object && d->text.len == 0)
            d->text = text_of_raw(c->arena, x->raw);
    }
    return 0;
}

static int read_member(const struct chat_codec *c, const struct json *m, struct rerank_ask *ask,
                       struct chat_error *err)
{
    bool yes;

    if (m->type == JSON_NULL)
        return 0;
    if (str_eq(m->key, STR("documents")))
        return read_documents(c, m, ask, err);
    if (str_eq(m->key, STR("query"))) {
        if (m->type != JSON_STRING)
            return chat_invalid(c, err, "query", "query must be a string");
        ask->query = text_inside(m);
    } else if (str_eq(m->key, STR("model"))) {
        ask->model = text_plain(c->arena, text_inside(m));
    } else if (str_eq(m->key, STR("top_n")) || str_eq(m->key, STR("top_k"))) {
        if (!json_u64(m, &ask->top) || ask->top == 0)
            return chat_invalid(c, err, "top_n", "top_n must be a number above 0");
    } else if (str_eq(m->key, STR("max_tokens_per_doc")) && json_u64(m, &ask->max_tokens)) {
        return 0;
    } else if (str_eq(m->key, STR("return_documents")) && json_bool(m, &yes)) {
        ask->documents_back = yes ? YES : NO;
    } else {
        extra(c, ask, m->key);
    }
    return 0;
}

int rerank_decode_request(enum dialect_id dialect, const struct chat_codec *c, struct str body,
                          struct rerank_ask *out, struct chat_error *err)
{
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->arena, body, &fault);

    *out = (struct rerank_ask){.from = dialect};
    if (root == NULL || root->type != JSON_OBJECT)
        return chat_invalid(c, err, NULL, "the body is not a JSON object");
    for (const struct json *m = root->child; m != NULL; m = m->next) {
        if (read_member(c, m, out, err) != 0)
            return -1;
    }
    if (out->n == 0)
        return chat_invalid(c, err, "documents", "documents is required");
    if (out->query.len == 0)
        return chat_invalid(c, err, "query", "query is required");
    return 0;
}

/* --- requests out --- */

void rerank_encode_request(enum dialect_id dialect, const struct rerank_ask *ask,
                           const struct chat_target *target, struct chat_loss *loss,
                           struct buf *out)
{
    bool is_cohere = dialect == DIALECT_COHERE;
    bool has_objects = false;

    write_open(out, '{');
    write_key(out, "model");
    write_plain(out, target->model);
    if (ask->top > 0)
        write_member_u64(out, "top_n", ask->top);
    if (!is_cohere)
        write_member_bool(out, "return_documents", false); /* we have them */
    if (ask->max_tokens > 0 && is_cohere)
        write_member_u64(out, "max_tokens_per_doc", ask->max_tokens);
    else if (ask->max_tokens > 0)
        loss_drop(loss, STR("max_tokens_per_doc"));
    for (const struct chat_text_list *x = ask->extras; x != NULL; x = x->next)
        loss_drop(loss, x->text);
    write_member_text(out, "query", ask->query);
    write_key(out, "documents");
    write_open(out, '[');
    for (size_t i = 0; i < ask->n; i++) {
        write_text(out, ask->documents[i].text);
        has_objects = has_objects || ask->documents[i].is_object;
    }
    write_close(out, ']');
    write_close(out, '}');
    if (has_objects)
        loss_change(loss, STR("documents")); /* their texts */
}

/* --- answers --- */

int rerank_decode_answer(const struct chat_codec *c, const struct rerank_ask *ask, struct str body,
                         struct rerank_answer *out)
{
    struct str root = spans_check(c->json, body) ? str_trim(body) : STR_NONE;
    struct str at = spans_member(root, "results");
    struct str usage = spans_member(root, "usage");
    struct str billed = spans_member(spans_member(root, "meta"), "billed_units");
    struct str item;

    *out = (struct rerank_answer){.n = 0};
    if (at.len == 0)
        at = spans_member(root, "data"); /* Voyage */
    if (at.len < 2 || at.p[0] != '[')
        return -1;
    out->results = arena_alloc(c->arena, ask->n * sizeof(*out->results));
    while (spans_next(&at, &item)) {
        struct rerank_result *r = &out->results[out->n];

        if (out->n == ask->n || !spans_number(spans_member(item, "index"), &r->index) ||
            r->index >= ask->n)
            return -1;
        r->score = spans_member(item, "relevance_score");
        if (r->score.len == 0)
            r->score = spans_member(item, "score");
        if (r->score.len == 0 || (r->score.p[0] != '-' && !str_is_digit(r->score.p[0])))
            return -1;
        out->n++;
    }
    out->usage.known = spans_number(spans_member(usage, "total_tokens"), &out->usage.input) ||
                       spans_number(spans_member(billed, "input_tokens"), &out->usage.input);
    if (spans_number(spans_member(billed, "search_units"), &out->usage.searches))
        out->usage.known = true;
    return 0;
}

static void put_results(const struct rerank_ask *ask, const struct rerank_answer *answer,
                        bool with_documents, struct buf *out)
{
    write_key(out, "results");
    write_open(out, '[');
    for (size_t i = 0; i < answer->n; i++) {
        const struct rerank_document *d = &ask->documents[answer->results[i].index];

        write_open(out, '{');
        write_member_u64(out, "index", answer->results[i].index);
        write_member_raw(out, "relevance_score", answer->results[i].score);
        if (with_documents && d->is_object) {
            write_member_raw(out, "document", d->raw);
        } else if (with_documents) {
            write_key(out, "document");
            write_open(out, '{');
            write_member_text(out, "text", d->text);
            write_close(out, '}');
        }
        write_close(out, '}');
    }
    write_close(out, ']');
}

void rerank_encode_answer(enum dialect_id dialect, const struct rerank_ask *ask,
                          const struct chat_reply *reply, const struct rerank_answer *answer,
                          struct buf *out)
{
    bool is_cohere = dialect == DIALECT_COHERE;

    write_open(out, '{');
    write_key(out, is_cohere ? "id" : "model");
    write_plain(out, is_cohere ? reply->id : reply->model);
    put_results(ask, answer, is_cohere ? ask->documents_back == YES : ask->documents_back != NO,
                out);
    if (is_cohere) {
        buf_cstr(out, ",\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{");
        write_member_u64(out, "search_units", max_u64(answer->usage.searches, 1));
        buf_cstr(out, "}}");
    } else {
        write_key(out, "usage");
        write_open(out, '{');
        write_member_u64(out, "total_tokens", answer->usage.input);
        write_close(out, '}');
    }
    write_close(out, '}');
}
