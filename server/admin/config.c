/*
 * config - GET /api/config: the effective configuration, as the master tells it piece by piece.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/call.h"
#include "server/admin/params.h"
#include "server/admin/writer.h"

#define CONFIG_MAX (64u << 20) /* as long as the largest image; then something is wrong */

static void ask_piece(struct exchange *ex, uint64_t offset);

static bool is_yaml(const struct exchange *ex)
{
    return str_eq(params_get(ex, "format"), STR("yaml"));
}

static void on_piece(struct exchange *ex, const struct json *reply)
{
    struct str text = json_str(json_get(reply, "text"));
    uint64_t *first = ex->state; /* generation of the first piece */
    uint64_t next = 0, generation = 0;
    bool more = json_u64(json_get(reply, "next"), &next);

    (void)json_u64(json_get(reply, "generation"), &generation);
    if (ex->out.len == 0)
        *first = generation;
    buf_str(&ex->out, text);
    if (generation != *first ||
        (more && (next != ex->out.len || text.len == 0 || next > CONFIG_MAX)))
        exchange_error(ex, 503, "config_changed", NULL,
                       "the configuration changed while it was read; try again");
    else if (more)
        ask_piece(ex, next);
    else if (is_yaml(ex))
        exchange_text(ex, 200, "");
    else
        exchange_json(ex, 200);
}

static void ask_piece(struct exchange *ex, uint64_t offset)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    writer_object(&w, NULL);
    writer_cstr(&w, "op", "config");
    writer_cstr(&w, "format", is_yaml(ex) ? "yaml" : "json");
    writer_u64(&w, "offset", offset);
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_piece);
}

void api_config(struct exchange *ex, struct str tail)
{
    struct str format = params_get(ex, "format");

    (void)tail;
    if (format.len > 0 && !str_eq(format, STR("json")) && !str_eq(format, STR("yaml"))) {
        exchange_error(ex, 400, "bad_parameter", "format", "format must be json or yaml");
        return;
    }
    ex->state = arena_zalloc(ex->arena, sizeof(uint64_t));
    ask_piece(ex, 0);
}
