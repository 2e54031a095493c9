/* `catalogue:`: what is known of models, from the file itself or from one of its own. */
#include "conf/load.h"

#include <string.h>

#include "conf/set.h"
#include "server/base/buf.h"

#define TOKENS_MAX 1000000000
#define ID_MAX_BYTES 256

/* In the order of enum conf_can's bits. */
const char *const conf_can_names[CONF_CANS] = {"chat",      "embed",     "rerank", "images",
                                               "audio",     "documents", "tools",  "schema",
                                               "reasoning", "adaptive",  "effort", "system_turns"};

static void set_can(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    struct conf_known *k = object;
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of words such as [chat, tools]"))
        return;
    k->has_can = true;
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct str word;
        size_t bit = 0;

        if (!load_text(l, &down, &word, NULL))
            continue;
        while (bit < CONF_CANS && !str_eq(word, str_of(conf_can_names[bit])))
            bit++;
        if (bit == CONF_CANS)
            load_must_be(l, &down,
                         "one of chat, embed, rerank, images, audio, documents, tools, schema, "
                         "reasoning, adaptive, effort, system_turns");
        else
            k->can |= 1u << bit;
    }
}

/* --- ids --- */

static const char *find_vendor(const struct load *l, struct str name)
{
    for (size_t i = 0; i < l->vendors->n; i++) {
        if (str_eq(name, str_of(l->vendors->items[i].name)))
            return l->vendors->items[i].name;
    }
    return NULL;
}

static void add_id(struct load *l, const struct load_at *at, const char *vendor,
                   struct conf_known *k)
{
    struct conf_known_id *id = &k->ids[k->n_ids];
    struct str text;

    if (!load_text(l, at, &text, NULL))
        return;
    if (text.len == 0 || text.len > ID_MAX_BYTES) {
        load_fail(l, at, "must be 1 to %d bytes long", ID_MAX_BYTES);
        return;
    }
    *id = (struct conf_known_id){vendor, text.p, at->node->line};
    k->n_ids++;
}

/* One id needs no list. */
static void add_vendor_ids(struct load *l, const struct load_at *at, const char *vendor,
                           struct conf_known *k)
{
    size_t index = 0;

    if (at->node->type == NODE_SCALAR) {
        add_id(l, at, vendor, k);
        return;
    }
    if (!load_is_type(l, at, NODE_SEQUENCE, "an id or a list of them"))
        return;
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};

        add_id(l, &down, vendor, k);
    }
}

static void set_ids(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    struct conf_known *k = object;

    (void)key;
    if (!load_is_type(l, at, NODE_MAPPING, "a mapping of vendors to ids"))
        return;
    k->ids = arena_alloc(l->arena, at->node->weight * sizeof(*k->ids));
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        struct load_at down = load_down(at, member);
        const char *vendor = find_vendor(l, member->key);

        if (vendor == NULL)
            findings_add(l->findings, member->key_line, "%s: there is no vendor %s",
                         load_path(l, at), findings_quote(l->findings, member->key));
        else
            add_vendor_ids(l, &down, vendor, k);
    }
}

#define KNOWN(member) offsetof(struct conf_known, member)
static const struct load_key known_keys[] = {
    {"title", "text", load_set_text, KNOWN(title), 0, 0, false},
    {"maker", "text", load_set_text, KNOWN(maker), 0, 0, false},
    {"released", "date", load_set_date, KNOWN(released), 0, 0, false},
    {"knowledge", "date", load_set_date, KNOWN(knowledge), 0, 0, false},
    {"context", "whole number", load_set_u32, KNOWN(context), 1, TOKENS_MAX, false},
    {"max_output", "whole number", load_set_u32, KNOWN(max_output), 1, TOKENS_MAX, false},
    {"can", "list of words", set_can, 0, 0, 0, false},
    {"ids", "mapping of vendors to ids", set_ids, 0, 0, 0, false},
};
const struct load_table table_known = {"catalogue.<name>", known_keys, ARRAY_LEN(known_keys)};

/* --- the whole --- */

static bool name_is_good(struct load *l, const struct load_at *at, struct str name)
{
    bool good = name.len > 0 && name.len <= MODEL_MAX_BYTES;

    for (size_t i = 0; i < name.len && good; i++)
        good = (unsigned char)name.p[i] > 0x20 && name.p[i] != 0x7f && name.p[i] != '*';
    if (!good)
        findings_add(l->findings, at->node->key_line,
                     "catalogue: a model's name has 1 to %d characters, no blanks and no *, is %s",
                     MODEL_MAX_BYTES, findings_quote(l->findings, name));
    return good;
}

/* What a vendor calls one model it cannot call another one. */
static void check_ids(struct load *l, const struct config *c)
{
    struct set seen;
    struct buf key = BUF_INIT;

    set_init(&seen, c->n_catalogue);
    for (size_t i = 0; i < c->n_catalogue; i++) {
        const struct conf_known *k = &c->catalogue[i];

        for (size_t j = 0; j < k->n_ids; j++) {
            int line;

            buf_clear(&key);
            buf_printf(&key, "%s\n%s", k->ids[j].vendor, k->ids[j].id);
            line = set_add(&seen, arena_str(l->findings->arena, buf_view(&key)), k->ids[j].line);
            if (line > 0)
                findings_add(l->findings, k->ids[j].line, "catalogue.%s.ids: %s's %s is in line %d",
                             k->name, k->ids[j].vendor,
                             findings_quote(l->findings, str_of(k->ids[j].id)), line);
        }
    }
    set_fini(&seen);
    buf_fini(&key);
}

static void set_models(struct load *l, const struct load_at *at)
{
    struct config *c = l->config;

    if (at->node->n > CONF_CATALOGUE_MAX) {
        findings_add(l->findings, at->node->line, "catalogue: at most %d models, there are %u",
                     CONF_CATALOGUE_MAX, at->node->n);
        return;
    }
    c->catalogue = arena_zalloc(l->arena, ((size_t)at->node->n + 1) * sizeof(*c->catalogue));
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        struct load_at down = load_down(at, member);
        struct conf_known *k = &c->catalogue[c->n_catalogue];

        if (!name_is_good(l, &down, member->key))
            continue;
        k->name = arena_cstr(l->arena, member->key);
        if (!node_is_null(member))
            load_object(l, &down, &table_known, k);
        c->n_catalogue++;
    }
    check_ids(l, c);
}

void load_set_catalogue(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    struct config *c = object;

    (void)key;
    if (at->node->type == NODE_SCALAR) {
        struct str path;

        if (!load_text(l, at, &path, NULL))
            return;
        c->catalogue_file = path.p;
        load_other_file(l, at, path.p, set_models, "a catalogue is a mapping of models");
        return;
    }
    if (load_is_type(l, at, NODE_MAPPING, "a mapping of models, or a file's name"))
        set_models(l, at);
}
