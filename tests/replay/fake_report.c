#include "server/worker/report.h"

#include <string.h>

#include "server/worker/worker.h"
#include "shm/outbox.h"
#include "tests/replay/fake.h"

struct fake_reports reports;

void reports_reset(void)
{
    uint64_t stored = world_worker()->slot != NULL ? outbox_last(&world_worker()->slot->outbox) : 0;

    memset(&reports, 0, sizeof(reports));
    reports.n_stored = stored;
}

void report_sample(struct report *r, const struct sample *s)
{
    (void)r;
    must(sample_valid(s));
    if (reports.n_samples < FAKE_SAMPLES_MAX)
        reports.samples[reports.n_samples++] = *s;
}

static void keep(size_t len)
{
    const struct record *rec = &reports.record;

    must(len > 0 && record_decode(reports.bytes, len, &reports.record) == 0);
    /* an attempt that was given up for another one: nobody was answered, and a prompt is booked */
    if (rec->status == 0 && rec->fail.len > 0 &&
        ((rec->flags & RECORD_ESTIMATED) != 0 || rec->tokens.input > 0))
        reports.n_abandoned++;
    else
        reports.n_records++;
}

uint64_t report_stored(const struct report *r)
{
    (void)r;
    return reports.n_stored;
}

/* It was put into the slot's outbox, together with what is booked. */
void report_settled(struct report *r, uint64_t seq)
{
    uint8_t bytes[sizeof(struct outbox_head) + OUTBOX_RECORD_MAX];
    uint64_t next;
    size_t n;

    (void)r;
    must(seq > 0);
    n = outbox_read(&world_worker()->slot->outbox, seq, bytes, sizeof(bytes), &next);
    must(n > sizeof(struct outbox_head));
    memcpy(reports.bytes, bytes + sizeof(struct outbox_head), n - sizeof(struct outbox_head));
    keep(n - sizeof(struct outbox_head));
    if (!reports.is_slow)
        reports.n_stored = seq;
}

uint64_t report_record(struct report *r, const struct record *rec)
{
    /* through the real encoding, so that what is checked is what would be stored */
    size_t len = record_encode(rec, reports.bytes, sizeof(reports.bytes));

    (void)r;
    keep(len);
    return 0; /* nobody waits for it: it is about nothing that was paid for */
}
