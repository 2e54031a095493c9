/*
 * money_fixture - regions, a state directory and the master's tables, without any process.
 *
 * Runs in:  tests of server/master/.   Reads, writes: a directory of its own.
 * Configurations are put into effect as apply.c does it; calls are those of the control socket.
 * Does not: start children.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MONEY_FIXTURE_H
#define TESTS_MONEY_FIXTURE_H

#include "server/base/alloc.h"
#include "server/master/entity.h"
#include "server/master/import.h"
#include "server/master/keyring.h"
#include "server/master/restore.h"
#include "server/master/save.h"
#include "shm/limits.h"
#include "tests/unit/master_fixture.h"
#include "tests/unit/temp_dir.h"

struct world {
    struct regions regions;
    struct money *money;
    struct mirror_mark mark;
    struct changes changes; /* of the last reload */
    struct arena *arena;
    struct json_parser *json;
    struct error err;
    char directory[TEMP_DIR_MAX];
};

static inline void world_open(struct world *w)
{
    static const struct regions none = {
        REGION_NONE(REGION_PUBLISHED), REGION_NONE(REGION_SECRETS), REGION_NONE(REGION_WEIGHTS),
        REGION_NONE(REGION_LIVE),      REGION_NONE(REGION_TOKENS),  REGION_NONE(REGION_COUNTERS)};

    w->regions = none;
    if (region_create(REGION_PUBLISHED, 1, &w->regions.published, &w->err) != 0 ||
        region_create(REGION_SECRETS, 1, &w->regions.secrets, &w->err) != 0 ||
        region_create(REGION_COUNTERS, 1, &w->regions.counters, &w->err) != 0 ||
        region_create(REGION_LIVE, 1, &w->regions.live, &w->err) != 0)
        fail_msg("%s", w->err.text);
}

static inline void world_take_over(struct world *w)
{
    w->money =
        money_open(&w->regions.published, &w->regions.counters, &w->regions.live, w->directory);
    w->money->secret = "the-admin-token";
    w->mark = (struct mirror_mark){{0}};
}

static inline void world_close_regions(struct world *w)
{
    region_close(&w->regions.published);
    region_close(&w->regions.secrets);
    region_close(&w->regions.counters);
    region_close(&w->regions.live);
}

static inline int world_begin(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    if (temp_dir_make(w->directory) != 0)
        return -1;
    w->arena = arena_create(65536);
    w->json = json_parser_create();
    world_open(w);
    world_take_over(w);
    *state = w;
    return 0;
}

static inline int world_end(void **state)
{
    struct world *w = *state;

    (void)temp_dir_remove(w->directory); /* what is left is not the tests' subject */
    money_close(w->money);
    world_close_regions(w);
    changes_fini(&w->changes);
    json_parser_free(w->json);
    arena_free(w->arena);
    free(w);
    return 0;
}

/* As apply.c does it. 0, or -1 with w->err. `start`: the API's are loaded first, and rows swept. */
static inline int world_try(struct world *w, const char *text, bool start)
{
    struct config *conf = master_config(text);
    struct entities *entities = entities_create(conf);
    struct save_request req = {.state_dir = w->directory,
                               .conf = conf,
                               .entities = entities,
                               .mock_url = "http://127.0.0.1:1",
                               .money = w->money,
                               .mark = w->mark,
                               .load = start};
    struct saved saved;
    int rc;

    changes_fini(&w->changes);
    w->err.text[0] = '\0';
    rc = save_config(&req, &saved, &w->err);
    if (rc == 0) {
        struct str secrets = {(const char *)saved.image.secrets, saved.image.secret_len};

        assert_true(published_flip(&w->regions.published, &w->regions.secrets, saved.image.bytes,
                                   secrets, &w->err) > 0);
        file_commit(w->money, &saved.owners);
        assert_int_equal(keyring_apply(w->money, conf, &saved.keys, &w->changes, &w->err), 0);
        file_drop_gone(w->money, &saved.owners);
        money_publish_limits(w->money);
        if (start)
            money_sweep(w->money);
        w->mark = saved.mark;
    }
    saved_fini(&saved);
    entities_free(entities);
    config_free(conf);
    return rc;
}

static inline void world_apply(struct world *w, const char *text)
{
    if (world_try(w, text, false) != 0)
        fail_msg("%s", w->err.text);
}

/* Another daemon; with the regions that systemd kept, or with new ones. */
static inline void world_restart(struct world *w, const char *text, bool keep)
{
    money_close(w->money);
    if (!keep) {
        world_close_regions(w);
        world_open(w);
    }
    world_take_over(w);
    if (world_try(w, text, true) != 0)
        fail_msg("%s", w->err.text);
}

/* The reply to a call; good until the arena is reset. */
static inline const struct json *world_call(struct world *w, const char *text)
{
    struct json_error wrong;
    const struct json *call = json_parse(w->json, w->arena, str_of(text), &wrong);
    struct buf out = BUF_IN(w->arena);
    const struct json *reply;

    if (call == NULL)
        fail_msg("%s: %s", text, wrong.text);
    assert_true(entity_answer(w->money, call, w->arena, &out));
    reply = json_parse(w->json, w->arena, buf_view(&out), &wrong);
    if (reply == NULL)
        fail_msg("%s: %s", out.data, wrong.text);
    return reply;
}

static inline const struct json *world_ok(struct world *w, const char *text)
{
    const struct json *reply = world_call(w, text);
    bool ok = false;

    if (!json_bool(json_get(reply, "ok"), &ok) || !ok)
        fail_msg("%s: %.*s", text, STR_ARGS(reply->raw));
    return reply;
}

/* It is refused so: the kind, and words of the text. */
static inline void world_refused(struct world *w, const char *text, const char *kind,
                                 const char *words)
{
    const struct json *reply = world_call(w, text);
    struct str error = json_str(json_get(reply, "error"));

    if (!str_eq(json_str(json_get(reply, "kind")), str_of(kind)) ||
        memmem(error.p, error.len, words, strlen(words)) == NULL)
        fail_msg("%s: %.*s", text, STR_ARGS(reply->raw));
}

static inline bool world_find(struct world *w, struct str plain, struct virtual_key *out)
{
    uint8_t hash[SHA256_BYTES];

    crypto_sha256(plain, hash);
    return keys_find(&w->regions.published, hash, w->arena, out);
}

/* Account number i of an owner's row. */
static inline struct account world_account(struct world *w, uint32_t row, uint32_t i)
{
    struct owner owner;
    struct account a;

    assert_true(owner_read(&w->regions.published, row, &owner));
    assert_true(i < owner.n_accounts);
    assert_true(account_read(&w->regions.published, owner.accounts[i], &a));
    return a;
}

static inline uint32_t world_row(struct world *w, enum place_kind kind, const char *name)
{
    const struct place *p = directory_name(&w->money->directory, kind, str_of(name));

    assert_non_null(p);
    return p->row;
}

/* Rows in use, of owners and accounts: what is not given back is found so. */
static inline void world_count(struct world *w, uint32_t *owners, uint32_t *accounts)
{
    struct owner owner;
    struct account account;

    *owners = *accounts = 0;
    for (uint32_t i = 1; i < owners_high(&w->regions.published); i++)
        *owners += owner_read(&w->regions.published, i, &owner);
    for (uint32_t i = 1; i < accounts_high(&w->regions.published); i++)
        *accounts += account_read(&w->regions.published, i, &account);
}

#endif
