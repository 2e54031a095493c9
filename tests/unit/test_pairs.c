/*
 * Requests of every dialect for models of every other: what is lost is named, and nothing else is lost.
 *
 * BOWFIN_PAIRS_WRITE=1 writes providers/dialects/README-losses.md anew.
 */
#include "tests/unit/pairs_facts.h"

#define TABLE "providers/dialects/README-losses.md"

static const char *pair_name(enum dialect_id from, enum dialect_id to)
{
    return arena_printf(pairs_codec.arena, "%s -> %s", dialect_names[from], dialect_names[to]).p;
}

static bool reports(const struct chat_loss *loss, const struct fact *a)
{
    for (size_t i = 0; i < loss->n_dropped; i++) {
        if (fact_has_name(a, loss->dropped[i]))
            return true;
    }
    for (size_t i = 0; i < loss->n_changed; i++) {
        if (fact_has_name(a, loss->changed[i]))
            return true;
    }
    return false;
}

/*
 * What is not named, and why: the table's own words. `fact` is what its text begins with.
 */
static const struct {
    enum dialect_id to;
    const char *fact, *why;
} unnamed[] = {
    {DIALECT_OPENAI, "* cache=", "cache points: OpenAI caches prefixes by itself"},
    {DIALECT_RESPONSES, "* cache=", "cache points: OpenAI caches prefixes by itself"},
    {DIALECT_GEMINI, "* cache=", "cache points: Google caches prefixes by itself"},
    {DIALECT_COHERE, "* cache=", "cache points: Cohere caches prefixes by itself"},
    {DIALECT_COHERE, "thoughts are shown=2", "thoughts that are asked for: they are always shown"},
    {DIALECT_ANTHROPIC, "format name=", "the name of an answer's schema: the model is not told it"},
    {DIALECT_GEMINI, "format name=", "the name of an answer's schema: the model is not told it"},
    {DIALECT_GEMINI, "format is strict", "strict answers: a schema always holds"},
    {DIALECT_BEDROCK, "format is strict", "strict answers: a schema always holds"},
    {DIALECT_ANTHROPIC, "temperature=1", "temperature 1 with thinking: it is 1 then"},
    {DIALECT_BEDROCK, "temperature=1", "temperature 1 with thinking: it is 1 then"},
};

static bool needs_no_name(const struct fact *a, enum dialect_id to)
{
    for (size_t i = 0; i < ARRAY_LEN(unnamed); i++) {
        const char *begin = unnamed[i].fact;
        bool within = begin[0] == '*' && fact_within(str_of(begin + 2), a->text);

        if (unnamed[i].to == to && (within || str_starts(a->text, str_of(begin))))
            return true;
    }
    return false;
}

/* Each name that was reported must be of a fact that is gone. */
static int idle_names(const struct str *names, size_t n, const struct facts *facts,
                      const char *pair)
{
    int wrong = 0;

    for (size_t i = 0; i < n; i++) {
        bool used = false;

        for (size_t k = 0; k < facts->n && !used; k++)
            used = !facts->list[k].is_found && fact_has_name(&facts->list[k], names[i]);
        if (!used) {
            print_error("%s: reported, though nothing of it is lost: %.*s\n", pair,
                        STR_ARGS(names[i]));
            wrong++;
        }
    }
    return wrong;
}

static int compare(const struct chat *asked, const struct chat *got, const struct chat_loss *loss,
                   enum dialect_id to)
{
    const char *pair = pair_name(asked->from, to);
    struct facts *a = arena_alloc(pairs_codec.arena, sizeof(*a));
    struct facts *b = arena_alloc(pairs_codec.arena, sizeof(*b));
    int wrong = 0;

