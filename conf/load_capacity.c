#include "conf/load_capacity.h"

#include <inttypes.h>
#include <stdio.h>

#include "conf/values.h"

#define AMOUNT_MAX 1000000000000ull

static const struct {
    char letter;
    uint64_t ms;
} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};

bool capacity_parse(struct str text, struct conf_rate *out)
{
    ptrdiff_t slash = str_index(text, '/');
    struct str number = {text.p, slash > 0 ? (size_t)slash : 0};
    struct str unit = slash > 0 ? str_skip(text, (size_t)slash + 1) : STR_NONE;
    unsigned digits = 0;
    uint64_t amount;

    if (str_ends(number, STR("k")))
        digits = 3;
    else if (str_ends(number, STR("M")))
        digits = 6;
    number.len -= digits != 0;
    if (unit.len != 1 || !value_decimal(number, digits, AMOUNT_MAX, &amount) || amount == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (unit.p[0] != units[i].letter)
            continue;
        *out = (struct conf_rate){amount, units[i].ms};
        return true;
    }
    return false;
}

void capacity_format(char text[static CAPACITY_TEXT_MAX], const struct conf_rate *rate)
{
    char letter = 's';
    bool is_thousands = rate->amount % 1000 == 0;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].ms == rate->per_ms)
            letter = units[i].letter;
    }
    (void)snprintf(text, CAPACITY_TEXT_MAX, "%" PRIu64 "%s/%c",
                   is_thousands ? rate->amount / 1000 : rate->amount, is_thousands ? "k" : "",
                   letter);
}

static void set_rate(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_rate *out = (struct conf_rate *)(void *)((char *)object + key->offset);
    struct str text;

    if (load_text(l, at, &text, NULL) && !capacity_parse(text, out))
        load_must_be(l, at, "a rate such as 10/s, 500/m, 200k/m or 1.5M/h");
}

static const struct load_key capacity_keys[] = {
    {"requests", "rate", set_rate, offsetof(struct conf_capacity, requests), 0, 0, false},
    {"tokens", "rate", set_rate, offsetof(struct conf_capacity, tokens), 0, 0, false},
};
const struct load_table table_capacity = {"providers.<name>.keys[].capacity", capacity_keys,
                                          ARRAY_LEN(capacity_keys)};

void load_set_capacity(struct load *l, const struct load_at *at, const struct load_key *key,
                       void *object)
{
    load_object(l, at, &table_capacity, (char *)object + key->offset);
}
