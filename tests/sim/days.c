/* The bad days: what happens to route 0 (and on one day to all) from second 60 on. */
#include <math.h>

#include "tests/sim/sim.h"

static void all_well(struct sim_route *routes)
{
    for (size_t i = 0; i < SIM_ROUTES; i++)
        routes[i] = (struct sim_route){.exists = true, .slower = 1};
}

static bool within(double t, double from, double to)
{
    return t >= from && t < to;
}

static void good_day(double t, struct sim_route *routes)
{
    (void)t;
    all_well(routes);
}

static void one_in_five(double t, struct sim_route *routes)
{
    all_well(routes);
    routes[0].error_share = within(t, 60, 150) ? 0.2 : 0;
}

static void death(double t, struct sim_route *routes)
{
    all_well(routes);
    routes[0].refuses = within(t, 60, 150);
}

static void brown_out(double t, struct sim_route *routes)
{
    all_well(routes);
    routes[0].slower = within(t, 60, 150) ? 5 : 1;
}

static void throttled(double t, struct sim_route *routes)
{
    all_well(routes);
    routes[0].capacity = within(t, 60, 150) ? 10 : 0;
}

/* 600 a minute, as providers limit: all of it may be used at once. */
static void scarce(double t, struct sim_route *routes)
{
    all_well(routes);
    routes[0].capacity = within(t, 60, 150) ? 10 : 0;
    routes[0].window_s = 60;
}

static void scarce_and_told(double t, struct sim_route *routes)
{
    scarce(t, routes);
    routes[0].tells = true;
}

static void flapping(double t, struct sim_route *routes)
{
    all_well(routes);
    routes[0].refuses = within(t, 60, 150) && fmod(t, 10) < 5;
}

static void all_down(double t, struct sim_route *routes)
{
    all_well(routes);
    for (size_t i = 0; i < SIM_ROUTES; i++)
        routes[i].refuses = within(t, 60, 75);
}

/* Dead for half a minute, then slow, and quicker by and by. */
static void slow_recovery(double t, struct sim_route *routes)
{
    all_well(routes);
    routes[0].refuses = within(t, 60, 90);
    routes[0].slower = within(t, 90, 150) ? 1 + 4 * (150 - t) / 60 : 1;
}

static void new_route(double t, struct sim_route *routes)
{
    all_well(routes);
    routes[0].exists = t >= 60;
}

#define EQUAL                                                                                      \
    {                                                                                              \
        1, 1, 1, 1                                                                                 \
    }

const struct sim_day sim_days[] = {
    {"a good day", good_day, {4, 3, 2, 1}, 60, 61, .is_steady = true, .comes_back = true},
    {"one in five fails", one_in_five, EQUAL, 60, 150, .is_steady = true, .comes_back = true},
    {"a route dies", death, EQUAL, 60, 150, .is_steady = true, .comes_back = true},
    {"brown-out, 5 x slower", brown_out, EQUAL, 60, 150, .is_steady = true, .comes_back = true},
    {"429 beyond 10/s", throttled, EQUAL, 60, 150, .comes_back = true},
    {"600/m, told by heads", scarce_and_told, EQUAL, 60, 150, .warns = true, .comes_back = true},
    {"600/m, declared", scarce, EQUAL, 60, 150, .declared = 600, .warns = true},
    {"brown-out of a model", brown_out, EQUAL, 60, 150, .has_models = true, .is_steady = true,
     .comes_back = true},
    {"flapping, 5 s each", flapping, EQUAL, 60, 150, .comes_back = true},
    {"all down, 15 s", all_down, EQUAL, 60, 75, .all_down = true, .comes_back = true},
    {"slow recovery", slow_recovery, EQUAL, 60, 150, .comes_back = true},
    {"a new key", new_route, EQUAL, 60, 60, .comes_back = true},
};
const size_t sim_n_days = sizeof(sim_days) / sizeof(sim_days[0]);
