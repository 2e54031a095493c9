/*
 * The neutral form as a chat-completions request: the top-level members. Messages come last, so that
 * a conversation's next turn has the same bytes up to the end of this one's messages.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"
#include "providers/reasoning.h"
#include "providers/write.h"

bool openai_has(const struct openai_encode *e, uint32_t quirk)
{
    return (e->target->quirks & quirk) != 0;
}

static void put_stream(const struct openai_encode *e)
{
    if (!e->chat->stream)
        return;
    write_member_bool(e->out, "stream", true);
    if (!e->target->wants_usage && !e->chat->include_usage)
        return;
    if (openai_has(e, QUIRK_TELLS_USAGE | QUIRK_NO_STREAM_OPTIONS))
        return;
    write_key(e->out, "stream_options");
    write_open(e->out, '{');
    write_member_bool(e->out, "include_usage", true);
    write_close(e->out, '}');
}

static void put_max_tokens(const struct openai_encode *e)
{
    uint64_t n = e->chat->max_tokens;
    uint64_t limit = e->target->max_output;

    if (n == 0)
        return;
    if (limit > 0 && n > limit) {
        n = limit;
        loss_change(e->loss, STR("max_tokens"));
    }
    write_member_u64(
        e->out, openai_has(e, QUIRK_MAX_COMPLETION) ? "max_completion_tokens" : "max_tokens", n);
}

/* A model that thinks has its sampling fixed, with some vendors. */
static bool is_sampling_fixed(const struct openai_encode *e)
{
    return openai_has(e, QUIRK_NO_PENALTY_THINKING) &&
           (e->target->model_flags & MODEL_REASONING) != 0 &&
           reasoning_effort(&e->chat->reasoning) != EFFORT_NONE;
}

/* Write the number, or report it where it is not taken. */
static void put_number(const struct openai_encode *e, const char *key, struct str raw, bool can)
{
    if (raw.len == 0)
        return;
    if (can)
        write_member_raw(e->out, key, raw);
    else
        loss_drop(e->loss, str_of(key));
}

static void put_sampling(const struct openai_encode *e)
{
    const struct chat *c = e->chat;
    bool is_free = !is_sampling_fixed(e);
    bool has_penalties = is_free && !openai_has(e, QUIRK_NO_PENALTIES);
    bool has_more = openai_has(e, QUIRK_SAMPLING);

    put_number(e, "temperature", c->temperature, is_free);
    put_number(e, "top_p", c->top_p, is_free);
    put_number(e, "top_k", c->top_k, has_more);
    put_number(e, "min_p", c->min_p, has_more);
    put_number(e, "repetition_penalty", c->repetition_penalty, has_more);
    put_number(e, "presence_penalty", c->presence_penalty, has_penalties);
    put_number(e, "frequency_penalty", c->frequency_penalty, has_penalties);
    if (openai_has(e, QUIRK_RANDOM_SEED) && c->seed.len > 0)
        write_member_raw(e->out, "random_seed", c->seed);
    else
        put_number(e, "seed", c->seed, !openai_has(e, QUIRK_NO_SEED));
    put_number(e, "logit_bias", c->logit_bias, is_free && !openai_has(e, QUIRK_NO_LOGPROBS));
}

static void put_logprobs(const struct openai_encode *e)
{
    bool can = !is_sampling_fixed(e) && !openai_has(e, QUIRK_NO_LOGPROBS);
    struct str top = e->chat->top_logprobs;

    if (e->chat->logprobs == YES && can && openai_has(e, QUIRK_LOGPROBS_COUNT)) {
        write_member_raw(e->out, "logprobs", top.len > 0 ? top : STR("1"));
        return;
    }
    if (e->chat->logprobs == YES && can)
        write_member_bool(e->out, "logprobs", true);
    else if (e->chat->logprobs == YES)
        loss_drop(e->loss, STR("logprobs"));
    put_number(e, "top_logprobs", top, can);
}

