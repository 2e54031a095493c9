#include "server/master/file_owners.h"

#include <stdio.h>
#include <string.h>

#include "conf/set.h"
#include "conf/store.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/master/children.h"

static const char *const kind_names[PLACE_KINDS] = {
    [PLACE_CUSTOMER] = "customer", [PLACE_TEAM] = "team",     [PLACE_LIMIT] = "model_limit",
    [PLACE_PROVIDER] = "provider", [PLACE_TARGET] = "target",
};

static const uint32_t owner_kinds[PLACE_KINDS] = {
    [PLACE_CUSTOMER] = OWNER_CUSTOMER, [PLACE_TEAM] = OWNER_TEAM,     [PLACE_LIMIT] = OWNER_MODEL,
    [PLACE_PROVIDER] = OWNER_PROVIDER, [PLACE_TARGET] = OWNER_TARGET,
};

uint64_t file_id(enum place_kind kind, struct str name)
{
    const struct str parts[] = {STR("file:"), str_of(kind_names[kind]), STR(":"), name};
    uint8_t hash[SHA256_BYTES];
    uint64_t id = 0;

    crypto_sha256_parts(parts, ARRAY_LEN(parts), hash);
    for (int i = 0; i < 8; i++)
        id = id << 8 | hash[i];
    return id != 0 ? id : 1; /* 0 means none */
}

/* --- planning --- */

struct declared {
    enum place_kind kind;
    const char *name, *customer;
    const struct conf_rules *rules;
    bool blocked;
    struct conf_origin origin;
};

static uint32_t row_of(const struct money *m, enum place_kind kind, uint64_t id)
{
    const struct place *p = directory_id(&m->directory, kind, id);

    return p != NULL ? p->row : ROW_NONE;
}

static int plan_rows(struct money *m, const struct declared *d, const struct marks *marks,
                     struct file_item *item, struct error *err)
{
    uint64_t id = file_id(d->kind, str_of(d->name));
    struct place *have = directory_id(&m->directory, d->kind, id);
    uint32_t row = have != NULL ? have->row : money_kept_row(m, owner_kinds[d->kind], id);
    struct want_owner want = {.kind = owner_kinds[d->kind],
                              .flags = d->blocked ? OWNER_BLOCKED : 0,
                              .id = id,
                              .rules = d->rules};
    struct place fresh = {.kind = d->kind, .origin = PLACE_FILE, .id = id};

    if (d->customer != NULL) {
        item->parent = file_id(PLACE_CUSTOMER, str_of(d->customer));
        want.parent = row_of(m, PLACE_CUSTOMER, item->parent);
    }
    if (rows_plan(&m->rows, row, &want, marks, &item->rows, err) != 0)
        return error_wrap(err, "%s \"%s\"", kind_names[d->kind], d->name);
    if (item->rows.old == ROW_NONE)
        rows_commit(&m->rows, &item->rows); /* nobody points there yet */
    fresh.row = item->rows.row;
    fresh.name = str_of(d->name);
    item->is_new = have == NULL;
    item->place = have != NULL ? have : directory_add(&m->directory, &fresh);
    item->place->wanted = true;
    return 0;
}

static int plan_one(struct money *m, const struct declared *d, struct store *s,
                    struct file_plan *out, struct error *err)
{
    struct marks_part part = {STR_NONE, d->rules};
    struct file_marks what = {.key =
                                  arena_printf(out->arena, "%s/%s", kind_names[d->kind], d->name),
                              .kind = kind_names[d->kind],
                              .name = str_of(d->name),
                              .parts = &part,
                              .n_parts = 1,
                              .always = true};
    struct file_item *item = &out->items[out->n];
    struct marks marks;
    uint64_t created_ms;

    *item = (struct file_item){.name = d->name, .origin = d->origin};
    if (file_marks(s, &what, out->arena, &marks, &created_ms, err) != 0 ||
        plan_rows(m, d, &marks, item, err) != 0)
        return -1;
    if (item->is_new)
        item->place->created_ms = created_ms;
    out->changed |= marks.changed;
    out->n++;
    return 0;
}

