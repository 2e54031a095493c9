/*
 * sim - bad days in virtual time: requests, routes that misbehave as written, and who chooses among them.
 *
 * Runs in:  `make unit`, `make simulate`.   The real weight code (aggregator/health.c, worker/balance.c) on real regions;
 * clock, traffic and providers are made up here, from a fixed seed, so that each run is the same.
 * Does not: sleep, open sockets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/aggregator/health.h"
#include "server/worker/balance.h"
#include "server/worker/worker.h"

#define SIM_ROUTES 4
#define SIM_WORKERS 2
#define SIM_ATTEMPTS 3     /* of one request: the gateway's default */
#define SIM_SECONDS 240    /* of a day */
#define SIM_RATE 100       /* requests a second */
#define SIM_TICK_US 250000 /* how often the aggregator publishes */
#define SIM_MEDIAN_US 300000.0
#define SIM_SPREAD 0.35 /* sigma of the logarithm */

/* What a route is like at a moment. */
struct sim_route {
    bool exists;
    bool refuses;       /* connections */
    double error_share; /* of the answers: 500, quickly */
    double slower;      /* times the usual latency */
    double capacity;    /* requests a second, 429 beyond; 0: no end */
    double window_s;    /* its limit is of so many seconds at once; 0: of one */
    bool tells;         /* what is left of it, in every answer's head */
};

struct sim_day {
    const char *name;
    void (*look)(double second, struct sim_route *routes);
    double weights[SIM_ROUTES]; /* declared */
    double begin, end;          /* of what is bad, seconds; route 0 has it */
    bool all_down;              /* no choice could help */
    bool is_steady;             /* what is bad stays as bad: choosing should not swing */
    double declared; /* what the operator says that route 0 takes in a minute; 0: nothing */
    bool has_models; /* each route is another model: only its own past tells what is slow */
    bool warns;      /* 429 can be foreseen */
    bool comes_back; /* route 0 gets its share again behind the end */
};
extern const struct sim_day sim_days[];
extern const size_t sim_n_days;

enum sim_policy { SIM_ADAPTIVE, SIM_STATIC, SIM_LEAST, SIM_EWMA, SIM_ORACLE, SIM_POLICIES };
extern const char *const sim_policy_names[SIM_POLICIES];

/* What one worker knows by itself, for the policies that are not ours. */
struct sim_local {
    uint32_t in_flight[SIM_ROUTES];
    double ewma_us[SIM_ROUTES];
    uint64_t ewma_at_us[SIM_ROUTES];
};

struct sim {
    const struct sim_day *day;
    enum sim_policy policy;
    uint64_t now_us;
    uint64_t random;
    struct sim_route routes[SIM_ROUTES];
    double tokens[SIM_ROUTES]; /* of the capacity's bucket */
    bool was_free[SIM_ROUTES]; /* it had none a moment ago */
    struct inherit inherit[SIM_WORKERS];
    struct worker workers[SIM_WORKERS];
    struct sim_local local[SIM_WORKERS];
    struct health *health;
};

double sim_random(struct sim *s); /* 0 <= x < 1 */

/* The route to try; `tried` is a bit set. -1: none is left. */
int sim_choose(struct sim *s, uint32_t worker, uint32_t tried);
/* An attempt ended. */
struct sim_end {
    uint32_t worker, route;
    enum sample_outcome outcome;
    uint64_t begun_us, total_us;
};
void sim_tell(struct sim *s, const struct sim_end *e);

struct sim_figures {
    double client_errors;  /* share over the day */
    double errors_settled; /* share from two seconds after it began to its end */
    double errors_bad;     /* share while it was bad */
    double p50_ms, p99_ms; /* of what was answered */
    double attempts;       /* per request: what it costs */
    double attempts_bad;   /* likewise, while it was bad */
    double left_s;         /* until route 0 has less than a quarter of its share; -1: never */
    double back_s;         /* behind the end until it is within a tenth of its share; -1: never */
    uint32_t swings;       /* between a quarter and three quarters of its share */
};
void sim_run(const struct sim_day *day, enum sim_policy policy, struct sim_figures *out);

#endif
