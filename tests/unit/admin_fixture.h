/*
 * admin_fixture - a management API without a server: regions, a configuration, a master's end of
 * the control socket that the test plays.
 *
 * Runs in:  tests of server/admin.   Writes: regions and files of its own.
 * Does not: know h2o.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_ADMIN_FIXTURE_H
#define TESTS_ADMIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/ask.h"
#include "server/admin/exchange.h"
#include "server/admin/idempotency.h"
#include "server/aggregator/query.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "shm/control.h"
#include "shm/keys.h"
#include "shm/live.h"
#include "shm/weights.h"
#include "tests/unit/temp_dir.h"

#define FIXTURE_TOKEN "fixture-admin-token"
#define FIXTURE_MODEL "gpt \"4\"\\o\n" /* what a label must escape */

struct fixture {
    struct regions regions;
    struct key_table *keys;
    struct admin admin;
    int control[2]; /* [0]: the admin process's, [1]: the master's */
    char state_dir[TEMP_DIR_MAX];
};

/* The text area follows the tables; each table has one row. */
struct fixture_image {
    struct pub_image head;
    struct pub_provider provider;
    struct pub_key key;
    struct pub_route route;
    struct pub_model model;
    struct pub_target target;
    uint32_t by_name[2];
    char text[256];
};

static inline struct pub_text fixture_text(struct fixture_image *i, uint32_t *used, const char *s)
{
    struct pub_text t = {*used, (uint32_t)strlen(s)};

    memcpy(i->text + *used, s, strlen(s) + 1);
    *used += t.len + 1;
    return t;
}

static inline void fixture_publish(struct fixture *f, uint32_t flags)
{
    struct fixture_image i = {.head = {.bytes = sizeof(i), .flags = flags}};
    struct error err = ERROR_INIT;
    uint32_t used = 0;

    i.head.providers = offsetof(struct fixture_image, provider);
    i.head.keys = offsetof(struct fixture_image, key);
    i.head.routes = offsetof(struct fixture_image, route);
    i.head.models = offsetof(struct fixture_image, model);
    i.head.targets = offsetof(struct fixture_image, target);
    i.head.n_providers = i.head.n_keys = i.head.n_routes = i.head.n_models = i.head.n_targets = 1;
    i.head.by_name = offsetof(struct fixture_image, by_name);
    i.head.text = offsetof(struct fixture_image, text);
    i.provider.name = fixture_text(&i, &used, "openai");
    i.provider.base_url = fixture_text(&i, &used, "https://api.openai.com/v1");
    i.provider.n_keys = i.provider.n_routes = 1;
    i.key.name = fixture_text(&i, &used, "main");
    i.key.weight = 200;
    i.key.secret_len = 6;
    i.route.model = fixture_text(&i, &used, FIXTURE_MODEL);
    i.route.row = 7;
    i.route.weight = 200;
    i.model.name = fixture_text(&i, &used, "fast");
    i.model.n_targets = 1;
    i.target.model = i.route.model;
    i.target.weight = 1000;
    i.target.n_routes = 1;
    i.head.text_bytes = sizeof(i.text);
    int64_t generation =
        published_flip(&f->regions.published, &f->regions.secrets, &i.head, STR("secret"), &err);
    if (generation <= 0)
        fail_msg("published_flip: %s", err.text);
}

static inline void fixture_region(enum region_kind kind, struct region *out)
{
    struct error err = ERROR_INIT;

    if (region_create(kind, 4711, out, &err) != 0)
        fail_msg("region_create: %s", err.text);
}

static inline void fixture_open(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    fixture_region(REGION_PUBLISHED, &f->regions.published);
    fixture_region(REGION_SECRETS, &f->regions.secrets);
    fixture_region(REGION_WEIGHTS, &f->regions.weights);
    fixture_region(REGION_LIVE, &f->regions.live);
    fixture_region(REGION_COUNTERS, &f->regions.counters);
    f->keys = key_table_open(&f->regions.published);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f->control), 0);
    assert_int_equal(fd_set_nonblock(f->control[0], true), 0);
    assert_int_equal(temp_dir_make(f->state_dir), 0);
    f->admin.regions = &f->regions;
    f->admin.json = json_parser_create();
    f->admin.ask = ask_create(f->control[0], f->admin.json);
    f->admin.query = query_open(f->state_dir);
    f->admin.idempotency = idempotency_create();
    f->admin.token = STR(FIXTURE_TOKEN);
}

