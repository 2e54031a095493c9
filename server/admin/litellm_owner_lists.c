/*
 * litellm_owner_lists - the rows of one view, and the keys of a team or user.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/entity_filter.h"
#include "server/admin/litellm_generate.h"
#include "server/admin/litellm_owners.h"

#define ROWS_MAX 1000
#define SHOWN_KEYS_MAX 100

struct listing {
    const struct owner_view *view; /* NULL: keys */
    owners_end_fn *end;
    uint64_t n;
};

/* Customers that stand for something else have a view of their own. */
static bool is_shown(const struct owner_view *v, struct str name)
{
    if (v->prefix[0] != '\0')
        return str_starts(name, str_of(v->prefix));
    return v->kind == ENTITY_TEAM ||
           (!str_starts(name, STR("user:")) && !str_starts(name, STR("budget:")));
}

static void on_owner(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                     const struct json *entity)
{
    struct listing *l = walk->ctx;
    struct writer w = {&ex->out, l->n > 0};

    (void)kind;
    if (!is_shown(l->view, json_str(json_get(entity, "name"))))
        return;
    l->n++;
    writer_object(&w, NULL);
    l->view->write(ex, &w, entity);
    writer_object_end(&w);
}

static void on_end(struct entity_walk *walk, struct exchange *ex)
{
    struct listing *l = walk->ctx;
    struct writer w = {&ex->out, true};

    writer_array_end(&w);
    l->end(ex, &w, l->n);
}

void owner_list(struct exchange *ex, const struct owner_view *v, owners_end_fn *end)
{
    struct entity_walk *walk = arena_zalloc(ex->arena, sizeof(*walk));
    struct listing *l = arena_zalloc(ex->arena, sizeof(*l));
    struct entity_filter filter = {.name = STR_NONE};

    *l = (struct listing){v, end, 0};
    *walk = (struct entity_walk){.kinds = {v->kind},
                                 .n_kinds = 1,
                                 .limit = ROWS_MAX,
                                 .on_entity = on_owner,
                                 .on_end = on_end,
                                 .ctx = l};
    if (v->prefix[0] != '\0')
        filter.name = arena_printf(ex->arena, "%s*", v->prefix);
    entity_filter_start(ex, &filter, walk);
}

static void on_key(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                   const struct json *entity)
{
    struct listing *l = walk->ctx;
    struct writer w = {&ex->out, l->n++ > 0};
    struct litellm_key_row row = {.entity = entity};
    struct str hash = json_str(json_get(entity, "hash"));

    (void)kind;
    if (str_starts(hash, STR("sha256:")))
        hash = str_skip(hash, 7);
    row.with_token = crypto_unhex(hash, row.hash, sizeof(row.hash)) == 0;
    writer_object(&w, NULL);
    litellm_write_key(ex, &w, &row);
    writer_object_end(&w);
}

void owner_write_keys(struct exchange *ex, struct str team_id, struct str tag, owners_end_fn *end)
{
    struct entity_walk *walk = arena_zalloc(ex->arena, sizeof(*walk));
    struct listing *l = arena_zalloc(ex->arena, sizeof(*l));
    struct entity_filter filter = {.team = team_id, .tag = tag};
    struct writer w = {&ex->out, true};

    l->end = end;
    *walk = (struct entity_walk){.kinds = {ENTITY_KEY},
                                 .n_kinds = 1,
                                 .with_hashes = true,
                                 .limit = SHOWN_KEYS_MAX,
                                 .on_entity = on_key,
                                 .on_end = on_end,
                                 .ctx = l};
    writer_array(&w, "keys");
    entity_filter_start(ex, &filter, walk);
}
