/*
 * Bad files and the exact text that each of them gets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/base/fd.h"
#include "tests/unit/conf_fixture.h"

struct bad_case {
    const char *text, *want;
};

static void expect(const char *text, const char *want)
{
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    if (fixture_load(text, &c, &err) == 0) {
        config_free(c);
        fail_msg("was taken:\n%s", text);
    }
    if (strcmp(err.text, want) != 0)
        fail_msg("for:\n%s\ngot:  %s\nwant: %s", text, err.text, want);
    assert_null(c);
}

static void expect_all(const struct bad_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(cases[i].text, cases[i].want);
}

static void unknown_keys(void **state)
{
    static const struct bad_case cases[] = {
        {"worker: 3\n", "t.yaml:1: unknown key \"worker\", did you mean \"workers\"?"},
        {"\nlisten: [127.0.0.1:1]\nlimit: { body_max: 1MiB }\n",
         "t.yaml:3: unknown key \"limit\", did you mean \"limits\"?"},
        {"providers:\n  mock:\n    timeuot: { connect: 5s }\n",
         "t.yaml:3: unknown key \"timeuot\" in providers.mock, did you mean \"timeout\"?"},
        {"providers:\n  mock:\n    keys:\n      - { vlaue: x }\n",
         "t.yaml:4: unknown key \"vlaue\" in providers.mock.keys[0], did you mean \"value\"?"},
        {"log: { zzz: 1 }\n",
         "t.yaml:1: unknown key \"zzz\" in log; known here: level, max_records, max_age"},
        {"providers:\n  mock:\n    timeout: { idle: 5s }\n",
         "t.yaml:3: unknown key \"idle\" in providers.mock.timeout; known here: connect, "
         "first_byte, "
         "between_bytes, total"},
        {"prices: { mock/b: { input: 1, output: 2, cache: 1 } }\n",
         "t.yaml:1: unknown key \"cache\" in prices.mock/b, did you mean \"cached\"?"},
    };

    (void)state;
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_types(void **state)
{
    static const struct bad_case cases[] = {
        {"- a\n", "t.yaml:1: a configuration is a mapping such as `listen: [127.0.0.1:8080]`, this "
                  "is a list"},
        {"workers: many\n",
         "t.yaml:1: workers must be a whole number between 1 and 64, is \"many\""},
        {"workers: 0\n", "t.yaml:1: workers must be between 1 and 64, is \"0\""},
        {"workers: [1]\n", "t.yaml:1: workers must be a text, is a list"},
        {"require_key: maybe\n", "t.yaml:1: require_key must be true or false, is \"maybe\""},
        {"drain_timeout: 30\n",
         "t.yaml:1: drain_timeout must be a duration with its unit (500ms, 5s, 10m, 2h, 30d; 0 for "
         "none), is \"30\""},
        {"drain_timeout: 2d\n", "t.yaml:1: drain_timeout must be between 0 and 1d, is \"2d\""},
        {"limits: { retry_ratio: 101% }\n",
         "t.yaml:1: limits.retry_ratio must be a percentage from 0% to 100% such as 10%, is "
         "\"101%\""},
        {"limits: { retry_ratio: 0.1 }\n",
         "t.yaml:1: limits.retry_ratio must be a percentage from 0% to 100% such as 10%, is "
         "\"0.1\""},
        {"limits: { attempts: 9 }\n",
         "t.yaml:1: limits.attempts must be between 1 and 8, is \"9\""},
        {"limits: { streams: 101 }\n",
         "t.yaml:1: limits.streams must be between 1 and 100, is \"101\""},
        {"limits: { body_max: 32 }\n",
         "t.yaml:1: limits.body_max must be a size with its unit (64KiB, 32MiB, 1GiB), is \"32\""},
        {"limits: { body_max: 1B }\n",
         "t.yaml:1: limits.body_max must be between 1KiB and 1GiB, is \"1B\""},
        {"limits: 5\n",
         "t.yaml:1: limits must be a mapping, is a text; its keys: body_max, relay_max, "
         "buffered_max, connections, streams, streams_per_second, resets, attempts, ..."},
        {"limits: { body_max: 20MiB, buffered_max: 10MiB }\n",
         "t.yaml:1: limits.buffered_max must not be smaller than limits.body_max"},
        {"log: { level: loud }\n",
         "t.yaml:1: log.level must be error, warn, info or debug, is \"loud\""},
        {"user: ../root\n",
         "t.yaml:1: user: a name here has 1 to 32 of the characters A-Z a-z 0-9 . _ -, is "
         "\"../root\""},
        {"admin: { token: short }\n",
         "t.yaml:1: admin.token must be 16 to 127 characters long, has 5"},
        {"admin: token\n", "t.yaml:1: admin must be a mapping, is a text; its keys: token"},
    };

    (void)state;
    expect_all(cases, ARRAY_LEN(cases));
}

static void environment_variables(void **state)
{
    static const struct bad_case cases[] = {
        {"providers:\n  openai:\n    keys:\n      - { name: a, value: env.OPENAI_API_KEY }\n"
         "      - { name: b, value: env.OPENAI_API_KEY_2 }\n",
         "t.yaml:5: environment variable OPENAI_API_KEY_2 is not set (used by "
         "providers.openai.keys[1].value)"},
        {"admin: { token: env.EMPTY }\n",
         "t.yaml:1: environment variable EMPTY is empty (used by admin.token)"},
        {"admin: { token: env.NO-NAME }\n",
         "t.yaml:1: admin.token must be env.NAME with the name of an environment variable"},
        {"providers:\n  mistral:\n",
         "t.yaml:2: environment variable MISTRAL_API_KEY is not set (used by providers.mistral, "
         "which has no keys of its own)"},
        {"virtual_keys:\n  - { name: a, value: env.NOT_THERE }\n",
         "t.yaml:2: environment variable NOT_THERE is not set (used by virtual_keys[0].value)"},
        {"providers: { openai: { keys: [ { value: env.TWO_LINES } ] } }\n",
         "t.yaml:1: providers.openai.keys[0].value must not contain line ends or other control "
         "characters"},
    };

    (void)state;
    expect_all(cases, ARRAY_LEN(cases));
}

static void listeners(void **state)
{
    static const struct bad_case cases[] = {
        {"listen: [127.0.0.1]\n",
         "t.yaml:1: listen[0] must be an address such as 127.0.0.1:8080, [::]:8443, :8080 or "
         "unix:/run/bowfin/http.sock, is \"127.0.0.1\": it has no port"},
        {"listen:\n  - 127.0.0.1:1\n  - { address: \"1.2.3.4.5:80\" }\n",
         "t.yaml:3: listen[1].address must be an address such as 127.0.0.1:8080, [::]:8443, :8080 "
         "or unix:/run/bowfin/http.sock, is \"1.2.3.4.5:80\": not an IPv4 address"},
        {"listen:\n  - { tls: { certificate: a, key: b } }\n",
         "t.yaml:2: listen[0] needs address (address)"},
        {"listen:\n  - 127.0.0.1:80\n  - 127.0.0.1:80\n",
         "t.yaml:3: duplicate listener 127.0.0.1:80, first on line 2"},
        {"listen: []\n", "t.yaml:1: listen must have between 1 and 64 items, has 0"},
        {"listen: { address: x }\n", "t.yaml:1: listen must be a list of addresses, is a mapping"},
        {"listen:\n  - { address: \":1\", tls: { certificate: /nonexistent/c } }\n",
         "t.yaml:2: listen[0].tls needs key (path)"},
    };

    (void)state;
    expect_all(cases, ARRAY_LEN(cases));
}

static void providers(void **state)
{
    static const struct bad_case cases[] = {
        {"providers:\n  opnai:\n    keys: [ { value: x } ]\n",
         "t.yaml:2: providers.opnai needs vendor, because its name is not a vendor's: did you mean "
         "\"openai\"?"},
        {"providers:\n  mine:\n    base_url: http://a\n",
         "t.yaml:2: providers.mine needs vendor, because its name is not a vendor's "
         "(openai-compatible fits most servers)"},
        {"providers:\n  mine:\n    vendor: opnai\n    keys: [ { value: x } ]\n",
         "t.yaml:3: providers.mine.vendor names no known vendor, did you mean \"openai\"? (is "
         "\"opnai\")"},
        {"providers:\n  mine:\n    vendor: zzzzzzzz\n",
         "t.yaml:3: providers.mine.vendor names no known vendor, is \"zzzzzzzz\"; "
         "openai-compatible "
         "fits most servers"},
        {"providers:\n  mine:\n    vendor: local\n",
         "t.yaml:2: providers.mine needs base_url, because vendor local has no address of its own"},
        {"providers:\n  mine:\n    vendor: openai-compatible\n    base_url: http://a\n",
         "t.yaml:2: providers.mine needs keys, for example keys: [{ value: env.NAME }]"},
        {"providers:\n  a/b: { vendor: mock }\n",
         "t.yaml:2: providers.a/b: a name here has 1 to 64 of the characters A-Z a-z 0-9 . _ -, is "
         "\"a/b\""},
        {"providers:\n  mock: {}\n  mock: {}\n",
         "t.yaml:3: duplicate key \"mock\", first on line 2"},
        {"providers:\n  openai:\n    keys:\n      - { name: a, value: x }\n"
         "      - { name: a, value: y }\n",
         "t.yaml:5: duplicate key name \"a\" in providers.openai, first on line 4"},
        {"providers:\n  openai:\n    keys: [ { name: a } ]\n",
         "t.yaml:3: providers.openai.keys[0] needs value (the credential, or env.NAME)"},
        {"providers:\n  openai:\n    keys: sk-secret-in-the-wrong-place\n",
         "t.yaml:3: providers.openai.keys must be a list of keys such as [{ value: env.NAME }], is "
         "a text"},
        {"providers:\n  openai:\n    keys: [ sk-secret-in-the-wrong-place ]\n",
         "t.yaml:3: providers.openai.keys[0] must be a mapping, is a text; its keys: name, value, "
         "aws, "
         "gcp, azure, weight, models, tags, ..."},
        {"providers: { openai: { keys: [ { value: x, weight: -1 } ] } }\n",
         "t.yaml:1: providers.openai.keys[0].weight must be a number such as 1 or 0.2 (at most "
         "three "
         "digits behind the point), is \"-1\""},
        {"providers: { openai: { keys: [ { value: x, capacity: { requests: 500 } } ] } }\n",
         "t.yaml:1: providers.openai.keys[0].capacity.requests must be a rate such as 10/s, 500/m, "
         "200k/m or 1.5M/h, is \"500\""},
        {"providers: { openai: { keys: [ { value: x, capacity: { tokens: 0/m } } ] } }\n",
         "t.yaml:1: providers.openai.keys[0].capacity.tokens must be a rate such as 10/s, 500/m, "
         "200k/m or 1.5M/h, is \"0/m\""},
        {"providers: { openai: { keys: [ { value: x, capacity: { request: 5/s } } ] } }\n",
         "t.yaml:1: unknown key \"request\" in providers.openai.keys[0].capacity, did you mean "
         "\"requests\"?"},
        {"providers: { openai: { keys: [ { value: x, weight: 1001 } ] } }\n",
         "t.yaml:1: providers.openai.keys[0].weight must be between 0 and 1000, is \"1001\""},
        {"providers: { mock: { base_url: mock.example.com } }\n",
         "t.yaml:1: providers.mock.base_url must be a URL such as https://api.example.com/v1, is "
         "\"mock.example.com\": it does not start with a scheme that is known here"},
        {"providers: { mock: { base_url: \"http://user:pass@a/v1\" } }\n",
         "t.yaml:1: providers.mock.base_url must be a URL such as https://api.example.com/v1: it "
         "must not hold a user name or password; credentials go into keys"},
        {"providers: { mock: { proxy: \"ftp://user:pass@a\" } }\n",
         "t.yaml:1: providers.mock.proxy must be a URL such as http://proxy:3128: it does not "
         "start "
         "with a scheme that is known here"},
        {"providers:\n  openai:\n    dialect: anthropic\n",
         "t.yaml:3: providers.openai.dialect must be a dialect that vendor openai speaks, is "
         "\"anthropic\""},
        {"providers: { mock: { dialect: antropic } }\n",
         "t.yaml:1: providers.mock.dialect names no dialect, did you mean \"anthropic\"? (is "
         "\"antropic\")"},
        {"providers: { mock: { h2c: true, base_url: \"https://a\" } }\n",
         "t.yaml:1: providers.mock.h2c needs a base_url that starts with http://"},
        {"providers: { mock: { ca_file: /nonexistent/ca.pem } }\n",
         "t.yaml:1: providers.mock.ca_file \"/nonexistent/ca.pem\" cannot be used: No such file or "
         "directory"},
        {"providers: { mock: { headers: { Host: a } } }\n",
         "t.yaml:1: providers.mock.headers.Host is set by the gateway itself, remove it"},
        {"providers: { mock: { headers: { \"a b\": c } } }\n",
         "t.yaml:1: providers.mock.headers.a b is not a header's name"},
        {"providers: { mock: { headers: { a: \"x\\r\\ny: z\" } } }\n",
         "t.yaml:1: providers.mock.headers.a must not contain line ends or other control "
         "characters"},
        {"providers: { mock: { models: [\"\"] } }\n",
         "t.yaml:1: providers.mock.models[0] must be between 1 and 256 bytes long"},
        {"providers: { mock: { timeout: { connect: 5 } } }\n",
         "t.yaml:1: providers.mock.timeout.connect must be a duration with its unit (500ms, 5s, "
         "10m, 2h, 30d; 0 for none), is \"5\""},
    };

    (void)state;
    expect_all(cases, ARRAY_LEN(cases));
}

static void models(void **state)
{
    static const struct bad_case cases[] = {
        {"models: { fast: { targets: [openia/gpt-4o] } }\n",
         "t.yaml:1: models.fast: no provider \"openia\" for target openia/gpt-4o, did you mean "
         "\"openai\"?"},
        {"models: { fast: { targets: [\"openai/gpt-*\"] } }\n",
         "t.yaml:1: models.fast.targets[0] must name one model, not a pattern, is "
         "\"openai/gpt-*\""},
        {"models: { fast: { targets: [gpt-4o] } }\n",
         "t.yaml:1: models.fast: target \"gpt-4o\" must be written provider/model, or be another "
         "name of models:"},
        {"models: { fast: { targets: [{ weight: 2 }] } }\n",
         "t.yaml:1: models.fast.targets[0] needs model (provider/model or name)"},
        {"models: { fast: { targets: [] } }\n",
         "t.yaml:1: models.fast.targets must have between 1 and 256 items, has 0"},
        {"models: { fast: {} }\n", "t.yaml:1: models.fast needs targets (list of targets)"},
        {"models: { fast: { targets: [mock/echo, mock/echo] } }\n",
         "t.yaml:1: models.fast: target mock/echo is there twice; use weight to give it more"},
        {"models: { \"a*b*\": { targets: [mock/echo] } }\n",
         "t.yaml:1: models: a model's name has 1 to 256 characters, no blanks and at most one *, "
         "is \"a*b*\""},
        {"models: { \"a*\": { targets: [\"mock/*-*\"] } }\n",
         "t.yaml:1: models.a*.targets[0] may have one * behind the provider's slash, is "
         "\"mock/*-*\""},
        {"models: { \"a*\": { targets: [\"mo*/x\"] } }\n",
         "t.yaml:1: models.a*.targets[0] may have one * behind the provider's slash, is "
         "\"mo*/x\""},
    };

    (void)state;
    expect_all(cases, ARRAY_LEN(cases));
}

