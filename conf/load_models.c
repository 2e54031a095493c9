/* `models:` and `virtual_keys:`. */
#include "conf/load_content.h"
#include "conf/load_hedge.h"
#include "conf/load_money.h"
#include "conf/load_routing.h"
#include "conf/load_shadow.h"
#include "conf/load_targets.h"

#include <stdio.h>
#include <string.h>

#include "conf/values.h"
#include "server/base/crypto.h"

#define VIRTUAL_KEY_MIN 16 /* shorter ones can be guessed */
#define VIRTUAL_KEY_MAX 512
#define HINT_TAIL 4
#define MILLISECONDS_DIGITS 13 /* of a time since 1970: no year has so many */

static_assert(offsetof(struct conf_virtual_key, n_models) ==
                  offsetof(struct conf_virtual_key, models) + sizeof(char **),
              "load_set_texts");

/* --- models --- */

static const struct load_key model_keys[] = {
    {"targets", "list of targets", load_set_targets, 0, 0, 0, true},
    {"fallbacks", "list of names", load_set_fallbacks, offsetof(struct conf_model, fallbacks), 0, 0,
     false},
    {"timeout", "mapping", load_set_model_timeout, 0, 0, 0, false},
    {"hedge", "mapping", load_set_hedge, 0, 0, 0, false},
    {"shadow", "mapping", load_set_shadow, 0, 0, 0, false},
    {"sticky", "caller", load_set_caller, offsetof(struct conf_model, sticky), 0, 0, false},
    {"affinity", "caller", load_set_caller, offsetof(struct conf_model, affinity), 0, 0, false},
    {"queue", "mapping", load_set_queue, offsetof(struct conf_model, queue), 0, 0, false},
    {"context_fallbacks", "list of names", load_set_fallback_list,
     offsetof(struct conf_model, context_fallbacks), 0, 0, false},
    {"content_filter_fallbacks", "list of names", load_set_fallback_list,
     offsetof(struct conf_model, filter_fallbacks), 0, 0, false},
    {"throughput", "mapping", load_set_throughput, 0, 0, 0, false},
};
const struct load_table table_model = {"models.<name>", model_keys, ARRAY_LEN(model_keys)};

static bool model_name_is_good(struct load *l, const struct load_at *at, struct str name)
{
    bool good = name.len > 0 && name.len <= MODEL_MAX_BYTES;
    size_t stars = 0;

    for (size_t i = 0; i < name.len && good; i++) {
        good = (unsigned char)name.p[i] > 0x20 && name.p[i] != 0x7f;
        stars += name.p[i] == '*';
    }
    good = good && stars <= 1;
    if (!good)
        findings_add(l->findings, at->node->key_line,
                     "models: a model's name has 1 to %d characters, no blanks and at most one *, "
                     "is %s",
                     MODEL_MAX_BYTES, findings_quote(l->findings, name));
    return good;
}

void load_set_models(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct config *c = object;

    (void)key;
    if (!load_is_type(l, at, NODE_MAPPING, "a mapping of names to targets"))
        return;
    if (at->node->n > CONF_MODELS_MAX) {
        load_fail(l, at, "must have at most %d members, has %u", CONF_MODELS_MAX, at->node->n);
        return;
    }
    c->models = arena_zalloc(l->arena, (at->node->n + 1) * sizeof(*c->models));
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        struct load_at down = load_down(at, member);
        struct conf_model *m = &c->models[c->n_models];

        if (!model_name_is_good(l, &down, member->key))
            continue;
        m->name = arena_cstr(l->arena, member->key);
        m->origin = (struct conf_origin){l->findings->file, member->key_line};
        load_object(l, &down, &table_model, m);
        c->n_models++;
    }
}

/* --- virtual_keys --- */

static void set_key_name(struct load *l, const struct load_at *at, const struct load_key *key,
                         void *object)
{
    struct str text;
    bool good;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    good = text.len > 0 && text.len <= CONF_NAME_MAX;
    for (size_t i = 0; i < text.len && good; i++)
        good = (unsigned char)text.p[i] >= 0x20 && text.p[i] != 0x7f;
    if (!good)
        load_fail(l, at, "must be 1 to %d printable characters", CONF_NAME_MAX);
    else
        ((struct conf_virtual_key *)object)->name = text.p;
}

/* Enough to recognise it, too little to use it. */
static const char *hint_of(struct load *l, struct str key)
{
    bool is_ours = str_starts(key, STR("sk-bf-"));

    return arena_printf(l->arena, "%s...%.*s", is_ours ? "sk-bf-" : "", HINT_TAIL,
                        key.p + key.len - HINT_TAIL)
        .p;
}

