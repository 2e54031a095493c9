/*
 * export - everything as YAML: the configuration in force, the rules that the API made, and the virtual
 * keys by their hashes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "conf/values.h"
#include "server/base/when.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"

struct listing {
    struct buf out;
    uint64_t n;
};

/* A JSON string is a double-quoted YAML string, so the API's text serves as it is. */
static void add_key(void *ctx, const struct json *k)
{
    struct listing *list = ctx;
    const struct json *models = json_get(k, "models"), *name = json_get(k, "name");
    uint64_t expires_ms = ctl_u64(k, "expires_ms");

    if (name == NULL || ctl_str(k, "hash").len == 0)
        return;
    if (list->n++ == 0)
        buf_cstr(&list->out, "virtual_keys:\n");
    buf_cstr(&list->out, "  - name: ");
    buf_str(&list->out, name->raw);
    buf_cstr(&list->out, "\n    value: ");
    buf_str(&list->out, ctl_str(k, "hash"));
    if (models != NULL && models->n > 0) {
        buf_cstr(&list->out, "\n    models: ");
        buf_str(&list->out, models->raw);
    }
    if (expires_ms != 0) {
        buf_cstr(&list->out, "\n    expires: ");
        when_format(&list->out, expires_ms);
    }
    if (!ctl_bool(k, "active"))
        buf_cstr(&list->out, "\n    active: false");
    if (ctl_bool(k, "strict"))
        buf_cstr(&list->out, "\n    strict: true");
    if (ctl_str(k, "priority").len > 0) {
        buf_cstr(&list->out, "\n    priority: ");
        buf_str(&list->out, ctl_str(k, "priority"));
    }
    buf_char(&list->out, '\n');
}

/* --- rules that the API made, among those of the file --- */

static void put_member(struct buf *out, const struct json *r, const char *name)
{
    const struct json *value = json_get(r, name);

    if (value == NULL || value->type == JSON_NULL)
        return;
    buf_printf(out, "\n    %s: ", name);
    buf_str(out, value->raw);
}

static void add_rule(void *ctx, const struct json *r)
{
    static const char *const members[] = {"key", "team", "customer", "when", "use", "priority"};
    struct listing *list = ctx;
    const struct json *name = json_get(r, "name");

    if (name == NULL || !str_eq(ctl_str(r, "origin"), STR("api")))
        return;
    list->n++;
    buf_cstr(&list->out, "  - name: ");
    buf_str(&list->out, name->raw);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        put_member(&list->out, r, members[i]);
    buf_char(&list->out, '\n');
}

/* Where they belong in the configuration's text: behind the file's own, which go first among equals. */
static bool find_rules(struct str text, size_t *out_end)
{
    static const char head[] = "\nrules:\n";
    const char *begin = memmem(text.p, text.len, head, sizeof(head) - 1);
    size_t at;

    *out_end = text.len;
    if (begin == NULL)
        return false;
    at = (size_t)(begin - text.p) + sizeof(head) - 1;
    while (at < text.len && text.p[at] == ' ') {
        const char *end = memchr(text.p + at, '\n', text.len - at);

        at = end != NULL ? (size_t)(end - text.p) + 1 : text.len;
    }
    *out_end = at;
    return true;
}

static void print_all(struct str config, struct listing *keys, struct listing *rules)
{
    size_t end;
    bool has_rules = find_rules(config, &end);

    (void)fwrite(config.p, 1, end, stdout);
    if (rules->n > 0 && !has_rules)
        (void)fputs("rules:\n", stdout);
    ctl_write(&rules->out);
    (void)fwrite(config.p + end, 1, config.len - end, stdout);
    ctl_write(&keys->out);
}

const struct args export_uses[] = {
    ARGS_NONE(
        "", "everything as YAML: the configuration in force, all rules, and virtual keys by hash"),
    ARGS_END,
};

int command_export(struct ctl *c, int argc, char **argv)
{
    struct listing list = {BUF_INIT, 0};
    struct listing rules = {BUF_INIT, 0};
    struct buf config = BUF_INIT;
    int status;

    if (args_parse(&argc, argv, &export_uses[0], NULL) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    if (c->json) {
        (void)ctl_print_json(c, "/api/config", &status);
        return status;
    }
    status = ctl_fetch(c, "GET", "/api/config?format=yaml", STR_NONE, &config);
    if (status == CTL_OK)
        status = ctl_each(c, "/api/keys?hashes=true", 0, add_key, &list);
    if (status == CTL_OK)
        status = ctl_each(c, "/api/rules", 0, add_rule, &rules);
    if (status == CTL_OK) {
        /* All of it or nothing: half an export would load as a smaller configuration. */
        print_all(buf_view(&config), &list, &rules);
    }
    buf_fini(&config);
    buf_fini(&list.out);
    buf_fini(&rules.out);
    return status;
}
