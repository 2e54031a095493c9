#include "tools/mock/model.h"

#include "server/base/base.h"

static const struct {
    const char *prefix;
    enum model_kind kind;
    uint32_t least, most;
} FAMILIES[] = {
    {"lorem-", MODEL_LOREM, 0, MODEL_TOKENS_MAX},
    {"slow-", MODEL_SLOW, 0, MODEL_DELAY_MAX_MS},
    {"error-", MODEL_ERROR, 400, 599},
    {"cut-", MODEL_CUT, 0, MODEL_TOKENS_MAX},
    {"flaky-", MODEL_FLAKY, 0, 100},
    {"tool-", MODEL_TOOL, 1, MODEL_CALLS_MAX},
};

static const struct {
    const char *name;
    enum model_kind kind;
    uint32_t number;
} PLAIN[] = {{"echo", MODEL_ECHO, 0},  {"hang", MODEL_HANG, 0},   {"tool", MODEL_TOOL, 1},
             {"json", MODEL_JSON, 0},  {"think", MODEL_THINK, 1}, {"refuse", MODEL_REFUSE, 0},
             {"image", MODEL_IMAGE, 0}};

static const char *const LISTED[] = {"echo",  "lorem-100", "lorem-200-20", "slow-1000", "error-429",
                                     "hang",  "cut-5",     "tool",         "tool-2",    "json",
                                     "think", "refuse",    "image",        "flaky-10"};

static bool parse_number(struct str text, uint32_t least, uint32_t most, uint32_t *out)
{
    uint64_t n;

    if (!str_parse_u64(text, &n) || n < least || n > most)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool parse_family(size_t family, struct str rest, struct model *out)
{
    struct str number;
    struct model m = {.kind = FAMILIES[family].kind};

    if (!str_next(&rest, '-', &number) ||
        !parse_number(number, FAMILIES[family].least, FAMILIES[family].most, &m.number))
        return false;
    if (rest.p != NULL &&
        (m.kind != MODEL_LOREM || !parse_number(rest, 0, MODEL_DELAY_MAX_MS, &m.gap_ms)))
        return false;
    *out = m;
    return true;
}

/* "claude-think": what some vendors give depends on the model's family. */
static struct str without_family(struct str name)
{
    static const char *const PREFIXES[] = {"claude-", "gemini-3-"};

    for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++) {
        if (str_starts(name, str_of(PREFIXES[i])))
            return str_skip(name, str_of(PREFIXES[i]).len);
    }
    return name;
}

bool model_parse(struct str name, struct model *out)
{
    name = without_family(name);
    for (size_t i = 0; i < ARRAY_LEN(PLAIN); i++) {
        if (str_eq(name, str_of(PLAIN[i].name))) {
            *out = (struct model){.kind = PLAIN[i].kind, .number = PLAIN[i].number};
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(FAMILIES); i++) {
        struct str prefix = str_of(FAMILIES[i].prefix);

        if (str_starts(name, prefix))
            return parse_family(i, str_skip(name, prefix.len), out);
    }
    *out = (struct model){.kind = MODEL_ECHO};
    return true;
}

struct str model_listed(size_t i)
{
    return i < ARRAY_LEN(LISTED) ? str_of(LISTED[i]) : STR_NONE;
}