static inline void fixture_close(struct fixture *f)
{
    admin_view_fini(&f->admin);
    ask_free(f->admin.ask);
    query_close(f->admin.query);
    metrics_owners_free(f->admin.owners);
    idempotency_free(f->admin.idempotency);
    json_parser_free(f->admin.json);
    key_table_close(f->keys);
    region_close(&f->regions.published);
    region_close(&f->regions.secrets);
    region_close(&f->regions.weights);
    region_close(&f->regions.live);
    region_close(&f->regions.counters);
    close(f->control[0]);
    close(f->control[1]);
    (void)temp_dir_remove(f->state_dir); /* what is left is no test's subject */
}

/* A worker that serves, in slot `n`. */
static inline struct slot *fixture_worker(struct fixture *f, uint32_t n)
{
    struct slot *s = live_slot(&f->regions.live, n);

    live_take(s, (uint32_t)getpid(), clock_real_ms());
    s->generation = published_generation(&f->regions.published);
    s->beat_ms = clock_mono_ms();
    return s;
}

/* A call over the Unix socket itself; `target` may have a query. */
static inline void fixture_begin(struct fixture *f, struct exchange *ex, const char *method,
                                 const char *target, const char *body)
{
    const char *query = strchr(target, '?');

    memset(ex, 0, sizeof(*ex));
    ex->admin = &f->admin;
    ex->arena = arena_create(4096);
    ex->method = str_of(method);
    ex->path = str_of(target);
    if (query != NULL) {
        ex->path.len = (size_t)(query - target);
        ex->query = str_of(query + 1);
    }
    ex->body = str_of(body);
    if (body != NULL)
        ex->content_type = STR("application/json");
    ex->host = STR("localhost");
}

static inline void fixture_end(struct exchange *ex)
{
    buf_fini(&ex->out);
    arena_free(ex->arena);
}

/* The answer as JSON; every JSON answer must be sound. */
static inline struct json *fixture_json(struct exchange *ex)
{
    struct json_error err;
    struct json *root = json_parse(ex->admin->json, ex->arena, buf_view(&ex->out), &err);

    if (root == NULL)
        fail_msg("%s: %.*s", err.text, STR_ARGS(buf_view(&ex->out)));
    return root;
}

static inline void fixture_expect_error(struct exchange *ex, int status, const char *code)
{
    const struct json *error = json_get(fixture_json(ex), "error");

    assert_true(ex->finished);
    assert_int_equal(ex->status, status);
    assert_true(str_eq(json_str(json_get(error, "code")), str_of(code)));
    assert_true(json_str(json_get(error, "message")).len > 10);
    assert_true(json_str(json_get(error, "type")).len > 5);
}

/* What the admin process asked the master, into `text`; its number in *seq. */
static inline void fixture_asked(struct fixture *f, char *text, size_t room, uint64_t *seq)
{
    static char buffer[CONTROL_TEXT_MAX + sizeof(struct control_head)];
    struct control_message m;

    assert_int_equal(control_receive(f->control[1], buffer, sizeof(buffer), &m), 1);
    assert_int_equal(m.head.type, CONTROL_CALL);
    assert_true(m.text.len < room);
    memcpy(text, m.text.p, m.text.len);
    text[m.text.len] = '\0';
    *seq = m.head.seq;
}

static inline void fixture_reply(struct fixture *f, uint64_t seq, const char *text)
{
    assert_int_equal(control_send(f->control[1], CONTROL_REPLY, 0, seq, str_of(text)), 0);
    assert_true(ask_on_readable(f->admin.ask));
}

#endif
