/*
 * export - everything as YAML: the configuration in force, and the virtual keys by their hashes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "conf/values.h"
#include "server/base/when.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"

struct key_list {
    struct buf out;
    uint64_t n;
};

/* A JSON string is a double-quoted YAML string, so the API's text serves as it is. */
static void add_key(void *ctx, const struct json *k)
{
    struct key_list *list = ctx;
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

const struct args export_uses[] = {
    ARGS_NONE("", "everything as YAML: the configuration in force and all virtual keys, by hash"),
    ARGS_END,
};

int command_export(struct ctl *c, int argc, char **argv)
{
    struct key_list list = {BUF_INIT, 0};
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
    if (status == CTL_OK) {
        /* All of it or nothing: half an export would load as a smaller configuration. */
        (void)fwrite(config.data, 1, config.len, stdout);
        if (list.n > 0)
            (void)fwrite(list.out.data, 1, list.out.len, stdout);
    }
    buf_fini(&config);
    buf_fini(&list.out);
    return status;
}
