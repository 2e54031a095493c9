/*
 * ctl - what every bfctl command shares: options, the connection, exit statuses, errors.
 *
 * Runs in:  bfctl.   Reads, writes: nothing shared; it speaks to the management API alone.
 * Does not: know single commands.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BFCTL_CTL_H
#define BFCTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "server/base/str.h"

/* Exit statuses: scripts rely on them. */
#define CTL_OK 0
#define CTL_FAILED 1      /* refused, or the answer is no */
#define CTL_USAGE 2       /* the command line is wrong */
#define CTL_UNREACHABLE 3 /* no daemon at the socket or URL */

#define CTL_PAGE 1000 /* rows asked for at once */

struct args;
struct client;

struct ctl {
    const char *socket, *url, *token, *ca_file; /* as given; NULL: not */
    bool json;
    struct client *client; /* made at the first call */
    struct json_parser *parser;
    struct arena *arena;
};

struct ctl_command {
    const char *name, *args, *help;                   /* help: one line */
    int (*run)(struct ctl *c, int argc, char **argv); /* argv[0] is the command's name */
    const struct args *uses;                          /* what it takes: args.h */
};

/* main.c: the table; a NULL name ends it. */
extern const struct ctl_command ctl_commands[];
/* NULL: there is none of this name; an error was printed. */
const struct ctl_command *ctl_find(const char *name);

/*
 * Call the API; `body` STR_NONE: none. CTL_OK with the answer (parsed unless `out` is NULL; valid
 * until the arena's end), else the exit status: the error has been printed.
 */
BF_MUST_CHECK int ctl_call(struct ctl *c, const char *method, const char *path, struct str body,
                           const struct json **out);
/* The same without parsing: the body's bytes are appended. */
BF_MUST_CHECK int ctl_fetch(struct ctl *c, const char *method, const char *path, struct str body,
                            struct buf *out);
/* With --json: print the answer to GET `path` as it is and return true with *status. */
bool ctl_print_json(struct ctl *c, const char *path, int *status);

/*
 * GET each page of a list, fn for each row; stops after `max` rows (0: all). fn may keep nodes:
 * the arena keeps them.
 */
typedef void ctl_row_fn(void *ctx, const struct json *row);
BF_MUST_CHECK int ctl_each(struct ctl *c, const char *path, uint64_t max, ctl_row_fn *fn,
                           void *ctx);
/* The rows of all pages as one {"data":[...],"next":null}. */
BF_MUST_CHECK int ctl_print_list(struct ctl *c, const char *path, uint64_t max);

/* An answer without rows is one, but says so: on stderr, unless it is for a program. */
void ctl_nothing(const struct ctl *c, const char *fmt, ...) BF_PRINTF(2, 3);
/* "bfctl: text" on stderr. Returns `status`. */
int ctl_fail(int status, const char *fmt, ...) BF_PRINTF(2, 3);
/* The text on stdout, if there is any; ctl_flush tells whether that could be done. */
void ctl_write(const struct buf *text);
/* stdout could not be written: CTL_FAILED, else `status`. */
int ctl_flush(int status);
/* A query value: percent-encoded into `b`. NULL: it was not given, and is left out. */
void ctl_query(struct buf *b, const char *name, const char *value);

/* Readers with a default, for answers of another version. */
uint64_t ctl_u64(const struct json *object, const char *name);
double ctl_double(const struct json *object, const char *name);
struct str ctl_str(const struct json *object, const char *name); /* a number as written */
bool ctl_bool(const struct json *object, const char *name);

#endif
