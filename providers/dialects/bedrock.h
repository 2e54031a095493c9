/*
 * bedrock - Amazon Bedrock's Converse wire format: what its files share.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Taken from AWS's own service model of bedrock-runtime (the one botocore ships), the Converse pages
 * of the Bedrock user guide and, for what additionalModelRequestFields may hold, its pages on Claude,
 * Nova and gpt-oss. Model and stream are in the URL. Streams are AWS event streams (eventstream.h).
 * What maps to what is in README-bedrock.md. Does not: sign (auth/sigv4.h), fetch URLs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef DIALECTS_BEDROCK_H
#define DIALECTS_BEDROCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "providers/dialect.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/json.h"
#include "server/base/str.h"

#define BEDROCK_TOOLS_MAX 2048
#define BEDROCK_STOPS_MAX 2500 /* what AWS takes */

/*
 * A tool call has no place for a signature here (Gemini's have one): it goes ahead of the call, in a
 * reasoning block without text, and says so inside its wrapping.
 */
#define BEDROCK_CALL "call:"

/* Whose model it is: what additionalModelRequestFields may say, and what history it can read. */
enum bedrock_family {
    FAMILY_OTHER,
    FAMILY_CLAUDE,
    FAMILY_NOVA,
    FAMILY_NOVA2, /* reasons, by reasoningConfig */
    FAMILY_GPT    /* gpt-oss: reasoning_effort */
};
enum bedrock_family bedrock_family_of(struct str model); /* an id, a profile's id, an ARN */

/* --- requests in (bedrock_decode.c, bedrock_fields.c, bedrock_blocks.c) --- */

struct bedrock_in {
    const struct chat_codec *c;
    struct chat *chat;
    struct chat_error *err;
};

/* A member of a table: its name and who reads it. `path` is the member's own. */
struct bedrock_member {
    const char *key;
    int (*read)(const struct bedrock_in *in, const struct json *value, const char *path);
};
/*
 * Read an object's members by a table; what is not in it becomes an extra called path + "." + key.
 * Nulls are nothing. `path` "" is the body.
 */
BF_MUST_CHECK int bedrock_read_members(const struct bedrock_in *in, const struct json *object,
                                       const char *path, const struct bedrock_member *table,
                                       size_t n);
/* "messages[1].content must be an array". Always -1. */
int bedrock_wrong(const struct bedrock_in *in, const char *path, const char *what);
BF_MUST_CHECK int bedrock_want(const struct bedrock_in *in, const struct json *value,
                               enum json_type type, const char *path);
/* For tables: what Converse and Titan's bodies have in common. */
int bedrock_read_temperature(const struct bedrock_in *in, const struct json *v, const char *path);
int bedrock_read_top_p(const struct bedrock_in *in, const struct json *v, const char *path);
int bedrock_read_stops(const struct bedrock_in *in, const struct json *v, const char *path);
/* The only member of a union that is not null; NULL when there is not exactly one. */
const struct json *bedrock_union(const struct json *object);
enum chat_cache bedrock_cache_of(const struct json *cache_point);
/* The members of additionalModelRequestFields. */
BF_MUST_CHECK int bedrock_read_fields(const struct bedrock_in *in, const struct json *fields,
                                      const char *path);
BF_MUST_CHECK int bedrock_read_messages(const struct bedrock_in *in, const struct json *messages,
                                        const char *path);
BF_MUST_CHECK int bedrock_read_system(const struct bedrock_in *in, const struct json *blocks,
                                      const char *path);
/* "content" or "sourceContent": the texts in it, joined. */
struct str bedrock_texts(const struct chat_codec *c, const struct json *list);
/* A Citation of a block or a stream's delta; `raw` in it is the whole. */
struct chat_citation bedrock_citation(const struct json *citation);

/* --- requests out (bedrock_encode.c, bedrock_ask.c, bedrock_tools.c, bedrock_write.c) --- */

struct bedrock_out {
    const struct chat_codec *c;
    const struct chat *chat;
    const struct chat_target *target;
    struct chat_loss *loss;
    struct buf *b;
    struct chat_error *err;
    enum bedrock_family family;
    bool is_thinking; /* it will be asked to */
    const char *role; /* of the message under way; NULL: none */
    uint32_t message; /* number in the client's request, for errors */
    uint32_t n_documents;
};

/* An object that is opened when its first member is written. */
struct bedrock_lazy {
    struct buf *b;
    const char *key;
    bool is_open;
};
void bedrock_lazy_key(struct bedrock_lazy *l, const char *key);
void bedrock_lazy_close(struct bedrock_lazy *l);

