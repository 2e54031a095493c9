/*
 * conf_fixture - vendors and an environment that the configuration tests share.
 *
 * Runs in:  tests of conf/.   Reads, writes: nothing shared.
 * Does not: touch the process's environment or files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CONF_FIXTURE_H
#define TESTS_CONF_FIXTURE_H

#include <string.h>

#include "conf/config.h"

static const struct conf_vendor fixture_vendors[] = {
    {.name = "openai",
     .key_env = "OPENAI_API_KEY",
     .default_models = "gpt-4o, gpt-*",
     .needs_key = true,
     .dialects = 6},
    {.name = "mistral", .key_env = "MISTRAL_API_KEY", .needs_key = true, .dialects = 2},
    {.name = "mock", .default_models = "echo,lorem-*", .is_mock = true, .dialects = 14},
    {.name = "openai-compatible", .needs_base_url = true, .needs_key = true, .dialects = 6},
    {.name = "local", .needs_base_url = true, .dialects = 2},
};

static const char *const fixture_dialects[] = {"", "openai", "responses", "anthropic"};

static const struct conf_vendors fixture_all = {fixture_vendors, ARRAY_LEN(fixture_vendors),
                                                fixture_dialects, ARRAY_LEN(fixture_dialects)};

static inline const char *fixture_env(const char *name)
{
    static const char *const pairs[][2] = {
        {"OPENAI_API_KEY", "sk-openai-1"},
        {"TEAM_KEY", "sk-bf-team-0123456789abcdef"},
        {"HASHED", "sha256:9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
        {"WORKERS", "3"},
        {"EMPTY", ""},
        {"TWO_LINES", "one\ntwo"},
        {"PROXY", "http://me:pass@proxy:3128"},
        {"ADMIN_TOKEN", "an-admin-token-of-some-length"},
    };

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (strcmp(pairs[i][0], name) == 0)
            return pairs[i][1];
    }
    return NULL;
}

static inline const char *fixture_no_env(const char *name)
{
    (void)name;
    return NULL;
}

/* As `t.yaml`; 0 and *out, or -1 and the findings. */
static inline int fixture_load(const char *text, struct config **out, struct error *err)
{
    struct conf_source source = {"t.yaml", str_of(text), fixture_env};

    err->text[0] = '\0';
    return config_load_text(&source, NULL, &fixture_all, out, err);
}

#endif
