/*
 * check - is a configuration sound, without a gateway.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "conf/config.h"
#include "conf/paths.h"
#include "providers/dialect.h"
#include "server/vendors.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/table.h"

/* The vendors as the configuration must know them. */
static struct conf_vendors vendors_of(struct arena *a)
{
    struct conf_vendor *items = arena_zalloc(a, VENDORS_MAX * sizeof(*items));
    size_t n = conf_vendors_fill(items);

    return (struct conf_vendors){items, n, dialect_names, DIALECTS};
}

static void print_findings(struct ctl *c, struct str text)
{
    struct buf out = BUF_INIT;
    struct str line;
    bool comma = false;

    if (!c->json) {
        table_clean(&out, text, true);
        buf_char(&out, '\n');
        (void)fwrite(out.data, 1, out.len, stderr);
        buf_fini(&out);
        return;
    }
    buf_cstr(&out, "{\"ok\":false,\"errors\":[");
    while (str_next(&text, '\n', &line)) {
        if (line.len == 0)
            continue;
        if (comma)
            buf_char(&out, ',');
        buf_json(&out, line);
        comma = true;
    }
    buf_cstr(&out, "]}\n");
    ctl_write(&out);
    buf_fini(&out);
}

/* Warnings stop nothing: they are told beside the good news. */
static void print_sound(const struct ctl *c, const char *path, const struct config *conf)
{
    struct buf out = BUF_INIT;

    if (c->json)
        buf_cstr(&out, "{\"ok\":true,\"errors\":[],\"warnings\":[");
    for (size_t i = 0; i < conf->n_warnings; i++) {
        if (!c->json) {
            buf_printf(&out, "warning: %s\n", conf->warnings[i]);
            continue;
        }
        buf_cstr(&out, i > 0 ? "," : "");
        buf_json(&out, str_of(conf->warnings[i]));
    }
    if (c->json)
        buf_cstr(&out, "]}\n");
    else
        buf_printf(&out, "%s: ok\n", path);
    ctl_write(&out);
    buf_fini(&out);
}

const struct args check_uses[] = {
    ARGS_NONE("[FILE]", "is this configuration sound? As `bowfin -t`, without a gateway"),
    ARGS_END,
};

int command_check(struct ctl *c, int argc, char **argv)
{
    struct error err = ERROR_INIT;
    struct config *conf = NULL;

    if (args_parse(&argc, argv, &check_uses[0], NULL) != 0 ||
        args_words(argc, argv, 0, 1, "one file") != 0)
        return CTL_USAGE;
    const char *path = argc > 1 ? argv[1] : paths_config();
    struct conf_vendors vendors = vendors_of(c->arena);
    if (path == NULL)
        return ctl_fail(CTL_USAGE, "which file? There is no %s", PATHS_CONFIG);
    if (config_load(path, NULL, &vendors, &conf, &err) != 0) {
        print_findings(c, str_of(err.text));
        return CTL_FAILED;
    }
    print_sound(c, path, conf);
    config_free(conf);
    return CTL_OK;
}
