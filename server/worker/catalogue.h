/*
 * catalogue - what is known of the models here, for routing, translating and listing.
 *
 * Runs in:  worker.   Reads: published.   Writes: nothing shared.
 * A provider serves a model of the catalogue when its vendor has an id for it and the names that it
 * declares, if it declares any, allow the id or the name. Does not: know figures (conf/catalogue.yaml
 * has them); say anything of a model that is not in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_CATALOGUE_H
#define WORKER_CATALOGUE_H

#include "providers/dialect.h"
#include "server/worker/request.h"
#include "shm/catalogue.h"

/* What is known of a provider's model; NULL: nothing. Valid as long as the view is. */
const struct cat_model *catalogue_of(const struct pub_view *v, const struct pub_provider *p,
                                     struct str model);
/* The id by which a provider serves `m`, for who asked for `asked`; empty: it does not. */
struct str catalogue_served(const struct pub_view *v, const struct pub_provider *p,
                            const struct cat_model *m, struct str asked);
/*
 * For a bare name: the first provider that serves it, that the key may use, and that can be asked in
 * the client's way, those of the path's own vendor first. Its id in *name, in the request's arena.
 * NULL: nobody does.
 */
const struct pub_provider *catalogue_resolve(struct request *r, struct str *name);
/* Fills in what the model of the attempt can do. */
void catalogue_target(const struct request *r, struct chat_target *target);
/* Does the chat have an image that the target's model is known not to take? Then it fails. */
enum step_result catalogue_check_images(struct request *r, const struct chat *chat,
                                        const struct chat_target *target);

#endif
