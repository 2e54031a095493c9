#include "tools/pack/pack.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "providers/dialect.h"
#include "server/base/fd.h"
#include "server/vendors.h"

static const char *no_env(const char *name)
{
    (void)name;
    return NULL;
}

static struct config *load(const char *key, const char *path, struct error *err)
{
    struct conf_vendor items[VENDORS_MAX];
    struct conf_vendors vendors = {items, conf_vendors_fill(items), dialect_names, DIALECTS};
    struct buf text = BUF_INIT;
    struct conf_source source = {.name = key, .env = no_env};
    struct config *conf = NULL;

    buf_printf(&text, "%s: ", key);
    buf_json(&text, str_of(path));
    source.text = buf_view(&text);
    if (config_load_text(&source, NULL, &vendors, &conf, err) != 0)
        conf = NULL;
    buf_fini(&text);
    return conf;
}

static int write_file(const char *path, const struct buf *bytes, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int rc = fd >= 0 ? fd_write_all(fd, bytes->data, bytes->len) : -1;

    if (rc != 0)
        (void)error_errno(err, "%s", path);
    fd_close(&fd);
    return rc;
}

int pack_main(int argc, char **argv, const char *key, pack_fn *pack)
{
    struct error err = ERROR_INIT;
    struct buf bytes = BUF_INIT;
    struct config *conf;
    int rc = -1;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: %s FILE.yaml OUT\n", key);
        return 2;
    }
    conf = load(key, argv[1], &err);
    if (conf != NULL && pack(conf, &bytes, &err) == 0)
        rc = write_file(argv[2], &bytes, &err);
    if (rc != 0)
        (void)fprintf(stderr, "%s\n", err.text);
    config_free(conf);
    buf_fini(&bytes);
    return rc == 0 ? 0 : 1;
}
