#include "server/master/once.h"

#include <string.h>

#include "conf/store.h"
#include "server/base/buf.h"
#include "server/base/clock.h"

/* Two rows for each: "k" and the text's digest, to find it; "t", when it ends and the digest, to forget it. */
#define ONCE_VERSION 1
#define FORGOTTEN_MAX 64 /* at one time */

struct head {
    uint32_t version, note_len;
    uint64_t ends_ms, id;
    uint8_t call[SHA256_BYTES], nonce[SHA256_BYTES];
};

struct key {
    char bytes[1 + 8 + SHA256_BYTES];
    size_t len;
};

static struct key find_key(const uint8_t text[SHA256_BYTES])
{
    struct key k = {.len = 1 + SHA256_BYTES};

    k.bytes[0] = 'k';
    memcpy(k.bytes + 1, text, SHA256_BYTES);
    return k;
}

static struct key time_key(uint64_t ends_ms, const uint8_t text[SHA256_BYTES])
{
    struct key k = {.len = sizeof(k.bytes)};

    k.bytes[0] = 't';
    for (int i = 0; i < 8; i++)
        k.bytes[1 + i] = (char)(ends_ms >> (56 - 8 * i) & 0xff);
    memcpy(k.bytes + 9, text, SHA256_BYTES);
    return k;
}

static struct str view(const struct key *k)
{
    return (struct str){k->bytes, k->len};
}

/* When a key shall expire may have been said as a duration: it is another moment the second time. */
static bool is_told_by_the_clock(struct str name)
{
    return str_eq(name, STR("expires"));
}

static void digest_call(const struct json *call, uint8_t out[SHA256_BYTES])
{
    struct buf all = BUF_INIT;

    for (const struct json *j = call->child; j != NULL; j = j->next) {
        if (j->type != JSON_OBJECT || !str_eq(j->key, STR("body"))) {
            buf_json(&all, j->key);
            buf_str(&all, j->raw);
            continue;
        }
        for (const struct json *b = j->child; b != NULL; b = b->next) {
            if (is_told_by_the_clock(b->key))
                continue;
            buf_json(&all, b->key);
            buf_str(&all, b->raw);
        }
    }
    crypto_sha256(buf_view(&all), out);
    if (all.data != NULL)
        crypto_wipe(all.data, all.cap); /* it may hold a key's text */
    buf_fini(&all);
}

int once_find(struct store *s, const struct json *call, struct arena *a, struct once *out,
              struct error *err)
{
    struct str text = json_str(json_get(call, "idempotency"));
    struct key key;
    struct str value;
    struct head head;
    int found;

    *out = (struct once){.state = ONCE_NONE};
    if (text.len == 0)
        return 0;
    crypto_sha256(text, out->text);
    digest_call(call, out->call);
    key = find_key(out->text);
    found = store_get(s, STORE_ONCE, view(&key), &value, err);
    if (found < 0)
        return -1;
    out->state = ONCE_NEW;
    crypto_random(out->nonce, sizeof(out->nonce));
    if (found == 0 || value.len < sizeof(head))
        return 0;
    memcpy(&head, value.p, sizeof(head));
    value = str_skip(value, sizeof(head));
    if (head.version != ONCE_VERSION || value.len != head.note_len ||
        head.ends_ms <= clock_real_ms())
        return 0;
    out->state = memcmp(head.call, out->call, SHA256_BYTES) == 0 ? ONCE_AGAIN : ONCE_OTHER;
    memcpy(out->nonce, head.nonce, sizeof(out->nonce));
    out->id = head.id;
    out->note = arena_str(a, value);
    return 0;
}

void once_derive(const struct once *o, struct str secret, uint8_t out[SHA256_BYTES])
{
    const struct str parts[] = {STR("key"),
                                {(const char *)o->nonce, sizeof(o->nonce)},
                                {(const char *)o->text, sizeof(o->text)},
                                {(const char *)o->call, sizeof(o->call)}};

    crypto_hmac(secret, parts, ARRAY_LEN(parts), out);
}

struct forgetting {
    struct buf keys; /* of rows "t", each of sizeof(struct key.bytes) */
    uint64_t now_ms;
};

static bool on_time(void *ctx, struct str key, struct str value)
{
    struct forgetting *f = ctx;
    uint64_t ends_ms = 0;

    (void)value;
    if (key.len != sizeof(((struct key *)NULL)->bytes))
        return true;
    for (size_t i = 1; i <= 8; i++)
        ends_ms = ends_ms << 8 | (uint8_t)key.p[i];
    if (ends_ms > f->now_ms || f->keys.len >= FORGOTTEN_MAX * key.len)
        return false;
    buf_str(&f->keys, key);
    return true;
}

static int forget(struct store *s, uint64_t now_ms, struct error *err)
{
    const size_t size = sizeof(((struct key *)NULL)->bytes);
    struct forgetting f = {.keys = BUF_INIT, .now_ms = now_ms};
    struct store_rows rows = {STORE_ONCE, STR("t")};
    int rc = store_each_below(s, &rows, on_time, &f, err);

    for (size_t at = 0; rc == 0 && at < f.keys.len; at += size) {
        struct key key = find_key((const uint8_t *)f.keys.data + at + 9);

        rc = store_delete(s, STORE_ONCE, (struct str){f.keys.data + at, size}, err);
        if (rc == 0)
            rc = store_delete(s, STORE_ONCE, view(&key), err);
    }
    buf_fini(&f.keys);
    return rc;
}

int once_put(struct store *s, const struct once *o, struct error *err)
{
    uint64_t now_ms = clock_real_ms();
    struct head head = {.version = ONCE_VERSION,
                        .note_len = (uint32_t)o->note.len,
                        .ends_ms = now_ms + ONCE_MS,
                        .id = o->id};
    struct key by_text = find_key(o->text);
    struct key by_time = time_key(head.ends_ms, o->text);
    struct buf value = BUF_INIT;
    int rc;

    if (o->state != ONCE_NEW)
        return 0;
    must(o->note.len <= ONCE_TEXT_MAX);
    memcpy(head.call, o->call, sizeof(head.call));
    memcpy(head.nonce, o->nonce, sizeof(head.nonce));
    buf_add(&value, &head, sizeof(head));
    buf_str(&value, o->note);
    rc = forget(s, now_ms, err);
    if (rc == 0)
        rc = store_put(s, STORE_ONCE, view(&by_text), buf_view(&value), err);
    if (rc == 0)
        rc = store_put(s, STORE_ONCE, view(&by_time), STR("1"), err);
    buf_fini(&value);
    return rc;
}
