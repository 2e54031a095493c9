/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/idempotency.h"

#include <stdlib.h>
#include <string.h>

#include "server/admin/admin.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"

struct entry {
    bool is_used, is_open;       /* open: the answer has not come yet */
    uint8_t key[SHA256_BYTES];   /* of the header */
    uint8_t print[SHA256_BYTES]; /* of method, path and body */
    uint64_t begun_ms;           /* monotonic */
    int status;
    const char *content_type;
    struct buf answer;
};

struct idempotency {
    uint32_t next; /* the oldest */
    struct entry entries[IDEMPOTENCY_MAX];
};

struct idempotency *idempotency_create(void)
{
    return xcalloc(1, sizeof(struct idempotency));
}

static void entry_clear(struct entry *e)
{
    if (e->answer.data != NULL)
        crypto_wipe(e->answer.data, e->answer.len); /* may hold a new key */
    buf_fini(&e->answer);
    memset(e, 0, sizeof(*e));
}

void idempotency_free(struct idempotency *all)
{
    if (all == NULL)
        return;
    for (size_t i = 0; i < IDEMPOTENCY_MAX; i++)
        entry_clear(&all->entries[i]);
    free(all);
}

static struct entry *find(struct idempotency *all, const uint8_t key[SHA256_BYTES])
{
    uint64_t now = clock_mono_ms();

    for (size_t i = 0; i < IDEMPOTENCY_MAX; i++) {
        struct entry *e = &all->entries[i];

        if (!e->is_used || memcmp(e->key, key, SHA256_BYTES) != 0)
            continue;
        if (e->is_open || now - e->begun_ms < IDEMPOTENCY_AGE_MS)
            return e;
        entry_clear(e);
    }
    return NULL;
}

/* The oldest that is not under way; calls under way are fewer than entries. */
static struct entry *take_place(struct idempotency *all)
{
    for (size_t tries = 0; tries < IDEMPOTENCY_MAX; tries++) {
        struct entry *e = &all->entries[all->next];

        all->next = (all->next + 1) % IDEMPOTENCY_MAX;
        if (!e->is_open) {
            entry_clear(e);
            return e;
        }
    }
    return NULL;
}

static bool key_is_good(struct str key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.p[i] < ' ' || key.p[i] > '~')
            return false;
    }
    return key.len > 0 && key.len <= IDEMPOTENCY_KEY_MAX;
}

static void print_of(const struct exchange *ex, uint8_t out[SHA256_BYTES])
{
    const struct str parts[] = {ex->method, STR(" "),  ex->path, STR("?"),
                                ex->query,  STR("\n"), ex->body};

    crypto_sha256_parts(parts, ARRAY_LEN(parts), out);
}

/* A call with this key has come before. */
static void answer_again(struct exchange *ex, const struct entry *e, const uint8_t *print)
{
    if (memcmp(e->print, print, SHA256_BYTES) != 0) {
        exchange_error(ex, 422, "idempotency_mismatch", "Idempotency-Key",
                       "this Idempotency-Key was used for another call; take a new one");
    } else if (e->is_open) {
        exchange_error(ex, 409, "idempotency_in_progress", "Idempotency-Key",
                       "the call with this Idempotency-Key is still under way; try again in a "
                       "moment");
    } else {
        buf_str(&ex->out, buf_view(&e->answer));
        ex->status = e->status;
        ex->content_type_out = e->content_type;
        ex->is_replayed = true;
        exchange_finish(ex);
    }
}

bool idempotency_begin(struct exchange *ex)
{
    uint8_t key[SHA256_BYTES], print[SHA256_BYTES];

    if (ex->idempotency.p == NULL || !str_eq(ex->method, STR("POST")))
        return true;
    if (!key_is_good(ex->idempotency)) {
        exchange_error(ex, 400, "bad_header", "Idempotency-Key",
                       "Idempotency-Key must have 1 to %d printable ASCII characters",
                       IDEMPOTENCY_KEY_MAX);
        return false;
    }
    crypto_sha256(ex->idempotency, key);
    print_of(ex, print);
    struct entry *e = find(ex->admin->idempotency, key);
    if (e != NULL) {
        answer_again(ex, e, print);
        return false;
    }
    e = take_place(ex->admin->idempotency);
    if (e == NULL) {
        exchange_error(ex, 503, "busy", NULL,
                       "too many calls are under way; try again in a moment");
        return false;
    }
    e->is_used = e->is_open = true;
    memcpy(e->key, key, sizeof(key));
    memcpy(e->print, print, sizeof(print));
    e->begun_ms = clock_mono_ms();
    ex->remembered = e;
    return true;
}

void idempotency_end(struct exchange *ex)
{
    struct entry *e = ex->remembered;

    if (e == NULL)
        return;
    ex->remembered = NULL;
    if (ex->status >= 300 || ex->out.len > IDEMPOTENCY_ANSWER_MAX) {
        entry_clear(e);
        return;
    }
    e->is_open = false;
    e->status = ex->status;
    e->content_type = ex->content_type_out;
    buf_str(&e->answer, buf_view(&ex->out));
}
