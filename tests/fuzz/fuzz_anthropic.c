/* The Anthropic dialect: requests, streams, answers and errors of any bytes. */
#include "tests/fuzz/dialect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_dialect(&dialect_anthropic, data, size);
}
