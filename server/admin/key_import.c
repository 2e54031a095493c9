/*
 * key_import - POST /api/keys/import: many keys at once, all of them or none.
 *
 * The body is cut into calls of some hundred keys, one under way at a time, so that other requests
 * are served between them; the master keeps them apart and makes them when the last one has come.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/entity.h"
#include "server/admin/import_text.h"
#include "server/base/crypto.h"

#define SLICE_BYTES 98304    /* of keys in one call; one more key may come on top ... */
#define ITEM_BYTES_MAX 24576 /* ... of this size, and the message still fits */
#define ERRORS_SHOWN 100     /* no more are looked for */
#define TOKEN_BYTES 8
#define COMMIT_TIMEOUT_MS 55000 /* the last call writes all keys to the disk */

struct import {
    struct import_text text;
    char token[2 * TOKEN_BYTES + 1]; /* tells the master which calls belong together */
    uint64_t n_sent;                 /* keys in the calls so far */
    uint64_t slice_first;            /* index of the first key of the call under way */
    uint64_t n_errors;
    struct buf errors; /* elements of a JSON array, with commas */
};

static void add_error(struct import *im, uint64_t index, struct str text)
{
    if (im->n_errors++ >= ERRORS_SHOWN)
        return;
    if (im->errors.len > 0)
        buf_char(&im->errors, ',');
    buf_printf(&im->errors, "{\"index\":%" PRIu64 ",\"error\":", index);
    buf_json(&im->errors, text);
    buf_char(&im->errors, '}');
}

static void on_refused(struct exchange *ex, const struct json *reply)
{
    struct import *im = ex->state;
    struct writer w = WRITER_INIT(&ex->out);

    (void)reply;
    writer_object(&w, NULL);
    writer_object(&w, "error");
    writer_str(&w, "message",
               arena_printf(ex->arena,
                            "%" PRIu64 "%s of the keys are not good, so none was made; \"errors\" "
                            "says which and why",
                            im->n_errors, im->n_errors > ERRORS_SHOWN ? " or more" : ""));
    writer_cstr(&w, "type", "invalid_request_error");
    writer_null(&w, "param");
    writer_cstr(&w, "code", "import_refused");
    writer_object_end(&w);
    writer_array(&w, "errors");
    buf_str(&ex->out, buf_view(&im->errors));
    writer_array_end(&w);
    writer_object_end(&w);
    exchange_json(ex, 400);
}

/* The master forgets what has come of this import. */
static void abort_import(struct exchange *ex, const struct import *im)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    writer_object(&w, NULL);
    writer_cstr(&w, "op", "key_import");
    writer_cstr(&w, "import", im->token);
    writer_bool(&w, "abort", true);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_refused);
}

/* One key into the call; what is not sound stays out of it and is told. */
static void put_item(struct exchange *ex, struct writer *w, struct arena *scratch, struct str item)
{
    struct import *im = ex->state;
    struct json_error err;
    const struct json *key;

    arena_reset(scratch);
    if (item.len > ITEM_BYTES_MAX) {
        add_error(im, im->n_sent, STR("this key is too long: 24 KiB is the most"));
        return;
    }
    key = json_parse(ex->admin->json, scratch, item, &err);
    if (key == NULL) {
        add_error(im, im->n_sent, str_of(err.text));
        return;
    }
    const char *wrong = entity_key_write(w, scratch, key);
    if (wrong != NULL)
        add_error(im, im->n_sent, str_of(wrong));
}

static void send_slice(struct exchange *ex);

static void on_slice(struct exchange *ex, const struct json *reply)
{
    struct import *im = ex->state;
    const struct json *errors = json_get(reply, "errors");

    for (const struct json *e = errors != NULL ? errors->child : NULL; e != NULL; e = e->next) {
        uint64_t index = 0; /* in the call */

        (void)json_u64(json_get(e, "index"), &index);
        add_error(im, im->slice_first + index, json_str(json_get(e, "error")));
    }
    send_slice(ex);
}

static void on_committed(struct exchange *ex, const struct json *reply)
{
    struct import *im = ex->state;
    const struct json *errors = json_get(reply, "errors");
    struct writer w = WRITER_INIT(&ex->out);

    if (errors != NULL && errors->child != NULL) {
        im->text.is_ended = true;
        on_slice(ex, reply);
        return;
    }
    writer_object(&w, NULL);
    writer_u64(&w, "created", im->n_sent);
    writer_object_end(&w);
    exchange_json(ex, 201);
}

/* False: there are no more keys. */
static bool fill_slice(struct exchange *ex, struct writer *w)
{
    struct import *im = ex->state;
    struct arena *scratch = arena_create(ITEM_BYTES_MAX);
    struct str item;
    bool more = true;

    im->slice_first = im->n_sent;
    while (w->out->len < SLICE_BYTES && im->n_errors < ERRORS_SHOWN &&
           (more = import_text_next(&im->text, &item))) {
        put_item(ex, w, scratch, item);
        im->n_sent++;
    }
    arena_free(scratch);
    if (im->text.wrong != NULL)
        add_error(im, im->n_sent,
                  arena_printf(ex->arena, "byte %zu: %s", im->text.whole - im->text.rest.len,
                               im->text.wrong));
    return more && im->n_errors < ERRORS_SHOWN;
}

static void send_slice(struct exchange *ex)
{
    struct import *im = ex->state;
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    writer_object(&w, NULL);
    writer_cstr(&w, "op", "key_import");
    writer_cstr(&w, "import", im->token);
    writer_array(&w, "items");
    /* The body is the client's connection's: without it there is nothing more to read. */
    bool more = !ex->is_gone && fill_slice(ex, &w);
    writer_array_end(&w);
    writer_bool(&w, "more", more);
    writer_object_end(&w);
    if (ex->is_gone || (!more && im->n_errors > 0)) {
        buf_fini(&text);
        abort_import(ex, im);
        return;
    }
    call_master(ex, &text, more ? CALL_TIMEOUT_MS : COMMIT_TIMEOUT_MS,
                more ? on_slice : on_committed);
}

void api_keys_import(struct exchange *ex, struct str tail)
{
    struct import *im = arena_zalloc(ex->arena, sizeof(*im));
    uint8_t random[TOKEN_BYTES];

    (void)tail;
    if (ex->admin->importing != NULL) {
        exchange_error(ex, 409, "import_in_progress", NULL,
                       "another import is under way; try again when it has ended");
        return;
    }
    import_text_init(&im->text, ex->body);
    if (im->text.rest.len == 0) {
        exchange_error(ex, 400, "bad_json", NULL,
                       "the body must be a JSON array of keys, or one key as JSON in each line");
        return;
    }
    crypto_random(random, sizeof(random));
    crypto_hex(random, sizeof(random), im->token);
    im->errors = (struct buf)BUF_IN(ex->arena);
    ex->state = im;
    ex->admin->importing = ex;
    send_slice(ex);
}