static void virtual_keys(void **state)
{
    static const struct bad_case cases[] = {
        {"virtual_keys: [{ name: a, value: short }]\n",
         "t.yaml:1: virtual_keys[0].value must be 16 to 512 characters long, has 5"},
        {"virtual_keys: [{ name: a, value: env.ADMIN_TOKEN }, { name: b, value: env.WORKERS }]\n",
         "t.yaml:1: virtual_keys[1].value must be 16 to 512 characters long in env.WORKERS, has 1"},
        {"virtual_keys: [{ name: a, value: \"sha256:12\" }]\n",
         "t.yaml:1: virtual_keys[0].value must have 64 hexadecimal digits behind sha256:"},
        {"virtual_keys: [{ name: a, value: \"0123456789 abcdef\" }]\n",
         "t.yaml:1: virtual_keys[0].value must be printable ASCII without blanks: it travels in a "
         "header"},
        {"virtual_keys:\n  - { name: a, value: 0123456789abcdef }\n"
         "  - { name: a, value: 0123456789abcdeg }\n",
         "t.yaml:3: duplicate virtual key name \"a\", first on line 2"},
        {"virtual_keys:\n  - { name: a, value: 0123456789abcdef }\n"
         "  - { name: b, value: 0123456789abcdef }\n",
         "t.yaml:3: virtual key \"b\" has the same value as the one on line 2"},
        {"virtual_keys: [{ value: 0123456789abcdef }]\n",
         "t.yaml:1: virtual_keys[0] needs name (text)"},
        {"virtual_keys: [{ name: a }]\n", "t.yaml:1: virtual_keys[0] needs value (secret)"},
        {"virtual_keys: [{ name: a, value: 0123456789abcdef, expires: soon }]\n",
         "t.yaml:1: virtual_keys[0].expires must be a date (2027-01-31) or a time "
         "(2027-01-31T18:00:00Z), is \"soon\""},
        {"virtual_keys: [{ name: a, value: 0123456789abcdef, models: all }]\n",
         "t.yaml:1: virtual_keys[0].models must be a list of texts, is a text"},
        {"virtual_keys: { a: b }\n",
         "t.yaml:1: virtual_keys must be a list of mappings with name and value, is a mapping"},
    };

    (void)state;
    expect_all(cases, ARRAY_LEN(cases));
}

