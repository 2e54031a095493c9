#include "server/master/apply.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/export.h"
#include "providers/dialect.h"
#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/base/pace.h"
#include "server/master/credentials.h"
#include "server/master/dirs.h"
#include "server/master/keyring.h"
#include "server/master/listen.h"
#include "server/master/save.h"
#include "server/master/state.h"
#include "server/vendors.h"
#include "shm/published.h"

#define PIECE_US 100 /* what a request may wait for a reload */
#define REST_US 200

int apply_load(const char *path, const struct options *options, struct config **out,
               struct error *err)
{
    struct conf_vendor items[VENDORS_MAX];
    struct conf_vendors vendors = {items, conf_vendors_fill(items), dialect_names, DIALECTS};
    struct conf_overrides overrides = {options->listen, options->n_listen, options->workers};

    return config_load(path, &overrides, &vendors, out, err);
}

int apply_mock(struct master *m, const struct config *conf, struct error *err)
{
    if (!publish_needs_mock(conf) || m->mock_fd >= 0)
        return 0;
    m->mock_fd = listen_bind("127.0.0.1:0", err);
    if (m->mock_fd < 0)
        return error_wrap(err, "the mock provider");
    m->mock_port = listen_port(m->mock_fd);
    return 0;
}

/* One per processor that this process may use. */
static uint32_t auto_workers(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return n > SLOTS_MAX / 2 ? SLOTS_MAX / 2 : (uint32_t)n;
}

static int read_settings(const struct master *m, const struct config *conf, struct settings *out,
                         struct error *err)
{
    struct str token = conf->admin_token.bytes;

    *out = (struct settings){.workers = conf->workers > 0 ? conf->workers : auto_workers(),
                             .drain_ms = conf->drain_ms,
                             .log_max_records = conf->log.max_records,
                             .log_max_age_ms = conf->log.max_age_ms,
                             .durability_ms = conf->durability_ms,
                             .durability_strict = conf->durability_strict,
                             .log_level = LOG_INFO,
                             .needs_mock = publish_needs_mock(conf),
                             .needs_credentials = credentials_needed(conf),
                             .require_key = conf->require_key};
    if (out->workers > SLOTS_MAX / 2)
        return error_set(err, "workers: at most %d", SLOTS_MAX / 2);
    if (conf->log.level != NULL && log_level_parse(conf->log.level, &out->log_level) != 0)
        return error_set(err, "log: level must be error, warn, info or debug, is \"%s\"",
                         conf->log.level);
    if (token.len == 0)
        return dirs_admin_token(m->state_dir, out->admin_token, sizeof(out->admin_token), err);
    if (token.len >= sizeof(out->admin_token))
        return error_set(err, "admin: token must be shorter than %zu bytes",
                         sizeof(out->admin_token));
    memcpy(out->admin_token, token.p, token.len);
    return 0;
}

/* They stop nothing, so that somebody must be told. */
static void tell_warnings(const struct config *conf)
{
    for (size_t i = 0; i < conf->n_warnings; i++)
        log_warn("config_warning", "text=\"%s\"", conf->warnings[i]);
}

static void keep_effective(struct master *m, const struct config *conf, struct entities *entities)
{
    buf_clear(&m->effective.json);
    buf_clear(&m->effective.yaml);
    config_export(conf, CONFIG_JSON, &m->effective.json);
    config_export(conf, CONFIG_YAML, &m->effective.yaml);
    entities_free(m->effective.entities);
    m->effective.entities = entities;
}

int apply_config(struct master *m, const struct config *conf, struct apply *how, struct error *err)
{
    struct entities *entities = entities_create(conf);
    struct saved saved = {0};
    struct settings settings;
    char mock_url[64];
    struct save_request save = {.state_dir = m->state_dir,
                                .conf = conf,
                                .entities = entities,
                                .mock_url = m->mock_fd >= 0 ? mock_url : NULL,
                                .money = m->money,
                                .mark = m->mark,
                                .load = how->when != APPLY_RELOAD,
                                .fresh = how->when == APPLY_FRESH};
    struct str secrets;
    int64_t generation;
    int rc = -1;

    must_be_role(ROLE_MASTER);
    if (how->when == APPLY_RELOAD)
        pace_begin(PIECE_US, REST_US);
    how->wrong_file = false;
    (void)snprintf(mock_url, sizeof(mock_url), "http://127.0.0.1:%u", m->mock_port);
    if (read_settings(m, conf, &settings, err) != 0 || save_config(&save, &saved, err) != 0) {
        how->wrong_file = saved.wrong_file;
        goto out;
    }
    m->mark = (struct mirror_mark){{0}}; /* unless all that follows works */
    crypto_sha256(str_of(settings.admin_token), saved.image.bytes->admin_hash);
    secrets = (struct str){(const char *)saved.image.secrets, saved.image.secret_len};
    generation =
        published_flip(&m->regions.published, &m->regions.secrets, saved.image.bytes, secrets, err);
    if (generation < 0) {
        file_abort(m->money, &saved.owners);
        goto out;
    }
    m->generation = (uint64_t)generation;
    m->settings = settings;
    tell_warnings(conf);
    entities_diff(how->when == APPLY_RELOAD ? m->effective.entities : NULL, entities, how->changes);
    keep_effective(m, conf, entities);
    entities = NULL;
    file_commit(m->money, &saved.owners);
    /* They were found to fit; a key that still does not go must not hide the others. */
    if (keyring_apply(m->money, conf, &saved.keys, how->changes, err) != 0)
        log_error("keys_not_applied", "text=\"%s\"", err->text);
    else
        m->mark = saved.mark;
    file_drop_gone(m->money, &saved.owners);
    money_publish_limits(m->money);
    m->money->secret = m->settings.admin_token;
    rc = 0;
out:
    pace_end();
    crypto_wipe(&settings, sizeof(settings));
    saved_fini(&saved);
    entities_free(entities);
    return rc;
}