static void set_key_value(struct load *l, const struct load_at *at, const struct load_key *key,
                          void *object)
{
    struct conf_virtual_key *k = object;
    const char *source;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, &source))
        return;
    if (str_starts(text, STR("sha256:"))) {
        if (crypto_unhex(str_skip(text, 7), k->hash, SHA256_BYTES) != 0)
            load_fail(l, at, "must have 64 hexadecimal digits behind sha256:");
        else
            k->hint = "";
        return;
    }
    if (text.len < VIRTUAL_KEY_MIN || text.len > VIRTUAL_KEY_MAX) {
        load_fail(l, at, "must be %d to %d characters long%s%s, has %zu", VIRTUAL_KEY_MIN,
                  VIRTUAL_KEY_MAX, source != NULL ? " in " : "", source != NULL ? source : "",
                  text.len);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.p[i] <= 0x20 || (unsigned char)text.p[i] >= 0x7f) {
            load_fail(l, at, "must be printable ASCII without blanks: it travels in a header");
            return;
        }
    }
    crypto_sha256(text, k->hash);
    k->hint = hint_of(l, text);
}

static void set_key_hash(struct load *l, const struct load_at *at, const struct load_key *key,
                         void *object)
{
    struct conf_virtual_key *k = object;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (crypto_unhex(text, k->hash, SHA256_BYTES) != 0)
        load_fail(l, at, "must have 64 hexadecimal digits");
    else if (k->hint != NULL)
        load_fail(l, at, "stands beside value: write one of the two");
    else
        k->hint = "";
}

/* To the millisecond, as programs have it, or as people write it. */
static void set_expires(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    struct conf_virtual_key *k = object;
    struct str text;
    uint64_t ms;

    if (!load_text(l, at, &text, NULL))
        return;
    if (text.len == MILLISECONDS_DIGITS && str_parse_u64(text, &ms))
        k->expires_ms = ms;
    else
        load_set_time(l, at, key, object);
}

#define VIRTUAL(member) offsetof(struct conf_virtual_key, member)
#define SCOPE(member) offsetof(struct conf_key_scope, member)
static const struct load_key virtual_key_keys[] = {
    {"name", "text", set_key_name, 0, 0, 0, true},
    {"value", "secret", set_key_value, 0, 0, 0, false},
    {"hash", "64 hexadecimal digits", set_key_hash, 0, 0, 0, false},
    {"models", "list of globs", load_set_texts, VIRTUAL(models), 0, 0, false},
    {"deny_models", "list of globs", load_set_scope_texts, SCOPE(denied_models), 0, 0, false},
    {"expires", "time", set_expires, VIRTUAL(expires_ms), 0, 0, false},
    {"active", "true or false", load_set_bool, VIRTUAL(active), 0, 0, false},
    {"strict", "true or false", load_set_bool, VIRTUAL(strict), 0, 0, false},
    {"priority", "high, normal or low", load_set_priority, VIRTUAL(priority), 0, 0, false},
    {"team", "name of a team", load_set_team, 0, 0, 0, false},
    {"customer", "name of a customer", load_set_customer, 0, 0, 0, false},
    LOAD_RULES(0, LOAD_RULES_OF_KEY),
    {"providers", "list of mappings or names", load_set_key_providers, 0, 0, 0, false},
    {"routes", "list of words", load_set_routes, 0, 0, 0, false},
    {"networks", "list of networks", load_set_networks, 0, 0, 0, false},
    {"mcp_tools", "list of globs", load_set_scope_texts, SCOPE(mcp_tools), 0, 0, false},
    {"aliases", "mapping of names", load_set_aliases, 0, 0, 0, false},
    {"tags", "list of texts", load_set_scope_tags, SCOPE(tags), 0, 0, false},
    {"metadata", "mapping", load_set_scope_metadata, SCOPE(metadata), 0, 0, false},
};
const struct load_table table_virtual_key = {"virtual_keys[]", virtual_key_keys,
                                             ARRAY_LEN(virtual_key_keys)};

void load_set_virtual_keys(struct load *l, const struct load_at *at, const struct load_key *key,
                           void *object)
{
    struct config *c = object;
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of mappings with name and value"))
        return;
    c->keys = arena_zalloc(l->arena, ((size_t)at->node->n + 1) * sizeof(*c->keys));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct conf_virtual_key *k = &c->keys[c->n_keys];

        k->active = true;
        k->origin = load_origin(l, item);
        load_object(l, &down, &table_virtual_key, k);
        load_scope_check(l, &down, k);
        if (item->type == NODE_MAPPING && !node_has(item, "value") && !node_has(item, "hash"))
            load_fail(l, &down, "needs value (secret)");
        if (k->name != NULL)
            c->n_keys++; /* one whose value was refused too: its name is still checked */
        else
            memset(k, 0, sizeof(*k));
    }
}