static void every_finding_is_told_in_order(void **state)
{
    (void)state;
    expect("virtual_keys:\n"
           "  - { name: a, value: short }\n"
           "workers: many\n"
           "models: { fast: { targets: [nope/x] } }\n"
           "worker: 1\n",
           "t.yaml:2: virtual_keys[0].value must be 16 to 512 characters long, has 5\n"
           "t.yaml:3: workers must be a whole number between 1 and 64, is \"many\"\n"
           "t.yaml:4: models.fast: no provider \"nope\" for target nope/x\n"
           "t.yaml:5: unknown key \"worker\", did you mean \"workers\"?");
}

static void too_many_findings_are_counted(void **state)
{
    struct error err = ERROR_INIT;
    struct config *c = NULL;
    struct buf text = BUF_INIT;
    unsigned told = 0;
    unsigned more = 0;
    char *last;

    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "nothing_like_it_%d: 1\n", i);
    assert_int_equal(fixture_load(text.data, &c, &err), -1);
    for (const char *p = err.text; (p = strstr(p, "unknown key")) != NULL; p++)
        told++;
    last = strrchr(err.text, '\n');
    assert_non_null(last);
    assert_int_equal(sscanf(last, "\n... and %u more", &more), 1);
    assert_int_equal(told + more, 1000);
    buf_fini(&text);
}

