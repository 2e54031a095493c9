#include "server/master/calls.h"

#include <stdio.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/base/crypto.h"
#include "server/base/json.h"
#include "server/master/keyring.h"
#include "server/master/reload.h"
#include "server/master/spawn.h"
#include "server/master/state.h"
#include "shm/control.h"

#define PIECE_MAX 65536
/* A byte becomes at most six in JSON; what is left is the reply's own text. */
#define PIECE_JSON_MAX (CONTROL_TEXT_MAX - 1024)

/* --- answers --- */

static const char *const kinds[] = {
    [KEYRING_NOT_FOUND] = "not_found", [KEYRING_CONFLICT] = "conflict",
    [KEYRING_INVALID] = "invalid",     [KEYRING_READ_ONLY] = "read_only",
    [KEYRING_FULL] = "full",           [KEYRING_INTERNAL] = "internal",
};

static void refuse(struct buf *out, enum keyring_result why, const char *text)
{
    buf_printf(out, "{\"ok\":false,\"kind\":\"%s\",\"error\":", kinds[why]);
    buf_json(out, str_of(text));
    buf_char(out, '}');
}

static void answer(struct buf *out, enum keyring_result result, const struct error *err)
{
    if (result == KEYRING_OK)
        buf_cstr(out, "{\"ok\":true}");
    else
        refuse(out, result, err->text);
}

/* --- status --- */

static void put_child(struct buf *out, const struct child *c, bool first)
{
    buf_printf(out,
               "%s{\"proc\":\"%s\",\"slot\":%u,\"pid\":%ld,\"restarts\":%u,\"started_ms\":%ju}",
               first ? "" : ",", spawn_role(c), c->slot, (long)c->pid, c->restarts,
               (uintmax_t)c->started_real_ms);
}

static void on_status(struct master *m, struct buf *out)
{
    bool first = true;

    buf_printf(out,
               "{\"ok\":true,\"version\":\"%s\",\"pid\":%ld,\"started_ms\":%ju,\"config_path\":",
               BF_VERSION, (long)m->pid, (uintmax_t)m->started_real_ms);
    if (m->config_path != NULL)
        buf_json(out, str_of(m->config_path));
    else
        buf_cstr(out, "null");
    buf_printf(out, ",\"generation\":%ju,\"listeners\":[", (uintmax_t)m->generation);
    for (uint32_t i = 0; i < m->listeners.n; i++) {
        if (i > 0)
            buf_char(out, ',');
        buf_json(out, str_of(m->listeners.items[i].address));
    }
    buf_cstr(out, "],\"children\":[");
    for (uint32_t i = 0; i < CHILDREN_MAX; i++) {
        if (!spawn_is_running(&m->children[i]))
            continue;
        put_child(out, &m->children[i], first);
        first = false;
    }
    buf_cstr(out, "],\"last_reload\":");
    reload_last(m, out);
    buf_char(out, '}');
}

/* --- config --- */

struct str calls_piece(struct str text, uint64_t offset, uint64_t *next)
{
    struct str piece = str_skip(text, (size_t)min_u64(offset, text.len));
    struct buf json = BUF_INIT;

    for (size_t max = PIECE_MAX;; max /= 2) {
        size_t len = (size_t)min_u64(piece.len, max);

        while (len > 0 && len < piece.len && ((unsigned char)piece.p[len] & 0xc0) == 0x80)
            len--; /* back to the beginning of a character */
        piece.len = len;
        buf_clear(&json);
        buf_json(&json, piece);
        if (json.len <= PIECE_JSON_MAX)
            break;
    }
    buf_fini(&json);
    *next = min_u64(offset, text.len) + piece.len;
    return piece;
}

static void on_config(struct master *m, const struct json *call, struct buf *out)
{
    struct str format = json_str(json_get(call, "format"));
    struct str text = buf_view(&m->effective.json);
    uint64_t offset = 0;
    uint64_t next;

    (void)json_u64(json_get(call, "offset"), &offset); /* from the beginning */
    if (str_eq(format, STR("yaml")))
        text = buf_view(&m->effective.yaml);
    buf_printf(out, "{\"ok\":true,\"generation\":%ju,\"text\":", (uintmax_t)m->generation);
    buf_json(out, calls_piece(text, offset, &next));
    if (next < text.len)
        buf_printf(out, ",\"next\":%ju}", (uintmax_t)next);
    else
        buf_cstr(out, ",\"next\":null}");
}

/* --- keys --- */

