/* Routing rules into the image: those of keys first, then teams, customers, everybody's. */
#include <stdlib.h>
#include <string.h>

#include "conf/routing.h"
#include "server/base/alloc.h"
#include "server/master/build.h"

static_assert((int)CONF_RULE_KEY == (int)RULE_OF_KEY && (int)CONF_RULE_TEAM == (int)RULE_OF_TEAM &&
                  (int)CONF_RULE_CUSTOMER == (int)RULE_OF_CUSTOMER &&
                  (int)CONF_RULE_GLOBAL == (int)RULE_OF_ALL,
              "one list");
static_assert(CONF_RULES_MAX <= RULES_MAX, "what may be configured fits");

/* Places in the configuration; ties keep the file's order. */
static int compare(const void *left, const void *right, void *ctx)
{
    const struct conf_rule *rules = ctx;
    uint32_t x = *(const uint32_t *)left, y = *(const uint32_t *)right;
    const struct conf_rule *a = &rules[x], *b = &rules[y];

    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    return x < y ? -1 : 1;
}

static void add_rule(struct build *b, const struct conf_rule *r, struct pub_rule *out)
{
    out->name = build_text(b, str_of(r->name));
    out->use = build_text(b, str_of(r->use));
    out->whose = build_text(b, str_of(r->whose));
    out->scope = r->scope;
    out->priority = r->priority;
    if (r->when == NULL)
        return;
    out->when = build_text(b, str_of(r->when));
    /* (0 says that there is none) */
    if (b->programs.len == 0)
        buf_add(&b->programs, "\0\0\0\0\0\0\0\0", 8);
    out->program = (uint32_t)b->programs.len;
    buf_str(&b->programs, r->program);
}

int build_rules(struct build *b, struct error *err)
{
    uint32_t *order = xcalloc(b->conf->n_rules + 1, sizeof(*order));

    must(conf_rule_variables.n == RULE_VARIABLES);
    for (uint32_t i = 0; i < RULE_VARIABLES; i++)
        must(strcmp(conf_rule_variables.items[i].name, rule_variable_names[i]) == 0);
    for (uint32_t i = 0; i < b->conf->n_rules; i++)
        order[i] = i;
    qsort_r(order, b->conf->n_rules, sizeof(*order), compare, b->conf->rules);
    b->rules = xcalloc(b->conf->n_rules + 1, sizeof(*b->rules));
    for (size_t i = 0; i < b->conf->n_rules; i++)
        add_rule(b, &b->conf->rules[order[i]], &b->rules[b->n_rules++]);
    free(order);
    if (b->programs.len > PUBLISHED_HALF_BYTES / 4)
        return error_set(err, "the rules' conditions take %zu bytes, at most %u fit",
                         b->programs.len, PUBLISHED_HALF_BYTES / 4);
    return 0;
}
