#include "server/master/listeners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/master/changes.h"
#include "server/master/listen.h"
#include "server/master/notify.h"
#include "server/master/tls.h"

#define PEM_MAX (1 << 20) /* a long chain is some 20 KiB */

/* Put "FILE:LINE: " before what went wrong with a listener of the file. */
static int blame(const struct conf_listener *l, struct error *err)
{
    if (l->origin.file != NULL)
        (void)error_wrap(err, "%s:%d", l->origin.file, l->origin.line);
    return -1;
}

/* --- certificates --- */

struct pem {
    struct buf certificate, key;
};

static void pem_fini(struct pem *p)
{
    if (p->key.data != NULL)
        crypto_wipe(p->key.data, p->key.cap);
    buf_fini(&p->certificate);
    buf_fini(&p->key);
}

static int pem_read(const struct conf_listener *l, struct pem *out, struct error *err)
{
    *out = (struct pem){BUF_INIT, BUF_INIT};
    if (l->tls.certificate == NULL)
        return 0;
    if (fd_read_file(l->tls.certificate, PEM_MAX, &out->certificate, err) != 0 ||
        fd_read_file(l->tls.key, PEM_MAX, &out->key, err) != 0 ||
        tls_check(buf_view(&out->certificate), buf_view(&out->key), l->tls.certificate, l->tls.key,
                  err) != 0) {
        pem_fini(out);
        return blame(l, err);
    }
    return 0;
}

int listeners_check(const struct config *conf, struct error *err)
{
    int rc = 0;

    for (size_t i = 0; i < conf->n_listeners; i++) {
        struct error one = ERROR_INIT;
        struct pem pem;

        if (pem_read(&conf->listeners[i], &pem, &one) != 0) {
            (void)error_add(err, "%s", one.text);
            rc = -1;
        } else {
            pem_fini(&pem);
        }
    }
    return rc;
}

/* --- sets --- */

static int kept_fd(const struct listeners *old, const char *spec)
{
    for (uint32_t i = 0; old != NULL && i < old->n; i++) {
        if (old->items[i].fd >= 0 && strcmp(old->specs[i], spec) == 0)
            return old->items[i].fd;
    }
    return -1;
}

/* A socket of systemd's that is bound to this very address. */
static int passed_fd(struct passed *passed, const char *spec)
{
    char name[LISTENER_SPEC_MAX];

    for (size_t i = 0; passed != NULL && i < passed->n; i++) {
        int fd = passed->fds[i];

        if (fd < 0)
            continue;
        listen_name(fd, name, sizeof(name));
        /* systemd binds ":8080" as "[::]:8080". */
        if (strcmp(name, spec) == 0 ||
            (spec[0] == ':' && strncmp(name, "[::]", 4) == 0 && strcmp(name + 4, spec) == 0)) {
            passed->fds[i] = -1;
            return fd_set_nonblock(fd, true) == 0 ? fd : -1;
        }
    }
    return -1;
}

static bool is_leaving(const struct listeners_request *req, uint32_t which)
{
    for (size_t i = 0; i < req->conf->n_listeners; i++) {
        if (strcmp(req->conf->listeners[i].address, req->old->specs[which]) == 0)
            return false;
    }
    return true;
}

/*
 * What leaves with this reload would be in the way of what comes: 127.0.0.1:8080 of 0.0.0.0:8080,
 * to name the usual case. So both have the port until the old workers are done.
 */
static int bind_new(const struct listeners_request *req, const char *address, struct error *err)
{
    bool is_beside = false;
    int fd;

    for (uint32_t i = 0; req->old != NULL && i < req->old->n; i++) {
        if (is_leaving(req, i)) {
            listen_share(req->old->items[i].fd, true);
            is_beside = true;
        }
    }
    fd = is_beside ? listen_bind_beside(address, err) : listen_bind(address, err);
    for (uint32_t i = 0; is_beside && i < req->old->n; i++)
        listen_share(req->old->items[i].fd, false);
    return fd;
}

/* The PEM texts move into the listener. */
static void take_pem(struct inherit_listener *out, struct pem *pem)
{
    out->certificate_pem = pem->certificate.data;
    out->certificate_len = pem->certificate.len;
    out->key_pem = pem->key.data;
    out->key_len = pem->key.len;
    *pem = (struct pem){BUF_INIT, BUF_INIT};
}

static int prepare_one(const struct listeners_request *req, const struct conf_listener *l,
                       struct listeners *out, bool *out_wrong_file, struct error *err)
{
    struct inherit_listener *item = &out->items[out->n];
    struct pem pem;
    int n = snprintf(out->specs[out->n], LISTENER_SPEC_MAX, "%s", l->address);