    facts_of(a, asked);
    facts_of(b, got);
    for (size_t i = 0; i < a->n; i++) {
        a->list[i].is_found = fact_is_told(&a->list[i], b);
        if (!a->list[i].is_found && !reports(loss, &a->list[i]) &&
            !needs_no_name(&a->list[i], to)) {
            print_error("%s: lost in silence: %.*s\n", pair, STR_ARGS(a->list[i].text));
            wrong++;
        }
    }
    for (size_t i = 0; i < b->n; i++) {
        struct str text = b->list[i].text;

        /* what an encoder writes, its own dialect's decoder knows; but AWS's betas are opaque */
        if (!b->list[i].is_found && str_starts(text, STR("extra ")) &&
            !str_ends(text, STR(".anthropic_beta"))) {
            print_error("%s: invented: %.*s\n", pair, STR_ARGS(text));
            wrong++;
        }
    }
    wrong += idle_names(loss->dropped, loss->n_dropped, a, pair);
    wrong += idle_names(loss->changed, loss->n_changed, a, pair);
    return wrong;
}

/* The client's request as the target gets it, without what is refused outright. Empty: an error. */
struct crossing {
    enum dialect_id from, to;
    struct chat *asked;
    struct chat_loss loss;
    struct buf refused;
    struct str body;
};

static void cross(struct crossing *x, struct str request)
{
    struct chat_error err;

    buf_clear(&x->refused);
    x->asked = pairs_decoded(x->from, request);
    pairs_take_out_refused(x->to, x->asked, &x->refused);
    x->body = pairs_encode(x->to, x->asked, &x->loss, &err);
    if (x->body.len == 0)
        fail_msg("%s: %.*s: %.*s", pair_name(x->from, x->to), STR_ARGS(err.param),
                 STR_ARGS(err.message));
}

static void says_what_it_loses(void **state)
{
    struct crossing x = {.refused = BUF_INIT};
    int wrong = 0;

    (void)state;
    pairs_each(from, to)
    {
        x.from = from;
        x.to = to;
        cross(&x, pairs_request(from, "request"));
        wrong += compare(x.asked, pairs_decoded(to, x.body), &x.loss, to);
        cross(&x, pairs_request(from, "plain"));
        wrong += compare(x.asked, pairs_decoded(to, x.body), &x.loss, to);
    }
    buf_fini(&x.refused);
    assert_int_equal(wrong, 0);
}

/* What every wire has is lost nowhere. */
static void says_plain_things_in_full(void **state)
{
    struct crossing x = {.refused = BUF_INIT};

    (void)state;
    pairs_each(from, to)
    {
        x.from = from;
        x.to = to;
        cross(&x, pairs_request(from, "plain"));
        if (!loss_is_full(&x.loss))
            fail_msg("%s: %.*s", pair_name(from, to),
                     STR_ARGS(loss_header(&x.loss, pairs_codec.arena)));
    }
    buf_fini(&x.refused);
}

/* --- one more turn --- */

static const char *const last_members[DIALECTS] = {
    [DIALECT_OPENAI] = "\"messages\":[",    [DIALECT_RESPONSES] = "\"input\":[",
    [DIALECT_ANTHROPIC] = "\"messages\":[", [DIALECT_GEMINI] = "\"contents\":[",
    [DIALECT_BEDROCK] = "\"messages\":[",   [DIALECT_COHERE] = "\"messages\":[",
};

static void keeps_prefix(struct crossing *x, const char *request, const char *turn)
{
    struct str before = pairs_request(x->from, request);
    struct str first, again;
    size_t same = 0;

    cross(x, before);
    first = x->body;
    cross(x, before);
    assert_true(str_eq(first, x->body)); /* two runs, the same bytes */
    assert_true(fact_within(str_of(last_members[x->to]), first));
    cross(x, pairs_longer(before, pairs_request(x->from, turn)));
    again = x->body;
    while (same < first.len && same < again.len && first.p[same] == again.p[same])
        same++;
    /* all but the brackets that close the last message, its list and the body */
    if (same + 6 < first.len)
        fail_msg("%s: %s: only %zu of %zu bytes are the same:\n%.*s\n%.*s",
                 pair_name(x->from, x->to), request, same, first.len, STR_ARGS(first),
                 STR_ARGS(again));
}

