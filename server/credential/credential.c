/*
 * credential - the process: which credentials there are, and the loop that renews them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/credential/account.h"
#include "server/inherit.h"
#include "shm/published.h"

#define LOOK_MS 1000 /* how soon a new configuration is seen */
#define CONFIGURE_TRIES 3

struct process {
    const struct inherit *in;
    struct region tokens;
    struct account_env env;
    struct account **accounts;
    size_t n_accounts;
    uint64_t generation; /* that the accounts are of */
    int signals;
    bool is_done;
};

static bool is_fetched(const struct pub_key *key)
{
    return key->kind == PUB_KEY_TOKEN || key->kind == PUB_KEY_AWS_TOKEN;
}

/* Out of the image: what goes on keeps its schedule and the request that is under way. */
static struct account *adopt(struct process *p, const struct pub_view *v, const struct pub_key *key)
{
    struct account_options o = {.provider = pub_text(v, pub_provider(v, key->provider)->name),
                                .key = pub_text(v, key->name),
                                .row = key->token,
                                .token_for = key->token_for,
                                .packed = pub_secret(v, key)};

    for (size_t i = 0; i < p->n_accounts; i++) {
        struct account *a = p->accounts[i];

        if (a != NULL && account_is(a, &o)) {
            p->accounts[i] = NULL;
            return a;
        }
    }
    return account_create(&p->env, &o, clock_mono_ms());
}

static void free_accounts(struct account **accounts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        account_free(accounts[i]);
    free(accounts);
}

static void configure(struct process *p, const struct pub_view *v)
{
    struct account **accounts = xcalloc(v->image->n_keys + 1, sizeof(struct account *));
    size_t n = 0;

    for (uint32_t i = 0; i < v->image->n_keys; i++) {
        const struct pub_key *key = pub_key(v, i);
        struct account *a = is_fetched(key) ? adopt(p, v, key) : NULL;

        if (a != NULL)
            accounts[n++] = a;
    }
    free_accounts(p->accounts, p->n_accounts);
    p->accounts = accounts;
    p->n_accounts = n;
}

/* The half is overwritten when the next but one is published: then what was read may be torn. */
static void look(struct process *p)
{
    for (int i = 0; i < CONFIGURE_TRIES; i++) {
        uint64_t generation = published_generation(&p->in->regions.published);
        struct pub_view v;

        if (generation == p->generation)
            return;
        if (!published_view(&p->in->regions.published, &p->in->regions.secrets, &v))
            return; /* being replaced right now: at the next look */
        configure(p, &v);
        p->generation = v.generation;
    }
}

static void on_signal(struct process *p)
{
    struct signalfd_siginfo info;

    if (read(p->signals, &info, sizeof(info)) == sizeof(info))
        p->is_done = true;
}

static void run(struct process *p)
{
    while (!p->is_done) {
        uint64_t now_ms = clock_mono_ms();
        uint64_t due_ms = now_ms + LOOK_MS;

        look(p);
        for (size_t i = 0; i < p->n_accounts; i++)
            due_ms = min_u64(due_ms, account_turn(p->accounts[i], now_ms));
        fetcher_wait(p->env.fetcher, &p->signals, 1, due_ms > now_ms ? due_ms - now_ms : 0);
        on_signal(p);
        if (getppid() != p->in->master)
            p->is_done = true;
    }
}

static int open_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int credential_main(const struct inherit *in)
{
    struct process p = {.in = in, .tokens = in->regions.tokens};
    struct error err = ERROR_INIT;

    child_begin(in, ROLE_CREDENTIAL, "credential");
    p.signals = open_signals();
    if (p.signals < 0) {
        log_error("signalfd", "errno=%d", errno);
        return 1;
    }
    p.env.fetcher = fetcher_create(&err);
    if (p.env.fetcher == NULL) {
        log_error("credential_start", "text=\"%s\"", err.text);
        return 1;
    }
    p.env.tokens = &p.tokens;
    p.env.json = json_parser_create();
    child_ready(in);
    run(&p);
    free_accounts(p.accounts, p.n_accounts);
    json_parser_free(p.env.json);
    fetcher_free(p.env.fetcher);
    fd_close(&p.signals);
    return 0;
}
