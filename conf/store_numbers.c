/* Stable numbers: the lowest free one in constant time, after one walk per transaction. */
#include <stdlib.h>

#include "conf/store_walk.h"
#include "server/base/alloc.h"

#define NUMBERS_MAX (1u << 22) /* a bit each while numbers are given out */

/* Which numbers of one kind ("route/") are in use. */
struct numbers {
    char *kind; /* with its slash */
    uint64_t *used;
    uint32_t limit;
    uint32_t low; /* no number below it is free */
    struct numbers *next;
};

void numbers_free(struct numbers **list)
{
    while (*list != NULL) {
        struct numbers *n = *list;

        *list = n->next;
        free(n->kind);
        free(n->used);
        free(n);
    }
}

static bool decode_number(struct str value, uint32_t *out)
{
    if (value.len != sizeof(*out))
        return false;
    memcpy(out, value.p, sizeof(*out));
    return true;
}

static bool mark_used(void *ctx, struct str key, struct str value)
{
    struct numbers *n = ctx;
    uint32_t number = 0;

    (void)key;
    if (decode_number(value, &number) && number < n->limit)
        n->used[number / 64] |= 1ull << (number % 64);
    return true;
}

static struct numbers *numbers_of(struct store *s, struct str kind, uint32_t limit,
                                  struct error *err)
{
    struct numbers **list = store_numbers(s);
    struct numbers *n = *list;
    struct store_walk w = {STORE_INDEX, kind, mark_used, NULL, false};

    while (n != NULL && !str_eq(str_of(n->kind), kind))
        n = n->next;
    must(n == NULL || n->limit == limit); /* a kind has one limit */
    if (n != NULL)
        return n;
    n = xcalloc(1, sizeof(*n));
    n->kind = xstrndup(kind);
    n->used = xcalloc(limit / 64 + 1, sizeof(*n->used));
    n->limit = limit;
    n->next = *list;
    *list = n;
    w.ctx = n;
    return store_walk(s, &w, err) == 0 ? n : NULL;
}

static bool take_lowest(struct numbers *n, uint32_t *out)
{
    while (n->low < n->limit) {
        uint64_t word = n->used[n->low / 64];

        if (word == UINT64_MAX) {
            n->low = (n->low / 64 + 1) * 64;
            continue;
        }
        n->low = n->low / 64 * 64 + (uint32_t)__builtin_ctzll(~word);
        if (n->low >= n->limit)
            break;
        n->used[n->low / 64] |= 1ull << (n->low % 64);
        *out = n->low;
        return true;
    }
    return false;
}

int store_number(struct store *s, struct str identity, uint32_t limit, uint32_t *out,
                 struct error *err)
{
    ptrdiff_t slash = str_index(identity, '/');
    struct str kind = {identity.p, slash < 0 ? identity.len : (size_t)slash + 1};
    struct numbers *n;
    struct str value = STR_NONE;
    uint32_t number = 0;
    int found;

    must(store_is_writing(s) && limit > 0 && limit <= NUMBERS_MAX);
    found = store_get(s, STORE_INDEX, identity, &value, err);
    if (found < 0)
        return -1;
    if (found == 1 && decode_number(value, &number) && number < limit) {
        *out = number;
        return 0;
    }
    n = numbers_of(s, kind, limit, err);
    if (n == NULL)
        return -1;
    if (!take_lowest(n, &number))
        return error_set(err, "%s: all %u numbers of %.*s are in use", store_path(s), limit,
                         STR_ARGS(kind));
    value = (struct str){(const char *)&number, sizeof(number)};
    if (store_put(s, STORE_INDEX, identity, value, err) != 0)
        return -1;
    *out = number;
    return 0;
}

struct retire {
    store_keep_fn *keep;
    void *ctx;
};

static bool keep_row(void *ctx, struct str key, struct str value)
{
    const struct retire *r = ctx;

    (void)value;
    return r->keep(r->ctx, key);
}

int store_retire(struct store *s, struct str prefix, store_keep_fn *keep, void *ctx,
                 struct error *err)
{
    struct retire retire = {keep, ctx};
    struct store_walk w = {STORE_INDEX, prefix, keep_row, &retire, true};

    must(store_is_writing(s));
    numbers_free(store_numbers(s)); /* what it gives back counts as free from here on */
    return store_walk(s, &w, err);
}
