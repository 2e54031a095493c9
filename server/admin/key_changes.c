/*
 * key_changes - POST /api/keys, PATCH and DELETE /api/keys/{id}.
 *
 * The master makes the change: on disk, then in the shared table, then it answers. So what is
 * answered here already holds on every worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/call.h"
#include "server/admin/key_text.h"
#include "server/admin/params.h"
#include "server/admin/writer.h"

#define MODELS_PER_KEY_MAX 512 /* patterns; more is a group of `models:` */

static const struct body_field create_fields[] = {
    {"name", BODY_STRING, true},  {"models", BODY_STRINGS, false}, {"expires_ms", BODY_U64, false},
    {"active", BODY_BOOL, false}, {"strict", BODY_BOOL, false},
};

static const struct body_field update_fields[] = {
    {"name", BODY_STRING, false}, {"models", BODY_STRINGS, false}, {"expires_ms", BODY_U64, false},
    {"active", BODY_BOOL, false}, {"strict", BODY_BOOL, false},
};

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    }
    return false;
}

static bool name_is_good(struct exchange *ex, const struct json *body)
{
    const struct json *node = json_get(body, "name");
    struct str name = json_str(node);

    if (node == NULL || (name.len > 0 && name.len <= KEY_NAME_MAX && !has_control(name)))
        return true;
    exchange_error(ex, 400, "bad_field", "name",
                   "name must have 1 to %d bytes and no control characters", KEY_NAME_MAX);
    return false;
}

static bool models_are_good(struct exchange *ex, const struct json *body)
{
    const struct json *list = json_get(body, "models");
    size_t bytes = 0;

    if (list == NULL)
        return true;
    for (const struct json *item = list->child; item != NULL; item = item->next) {
        bytes += item->text.len + 1;
        if (item->text.len == 0 || has_control(item->text)) {
            exchange_error(ex, 400, "bad_field", "models",
                           "a pattern in models must not be empty or have control characters");
            return false;
        }
    }
    if (list->n > MODELS_PER_KEY_MAX || bytes > KEY_BLOB_MAX / 2) {
        exchange_error(ex, 400, "bad_field", "models",
                       "models may have %d patterns and %d bytes in all", MODELS_PER_KEY_MAX,
                       KEY_BLOB_MAX / 2);
        return false;
    }
    return true;
}

/* The fields that the body has, for the master's call. */
static void copy_fields(struct writer *w, const struct json *body)
{
    const struct json *models = json_get(body, "models");
    uint64_t expires_ms;
    bool flag;

    if (json_get(body, "name") != NULL)
        writer_str(w, "name", json_str(json_get(body, "name")));
    if (models != NULL) {
        writer_array(w, "models");
        for (const struct json *item = models->child; item != NULL; item = item->next)
            writer_str(w, NULL, item->text);
        writer_array_end(w);
    }
    if (json_u64(json_get(body, "expires_ms"), &expires_ms))
        writer_u64(w, "expires_ms", expires_ms);
    if (json_bool(json_get(body, "active"), &flag))
        writer_bool(w, "active", flag);
    if (json_bool(json_get(body, "strict"), &flag))
        writer_bool(w, "strict", flag);
}

/* The key as the table has it now; false when it is already gone again. */
static bool write_current(struct exchange *ex, struct writer *w, struct str id_text)
{
    struct virtual_key key;
    uint64_t id;

    if (!params_id_parse(id_text, &id) ||
        !keys_find_id(&ex->admin->regions->published, id, ex->arena, &key))
        return false;
    key_text_write(w, &key);
    return true;
}

static void on_created(struct exchange *ex, const struct json *reply)
{
    struct str id = json_str(json_get(reply, "id"));
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    writer_str(&w, "key", json_str(json_get(reply, "key")));
    if (!write_current(ex, &w, id))
        writer_str(&w, "id", id);
    writer_object_end(&w);
    exchange_json(ex, 201);
}

void api_keys_create(struct exchange *ex, struct str tail)
{
    const struct json *body = params_body(ex, create_fields, ARRAY_LEN(create_fields));
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    (void)tail;
    if (body == NULL || !name_is_good(ex, body) || !models_are_good(ex, body))
        return;
    writer_object(&w, NULL);
    writer_cstr(&w, "op", "key_create");
    copy_fields(&w, body);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_created);
}

static bool id_is_good(struct exchange *ex, struct str tail)
{
    uint64_t id;

    if (params_id_parse(tail, &id))
        return true;
    exchange_error(ex, 404, "unknown_key", "id",
                   "there is no virtual key with this id (16 hex digits)");
    return false;
}

static void on_updated(struct exchange *ex, const struct json *reply)
{
    struct writer w = WRITER_INIT(&ex->out);

    (void)reply;
    writer_object(&w, NULL);
    (void)write_current(ex, &w, str_skip(ex->path, sizeof("/api/keys/") - 1)); /* {}: gone again */
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void api_keys_update(struct exchange *ex, struct str tail)
{
    const struct json *body;
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    if (!id_is_good(ex, tail))
        return;
    body = params_body(ex, update_fields, ARRAY_LEN(update_fields));
    if (body == NULL || !name_is_good(ex, body) || !models_are_good(ex, body))
        return;
    if (body->n == 0) {
        exchange_error(ex, 400, "missing_field", NULL,
                       "nothing to change: give name, models, expires_ms, active or strict");
        return;
    }
    writer_object(&w, NULL);
    writer_cstr(&w, "op", "key_update");
    writer_str(&w, "id", tail);
    copy_fields(&w, body);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_updated);
}

static void on_deleted(struct exchange *ex, const struct json *reply)
{
    struct writer w = WRITER_INIT(&ex->out);

    (void)reply;
    writer_object(&w, NULL);
    writer_str(&w, "id", str_skip(ex->path, sizeof("/api/keys/") - 1));
    writer_bool(&w, "deleted", true);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void api_keys_delete(struct exchange *ex, struct str tail)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    if (!id_is_good(ex, tail))
        return;
    writer_object(&w, NULL);
    writer_cstr(&w, "op", "key_delete");
    writer_str(&w, "id", tail);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_deleted);
}
