/* Keys of clouds: what the file may say, what the environment adds, what is refused, what is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/export.h"
#include "providers/dialect.h"
#include "server/base/buf.h"
#include "server/vendors.h"

/* The environment of a test: name, value, ..., NULL. */
static const char *const *environment;

static const char *env(const char *name)
{
    for (const char *const *p = environment; *p != NULL; p += 2) {
        if (strcmp(*p, name) == 0)
            return p[1];
    }
    return NULL;
}

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING ENV(NULL)

static struct config *load(const char *text, const char *const *pairs, struct error *err)
{
    struct conf_vendor items[VENDORS_MAX];
    struct conf_vendors vendors = {items, conf_vendors_fill(items), dialect_names, DIALECTS};
    struct conf_source source = {text != NULL ? "t.yaml" : NULL, str_of(text), env};
    struct config *c = NULL;

    environment = pairs;
    err->text[0] = '\0';
    return config_load_text(&source, NULL, &vendors, &c, err) == 0 ? c : NULL;
}

static struct config *load_good(const char *text, const char *const *pairs)
{
    struct error err = ERROR_INIT;
    struct config *c = load(text, pairs, &err);

    if (c == NULL)
        fail_msg("%s", err.text);
    return c;
}

static void check_error(const char *text, const char *const *pairs, const char *want)
{
    struct error err = ERROR_INIT;
    struct config *c = load(text, pairs, &err);

    if (c != NULL)
        fail_msg("was taken: %s", text);
    if (strstr(err.text, want) == NULL)
        fail_msg("\"%s\" is not in: %s", want, err.text);
}

static void static_keys_and_roles(void **state)
{
    struct config *c = load_good(
        "providers: { bedrock: { keys: [ { aws: { access_key_id: A, secret_access_key: env.S,\n"
        "  region: eu-west-1, role_arn: 'arn:aws:iam::1:role/r', external_id: x } } ] } }",
        ENV("S", "secret"));
    const struct conf_provider *p = &c->providers[0];

    (void)state;
    assert_int_equal(p->keys[0].kind, CONF_KEY_AWS);
    assert_true(str_eq(p->keys[0].aws.secret_access_key.bytes, STR("secret")));
    assert_string_equal(p->keys[0].aws.secret_access_key.source, "env.S");
    assert_string_equal(p->keys[0].aws.role_arn, "arn:aws:iam::1:role/r");
    assert_string_equal(p->root, "https://bedrock-runtime.eu-west-1.amazonaws.com");
    config_free(c);
}

static void what_the_environment_adds(void **state)
{
    struct config *c = load_good("providers: { bedrock: { keys: [ { aws: {} } ] } }",
                                 ENV("AWS_ACCESS_KEY_ID", "A", "AWS_SECRET_ACCESS_KEY", "S",
                                     "AWS_SESSION_TOKEN", "T", "AWS_DEFAULT_REGION", "us-west-2"));

    (void)state;
    assert_true(str_eq(c->providers[0].keys[0].aws.session_token.bytes, STR("T")));
    assert_string_equal(c->providers[0].root, "https://bedrock-runtime.us-west-2.amazonaws.com");
    config_free(c);
    c = load_good("providers: { bedrock: { keys: [ { aws: {} } ] } }", ENV("AWS_PROFILE", "work"));
    assert_string_equal(c->providers[0].keys[0].aws.profile, "work");
    config_free(c);
    c = load_good("providers: { azure: { resource: r, keys: [ { azure: {} } ] } }",
                  ENV("AZURE_TENANT_ID", "t", "AZURE_CLIENT_ID", "c", "AZURE_CLIENT_SECRET", "s"));
    assert_string_equal(c->providers[0].keys[0].azure.tenant_id, "t");
    assert_string_equal(c->providers[0].keys[0].azure.scope,
                        "https://cognitiveservices.azure.com/.default");
    config_free(c);
    c = load_good("providers: { azure-anthropic: { resource: r, keys: [ { azure: {\n"
                  "  managed_identity: true, client_id: one } } ] } }",
                  NOTHING);
    assert_string_equal(c->providers[0].keys[0].azure.scope, "https://ai.azure.com/.default");
    assert_string_equal(c->providers[0].root, "https://r.services.ai.azure.com");
    config_free(c);
}