static void keeps_the_prefix(void **state)
{
    struct crossing x = {.refused = BUF_INIT};

    (void)state;
    pairs_each(from, to)
    {
        x.from = from;
        x.to = to;
        keeps_prefix(&x, "request", "turn");
        keeps_prefix(&x, "plain", "plain_turn");
    }
    buf_fini(&x.refused);
}

/* --- what the target's reference knows --- */

static const char *const known[DIALECTS] = {
    [DIALECT_OPENAI] =
        "model,messages,stream,stream_options,temperature,top_p,n,stop,max_completion_tokens,"
        "presence_penalty,frequency_penalty,logit_bias,logprobs,top_logprobs,seed,user,store,"
        "metadata,service_tier,verbosity,prompt_cache_key,reasoning_effort,parallel_tool_calls,"
        "response_format,tools,tool_choice,web_search_options",
    [DIALECT_RESPONSES] =
        "model,input,instructions,stream,temperature,top_p,top_logprobs,max_output_tokens,user,"
        "store,metadata,service_tier,prompt_cache_key,reasoning,parallel_tool_calls,include,text,"
        "tools,tool_choice,max_tool_calls,truncation,safety_identifier,prompt_cache_retention,"
        "stream_options,vendor_extra",
    [DIALECT_ANTHROPIC] =
        "model,messages,max_tokens,stream,temperature,top_p,top_k,stop_sequences,metadata,"
        "service_tier,thinking,output_config,tools,tool_choice,system,container,"
        "context_management,inference_geo,mcp_servers,vendor_extra",
    [DIALECT_GEMINI] = "contents,systemInstruction,generationConfig,safetySettings,tools,"
                       "toolConfig,labels,serviceTier,store,vendorExtra",
    [DIALECT_BEDROCK] =
        "messages,system,inferenceConfig,toolConfig,additionalModelRequestFields,"
        "additionalModelResponseFieldPaths,guardrailConfig,performanceConfig,promptVariables,"
        "requestMetadata,serviceTier,outputConfig,vendorExtra",
    [DIALECT_COHERE] =
        "model,messages,stream,temperature,p,k,max_tokens,stop_sequences,presence_penalty,"
        "frequency_penalty,logprobs,seed,strict_tools,safety_mode,raw_prompting,priority,thinking,"
        "citation_options,documents,response_format,tool_choice,tools,vendor_extra",
};

static void writes_known_members(void **state)
{
    struct crossing x = {.refused = BUF_INIT};

    (void)state;
    pairs_each(from, to)
    {
        struct fact all = {.names = known[to]};
        struct json_error err;
        const struct json *root;

        x.from = from;
        x.to = to;
        cross(&x, pairs_request(from, "request"));
        root = json_parse_raw(pairs_codec.json, pairs_codec.arena, x.body, &err);
        assert_non_null(root);
        for (const struct json *m = root->child; m != NULL; m = m->next) {
            bool is_own = from == to || !str_starts(m->key, STR("vendor"));

            if (!is_own || !fact_has_name(&all, m->key))
                fail_msg("%s: writes %.*s", pair_name(from, to), STR_ARGS(m->key));
            for (const struct json *n = m->next; n != NULL; n = n->next)
                assert_false(str_eq(n->key, m->key)); /* each once */
        }
    }
    buf_fini(&x.refused);
}

/* --- the table --- */

static bool has_name(const struct str *names, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(names[i], name))
            return true;
    }
    return false;
}

/* Names that are in `names` and not in `but`. */
static void put_names(struct buf *b, const struct str *names, size_t n, const struct chat_loss *but)
{
    const char *between = "";

    for (size_t i = 0; i < n; i++) {
        if (but != NULL && has_name(but->dropped, but->n_dropped, names[i]))
            continue;
        buf_printf(b, "%s`%.*s`", between, STR_ARGS(names[i]));
        between = ", ";
    }
}

static void put_why(struct buf *b, enum dialect_id to)
{
    for (size_t i = 0; i < ARRAY_LEN(unnamed); i++) {
        if (unnamed[i].to == to)
            buf_printf(b, "| %s | %s |\n", dialect_names[to], unnamed[i].why);
    }
}

