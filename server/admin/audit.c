/*
 * audit - GET /api/audit/money: do counters, journal and log say the same?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/aggregator/audit.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/journal.h"
#include "server/admin/key_text.h"
#include "server/base/clock.h"
#include "shm/ledger.h"
#include "shm/live.h"
#include "shm/owners.h"

/* As writer_usd, with a sign. */
static void write_signed(struct writer *w, const char *key, int64_t nanousd)
{
    uint64_t size = nanousd < 0 ? (uint64_t)-nanousd : (uint64_t)nanousd;
    char name[64], text[48];

    (void)snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRIu64, nanousd < 0 ? "-" : "",
                   size / 1000000000, size % 1000000000);
    writer_cstr(w, key, text);
    (void)snprintf(name, sizeof(name), "%s_nanousd", key);
    (void)snprintf(text, sizeof(text), "%" PRId64, nanousd);
    writer_raw(w, name, str_of(text));
}

static void write_difference(struct writer *w, const struct audit_row *row)
{
    static const char *const owners[OWNER_KINDS] = {
        [OWNER_FREE] = NULL,
        [OWNER_CUSTOMER] = "customer",
        [OWNER_TEAM] = "team",
        [OWNER_KEY] = "key",
        [OWNER_KEY_PROVIDER] = "key_provider",
        [OWNER_PROVIDER] = "provider",
        [OWNER_MODEL] = "model_limit",
        [OWNER_TARGET] = "target",
    };
    char id[KEY_ID_TEXT];

    writer_object(w, NULL);
    writer_cstr(w, "where", row->kind == AUDIT_COUNTER ? "counter" : "log");
    key_id_format(row->key.account, id);
    writer_cstr(w, "account_id", id);
    writer_u64(w, "window", row->key.window);
    if (row->kind == AUDIT_COUNTER) {
        key_id_format(row->owner_id, id);
        writer_cstr(w, "owner", row->owner_kind < OWNER_KINDS ? owners[row->owner_kind] : NULL);
        writer_cstr(w, "owner_id", id);
        writer_usd(w, "counter", row->counter);
        writer_usd(w, "held", row->held);
        writer_usd(w, "waiting", row->waiting);
    }
    writer_usd(w, "journal", row->journal);
    if (row->kind == AUDIT_LOG) {
        writer_usd(w, "log", row->log);
        writer_usd(w, "left_log", row->forgotten);
    }
    write_signed(w, "difference", row->difference);
    writer_bool(w, "busy", row->is_busy);
    writer_object_end(w);
}

static void write_log(struct writer *w, const struct audit *a)
{
    writer_object(w, "log");
    writer_bool(w, "compared", a->has_log);
    writer_u64(w, "rows", a->log_rows);
    if (a->log_since_ms != 0)
        writer_u64(w, "since_ms", a->log_since_ms);
    else
        writer_null(w, "since_ms");
    writer_u64(w, "windows", a->log_windows);
    writer_usd(w, "booked", a->log);
    writer_usd(w, "left_log", a->log_forgotten);
    writer_object_end(w);
}

/* Calls under way, also those that no budget knows of. */
static uint64_t open_holds(const struct regions *regions)
{
    uint32_t slots = live_slots(&regions->live);
    uint64_t n = 0;

    for (uint32_t i = 0; i < slots; i++)
        n += ledger_holds(&regions->live, i);
    return n;
}

void api_audit(struct exchange *ex, struct str tail)
{
    struct writer w = WRITER_INIT(&ex->out);
    struct error err = ERROR_INIT;
    struct audit a;

    (void)tail;
    if (audit_money(ex->admin->regions, ex->admin->query, clock_real_ms(), ex->arena, &a, &err) !=
        0) {
        journal_unreadable(ex, &err);
        return;
    }
    writer_object(&w, NULL);
    writer_bool(&w, "ok", a.difference == 0);
    writer_usd(&w, "difference", a.difference);
    writer_u64(&w, "accounts", a.accounts);
    writer_u64(&w, "windows", a.windows);
    writer_usd(&w, "counters", a.counter);
    writer_u64(&w, "holds", open_holds(ex->admin->regions));
    writer_usd(&w, "held", a.held);
    writer_usd(&w, "waiting", a.waiting);
    writer_usd(&w, "journal", a.journal);
    writer_u64(&w, "busy", a.busy);
    writer_usd(&w, "busy_difference", a.busy_difference);
    write_log(&w, &a);
    writer_array(&w, "data");
    for (size_t i = 0; i < a.n_rows; i++)
        write_difference(&w, &a.rows[i]);
    writer_array_end(&w);
    writer_u64(&w, "truncated", a.truncated);
    writer_object_end(&w);
    exchange_json(ex, 200);
}
