/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"
#include "tests/unit/conf_fixture.h"

static struct config *load(const char *text)
{
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    if (fixture_load(text, &c, &err) != 0)
        fail_msg("%s", err.text);
    return c;
}

/* The file of the design, section 13, as far as this version goes. */
static const char full[] =
    "listen:\n"
    "  - 127.0.0.1:8080\n"
    "  - { address: \"0.0.0.0:0\" }\n"
    "workers: auto\n"
    "require_key: true\n"
    "http2: off\n"
    "admin: { token: env.ADMIN_TOKEN }\n"
    "providers:\n"
    "  openai:\n"
    "    keys:\n"
    "      - { name: main,  value: env.OPENAI_API_KEY }\n"
    "      - { name: spare, value: sk-literal, weight: 0.2, models: [\"gpt-4o*\"] }\n"
    "    timeout: { connect: 3s, first_byte: 90s, between_bytes: 500ms, total: 0 }\n"
    "  house-vllm:\n"
    "    vendor: openai-compatible\n"
    "    base_url: http://10.0.0.5:8000/v1/\n"
    "    keys: [ { name: none, value: unused } ]\n"
    "    models: [llama-3.1-8b]\n"
    "    proxy: env.PROXY\n"
    "    tls_verify: no\n"
    "    http2: false\n"
    "    h2c: true\n"
    "    headers: { X-Team: core, X-Account: env.OPENAI_API_KEY }\n"
    "models:\n"
    "  fast: { targets: [ { model: openai/gpt-4o-mini, weight: 8 }, house-vllm/a/b ] }\n"
    "virtual_keys:\n"
    "  - { name: team, value: env.TEAM_KEY, models: [\"openai/*\", fast] }\n"
    "  - { name: other, value: \"0123456789abcdef\", expires: 2027-01-31, active: false,"
    " strict: true }\n"
    "  - { name: hashed, value: env.HASHED }\n"
    "limits: { body_max: 8MiB, connections: 500, header_timeout: 5s }\n"
    "log: { level: debug, max_records: 5000, max_age: 7d }\n"
    "drain_timeout: 30s\n"
    "user: nobody\n";

static void the_top_level_is_read(void **state)
{
    struct config *c = load(full);

    (void)state;
    assert_int_equal(c->n_listeners, 2);
    assert_string_equal(c->listeners[0].address, "127.0.0.1:8080");
    assert_int_equal(c->listeners[1].origin.line, 3);
    assert_string_equal(c->listeners[1].origin.file, "t.yaml");
    assert_int_equal(c->workers, 0);
    assert_true(c->require_key);
    assert_false(c->http2);
    assert_false(c->is_zero_config);
    assert_true(str_eq(c->admin_token.bytes, STR("an-admin-token-of-some-length")));
    assert_string_equal(c->admin_token.source, "env.ADMIN_TOKEN");
    assert_int_equal(c->limits.body_max_bytes, 8 << 20);
    assert_int_equal(c->limits.relay_max_bytes, 256 << 10);
    assert_int_equal(c->limits.connections, 500);
    assert_int_equal(c->limits.header_ms, 5000);
    assert_int_equal(c->limits.idle_ms, 75000);
    assert_string_equal(c->log.level, "debug");
    assert_int_equal(c->log.max_records, 5000);
    assert_int_equal(c->log.max_age_ms, 7 * 86400000);
    assert_int_equal(c->drain_ms, 30000);
    assert_string_equal(c->user, "nobody");
    config_free(c);
}

