#include <stdatomic.h>
#include <sys/ptrace.h>

#include "shm/counter.h"
#include "shm/hold.h"
#include "tests/torture/torture.h"
#include "tests/unit/ledger_fixture.h"

/* --- what both tests check --- */

#define ACCOUNTS 5
#define WINDOWS 256

/* Nothing that costs more than it held, so that limits must be kept whoever is killed. */
static const struct hold_note cheap = {.input = 1, .input_pico = 1000, .output_pico = 1000};

struct world {
    struct ledger_fixture f;
    struct account accounts[ACCOUNTS]; /* the last one is a concurrency */
};

/* Per account and window: what the records say. */
struct sums {
    const struct world *w;
    uint64_t booked[ACCOUNTS][WINDOWS];
    uint64_t records;
};

static void world_open(struct world *w, uint64_t limit)
{
    fixture_open(&w->f);
    w->accounts[0] = fixture_budget(&w->f, 4 * limit, OVERSHOOT_AUTO);
    w->accounts[1] = fixture_budget(&w->f, limit, 0);
    w->accounts[2] = fixture_budget(&w->f, limit, limit / 4);
    w->accounts[3] = fixture_budget(&w->f, limit, OVERSHOOT_AUTO);
    w->accounts[4] = fixture_account(&w->f, ACCOUNT_CONCURRENCY, 7, 0);
}

static void add_record(void *ctx, const struct record *rec)
{
    struct sums *s = ctx;

    s->records++;
    for (uint32_t i = 0; i < rec->n_bookings; i++) {
        uint64_t at = rec->bookings[i].account - s->w->accounts[0].id;

        assert_true(at < ACCOUNTS - 1);
        s->booked[at][rec->bookings[i].window % WINDOWS] += rec->cost_nanousd;
    }
}

static uint64_t in_window(const struct counter cells[2], uint32_t window)
{
    for (int i = 0; i < 2; i++) {
        if (tag_window(cells[i].tag) == window)
            return cells[i].amount;
    }
    return 0;
}

/* Counters are what the records say, to the nano-dollar, and nothing is held. */
static void check(const struct world *w, const struct sums *s, uint32_t first, uint32_t n)
{
    const struct counters_shared *counters = w->f.regions.counters.base;

    for (uint32_t slot = 0; slot < live_slots(&w->f.regions.live); slot++)
        assert_int_equal(ledger_holds(&w->f.regions.live, slot), 0);
    for (uint32_t i = 0; i < ACCOUNTS - 1; i++) {
        const struct account *a = &w->accounts[i];
        const struct counter_row *row = &counters->rows[a->index];

        for (uint32_t window = first; window < first + n; window++) {
            uint64_t booked = s->booked[i][window % WINDOWS];

            assert_int_equal(in_window(row->used, window), booked);
            if (i == 2)
                assert_int_equal(in_window(row->worst, window), booked);
            assert_true(booked <= a->limit + a->limit / 4);
            assert_true(i != 1 || booked <= a->limit);
        }
    }
    assert_int_equal(counters->rows[w->accounts[4].index].used[0].amount, 0);
}

static uint32_t take(struct ledger *l, const struct world *w, uint64_t cost, uint64_t real_ms)
{
    struct hold_want want = {w->accounts, ACCOUNTS, cost, cost + cost / 4, real_ms, &cheap};
    struct refusal why;
    uint32_t hold;

    return hold_take(l, &want, &hold, &why) == HOLD_OK ? hold : UINT32_MAX;
}

/* --- killed at every instruction --- */

#define STEP_LIMIT 1000000000ull

enum life { LIFE_SETTLES, LIFE_RELEASES, LIFE_IS_REFUSED, LIVES };

/* One after the other: what a worker does, what it leaves, and what somebody left of ending that. */
static struct world worlds[3];

static void live_once(struct world *w, enum life life, struct ledger *l)
{
    struct refusal why;
    uint32_t hold = take(l, w, 1000, FIXTURE_NOW);

    uint64_t more = life == LIFE_IS_REFUSED ? 1500 : 1200;

    if (hold == UINT32_MAX)
        _exit(1);
    if (hold_raise(l, hold, more, &why) != (life != LIFE_IS_REFUSED))
        _exit(2);
    if (life != LIFE_SETTLES) {
        hold_release(l, hold);
        return;
    }
    hold_sent(l, hold);
    hold_streamed(l, hold, 999);
    (void)fixture_settle(l, hold, 777);
}

