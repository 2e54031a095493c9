/* What a virtual key has beside its name, value and models; tags and metadata of any entity. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "conf/load_money.h"
#include "conf/values.h"

#define WEIGHT_MAX 1000000 /* thousandths */
#define V4_BITS 96         /* where an IPv4 address begins in the IPv6 one */
#define METADATA_DEPTH_MAX 16

static_assert(offsetof(struct conf_key_provider, n_models) ==
                  offsetof(struct conf_key_provider, models) + sizeof(char **),
              "load_set_texts");
static_assert(offsetof(struct conf_key_provider, n_denied) ==
                  offsetof(struct conf_key_provider, denied) + sizeof(char **),
              "load_set_texts");
static_assert(offsetof(struct conf_key_scope, n_denied) ==
                  offsetof(struct conf_key_scope, denied_models) + sizeof(char **),
              "load_set_texts");
static_assert(offsetof(struct conf_key_scope, n_mcp_tools) ==
                  offsetof(struct conf_key_scope, mcp_tools) + sizeof(char **),
              "load_set_texts");
static_assert(offsetof(struct conf_key_scope, n_tags) ==
                  offsetof(struct conf_key_scope, tags) + sizeof(char **),
              "load_set_texts");

struct conf_key_scope *load_scope(struct load *l, void *virtual_key)
{
    struct conf_virtual_key *k = virtual_key;

    if (k->scope == NULL)
        k->scope = arena_zalloc(l->arena, sizeof(*k->scope));
    return k->scope;
}

void load_set_scope_texts(struct load *l, const struct load_at *at, const struct load_key *key,
                          void *object)
{
    load_set_texts(l, at, key, load_scope(l, object));
}

void load_set_scope_tags(struct load *l, const struct load_at *at, const struct load_key *key,
                         void *object)
{
    load_set_tags(l, at, key, load_scope(l, object));
}

void load_set_scope_metadata(struct load *l, const struct load_at *at, const struct load_key *key,
                             void *object)
{
    load_set_metadata(l, at, key, load_scope(l, object));
}

/* --- tags and metadata --- */

void load_set_tags(struct load *l, const struct load_at *at, const struct load_key *key,
                   void *object)
{
    const struct node *item = at->node->child;

    if (at->node->type == NODE_SEQUENCE && at->node->n > CONF_TAGS_MAX) {
        load_fail(l, at, "must have at most %d items, has %u", CONF_TAGS_MAX, at->node->n);
        return;
    }
    for (size_t i = 0; at->node->type == NODE_SEQUENCE && item != NULL; item = item->next, i++) {
        struct load_at down = {at, item, STR_NONE, i};

        if (item->type == NODE_SCALAR && item->text.len > CONF_TAG_BYTES_MAX) {
            load_fail(l, &down, "must be at most %d bytes long", CONF_TAG_BYTES_MAX);
            return;
        }
    }
    load_set_texts(l, at, key, object);
}

static size_t skip_digits(struct str s, size_t at)
{
    while (at < s.len && str_is_digit(s.p[at]))
        at++;
    return at;
}

/* As RFC 8259 has it: what YAML calls a number may be none there (01, +1, .5, 0x1f). */
static bool is_json_number(struct str s)
{
    size_t at = s.len > 0 && s.p[0] == '-';
    size_t from = at;

    at = skip_digits(s, at);
    if (at == from || (s.p[from] == '0' && at > from + 1))
        return false;
    if (at < s.len && s.p[at] == '.') {
        from = ++at;
        at = skip_digits(s, at);
        if (at == from)
            return false;
    }
    if (at < s.len && (s.p[at] == 'e' || s.p[at] == 'E')) {
        at++;
        at += at < s.len && (s.p[at] == '+' || s.p[at] == '-');
        from = at;
        at = skip_digits(s, at);
        if (at == from)
            return false;
    }
    return at == s.len;
}

/* What is no number, true, false or null to JSON is a text. */
static void put_scalar(struct buf *out, const struct node *node)
{
    if (node_is_null(node))
        buf_cstr(out, "null");
    else if (node->plain && (str_eq(node->text, STR("true")) || str_eq(node->text, STR("false")) ||
                             is_json_number(node->text)))
        buf_str(out, node->text);
    else
        buf_json(out, node->text);
}

