#include "server/base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/base/alloc.h"
#include "server/base/buf.h"
#include "server/base/fd.h"

#define ZONE_FOLDER "/usr/share/zoneinfo/"
#define PATH_BYTES (sizeof(ZONE_FOLDER) + ZONE_NAME_MAX)
#define DAY_S 86400
#define OFFSET_MAX (26 * 3600) /* RFC 8536: less than 25 hours one way, 26 the other */
#define TIMES_MAX 4096
#define TYPES_MAX 256
#define HEADER_BYTES 44
#define FOOTER_MAX 256
/* Beyond these nobody's clock is; within them nothing overflows. */
#define MOMENT_MAX (1ll << 40)

struct type {
    int32_t offset;
    bool is_dst;
};

struct zone {
    size_t n_times, n_types;
    int64_t *times; /* ascending; types[types_of[i]] holds from times[i] on */
    uint8_t *types_of;
    struct type types[TYPES_MAX];
    bool has_rule; /* behind the last of them */
    struct zone_rule rule;
};

static int64_t bounded(int64_t at)
{
    return at > MOMENT_MAX ? MOMENT_MAX : at < -MOMENT_MAX ? -MOMENT_MAX : at;
}

/* --- days --- */

/* As Howard Hinnant describes it: years begin in March, so that the odd day is the last one. */
int64_t zone_civil_day(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void zone_civil_date(int64_t day, int64_t *out_year, int *out_month, int *out_day)
{
    int64_t z = day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    *out_day = (int)(of_year - (153 * month + 2) / 5 + 1);
    *out_month = (int)(month < 10 ? month + 3 : month - 9);
    *out_year = year + era * 400 + (*out_month <= 2);
}

/* --- reading a file: RFC 8536 --- */

struct counts {
    uint32_t isut, isstd, leap, times, types, chars;
};

static uint32_t be32(const char *p)
{
    uint32_t n = 0;

    for (size_t i = 0; i < 4; i++)
        n = n << 8 | (uint8_t)p[i];
    return n;
}

static int64_t be64(const char *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool take_header(struct str *s, char *version, struct counts *out)
{
    const char *p = s->p;

    if (s->len < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
        return false;
    *version = p[4];
    *out = (struct counts){be32(p + 20), be32(p + 24), be32(p + 28),
                           be32(p + 32), be32(p + 36), be32(p + 40)};
    *s = str_skip(*s, HEADER_BYTES);
    return true;
}

/* Bytes of a block whose times have `width` bytes; counts are 32 bits, so 64 hold the sum. */
static uint64_t block_bytes(const struct counts *c, unsigned width)
{
    return (uint64_t)c->times * (width + 1) + (uint64_t)c->types * 6 + c->chars +
           (uint64_t)c->leap * (width + 4) + c->isstd + c->isut;
}

static bool take_block(struct zone *z, struct str s, const struct counts *c, unsigned width)
{
    const char *types_of = s.p + (size_t)c->times * width;
    const char *types = types_of + c->times;

    if (c->times > TIMES_MAX || c->types == 0 || c->types > TYPES_MAX || c->leap != 0)
        return false;
    z->n_times = c->times;
    z->n_types = c->types;
    z->times = xcalloc(z->n_times + 1, sizeof(*z->times));
    z->types_of = xcalloc(z->n_times + 1, 1);
    for (size_t i = 0; i < z->n_times; i++) {
        z->times[i] = bounded(width == 8 ? be64(s.p + i * 8) : (int32_t)be32(s.p + i * 4));
        z->types_of[i] = (uint8_t)types_of[i];
        if (z->types_of[i] >= z->n_types || (i > 0 && z->times[i] <= z->times[i - 1]))
            return false;
    }
    for (size_t i = 0; i < z->n_types; i++) {
        z->types[i] = (struct type){(int32_t)be32(types + i * 6), types[i * 6 + 4] != 0};
        if (z->types[i].offset > OFFSET_MAX || z->types[i].offset < -OFFSET_MAX)
            return false;
    }
    return true;
}

/* "\nRULE\n"; an empty rule: what held last goes on. */
static bool take_footer(struct zone *z, struct str s)
{
    struct str rest = str_skip(s, 1);
    ptrdiff_t end = str_index(rest, '\n');

    if (s.len == 0 || s.p[0] != '\n' || end < 0 || end > FOOTER_MAX)
        return false;
    if (end == 0)
        return true;
    z->has_rule = true;
    return zone_rule_parse((struct str){rest.p, (size_t)end}, &z->rule);
}

static bool parse(struct zone *z, struct str s)
{
    struct counts c;
    char version;
    unsigned width = 4;

    if (!take_header(&s, &version, &c))
        return false;
    if (version >= '2') { /* everything once more, with 64 bits */
        uint64_t skip = block_bytes(&c, 4);

        if (skip > s.len)
            return false;
        s = str_skip(s, (size_t)skip);
        if (!take_header(&s, &version, &c) || version < '2')
            return false;
        width = 8;
    }
    if (block_bytes(&c, width) > s.len || !take_block(z, s, &c, width))
        return false;
    return width == 4 || take_footer(z, str_skip(s, (size_t)block_bytes(&c, width)));
}

int zone_parse(struct str bytes, struct zone **out, struct error *err)
{
    struct zone *z = xcalloc(1, sizeof(*z));

    if (bytes.len > ZONE_FILE_MAX || !parse(z, bytes)) {
        zone_free(z);
        return error_set(err, "it is not a sound time zone file");
    }
    *out = z;
    return 0;
}

void zone_free(struct zone *z)
{
    if (z == NULL)
        return;
    free(z->times);
    free(z->types_of);
    free(z);
}

bool zone_name_is_good(struct str name)
{
    bool begins = true; /* a part of it */

    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];

        if (c == '/' && begins)
            return false;
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !str_is_digit(c) && c != '_' &&
            c != '+' && c != '-' && c != '/')
            return false;
        begins = c == '/';
    }
    return !begins && name.len <= ZONE_NAME_MAX;
}