/* One limit for each provider's model, however many targets say it (they agree: conf/check_queue.c). */
static int plan_target(struct money *m, const struct conf_target *t, struct set *seen,
                       struct store *s, struct file_plan *out, struct error *err)
{
    struct str name = str_of(t->name);
    struct conf_rules *rules = arena_zalloc(out->arena, sizeof(*rules));
    struct declared d = {PLACE_TARGET, t->name, NULL, rules, false, t->origin};
    int number = set_add(seen, name, (int)out->n + 1);

    if (number == 0) {
        rules->concurrency = t->concurrency;
        if (plan_one(m, &d, s, out, err) != 0)
            return -1;
        number = (int)out->n;
    }
    out->target_rows[out->n_targets] = out->items[number - 1].rows.row;
    return 0;
}

static int plan_targets(struct money *m, const struct config *c, struct store *s,
                        struct file_plan *out, struct error *err)
{
    struct set seen;
    int rc = 0;

    set_init(&seen, 16);
    for (size_t i = 0; i < c->n_models; i++) {
        for (size_t j = 0; rc == 0 && j < c->models[i].n_targets; j++, out->n_targets++) {
            const struct conf_target *t = &c->models[i].targets[j];

            if (t->concurrency > 0)
                rc = plan_target(m, t, &seen, s, out, err);
        }
    }
    set_fini(&seen);
    return rc;
}

static int plan_all(struct money *m, const struct config *c, struct store *s, struct file_plan *out,
                    struct error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < c->n_customers; i++) {
        const struct conf_customer *x = &c->customers[i];
        struct declared d = {PLACE_CUSTOMER, x->name, NULL, &x->rules, x->blocked, x->origin};

        rc = plan_one(m, &d, s, out, err);
    }
    for (size_t i = 0; rc == 0 && i < c->n_teams; i++) {
        const struct conf_team *x = &c->teams[i];
        struct declared d = {PLACE_TEAM, x->name, x->customer, &x->rules, x->blocked, x->origin};

        rc = plan_one(m, &d, s, out, err);
    }
    for (size_t i = 0; rc == 0 && i < c->n_model_limits; i++) {
        const struct conf_model_limit *x = &c->model_limits[i];
        struct declared d = {PLACE_LIMIT, x->model, NULL, &x->rules, false, x->origin};

        rc = plan_one(m, &d, s, out, err);
    }
    for (size_t i = 0; rc == 0 && i < c->n_providers; i++) {
        const struct conf_provider *x = &c->providers[i];
        struct declared d = {PLACE_PROVIDER, x->name, NULL, x->rules, false, x->origin};

        if (x->rules == NULL)
            continue;
        rc = plan_one(m, &d, s, out, err);
        if (rc == 0)
            out->provider_rows[i] = out->items[out->n - 1].rows.row;
    }
    return rc == 0 ? plan_targets(m, c, s, out, err) : rc;
}

static int find_gone(struct money *m, struct store *s, struct file_plan *out, struct error *err)
{
    size_t room = 0;

    for (int k = 0; k < PLACE_KINDS; k++)
        room += m->directory.kinds[k].n;
    out->gone = arena_alloc(out->arena, (room + 1) * sizeof(struct place *));
    for (int k = 0; k < PLACE_KINDS; k++) {
        const struct places *all = &m->directory.kinds[k];

        for (size_t i = 0; i < all->n; i++) {
            struct place *p = all->by_id[i];

            if (p->origin != PLACE_FILE || p->wanted)
                continue;
            out->gone[out->n_gone++] = p;
            if (file_marks_drop(
                    s, arena_printf(out->arena, "%s/%.*s", kind_names[k], STR_ARGS(p->name)),
                    err) != 0)
                return -1;
        }
    }
    return 0;
}

static void forget_wishes(struct money *m)
{
    for (int k = 0; k < PLACE_KINDS; k++) {
        for (size_t i = 0; i < m->directory.kinds[k].n; i++)
            m->directory.kinds[k].by_id[i]->wanted = false;
    }
}

int file_plan(struct money *m, const struct config *conf, struct store *s, struct file_plan *out,
              struct error *err)
{
    size_t room = conf->n_customers + conf->n_teams + conf->n_model_limits + conf->n_providers;
    size_t targets = 0;

