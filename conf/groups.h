/*
 * groups - names of `models:` among one another: groups inside groups, and names with a star.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * A target whose part before the slash is a configured provider is that provider's model; any other
 * one is another name of `models:`, whose targets then stand in its place and share its weight as
 * they share their own group's. Names with a star match what begins and ends like them; the one with
 * the longest beginning wins, then the one with the longest end. Does not: report (check_groups.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_GROUPS_H
#define CONF_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"

#define GROUP_DEPTH_MAX 4     /* groups from the outermost to the innermost */
#define GROUP_TARGETS_MAX 256 /* of one model, also when its groups are unfolded */
#define TAGS_ALL_MAX 64       /* different tags of targets and provider keys: a bit each */

struct groups { /* names of providers and models, and all tags: sorted, on the heap */
    const struct config *config;
    const char **providers;
    const struct conf_model **models;
    const char **tags;
    size_t n_tags;
};

void groups_init(struct groups *g, const struct config *c);
void groups_fini(struct groups *g);
bool groups_has_provider(const struct groups *g, struct str name);
const struct conf_model *groups_find(const struct groups *g, struct str name); /* NULL: none */
/* The group that a target stands for; NULL: it is a provider's model, or nothing (groups_is_known). */
const struct conf_model *groups_of(const struct groups *g, const struct conf_target *t);
bool groups_is_known(const struct groups *g, const struct conf_target *t);
/* Which name with a star a client's name goes by; NULL: none. */
const struct conf_model *groups_match(const struct config *c, struct str name);

/* Tags as bits by their places in g->tags; those past TAGS_ALL_MAX have none. */
uint64_t groups_tags(const struct groups *g, const char *const *tags, size_t n);

#define GROUP_SHARE_WHOLE 100000 /* thousandths of a percent */

enum groups_result {
    GROUPS_OK,
    GROUPS_CYCLE,
    GROUPS_DEEP,
    GROUPS_MANY,
    GROUPS_SHARED, /* a target with a share, inside another group */
    GROUPS_NOTHING /* all weights are zero, and shares leave something */
};

/* A model's targets when all groups in it are unfolded: each is a provider's. */
struct flat_target {
    const struct conf_target *target; /* as the file has it */
    uint32_t weight;                  /* thousandths, among those of its side */
    uint32_t side;                    /* 0; else which of the outermost's targets with a share */
    uint64_t tags;                    /* its own, and those of the groups it stands in */
    uint64_t salt;                    /* of the side: of the model's name and that target's */
    uint32_t share;                   /* of the side, thousandths of a percent */
};
struct flat {
    struct flat_target items[GROUP_TARGETS_MAX];
    size_t n;
    const struct conf_model
        *path[GROUP_DEPTH_MAX + 1]; /* where it went wrong, from the outermost */
    size_t n_path;
};
BF_MUST_CHECK enum groups_result groups_flatten(const struct groups *g, const struct conf_model *m,
                                                struct flat *out);

#endif