static void providers_are_read(void **state)
{
    struct config *c = load(full);
    const struct conf_provider *p = &c->providers[0];

    (void)state;
    assert_int_equal(c->n_providers, 2);
    assert_string_equal(p->name, "openai");
    assert_int_equal(p->vendor, 0);
    assert_string_equal(p->vendor_name, "openai");
    assert_null(p->base_url);
    assert_int_equal(p->n_keys, 2);
    assert_string_equal(p->keys[0].name, "main");
    assert_true(str_eq(p->keys[0].value.bytes, STR("sk-openai-1")));
    assert_string_equal(p->keys[0].value.source, "env.OPENAI_API_KEY");
    assert_int_equal(p->keys[0].weight, 1000);
    assert_int_equal(p->keys[0].n_models, 0);
    assert_null(p->keys[1].value.source);
    assert_int_equal(p->keys[1].weight, 200);
    assert_string_equal(p->keys[1].models[0], "gpt-4o*");
    assert_int_equal(p->connect_ms, 3000);
    assert_int_equal(p->first_byte_ms, 90000);
    assert_int_equal(p->between_bytes_ms, 500);
    assert_int_equal(p->total_ms, 0);
    assert_int_equal(p->n_models, 2); /* the vendor's */
    assert_string_equal(p->models[1], "gpt-*");
    assert_true(p->tls_verify && p->http2 && !p->h2c);
    p = &c->providers[1];
    assert_int_equal(p->vendor, 3);
    assert_string_equal(p->base_url, "http://10.0.0.5:8000/v1");
    assert_int_equal(p->n_models, 1);
    assert_string_equal(p->proxy, "http://me:pass@proxy:3128");
    assert_true(!p->tls_verify && !p->http2 && p->h2c);
    assert_int_equal(p->n_headers, 2);
    assert_string_equal(p->headers[0].name, "X-Team");
    assert_string_equal(p->headers[0].value, "core");
    assert_string_equal(p->headers[1].source, "env.OPENAI_API_KEY");
    config_free(c);
}

static void models_and_virtual_keys_are_read(void **state)
{
    struct config *c = load(full);
    const struct conf_model *m = &c->models[0];
    uint8_t hash[32];

    (void)state;
    assert_int_equal(c->n_models, 1);
    assert_int_equal(m->n_targets, 2);
    assert_string_equal(m->targets[0].provider, "openai");
    assert_string_equal(m->targets[0].model, "gpt-4o-mini");
    assert_int_equal(m->targets[0].weight, 8000);
    assert_string_equal(m->targets[1].provider, "house-vllm");
    assert_string_equal(m->targets[1].model, "a/b");
    assert_int_equal(m->targets[1].weight, 1000);
    assert_int_equal(c->n_keys, 3);
    crypto_sha256(STR("sk-bf-team-0123456789abcdef"), hash);
    assert_memory_equal(c->keys[0].hash, hash, sizeof(hash));
    assert_string_equal(c->keys[0].hint, "sk-bf-...cdef");
    assert_int_equal(c->keys[0].n_models, 2);
    assert_true(c->keys[0].active);
    assert_int_equal(c->keys[0].expires_ms, 0);
    assert_string_equal(c->keys[1].hint, "...cdef");
    assert_int_equal(c->keys[1].expires_ms, 1801353600000);
    assert_false(c->keys[1].active);
    assert_false(c->keys[0].strict);
    assert_true(c->keys[1].strict);
    assert_int_equal(c->keys[2].hash[0], 0x9f);
    assert_string_equal(c->keys[2].hint, "");
    config_free(c);
}

/* What is not written, and what is written as nothing, is the default. */
static void nothing_means_the_default(void **state)
{
    struct config *c = load("listen:\nlimits: ~\nvirtual_keys: null\nproviders:\n  mock:\n");

    (void)state;
    assert_int_equal(c->n_listeners, 1);
    assert_string_equal(c->listeners[0].address, "127.0.0.1:8080");
    assert_int_equal(c->limits.body_max_bytes, 32 << 20);
    assert_int_equal(c->drain_ms, 600000);
    assert_string_equal(c->user, "bowfin");
    assert_int_equal(c->n_providers, 1);
    assert_int_equal(c->providers[0].n_keys, 1); /* one that is empty */
    assert_string_equal(c->providers[0].keys[0].name, "default");
    assert_int_equal(c->providers[0].keys[0].value.bytes.len, 0);
    assert_int_equal(c->providers[0].connect_ms, 5000);
    assert_int_equal(c->n_keys, 0);
    config_free(c);
}

