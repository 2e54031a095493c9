#include "server/worker/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "server/base/base.h"
#include "server/worker/loop_io.h"

enum name_state { NAME_UNKNOWN, NAME_QUEUED, NAME_ASKED };

struct name {
    struct name *next;
    struct resolve_wait *waiting;
    enum name_state state;
    uint64_t known_until_ms; /* 0: not known */
    struct addresses found;
    char host[RESOLVE_NAME_MAX + 1];
};

/* What a thread works on: its own until it lies in the mailbox. */
struct lookup {
    struct lookup *next;
    struct mailbox *box;
    struct addresses found;
    int error; /* of getaddrinfo */
    char host[RESOLVE_NAME_MAX + 1];
};

/* The only thing that the loop and the threads share. Whoever leaves last frees it. */
struct mailbox {
    pthread_mutex_t lock;
    struct lookup *done;
    uint32_t n_users;
    int bell; /* -1: nobody listens any more */
};

struct resolver {
    struct loop *loop;
    struct loop_fd *watch;
    struct mailbox *box;
    struct name *names;
    uint32_t n_names, n_threads;
};

/* --- the threads --- */

static void box_lock(struct mailbox *box)
{
    must(pthread_mutex_lock(&box->lock) == 0);
}

static void box_unlock(struct mailbox *box)
{
    must(pthread_mutex_unlock(&box->lock) == 0);
}

static void free_lookups(struct lookup *list)
{
    while (list != NULL) {
        struct lookup *next = list->next;

        free(list);
        list = next;
    }
}

/* Takes the lock with it. */
static void box_leave(struct mailbox *box)
{
    bool is_last = --box->n_users == 0;

    box_unlock(box);
    if (!is_last)
        return;
    free_lookups(box->done);
    (void)pthread_mutex_destroy(&box->lock);
    free(box);
}

static void box_put(struct mailbox *box, struct lookup *l)
{
    uint64_t one = 1;

    l->next = box->done;
    box->done = l;
    if (box->bell >= 0)
        (void)!write(box->bell, &one, sizeof(one)); /* cannot be full */
}

static void copy_found(const struct addrinfo *list, struct addresses *out)
{
    for (; list != NULL && out->n < RESOLVE_ADDRESSES_MAX; list = list->ai_next) {
        union resolve_address *a = &out->items[out->n];

        if ((list->ai_family != AF_INET && list->ai_family != AF_INET6) ||
            list->ai_addrlen > sizeof(*a))
            continue;
        memcpy(a, list->ai_addr, list->ai_addrlen);
        out->n++;
    }
}

static void *look_up(void *ctx)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct lookup *l = ctx;
    struct mailbox *box = l->box;
    struct addrinfo *list = NULL;

    l->error = getaddrinfo(l->host, NULL, &hints, &list);
    if (l->error == 0) {
        copy_found(list, &l->found);
        freeaddrinfo(list);
    }
    box_lock(box);
    box_put(box, l);
    box_leave(box);
    return NULL;
}

static bool thread_start(struct lookup *l)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_t thread;
    bool started;

    (void)sigfillset(&all); /* signals are the loop's business */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    must(pthread_attr_init(&attr) == 0);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    started = pthread_create(&thread, &attr, look_up, l) == 0;
    (void)pthread_attr_destroy(&attr);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* --- names --- */

static void wait_link(struct resolve_wait **head, struct resolve_wait *w)
{
    w->next = *head;
    if (w->next != NULL)
        w->next->prev = &w->next;
    w->prev = head;
    *head = w;
}

void resolve_stop(struct resolve_wait *w)
{
    if (w->prev == NULL)
        return;
    *w->prev = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    w->prev = NULL;
    w->next = NULL;
}

/* Everybody who waits now; who starts to wait in its callback waits for another look-up. */
static void tell(struct name *name, const struct addresses *found, const char *why)
{
    struct resolve_wait *list = NULL;

    while (name->waiting != NULL) {
        struct resolve_wait *w = name->waiting;

        resolve_stop(w);
        wait_link(&list, w);
    }
    while (list != NULL) {
        struct resolve_wait *w = list;

        resolve_stop(w);
        w->fn(w, found, why);
    }
}

static void ask(struct resolver *r, struct name *name)
{
    struct lookup *l = xcalloc(1, sizeof(*l));

    l->box = r->box;
    memcpy(l->host, name->host, sizeof(l->host));
    name->state = NAME_ASKED;
    r->n_threads++;
    box_lock(r->box);
    if (thread_start(l)) {
        r->box->n_users++;
    } else { /* none to be had: told on the loop's next turn, like any failure */
        l->error = EAI_AGAIN;
        box_put(r->box, l);
    }
    box_unlock(r->box);
}

