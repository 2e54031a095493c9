#include "server/master/entity_record.h"

#include <string.h>

#include "server/master/keyring.h"

/* Version 1 were keys alone, in another form (keycodec.c). */
#define RECORD_VERSION 2
#define HINT_MAX KEY_NAME_MAX /* what the first version could hold */
#define BODY_MAX 131072

struct head {
    uint8_t version, kind, parent_kind, n_aliases;
    uint32_t hint_len, marks_len, body_len;
    uint64_t created_ms, parent;
    uint8_t hash[SHA256_BYTES];
};
static_assert(sizeof(struct head) == 64, "what is on disk stays readable");

enum store_table entity_table(enum conf_kind kind)
{
    static const enum store_table tables[CONF_KINDS] = {STORE_CUSTOMERS, STORE_TEAMS, STORE_KEYS,
                                                        STORE_LIMITS};

    must(kind < CONF_KINDS);
    return tables[kind];
}

struct str entity_store_key(uint64_t id, char out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = (char)(id >> (56 - 8 * i) & 0xff);
    return (struct str){out, 8};
}

bool entity_store_id(struct str key, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < key.len && i < 8; i++)
        *out = *out << 8 | (uint8_t)key.p[i];
    return key.len == 8 && *out != 0;
}

void entity_encode(const struct entity_record *r, struct buf *out)
{
    struct head head = {.version = RECORD_VERSION,
                        .kind = (uint8_t)r->kind,
                        .parent_kind = (uint8_t)r->parent_kind,
                        .n_aliases = (uint8_t)r->n_aliases,
                        .hint_len = (uint32_t)r->hint.len,
                        .body_len = (uint32_t)r->body.len,
                        .created_ms = r->created_ms,
                        .parent = r->parent};
    struct buf marks = BUF_INIT;

    must(r->n_aliases <= ALIASES_MAX);
    marks_encode(&r->marks, &marks);
    head.marks_len = (uint32_t)marks.len;
    memcpy(head.hash, r->hash, sizeof(head.hash));
    buf_add(out, &head, sizeof(head));
    buf_str(out, r->hint);
    buf_add(out, r->aliases, r->n_aliases * sizeof(r->aliases[0]));
    buf_str(out, buf_view(&marks));
    buf_str(out, r->body);
    buf_fini(&marks);
}

static struct str take(struct str *in, size_t n)
{
    struct str out = {in->p, n};

    *in = str_skip(*in, n);
    return out;
}

static int decode_now(struct str in, struct arena *a, struct entity_record *out)
{
    struct head head;
    struct str aliases;

    memcpy(&head, in.p, sizeof(head));
    in = str_skip(in, sizeof(head));
    if (head.kind != out->kind || head.parent_kind >= CONF_KINDS || head.n_aliases > ALIASES_MAX ||
        head.hint_len > HINT_MAX || head.body_len > BODY_MAX || head.marks_len > in.len ||
        in.len !=
            head.hint_len + head.n_aliases * sizeof(struct alias) + head.marks_len + head.body_len)
        return -1;
    out->created_ms = head.created_ms;
    out->parent = head.parent;
    out->parent_kind = (enum conf_kind)head.parent_kind;
    memcpy(out->hash, head.hash, sizeof(out->hash));
    out->hint = take(&in, head.hint_len);
    aliases = take(&in, head.n_aliases * sizeof(struct alias));
    out->n_aliases = head.n_aliases;
    if (aliases.len > 0)
        memcpy(out->aliases, aliases.p, aliases.len);
    if (marks_decode(take(&in, head.marks_len), a, &out->marks) != 0)
        return -1;
    out->body = in;
    return 0;
}

/* A key of the first version, as the JSON that it is now. */
static int decode_first(struct str in, struct arena *a, struct entity_record *out)
{
    struct conf_entity e = {.kind = CONF_KEY};
    struct virtual_key k;
    struct buf body = BUF_IN(a);
    struct str models;
    struct str model;
    const char **list;

    if (out->kind != CONF_KEY || key_decode(in, out->id, &k) != 0)
        return -1;
    list = arena_alloc(a, (k.models.len + 1) * sizeof(*list));
    e.name = e.key.name = arena_cstr(a, k.name);
    models = k.models;
    while (k.models.len > 0 && str_next(&models, '\0', &model))
        list[e.key.n_models++] = arena_cstr(a, model);
    e.key.models = list;
    e.key.expires_ms = k.expires_ms;
    e.key.active = (k.flags & KEY_ACTIVE) != 0;
    e.key.strict = (k.flags & KEY_STRICT) != 0;
    conf_entity_json(&e, &body);
    out->created_ms = k.created_ms;
    memcpy(out->hash, k.hash, sizeof(out->hash));
    out->hint = k.hint;
    out->body = buf_view(&body);
    return 0;
}

int entity_decode(struct str in, enum conf_kind kind, uint64_t id, struct arena *a,
                  struct entity_record *out)
{
    *out = (struct entity_record){.kind = kind, .id = id};
    if (in.len < sizeof(struct head) || id == 0)
        return -1;
    return in.p[0] == RECORD_VERSION ? decode_now(in, a, out) : decode_first(in, a, out);
}
