/*
 * The reader of time zone files on any bytes: what it takes has offsets within a day or so, changes that go
 * forward, and days that begin in their order.
 */
#include "server/base/zone.h"

#define DAY_S 86400
#define OFFSET_MAX (26 * 3600)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct zone *z, int64_t day)
{
    int64_t begin = zone_day_begin(z, day);
    int64_t next = zone_next_change(z, begin);

    must(begin >= day * DAY_S - OFFSET_MAX && begin <= day * DAY_S + 2 * OFFSET_MAX);
    must(zone_day_begin(z, day + 1) >= begin);
    must(next > begin);
    must(zone_offset(z, begin, NULL) <= OFFSET_MAX && zone_offset(z, begin, NULL) >= -OFFSET_MAX);
    must(zone_day_begin(z, zone_day_of(z, begin)) <= begin);
    if (next != INT64_MAX)
        must(zone_next_change(z, next) > next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t days[] = {-30000, -1, 0, 10957, 18262, 20779, 24000, 40000};
    struct str bytes = {(const char *)data, size};
    struct zone_rule rule;
    struct error err = ERROR_INIT;
    struct zone *z = NULL;

    if (zone_rule_parse(bytes, &rule)) {
        for (size_t i = 0; i < ARRAY_LEN(days); i++) {
            bool is_dst;

            must(zone_rule_next(&rule, days[i] * DAY_S) > days[i] * DAY_S);
            (void)zone_rule_offset(&rule, days[i] * DAY_S, &is_dst);
        }
    }
    if (zone_parse(bytes, &z, &err) != 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(days); i++)
        look(z, days[i]);
    zone_free(z);
    return 0;
}
