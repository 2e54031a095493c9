/*
 * What a client of Cohere's and Cohere itself may send: dialect_fuzz.h.
 */
#include "tests/fuzz/dialect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_dialect(&dialect_cohere, data, size);
}
