/* What a worker's sample pipe may bring: any bytes, cut into samples as the aggregator does. */
#include <string.h>

#include "shm/layout.h"
#include "shm/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (; size >= sizeof(struct sample); data += sizeof(struct sample)) {
        struct sample s;

        size -= sizeof(struct sample);
        memcpy(&s, data, sizeof(s));
        if (!sample_valid(&s))
            continue;
        /* whoever believes it uses these as indexes */
        must(s.row < ROUTES_MAX && s.slot < SLOTS_MAX);
        must(strcmp(sample_outcome_name(s.outcome), "?") != 0);
    }
    return 0;
}