    *out_wrong_file = true;
    if (n < 0 || n >= LISTENER_SPEC_MAX) {
        (void)error_set(err, "an address must be shorter than %d bytes", LISTENER_SPEC_MAX);
        return blame(l, err);
    }
    if (pem_read(l, &pem, err) != 0)
        return -1;
    *out_wrong_file = false;
    item->fd = kept_fd(req->old, l->address);
    out->is_kept[out->n] = item->fd >= 0;
    if (item->fd < 0)
        item->fd = passed_fd(req->passed, l->address);
    if (item->fd < 0)
        item->fd = bind_new(req, l->address, err);
    if (item->fd < 0) {
        pem_fini(&pem);
        return blame(l, err);
    }
    listen_name(item->fd, item->address, sizeof(item->address));
    if (l->tls.certificate != NULL) {
        (void)snprintf(item->certificate, sizeof(item->certificate), "%s", l->tls.certificate);
        (void)snprintf(item->key, sizeof(item->key), "%s", l->tls.key); /* for logs; cut is fine */
    }
    take_pem(item, &pem);
    out->n++;
    return 0;
}

static void make_digest(struct listeners *l)
{
    struct buf all = BUF_INIT;

    for (uint32_t i = 0; i < l->n; i++) {
        const struct inherit_listener *item = &l->items[i];

        buf_printf(&all, "%s %zu %zu\n", l->specs[i], item->certificate_len, item->key_len);
        buf_add(&all, item->certificate_pem, item->certificate_len);
        buf_add(&all, item->key_pem, item->key_len);
    }
    crypto_sha256(buf_view(&all), l->digest);
    if (all.data != NULL)
        crypto_wipe(all.data, all.cap);
    buf_fini(&all);
}

int listeners_prepare(const struct listeners_request *req, struct listeners *out,
                      bool *out_wrong_file, struct error *err)
{
    const struct config *conf = req->conf;

    *out_wrong_file = true;
    *out = (struct listeners){0};
    if (conf->n_listeners == 0 || conf->n_listeners > LISTENERS_MAX)
        return error_set(err, "listen: there must be 1 to %d listeners", LISTENERS_MAX);
    out->items = xcalloc(conf->n_listeners, sizeof(*out->items));
    out->specs = xcalloc(conf->n_listeners, sizeof(*out->specs));
    out->is_kept = xcalloc(conf->n_listeners, sizeof(*out->is_kept));
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (prepare_one(req, &conf->listeners[i], out, out_wrong_file, err) != 0) {
            listeners_abort(out);
            return -1;
        }
    }
    make_digest(out);
    return 0;
}

void listeners_wipe(struct listeners *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        struct inherit_listener *item = &l->items[i];

        if (item->key_pem != NULL)
            crypto_wipe((void *)(uintptr_t)item->key_pem, item->key_len); /* ours: take_pem */
    }
}

static void free_memory(struct listeners *l)
{
    listeners_wipe(l);
    for (uint32_t i = 0; i < l->n; i++) {
        free((void *)(uintptr_t)l->items[i].certificate_pem);
        free((void *)(uintptr_t)l->items[i].key_pem);
    }
    free(l->items);
    free(l->specs);
    free(l->is_kept);
    *l = (struct listeners){0};
}

void listeners_abort(struct listeners *next)
{
    for (uint32_t i = 0; i < next->n; i++) {
        if (!next->is_kept[i])
            fd_close(&next->items[i].fd);
    }
    free_memory(next);
}

static bool same_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

void listeners_diff(const struct listeners *old, const struct listeners *new, struct changes *out)
{
    for (uint32_t i = 0; i < new->n; i++) {
        const struct inherit_listener *b = &new->items[i];

        for (uint32_t j = 0; j < old->n; j++) {
            const struct inherit_listener *a = &old->items[j];

            if (strcmp(old->specs[j], new->specs[i]) == 0 &&
                !(same_bytes(a->certificate_pem, a->certificate_len, b->certificate_pem,
                             b->certificate_len) &&
                  same_bytes(a->key_pem, a->key_len, b->key_pem, b->key_len)))
                changes_add(out, "certificate", str_of(new->specs[i]), "renewed");
        }
    }
}

void listeners_commit(struct listeners *current, struct listeners *next)
{
    for (uint32_t i = 0; i < current->n; i++) {
        bool still = false;

        for (uint32_t j = 0; j < next->n; j++)
            still = still || next->items[j].fd == current->items[i].fd;
        if (!still)
            fd_close(&current->items[i].fd);
    }
    free_memory(current);
    *current = *next;
    *next = (struct listeners){0};
}

void listeners_give(const struct listeners *l, uid_t uid, gid_t gid)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (fchown(l->items[i].fd, uid, gid) != 0)
            log_warn("listener_not_given", "address=%s errno=%d", l->specs[i], errno);
}

void listeners_close(struct listeners *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        fd_close(&l->items[i].fd);
    free_memory(l);
}