/* What one worker and its neighbour touch, from one world into another. */
static void copy_slot(struct slot *to, const struct slot *from)
{
    memcpy(&to->pid, &from->pid, 256); /* its head: state and pid */
    memcpy(&to->outbox, &from->outbox, offsetof(struct outbox, queue) + 4 * CACHE_LINE);
    memcpy(to->outbox.bytes[0], from->outbox.bytes[0], 4096);
    memcpy(&to->holds, &from->holds, offsetof(struct holds, rows) + 4 * sizeof(struct hold));
}

static void copy_world(struct world *to, const struct world *from)
{
    struct live_shared *live = to->f.regions.live.base;
    const struct live_shared *old = from->f.regions.live.base;
    struct counters_shared *counters = to->f.regions.counters.base;
    const struct counters_shared *old_counters = from->f.regions.counters.base;

    for (int slot = 0; slot < 2; slot++) {
        copy_slot(&live->slots[slot], &old->slots[slot]);
        memcpy(&counters->seen[slot], &old_counters->seen[slot], 2 * sizeof(uint64_t));
    }
    memcpy(counters->rows, old_counters->rows, (ACCOUNTS + 2) * sizeof(counters->rows[0]));
}

static bool is_same(const struct world *a, const struct world *b)
{
    const struct live_shared *x = a->f.regions.live.base;
    const struct live_shared *y = b->f.regions.live.base;
    const struct counters_shared *p = a->f.regions.counters.base;
    const struct counters_shared *q = b->f.regions.counters.base;
    const struct slot *s = &x->slots[0];
    const struct slot *t = &y->slots[0];

    return memcmp(&s->outbox, &t->outbox, offsetof(struct outbox, queue) + 4 * CACHE_LINE) == 0 &&
           memcmp(s->outbox.bytes[0], t->outbox.bytes[0], 4096) == 0 &&
           memcmp(&s->holds, &t->holds, offsetof(struct holds, rows) + 4 * sizeof(struct hold)) ==
               0 &&
           memcmp(p->rows, q->rows, (ACCOUNTS + 2) * sizeof(p->rows[0])) == 0;
}

/* Others go on with the same accounts: their tags replace those that tell what was done. */
static void interfere(struct world *w)
{
    struct ledger *l = ledger_open(&w->f.regions, 1);
    uint32_t hold = take(l, w, 8, FIXTURE_NOW);

    if (hold != UINT32_MAX)
        (void)fixture_settle(l, hold, 5);
    hold = take(l, w, 8, FIXTURE_NOW + FIXTURE_HOUR); /* a window makes room for another one */
    if (hold != UINT32_MAX)
        hold_release(l, hold);
    ledger_close(l);
}

static void end_and_check(struct world *w, uint64_t records_max)
{
    static struct sums s;

    memset(&s, 0, sizeof(s));
    s.w = w;
    (void)ledger_recover(&w->f.regions, 0, FIXTURE_NOW);
    (void)fixture_records(&w->f, 0, 1, add_record, &s);
    assert_true(s.records <= records_max);
    (void)fixture_records(&w->f, 1, 1, add_record, &s);
    check(w, &s, 100, 1);
}

