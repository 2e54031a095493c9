#include "server/master/directory.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/pace.h"

/* --- places --- */

void directory_fini(struct directory *d)
{
    for (int k = 0; k < PLACE_KINDS; k++) {
        struct places *p = &d->kinds[k];

        for (size_t i = 0; i < p->n; i++) {
            free(p->by_id[i]->text);
            free(p->by_id[i]);
        }
        free(p->by_id);
        free(p->by_name);
    }
    free(d->keys);
    *d = (struct directory){.keys = NULL};
}

/* The first of by_id whose id is not less. */
static size_t lower_id(const struct places *p, uint64_t id)
{
    size_t low = 0;
    size_t high = p->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (p->by_id[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t lower_name(const struct places *p, struct str name)
{
    size_t low = 0;
    size_t high = p->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (str_cmp(p->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct place *directory_id(const struct directory *d, enum place_kind kind, uint64_t id)
{
    const struct places *p = &d->kinds[kind];
    size_t at = lower_id(p, id);

    return at < p->n && p->by_id[at]->id == id ? p->by_id[at] : NULL;
}

struct place *directory_name(const struct directory *d, enum place_kind kind, struct str name)
{
    const struct places *p = &d->kinds[kind];
    size_t at = lower_name(p, name);

    return at < p->n && str_eq(p->by_name[at]->name, name) ? p->by_name[at] : NULL;
}

bool directory_has_api(const struct directory *d, enum place_kind kind, struct str name)
{
    const struct places *p = &d->kinds[kind];

    for (size_t at = lower_name(p, name); at < p->n && str_eq(p->by_name[at]->name, name); at++) {
        if (p->by_name[at]->origin == PLACE_API)
            return true;
    }
    return false;
}

static void insert(struct place **list, size_t n, size_t at, struct place *one)
{
    memmove(&list[at + 1], &list[at], (n - at) * sizeof(struct place *));
    list[at] = one;
}

static void take_out(struct place **list, size_t n, size_t at)
{
    memmove(&list[at], &list[at + 1], (n - at - 1) * sizeof(struct place *));
}

struct place *directory_add(struct directory *d, const struct place *place)
{
    struct places *p = &d->kinds[place->kind];
    struct place *one = xalloc(sizeof(*one));

    *one = *place;
    one->text = xstrndup(place->name);
    one->name = (struct str){one->text, place->name.len};
    if (p->n == p->room) {
        p->room = p->room > 0 ? p->room * 2 : 16;
        p->by_id = xrealloc(p->by_id, p->room, sizeof(struct place *));
        p->by_name = xrealloc(p->by_name, p->room, sizeof(struct place *));
    }
    insert(p->by_id, p->n, lower_id(p, one->id), one);
    insert(p->by_name, p->n, lower_name(p, one->name), one);
    p->n++;
    return one;
}

/* Names are equal for a moment when two of them change places: the pointer tells. */
static size_t name_index(const struct places *p, const struct place *one)
{
    size_t at = lower_name(p, one->name);

    while (p->by_name[at] != one)
        at++;
    return at;
}

void directory_rename(struct directory *d, struct place *p, struct str name)
{
    struct places *all = &d->kinds[p->kind];
    char *old = p->text;

    if (str_eq(p->name, name))
        return;
    take_out(all->by_name, all->n, name_index(all, p));
    all->n--;
    p->text = xstrndup(name);
    p->name = (struct str){p->text, name.len};
    insert(all->by_name, all->n, lower_name(all, p->name), p);
    all->n++;
    free(old);
}

void directory_remove(struct directory *d, struct place *p)
{
    struct places *all = &d->kinds[p->kind];

    take_out(all->by_name, all->n, name_index(all, p));
    take_out(all->by_id, all->n, lower_id(all, p->id));
    all->n--;
    free(p->text);
    free(p);
}

size_t directory_after(const struct directory *d, enum place_kind kind, uint64_t id)
{
    return id == UINT64_MAX ? d->kinds[kind].n : lower_id(&d->kinds[kind], id + 1);
}

/* --- keys --- */

static size_t lower_key(const struct directory *d, uint64_t id)
{
    size_t low = 0;
    size_t high = d->n_keys;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (d->keys[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void make_room(struct directory *d)
{
    if (d->n_keys < d->room_keys)
        return;
    d->room_keys = d->room_keys > 0 ? d->room_keys * 2 : 1024;
    d->keys = xrealloc(d->keys, d->room_keys, sizeof(*d->keys));
}

void directory_key_added(struct directory *d, uint64_t id)
{
    size_t at;

    if (!d->keys_known)
        return;
    make_room(d);
    at = lower_key(d, id);
    if (at < d->n_keys && d->keys[at] == id)
        return;
    memmove(&d->keys[at + 1], &d->keys[at], (d->n_keys - at) * sizeof(*d->keys));
    d->keys[at] = id;
    d->n_keys++;
}

void directory_key_removed(struct directory *d, uint64_t id)
{
    size_t at = lower_key(d, id);

    if (!d->keys_known || at == d->n_keys || d->keys[at] != id)
        return;
    memmove(&d->keys[at], &d->keys[at + 1], (d->n_keys - at - 1) * sizeof(*d->keys));
    d->n_keys--;
}

void directory_keys_changed(struct directory *d)
{
    d->keys_known = false;
}

static int compare_ids(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

static void gather(struct directory *d, const struct region *published)
{
    uint32_t high = keys_high(published);
    struct arena *a = arena_create(4096);

    d->n_keys = 0;
    for (uint32_t i = 0; i < high; i++) {
        struct virtual_key k;

        arena_reset(a);
        if (!keys_at(published, i, a, &k) || (k.flags & KEY_ALIAS) != 0)
            continue;
        make_room(d);
        d->keys[d->n_keys++] = k.id;
    }
    arena_free(a);
    if (d->n_keys > 0)
        qsort(d->keys, d->n_keys, sizeof(*d->keys), compare_ids);
    d->keys_known = true;
}

size_t directory_key_after(struct directory *d, const struct region *published, uint64_t id)
{
    if (!d->keys_known)
        gather(d, published);
    return id == UINT64_MAX ? d->n_keys : lower_key(d, id + 1);
}
