/*
 * request - one client request and the table of steps it goes through.
 *
 * Runs in:  worker.   Reads: published, weights (through the steps).   Writes: its own slot.
 *   auth -> parse -> admit -> guard -> cache -> route -> send -> relay -> settle
 * request_run is the only loop over the table; a step says NEXT, WAIT (a callback runs it again),
 * FAIL (settle, then fail.c answers) or RETRY (back to route, the only backward edge). Settle
 * always runs, also when the client has gone. The request lives in an arena of the worker's pool;
 * request_on_gone may come at any step: it cancels the upstream call, stops timers and settles; it
 * is idempotent. Does not: speak HTTP (http.h) or curl (upstream.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/dialects/openai.h"
#include "providers/paths.h"
#include "providers/vendor.h"
#include "server/base/arena.h"
#include "server/base/str.h"
#include "server/worker/caller.h"
#include "server/worker/content.h"
#include "server/worker/course.h"
#include "server/worker/http.h"
#include "server/worker/loop.h"
#include "server/worker/money.h"
#include "server/worker/payers.h"
#include "server/worker/retry.h"
#include "server/worker/scope.h"
#include "server/worker/throughput.h"
#include "server/worker/told.h"
#include "server/worker/trail.h"
#include "server/worker/upstream.h"
#include "server/worker/wishes.h"
#include "shm/keys.h"
#include "shm/published.h"
#include "shm/record.h"
#include "shm/sample.h"

struct dialect;
struct explain;
struct fail;
struct worker;

enum step_result {
    STEP_NEXT,
    STEP_WAIT,
    STEP_FAIL,
    STEP_RETRY,
    STEP_DONE /* the answer was handed over whole */
};

typedef enum step_result step_fn(struct request *r);

struct step {
    const char *name;
    step_fn *run;
};

/* What a name stands for, as indexes into the image of `generation` (never pointers into it). */
struct resolved {
    uint64_t generation; /* 0: not resolved */
    uint32_t model;      /* pub_model, or UINT32_MAX: one provider, below */
    uint32_t provider;   /* pub_provider */
    struct str name;     /* the upstream's name of the model; empty: the request has none */
    bool is_known;       /* the catalogue knew it: other providers may serve it as well */
    struct str star;     /* what a pattern's star stands for: a span of the name */
};

/* The route of the attempt under way: copied from the published image. */
struct attempt {
    struct str provider, provider_key, model; /* arena */
    struct str secret;                        /* arena; wiped when the attempt ends */
    const struct vendor *vendor;
    const struct vendor_face *face; /* its dialect is the client's: bytes pass untouched */
    bool is_abroad;                 /* ... it is not: requests and answers are translated */
    struct upstream_request upstream;
    struct openai_parts parts; /* of the body, at home */
    uint32_t row;              /* pub_route.row; UINT32_MAX: none yet */
    uint32_t generation;
    uint64_t sent_us;        /* monotonic */
    uint64_t first_byte_us;  /* of its body, from sent_us; 0: none yet */
    int status;              /* of the upstream's head; 0: none yet */
    struct told_limits told; /* of its limits */
    uint32_t trail;          /* number of its entry (trail.h); good while in_flight */
    bool is_page;            /* its head is good, but what comes is no model's answer */
    bool in_flight;          /* counted in the slot's route row */
    uint32_t hedge_share, hedge_ms, hedge_percentile; /* as the model says; share 0: never */
    uint32_t at_least, over_ms; /* a stream's floor, as pub_model has it; 0: none */
};

struct controls;      /* controls.c */
struct primary;       /* primary.c */
struct hedge;         /* hedge.c */
struct translation;   /* translate.c */
struct queued;        /* queue.c: waits for a place */
struct shadow;        /* shadow.h */
struct shadow_draw;   /* likewise */
struct relay_buffers; /* relay.c: pooled, taken when the first bytes come */

struct request {
    struct worker *worker;
    struct http_exchange *ex; /* NULL once the client has gone */
    struct arena *arena;
    struct shadow *shadow; /* NULL: it is a client's; else a copy of one that is over (shadow.h) */
    struct explain *explain; /* NULL: it is a client's; else nothing is sent or taken (explain.h) */
    const struct step *steps; /* the table it goes through */
    uint32_t step;            /* index into it */
    uint32_t depth;           /* callbacks we are inside of: no release, no cancel until 0 */
    bool running;             /* inside request_run: a callback must not enter it again */
    bool gone;                /* request_on_gone came */
    bool unheard;             /* ... but the call goes on, for what it will have cost */
    bool settled;

    uint8_t id[16];
    char id_text[40];  /* x-bf-request-id */
    uint64_t begun_us; /* monotonic */
    uint64_t begun_ms; /* real time */

