#include "providers/reasoning.h"

#include "providers/chat_text.h"

/* The table: see README.md, "Efforts and budgets". */
static const struct {
    enum chat_effort effort;
    const char *name;
    int64_t budget;
} table[] = {
    {EFFORT_NONE, "none", 0},     {EFFORT_MINIMAL, "minimal", 1024},
    {EFFORT_LOW, "low", 2048},    {EFFORT_MEDIUM, "medium", 8192},
    {EFFORT_HIGH, "high", 24576}, {EFFORT_XHIGH, "xhigh", 32768},
    {EFFORT_MAX, "max", 65536},
};

#define BUDGET_MIN 1024 /* Anthropic refuses less */

bool reasoning_is_set(const struct chat_reasoning *r)
{
    return r->effort != EFFORT_UNSET || r->budget != BUDGET_UNSET || r->adaptive;
}

enum chat_effort reasoning_effort(const struct chat_reasoning *r)
{
    if (r->effort != EFFORT_UNSET)
        return r->effort;
    if (r->budget == BUDGET_UNSET)
        return r->adaptive ? EFFORT_HIGH : EFFORT_UNSET;
    if (r->budget < 0)
        return EFFORT_MEDIUM;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (r->budget <= table[i].budget)
            return table[i].effort;
    }
    return EFFORT_MAX;
}

static int64_t budget_of(enum chat_effort effort)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].effort == effort)
            return table[i].budget;
    }
    return BUDGET_UNSET;
}

int64_t reasoning_budget(const struct chat_reasoning *r, uint64_t max_tokens)
{
    int64_t budget = r->budget;

    if (budget == BUDGET_UNSET)
        budget = r->effort != EFFORT_UNSET ? budget_of(r->effort) : r->adaptive ? -1 : BUDGET_UNSET;
    if (budget <= 0 || max_tokens == 0 || (uint64_t)budget < max_tokens)
        return budget;
    /* half of what may be written, so that something is left for the answer */
    return max_tokens / 2 >= BUDGET_MIN ? (int64_t)(max_tokens / 2) : 0;
}

enum chat_effort reasoning_parse(struct str escaped)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (text_is(escaped, table[i].name))
            return table[i].effort;
    }
    return EFFORT_UNSET;
}

const char *reasoning_name(enum chat_effort e)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].effort == e)
            return table[i].name;
    }
    return NULL;
}
