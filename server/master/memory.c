#include "server/master/memory.h"

#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "shm/ledger.h"
#include "shm/live.h"

/* Secrets and tokens are not kept: nobody but us is to have them, and they come again soon. */
#define STORED_KINDS 4
static const char *const stored_names[REGION_KINDS] = {
    [REGION_PUBLISHED] = "bowfin-published",
    [REGION_WEIGHTS] = "bowfin-weights",
    [REGION_LIVE] = "bowfin-live",
    [REGION_COUNTERS] = "bowfin-counters",
};

static struct region *region_of(struct regions *r, enum region_kind kind)
{
    switch (kind) {
    case REGION_PUBLISHED:
        return &r->published;
    case REGION_SECRETS:
        return &r->secrets;
    case REGION_WEIGHTS:
        return &r->weights;
    case REGION_TOKENS:
        return &r->tokens;
    case REGION_COUNTERS:
        return &r->counters;
    default:
        return &r->live;
    }
}

static uint64_t boot_id(const struct region *r)
{
    return ((const struct region_header *)r->base)->boot_id;
}

void memory_close(struct regions *r)
{
    for (enum region_kind k = 0; k < REGION_KINDS; k++)
        region_close(region_of(r, k));
}

void memory_recover(const struct regions *r, uint32_t slot)
{
    struct recovered ended = ledger_recover(r, slot, clock_real_ms());

    if (ended.returned + ended.settled > 0)
        log_warn("holds_ended", "slot=%u returned=%u settled=%u unrecorded=%u", slot,
                 ended.returned, ended.settled, ended.unrecorded);
}

/* Whoever was in a slot is dead: systemd starts a daemon when the one before is gone. */
static void wipe_slots(const struct regions *r)
{
    uint32_t n = live_slots(&r->live);

    for (uint32_t i = 0; i < n; i++) {
        memory_recover(r, i);
        live_retire(live_slot(&r->live, i));
    }
}

/* All that were kept, or none. Returns how many there were, or -1. */
static int take_over(struct passed *passed, struct regions *out, struct error *err)
{
    int n = 0;

    for (enum region_kind k = 0; k < REGION_KINDS; k++) {
        struct region *r = region_of(out, k);
        int fd;

        if (stored_names[k] == NULL)
            continue;
        fd = passed_take(passed, stored_names[k]);
        if (fd < 0)
            continue;
        if (region_open(k, fd, true, r, err) != 0) {
            fd_close(&fd);
            return -1;
        }
        n++;
    }
    if (n == 0)
        return 0;
    if (n != STORED_KINDS)
        return error_set(err, "only %d of %d regions were kept", n, STORED_KINDS);
    if (boot_id(&out->published) != boot_id(&out->weights) ||
        boot_id(&out->published) != boot_id(&out->live) ||
        boot_id(&out->published) != boot_id(&out->counters))
        return error_set(err, "the kept regions are not of one daemon");
    return n;
}

int memory_open(struct passed *passed, struct regions *out, bool *out_fresh, struct error *err)
{
    static const struct regions none = {
        REGION_NONE(REGION_PUBLISHED), REGION_NONE(REGION_SECRETS), REGION_NONE(REGION_WEIGHTS),
        REGION_NONE(REGION_LIVE),      REGION_NONE(REGION_TOKENS),  REGION_NONE(REGION_COUNTERS)};
    uint64_t id;
    int kept;

    *out = none;
    kept = take_over(passed, out, err);
    if (kept < 0) {
        log_warn("regions_not_kept", "text=\"%s; counters and health begin anew\"", err->text);
        memory_close(out);
    }
    *out_fresh = kept <= 0;
    crypto_random(&id, sizeof(id));
    if (kept > 0)
        id = boot_id(&out->published);
    for (enum region_kind k = 0; k < REGION_KINDS; k++) {
        if (region_of(out, k)->base == NULL && region_create(k, id, region_of(out, k), err) != 0) {
            memory_close(out);
            return -1;
        }
    }
    if (kept > 0)
        wipe_slots(out);
    return 0;
}

void memory_store(const struct regions *r, const struct notify *n)
{
    struct regions copy = *r;

    for (enum region_kind k = 0; k < REGION_KINDS; k++) {
        if (stored_names[k] == NULL)
            continue;
        notify_forget(n, stored_names[k]); /* those that were not usable, or these ones */
        notify_store(n, region_of(&copy, k)->fd, stored_names[k]);
    }
}
