/*
 * litellm_call - what the LiteLLM routes ask the master.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/key_text.h"
#include "server/admin/litellm.h"

void litellm_ask_name(struct exchange *ex, enum entity_kind kind, struct str name, call_fn *fn)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    writer_object(&w, NULL);
    writer_cstr(&w, "op", "entity_get");
    writer_cstr(&w, "kind", entity_infos[kind].name);
    writer_str(&w, "name", name);
    writer_object_end(&w);
    call_master_try(ex, &text, CALL_TIMEOUT_MS, fn);
}

void litellm_ask_id(struct exchange *ex, enum entity_kind kind, uint64_t id, call_fn *fn)
{
    char text[KEY_ID_TEXT];

    key_id_format(id, text);
    entity_ask(ex, kind, arena_str(ex->arena, str_of(text)), fn);
}

void litellm_ask_delete(struct exchange *ex, enum entity_kind kind, struct str id, call_fn *fn)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    writer_object(&w, NULL);
    writer_cstr(&w, "op", "entity_delete");
    writer_cstr(&w, "kind", entity_infos[kind].name);
    writer_str(&w, "id", id);
    if (entity_infos[kind].has_children)
        writer_cstr(&w, "children", "delete"); /* as LiteLLM does with the keys of a team */
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, fn);
}

const struct json *litellm_keep_entity(struct exchange *ex, const struct json *reply)
{
    const struct json *entity = json_get(reply, "entity");
    struct json_error err;

    if (entity == NULL || entity->type != JSON_OBJECT)
        return NULL;
    return json_parse(ex->admin->json, ex->arena, arena_str(ex->arena, entity->raw), &err);
}

struct str litellm_id_of(const struct json *entity)
{
    return json_str(json_get(entity, "id"));
}

const struct json *litellm_meta(const struct json *entity)
{
    return json_get(json_get(entity, "metadata"), LITELLM_META);
}

bool litellm_refused(struct exchange *ex, const struct json *reply)
{
    if (call_is_ok(reply) || str_eq(json_str(json_get(reply, "kind")), STR("not_found")))
        return false;
    call_refuse(ex, reply);
    return true;
}

void litellm_next_call(struct exchange *ex)
{
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    if (ex->idempotency.len == 0)
        return;
    crypto_sha256(ex->idempotency, hash);
    crypto_hex(hash, SHA256_BYTES, hex);
    ex->idempotency = arena_printf(ex->arena, "after-%s", hex);
}