static bool put_node(struct buf *out, const struct node *node, int depth)
{
    bool is_mapping = node->type == NODE_MAPPING;

    if (node->type == NODE_SCALAR) {
        put_scalar(out, node);
        return true;
    }
    if (depth == METADATA_DEPTH_MAX || out->len > CONF_METADATA_MAX)
        return false;
    buf_char(out, is_mapping ? '{' : '[');
    for (const struct node *n = node->child; n != NULL; n = n->next) {
        if (n != node->child)
            buf_char(out, ',');
        if (is_mapping) {
            buf_json(out, n->key);
            buf_char(out, ':');
        }
        if (!put_node(out, n, depth + 1))
            return false;
    }
    buf_char(out, is_mapping ? '}' : ']');
    return true;
}

void load_set_metadata(struct load *l, const struct load_at *at, const struct load_key *key,
                       void *object)
{
    const char **out = (const char **)(void *)((char *)object + key->offset);
    struct buf text = BUF_INIT;

    if (!load_is_type(l, at, NODE_MAPPING, "a mapping"))
        return;
    if (!put_node(&text, at->node, 0) || text.len > CONF_METADATA_MAX)
        load_fail(l, at, "must be at most %d bytes of JSON and %d levels deep", CONF_METADATA_MAX,
                  METADATA_DEPTH_MAX);
    else if (at->node->n > 0)
        *out = arena_cstr(l->arena, buf_view(&text));
    buf_fini(&text);
}

/* --- virtual_keys[].providers[] --- */

static void set_provider_name(struct load *l, const struct load_at *at, const struct load_key *key,
                              void *object)
{
    struct str text;

    (void)key;
    if (load_text(l, at, &text, NULL) && load_name_is_good(l, at, text, NAME_MAX_BYTES))
        ((struct conf_key_provider *)object)->provider = text.p;
}

#define PROVIDER(member) offsetof(struct conf_key_provider, member)
static const struct load_key key_provider_keys[] = {
    {"provider", "name of a provider", set_provider_name, 0, 0, 0, true},
    {"models", "list of globs", load_set_texts, PROVIDER(models), 0, 0, false},
    {"deny_models", "list of globs", load_set_texts, PROVIDER(denied), 0, 0, false},
    {"weight", "number", load_set_weight, PROVIDER(weight), 0, WEIGHT_MAX, false},
    LOAD_RULES(PROVIDER(rules), LOAD_RULES_INSIDE),
};
const struct load_table table_key_provider = {"virtual_keys[].providers[]", key_provider_keys,
                                              ARRAY_LEN(key_provider_keys)};

void load_set_key_providers(struct load *l, const struct load_at *at, const struct load_key *key,
                            void *object)
{
    struct conf_key_scope *s = load_scope(l, object);
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of mappings such as [{ provider: openai }]"))
        return;
    if (at->node->n > CONF_KEY_PROVIDERS_MAX) {
        load_fail(l, at, "must have at most %d items, has %u", CONF_KEY_PROVIDERS_MAX, at->node->n);
        return;
    }
    s->providers = arena_zalloc(l->arena, (at->node->n + 1) * sizeof(*s->providers));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct conf_key_provider one = {.weight = 1000};

        if (item->type == NODE_SCALAR) /* a name needs no mapping */
            set_provider_name(l, &down, NULL, &one);
        else
            load_object(l, &down, &table_key_provider, &one);
        load_rules_check(l, &down, &one.rules);
        if (one.provider == NULL)
            continue;
        for (size_t i = 0; i < s->n_providers; i++) {
            if (strcmp(s->providers[i].provider, one.provider) == 0)
                load_fail(l, &down, "names provider %s a second time", one.provider);
        }
        s->providers[s->n_providers++] = one;
    }
}

/* --- routes, networks --- */

void load_set_routes(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_key_scope *s = load_scope(l, object);
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of words such as [chat, embeddings]"))
        return;
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        const char *nearest;
        struct str text;
        uint32_t bit = 0;

        if (!load_text(l, &down, &text, NULL))
            return;
        while (bit < CONF_ROUTES && !str_eq(text, str_of(conf_route_names[bit])))
            bit++;
        if (bit < CONF_ROUTES) {
            s->routes |= 1u << bit;
            continue;
        }
        nearest = str_nearest(text, conf_route_names, CONF_ROUTES);
        load_fail(l, &down, "names no kind of route%s%s%s, is %s",
                  nearest != NULL ? ", did you mean \"" : "", nearest != NULL ? nearest : "",
                  nearest != NULL ? "\"?" : "", findings_quote(l->findings, text));
        return;
    }
}

