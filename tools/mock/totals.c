#include "tools/mock/totals.h"

#include <inttypes.h>
#include <string.h>

#include "server/base/base.h"

#define NAME_MAX_BYTES 64u

struct sum {
    uint64_t calls, input, output, cached;
};

struct total {
    char name[NAME_MAX_BYTES];
    size_t name_len;
    uint64_t calls;
    struct sum ended[JOURNAL_GONE + 1]; /* by enum journal_outcome */
};

/* Process-wide, as the journal is: row 0 stays unused, the last one is everybody else's. */
static struct total rows[TOTALS_MODELS + 2];
static uint32_t n_rows;

static uint32_t row_of(struct str model)
{
    struct str name = {model.p, min_u64(model.len, NAME_MAX_BYTES)};

    for (uint32_t i = 1; i <= n_rows; i++) {
        if (str_eq((struct str){rows[i].name, rows[i].name_len}, name))
            return i;
    }
    if (n_rows == TOTALS_MODELS) {
        memcpy(rows[TOTALS_MODELS + 1].name, "(other)", sizeof("(other)") - 1);
        rows[TOTALS_MODELS + 1].name_len = sizeof("(other)") - 1;
        return TOTALS_MODELS + 1;
    }
    n_rows++;
    memcpy(rows[n_rows].name, name.p, name.len);
    rows[n_rows].name_len = name.len;
    return n_rows;
}

uint32_t totals_begin(struct str model)
{
    uint32_t row = row_of(model);

    rows[row].calls++;
    return row;
}

void totals_end(uint32_t row, enum journal_outcome outcome, const struct chat_usage *usage)
{
    struct sum *sum = &rows[row].ended[outcome];

    sum->calls++;
    sum->input += usage->input;
    sum->output += usage->output;
    sum->cached += usage->cached;
}

static void format_sum(struct buf *out, const char *name, const struct sum *s)
{
    buf_printf(out,
               ",\"%s\":{\"calls\":%" PRIu64 ",\"input\":%" PRIu64 ",\"output\":%" PRIu64
               ",\"cached\":%" PRIu64 "}",
               name, s->calls, s->input, s->output, s->cached);
}

void totals_format(struct buf *out)
{
    bool first = true;

    buf_cstr(out, "{\"models\":{");
    for (uint32_t i = 1; i < ARRAY_LEN(rows); i++) {
        const struct total *t = &rows[i];

        if (t->calls == 0)
            continue;
        buf_cstr(out, first ? "" : ",\n");
        buf_json(out, (struct str){t->name, t->name_len});
        buf_printf(out, ":{\"calls\":%" PRIu64, t->calls);
        format_sum(out, "answered", &t->ended[JOURNAL_ANSWERED]);
        format_sum(out, "cut", &t->ended[JOURNAL_CUT]);
        format_sum(out, "gone", &t->ended[JOURNAL_GONE]);
        buf_char(out, '}');
        first = false;
    }
    buf_cstr(out, "}}\n");
}

void totals_clear(void)
{
    /* The rows stay: a call under way ends in the one it has. */
    for (uint32_t i = 1; i < ARRAY_LEN(rows); i++) {
        rows[i].calls = 0;
        memset(rows[i].ended, 0, sizeof(rows[i].ended));
    }
}
