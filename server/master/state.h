/*
 * state - what the master has: one struct, one owner, given to each of its modules.
 *
 * Runs in:  master.   Reads, writes: nothing itself.
 * A configuration is freed as soon as it is published, because it holds secrets; what the master
 * needs later is copied into `struct settings` and `struct effective`. Does not: have behaviour.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_STATE_H
#define MASTER_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/base/buf.h"
#include "server/base/json.h"
#include "server/base/log.h"
#include "server/inherit.h"
#include "server/master/changes.h"
#include "server/master/listeners.h"
#include "server/master/money.h"
#include "server/master/notify.h"
#include "server/master/options.h"
#include "server/master/save.h"
#include "server/master/throttle.h"
#include "shm/keys.h"
#include "shm/layout.h"

#define READY_WAIT_MS 30000     /* a child that needs longer to start will not start */
#define ACK_WAIT_MS 5000        /* a worker looks at the generation at least once a second */
#define BEAT_LIMIT_MS 30000     /* a worker beats each second; past this it hangs or is stopped */
#define WEIGHTS_LIMIT_MS 300000 /* a stopped aggregator costs freshness only: be patient */
#define STOP_WAIT_MS 10000      /* for admin, mock and aggregator to end */
#define KILL_WAIT_MS 2000       /* between SIGABRT and SIGKILL of a child that hangs */

enum child_state {
    CHILD_NONE,     /* nobody there, nobody wanted */
    CHILD_WAITING,  /* to be started at due_ms */
    CHILD_STARTING, /* forked; its ready byte is due at due_ms */
    CHILD_READY,
    CHILD_STOPPING, /* told to end; killed at due_ms */
};

struct child {
    enum role role;
    uint32_t slot; /* workers: in region live; else 0 */
    enum child_state state;
    bool wanted;    /* start it again when it dies */
    bool aborted;   /* it hung: SIGABRT was sent, SIGKILL follows at due_ms */
    bool is_killed; /* told to end at once, with SIGKILL */
    uint32_t epoch; /* of the listeners that it inherited */
    pid_t pid;
    int control;              /* our end of its socketpair; -1 */
    uint64_t started_ms;      /* monotonic */
    uint64_t started_real_ms; /* for people */
    uint64_t due_ms;          /* monotonic; see `state` */
    uint64_t requests_before; /* workers: of the slot, when this one was started */
    uint32_t restarts;
    struct throttle throttle;
};

/* Workers by slot, then one of each other role. */
enum { CHILD_AGGREGATOR = SLOTS_MAX, CHILD_ADMIN, CHILD_MOCK, CHILD_CREDENTIAL, CHILDREN_MAX };

/* Both ends of a slot's two pipes, kept for good: neither side's death loses what is in them. */
struct slot_pipes {
    int sample[2], record[2];
    bool open;
    bool told; /* the living aggregator has the read ends */
};

/* What outlives the configuration that it was copied from. */
struct settings {
    uint32_t workers;
    uint64_t drain_ms;
    uint64_t log_max_records, log_max_age_ms;
    uint64_t durability_ms;
    bool durability_strict;
    enum log_level log_level;
    bool needs_mock;
    bool needs_credentials; /* keys that have to be fetched */
    bool require_key;
    char admin_token[128];
};

/* What `bfctl export` and /api/config show; secrets are masked. */
struct effective {
    struct buf json, yaml;
    struct entities *entities; /* to tell what the next reload changes */
};

enum master_phase {
    PHASE_STARTING,
    PHASE_RUNNING,
    PHASE_DRAINING, /* workers finish what is open */
    PHASE_CLOSING,  /* admin and mock end */
    PHASE_FLUSHING, /* the aggregator stores what is left */
    PHASE_DONE
};

struct reload;       /* reload.c */
struct rule_publish; /* rule_publish.c */

struct master {
    const struct options *options;
    const char *config_path; /* NULL: zero-config */
    enum master_phase phase;
    int exit_status;
    unsigned stops;   /* TERMs so far: the second one means now */
    unsigned flushes; /* aggregators started while stopping */
    pid_t pid;

    struct regions regions;
    struct money *money;     /* customers, teams, keys, limits */
    struct mirror_mark mark; /* of the store's mirror that the key table is like */
    uint64_t generation;     /* published */
    uint64_t calendars_ms;   /* real time at which they were renewed last */

    struct settings settings;
    struct effective effective;
    struct listeners listeners;
    uint32_t epoch; /* counts changes that need new workers */
    struct reload *reload;
    struct rule_publish *rule_publish;

    char state_dir[256], run_dir[256], admin_socket[280];
    int lock_fd, signal_fd, admin_fd, mock_fd;
    uint16_t mock_port;
    struct notify notify;
    struct passed passed;
    uint64_t next_notify_ms;

    struct child children[CHILDREN_MAX];
    struct slot_pipes pipes[SLOTS_MAX];

    uint64_t started_real_ms;
    struct json_parser *json;
    char *message; /* room for one control message */
};

#endif