static void google_documents(void **state)
{
    char path[] = "/tmp/bf-sa-XXXXXX";
    int fd = mkstemp(path);
    char yaml[256];
    struct config *c;

    (void)state;
    assert_true(fd >= 0);
    assert_true(write(fd, "{\"project_id\":\"p-9\",\"private_key\":\"k\"}", 38) == 38);
    assert_int_equal(close(fd), 0);
    (void)snprintf(yaml, sizeof(yaml),
                   "providers: { vertex: { location: eu1, keys: [ { gcp: { credentials_file: %s } }"
                   " ] } }",
                   path);
    c = load_good(yaml, NOTHING);
    assert_string_equal(c->providers[0].root,
                        "https://eu1-aiplatform.googleapis.com/v1/projects/p-9/locations/eu1");
    assert_true(c->providers[0].keys[0].gcp.credentials.bytes.len == 38);
    config_free(c);
    /* without a file: the same variable as Google's own libraries */
    c = load_good(NULL, ENV("GOOGLE_APPLICATION_CREDENTIALS", path));
    assert_string_equal(c->providers[0].name, "vertex");
    assert_string_equal(c->providers[0].root,
                        "https://aiplatform.googleapis.com/v1/projects/p-9/locations/global");
    config_free(c);
    (void)unlink(path);
    /* a variable that is left over from another machine is no reason not to start */
    c = load_good(NULL, ENV("GOOGLE_APPLICATION_CREDENTIALS", path));
    assert_string_equal(c->providers[0].name, "mock");
    config_free(c);
    check_error(yaml, NOTHING, "gcp.credentials_file cannot be used");
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *yaml, *want;
    } bad[] = {
        {"bedrock: { keys: [ { aws: { access_key_id: A } } ] }",
         "t.yaml:1: providers.bedrock: key key-1: aws needs both access_key_id and "
         "secret_access_key"},
        {"bedrock: { keys: [ { aws: { acces_key_id: A } } ] }", "did you mean \"access_key_id\"?"},
        {"bedrock: { keys: [ { aws: { external_id: A } } ] }", "external_id is for role_arn"},
        {"bedrock: { keys: [ { aws: { access_key_id: A, secret_access_key: B, profile: c } } ] }",
         "which one is meant?"},
        {"bedrock: { keys: [ { value: k, aws: {} } ] }", "cannot stand beside value"},
        {"bedrock: { keys: [ { aws: {}, value: k } ] }", "has value beside aws, gcp or azure"},
        {"bedrock: { keys: [ { aws: {}, gcp: {} } ] }", "cannot stand beside aws"},
        {"bedrock: { keys: [ { gcp: {} } ] }", "vendor bedrock takes no gcp credentials"},
        {"openai: { keys: [ { aws: {} } ] }", "vendor openai takes no aws credentials"},
        {"vertex: { keys: [ { gcp: {} } ] }", "providers.vertex needs project"},
        {"vertex: { project: p, keys: [ { gcp: { credentials: nonsense } } ] }",
         "must be a JSON document"},
        {"vertex: { project: p, keys: [ { gcp: { credentials: '{}' } } ] }", "need private_key"},
        {"azure: { resource: r, keys: [ { azure: { tenant_id: t } } ] }",
         "azure needs tenant_id, client_id and client_secret"},
        {"azure: { resource: r, keys: [ { azure: { tenant_id: 'a/b' } } ] }",
         "azure.tenant_id must be a part of a URL"},
        {"azure: { resource: r, keys: [ { azure: { managed_identity: true, client_secret: s } } ] "
         "}",
         "which one is meant?"},
        {"azure: { resource: r, api_version: 'a?b', keys: [ { value: k } ] }",
         "api_version must be a part of a URL"},
        {"vertex: { project: p }", "providers.vertex needs keys"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char yaml[256];

        (void)snprintf(yaml, sizeof(yaml), "providers: { %s }", bad[i].yaml);
        check_error(yaml, NOTHING, bad[i].want);
    }
}

/* Shown, and read again: the same, but for the secrets, which nobody gets to see. */
static void the_export_has_no_secrets(void **state)
{
    static const char yaml[] =
        "providers:\n"
        "  bedrock: { keys: [ { aws: { access_key_id: HIDEA, secret_access_key: HIDEB,\n"
        "    session_token: HIDEC, role_arn: arn, external_id: HIDED } } ] }\n"
        "  vertex: { project: p, keys: [ { gcp: {\n"
        "    credentials: '{\"private_key\":\"HIDEE\"}' } } ] }\n"
        "  azure: { resource: r, keys: [ { azure: { tenant_id: t, client_id: c,\n"
        "    client_secret: env.S } } ] }\n";
    struct config *c = load_good(yaml, ENV("S", "HIDEF"));
    struct buf json = BUF_INIT;
    struct buf out = BUF_INIT;

    (void)state;
    config_export(c, CONFIG_JSON, &json);
    config_export(c, CONFIG_YAML, &out);
    assert_null(strstr(json.data, "HIDE"));
    assert_null(strstr(out.data, "HIDE"));
    assert_non_null(strstr(out.data, "client_secret: \"env.S\""));
    assert_non_null(strstr(out.data, "role_arn: \"arn\""));
    assert_non_null(strstr(out.data, "resource: \"r\""));
    config_free(c);
    buf_fini(&json);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_keys_and_roles),     cmocka_unit_test(what_the_environment_adds),
        cmocka_unit_test(google_documents),          cmocka_unit_test(what_is_refused),
        cmocka_unit_test(the_export_has_no_secrets),
    };

    return cmocka_run_group_tests_name("conf_credentials", tests, NULL, NULL);
}
