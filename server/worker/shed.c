#include "server/worker/shed.h"

#include "server/worker/fail.h"
#include "server/worker/worker.h"

static uint64_t gauge(const struct worker *w, enum stat_id which)
{
    return atomic_load_explicit(&w->slot->stats[which], memory_order_relaxed);
}

/* Rounded up, so that a small limit lets one through for each priority. */
static uint64_t part_of(uint64_t whole, uint32_t percent)
{
    return whole / 100 * percent + (whole % 100 * percent + 99) / 100;
}

enum step_result shed_look(struct request *r)
{
    const struct worker *w = r->worker;
    const struct pub_image *image = w->view.image;
    enum stat_id counter = STAT_SHED_NORMAL;
    uint32_t percent = SHED_NORMAL;

    if ((r->key.flags & KEY_HIGH) != 0) {
        counter = STAT_SHED_HIGH;
        percent = SHED_HIGH;
    } else if ((r->key.flags & KEY_LOW) != 0) {
        counter = STAT_SHED_LOW;
        percent = SHED_LOW;
    }
    /* The request itself is counted in both. */
    if (gauge(w, STAT_REQUESTS_OPEN) <= part_of(image->in_flight_max, percent) &&
        gauge(w, STAT_BODY_BYTES_HELD) <= part_of(image->buffered_max_bytes, percent))
        return STEP_NEXT;
    stat_add(w->slot, counter, 1);
    return request_fail(r, &FAIL_SHED, STR_NONE, STR_NONE);
}
