/*
 * catalogue_pack - the catalogue's bytes from rows: catalogue.h's other half.
 */
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "shm/catalogue.h"

/* An id on its way: `model` is the model's place after sorting. */
struct entry {
    const char *vendor, *id;
    uint32_t model;
    uint32_t order; /* in the row */
};

struct pack {
    const struct cat_row **rows; /* sorted by name */
    size_t n_rows;
    struct entry *entries; /* sorted by id, then vendor */
    size_t n_ids;
    struct cat_model *models;
    struct cat_id *ids;
    uint32_t *by_model;
    struct buf text;
    const char *last_vendor; /* many ids in a row have the same one */
    struct cat_text last_text;
};

static int compare_rows(const void *left, const void *right)
{
    const struct cat_row *const *a = left;
    const struct cat_row *const *b = right;

    return str_cmp(str_of((*a)->name), str_of((*b)->name));
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    int order = str_cmp(str_of(a->id), str_of(b->id));

    return order != 0 ? order : str_cmp(str_of(a->vendor), str_of(b->vendor));
}

static struct cat_text add_text(struct pack *p, const char *s)
{
    struct cat_text t = {(uint32_t)p->text.len, 0};

    if (s == NULL)
        return t;
    t.len = (uint32_t)strlen(s);
    buf_add(&p->text, s, t.len);
    return t;
}

static struct cat_text add_vendor(struct pack *p, const char *vendor)
{
    if (p->last_vendor == NULL || strcmp(p->last_vendor, vendor) != 0) {
        p->last_vendor = vendor;
        p->last_text = add_text(p, vendor);
    }
    return p->last_text;
}

static int sort(struct pack *p, const struct cat_row *rows, struct error *err)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_rows; i++)
        p->rows[i] = &rows[i];
    qsort(p->rows, p->n_rows, sizeof(struct cat_row *), compare_rows);
    for (size_t i = 0; i < p->n_rows; i++) {
        const struct cat_row *r = p->rows[i];

        if (i > 0 && strcmp(p->rows[i - 1]->name, r->name) == 0)
            return error_set(err, "catalogue: %s is there twice", r->name);
        for (size_t j = 0; j < r->n_ids; j++)
            p->entries[n++] =
                (struct entry){r->ids[j].vendor, r->ids[j].id, (uint32_t)i, (uint32_t)j};
    }
    qsort(p->entries, n, sizeof(*p->entries), compare_entries);
    for (size_t i = 1; i < n; i++) {
        if (compare_entries(&p->entries[i - 1], &p->entries[i]) == 0)
            return error_set(err, "catalogue: %s's %s is both %s and %s", p->entries[i].vendor,
                             p->entries[i].id, p->rows[p->entries[i - 1].model]->name,
                             p->rows[p->entries[i].model]->name);
    }
    return 0;
}

static void fill(struct pack *p)
{
    uint32_t first = 0;

    for (size_t i = 0; i < p->n_rows; i++) {
        const struct cat_row *r = p->rows[i];

        p->models[i] = (struct cat_model){
            .name = add_text(p, r->name),
            .title = add_text(p, r->title),
            .maker = add_text(p, r->maker),
            .flags = r->flags,
            .context = r->context,
            .max_output = r->max_output,
            .knowledge = r->knowledge,
            .released = r->released,
            .first = first,
            .n = (uint32_t)r->n_ids,
        };
        first += (uint32_t)r->n_ids;
    }
    for (size_t i = 0; i < p->n_ids; i++) {
        const struct entry *e = &p->entries[i];

        p->ids[i] = (struct cat_id){add_text(p, e->id), add_vendor(p, e->vendor), e->model};
        p->by_model[p->models[e->model].first + e->order] = (uint32_t)i;
    }
}

static uint32_t place(uint32_t *end, size_t bytes)
{
    uint32_t here = *end;

    *end += (uint32_t)((bytes + 7) & ~(size_t)7);
    return here;
}

static void put(struct buf *out, size_t begin, uint32_t offset, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(out->data + begin + offset, bytes, len);
}

static int write_out(const struct pack *p, struct buf *out, struct error *err)
{
    uint32_t end = (sizeof(struct cat_head) + 7) & ~7u;
    struct cat_head head = {.n_models = (uint32_t)p->n_rows,
                            .n_ids = (uint32_t)p->n_ids,
                            .text_bytes = (uint32_t)p->text.len};
    size_t begin = out->len;

    if (p->text.len > CATALOGUE_BYTES_MAX / 2)
        return error_set(err, "catalogue: its names take %zu bytes, at most %u fit", p->text.len,
                         CATALOGUE_BYTES_MAX / 2);
    head.models = place(&end, p->n_rows * sizeof(*p->models));
    head.ids = place(&end, p->n_ids * sizeof(*p->ids));
    head.by_model = place(&end, p->n_ids * sizeof(*p->by_model));
    head.text = place(&end, p->text.len);
    head.bytes = end;
    buf_reserve(out, end);
    memset(out->data + begin, 0, end);
    out->len += end;
    put(out, begin, 0, &head, sizeof(head));
    put(out, begin, head.models, p->models, p->n_rows * sizeof(*p->models));
    put(out, begin, head.ids, p->ids, p->n_ids * sizeof(*p->ids));
    put(out, begin, head.by_model, p->by_model, p->n_ids * sizeof(*p->by_model));
    put(out, begin, head.text, p->text.data, p->text.len);
    return 0;
}

int catalogue_pack(const struct cat_row *rows, size_t n, struct buf *out, struct error *err)
{
    struct pack p = {.n_rows = n, .text = BUF_INIT};
    int rc = -1;

    for (size_t i = 0; i < n; i++)
        p.n_ids += rows[i].n_ids;
    if (n > CATALOGUE_MODELS_MAX || p.n_ids > CATALOGUE_IDS_MAX)
        return error_set(err, "catalogue: %zu models with %zu ids, at most %d with %d fit", n,
                         p.n_ids, CATALOGUE_MODELS_MAX, CATALOGUE_IDS_MAX);
    p.rows = xcalloc(n + 1, sizeof(struct cat_row *));
    p.entries = xcalloc(p.n_ids + 1, sizeof(*p.entries));
    p.models = xcalloc(n + 1, sizeof(*p.models));
    p.ids = xcalloc(p.n_ids + 1, sizeof(*p.ids));
    p.by_model = xcalloc(p.n_ids + 1, sizeof(*p.by_model));
    if (sort(&p, rows, err) == 0) {
        fill(&p);
        rc = write_out(&p, out, err);
    }
    free(p.rows);
    free(p.entries);
    free(p.models);
    free(p.ids);
    free(p.by_model);
    buf_fini(&p.text);
    return rc;
}
