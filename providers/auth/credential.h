/*
 * credential - what an account shows instead of a key, and how it becomes a token.
 *
 * Runs in:  master (packs), worker (unpacks static ones), credential process (fetches), tests.
 * Reads, writes: nothing shared.
 * A flow is a dialogue without a network: it says which HTTP request to make, is given the answer,
 * and says the next one, or the token. Files, variables and the time come from the caller.
 * Does not: do I/O, wait, retry, log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AUTH_CREDENTIAL_H
#define AUTH_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "server/base/str.h"

enum credential_kind { CREDENTIAL_AWS = 1, CREDENTIAL_GCP, CREDENTIAL_AZURE };

enum credential_field {
    CRED_ACCESS_KEY, /* AWS */
    CRED_SECRET_KEY,
    CRED_SESSION_TOKEN,
    CRED_REGION, /* of STS */
    CRED_PROFILE,
    CRED_ROLE_ARN,
    CRED_EXTERNAL_ID,
    CRED_DOCUMENT, /* GCP: the JSON text; empty: the machine's metadata server */
    CRED_TENANT,   /* Entra */
    CRED_CLIENT,
    CRED_CLIENT_SECRET,
    CRED_SCOPE,
    CRED_FIELDS
};

struct credential {
    enum credential_kind kind;
    bool is_managed; /* Entra: the machine's identity */
    struct str fields[CRED_FIELDS];
};

/* As bytes, for shared memory; and back, with the fields pointing into them. */
void credential_pack(const struct credential *c, struct buf *out);
bool credential_unpack(struct str bytes, struct credential *out);
/* AWS keys that sign as they are: nothing has to be fetched. */
bool credential_is_static(const struct credential *c);

/* --- fetching --- */

struct credential_world {
    const char *(*env)(const char *name); /* NULL: not set */
    /* A file of at most 64 KiB; -1: it cannot be read. */
    int (*read)(void *ctx, const char *path, struct buf *out);
    void *ctx;
};

#define CREDENTIAL_HEADERS_MAX 8
#define CREDENTIAL_ANSWER_MAX 65536 /* of a token endpoint; a token has some 2 KiB */

struct credential_request {
    struct str method, url, body;
    struct str headers[CREDENTIAL_HEADERS_MAX]; /* "name: value" */
    size_t n_headers;
    bool is_local; /* the machine's own endpoint: no proxy, and soon or never */
};

struct credential_token {
    struct str access; /* a bearer token; AWS: the access key's id */
    struct str secret, session;
    uint64_t expires_s; /* real time; 0: never */
};

enum credential_next { CREDENTIAL_CALL, CREDENTIAL_GOT, CREDENTIAL_FAILED };

struct credential_flow {
    const struct credential *credential;
    const struct credential_world *world;
    struct arena *arena; /* what lives as long as the flow; wiped by its owner */
    struct json_parser *json;
    uint64_t now_s;
    int step;                          /* the kind's own */
    struct credential_request request; /* when CREDENTIAL_CALL */
    struct credential_token token;     /* when CREDENTIAL_GOT */
    struct str note;                   /* between steps */
    const char *error;                 /* when CREDENTIAL_FAILED: static, without secrets */
};

/* arena, json, world, credential and now_s are set. */
enum credential_next credential_begin(struct credential_flow *f);
enum credential_next credential_answer(struct credential_flow *f, int status, struct str body);

/* --- the kinds: gcp.c, entra.c, aws_credentials.c --- */

enum credential_next gcp_begin(struct credential_flow *f);
enum credential_next gcp_answer(struct credential_flow *f, int status, struct str body);
enum credential_next entra_begin(struct credential_flow *f);
enum credential_next entra_answer(struct credential_flow *f, int status, struct str body);
enum credential_next aws_begin(struct credential_flow *f);
enum credential_next aws_answer(struct credential_flow *f, int status, struct str body);

/* --- what they share: credential.c --- */

enum credential_next credential_fail(struct credential_flow *f, const char *error);
/* An empty request for a URL. */
struct credential_request *credential_ask(struct credential_flow *f, const char *method,
                                          struct str url);
void credential_header(struct credential_flow *f, const char *name, struct str value);
/* "name=value" with the value escaped, after '&' if it is not the first. */
void credential_form(struct buf *b, const char *name, struct str value);
/* The answer of an OAuth 2.0 token endpoint: access_token and expires_in. */
enum credential_next credential_oauth(struct credential_flow *f, int status, struct str body);
struct str credential_env(const struct credential_flow *f, const char *name); /* or empty */
/* Without blanks and line ends around it: files and metadata end with some. */
struct str credential_trim(struct str s);
/* Can it stand in a header's value? */
bool credential_is_text(struct str s);

struct url_parts {
    struct str host; /* with its port, if it is said */
    struct str path; /* at least "/" */
    struct str query;
};
bool credential_url(struct str url, struct url_parts *out);

#endif