static bool is_utc(struct str name)
{
    return str_eq(name, STR("UTC")) || str_eq(name, STR("Etc/UTC"));
}

/* The name is good. */
static void file_of(struct str name, char path[PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, ZONE_FOLDER "%.*s", STR_ARGS(name)); /* fits */
}

bool zone_is_there(struct str name)
{
    char path[PATH_BYTES];
    struct stat st;

    if (!zone_name_is_good(name))
        return false;
    if (is_utc(name))
        return true;
    file_of(name, path);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int zone_load(struct str name, struct zone **out, struct error *err)
{
    char path[PATH_BYTES];
    struct buf bytes = BUF_INIT;
    int rc = -1;

    if (!zone_name_is_good(name))
        return error_set(err, "a time zone is a name such as Europe/Berlin or UTC");
    if (is_utc(name)) {
        *out = xcalloc(1, sizeof(**out));
        (*out)->n_types = 1;
        return 0;
    }
    file_of(name, path);
    if (fd_read_file(path, ZONE_FILE_MAX, &bytes, err) == 0)
        rc = zone_parse(buf_view(&bytes), out, err);
    if (rc != 0)
        error_wrap(err, "time zone %.*s", STR_ARGS(name));
    buf_fini(&bytes);
    return rc;
}

/* --- looking up --- */

/* How many changes are not after `at`. */
static size_t changes_until(const struct zone *z, int64_t at)
{
    size_t low = 0;
    size_t high = z->n_times;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (z->times[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t zone_offset(const struct zone *z, int64_t at, bool *is_dst)
{
    size_t n = changes_until(z, bounded(at));
    const struct type *t = &z->types[n > 0 ? z->types_of[n - 1] : 0];
    bool dst = t->is_dst;
    int32_t offset = t->offset;

    if (n == z->n_times && z->has_rule)
        offset = zone_rule_offset(&z->rule, bounded(at), &dst);
    if (is_dst != NULL)
        *is_dst = dst;
    return offset;
}

int64_t zone_next_change(const struct zone *z, int64_t at)
{
    size_t n = changes_until(z, bounded(at));

    if (n < z->n_times)
        return z->times[n];
    return z->has_rule && at < MOMENT_MAX ? zone_rule_next(&z->rule, bounded(at)) : INT64_MAX;
}

int64_t zone_day_begin(const struct zone *z, int64_t day)
{
    int64_t midnight = bounded(day * DAY_S); /* as clocks there show it */
    int64_t from = midnight - OFFSET_MAX;    /* surely before it */

    for (;;) {
        int64_t next = zone_next_change(z, from);
        int64_t at = midnight - zone_offset(z, from, NULL);

        if (at < from) /* a jump went over it */
            return from;
        if (at < next)
            return at;
        from = next;
    }
}

int64_t zone_day_of(const struct zone *z, int64_t at)
{
    int64_t local = bounded(at) + zone_offset(z, at, NULL);
    int64_t day = (local >= 0 ? local : local - DAY_S + 1) / DAY_S;

    while (zone_day_begin(z, day + 1) <= bounded(at))
        day++;
    return day;
}
