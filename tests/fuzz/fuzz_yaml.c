/*
 * A configuration from hostile bytes: loaded or refused with a text, exported, and, when its export
 * holds no masked secret, loaded again to the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "conf/export.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct conf_vendor vendor_rows[] = {
    {.name = "openai",
     .key_env = "OPENAI_API_KEY",
     .default_models = "gpt-*",
     .needs_key = true,
     .dialects = 6},
    {.name = "mock", .default_models = "echo,lorem-*", .is_mock = true, .dialects = 2},
    {.name = "openai-compatible", .needs_base_url = true, .needs_key = true, .dialects = 2},
    {.name = "bedrock",
     .needs_key = true,
     .dialects = 2,
     .root = "https://{region}.example.com",
     .parts = {{"region", "AWS_REGION", "us-east-1"}},
     .cloud = CONF_CLOUD_AWS},
    {.name = "vertex",
     .needs_key = true,
     .dialects = 2,
     .root = "https://{location-}example.com/{project}/{location}",
     .parts = {{"project", NULL, NULL}, {"location", NULL, "global"}},
     .cloud = CONF_CLOUD_GCP},
    {.name = "azure", .needs_base_url = true, .needs_key = true, .cloud = CONF_CLOUD_AZURE},
};
static const char *const dialects[] = {"", "openai", "responses"};

static const struct conf_vendors vendors = {vendor_rows, ARRAY_LEN(vendor_rows), dialects,
                                            ARRAY_LEN(dialects)};

static const char *no_env(const char *name)
{
    (void)name;
    return NULL;
}

static struct config *load(struct str text)
{
    struct conf_source source = {"fuzz.yaml", text, no_env};
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    if (config_load_text(&source, NULL, &vendors, &c, &err) != 0) {
        must(c == NULL && err.text[0] != '\0');
        return NULL;
    }
    must(c != NULL && c->n_listeners > 0);
    return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = load((struct str){(const char *)data, size});
    struct buf first = BUF_INIT;
    struct buf second = BUF_INIT;

    if (c == NULL)
        return 0;
    config_export(c, CONFIG_JSON, &first);
    buf_clear(&first);
    config_export(c, CONFIG_YAML, &first);
    config_free(c);
    if (strstr(first.data, EXPORT_MASK) == NULL) {
        c = load(buf_view(&first));
        must(c != NULL);
        config_export(c, CONFIG_YAML, &second);
        must(str_eq(buf_view(&first), buf_view(&second)));
        config_free(c);
    }
    buf_fini(&first);
    buf_fini(&second);
    return 0;
}
