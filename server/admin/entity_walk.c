/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/entity_walk.h"

#include "server/base/clock.h"

#define PAGE_MAX 1000 /* entities asked for at once; the master gives what fits a message */

static void ask_page(struct exchange *ex, struct entity_walk *walk);

/* "team.CURSOR" where there are several kinds, to find again where it was. */
struct str entity_walk_next(struct exchange *ex, const struct entity_walk *walk)
{
    if (walk->is_done)
        return STR_NONE;
    if (walk->n_kinds == 1)
        return walk->cursor;
    /* Between two kinds the cursor is empty. */
    return arena_printf(ex->arena, "%s.%.*s", entity_infos[walk->kinds[walk->at_kind]].name,
                        STR_ARGS(walk->cursor));
}

static void refuse_cursor(struct exchange *ex)
{
    exchange_error(ex, 400, "bad_parameter", "cursor", "cursor is not a cursor of this list");
}

/* False: answered. */
static bool take_cursor(struct exchange *ex, struct entity_walk *walk)
{
    ptrdiff_t dot = str_index(walk->cursor, '.');

    if (walk->n_kinds == 1 || walk->cursor.len == 0)
        return true;
    for (size_t i = 0; dot > 0 && i < walk->n_kinds; i++) {
        if (!str_eq((struct str){walk->cursor.p, (size_t)dot},
                    str_of(entity_infos[walk->kinds[i]].name)))
            continue;
        walk->at_kind = i;
        walk->cursor = str_skip(walk->cursor, (size_t)dot + 1);
        return true;
    }
    refuse_cursor(ex);
    return false;
}

static void on_page(struct exchange *ex, const struct json *reply)
{
    struct entity_walk *walk = ex->state;
    const struct json *data = json_get(reply, "data");
    struct str next = json_str(json_get(reply, "next"));

    if (walk->filter.len == 0)
        walk->has_total = json_u64(json_get(reply, "total"), &walk->total);
    for (const struct json *e = data != NULL ? data->child : NULL; e != NULL; e = e->next) {
        if (walk->n_skipped < walk->skip) {
            walk->n_skipped++;
            continue;
        }
        walk->on_entity(walk, ex, walk->kinds[walk->at_kind], e);
        walk->n_given++;
    }
    walk->cursor = next.len > 0 ? arena_str(ex->arena, next) : STR_NONE;
    if (next.len == 0 && ++walk->at_kind == walk->n_kinds) {
        walk->is_done = true;
        if (walk->filter.len > 0 && walk->is_whole) {
            walk->has_total = true;
            walk->total = walk->n_skipped + walk->n_given;
        }
        walk->on_end(walk, ex);
        return;
    }
    if (walk->n_given >= walk->limit || walk->n_calls >= WALK_CALLS_MAX || ex->is_gone ||
        clock_mono_ms() - walk->begun_ms > WALK_MS)
        walk->on_end(walk, ex);
    else
        ask_page(ex, walk);
}

static void ask_page(struct exchange *ex, struct entity_walk *walk)
{
    uint64_t wanted = walk->skip - walk->n_skipped + walk->limit - walk->n_given;
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    walk->n_calls++;
    writer_object(&w, NULL);
    writer_cstr(&w, "op", "entity_list");
    writer_cstr(&w, "kind", entity_infos[walk->kinds[walk->at_kind]].name);
    writer_u64(&w, "limit", min_u64(wanted, PAGE_MAX));
    if (walk->cursor.len > 0)
        writer_str(&w, "after", walk->cursor);
    if (walk->filter.len > 0)
        writer_raw(&w, "filter", walk->filter);
    if (walk->with_hashes)
        writer_bool(&w, "hashes", true);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_page);
}

void entity_walk_start(struct exchange *ex, struct entity_walk *walk)
{
    walk->begun_ms = clock_mono_ms();
    walk->is_whole = walk->cursor.len == 0;
    ex->state = walk;
    if (take_cursor(ex, walk))
        ask_page(ex, walk);
}
