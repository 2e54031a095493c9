#include "shm/catalogue.h"

#include <stdalign.h>
#include <string.h>

static const void *at(const struct cat_head *c, uint32_t offset)
{
    return (const uint8_t *)c + offset;
}

struct str cat_text(const struct cat_head *c, struct cat_text t)
{
    return (struct str){at(c, c->text + t.offset), t.len};
}

static const struct cat_id *id_of(const struct cat_head *c, uint32_t index)
{
    return (const struct cat_id *)at(c, c->ids) + index;
}

/* By id, then vendor. */
static int compare(const struct cat_head *c, const struct cat_id *i, struct str id,
                   struct str vendor)
{
    int order = str_cmp(cat_text(c, i->id), id);

    return order != 0 ? order : str_cmp(cat_text(c, i->vendor), vendor);
}

/* --- is it what it should be --- */

static bool array_fits(const struct cat_head *c, uint32_t offset, uint32_t n, size_t size)
{
    return offset % alignof(uint32_t) == 0 && offset >= sizeof(*c) && offset <= c->bytes &&
           n <= (c->bytes - offset) / size;
}

static bool text_fits(const struct cat_head *c, struct cat_text t)
{
    return t.offset <= c->text_bytes && t.len <= c->text_bytes - t.offset;
}

static bool models_are_sound(const struct cat_head *c)
{
    const uint32_t *by_model = at(c, c->by_model);

    for (uint32_t i = 0; i < c->n_models; i++) {
        const struct cat_model *m = cat_model(c, i);

        if (!text_fits(c, m->name) || !text_fits(c, m->title) || !text_fits(c, m->maker) ||
            m->first > c->n_ids || m->n > c->n_ids - m->first)
            return false;
        for (uint32_t j = m->first; j < m->first + m->n; j++) {
            if (by_model[j] >= c->n_ids || id_of(c, by_model[j])->model != i)
                return false;
        }
        if (i > 0 && str_cmp(cat_text(c, cat_model(c, i - 1)->name), cat_text(c, m->name)) >= 0)
            return false;
    }
    return true;
}

static bool ids_are_sound(const struct cat_head *c)
{
    for (uint32_t i = 0; i < c->n_ids; i++) {
        const struct cat_id *id = id_of(c, i);

        if (!text_fits(c, id->id) || !text_fits(c, id->vendor) || id->model >= c->n_models)
            return false;
        if (i > 0 && compare(c, id_of(c, i - 1), cat_text(c, id->id), cat_text(c, id->vendor)) >= 0)
            return false;
    }
    return true;
}

bool catalogue_is_sound(const struct cat_head *c, size_t room)
{
    return room >= sizeof(*c) && c->bytes >= sizeof(*c) && c->bytes <= room &&
           c->bytes <= CATALOGUE_BYTES_MAX && c->n_models <= CATALOGUE_MODELS_MAX &&
           c->n_ids <= CATALOGUE_IDS_MAX &&
           array_fits(c, c->models, c->n_models, sizeof(struct cat_model)) &&
           array_fits(c, c->ids, c->n_ids, sizeof(struct cat_id)) &&
           array_fits(c, c->by_model, c->n_ids, sizeof(uint32_t)) &&
           array_fits(c, c->text, c->text_bytes, 1) && ids_are_sound(c) && models_are_sound(c);
}

/* --- reading --- */

uint32_t cat_models(const struct cat_head *c)
{
    return c != NULL ? c->n_models : 0;
}

const struct cat_model *cat_model(const struct cat_head *c, uint32_t index)
{
    must(index < c->n_models);
    return (const struct cat_model *)at(c, c->models) + index;
}

const struct cat_id *cat_model_id(const struct cat_head *c, const struct cat_model *m, uint32_t i)
{
    must(i < m->n);
    return id_of(c, ((const uint32_t *)at(c, c->by_model))[m->first + i]);
}

static const struct cat_model *find_name(const struct cat_head *c, struct str name)
{
    uint32_t low = 0;
    uint32_t high = c->n_models;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_cmp(name, cat_text(c, cat_model(c, middle)->name));

        if (order == 0)
            return cat_model(c, middle);
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* The first id that is not below (id, vendor). */
static uint32_t id_bound(const struct cat_head *c, struct str id, struct str vendor)
{
    uint32_t low = 0;
    uint32_t high = c->n_ids;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (compare(c, id_of(c, middle), id, vendor) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct cat_model *find_id(const struct cat_head *c, struct str vendor, struct str id)
{
    uint32_t i = id_bound(c, id, vendor);

    if (i == c->n_ids || compare(c, id_of(c, i), id, vendor) != 0)
        return NULL;
    return cat_model(c, id_of(c, i)->model);
}

/* Bedrock's inference profiles are a region's short name before the model's id. */
static bool strip_region(struct str id, struct str *out)
{
    static const char *const regions[] = {"us.", "eu.", "apac.", "global.", "jp.",
                                          "au.", "ca.", "in.",   "us-gov."};

    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        if (str_starts(id, str_of(regions[i]))) {
            *out = str_skip(id, strlen(regions[i]));
            return true;
        }
    }
    return false;
}

/* "ft:gpt-4o-mini-2024-07-18:org::id" can do what its base can. */
static bool strip_tuning(struct str id, struct str *out)
{
    ptrdiff_t colon;

    if (!str_starts(id, STR("ft:")))
        return false;
    *out = str_skip(id, 3);
    colon = str_index(*out, ':');
    if (colon >= 0)
        out->len = (size_t)colon;
    return true;
}

const struct cat_model *cat_find(const struct cat_head *c, struct str vendor, struct str id)
{
    const struct cat_model *m;
    struct str inner;

    if (c == NULL || id.len == 0)
        return NULL;
    m = find_id(c, vendor, id);
    if (m == NULL && (strip_region(id, &inner) || strip_tuning(id, &inner)))
        m = find_id(c, vendor, inner);
    return m != NULL ? m : find_name(c, id);
}

const struct cat_model *cat_find_any(const struct cat_head *c, struct str name)
{
    const struct cat_model *m;
    struct str inner;
    uint32_t i;

    if (c == NULL || name.len == 0)
        return NULL;
    m = find_name(c, name);
    if (m != NULL)
        return m;
    i = id_bound(c, name, STR(""));
    if (i < c->n_ids && str_eq(cat_text(c, id_of(c, i)->id), name))
        return cat_model(c, id_of(c, i)->model);
    return strip_region(name, &inner) ? cat_find(c, STR("bedrock"), inner) : NULL;
}

void cat_date(struct buf *b, uint32_t date)
{
    if (date == 0)
        return;
    buf_printf(b, "%04u", date / 10000);
    if (date / 100 % 100 != 0)
        buf_printf(b, "-%02u", date / 100 % 100);
    if (date % 100 != 0)
        buf_printf(b, "-%02u", date % 100);
}

struct str cat_id_at(const struct cat_head *c, const struct cat_model *m, struct str vendor,
                     struct str like)
{
    struct str first = STR_NONE;
    struct str inner = STR_NONE;

    if (!str_eq(vendor, STR("bedrock")) || !strip_region(like, &inner))
        inner = like;
    for (uint32_t i = 0; i < m->n; i++) {
        const struct cat_id *id = cat_model_id(c, m, i);

        if (!str_eq(cat_text(c, id->vendor), vendor))
            continue;
        if (str_eq(cat_text(c, id->id), like) || str_eq(cat_text(c, id->id), inner))
            return like; /* with the region that was asked for */
        if (first.len == 0)
            first = cat_text(c, id->id);
    }
    return first;
}