static bool parse_network(struct str text, struct conf_network *out)
{
    ptrdiff_t slash = str_index(text, '/');
    struct str host = {text.p, slash < 0 ? text.len : (size_t)slash};
    char name[INET6_ADDRSTRLEN];
    uint64_t bits;
    uint32_t max;

    if (host.len == 0 || host.len >= sizeof(name))
        return false;
    memcpy(name, host.p, host.len);
    name[host.len] = '\0';
    *out = (struct conf_network){.bits = 0};
    if (inet_pton(AF_INET, name, out->address + 12) == 1) {
        out->address[10] = out->address[11] = 0xff;
        max = 32;
    } else if (inet_pton(AF_INET6, name, out->address) == 1) {
        max = 128;
    } else {
        return false;
    }
    bits = max;
    if (slash >= 0 && (!str_parse_u64(str_skip(text, (size_t)slash + 1), &bits) || bits > max))
        return false;
    out->bits = (uint32_t)bits + (max == 32 ? V4_BITS : 0);
    return true;
}

/* 10.1.2.3/8 may be a slip of the pen for /32 as well as for 10.0.0.0/8. */
static bool has_host_bits(const struct conf_network *n)
{
    for (uint32_t bit = n->bits; bit < 128; bit++) {
        if ((n->address[bit / 8] & (0x80u >> bit % 8)) != 0)
            return true;
    }
    return false;
}

void load_set_networks(struct load *l, const struct load_at *at, const struct load_key *key,
                       void *object)
{
    struct conf_key_scope *s = load_scope(l, object);
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of networks such as [10.0.0.0/8]"))
        return;
    if (at->node->n > CONF_NETWORKS_MAX) {
        load_fail(l, at, "must have at most %d items, has %u", CONF_NETWORKS_MAX, at->node->n);
        return;
    }
    s->networks = arena_zalloc(l->arena, (at->node->n + 1) * sizeof(*s->networks));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct conf_network one;
        struct str text;

        if (!load_text(l, &down, &text, NULL))
            continue;
        if (!parse_network(text, &one))
            load_must_be(l, &down, "a network such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32");
        else if (has_host_bits(&one))
            load_fail(l, &down, "has an address that goes on behind its prefix, is %s",
                      findings_quote(l->findings, text));
        else
            s->networks[s->n_networks++] = one;
    }
}

/* --- aliases --- */

static bool alias_is_good(struct load *l, const struct load_at *at, struct str text, bool is_name)
{
    bool good = text.len > 0 && text.len <= MODEL_MAX_BYTES;

    for (size_t i = 0; i < text.len && good; i++)
        good = (unsigned char)text.p[i] > 0x20 && text.p[i] != 0x7f && text.p[i] != '*';
    if (!good)
        load_fail(l, at, "%s 1 to %d characters, no blanks and no *, is %s",
                  is_name ? "has a name that must be" : "must be", MODEL_MAX_BYTES,
                  findings_quote(l->findings, text));
    return good;
}

void load_set_aliases(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct conf_key_scope *s = load_scope(l, object);
    const char **texts;

    (void)key;
    if (!load_is_type(l, at, NODE_MAPPING, "a mapping such as { gpt-4o: openai/gpt-4o-mini }"))
        return;
    if (at->node->n > CONF_ALIASES_MAX) {
        load_fail(l, at, "must have at most %d members, has %u", CONF_ALIASES_MAX, at->node->n);
        return;
    }
    texts = arena_zalloc(l->arena, (2 * (size_t)at->node->n + 1) * sizeof(*texts));
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        struct load_at down = load_down(at, member);
        struct str to;

        if (node_is_null(member)) /* as everywhere: not there */
            continue;
        if (!alias_is_good(l, &down, member->key, true) || !load_text(l, &down, &to, NULL) ||
            !alias_is_good(l, &down, to, false))
            continue;
        texts[s->n_aliases++] = arena_cstr(l->arena, member->key);
        texts[s->n_aliases++] = to.p;
    }
    s->aliases = texts;
}

/* --- the key as a whole --- */

void load_scope_check(struct load *l, const struct load_at *at, const struct conf_virtual_key *k)
{
    if (k->scope == NULL)
        return;
    if (k->scope->team != NULL && k->scope->customer != NULL)
        load_fail(l, at, "has team and customer: a team's key has the team's customer");
    load_rules_check(l, at, &k->scope->rules);
}