/* Run fn(ctx) in a child, instruction by instruction; `each` after every one. */
static uint64_t step_through(void (*fn)(void *ctx), void *ctx, void (*each)(void))
{
    uint64_t steps = 0;
    int status;
    pid_t child = fork();

    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(1);
        (void)raise(SIGSTOP);
        fn(ctx);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    while (!WIFEXITED(status)) {
        assert_true(WIFSTOPPED(status) && steps++ < STEP_LIMIT);
        each();
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return steps;
}

static uint64_t states, second_states;
static enum life life_now;
static struct world last_seen, last_second;

static void on_second_step(void)
{
    if (is_same(&worlds[1], &last_second))
        return;
    second_states++;
    copy_world(&last_second, &worlds[1]);
    copy_world(&worlds[2], &worlds[1]);
    if (second_states % 2 == 0)
        interfere(&worlds[2]);
    end_and_check(&worlds[2], 1);
}

static void recover_in_child(void *ctx)
{
    struct world *w = ctx;

    (void)ledger_recover(&w->f.regions, 0, FIXTURE_NOW);
}

/* The worker has made a step: from here it is as if it had been killed. */
static void on_step(void)
{
    if (is_same(&worlds[0], &last_seen))
        return;
    states++;
    copy_world(&last_seen, &worlds[0]);
    for (int i = 0; i < 2; i++) {
        copy_world(&worlds[1], &worlds[0]);
        if (i == 1)
            interfere(&worlds[1]);
        end_and_check(&worlds[1], 1);
    }
    if (states % 8 != 0)
        return;
    /* And who ends its holds is killed at each instruction, too. */
    copy_world(&worlds[1], &worlds[0]);
    interfere(&worlds[1]);
    (void)step_through(recover_in_child, &worlds[1], on_second_step);
}

static void worker_in_child(void *ctx)
{
    live_once(&worlds[0], life_now, ctx);
}

static void every_instruction_may_be_the_last(void **state)
{
    uint64_t steps = 0;

    (void)state;
    if (TORTURE_SANITIZED)
        return; /* a sanitizer's own instructions would be most of them */
    for (life_now = 0; life_now < LIVES; life_now++) {
        struct ledger *l;
        uint64_t limit = life_now == LIFE_IS_REFUSED ? 1300 : 100000;
        struct world *all[] = {&worlds[0], &worlds[1], &worlds[2], &last_seen, &last_second};

        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            world_open(all[i], limit);
            ledger_close(fixture_worker(&all[i]->f, 1));
        }
        l = fixture_worker(&worlds[0].f, 0);
        steps += step_through(worker_in_child, l, on_step);
        ledger_close(l);
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
            fixture_close(&all[i]->f);
    }
    printf("figure: ledger: killed after each of %lu instructions (%lu states), recovery in %lu "
           "states more; exact each time\n",
           (unsigned long)steps, (unsigned long)states, (unsigned long)second_states);
}

/* --- killed at random, while others go on --- */

#define WORKERS 3
#define ROUNDS (TORTURE_SANITIZED ? 60 : 300)
#define OPEN_MAX_HOLDS 4
#define ROUNDS_A_WINDOW 8

static struct world hammered;

struct hammer {
    uint32_t slot, round;
    uint64_t seed;
};

static uint64_t time_of(uint32_t round)
{
    return FIXTURE_NOW + round / ROUNDS_A_WINDOW * FIXTURE_HOUR;
}

static void end_one(struct ledger *l, uint32_t hold, uint64_t cost, struct torture_random *random)
{
    struct refusal why;

    if (torture_next(random) % 3 == 0 && !hold_raise(l, hold, cost + cost / 8, &why)) {
        hold_release(l, hold);
        return;
    }
    if (torture_next(random) % 4 != 0) {
        hold_sent(l, hold);
        hold_streamed(l, hold, cost); /* a quarter of it in tokens */
    }
    if (torture_next(random) % 4 == 0)
        hold_release(l, hold);
    else
        (void)fixture_settle(l, hold, torture_next(random) % (cost + 1));
}

static void hammer_on(void *ctx)
{
    const struct hammer *h = ctx;
    struct torture_random random = {h->seed};
    struct ledger *l = fixture_worker(&hammered.f, h->slot);
    uint32_t open[OPEN_MAX_HOLDS];
    uint64_t costs[OPEN_MAX_HOLDS];
    uint32_t n = 0;

    for (;;) {
        uint64_t x = torture_next(&random);
        uint32_t at = (uint32_t)(x >> 8) % OPEN_MAX_HOLDS;

        if (n < OPEN_MAX_HOLDS && x % 2 == 0) {
            /* Some are a little behind: both windows are in use. */
            uint64_t now = time_of(h->round) + (x >> 20 & 1) * FIXTURE_HOUR;

            costs[n] = 8 + (x >> 32) % 90;
            open[n] = take(l, &hammered, costs[n], now);
            n += open[n] != UINT32_MAX;
        } else if (at < n) {
            end_one(l, open[at], costs[at], &random);
            open[at] = open[--n];
            costs[at] = costs[n];
        }
    }
}

static void recover_hammered(void *ctx)
{
    const struct hammer *h = ctx;

    (void)ledger_recover(&hammered.f.regions, h->slot, time_of(h->round));
}

