/*
 * inherit - everything that crosses the fork from master to child, and the children's entry points.
 *
 * Runs in:  master (fills it), every child (reads it).   Writes: nothing.
 * Descriptors, numbers and plain values only, so that it could be handed to another binary one day.
 * Does not: hold pointers into a child, or anything that changes after the fork.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_INHERIT_H
#define SERVER_INHERIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/base/base.h"
#include "server/base/log.h"
#include "shm/region.h"

#define LISTENERS_MAX 64
/* Of a management request: refused by the worker, so that the admin process never has to break off
 * an upload. A key with the longest list of models fits. */
#define ADMIN_BODY_MAX (1u << 20)
/* Of POST ADMIN_IMPORT_PATH alone: 100,000 keys with all that they may have. */
#define ADMIN_IMPORT_MAX (64u << 20)
/* From who has no token the admin process gets no body beyond this: it reads one whole before it can
 * look at the credentials. Nobody but an import sends more. */
#define ADMIN_STRANGER_BODY_MAX (64u << 10)
#define ADMIN_IMPORT_PATH "/api/keys/import"

struct inherit_listener {
    int fd;                                /* bound and listening, non-blocking */
    char address[128];                     /* with the real port; for logs and the ready line */
    char certificate[256], key[256];       /* paths; empty: no TLS.  Read by the master ... */
    const char *certificate_pem, *key_pem; /* ... before it dropped root; NULL: no TLS */
    size_t certificate_len, key_len;
};

struct inherit {
    struct regions
        regions;  /* mapped read-write by the master; a child protects what is not its own */
    int control;  /* this child's end of the socketpair (shm/control.h) */
    pid_t master; /* to see whether it still lives after PR_SET_PDEATHSIG */
    enum log_level log_level;
    char state_dir[256];    /* LMDB environments live below it */
    char run_dir[256];      /* admin.sock lives in it */
    char admin_socket[280]; /* path; workers forward to it */
    char admin_token[128];  /* admin only; wiped in the others */

    /* worker */
    uint32_t slot;            /* in region live */
    int sample_fd, record_fd; /* write ends, non-blocking */
    const struct inherit_listener *listeners;
    uint32_t n_listeners;

    /* admin */
    int admin_fd; /* bound Unix socket, listening */

    /* aggregator */
    uint64_t log_max_records, log_max_age_ms;
    uint64_t durability_ms;
    bool durability_strict; /* commit at once, call nothing stored that is not on the disk */

    /* mock */
    int mock_fd; /* bound, listening */
};

/* Each returns the process's exit status. They install their own signal handling. */
int worker_main(const struct inherit *in);
int aggregator_main(const struct inherit *in);
int admin_main(const struct inherit *in);
int mock_main(const struct inherit *in);
int credential_main(const struct inherit *in);

/*
 * The first lines of each child: die with the master, log under `proc`, protect every region that
 * this role does not write ("one writer", kept by the MMU), ignore SIGPIPE and SIGHUP. Exits when
 * the master is gone.
 */
enum role { ROLE_MASTER, ROLE_WORKER, ROLE_AGGREGATOR, ROLE_ADMIN, ROLE_MOCK, ROLE_CREDENTIAL };
void child_begin(const struct inherit *in, enum role role, const char *proc);
void child_ready(const struct inherit *in); /* tells the master; once */
enum role process_role(void);
/* In whatever writes a region: the wrong process must not even try. */
#define must_be_role(role) must(process_role() == (role))

#endif
