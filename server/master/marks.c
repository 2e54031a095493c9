#include "server/master/marks.h"

#include <stdio.h>
#include <string.h>

#include "server/base/crypto.h"

static uint64_t digest(const struct str *parts, size_t n)
{
    uint8_t hash[SHA256_BYTES];
    uint64_t out = 0;

    crypto_sha256_parts(parts, n, hash);
    for (int i = 0; i < 8; i++)
        out = out << 8 | hash[i];
    return out != 0 ? out : 1; /* 0 means none */
}

static uint64_t identity(struct str part, const struct conf_budget *b)
{
    char window[64];
    int n = snprintf(window, sizeof(window), "/%u/%ju/%d/", b->window, (uintmax_t)b->length_ms,
                     b->calendar);
    const struct str parts[] = {part, {window, (size_t)n}, str_of(b->time_zone)};

    return digest(parts, ARRAY_LEN(parts));
}

static uint64_t new_id(const struct marks *m, const struct marks_owner *owner, uint64_t what)
{
    char text[64];
    int n;
    uint64_t id = 0;

    if (owner->name.len == 0) {
        while (id == 0)
            crypto_random(&id, sizeof(id));
        return id;
    }
    n = snprintf(text, sizeof(text), "/%ju/%u", (uintmax_t)what, m->generation);
    const struct str parts[] = {
        STR("account:"), str_of(owner->kind), STR("/"), owner->name, {text, (size_t)n}};

    return digest(parts, ARRAY_LEN(parts));
}

static const struct mark *find(const struct mark *items, uint32_t n, uint64_t what)
{
    for (uint32_t i = 0; i < n; i++) {
        if (items[i].identity == what)
            return &items[i];
    }
    return NULL;
}

static void keep_or_make(struct marks *m, const struct marks *old, const struct marks_owner *owner,
                         uint64_t what)
{
    const struct mark *have = find(old->items, old->n, what);

    must(m->n < MARKS_MAX);
    m->items[m->n++] =
        have != NULL ? *have : (struct mark){what, new_id(old, owner, what), owner->now_ms};
    m->changed |= have == NULL;
}

void marks_follow(struct marks *m, const struct marks_owner *owner, const struct marks_part *parts,
                  size_t n)
{
    struct marks old = *m;
    size_t budgets = 0;
    uint32_t kept = 0;

    for (size_t i = 0; i < n; i++)
        budgets += parts[i].rules != NULL ? parts[i].rules->n_budgets : 0;
    m->items = budgets > 0 ? arena_alloc(owner->arena, budgets * sizeof(*m->items)) : NULL;
    m->n = 0;
    for (size_t i = 0; budgets > 0 && i < n; i++) {
        for (size_t j = 0; parts[i].rules != NULL && j < parts[i].rules->n_budgets; j++)
            keep_or_make(m, &old, owner, identity(parts[i].part, &parts[i].rules->budgets[j]));
    }
    for (uint32_t i = 0; i < old.n; i++)
        kept += find(m->items, m->n, old.items[i].identity) != NULL;
    if (kept < old.n) {
        m->generation++;
        m->changed = true;
    }
}

const struct mark *marks_find(const struct marks *m, struct str part, const struct conf_budget *b)
{
    return find(m->items, m->n, identity(part, b));
}

void marks_reset(struct marks *m)
{
    m->changed |= m->n > 0;
    m->generation += m->n > 0;
    m->n = 0;
}

uint64_t marks_limit_id(uint64_t owner_id, struct str part, uint32_t kind, uint64_t length_ms)
{
    char text[80];
    int n = snprintf(text, sizeof(text), "limit:%ju/%u/%ju/", (uintmax_t)owner_id, kind,
                     (uintmax_t)length_ms);
    const struct str parts[] = {{text, (size_t)n}, part};

    return digest(parts, ARRAY_LEN(parts));
}

/* --- as bytes --- */

struct marks_head {
    uint32_t n, generation;
};

void marks_encode(const struct marks *m, struct buf *out)
{
    struct marks_head head = {m->n, m->generation};

    buf_add(out, &head, sizeof(head));
    buf_add(out, m->items, m->n * sizeof(*m->items));
}

int marks_decode(struct str in, struct arena *a, struct marks *out)
{
    struct marks_head head;

    if (in.len < sizeof(head))
        return -1;
    memcpy(&head, in.p, sizeof(head));
    in = str_skip(in, sizeof(head));
    if (head.n > MARKS_MAX || in.len != head.n * sizeof(struct mark))
        return -1;
    *out = (struct marks){.n = head.n, .generation = head.generation};
    out->items = head.n > 0 ? arena_alloc(a, in.len) : NULL;
    if (head.n > 0)
        memcpy(out->items, in.p, in.len);
    for (uint32_t i = 0; i < head.n; i++) {
        if (out->items[i].id == 0)
            return -1;
    }
    return 0;
}
