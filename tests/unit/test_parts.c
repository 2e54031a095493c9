/* Addresses with parts: what the file says, what the environment says, what is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "conf/config.h"

static const struct conf_vendor vendors[] = {
    {.name = "azure",
     .key_env = "AZURE_KEY,AZURE_KEY_TOO",
     .needs_key = true,
     .dialects = 2,
     .root = "https://{resource}.example.com",
     .parts = {{"resource", "AZURE_RESOURCE", NULL}},
     .root_env = "AZURE_ENDPOINT"},
    {.name = "vertex",
     .key_env = "VERTEX_KEY",
     .needs_key = true,
     .dialects = 2,
     .root = "https://{location-}ai.example.com/v1/projects/{project}/locations/{location}",
     .parts = {{"project", "PROJECT", NULL}, {"location", "LOCATION", "global"}}},
    {.name = "mock", .is_mock = true, .dialects = 2},
};
static const char *const dialects[] = {"", "openai"};
static const struct conf_vendors all = {vendors, ARRAY_LEN(vendors), dialects, ARRAY_LEN(dialects)};

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

static struct config *load(const char *text, const char *const *pairs, struct error *err)
{
    struct conf_source source = {text != NULL ? "t.yaml" : NULL, str_of(text), env};
    struct config *c = NULL;

    environment = pairs;
    err->text[0] = '\0';
    return config_load_text(&source, NULL, &all, &c, err) == 0 ? c : NULL;
}

static void check_root(const char *text, const char *const *pairs, const char *root)
{
    struct error err = ERROR_INIT;
    struct config *c = load(text, pairs, &err);

    if (c == NULL)
        fail_msg("%s", err.text);
    assert_string_equal(c->providers[0].root, root);
    config_free(c);
}

static void check_error(const char *text, const char *const *pairs, const char *want)
{
    struct error err = ERROR_INIT;

    assert_null(load(text, pairs, &err));
    if (strstr(err.text, want) == NULL)
        fail_msg("\"%s\" is not in: %s", want, err.text);
}

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void parts_are_filled_in(void **state)
{
    (void)state;
    check_root("providers: { vertex: { project: p1, location: eu1, keys: [{ value: k }] } }",
               ENV("PROJECT", "p2"), "https://eu1-ai.example.com/v1/projects/p1/locations/eu1");
    check_root("providers: { vertex: { keys: [{ value: k }] } }", ENV("PROJECT", "p2"),
               "https://ai.example.com/v1/projects/p2/locations/global");
    check_root("providers: { azure: { resource: r1, keys: [{ value: k }] } }",
               ENV("AZURE_ENDPOINT", "https://other.example.com/"), "https://r1.example.com");
    check_root("providers: { azure: { keys: [{ value: k }] } }",
               ENV("AZURE_ENDPOINT", "https://other.example.com/"), "https://other.example.com");
    check_root("providers: { azure: { keys: [{ value: k }] } }",
               ENV("AZURE_ENDPOINT", "other.example.com"), "https://other.example.com");
}

static void what_is_missing_is_told(void **state)
{
    (void)state;
    check_error("providers: { azure: { keys: [{ value: k }] } }", ENV("A", "b"),
                "t.yaml:1: providers.azure needs resource, or environment variable AZURE_ENDPOINT "
                "(or base_url)");
    check_error(
        "providers: { vertex: { keys: [{ value: k }] } }", ENV("A", "b"),
        "t.yaml:1: providers.vertex needs project, or environment variable PROJECT (or base_url)");
    check_error("providers: { azure: { resource: a/b, keys: [{ value: k }] } }", ENV("A", "b"),
                "providers.azure.resource must be a part of a URL");
    check_error("providers: { azure: { resource: a, region: b, keys: [{ value: k }] } }",
                ENV("A", "b"), "providers.azure.region is not part of the address of vendor azure");
    /* what comes from outside is looked at as well: it goes into a URL */
    check_error("providers: { azure: { keys: [{ value: k }] } }", ENV("AZURE_RESOURCE", "evil/x?"),
                "needs resource");
    check_error("providers: { azure: { keys: [{ value: k }] } }", ENV("AZURE_ENDPOINT", "http://"),
                "AZURE_ENDPOINT is not the address");
}

static void zero_config_needs_all_of_it(void **state)
{
    struct error err = ERROR_INIT;
    struct config *c = load(NULL, ENV("AZURE_KEY_TOO", "k"), &err);

    (void)state;
    assert_non_null(c);
    assert_int_equal(c->n_providers, 1); /* the mock */
    config_free(c);
    c = load(NULL, ENV("AZURE_KEY_TOO", "k", "AZURE_RESOURCE", "r"), &err);
    assert_non_null(c);
    assert_int_equal(c->n_providers, 2);
    assert_string_equal(c->providers[0].root, "https://r.example.com");
    assert_string_equal(c->providers[0].keys[0].value.source, "env.AZURE_KEY_TOO");
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_filled_in),
        cmocka_unit_test(what_is_missing_is_told),
        cmocka_unit_test(zero_config_needs_all_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
