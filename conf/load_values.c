#include "conf/load.h"

#include <stdio.h>
#include <string.h>

#include "conf/values.h"
#include "server/base/buf.h"
#include "server/base/when.h"

#define DATE_HELP "a date: 2025-09-29, 2025-09 or 2025"

static void *place(void *object, const struct load_key *key)
{
    return (char *)object + key->offset;
}

static void out_of_bounds(struct load *l, const struct load_at *at, const struct load_key *key,
                          void (*format)(struct buf *, uint64_t))
{
    struct buf b = BUF_INIT;

    buf_cstr(&b, "must be between ");
    format(&b, key->min);
    buf_cstr(&b, " and ");
    format(&b, key->max);
    load_fail(l, at, "%s, is %s", b.data, findings_quote(l->findings, at->node->text));
    buf_fini(&b);
}

static void format_number(struct buf *b, uint64_t n)
{
    buf_u64(b, n);
}

static bool within(const struct load_key *key, uint64_t value)
{
    return value >= key->min && value <= key->max;
}

void load_set_text(struct load *l, const struct load_at *at, const struct load_key *key,
                   void *object)
{
    const char **out = place(object, key);
    struct str text;

    if (!load_text(l, at, &text, NULL))
        return;
    if (text.len == 0)
        load_fail(l, at, "must not be empty");
    else
        *out = text.p;
}

void load_set_bool(struct load *l, const struct load_at *at, const struct load_key *key,
                   void *object)
{
    struct str text;

    if (load_text(l, at, &text, NULL) && !value_bool(text, place(object, key)))
        load_must_be(l, at, "true or false");
}

static bool whole_number(struct load *l, const struct load_at *at, const struct load_key *key,
                         uint64_t *out)
{
    struct str text;
    uint64_t value;

    if (!load_text(l, at, &text, NULL))
        return false;
    if (!str_parse_u64(text, &value)) {
        char what[80];

        (void)snprintf(what, sizeof(what), "a whole number between %llu and %llu",
                       (unsigned long long)key->min, (unsigned long long)key->max);
        load_must_be(l, at, what);
        return false;
    }
    if (!within(key, value)) {
        out_of_bounds(l, at, key, format_number);
        return false;
    }
    *out = value;
    return true;
}

void load_set_u32(struct load *l, const struct load_at *at, const struct load_key *key,
                  void *object)
{
    uint64_t value;
    uint32_t *out = place(object, key);

    must(key->max <= UINT32_MAX);
    if (whole_number(l, at, key, &value))
        *out = (uint32_t)value;
}

void load_set_u64(struct load *l, const struct load_at *at, const struct load_key *key,
                  void *object)
{
    uint64_t value;
    uint64_t *out = place(object, key);

    if (whole_number(l, at, key, &value))
        *out = value;
}

/* A number with its unit or fraction: how it is read, told to a human, and shown. */
struct measure {
    bool (*parse)(struct str text, uint64_t *out);
    const char *help;
    void (*format)(struct buf *b, uint64_t value);
};

static bool measured(struct load *l, const struct load_at *at, const struct load_key *key,
                     const struct measure *measure, uint64_t *out)
{
    struct str text;
    uint64_t value;

    if (!load_text(l, at, &text, NULL))
        return false;
    if (!measure->parse(text, &value)) {
        load_must_be(l, at, measure->help);
        return false;
    }
    if (!within(key, value)) {
        out_of_bounds(l, at, key, measure->format);
        return false;
    }
    *out = value;
    return true;
}

void load_set_duration(struct load *l, const struct load_at *at, const struct load_key *key,
                       void *object)
{
    static const struct measure duration = {value_duration, VALUE_DURATION_HELP,
                                            value_format_duration};
    uint64_t value;
    uint64_t *out = place(object, key);

    if (measured(l, at, key, &duration, &value))
        *out = value;
}

void load_set_size(struct load *l, const struct load_at *at, const struct load_key *key,
                   void *object)
{
    static const struct measure size = {value_size, VALUE_SIZE_HELP, value_format_size};
    uint64_t value;
    uint64_t *out = place(object, key);

    if (measured(l, at, key, &size, &value))
        *out = value;
}

