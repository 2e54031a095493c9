#include "shm/tokens.h"

#include <string.h>

#include "shm/map.h"

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

static struct token_row *row_of(const struct region *tokens, uint32_t row)
{
    struct tokens_shared *shared = tokens->base;

    must(tokens->kind == REGION_TOKENS && shared != NULL && row < TOKENS_MAX);
    return &shared->rows[row];
}

static size_t text_len(const struct token *t)
{
    return (size_t)t->access_len + t->secret_len + t->session_len;
}

static void load_head(const struct token_row *r, struct token *out)
{
    out->token_for = LOAD(r->token_for);
    out->fetched_ms = LOAD(r->fetched_ms);
    out->expires_ms = LOAD(r->expires_ms);
    out->renewals = LOAD(r->renewals);
    out->failures = LOAD(r->failures);
    out->error = LOAD(r->error);
    out->access_len = LOAD(r->access_len);
    out->secret_len = LOAD(r->secret_len);
    out->session_len = LOAD(r->session_len);
}

/* Bounded before anything is copied, also by a torn read. */
static void load_text(const struct token_row *r, struct token *out)
{
    size_t len = min_u64(text_len(out), TOKEN_TEXT_MAX);

    for (size_t i = 0; i < (len + 7) / 8; i++) {
        uint64_t word = LOAD(r->words[i]);

        memcpy(out->text + 8 * i, &word, sizeof(word));
    }
}

static bool is_sound(const struct token *t)
{
    return t->access_len <= TOKEN_TEXT_MAX && t->secret_len <= TOKEN_TEXT_MAX &&
           t->session_len <= TOKEN_TEXT_MAX && text_len(t) <= TOKEN_TEXT_MAX;
}

bool tokens_look(const struct region *tokens, uint32_t row, struct token *out)
{
    const struct token_row *r = row_of(tokens, row);

    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        uint32_t n;

        if (!seqlock_read_begin(&r->lock, &n))
            continue;
        load_head(r, out);
        if (seqlock_read_ok(&r->lock, n))
            return is_sound(out);
    }
    return false;
}

bool tokens_read(const struct region *tokens, uint32_t row, uint64_t token_for, struct token *out)
{
    const struct token_row *r = row_of(tokens, row);

    for (int i = 0; i < SEQLOCK_TRIES; i++) {
        uint32_t n;

        if (!seqlock_read_begin(&r->lock, &n))
            continue;
        load_head(r, out);
        load_text(r, out);
        if (seqlock_read_ok(&r->lock, n))
            return is_sound(out) && out->token_for == token_for && out->access_len > 0;
    }
    return false;
}

static void store_head(struct token_row *r, const struct token *t)
{
    STORE(r->token_for, t->token_for);
    STORE(r->fetched_ms, t->fetched_ms);
    STORE(r->expires_ms, t->expires_ms);
    STORE(r->renewals, t->renewals);
    STORE(r->failures, t->failures);
    STORE(r->error, t->error);
}

void tokens_publish(struct region *tokens, uint32_t row, const struct token *t)
{
    struct token_row *r = row_of(tokens, row);
    size_t before = (size_t)LOAD(r->access_len) + LOAD(r->secret_len) + LOAD(r->session_len);
    size_t len = text_len(t);

    must(len <= TOKEN_TEXT_MAX);
    /* what is longer than the new one would stay behind */
    before = (min_u64(max_u64(before, len), TOKEN_TEXT_MAX) + 7) / 8;
    seqlock_write_begin(&r->lock);
    store_head(r, t);
    STORE(r->access_len, t->access_len);
    STORE(r->secret_len, t->secret_len);
    STORE(r->session_len, t->session_len);
    for (size_t i = 0; i < before; i++) {
        uint64_t word = 0;
        size_t from = 8 * i;

        if (from < len)
            memcpy(&word, t->text + from, min_u64(sizeof(word), len - from));
        STORE(r->words[i], word);
    }
    seqlock_write_end(&r->lock);
}

void tokens_tell(struct region *tokens, uint32_t row, const struct token *t)
{
    struct token_row *r = row_of(tokens, row);

    seqlock_write_begin(&r->lock);
    store_head(r, t);
    seqlock_write_end(&r->lock);
}
