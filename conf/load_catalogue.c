/* `catalogue:`: what is known of models, from the file itself or from one of its own. */
#include "conf/load.h"

#include <string.h>
#include <sys/stat.h>

#include "conf/set.h"
#include "server/base/buf.h"
#include "server/base/fd.h"

#define TOKENS_MAX 1000000000
#define ID_MAX_BYTES 256
#define DATE_HELP "a date: 2025-09-29, 2025-09 or 2025"

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

static bool digits(struct str text, size_t n, uint32_t max, uint32_t *out)
{
    uint64_t value;

    if (text.len != n || !str_parse_u64(text, &value) || value == 0 || value > max)
        return false;
    *out = (uint32_t)value;
    return true;
}

/* As yyyymmdd, with 00 for what is not told. */
static void set_date(struct load *l, const struct load_at *at, const struct load_key *key,
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
    {"released", "date", set_date, KNOWN(released), 0, 0, false},
    {"knowledge", "date", set_date, KNOWN(knowledge), 0, 0, false},
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

static void set_models(struct load *l, const struct load_at *at, struct config *c)
{
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

/* Findings of the other file, with its name before them. */
static void adopt_findings(struct load *l, int line, const struct findings *inner)
{
    for (size_t i = 0; i < inner->n; i++)
        findings_add(l->findings, line, "%s:%d: %s", inner->file, inner->items[i].line,
                     inner->items[i].text);
}

static void load_file(struct load *l, const struct load_at *at, const char *path)
{
    struct findings *outer = l->findings;
    struct findings *inner = arena_zalloc(outer->arena, sizeof(*inner));
    struct error err = ERROR_INIT;
    struct buf text = BUF_INIT;
    struct node *root = NULL;
    struct stat st;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* a pipe would keep us waiting */
        load_fail(l, at, "must name a regular file, %s is none", path);
        return;
    }
    if (fd_read_file(path, YAML_FILE_MAX, &text, &err) != 0) {
        load_fail(l, at, "cannot be read: %s", err.text);
        buf_fini(&text);
        return;
    }
    findings_init(inner, path, outer->arena);
    l->findings = inner;
    if (yaml_tree(outer->arena, buf_view(&text), inner, &root) == 0 && root != NULL) {
        struct load_at top = {NULL, root, STR_NONE, 0};

        if (root->type == NODE_MAPPING)
            set_models(l, &top, l->config);
        else
            findings_add(inner, root->line, "a catalogue is a mapping of models, this is %s",
                         node_type_name(root));
    }
    l->findings = outer;
    adopt_findings(l, at->node->line, inner);
    buf_fini(&text);
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
        load_file(l, at, path.p);
        return;
    }
    if (load_is_type(l, at, NODE_MAPPING, "a mapping of models, or a file's name"))
        set_models(l, at, c);
}