/* How Claude will be asked to think. */
enum bedrock_thinking { THINK_UNSAID, THINK_OFF, THINK_ADAPTIVE, THINK_BUDGET };
enum bedrock_thinking bedrock_thinking(const struct bedrock_out *o);
/* Claude's effort beside its thinking, for outputConfig; NULL: none. */
const char *bedrock_effort(const struct bedrock_out *o);
/* additionalModelRequestFields, and toolConfig; if there are any. */
void bedrock_write_fields(struct bedrock_out *o);
BF_MUST_CHECK int bedrock_write_tools(struct bedrock_out *o);
/* A built-in tool of Claude's, in the declaration of its vendor: among the fields. */
bool bedrock_is_claude_tool(const struct bedrock_out *o, const struct chat_tool *t);
#define BEDROCK_FIELDS "additionalModelRequestFields."

/* "messages":[...] without its key. */
BF_MUST_CHECK int bedrock_write_messages(struct bedrock_out *o);
/* "system":[...], if there are any. */
void bedrock_write_system(struct bedrock_out *o);
/* A cache point behind what was written, where the model knows them. */
void bedrock_write_cache(struct bedrock_out *o, enum chat_cache cache);
bool bedrock_has_cache(const struct bedrock_out *o);

/* --- texts both ways (bedrock_text.c) --- */

/* "image/png" of "png"; empty when unknown. */
struct str bedrock_type_of(enum chat_block_kind kind, struct str format);
/* "png" of "image/png"; NULL when the wire has no word for it. */
const char *bedrock_format_of(enum chat_block_kind kind, struct str type);
/* An id in letters that every model behind Bedrock takes, at most 64 of them. */
struct str bedrock_id(struct arena *a, struct str id);
bool bedrock_name_is_good(struct str name);
/* A document's name in letters that AWS takes; empty when nothing is left. */
struct str bedrock_document_name(struct arena *a, struct str plain);
/* Redacted thinking is bytes on this wire: base64 that a client's SDK decodes. */
struct str bedrock_redacted_out(struct arena *a, struct str data, enum chat_signer signer);
struct str bedrock_redacted_in(struct arena *a, struct str base64, enum chat_signer *signer);
enum chat_stop bedrock_stop_of(struct str reason);
const char *bedrock_stop_name(enum chat_stop stop);
void bedrock_usage_in(const struct json *usage, struct chat_usage *out);
void bedrock_usage_out(struct buf *b, const struct chat_usage *u);

/* --- the table's functions, also of the dialects above it (invoke.c) --- */

int bedrock_decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                           struct chat *out, struct chat_error *err);
int bedrock_encode_request(const struct chat_codec *c, const struct chat *chat,
                           const struct chat_target *target, struct chat_loss *loss,
                           struct buf *out, struct chat_error *err);
void *bedrock_decoder(const struct chat_codec *c);
int bedrock_decode_frame(void *decoder, const struct chat_frame *frame,
                         const struct chat_sink *sink);
void bedrock_decode_end(void *decoder, const struct chat_sink *sink);
int bedrock_decode_answer(void *decoder, struct str body, const struct chat_sink *sink);
void bedrock_decode_error(const struct chat_codec *c, int status, struct str body,
                          struct chat_error *out);
void *bedrock_encoder(const struct chat_codec *c, const struct chat_reply *reply);
void bedrock_encode_event(void *encoder, const struct chat_event *e, struct buf *out);
void bedrock_encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                           struct buf *out);
/* An exception in a stream, or its HTTP answer. */
void bedrock_exception(const struct chat_codec *c, struct str type, struct str payload,
                       struct chat_error *out);
const char *bedrock_error_type(const struct chat_error *err);
void bedrock_encode_error(const struct chat_error *err, struct str request_id, struct buf *out);
void bedrock_encode_error_event(const struct chat_error *err, struct str request_id,
                                struct buf *out);
bool bedrock_is_preamble(const struct chat_frame *frame);
void bedrock_look_frame(const struct chat_frame *frame, struct chat_seen *seen,
                        struct chat_usage *usage);
void bedrock_look_answer(struct str body, struct chat_usage *usage);

/*
 * What Converse and the InvokeModel wrappings have in common: the provider's side, errors and framing.
 * A table gives its name, its requests and its answers to clients beside it.
 */
#define BEDROCK_SHARED                                                                             \
    .stream_type = EVENTSTREAM_TYPE, .encode_request = bedrock_encode_request,                     \
    .decoder = bedrock_decoder, .decode_frame = bedrock_decode_frame,                              \
    .decode_end = bedrock_decode_end, .decode_answer = bedrock_decode_answer,                      \
    .decode_error = bedrock_decode_error, .encode_error = bedrock_encode_error,                    \
    .encode_error_event = bedrock_encode_error_event, .error_header = "x-amzn-errortype",          \
    .error_type = bedrock_error_type, .look_frame = bedrock_look_frame,                            \
    .is_preamble = bedrock_is_preamble, .look_answer = bedrock_look_answer

#endif