void load_set_weight(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    static const struct measure weight = {
        value_thousandths, "a number such as 1 or 0.2 (at most three digits behind the point)",
        value_format_thousandths};
    uint64_t value;
    uint32_t *out = place(object, key);

    if (measured(l, at, key, &weight, &value))
        *out = (uint32_t)value;
}

void load_set_time(struct load *l, const struct load_at *at, const struct load_key *key,
                   void *object)
{
    struct str text;

    if (load_text(l, at, &text, NULL) && !when_parse(text, place(object, key)))
        load_must_be(l, at, VALUE_TIME_HELP);
}

static bool digits(struct str text, size_t n, uint32_t max, uint32_t *out)
{
    uint64_t value;

    if (text.len != n || !str_parse_u64(text, &value) || value == 0 || value > max)
        return false;
    *out = (uint32_t)value;
    return true;
}

void load_set_date(struct load *l, const struct load_at *at, const struct load_key *key,
                   void *object)
{
    uint32_t year = 0;
    uint32_t month = 0;
    uint32_t day = 0;
    struct str rest;
    struct str part;
    bool good;

    if (!load_text(l, at, &rest, NULL))
        return;
    good = str_next(&rest, '-', &part) && digits(part, 4, 9999, &year);
    if (good && str_next(&rest, '-', &part))
        good = digits(part, 2, 12, &month);
    if (good && month > 0 && str_next(&rest, '-', &part))
        good = digits(part, 2, 31, &day);
    if (!good || rest.len > 0)
        load_must_be(l, at, DATE_HELP);
    else
        *(uint32_t *)(void *)((char *)object + key->offset) = year * 10000 + month * 100 + day;
}

void load_set_secret(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct secret_text *out = place(object, key);
    struct secret_text secret;

    if (!load_text(l, at, &secret.bytes, &secret.source))
        return;
    if (secret.bytes.len == 0) {
        load_fail(l, at, "must not be empty");
        return;
    }
    for (size_t i = 0; i < secret.bytes.len; i++) {
        unsigned char c = (unsigned char)secret.bytes.p[i];

        /* It becomes a header's value: a line end in it would start another header. */
        if (c < 0x20 || c == 0x7f) {
            load_fail(l, at, "must not contain line ends or other control characters");
            return;
        }
    }
    *out = secret;
}

static bool list_item(struct load *l, const struct load_at *at, const char **out)
{
    struct str text;

    if (!load_text(l, at, &text, NULL))
        return false;
    if (text.len == 0 || text.len > MODEL_MAX_BYTES) {
        load_fail(l, at, "must be between 1 and %d bytes long", MODEL_MAX_BYTES);
        return false;
    }
    *out = text.p;
    return true;
}

void load_set_texts(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    const char *const **out = place(object, key);
    size_t *out_n = (size_t *)(void *)((char *)object + key->offset + sizeof(*out));
    const char **items;
    size_t n = 0;
    size_t index = 0;

    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of texts"))
        return;
    if (at->node->n > LIST_ITEMS_MAX) {
        load_fail(l, at, "must have at most %d items, has %u", LIST_ITEMS_MAX, at->node->n);
        return;
    }
    items = arena_alloc(l->arena, (at->node->n + 1) * sizeof(*items));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};

        if (list_item(l, &down, &items[n]))
            n++;
    }
    *out = items;
    *out_n = n;
}

bool load_name_is_good(struct load *l, const struct load_at *at, struct str name, size_t max)
{
    bool good = name.len > 0 && name.len <= max;

    for (size_t i = 0; i < name.len && good; i++) {
        char c = name.p[i];

        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    }
    if (!good)
        findings_add(l->findings, at->node->line,
                     "%s: a name here has 1 to %zu of the characters A-Z a-z 0-9 . _ -, is %s",
                     load_path(l, at), max, findings_quote(l->findings, name));
    return good;
}
