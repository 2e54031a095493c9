/* `models.<name>.targets`, and by what a model tells callers apart. */
#include "conf/load_targets.h"

#include <string.h>

#include "conf/groups.h"
#include "conf/values.h"

#define WEIGHT_MAX 1000000 /* thousandths */
#define SHARE_WHOLE 100000 /* thousandths of a percent */
#define ROUTE_TAGS_MAX 16  /* of one target or key */
#define CALLER_NAME_MAX 64 /* of a header or a field */

static_assert(offsetof(struct conf_target, n_tags) ==
                  offsetof(struct conf_target, tags) + sizeof(char **),
              "load_set_texts");
static_assert(offsetof(struct conf_provider_key, n_tags) ==
                  offsetof(struct conf_provider_key, tags) + sizeof(char **),
              "load_set_texts");

/* --- tags --- */

void load_set_route_tags(struct load *l, const struct load_at *at, const struct load_key *key,
                         void *object)
{
    const struct node *item = at->node->child;

    if (at->node->type == NODE_SEQUENCE && at->node->n > ROUTE_TAGS_MAX) {
        load_fail(l, at, "must have at most %d items, has %u", ROUTE_TAGS_MAX, at->node->n);
        return;
    }
    for (size_t i = 0; at->node->type == NODE_SEQUENCE && item != NULL; item = item->next, i++) {
        struct load_at down = {at, item, STR_NONE, i};

        if (item->type == NODE_SCALAR && !load_name_is_good(l, &down, item->text, NAME_MAX_BYTES))
            return;
    }
    load_set_texts(l, at, key, object);
}

/* --- targets --- */

static void set_name(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_target *t = object;
    struct str text;
    ptrdiff_t slash;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    slash = str_index(text, '/');
    if (slash == 0 || (slash > 0 && (size_t)slash + 1 == text.len) || text.len == 0 ||
        text.len > MODEL_MAX_BYTES) {
        load_fail(l, at, "must be written provider/model, is %s",
                  findings_quote(l->findings, text));
        return;
    }
    t->name = text.p;
    if (slash < 0)
        return;
    t->provider = arena_cstr(l->arena, (struct str){text.p, (size_t)slash});
    t->model = text.p + slash + 1;
}

static void set_share(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct conf_target *t = object;
    uint64_t share;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (!str_ends(text, STR("%")) ||
        !value_thousandths((struct str){text.p, text.len - 1}, &share) || share == 0 ||
        share > SHARE_WHOLE)
        load_must_be(l, at, "a percentage above 0% and up to 100% such as 5% or 0.5%");
    else
        t->share = (uint32_t)share;
}

static const struct load_key target_keys[] = {
    {"model", "provider/model or name", set_name, 0, 0, 0, true},
    {"weight", "number", load_set_weight, offsetof(struct conf_target, weight), 0, WEIGHT_MAX,
     false},
    {"share", "percentage", set_share, 0, 0, 0, false},
    {"tags", "list of names", load_set_route_tags, offsetof(struct conf_target, tags), 0, 0, false},
    {"concurrency", "whole number", load_set_u32, offsetof(struct conf_target, concurrency), 1,
     CONF_CONCURRENCY_MAX, false},
};
const struct load_table table_target = {"models.<name>.targets[]", target_keys,
                                        ARRAY_LEN(target_keys)};

/* A star stands for what it stood for in the model's own name. */
static bool stars_are_good(struct load *l, const struct load_at *at, const struct conf_model *m,
                           const struct conf_target *t)
{
    const char *star = strchr(t->name, '*');

    if (star == NULL)
        return true;
    if (m->name == NULL || strchr(m->name, '*') == NULL) {
        load_fail(l, at, "must name one model, not a pattern, is %s",
                  findings_quote(l->findings, str_of(t->name)));
        return false;
    }
    if (strchr(star + 1, '*') != NULL || t->provider == NULL || strchr(t->provider, '*') != NULL) {
        load_fail(l, at, "may have one * behind the provider's slash, is %s",
                  findings_quote(l->findings, str_of(t->name)));
        return false;
    }
    return true;
}

void load_set_targets(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct conf_model *m = object;
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of targets such as [\"openai/gpt-4o\"]"))
        return;
    if (at->node->n == 0 || at->node->n > GROUP_TARGETS_MAX) {
        load_fail(l, at, "must have between 1 and %d items, has %u", GROUP_TARGETS_MAX,
                  at->node->n);
        return;
    }
    m->targets = arena_zalloc(l->arena, at->node->n * sizeof(*m->targets));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct conf_target t = {.weight = 1000, .origin = load_origin(l, item)};

        if (item->type == NODE_MAPPING)
            load_object(l, &down, &table_target, &t);
        else
            set_name(l, &down, NULL, &t);
        if (t.share > 0 && item->type == NODE_MAPPING && node_has(item, "weight"))
            load_fail(l, &down, "has share beside weight: write one of the two");
        if (t.name != NULL && stars_are_good(l, &down, m, &t))
            m->targets[m->n_targets++] = t;
    }
}

/* --- callers --- */

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];
        char lower = (char)(c | 0x20);

        if (!str_is_digit(c) && (lower < 'a' || lower > 'z') && c != '-' && c != '_')
            return false;
    }
    return name.len > 0 && name.len <= CALLER_NAME_MAX;
}

void load_set_caller(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_caller *out = (void *)((char *)object + key->offset);
    struct str text;
    ptrdiff_t colon;
    char *name;

    if (!load_text(l, at, &text, NULL))
        return;
    if (str_eq(text, STR("key"))) {
        out->kind = CONF_CALLER_KEY;
        return;
    }
    colon = str_index(text, ':');
    if (colon < 0 || !is_name(str_skip(text, (size_t)colon + 1)) ||
        (!str_starts(text, STR("header:")) && !str_starts(text, STR("body:")))) {
        load_must_be(l, at, "key, header:NAME or body:FIELD");
        return;
    }
    name = (char *)(uintptr_t)arena_cstr(l->arena, str_skip(text, (size_t)colon + 1));
    out->kind = text.p[0] == 'h' ? CONF_CALLER_HEADER : CONF_CALLER_BODY;
    for (char *c = name; out->kind == CONF_CALLER_HEADER && *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    out->name = name;
}