static int read_models(const struct json *node, struct arena *a, struct str *out)
{
    struct buf all = BUF_INIT;
    int rc = 0;

    if (node->type != JSON_ARRAY)
        return -1;
    for (const struct json *item = node->child; rc == 0 && item != NULL; item = item->next) {
        struct str model = json_str(item);

        if (model.len == 0 || memchr(model.p, '\0', model.len) != NULL)
            rc = -1;
        if (item != node->child)
            buf_char(&all, '\0');
        buf_str(&all, model);
    }
    if (rc == 0)
        *out = arena_str(a, buf_view(&all));
    buf_fini(&all);
    return rc;
}

/* NULL, or what is wrong with the call. */
static const char *read_wish(const struct json *call, struct arena *a, struct key_wish *out)
{
    const struct json *name = json_get(call, "name");
    const struct json *models = json_get(call, "models");
    const struct json *expires = json_get(call, "expires_ms");
    const struct json *active = json_get(call, "active");
    const struct json *strict = json_get(call, "strict");

    *out = (struct key_wish){.has_name = name != NULL,
                             .has_models = models != NULL,
                             .has_expires = expires != NULL,
                             .has_active = active != NULL,
                             .has_strict = strict != NULL};
    if (name != NULL && name->type != JSON_STRING)
        return "name: must be a string";
    out->name = json_str(name);
    if (models != NULL && read_models(models, a, &out->models) != 0)
        return "models: must be a list of strings that are not empty";
    if (expires != NULL && !json_u64(expires, &out->expires_ms))
        return "expires_ms: must be milliseconds since 1970, or 0 for never";
    if (active != NULL && !json_bool(active, &out->active))
        return "active: must be true or false";
    if (strict != NULL && !json_bool(strict, &out->strict))
        return "strict: must be true or false";
    return NULL;
}

static bool read_id(const struct json *call, uint64_t *out)
{
    uint8_t bytes[8];

    if (crypto_unhex(json_str(json_get(call, "id")), bytes, sizeof(bytes)) != 0)
        return false;
    *out = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        *out = *out << 8 | bytes[i];
    return true;
}

static void on_create(struct master *m, const struct json *call, struct arena *a, struct buf *out)
{
    struct error err = ERROR_INIT;
    struct key_wish wish;
    struct new_key made;
    const char *wrong = read_wish(call, a, &wish);
    enum keyring_result result;

    if (wrong != NULL) {
        refuse(out, KEYRING_INVALID, wrong);
        return;
    }
    result = keyring_create(m->keys, m->state_dir, &wish, &made, &err);
    if (result != KEYRING_OK) {
        refuse(out, result, err.text);
        return;
    }
    buf_printf(out,
               "{\"ok\":true,\"id\":\"%016jx\",\"key\":\"%s\",\"created_ms\":%ju,\"hint\":\"%s\"}",
               (uintmax_t)made.id, made.text, (uintmax_t)made.created_ms, made.hint);
    crypto_wipe(&made, sizeof(made));
}

static void on_change(struct master *m, const struct json *call, struct arena *a, struct buf *out)
{
    struct error err = ERROR_INIT;
    struct key_wish wish;
    const char *wrong = read_wish(call, a, &wish);
    uint64_t id;

    if (wrong != NULL)
        refuse(out, KEYRING_INVALID, wrong);
    else if (!read_id(call, &id))
        refuse(out, KEYRING_NOT_FOUND, "id: must be 16 hexadecimal digits");
    else
        answer(out, keyring_update(m->keys, m->state_dir, id, &wish, &err), &err);
}

static void on_delete(struct master *m, const struct json *call, struct buf *out)
{
    struct error err = ERROR_INIT;
    uint64_t id;

    if (!read_id(call, &id))
        refuse(out, KEYRING_NOT_FOUND, "id: must be 16 hexadecimal digits");
    else
        answer(out, keyring_delete(m->keys, m->state_dir, id, &err), &err);
}

/* --- */

bool calls_answer(struct master *m, uint64_t seq, struct str text, struct buf *out)
{
    struct arena *a = arena_create(16384);
    struct json_error wrong;
    const struct json *call = json_parse(m->json, a, text, &wrong);
    struct str op = json_str(json_get(call, "op"));
    bool is_answered = true;

    if (call == NULL) {
        refuse(out, KEYRING_INVALID, wrong.text);
    } else if (str_eq(op, STR("status"))) {
        on_status(m, out);
    } else if (str_eq(op, STR("reload"))) {
        reload_ask(m, seq);
        is_answered = false;
    } else if (str_eq(op, STR("config"))) {
        on_config(m, call, out);
    } else if (str_eq(op, STR("key_create"))) {
        on_create(m, call, a, out);
    } else if (str_eq(op, STR("key_update"))) {
        on_change(m, call, a, out);
    } else if (str_eq(op, STR("key_delete"))) {
        on_delete(m, call, out);
    } else {
        refuse(out, KEYRING_INVALID, "op: there is no such call");
    }
    arena_free(a);
    return is_answered;
}
