/*
 * mix - one number of many: hashes that are the same everywhere and for ever.
 *
 * Runs in:  every process.   Reads, writes: nothing shared.
 * For dealing things out evenly, not against somebody who seeks collisions: a table that strangers
 * fill is conf/set.h's business. Does not: keep a state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_MIX_H
#define BASE_MIX_H

#include <stdint.h>

#include "server/base/str.h"

/* MurmurHash3's last step: every bit of `x` reaches every bit of the result. */
static inline uint64_t mix_bits(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

static inline uint64_t mix_two(uint64_t a, uint64_t b)
{
    return mix_bits(a ^ mix_bits(b + 0x9e3779b97f4a7c15ull));
}

/* FNV-1a, then mixed. */
static inline uint64_t mix_text(struct str s)
{
    uint64_t h = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ull;
    return mix_bits(h);
}

/* Where in 0 .. n-1 a number falls: each as often as the other. */
static inline uint64_t mix_share(uint64_t x, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)x * n) >> 64);
}

#endif
