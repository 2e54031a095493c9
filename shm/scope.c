#include "shm/scope.h"

#include <arpa/inet.h>
#include <string.h>

#include "shm/owners.h"

/* Fields: a byte of kind, two of length, then so many bytes; numbers as this machine has them. */
enum field {
    FIELD_PROVIDER = 1,
    FIELD_DENIED,
    FIELD_ROUTES,
    FIELD_NETWORK,
    FIELD_MCP_TOOLS,
    FIELD_TAGS,
    FIELD_BOOKS_AS,
    FIELD_BOOKS_NAME,
    FIELD_ALIASES,
};
#define FIELD_HEAD 3

struct provider_head {
    uint32_t weight, owner;
    uint16_t name_len, models_len, denied_len, zero;
};

struct network_bytes {
    uint8_t address[16];
    uint8_t bits;
};
#define NETWORK_BITS 128

const char *const scope_route_names[SCOPE_ROUTES] = {
    "chat",  "completions", "responses", "embeddings", "rerank", "images",
    "audio", "files",       "batches",   "models",     "other",
};

/* --- packing --- */

static void put_head(struct buf *out, enum field kind, size_t len)
{
    uint16_t n = (uint16_t)len;

    must(len <= UINT16_MAX);
    buf_char(out, (char)kind);
    buf_add(out, &n, sizeof(n));
}

static void put_text(struct buf *out, enum field kind, struct str text)
{
    if (text.len == 0)
        return;
    put_head(out, kind, text.len);
    buf_str(out, text);
}

static void put_provider(struct buf *out, const struct scope_provider *p)
{
    struct provider_head head = {p->weight,
                                 p->owner,
                                 (uint16_t)p->name.len,
                                 (uint16_t)p->models.len,
                                 (uint16_t)p->denied.len,
                                 0};

    must(p->name.len <= UINT16_MAX && p->models.len <= UINT16_MAX && p->denied.len <= UINT16_MAX);
    put_head(out, FIELD_PROVIDER, sizeof(head) + p->name.len + p->models.len + p->denied.len);
    buf_add(out, &head, sizeof(head));
    buf_str(out, p->name);
    buf_str(out, p->models);
    buf_str(out, p->denied);
}

void scope_encode(const struct scope *s, struct buf *out)
{
    must(s->n_providers <= SCOPE_PROVIDERS_MAX && s->n_networks <= SCOPE_NETWORKS_MAX);
    for (uint32_t i = 0; i < s->n_providers; i++)
        put_provider(out, &s->providers[i]);
    put_text(out, FIELD_DENIED, s->denied_models);
    if (s->routes != 0)
        put_text(out, FIELD_ROUTES, (struct str){(const char *)&s->routes, sizeof(s->routes)});
    for (uint32_t i = 0; i < s->n_networks; i++) {
        struct network_bytes n = {.bits = (uint8_t)s->networks[i].bits};

        memcpy(n.address, s->networks[i].address, sizeof(n.address));
        put_text(out, FIELD_NETWORK, (struct str){(const char *)&n, sizeof(n)});
    }
    put_text(out, FIELD_MCP_TOOLS, s->mcp_tools);
    put_text(out, FIELD_TAGS, s->tags);
    if (s->books_as != 0)
        put_text(out, FIELD_BOOKS_AS,
                 (struct str){(const char *)&s->books_as, sizeof(s->books_as)});
    put_text(out, FIELD_BOOKS_NAME, s->books_name);
    put_text(out, FIELD_ALIASES, s->aliases);
}

/* --- reading --- */

static int take_provider(struct str in, struct scope *out)
{
    struct provider_head head;
    struct scope_provider *p = &out->providers[out->n_providers];

    if (in.len < sizeof(head) || out->n_providers == SCOPE_PROVIDERS_MAX)
        return -1;
    memcpy(&head, in.p, sizeof(head));
    in = str_skip(in, sizeof(head));
    if (in.len != (size_t)head.name_len + head.models_len + head.denied_len || head.name_len == 0)
        return -1;
    p->name = (struct str){in.p, head.name_len};
    p->models = (struct str){in.p + head.name_len, head.models_len};
    p->denied = (struct str){in.p + head.name_len + head.models_len, head.denied_len};
    p->weight = head.weight;
    p->owner = head.owner < OWNERS_MAX ? head.owner : ROW_NONE;
    out->n_providers++;
    return 0;
}

