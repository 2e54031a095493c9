/*
 * estimate - how many tokens a request will likely take, and how many at most.
 *
 * Runs in:  worker.   Reads, writes: nothing shared; what it has learned is this worker's own.
 * From the bytes of the request and what this route and this key have used lately: a decayed ratio
 * of bytes to tokens, a decayed mean of the answers with its deviation. Short prompts are mostly their
 * envelope, so they teach no ratio; and what a long one looks like (words, digits, noise) counts besides
 * what others have taught, or a key could teach with prose and then send what is dense. Two fixed tables in which
 * old entries give way, so that it stays bounded whatever clients ask for. The most is certain, not
 * learned: a byte is a token at most. Does not: know prices, models or wire formats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_ESTIMATE_H
#define WORKER_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"

struct estimator;

#define ESTIMATE_BYTES_PER_TOKEN 4 /* until there is something learned */
#define ESTIMATE_OUTPUT 1024       /* tokens of an answer, likewise */
#define ESTIMATE_OUTPUT_MAX 16384  /* at most, where neither client nor catalogue says it */
#define ESTIMATE_MEDIA 1024        /* tokens of an image, audio or document, if it is a usual one */
#define ESTIMATE_MEDIA_MAX 16384   /* ... at most, or a token for each ESTIMATE_MEDIA_BYTES */
#define ESTIMATE_MEDIA_BYTES 8
#define ESTIMATE_TOOLS_MAX 1024 /* what providers add to the prompt of a request with tools */
#define ESTIMATE_LOOK_MAX (256u << 10) /* bytes in which links are counted */
#define ESTIMATE_TOKENS_MAX (1ull << 40)

/* What of a request's body counts how. */
struct estimate_body {
    uint64_t text_bytes;  /* all that is no media */
    uint64_t media_bytes; /* base64 */
    uint32_t n_media;     /* pieces of it, and what may be fetched by a URL */
    uint32_t density; /* tokens of a byte of the text, as samples look, in 1/256; 0: too short */
};
/* Looks at samples of long bodies; short ones are text. */
void estimate_look(struct str body, struct estimate_body *out);

struct estimate_ask {
    struct estimate_body body;
    uint64_t route, key; /* hashes or ids: who they are does not matter; 0: none */
    uint64_t max_tokens; /* of an answer; 0: not told */
    uint32_t choices;    /* answers; 0: one */
    uint32_t max_output; /* what the model can write; 0: unknown */
    uint32_t context;    /* what it can read, where the prompt is not all in the body; 0: it is */
    bool has_tools;
    bool has_output; /* false: vectors, ranks, counts: nothing is written */
};

struct estimate {
    uint64_t input, output;           /* likely; the input rather too much: it is what is held */
    uint64_t likely_input;            /* what to bill when nobody tells */
    uint64_t careful_output;          /* seldom more: where answers cannot be stopped */
    uint64_t most_input, most_output; /* certainly not more; >= the others */
    bool is_guess;                    /* nobody has seen what such answers take */
};

struct estimator *estimator_create(void);
void estimator_free(struct estimator *e); /* takes NULL */

void estimate_make(const struct estimator *e, const struct estimate_ask *ask, struct estimate *out);
/* What a provider told. Output: of all choices. */
void estimate_learn(struct estimator *e, const struct estimate_ask *ask, uint64_t input,
                    uint64_t output);
/* Tokens of a prompt of this many bytes; of a text that was streamed. */
uint64_t estimate_input(const struct estimator *e, uint64_t route, uint64_t text_bytes);
uint64_t estimate_text(uint64_t bytes);

#endif