static void spin_us(uint64_t us)
{
    uint64_t until = clock_mono_ns() + 1000 * us;

    while (clock_mono_ns() < until)
        continue;
}

/* Killed while the others go on, and so is sometimes who recovers it. */
static uint32_t kill_and_recover(pid_t pid, struct hammer *h, struct torture_random *random)
{
    uint32_t killed = 0;

    torture_kill(pid);
    while (torture_next(random) % 3 == 0) {
        pid_t helper = torture_start(recover_hammered, h);
        int status;

        spin_us(torture_next(random) % 300);
        (void)kill(helper, SIGKILL); /* it may have ended */
        assert_int_equal(waitpid(helper, &status, 0), helper);
        killed += WIFSIGNALED(status);
    }
    (void)ledger_recover(&hammered.f.regions, h->slot, time_of(h->round));
    return killed;
}

static void counters_are_what_the_records_say(void **state)
{
    static struct sums s;
    struct torture_random random = {88172645463325252ull};
    uint64_t next[WORKERS] = {1, 1, 1};
    uint32_t recoveries = 0;

    (void)state;
    world_open(&hammered, 400000);
    s.w = &hammered;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct hammer h[WORKERS];
        pid_t pids[WORKERS];

        for (uint32_t i = 0; i < WORKERS; i++) {
            h[i] = (struct hammer){i, round, torture_next(&random)};
            pids[i] = torture_start(hammer_on, &h[i]);
        }
        for (uint32_t i = 0; i < WORKERS; i++) {
            spin_us(200 + torture_next(&random) % 3000);
            recoveries += kill_and_recover(pids[i], &h[i], &random);
        }
        for (uint32_t i = 0; i < WORKERS; i++) {
            next[i] = fixture_records(&hammered.f, i, next[i], add_record, &s);
            weights_set_stored(&hammered.f.regions.weights, i, next[i] - 1);
            outbox_trim(&live_slot(&hammered.f.regions.live, i)->outbox, next[i] - 1);
        }
        check(&hammered, &s, 100 + round / ROUNDS_A_WINDOW, 2);
    }
    assert_true(s.records > ROUNDS);
    fixture_close(&hammered.f);
    printf("figure: ledger: %d workers killed, %u recoveries killed, %lu records; counters exact "
           "after each round\n",
           ROUNDS * WORKERS, recoveries, (unsigned long)s.records);
}

/* --- what it costs --- */

#define TURNS (TORTURE_SANITIZED ? 2000 : 400000)

static void a_request_costs_little(void **state)
{
    struct world w;
    struct account rates[2];
    struct refusal why;
    struct ledger *l;
    uint64_t began;
    uint64_t ns;

    (void)state;
    world_open(&w, 1ull << 50);
    rates[0] = fixture_account(&w.f, ACCOUNT_REQUESTS, 1ull << 40, 60000);
    rates[1] = fixture_account(&w.f, ACCOUNT_TOKENS, 1ull << 40, 60000);
    l = fixture_worker(&w.f, 0);
    began = clock_mono_ns();
    for (uint64_t i = 0; i < TURNS; i++) {
        struct hold_want want = fixture_want(w.accounts, 4, 1000, 2000);
        struct record rec = {.cost_nanousd = 10, .key_name = {"a-key", 5}};
        uint32_t hold;

        assert_true(rate_take(&w.f.regions, &rates[0], 1, FIXTURE_NOW, &why));
        assert_true(rate_take(&w.f.regions, &rates[1], 500, FIXTURE_NOW, &why));
        assert_int_equal(hold_take(l, &want, &hold, &why), HOLD_OK);
        hold_sent(l, hold);
        hold_bookings(l, hold, &rec);
        (void)hold_settle(l, hold, &rec, UINT64_MAX);
        rate_correct(&w.f.regions, &rates[1], 500, 321, FIXTURE_NOW);
    }
    ns = (clock_mono_ns() - began) / TURNS;
    printf("figure: ledger: %lu ns to take and settle 4 budgets and 2 rates, record included\n",
           (unsigned long)ns);
    assert_true(TORTURE_SANITIZED || ns < 6000); /* ten times what it is: a machine may be busy */
    ledger_close(l);
    fixture_close(&w.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_instruction_may_be_the_last),
                                       cmocka_unit_test(counters_are_what_the_records_say),
                                       cmocka_unit_test(a_request_costs_little)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