static int take_network(struct str in, struct scope *out)
{
    struct network_bytes bytes;
    struct scope_network *n = &out->networks[out->n_networks];

    if (in.len != sizeof(bytes) || out->n_networks == SCOPE_NETWORKS_MAX)
        return -1;
    memcpy(&bytes, in.p, sizeof(bytes));
    if (bytes.bits > NETWORK_BITS)
        return -1;
    memcpy(n->address, bytes.address, sizeof(n->address));
    n->bits = bytes.bits;
    out->n_networks++;
    return 0;
}

static int take_number(struct str in, void *out, size_t size)
{
    if (in.len != size)
        return -1;
    memcpy(out, in.p, size);
    return 0;
}

static int take_field(uint8_t kind, struct str in, struct scope *out)
{
    switch (kind) {
    case FIELD_PROVIDER:
        return take_provider(in, out);
    case FIELD_DENIED:
        out->denied_models = in;
        return 0;
    case FIELD_ROUTES:
        return take_number(in, &out->routes, sizeof(out->routes));
    case FIELD_NETWORK:
        return take_network(in, out);
    case FIELD_MCP_TOOLS:
        out->mcp_tools = in;
        return 0;
    case FIELD_TAGS:
        out->tags = in;
        return 0;
    case FIELD_BOOKS_AS:
        return take_number(in, &out->books_as, sizeof(out->books_as));
    case FIELD_BOOKS_NAME:
        out->books_name = in;
        return 0;
    case FIELD_ALIASES:
        out->aliases = in;
        return 0;
    default:
        return 0;
    }
}

int scope_decode(struct str in, struct scope *out)
{
    out->n_providers = 0;
    out->n_networks = 0;
    out->routes = 0;
    out->books_as = 0;
    out->denied_models = out->mcp_tools = out->tags = out->books_name = out->aliases = STR_NONE;
    while (in.len > 0) {
        uint16_t len;

        if (in.len < FIELD_HEAD)
            return -1;
        memcpy(&len, in.p + 1, sizeof(len));
        if (in.len - FIELD_HEAD < len ||
            take_field((uint8_t)in.p[0], (struct str){in.p + FIELD_HEAD, len}, out) != 0)
            return -1;
        in = str_skip(in, FIELD_HEAD + (size_t)len);
    }
    return 0;
}

/* --- networks --- */

/* As IPv6; an IPv4 address is mapped into it. False: it is none. */
static bool parse_address(struct str text, uint8_t out[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[INET6_ADDRSTRLEN + 1];

    if (str_eq(text, STR("unix"))) /* who speaks to our socket file is on this machine */
        text = STR("127.0.0.1");
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET6, copy, out) == 1)
        return true;
    memcpy(out, mapped, sizeof(mapped));
    return inet_pton(AF_INET, copy, out + sizeof(mapped)) == 1;
}

static bool is_within(const uint8_t address[16], const struct scope_network *n)
{
    uint32_t whole = n->bits / 8;
    uint32_t rest = n->bits % 8;

    if (n->bits > 128 || memcmp(address, n->address, whole) != 0)
        return false;
    return rest == 0 || (address[whole] ^ n->address[whole]) >> (8 - rest) == 0;
}

bool scope_is_from(const struct scope *s, struct str peer)
{
    uint8_t address[16];

    if (s->n_networks == 0)
        return true;
    if (!parse_address(peer, address))
        return false;
    for (uint32_t i = 0; i < s->n_networks; i++) {
        if (is_within(address, &s->networks[i]))
            return true;
    }
    return false;
}
