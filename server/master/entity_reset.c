/* Budgets that begin anew, and keys that get another text. */
#include <string.h>

#include "server/base/clock.h"
#include "server/master/entity.h"
#include "server/master/entity_load.h"
#include "server/master/file_owners.h"

/* --- reset --- */

/* Whose accounts they are stands in a table of its own when the file declares it. */
static enum entity_result file_accounts(struct entity_call *c, const struct entity_found *f,
                                        struct marks *out)
{
    const char *kind = conf_kind_names[f->entity.kind];
    struct marks_part own = {STR_NONE, conf_entity_rules(&f->entity)};
    struct marks_part *parts = &own;
    struct file_marks what = {.key = arena_printf(c->arena, "%s/%s", kind, f->entity.name),
                              .kind = kind,
                              .name = str_of(f->entity.name),
                              .n_parts = 1,
                              .always = f->entity.kind != CONF_KEY};
    enum entity_result result = entity_begin(c);
    uint64_t created_ms;

    if (f->entity.kind == CONF_KEY)
        what.n_parts = key_parts(&f->entity.key, c->arena, &parts);
    what.parts = parts;
    c->once.id = f->record.id;
    if (result == ENTITY_OK &&
        (file_marks_drop(c->store, what.key, &c->err) != 0 ||
         file_marks(c->store, &what, c->arena, out, &created_ms, &c->err) != 0))
        result = ENTITY_INTERNAL;
    if (result == ENTITY_OK)
        result = entity_commit(c);
    if (result != ENTITY_OK)
        store_abort(c->store);
    return result;
}

/* The rows it has, with other accounts. Stored already; what fails here begins anew at the next load. */
static enum entity_result reset_file_rows(struct entity_call *c, const struct entity_found *f,
                                          const struct marks *marks)
{
    struct money *m = c->money;
    struct owner owner;
    struct want_owner want;
    struct rows_plan rows;

    if (f->place == NULL) {
        struct key_want key = {.conf = &f->entity.key,
                               .id = f->record.id,
                               .created_ms = f->record.created_ms,
                               .marks = marks};
        struct key_plan plan;

        if (owner_read(m->published, f->key.owner, &owner))
            key.parent = owner.parent;
        if (key_plan(m, &key, &f->key, c->arena, &plan, &c->err) != 0 ||
            key_commit(m, &plan, &c->err) != 0)
            return ENTITY_FULL;
        return ENTITY_OK;
    }
    want = entity_want(&f->entity, f->record.id, ROW_NONE);
    if (owner_read(m->published, f->place->row, &owner))
        want.parent = owner.parent;
    if (rows_plan(&m->rows, f->place->row, &want, marks, &rows, &c->err) != 0)
        return ENTITY_FULL;
    rows_commit(&m->rows, &rows);
    rows_clean(&m->rows, &rows);
    return ENTITY_OK;
}

enum entity_result entity_reset(struct entity_call *c, enum conf_kind kind)
{
    struct entity_found f;
    struct entity_record r;
    struct marks marks;
    enum entity_result result;

    if (c->once.state == ONCE_AGAIN)
        return entity_answer_entity(c, kind, c->once.id, NULL);
    result = entity_find(c, kind, &f);
    if (result != ENTITY_OK)
        return result;
    if (f.origin == PLACE_API) {
        r = f.record;
        marks_reset(&r.marks);
        entity_fill(c, &f.entity, &r);
        result = entity_apply(c, &r, &f.entity, &f);
    } else {
        result = file_accounts(c, &f, &marks);
        if (result == ENTITY_OK)
            result = reset_file_rows(c, &f, &marks);
    }
    return result == ENTITY_OK ? entity_answer_entity(c, kind, f.record.id, NULL) : result;
}

/* --- rotate --- */

#define VALUE_MIN 16
#define VALUE_MAX 512

/* NULL: a new one is made. */
static enum entity_result read_value(struct entity_call *c, struct str *out)
{
    const struct json *value = json_get(c->json, "value");

