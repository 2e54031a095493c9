/*
 * chat_text - texts between wire and neutral form: escapes, arguments, data URLs, wrappings.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * "Escaped" and "raw" as in chat.h. Does not: check JSON (the parser has).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_CHAT_TEXT_H
#define PROVIDERS_CHAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "server/base/str.h"

/* The inside of a string node; STR_NONE for NULL and for what is no string. */
struct str text_inside(const struct json *node);
/* The same of a member. */
struct str text_member(const struct json *object, const char *key);
/* The bytes an escaped text stands for: itself when nothing is escaped, else a copy in `a`. */
struct str text_plain(struct arena *a, struct str escaped);
/* Bytes as an escaped text: themselves when nothing needs it, else a copy in `a`. */
struct str text_escape(struct arena *a, struct str plain);
/* A value that was parsed ("raw": it is sound UTF-8), as an escaped text. */
struct str text_of_raw(struct arena *a, struct str raw);
bool text_is(struct str escaped, const char *plain); /* plain has nothing to escape */

/*
 * A tool call's arguments as a raw JSON object ("{}" when empty). False when the client's text is no
 * object: *out is then {"_arguments":"..."}, so that nothing is lost.
 */
bool text_arguments_object(const struct chat_codec *c, const struct chat_block *call,
                           struct str *out);
/* ... and as an escaped string. */
struct str text_arguments_string(const struct chat_codec *c, const struct chat_block *call);

/* "path[7]tail" for errors, cut off where `room` ends: snprintf would be half of a block's cost. */
void text_place(char *out, size_t room, const char *path, uint32_t i, const char *tail);

/* Splits "data:image/png;base64,AAAA" (escaped). False when it is no base64 data URL. */
bool text_data_url(struct str escaped, struct str *type, struct str *data);
/* "image/png" from a name's ending or a URL's; empty when unknown. */
struct str text_media_type(struct str name);

/*
 * Signatures in a foreign client's hands: "bf1.<a|g|o>.<signature>". What is not wrapped is the
 * dialect's own.
 */
struct str text_wrap(struct arena *a, struct str signature, enum chat_signer signer);
struct str text_unwrap(struct str wrapped, enum chat_signer own, enum chat_signer *signer);

/*
 * More of a text that comes in pieces, in the arena; beyond `max` bytes it is left out. An empty
 * text begins anew. Doubles, for a provider may send it byte by byte.
 */
void text_grow(struct arena *a, struct str *text, size_t *cap, struct str more, size_t max);

#define SIGNATURE_MAX (8u << 20) /* of one block's, while it is collected */

/* The plain text of all text blocks in a list, joined by `between` (escaped). */
struct str text_of_blocks(const struct chat_codec *c, const struct chat_block *blocks,
                          struct str between);

#endif
