/*
 * export_parts - the parts of an export that have files of their own.
 *
 * Runs in:  master, bfctl check.   Reads, writes: nothing shared.
 * Only included by export.c and these files. Does not: begin or end the document.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_EXPORT_PARTS_H
#define CONF_EXPORT_PARTS_H

#include "conf/config.h"
#include "conf/emit.h"

void export_prices(struct emitter *w,
                   const struct config *c); /* prices, their default and policy */
void export_weight(struct emitter *w, uint32_t thousandths);
void export_target(struct emitter *w, const struct conf_target *t); /* export_routing.c, as these */
void export_percent(struct buf *b, uint64_t thousandths);           /* "5%" */
/* What a model has beside its targets, and `rules`. */
void export_queue(struct emitter *w, const struct conf_queue *q);
void export_model_routing(struct emitter *w, const struct conf_model *m);
void export_routing(struct emitter *w, const struct config *c);

#endif
