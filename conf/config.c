#include "conf/config.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/check.h"
#include "conf/load.h"
#include "conf/values.h"
#include "conf/yaml.h"
#include "conf/zero.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"

#define CONFIG_CHUNK (16u << 10) /* a small file takes one or two */
#define TREE_CHUNK (64u << 10)
#define LARGE_BYTES (4u << 20)
#define READ_AHEAD ((size_t)128 << 10) /* two of fd_read_file's steps: the buffer never moves */

/*
 * The master lives as long as the machine: what a file of 100,000 keys took for a moment must not
 * stay with it as holes in the heap.
 */
static void free_wiped(struct arena *a)
{
    size_t bytes = arena_bytes(a);

    arena_wipe(a); /* credentials, tokens, headers */
    arena_free(a);
    if (bytes > LARGE_BYTES)
        (void)malloc_trim(0); /* nothing given back is fine too */
}

static const char *process_env(const char *name)
{
    return getenv(name);
}

/* --listen and --workers win over the file. */
static void apply_overrides(struct load *l, const struct conf_overrides *overrides)
{
    struct config *c = l->config;

    if (overrides == NULL)
        return;
    if (overrides->workers > 0)
        c->workers = overrides->workers;
    if (overrides->n_listen == 0)
        return;
    c->listeners = arena_zalloc(l->arena, overrides->n_listen * sizeof(*c->listeners));
    c->n_listeners = 0;
    if (overrides->n_listen > CONF_LISTENERS_MAX) {
        findings_add(l->findings, 0, "--listen: at most %d addresses", CONF_LISTENERS_MAX);
        return;
    }
    for (size_t i = 0; i < overrides->n_listen; i++) {
        struct str address = str_of(overrides->listen[i]);
        const char *problem = value_address_problem(address);

        if (problem != NULL)
            findings_add(l->findings, 0, "--listen %s is not an address such as 127.0.0.1:8080: %s",
                         findings_quote(l->findings, address), problem);
        else
            c->listeners[c->n_listeners++].address = arena_cstr(l->arena, address);
    }
}

static void build(struct load *l, const struct conf_source *source,
                  const struct conf_overrides *overrides, struct arena *tree)
{
    struct node *root = NULL;

    if (source->name != NULL) {
        if (yaml_tree(tree, source->text, l->findings, &root) != 0)
            return;
        load_root(l, root);
    }
    apply_overrides(l, overrides);
    zero_fill(l);
    zero_complete(l);
    check_config(l->config, l->vendors, l->findings);
}

int config_load_text(const struct conf_source *source, const struct conf_overrides *overrides,
                     const struct conf_vendors *vendors, struct config **out, struct error *err)
{
    struct arena *arena = arena_create(CONFIG_CHUNK);
    struct arena *tree = arena_create(TREE_CHUNK); /* and of the findings */
    struct findings *findings = arena_zalloc(tree, sizeof(*findings));
    struct config *c = arena_zalloc(arena, sizeof(*c));
    struct load l = {.config = c,
                     .arena = arena,
                     .env = source->env != NULL ? source->env : process_env,
                     .vendors = vendors,
                     .findings = findings};
    int rc;

    must(vendors->n > 0);
    c->arena = arena;
    c->is_zero_config = source->name == NULL;
    findings_init(findings, source->name != NULL ? arena_cstr(arena, str_of(source->name)) : NULL,
                  tree);
    zero_config(c);
    build(&l, source, overrides, tree);
    rc = findings_report(findings, err);
    if (rc == 0) {
        c->n_warnings = findings->n_warnings;
        findings_warnings(findings, arena, &c->warnings);
    }
    free_wiped(tree);
    if (rc != 0)
        config_free(c);
    else
        *out = c;
    return rc;
}

int config_load(const char *path, const struct conf_overrides *overrides,
                const struct conf_vendors *vendors, struct config **out, struct error *err)
{
    struct conf_source source = {path, STR_NONE, NULL};
    struct buf text = BUF_INIT;
    struct stat st;
    int rc = -1;

    if (path == NULL)
        return config_load_text(&source, overrides, vendors, out, err);
    if (stat(path, &st) != 0)
        return error_errno(err, "%s", path);
    if (S_ISDIR(st.st_mode))
        return error_set(err, "%s: is a directory, not a file", path);
    buf_reserve(&text, (size_t)min_u64((uint64_t)st.st_size, YAML_FILE_MAX) + READ_AHEAD);
    if (fd_read_file(path, YAML_FILE_MAX, &text, err) == 0) {
        source.text = buf_view(&text);
        rc = config_load_text(&source, overrides, vendors, out, err);
    }
    crypto_wipe(text.data, text.cap);
    buf_fini(&text);
    return rc;
}

void config_free(struct config *c)
{
    if (c != NULL)
        free_wiped(c->arena); /* it lives there itself */
}

bool config_address_is_loopback(const char *address)
{
    const char *colon = strrchr(address, ':');
    char host[64];
    size_t len;
    struct in_addr v4;
    struct in6_addr v6;

    if (strncmp(address, "unix:", 5) == 0)
        return true;
    len = colon != NULL ? (size_t)(colon - address) : strlen(address);
    if (len == 0 || len >= sizeof(host))
        return false;
    memcpy(host, address, len);
    host[len] = '\0';
    if (str_eq_nocase(str_of(host), STR("localhost")))
        return true;
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, &v6) == 1 &&
               (IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127));
    }
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}