static void a_secret_is_in_no_message(void **state)
{
    static const char *const texts[] = {
        "virtual_keys: [{ name: a, value: \"hush hush hush hush\" }]\n",
        "virtual_keys: [{ name: a, value: [hush] }]\n",
        "virtual_keys: [hush]\n",
        "admin: { token: hush }\n",
        "admin: hush\n",
        "providers: { openai: { keys: hush } }\n",
        "providers: { openai: { keys: [ { value: \"hush\\n\" } ] } }\n",
        "providers: { openai: { keys: [ { value: { hush: 1 } } ] } }\n",
        "providers: { mock: { headers: { a: \"hush\\n\" } } }\n",
        "providers: { mock: { base_url: \"http://a:hush@b/?\" } }\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct error err = ERROR_INIT;
        struct config *c = NULL;

        assert_int_equal(fixture_load(texts[i], &c, &err), -1);
        if (strstr(err.text, "hush") != NULL)
            fail_msg("%s", err.text);
    }
}

static void the_command_line_is_checked(void **state)
{
    static const char *const listen[] = {"nowhere", "127.0.0.1:80", "127.0.0.1:80"};
    struct conf_overrides overrides = {listen, 3, 0};
    struct conf_source source = {"t.yaml", STR(""), fixture_no_env};
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    (void)state;
    assert_int_equal(config_load_text(&source, &overrides, &fixture_all, &c, &err), -1);
    assert_string_equal(err.text,
                        "--listen \"nowhere\" is not an address such as 127.0.0.1:8080: it has no "
                        "port\n--listen 127.0.0.1:80 is given twice");
}