static void put_stops(const struct openai_encode *e)
{
    const struct chat_text_list *s = e->chat->stops;

    if (s == NULL)
        return;
    if (openai_has(e, QUIRK_NO_STOP)) {
        loss_drop(e->loss, STR("stop"));
        return;
    }
    write_key(e->out, "stop");
    write_open(e->out, '[');
    for (; s != NULL; s = s->next)
        write_text(e->out, s->text);
    write_close(e->out, ']');
}

static void put_three(const struct openai_encode *e, const char *key, enum chat_three v, bool can)
{
    if (v == UNSET)
        return;
    if (can)
        write_member_bool(e->out, key, v == YES);
    else
        loss_drop(e->loss, str_of(key));
}

static void put_text(const struct openai_encode *e, const char *key, struct str text, bool can)
{
    if (text.len == 0)
        return;
    if (can)
        write_member_text(e->out, key, text);
    else
        loss_drop(e->loss, str_of(key));
}

/* OpenAI answers 400 to a tier of another provider's. */
static bool knows_tier(const struct openai_encode *e)
{
    static const char *const tiers[] = {"auto", "default", "flex", "scale", "priority"};
    bool is_known = e->chat->from == DIALECT_OPENAI || e->chat->from == DIALECT_RESPONSES;

    for (size_t i = 0; i < ARRAY_LEN(tiers) && !is_known; i++)
        is_known = text_is(e->chat->service_tier, tiers[i]);
    return is_known && !openai_has(e, QUIRK_NO_SERVICE_TIER);
}

static void put_accounting(const struct openai_encode *e)
{
    const struct chat *c = e->chat;
    bool has_storage = !openai_has(e, QUIRK_NO_STORAGE);

    if (c->n > 1 && !openai_has(e, QUIRK_NO_N))
        write_member_u64(e->out, "n", c->n);
    else if (c->n > 1)
        loss_drop(e->loss, STR("n"));
    put_text(e, "user", c->user, !openai_has(e, QUIRK_NO_USER));
    put_text(e, "service_tier", c->service_tier, knows_tier(e));
    put_text(e, "verbosity", c->verbosity, has_storage);
    put_text(e, "prompt_cache_key", c->cache_key, has_storage);
    put_three(e, "store", c->store, has_storage);
    put_number(e, "metadata", c->metadata, has_storage);
    for (const struct chat_extra *x = c->extras; x != NULL; x = x->next)
        loss_drop(e->loss, x->name);
}

/* A reference to what another provider keeps would leave the model without its conversation. */
static int check_extras(const struct openai_encode *e)
{
    static const char *const references[] = {"previous_response_id", "conversation", "prompt",
                                             "cachedContent"};

    for (const struct chat_extra *x = e->chat->extras; x != NULL; x = x->next) {
        for (size_t i = 0; i < ARRAY_LEN(references); i++) {
            if (e->chat->from != DIALECT_OPENAI && str_eq(x->name, str_of(references[i])))
                return chat_invalid(e->c, e->err, references[i],
                                    "'%s' names what is kept at another provider than the one this "
                                    "model runs at; send the messages themselves.",
                                    references[i]);
        }
    }
    return 0;
}

static int encode(struct openai_encode *e)
{
    if (check_extras(e) != 0)
        return -1;
    write_open(e->out, '{');
    write_key(e->out, "model");
    write_plain(e->out, e->target->model);
    put_stream(e);
    put_max_tokens(e);
    openai_put_reasoning(e);
    put_sampling(e);
    put_logprobs(e);
    put_stops(e);
    put_accounting(e);
    openai_put_format(e);
    openai_put_tools(e);
    if (openai_put_messages(e) != 0)
        return -1;
    write_close(e->out, '}');
    return 0;
}

int openai_encode_request(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err)
{
    struct openai_encode e = {
        .c = c, .chat = chat, .target = target, .loss = loss, .out = out, .err = err};
    size_t before = out->len;

    if (encode(&e) == 0)
        return 0;
    out->len = before;
    return -1;
}