    for (size_t i = 0; i < conf->n_models; i++)
        targets += conf->models[i].n_targets;
    room += targets;
    *out = (struct file_plan){.arena = arena_create(16384)};
    out->target_rows = arena_zalloc(out->arena, (targets + 1) * sizeof(*out->target_rows));
    out->items = arena_alloc(out->arena, (room + 1) * sizeof(*out->items));
    out->provider_rows =
        arena_zalloc(out->arena, (conf->n_providers + 1) * sizeof(*out->provider_rows));
    forget_wishes(m);
    if (plan_all(m, conf, s, out, err) == 0 && find_gone(m, s, out, err) == 0)
        return 0;
    file_abort(m, out);
    return -1;
}

int file_check(struct money *m, const struct file_plan *plan, bool may_orphan, struct error *err)
{
    struct arena *a = arena_create(4096);
    int rc = 0;

    for (size_t i = 0; i < plan->n; i++) {
        const struct file_item *item = &plan->items[i];

        if (directory_has_api(&m->directory, item->place->kind, str_of(item->name)))
            rc = error_add(err,
                           "%s:%d: %s \"%s\": the API has created one of that name; rename this "
                           "one, or delete the other",
                           item->origin.file, item->origin.line, kind_names[item->place->kind],
                           item->name);
    }
    for (size_t i = 0; i < plan->n_gone && !may_orphan; i++) {
        struct children c;

        if (plan->gone[i]->kind != PLACE_CUSTOMER && plan->gone[i]->kind != PLACE_TEAM)
            continue;
        arena_reset(a);
        children_of(m, plan->gone[i], true, a, &c);
        if (c.n_teams + c.n_keys > 0)
            rc = error_add(err,
                           "%s \"%.*s\" is gone from the file, but %zu teams and %zu keys that the "
                           "API made belong to it; move or delete them first",
                           kind_names[plan->gone[i]->kind], STR_ARGS(plan->gone[i]->name),
                           c.n_teams, c.n_keys);
    }
    arena_free(a);
    return rc;
}

/* --- the end --- */

void file_commit(struct money *m, struct file_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct file_item *item = &plan->items[i];

        rows_commit(&m->rows, &item->rows);
        rows_clean(&m->rows, &item->rows);
        item->place->origin = PLACE_FILE;
        item->place->parent = item->parent;
        item->place->row = item->rows.row;
        directory_rename(&m->directory, item->place, str_of(item->name));
        money_publish_name(m, item->place);
    }
}

void file_drop_gone(struct money *m, struct file_plan *plan)
{
    for (size_t i = 0; i < plan->n_gone; i++) {
        rows_remove(&m->rows, plan->gone[i]->row);
        directory_remove(&m->directory, plan->gone[i]);
    }
    plan->n_gone = 0;
}

void file_abort(struct money *m, struct file_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        rows_abort(&m->rows, &plan->items[i].rows);
        if (plan->items[i].is_new)
            directory_remove(&m->directory, plan->items[i].place);
    }
    plan->n = plan->n_gone = 0;
}

void file_plan_fini(struct file_plan *plan)
{
    arena_free(plan->arena);
    *plan = (struct file_plan){.arena = NULL};
}

struct place *file_ghost(struct money *m, enum place_kind kind, uint64_t id, struct error *err)
{
    const struct marks none = {.n = 0};
    struct want_owner want = {.kind = owner_kinds[kind], .flags = OWNER_BLOCKED, .id = id};
    struct place ghost = {.kind = kind, .origin = PLACE_GONE, .id = id};
    struct rows_plan rows;
    char name[24];
    int n = snprintf(name, sizeof(name), "gone-%016jx", (uintmax_t)id);

    if (rows_plan(&m->rows, money_kept_row(m, owner_kinds[kind], id), &want, &none, &rows, err) !=
        0)
        return NULL;
    rows_commit(&m->rows, &rows);
    rows_clean(&m->rows, &rows);
    ghost.row = rows.row;
    ghost.created_ms = clock_real_ms();
    ghost.name = (struct str){name, (size_t)n};
    return directory_add(&m->directory, &ghost);
}
