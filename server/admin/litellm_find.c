/*
 * litellm_find - virtual keys by their text or hash.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/litellm.h"
#include "server/admin/litellm_text.h"
#include "server/admin/own_key.h"

bool litellm_find_key(struct exchange *ex, struct str text, struct virtual_key *out)
{
    uint8_t hash[SHA256_BYTES];

    litellm_hash(text, hash);
    if (text.len > 0 && keys_find(&ex->admin->regions->published, hash, ex->arena, out)) {
        out->id = own_key_id(ex, out);
        return true;
    }
    exchange_error(ex, 404, "unknown_key", "key", "Key not found in database");
    return false;
}
