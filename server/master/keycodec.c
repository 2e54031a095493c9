#include <string.h>

#include "server/master/keyring.h"

/* Version 1: what is fixed, then name, models and hint by the lengths in the head. */
#define KEY_CODEC_VERSION 1

struct fixed {
    uint8_t version;
    uint8_t reserved[3];
    uint32_t flags;
    uint64_t created_ms, expires_ms;
    uint32_t name_len, models_len, hint_len, zero;
    uint8_t hash[SHA256_BYTES];
};
static_assert(sizeof(struct fixed) == 72, "what is on disk stays readable");

void key_encode(const struct virtual_key *key, struct buf *out)
{
    struct fixed head = {.version = KEY_CODEC_VERSION,
                         .flags = key->flags,
                         .created_ms = key->created_ms,
                         .expires_ms = key->expires_ms,
                         .name_len = (uint32_t)key->name.len,
                         .models_len = (uint32_t)key->models.len,
                         .hint_len = (uint32_t)key->hint.len};

    memcpy(head.hash, key->hash, sizeof(head.hash));
    buf_add(out, &head, sizeof(head));
    buf_str(out, key->name);
    buf_str(out, key->models);
    buf_str(out, key->hint);
}

int key_decode(struct str in, uint64_t id, struct virtual_key *out)
{
    struct fixed head;
    struct str rest;

    if (in.len < sizeof(head))
        return -1;
    memcpy(&head, in.p, sizeof(head));
    rest = str_skip(in, sizeof(head));
    if (head.version != KEY_CODEC_VERSION || id == 0 || head.name_len == 0 ||
        head.name_len > KEY_NAME_MAX || head.models_len > KEY_BLOB_MAX ||
        head.hint_len > KEY_NAME_MAX ||
        rest.len != (size_t)head.name_len + head.models_len + head.hint_len)
        return -1;
    *out = (struct virtual_key){.id = id,
                                .created_ms = head.created_ms,
                                .expires_ms = head.expires_ms,
                                .flags = (head.flags & (KEY_ACTIVE | KEY_STRICT)) | KEY_ORIGIN_API};
    memcpy(out->hash, head.hash, sizeof(out->hash));
    out->name = (struct str){rest.p, head.name_len};
    out->models = (struct str){rest.p + head.name_len, head.models_len};
    out->hint = (struct str){rest.p + head.name_len + head.models_len, head.hint_len};
    return 0;
}
