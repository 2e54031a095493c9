/*
 * vendor - the table of vendors: a row is a name, an address, dialects, a way to authenticate.
 *
 * Runs in:  every process.   Reads, writes: nothing.
 * A vendor has one face for each dialect that it speaks, all below one root; a new vendor of a known
 * dialect is one row and no code. Does not: do I/O; hold secrets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_VENDOR_H
#define PROVIDERS_VENDOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/target.h"
#include "server/base/base.h"
#include "server/base/str.h"

/* How the credential is shown. */
enum vendor_auth {
    AUTH_DEFAULT, /* of a face: as its vendor says */
    AUTH_NONE,
    AUTH_BEARER,         /* Authorization: Bearer KEY */
    AUTH_X_API_KEY,      /* x-api-key: KEY (Anthropic) */
    AUTH_X_GOOG_API_KEY, /* x-goog-api-key: KEY (Gemini) */
    AUTH_API_KEY,        /* api-key: KEY (Azure) */
    AUTH_XI_API_KEY,     /* xi-api-key: KEY (ElevenLabs) */
    AUTH_TOKEN           /* Authorization: Token KEY (Deepgram) */
};

/* What a vendor's accounts show beside a plain key: decides what may stand in `keys[]`. */
enum vendor_cloud { CLOUD_NONE, CLOUD_AWS, CLOUD_GCP, CLOUD_AZURE };

/* What of a row was read in its `reference`, on the day that conf/README.md names. */
enum vendor_checked {
    CHECKED_NO,      /* written from what others say of the vendor */
    CHECKED_ADDRESS, /* root, faces, credential, variables; not the quirks */
    CHECKED_ALL
};

#define FACES_MAX 6 /* the mock speaks all dialects */

/* One dialect of a vendor, and where. */
struct vendor_face {
    enum dialect_id dialect; /* DIALECT_NONE: no more faces */
    const char *path;        /* behind the root: "/v1", "/anthropic/v1", "" */
    const char *models;      /* comma-separated globs: only for these; NULL: for all */
    enum vendor_auth auth;
};

/* A part of a root that differs between accounts. */
struct vendor_part {
    const char *name;     /* the provider's key in the configuration; in a root "{name}" */
    const char *env;      /* variables that it is usually in, comma-separated; NULL: none */
    const char *fallback; /* what holds without either; NULL: it must be said */
};
#define VENDOR_PARTS_MAX 2

struct vendor {
    const char *name;
    /*
     * "https://api.openai.com", without a slash at its end; NULL: the whole base URL must be
     * configured (or the mock's). "{part}" stands for one of `parts`, "{part-}" for it and a hyphen, or
     * for nothing when it is "global" (as Google names its hosts).
     */
    const char *root;
    struct vendor_part parts[VENDOR_PARTS_MAX];
    const char *root_env; /* a variable that the whole root is usually in; NULL: none */
    /* In the order of preference, when the client's own dialect is not among them. */
    struct vendor_face faces[FACES_MAX];
    enum vendor_auth auth;
    enum vendor_cloud cloud;
    const char *key_env;        /* usual environment variables, comma-separated; NULL: none */
    const char *default_models; /* comma-separated names and globs that bare names resolve through;
                                   NULL: none */
    const char *reference;      /* where it was taken from, in words */
    enum vendor_checked checked;
    uint32_t quirks; /* QUIRK_* of target.h */
    bool needs_key;
    bool is_mock; /* the master starts the mock process and fills in the root */
};

/* The rows, in the order in which zero-config tries them: vendor_table_*.c. */
extern const struct vendor vendor_table_makers[], vendor_table_hosts[], vendor_table_local[];
extern const size_t vendor_table_makers_n, vendor_table_hosts_n, vendor_table_local_n;

size_t vendor_count(void);
const struct vendor *vendor_get(size_t index);     /* must be < vendor_count() */
const struct vendor *vendor_find(struct str name); /* NULL when unknown */

/* Bit 1 << enum dialect_id for each of its faces. */
uint32_t vendor_dialects(const struct vendor *v);
/* Its face of this dialect (the first one when DIALECT_NONE); NULL when it has none. */
const struct vendor_face *vendor_face(const struct vendor *v, enum dialect_id dialect);
/*
 * The face to call for a client's dialect and an upstream model: its own dialect, else the first that
 * is for the model. `forced`: the only one allowed, DIALECT_NONE: any. NULL when there is none.
 */
const struct vendor_face *vendor_choose(const struct vendor *v, enum dialect_id forced,
                                        enum dialect_id wanted, struct str model);
/*
 * The base URL of a face, in two parts. `base_url` is the whole one of the forced, else the first
 * face; the others stand below the same root, if it can be told. False when it cannot.
 */
bool vendor_face_base(const struct vendor *v, enum dialect_id forced,
                      const struct vendor_face *face, struct str base_url, struct str out[2]);
enum vendor_auth vendor_auth(const struct vendor *v, const struct vendor_face *face);

#endif