/* --- certificates: in a folder of their own, which is the working directory meanwhile --- */

static void write_pem(const char *name, const char *text)
{
    struct error err = ERROR_INIT;

    if (fd_write_file(name, str_of(text), 0600, &err) != 0)
        fail_msg("%s", err.text);
}

static void expect_tls(const char *certificate, const char *key, const char *want)
{
    char text[512];
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    (void)snprintf(text, sizeof(text),
                   "listen:\n  - address: 127.0.0.1:0\n    tls:\n      certificate: %s\n"
                   "      key: %s\n",
                   certificate, key);
    if (fixture_load(text, &c, &err) == 0)
        config_free(c);
    assert_string_equal(err.text, want);
}

static void certificates_are_looked_at(void **state)
{
    char dir[] = "/tmp/bowfin-conf-XXXXXX";
    char home[PATH_MAX];

    (void)state;
    assert_non_null(getcwd(home, sizeof(home)));
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    write_pem("good.crt", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
    write_pem("good.key", "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END-----\n");
    write_pem("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END-----\n");
    expect_tls("good.crt", "good.key", "");
    expect_tls("none.crt", "good.key",
               "t.yaml:2: certificate \"none.crt\" cannot be used: No such file or directory");
    expect_tls("good.key", "good.crt",
               "t.yaml:2: certificate \"good.key\" cannot be used: it has no such PEM block\n"
               "t.yaml:2: private key \"good.crt\" cannot be used: it has no such PEM block");
    expect_tls(
        "good.crt", "locked.key",
        "t.yaml:2: private key \"locked.key\" cannot be used: it is encrypted, and nobody is "
        "there to type the passphrase");
    expect_tls(".", "good.key", "t.yaml:2: certificate \".\" cannot be used: not a regular file");
    (void)unlink("good.crt");
    (void)unlink("good.key");
    (void)unlink("locked.key");
    assert_int_equal(chdir(home), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(wrong_types),
        cmocka_unit_test(environment_variables),
        cmocka_unit_test(listeners),
        cmocka_unit_test(providers),
        cmocka_unit_test(models),
        cmocka_unit_test(virtual_keys),
        cmocka_unit_test(every_finding_is_told_in_order),
        cmocka_unit_test(too_many_findings_are_counted),
        cmocka_unit_test(a_secret_is_in_no_message),
        cmocka_unit_test(the_command_line_is_checked),
        cmocka_unit_test(certificates_are_looked_at),
    };

    return cmocka_run_group_tests_name("config_errors", tests, NULL, NULL);
}
