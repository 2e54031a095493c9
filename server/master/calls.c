#include "server/master/calls.h"

#include <stdio.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/base/json.h"
#include "server/master/entity.h"
#include "server/master/reload.h"
#include "server/master/rule_calls.h"
#include "server/master/spawn.h"
#include "server/master/state.h"
#include "shm/control.h"

#define PIECE_MAX 65536
/* A byte becomes at most six in JSON; what is left is the reply's own text. */
#define PIECE_JSON_MAX (CONTROL_TEXT_MAX - 1024)

/* --- answers --- */

static void refuse(struct buf *out, const char *text)
{
    buf_cstr(out, "{\"ok\":false,\"kind\":\"invalid\",\"error\":");
    buf_json(out, str_of(text));
    buf_char(out, '}');
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

/* --- */

bool calls_answer(struct master *m, uint64_t seq, struct str text, struct buf *out)
{
    struct arena *a = arena_create(16384);
    struct json_error wrong;
    const struct json *call = json_parse(m->json, a, text, &wrong);
    struct str op = json_str(json_get(call, "op"));
    bool is_answered = true;

    if (call == NULL) {
        refuse(out, wrong.text);
    } else if (str_eq(op, STR("status"))) {
        on_status(m, out);
    } else if (str_eq(op, STR("reload"))) {
        reload_ask(m, seq);
        is_answered = false;
    } else if (str_eq(op, STR("config"))) {
        on_config(m, call, out);
    } else if (rule_answer(m, seq, call, a, out, &is_answered)) {
        /* now, or when every worker has it */
    } else if (!entity_answer(m->money, call, a, out)) {
        refuse(out, "op: there is no such call");
    }
    arena_free(a);
    return is_answered;
}