    /* auth */
    struct virtual_key key; /* key.id 0: none was used */
    bool admitted;          /* auth passed: it gets a usage record */
    struct key_scope scope; /* of the key */
    struct payers payers;
    /* parse */
    struct path path;                /* dialect, operation, what the URL says */
    struct openai_request openai;    /* of a JSON body: what stands on its top level */
    const struct dialect *client;    /* how it speaks; NULL: as its path says, if at all */
    struct str multipart_model;      /* span in the body */
    uint64_t body_bytes;             /* of the client's request */
    const struct controls *controls; /* NULL: not below /litellm */
    struct str asked;                /* the model as the client wrote it; empty: none */
    /* admit, route */
    struct wishes wishes;
    struct caller caller;
    struct course course;
    struct resolved resolved;
    uint32_t tried_rows[ATTEMPTS_MAX];
    uint32_t n_attempts;
    struct retry retry;
    struct primary *primary; /* the first attempt's error; NULL: none is kept */
    struct trail trail;      /* of the attempts: told to the client and the log */
    uint64_t token_since_ms; /* waiting for the first token of a key; 0: not */
    uint64_t room_since_ms;  /* waiting for what others hold of a budget; 0: not */
    struct queued *queued;   /* NULL: nobody may wait for places */
    struct attempt attempt;
    struct rates rates;     /* taken from sliding limits */
    struct money money;     /* of the attempt */
    struct content content; /* ... of its stream */
    struct throughput throughput;
    struct refusal refusal; /* when `fail` is about a budget or limit */
    /* send, relay */
    struct translation *translation; /* translate.c: NULL until one is needed */
    struct upstream_call *call;      /* NULL: none under way */
    const struct shadow_draw *drawn; /* NULL: no copy of it will be sent */
    struct hedge *hedge;             /* NULL: no call was ever watched */
    struct relay_buffers *buffers;
    const struct http_header *headers; /* of the upstream's answer, to pass on; arena */
    size_t n_headers;
    int64_t content_length;      /* as the upstream said it; -1: it did not */
    enum upstream_result result; /* when upstream_done */
    const struct fail *broken;   /* we found the answer at fault ourselves */
    bool is_forward;             /* to the admin process */
    bool is_post;
    bool upstream_done;  /* on_done came */
    bool discard;        /* this answer is not for the client: another attempt follows */
    bool discard_over;   /* ... and we have waited long enough for its end */
    bool is_stream;      /* the answer is a stream of events */
    bool is_eventstream; /* ... in AWS's framing */
    bool is_json;        /* the answer may tell usage */
    bool withhold_usage; /* the usage chunk was our wish, not the client's */
    bool watching;       /* events are looked at */
    bool stream_finished, stream_error; /* what the events said */
    bool upstream_paused;
    bool client_busy;        /* an http_send is under way */
    bool answer_begun;       /* the client got a head */
    bool answer_closing;     /* nothing more will be added */
    bool answer_ended;       /* the final bytes were handed over */
    uint64_t content_bytes;  /* of streamed text, for an estimate */
    uint64_t content_events; /* ... and the events it came in */
    uint64_t answer_bytes;   /* of the provider's answer */
    uint64_t done_us;        /* monotonic: the upstream's end */
    /* settle */
    const struct fail *fail;
    struct str fail_detail, fail_param;
    const struct chat_error *fail_error; /* the provider's own words for it; NULL: ours */
    int status;                          /* answered to the client; 0: none */
    struct chat_usage usage;
    uint64_t first_byte_us; /* from begun_us */
    uint64_t bytes_out;
    struct timer timer;
    struct timer patience; /* unheard: not for ever */
};

/* A request in `arena`, for whoever runs steps himself: request_look. */
struct request *request_make(struct worker *w, struct http_exchange *ex, struct arena *arena);
/* Path, method and the steps up to the choice of a route, for explain_run.c. */
enum step_result request_look(struct request *r);

/* Run steps from r->step until one waits or the request has ended. */
void request_run(struct request *r);
/* Around everything that a callback does with a request: it may end inside. */
void request_enter(struct request *r);
void request_leave(struct request *r); /* `r` may be gone behind it */
/* One that nobody hears is given up: it ends, and is gone behind this. Not from its own callbacks. */
void request_drop(struct request *r);
/* Real time now, by the request's own beginning: a clock that is set does not tear a request apart. */
uint64_t request_real_ms(const struct request *r);
/* For steps: remember why, and say STEP_FAIL. Detail and param may be STR_NONE. */
enum step_result request_fail(struct request *r, const struct fail *f, struct str detail,
                              struct str param);

/* The steps, one file each, in order. */
step_fn auth_step, parse_step, admit_step, guard_step, cache_step, route_step, send_step,
    relay_step, settle_step;

#endif
