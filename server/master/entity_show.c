/* An entity as the API shows it: as it was said, and where its accounts are. */
#include <stdio.h>
#include <string.h>

#include "conf/emit.h"
#include "server/master/entity.h"
#include "server/master/file_owners.h"
#include "shm/scope.h"

/* Rows of its rules: its own, and its providers'. */
struct showing {
    const struct rows *rows;
    uint32_t own;
    struct scope *scope; /* of a key; NULL: none */
};

static uint32_t row_of(const struct showing *s, const char *part)
{
    if (part == NULL)
        return s->own;
    for (uint32_t i = 0; s->scope != NULL && i < s->scope->n_providers; i++) {
        if (str_eq(s->scope->providers[i].name, str_of(part)))
            return s->scope->providers[i].owner;
    }
    return ROW_NONE;
}

static void put_id(struct emitter *w, const char *key, uint64_t id)
{
    char text[20];

    (void)snprintf(text, sizeof(text), "%016jx", (uintmax_t)id);
    emit_text(w, key, text);
}

static void put_budget(void *ctx, struct emitter *w, const char *part, const struct conf_budget *b)
{
    const struct showing *s = ctx;
    struct account a;

    emit_number(w, "limit_nanousd", b->limit_nanousd);
    if (b->overshoot_nanousd != CONF_OVERSHOOT_AUTO)
        emit_number(w, "overshoot_nanousd", b->overshoot_nanousd);
    if (!rows_budget(s->rows, row_of(s, part), b, &a))
        return;
    emit_number(w, "account", a.index);
    put_id(w, "account_id", a.id);
}

static void put_limit(void *ctx, struct emitter *w, const char *part, const struct conf_limit *l)
{
    const struct showing *s = ctx;
    struct account a;

    if (rows_limit(s->rows, row_of(s, part), l, &a))
        emit_number(w, "account", a.index);
}

static void put_concurrency(void *ctx, struct emitter *w, const char *part)
{
    const struct showing *s = ctx;
    struct account a;

    if (rows_concurrency(s->rows, row_of(s, part), &a))
        emit_number(w, "concurrency_account", a.index);
}

/* Names were said by the entity itself; the API finds by ids, too. */
static void put_parents(struct emitter *w, const struct conf_entity *e,
                        const struct entity_record *r, enum place_origin origin)
{
    const struct conf_key_scope *s = e->kind == CONF_KEY ? e->key.scope : NULL;
    const char *customer = e->kind == CONF_TEAM ? e->team.customer : s != NULL ? s->customer : NULL;
    const char *team = s != NULL ? s->team : NULL;

    if (team != NULL)
        put_id(w, "team_id", origin == PLACE_API ? r->parent : file_id(PLACE_TEAM, str_of(team)));
    if (customer != NULL)
        put_id(w, "customer_id",
               origin == PLACE_API ? r->parent : file_id(PLACE_CUSTOMER, str_of(customer)));
}

static void put_key(struct emitter *w, const struct entity_found *f, bool with_hash)
{
    const struct entity_record *r = &f->record;
    char hex[2 * SHA256_BYTES + 1];
    char hint[80];

    (void)snprintf(hint, sizeof(hint), "%.*s", STR_ARGS(r->hint));
    emit_text(w, "hint", hint);
    if (with_hash) {
        crypto_hex(r->hash, sizeof(r->hash), hex);
        emit_text(w, "hash", hex);
    }
    if (r->n_aliases == 0)
        return;
    emit_open(w, "old_texts", true);
    for (uint32_t i = 0; i < r->n_aliases; i++) {
        emit_open(w, NULL, false);
        put_id(w, "id", r->aliases[i].id);
        emit_number(w, "ends_ms", r->aliases[i].expires_ms);
        emit_close(w);
    }
    emit_close(w);
}

void entity_show(struct money *m, const struct entity_found *f, const struct entity_show *how,
                 struct buf *out)
{
    struct showing s = {.rows = &m->rows, .own = f->place != NULL ? f->place->row : f->key.owner};
    struct export_extra extra = {put_budget, put_limit, put_concurrency, &s};
    struct arena *a = arena_create(4096);
    struct emitter w = {.out = out, .format = CONFIG_JSON};

    if (f->place == NULL && f->key.scope.len > 0) {
        s.scope = arena_zalloc(a, sizeof(*s.scope));
        if (scope_decode(f->key.scope, s.scope) != 0)
            s.scope = NULL;
    }
    emit_open(&w, NULL, false);
    put_id(&w, "id", f->record.id);
    emit_text(&w, "origin", f->origin == PLACE_API ? "api" : "file");
    emit_number(&w, "created_ms", f->record.created_ms);
    if (f->entity.kind == CONF_KEY)
        put_key(&w, f, how->hash);
    put_parents(&w, &f->entity, &f->record, f->origin);
    conf_entity_emit(&f->entity, &w, &extra);
    emit_close(&w);
    arena_free(a);
}