static void a_provider_may_take_its_key_from_the_usual_variable(void **state)
{
    struct config *c = load("providers: { openai: {} }\n");

    (void)state;
    assert_int_equal(c->providers[0].n_keys, 1);
    assert_true(str_eq(c->providers[0].keys[0].value.bytes, STR("sk-openai-1")));
    assert_string_equal(c->providers[0].keys[0].value.source, "env.OPENAI_API_KEY");
    config_free(c);
}

static void env_works_in_any_value(void **state)
{
    struct config *c = load("workers: env.WORKERS\n");

    (void)state;
    assert_int_equal(c->workers, 3);
    config_free(c);
}

static void require_key_follows_the_listeners(void **state)
{
    static const struct {
        const char *text;
        bool want;
    } cases[] = {
        {"listen: 127.0.0.1:1\n", false},
        {"listen: [127.0.0.1:1, \"[::1]:1\", \"localhost:1\", \"unix:/x\", 127.9.9.9:1]\n", false},
        {"listen: [127.0.0.1:1, 0.0.0.0:2]\n", true},
        {"listen: \":80\"\n", true},
        {"listen: \"[::]:80\"\n", true},
        {"listen: 10.0.0.1:80\n", true},
        {"listen: \"127.0.0.1.example.com:80\"\n", true},
        {"listen: 0.0.0.0:80\nrequire_key: false\n", false},
        {"listen: 127.0.0.1:80\nrequire_key: true\n", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = load(cases[i].text);

        if (c->require_key != cases[i].want)
            fail_msg("%s", cases[i].text);
        config_free(c);
    }
}

static void the_command_line_wins(void **state)
{
    static const char *const listen[] = {"127.0.0.1:0", "0.0.0.0:0"};
    struct conf_overrides overrides = {listen, 2, 7};
    struct conf_source source = {"t.yaml", STR("listen: 127.0.0.1:1\nworkers: 2\n"), fixture_env};
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    (void)state;
    assert_int_equal(config_load_text(&source, &overrides, &fixture_all, &c, &err), 0);
    assert_int_equal(c->n_listeners, 2);
    assert_string_equal(c->listeners[1].address, "0.0.0.0:0");
    assert_int_equal(c->workers, 7);
    assert_true(c->require_key);
    config_free(c);
}

static void zero_config_takes_the_environment(void **state)
{
    struct conf_source source = {NULL, STR_NONE, fixture_env};
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    (void)state;
    assert_int_equal(config_load_text(&source, NULL, &fixture_all, &c, &err), 0);
    assert_true(c->is_zero_config);
    assert_int_equal(c->n_listeners, 1);
    assert_string_equal(c->listeners[0].address, "127.0.0.1:8080");
    assert_false(c->require_key);
    assert_int_equal(c->n_providers, 2);
    assert_string_equal(c->providers[0].name, "openai");
    assert_true(str_eq(c->providers[0].keys[0].value.bytes, STR("sk-openai-1")));
    assert_string_equal(c->providers[1].name, "mock");
    assert_int_equal(c->providers[1].n_models, 2);
    config_free(c);

    source.env = fixture_no_env;
    assert_int_equal(config_load_text(&source, NULL, &fixture_all, &c, &err), 0);
    assert_int_equal(c->n_providers, 1);
    assert_string_equal(c->providers[0].name, "mock");
    config_free(c);
}

static void the_sample_loads(void **state)
{
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    (void)state;
    if (config_load("conf/bowfin.sample.yaml", NULL, &fixture_all, &c, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(c->n_providers, 1);
    assert_int_equal(c->n_models, 1);
    config_free(c);
}

static const char *sample_env(const char *name)
{
    return strcmp(name, "OPENAI_API_KEY_2") == 0 || strcmp(name, "BOWFIN_ADMIN_TOKEN") == 0
               ? "a-text-of-some-length"
               : fixture_env(name);
}

/* With every "#" removed that hides a setting: only the certificate's files are missing. */
static void the_whole_sample_is_sound(void **state)
{
    struct error err = ERROR_INIT;
    struct config *c = NULL;
    struct buf text = BUF_INIT;
    struct buf all = BUF_INIT;
    struct conf_source source = {"t.yaml", STR_NONE, sample_env};
    struct str rest;
    struct str line;

    (void)state;
    assert_int_equal(fd_read_file("conf/bowfin.sample.yaml", 1 << 20, &text, &err), 0);
    rest = buf_view(&text);
    for (int n = 0; str_next(&rest, '\n', &line); n++) {
        ptrdiff_t hash = str_index(line, '#');
        struct str behind = str_skip(line, (size_t)(hash + 1));
        bool is_prose = (behind.len == 0 || behind.p[0] == ' ') && !str_starts(behind, STR("  "));

        if (hash >= 0 && str_trim((struct str){line.p, (size_t)hash}).len == 0 && !is_prose &&
            n > 5)
            buf_printf(&all, "%.*s%.*s\n", (int)hash, line.p, STR_ARGS(behind));
        else
            buf_printf(&all, "%.*s\n", STR_ARGS(line));
    }
    source.text = buf_view(&all);
    assert_int_equal(config_load_text(&source, NULL, &fixture_all, &c, &err), -1);
    assert_string_equal(err.text,
                        "t.yaml:13: certificate \"/etc/bowfin/tls.crt\" cannot be used: No such "
                        "file or directory\n"
                        "t.yaml:13: private key \"/etc/bowfin/tls.key\" cannot be used: No such "
                        "file or directory");
    buf_fini(&text);
    buf_fini(&all);
}

static void a_file_is_read_and_missed(void **state)
{
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    (void)state;
    assert_int_equal(config_load("/nonexistent/bowfin.yaml", NULL, &fixture_all, &c, &err), -1);
    assert_string_equal(err.text, "/nonexistent/bowfin.yaml: No such file or directory");
    assert_int_equal(config_load("/tmp", NULL, &fixture_all, &c, &err), -1);
    assert_string_equal(err.text, "/tmp: is a directory, not a file");
    assert_null(c);
}

static void many_virtual_keys_load_fast(void **state)
{
    enum { N = 100000 };
    struct buf text = BUF_INIT;
    struct config *c;
    struct timespec from;
    struct timespec to;
    double seconds;

    (void)state;
    buf_cstr(&text, "providers: { mock: }\nvirtual_keys:\n");
    for (int i = 0; i < N; i++)
        buf_printf(&text, "  - { name: team-%d, value: sk-bf-%032d, models: [\"openai/*\"] }\n", i,
                   i);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    c = load(text.data);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    print_message("100,000 virtual keys: %.0f ms of CPU\n", seconds * 1000);
    assert_int_equal(c->n_keys, N);
#ifdef __OPTIMIZE__
    assert_true(seconds < 3); /* a third of a second here; room for sanitizers and slow machines */
#endif
    config_free(c);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_top_level_is_read),
        cmocka_unit_test(providers_are_read),
        cmocka_unit_test(models_and_virtual_keys_are_read),
        cmocka_unit_test(nothing_means_the_default),
        cmocka_unit_test(a_provider_may_take_its_key_from_the_usual_variable),
        cmocka_unit_test(env_works_in_any_value),
        cmocka_unit_test(require_key_follows_the_listeners),
        cmocka_unit_test(the_command_line_wins),
        cmocka_unit_test(zero_config_takes_the_environment),
        cmocka_unit_test(the_sample_loads),
        cmocka_unit_test(the_whole_sample_is_sound),
        cmocka_unit_test(a_file_is_read_and_missed),
        cmocka_unit_test(many_virtual_keys_load_fast),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
