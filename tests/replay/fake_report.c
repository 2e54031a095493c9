#include "server/worker/report.h"

#include <string.h>

#include "tests/replay/fake.h"

struct fake_reports reports;

void reports_reset(void)
{
    memset(&reports, 0, sizeof(reports));
}

void report_sample(struct report *r, const struct sample *s)
{
    (void)r;
    must(sample_valid(s));
    if (reports.n_samples < FAKE_SAMPLES_MAX)
        reports.samples[reports.n_samples++] = *s;
}

void report_record(struct report *r, const struct record *rec)
{
    /* through the real encoding, so that what is checked is what would be stored */
    size_t len = record_encode(rec, reports.bytes, sizeof(reports.bytes));

    (void)r;
    must(len > 0 && record_decode(reports.bytes, len, &reports.record) == 0);
    reports.n_records++;
}
