#include "providers/loss.h"

#include "providers/chat.h"
#include "server/base/base.h"

#define MORE STR("...")

static void add(struct str *names, size_t *n, struct str name)
{
    for (size_t i = 0; i < *n; i++) {
        if (str_eq(names[i], name))
            return;
    }
    if (*n == LOSS_MAX)
        return;
    names[*n] = *n + 1 < LOSS_MAX ? name : MORE;
    (*n)++;
}

void loss_drop(struct chat_loss *l, struct str name)
{
    add(l->dropped, &l->n_dropped, name);
}

void loss_change(struct chat_loss *l, struct str name)
{
    add(l->changed, &l->n_changed, name);
}

void loss_unsaid(struct chat_loss *l, const struct chat *chat, uint32_t said)
{
    const struct {
        bool is_set;
        struct str name;
        uint32_t said;
    } rest[] = {
        {chat->min_p.len > 0, STR("min_p"), 0},
        {chat->presence_penalty.len > 0, STR("presence_penalty"), SAID_PENALTIES},
        {chat->frequency_penalty.len > 0, STR("frequency_penalty"), SAID_PENALTIES},
        {chat->repetition_penalty.len > 0, STR("repetition_penalty"), 0},
        {chat->seed.len > 0, STR("seed"), SAID_SEED},
        {chat->logprobs == YES, STR("logprobs"), SAID_LOGPROBS},
        {chat->top_logprobs.len > 0, STR("top_logprobs"), 0},
        {chat->n > 1, STR("n"), 0},
        {chat->logit_bias.len > 0, STR("logit_bias"), 0},
        {chat->user.len > 0, STR("user"), SAID_USER},
        {chat->metadata.len > 2, STR("metadata"), SAID_METADATA},
        {chat->verbosity.len > 0, STR("verbosity"), 0},
        {chat->cache_key.len > 0, STR("prompt_cache_key"), 0},
        {chat->store == YES, STR("store"), 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
        if (rest[i].is_set && (rest[i].said & said) == 0)
            loss_drop(l, rest[i].name);
    }
}

bool loss_is_full(const struct chat_loss *l)
{
    return l->n_dropped == 0 && l->n_changed == 0;
}

/* A client's field name in a header: what cannot stand there becomes '?'. */
static size_t put_name(char *out, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char ch = name.p[i];
        bool good = ch > ' ' && ch < 0x7f && ch != ',' && ch != ';' && ch != '=';

        out[i] = good ? ch : '?';
    }
    return name.len;
}

#define NAME_MAX_BYTES 80

static size_t put_list(char *out, const char *title, const struct str *names, size_t n)
{
    size_t len = strlen(title);

    memcpy(out, title, len);
    for (size_t i = 0; i < n; i++) {
        struct str name = {names[i].p, min_u64(names[i].len, NAME_MAX_BYTES)};

        if (i > 0)
            out[len++] = ',';
        len += put_name(out + len, name);
    }
    return len;
}

struct str loss_header(const struct chat_loss *l, struct arena *a)
{
    char *out;
    size_t len;

    if (loss_is_full(l))
        return STR("full");
    out = arena_alloc(a, 64 + (l->n_dropped + l->n_changed) * (NAME_MAX_BYTES + 1));
    len = put_list(out, "partial", NULL, 0);
    if (l->n_dropped > 0)
        len += put_list(out + len, "; dropped=", l->dropped, l->n_dropped);
    if (l->n_changed > 0)
        len += put_list(out + len, "; changed=", l->changed, l->n_changed);
    return (struct str){out, len};
}