    *out = json_str(value);
    if (value == NULL)
        return ENTITY_OK;
    if (out->len < VALUE_MIN || out->len > VALUE_MAX)
        return entity_fail(c, ENTITY_INVALID, "value: must be %d to %d characters long", VALUE_MIN,
                           VALUE_MAX);
    for (size_t i = 0; i < out->len; i++) {
        if ((unsigned char)out->p[i] <= 0x20 || (unsigned char)out->p[i] >= 0x7f)
            return entity_fail(c, ENTITY_INVALID, "value: must be printable ASCII without blanks");
    }
    return ENTITY_OK;
}

/* The text that it had becomes one of its old ones; those whose grace has ended go. */
static enum entity_result keep_old(struct entity_call *c, struct entity_record *r)
{
    uint64_t now_ms = clock_real_ms();
    uint64_t grace_ms = 0;
    uint32_t n = 0;

    (void)json_u64(json_get(c->json, "grace_ms"), &grace_ms); /* absent: it ends at once */
    for (uint32_t i = 0; i < r->n_aliases; i++) {
        if (r->aliases[i].expires_ms > now_ms)
            r->aliases[n++] = r->aliases[i];
    }
    r->n_aliases = n;
    if (grace_ms == 0)
        return ENTITY_OK;
    if (n == ALIASES_MAX)
        return entity_fail(c, ENTITY_CONFLICT, "%d earlier texts of this key are still good",
                           ALIASES_MAX);
    r->aliases[n] = (struct alias){.expires_ms = now_ms + min_u64(grace_ms, UINT64_MAX - now_ms)};
    crypto_random(&r->aliases[n].id, sizeof(r->aliases[n].id));
    r->aliases[n].id |= 1; /* 0 means none */
    memcpy(r->aliases[n].hash, r->hash, sizeof(r->hash));
    r->n_aliases++;
    return ENTITY_OK;
}

static enum entity_result rotate(struct entity_call *c, const struct entity_found *have,
                                 struct str value)
{
    struct conf_entity e = have->entity;
    struct entity_record r = have->record;
    struct virtual_key other;
    enum entity_result result = keep_old(c, &r);
    bool is_kept;

    if (result != ENTITY_OK)
        return result;
    entity_take_text(c->arena, value, &e.key);
    if (keys_find(c->money->published, e.key.hash, c->arena, &other))
        return entity_fail(c, ENTITY_CONFLICT, "value: a key has this value already");
    entity_fill(c, &e, &r);
    /* First, so that the old text is good at every instant. */
    is_kept = r.n_aliases > 0 && memcmp(r.aliases[r.n_aliases - 1].hash, have->record.hash,
                                        sizeof(have->record.hash)) == 0;
    if (is_kept && key_put_alias(c->money, &have->key, &r.aliases[r.n_aliases - 1], &c->err) != 0)
        return ENTITY_FULL;
    result = entity_apply(c, &r, &e, have);
    if (result != ENTITY_OK && is_kept)
        (void)key_table_remove(c->money->keys, r.aliases[r.n_aliases - 1].id);
    return result;
}

enum entity_result entity_rotate(struct entity_call *c)
{
    struct entity_found have;
    char text[KEY_TEXT_LEN + 1] = "";
    struct str value;
    enum entity_result result = entity_find(c, CONF_KEY, &have);

    if (result == ENTITY_OK && have.origin != PLACE_API)
        result = entity_fail(c, ENTITY_READ_ONLY,
                             "key \"%s\" is declared in the configuration file; change it there "
                             "and reload",
                             have.entity.name);
    if (result == ENTITY_OK)
        result = read_value(c, &value);
    if (result != ENTITY_OK)
        return result;
    if (value.len == 0) {
        entity_new_text(c, text);
        value = str_of(text);
    }
    if (c->once.state != ONCE_AGAIN)
        result = rotate(c, &have, value);
    if (result == ENTITY_OK)
        result = entity_answer_entity(c, CONF_KEY, have.record.id, text[0] != '\0' ? text : NULL);
    crypto_wipe(text, sizeof(text));
    return result;
}