static void ask_next(struct resolver *r)
{
    for (struct name *n = r->names; n != NULL && r->n_threads < RESOLVE_THREADS_MAX; n = n->next) {
        if (n->state == NAME_QUEUED)
            ask(r, n);
    }
}

static struct name *name_find(struct resolver *r, struct str host)
{
    for (struct name *n = r->names; n != NULL; n = n->next) {
        if (str_eq_nocase(str_of(n->host), host))
            return n;
    }
    return NULL;
}

/* Room for another one: those whose time is over go, and if there are none, whoever is idle. */
static void forget_some(struct resolver *r)
{
    uint64_t now_ms = loop_now_ms(r->loop);

    for (int all = 0; all < 2 && r->n_names >= RESOLVE_NAMES_MAX; all++) {
        for (struct name **at = &r->names; *at != NULL;) {
            struct name *n = *at;

            if (n->state != NAME_UNKNOWN || (all == 0 && n->known_until_ms > now_ms)) {
                at = &n->next;
                continue;
            }
            *at = n->next;
            free(n);
            r->n_names--;
        }
    }
}

static const char *why_of(int error)
{
    if (error == 0)
        return "the name has no address";
    return error == EAI_NONAME ? "the name is not known" : gai_strerror(error);
}

static void take_answer(struct resolver *r, const struct lookup *l)
{
    struct name *name = name_find(r, str_of(l->host));

    must(name != NULL && name->state == NAME_ASKED);
    r->n_threads--;
    name->state = NAME_UNKNOWN;
    name->found = l->found;
    name->known_until_ms = l->found.n > 0 ? loop_now_ms(r->loop) + RESOLVE_KEEP_MS : 0;
    tell(name, &l->found, l->found.n > 0 ? "" : why_of(l->error));
}

static void on_bell(void *ctx, int fd, bool readable, bool writable)
{
    struct resolver *r = ctx;
    struct lookup *done;
    uint64_t n;

    (void)readable;
    (void)writable;
    (void)!read(fd, &n, sizeof(n)); /* non-blocking; the list says what there is */
    box_lock(r->box);
    done = r->box->done;
    r->box->done = NULL;
    box_unlock(r->box);
    for (struct lookup *l = done; l != NULL; l = l->next)
        take_answer(r, l);
    free_lookups(done);
    ask_next(r);
}

/* --- the public side --- */

struct resolver *resolve_create(struct loop *loop, struct error *err)
{
    struct resolver *r;
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (bell < 0) {
        (void)error_errno(err, "eventfd");
        return NULL;
    }
    r = xcalloc(1, sizeof(*r));
    r->loop = loop;
    r->box = xcalloc(1, sizeof(*r->box));
    must(pthread_mutex_init(&r->box->lock, NULL) == 0);
    r->box->n_users = 1;
    r->box->bell = bell;
    r->watch = loop_fd_open(loop, bell, on_bell, r);
    loop_fd_want(r->watch, true, false);
    return r;
}

void resolve_free(struct resolver *r)
{
    if (r == NULL)
        return;
    box_lock(r->box);
    r->box->bell = -1;
    box_leave(r->box);
    loop_fd_close(r->watch);
    while (r->names != NULL) {
        struct name *next = r->names->next;

        must(r->names->waiting == NULL);
        free(r->names);
        r->names = next;
    }
    free(r);
}

static bool parse_numeric(struct str host, struct addresses *out)
{
    union resolve_address *a = &out->items[0];
    char text[INET6_ADDRSTRLEN + 1];

    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.p, host.len);
    text[host.len] = '\0';
    memset(a, 0, sizeof(*a));
    out->n = 1;
    if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
        a->any.sa_family = AF_INET;
        return true;
    }
    if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1) {
        a->any.sa_family = AF_INET6;
        return true;
    }
    out->n = 0;
    return false;
}

bool resolve_find(struct resolver *r, struct str host, struct addresses *out)
{
    const struct name *name;

    if (parse_numeric(host, out))
        return true;
    name = name_find(r, host);
    if (name == NULL || name->known_until_ms <= loop_now_ms(r->loop))
        return false;
    *out = name->found;
    return true;
}

void resolve_start(struct resolver *r, struct str host, struct resolve_wait *w, resolve_fn *fn)
{
    struct name *name = name_find(r, host);

    must(host.len <= RESOLVE_NAME_MAX);
    if (name == NULL) {
        forget_some(r);
        name = xcalloc(1, sizeof(*name));
        memcpy(name->host, host.p, host.len);
        name->next = r->names;
        r->names = name;
        r->n_names++;
    }
    w->fn = fn;
    wait_link(&name->waiting, w);
    if (name->state == NAME_UNKNOWN)
        name->state = NAME_QUEUED;
    ask_next(r);
}