/* What every other dialect drops, so that it is said once. */
static void common_losses(struct crossing *x, struct chat_loss *common)
{
    bool is_first = true;

    for (enum dialect_id to = DIALECT_OPENAI; to < DIALECTS; to++) {
        size_t n = 0;

        if (dialect_get(to) == NULL || to == x->from)
            continue;
        x->to = to;
        cross(x, pairs_request(x->from, "request"));
        if (is_first)
            *common = x->loss;
        is_first = false;
        for (size_t i = 0; i < common->n_dropped; i++) {
            if (has_name(x->loss.dropped, x->loss.n_dropped, common->dropped[i]))
                common->dropped[n++] = common->dropped[i];
        }
        common->n_dropped = n;
    }
}

static void put_client(struct buf *b, struct crossing *x)
{
    struct chat_loss common = {.n_dropped = 0};

    common_losses(x, &common);
    buf_printf(b, "\n## %s\nDropped everywhere: ", dialect_names[x->from]);
    put_names(b, common.dropped, common.n_dropped, NULL);
    buf_cstr(b, "\n\n| to | dropped besides | changed | refused with a 400 |\n"
                "| --- | --- | --- | --- |\n");
    for (x->to = DIALECT_OPENAI; x->to < DIALECTS; x->to++) {
        if (dialect_get(x->to) == NULL || x->to == x->from)
            continue;
        cross(x, pairs_request(x->from, "request"));
        buf_printf(b, "| %s | ", dialect_names[x->to]);
        put_names(b, x->loss.dropped, x->loss.n_dropped, &common);
        buf_cstr(b, " | ");
        put_names(b, x->loss.changed, x->loss.n_changed, NULL);
        buf_printf(b, " | %.*s |\n", STR_ARGS(buf_view(&x->refused)));
    }
}

static const char head[] =
    "# What is lost between dialects\n"
    "\n"
    "Written by `BOWFIN_PAIRS_WRITE=1 build/release/tests/unit/test_pairs`; `make unit` compares. "
    "Each client's request has\n"
    "every field of its reference (tests/unit/data/pairs), so a real one loses what it has of "
    "these. The names are those of\n"
    "`x-bf-fidelity`; `x-bf-strict: true` makes them a 400. A request with system text, tools, "
    "parallel calls and their results,\n"
    "temperature and max tokens alone is `full` in all 36 pairs. Same dialect in and out: bytes "
    "pass untouched.\n"
    "\n"
    "Models behind the pairs: gpt-5.1 (chat completions and Responses), Claude Sonnet 4.5 "
    "(Anthropic and Bedrock) thinking where\n"
    "the request asks for it, Gemini 3 Flash, Command A Reasoning.\n";

static void keeps_its_table(void **state)
{
    struct crossing x = {.refused = BUF_INIT};
    struct buf b = BUF_IN(pairs_codec.arena);
    FILE *f;

    (void)state;
    buf_cstr(&b, head);
    for (x.from = DIALECT_OPENAI; x.from < DIALECTS; x.from++) {
        if (dialect_get(x.from) != NULL)
            put_client(&b, &x);
    }
    buf_cstr(&b, "\n## Not named\nWhat has no place in a dialect and needs none:\n\n"
                 "| to | what and why |\n| --- | --- |\n");
    for (enum dialect_id to = DIALECT_OPENAI; to < DIALECTS; to++)
        put_why(&b, to);
    buf_fini(&x.refused);
    if (getenv("BOWFIN_PAIRS_WRITE") != NULL) {
        f = fopen(TABLE, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(b.data, 1, b.len, f), b.len);
        assert_int_equal(fclose(f), 0);
    }
    if (!str_eq(pairs_file(TABLE), buf_view(&b)))
        fail_msg("%s", TABLE " is out of date: run this with BOWFIN_PAIRS_WRITE=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pairs_test(says_what_it_loses), pairs_test(says_plain_things_in_full),
        pairs_test(keeps_the_prefix),   pairs_test(writes_known_members),
        pairs_test(keeps_its_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
