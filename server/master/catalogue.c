/*
 * catalogue - the catalogue that is published: the built-in one, with what the configuration says.
 */
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/known.h"
#include "server/master/build.h"

/* conf/catalogue.yaml as tools/catalogue packed it when the program was built. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        "catalogue_begin:\n"
        ".incbin \"catalogue.bin\"\n" /* found by the assembler's -I */
        "catalogue_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const char catalogue_begin[], catalogue_end[];

static const struct cat_head *built_in(void)
{
    return (const void *)catalogue_begin;
}

/* A row of the built-in catalogue, taken apart; texts in the arena. */
static struct cat_row unpack(struct arena *a, const struct cat_head *c, const struct cat_model *m)
{
    struct cat_row_id *ids = arena_alloc(a, (m->n + 1) * sizeof(*ids));

    for (uint32_t i = 0; i < m->n; i++) {
        const struct cat_id *id = cat_model_id(c, m, i);

        ids[i] = (struct cat_row_id){arena_cstr(a, cat_text(c, id->vendor)),
                                     arena_cstr(a, cat_text(c, id->id))};
    }
    return (struct cat_row){
        .name = arena_cstr(a, cat_text(c, m->name)),
        .title = m->title.len > 0 ? arena_cstr(a, cat_text(c, m->title)) : NULL,
        .maker = m->maker.len > 0 ? arena_cstr(a, cat_text(c, m->maker)) : NULL,
        .flags = m->flags,
        .context = m->context,
        .max_output = m->max_output,
        .knowledge = m->knowledge,
        .released = m->released,
        .ids = ids,
        .n_ids = m->n,
    };
}

/* An id that the configuration gives to one model is no longer another one's. */
static void drop_id(struct cat_row *rows, size_t n, const struct cat_head *c,
                    const struct conf_known_id *id)
{
    const struct cat_model *m = cat_find(c, str_of(id->vendor), str_of(id->id));

    if (m == NULL)
        return;
    for (size_t i = 0; i < n; i++) {
        struct cat_row *r = &rows[i];
        struct cat_row_id *kept = (struct cat_row_id *)(uintptr_t)r->ids; /* unpack's */
        size_t n_kept = 0;

        if (!str_eq(str_of(r->name), cat_text(c, m->name)))
            continue;
        for (size_t j = 0; j < r->n_ids; j++) {
            if (strcmp(r->ids[j].vendor, id->vendor) != 0 || strcmp(r->ids[j].id, id->id) != 0)
                kept[n_kept++] = r->ids[j];
        }
        r->n_ids = n_kept;
    }
}

/* What the entry says; its ids stand before those that are known already. */
static void change(struct arena *a, struct cat_row *r, const struct cat_row *by)
{
    struct cat_row_id *ids = arena_alloc(a, (r->n_ids + by->n_ids + 1) * sizeof(*ids));

    for (size_t i = 0; i < by->n_ids; i++)
        ids[i] = by->ids[i];
    for (size_t i = 0; i < r->n_ids; i++)
        ids[by->n_ids + i] = r->ids[i];
    r->ids = ids;
    r->n_ids += by->n_ids;
    r->title = by->title != NULL ? by->title : r->title;
    r->maker = by->maker != NULL ? by->maker : r->maker;
    r->flags = by->flags != 0 ? by->flags : r->flags;
    r->context = by->context != 0 ? by->context : r->context;
    r->max_output = by->max_output != 0 ? by->max_output : r->max_output;
    r->knowledge = by->knowledge != 0 ? by->knowledge : r->knowledge;
    r->released = by->released != 0 ? by->released : r->released;
}

static struct cat_row *find_row(struct cat_row *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

static int merge(struct build *b, struct arena *a, struct error *err)
{
    const struct cat_head *c = built_in();
    const struct config *conf = b->conf;
    struct cat_row *rows = arena_alloc(a, (c->n_models + conf->n_catalogue) * sizeof(*rows));
    size_t n = 0;

    for (; n < c->n_models; n++)
        rows[n] = unpack(a, c, cat_model(c, (uint32_t)n));
    for (size_t i = 0; i < conf->n_catalogue; i++) {
        for (size_t j = 0; j < conf->catalogue[i].n_ids; j++)
            drop_id(rows, c->n_models, c, &conf->catalogue[i].ids[j]);
    }
    for (size_t i = 0; i < conf->n_catalogue; i++) {
        const struct conf_known *k = &conf->catalogue[i];
        struct cat_row_id *ids = arena_alloc(a, (k->n_ids + 1) * sizeof(*ids));
        struct cat_row row = known_row(k, ids);
        struct cat_row *known = find_row(rows, c->n_models, k->name);

        if (known != NULL)
            change(a, known, &row);
        else
            rows[n++] = row;
    }
    return catalogue_pack(rows, n, &b->catalogue, err);
}

int build_catalogue(struct build *b, struct error *err)
{
    struct arena *a;
    int rc;

    must(built_in()->bytes == (size_t)(catalogue_end - catalogue_begin));
    if (b->conf->n_catalogue == 0) { /* at every start: nothing is parsed, nothing sorted */
        buf_add(&b->catalogue, built_in(), built_in()->bytes);
        return 0;
    }
    a = arena_create(64u << 10);
    rc = merge(b, a, err);
    arena_free(a);
    return rc;
}
