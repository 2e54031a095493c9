#include "tools/mock/vectors.h"

#include <inttypes.h>
#include <math.h>

#include "providers/base64.h"

static float *make(struct arena *a, struct str text, uint32_t dimensions)
{
    float *out = arena_alloc(a, dimensions * sizeof(*out));
    uint64_t state = 14695981039346656037u;
    double sum = 0;

    for (size_t i = 0; i < text.len; i++)
        state = (state ^ (unsigned char)text.p[i]) * 1099511628211u;
    for (uint32_t i = 0; i < dimensions; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (float)(int32_t)(state >> 32) / 2147483648.0f;
        sum += (double)out[i] * (double)out[i];
    }
    for (uint32_t i = 0; i < dimensions; i++)
        out[i] = sum > 0 ? (float)((double)out[i] / sqrt(sum)) : 0.0f;
    return out;
}

void vector_put(struct buf *out, struct arena *a, struct str text, uint32_t dimensions, bool base64)
{
    const float *vector = make(a, text, dimensions);

    if (base64) {
        buf_char(out, '"');
        base64_put(out, (struct str){(const char *)vector, dimensions * sizeof(*vector)});
        buf_char(out, '"');
        return;
    }
    for (uint32_t i = 0; i < dimensions; i++)
        buf_printf(out, "%c%.9g", i > 0 ? ',' : '[', (double)vector[i]);
    buf_char(out, ']');
}

void vector_put_bytes(struct buf *out, struct arena *a, struct str text, uint32_t dimensions,
                      bool is_signed)
{
    const float *vector = make(a, text, dimensions);

    for (uint32_t i = 0; i < dimensions; i++)
        buf_printf(out, "%c%d", i > 0 ? ',' : '[',
                   (int)(vector[i] * 127.0f) + (is_signed ? 0 : 128));
    buf_char(out, ']');
}
