#include "shm/record.h"

#include <endian.h>
#include <string.h>

#include <msgpack.h>

#include "shm/outbox.h"
#include "shm/record_primary.h"
#include "shm/record_trail.h"

/* Numbers of fields are for ever: what LMDB holds is read by later versions. */
enum record_field {
    FIELD_VERSION,
    FIELD_ID,
    FIELD_BEGUN_MS,
    FIELD_KEY_ID,
    FIELD_KEY_NAME,
    FIELD_PROVIDER,
    FIELD_PROVIDER_KEY,
    FIELD_MODEL,
    FIELD_ASKED,
    FIELD_ENDPOINT,
    FIELD_FAIL,
    FIELD_STATUS,
    FIELD_UPSTREAM_STATUS,
    FIELD_ATTEMPTS,
    FIELD_FLAGS,
    FIELD_SLOT,
    FIELD_ROW,
    FIELD_TOKENS_INPUT,
    FIELD_TOKENS_OUTPUT,
    FIELD_TOKENS_CACHED,
    FIELD_TOKENS_REASONING,
    FIELD_FIRST_BYTE_US,
    FIELD_TOTAL_US,
    FIELD_BYTES_IN,
    FIELD_BYTES_OUT,
    FIELD_TOKENS_WRITTEN_5M,
    FIELD_TOKENS_WRITTEN_1H,
    FIELD_TOKENS_AUDIO_IN,
    FIELD_TOKENS_AUDIO_OUT,
    FIELD_TOKENS_TOOL_INPUT,
    FIELD_SEARCHES,
    FIELD_TEAM_ID,
    FIELD_CUSTOMER_ID,
    FIELD_COST_NANOUSD,
    FIELD_SERVICE,
    FIELD_BOOKINGS,
    FIELD_TRAIL,
    FIELD_PRIMARY,
    FIELDS
};

enum field_kind {
    KIND_SKIP,
    KIND_U32,
    KIND_U64,
    KIND_TEXT,
    KIND_ID,
    KIND_BOOKINGS,
    KIND_TRAIL,
    KIND_PRIMARY
};

struct field {
    enum field_kind kind;
    size_t offset; /* in struct record */
};

#define FIELD(kind, name)                                                                          \
    {                                                                                              \
        (kind), offsetof(struct record, name)                                                      \
    }

static const struct field fields[FIELDS] = {
    [FIELD_ID] = FIELD(KIND_ID, id),
    [FIELD_BEGUN_MS] = FIELD(KIND_U64, begun_ms),
    [FIELD_KEY_ID] = FIELD(KIND_U64, key_id),
    [FIELD_KEY_NAME] = FIELD(KIND_TEXT, key_name),
    [FIELD_PROVIDER] = FIELD(KIND_TEXT, provider),
    [FIELD_PROVIDER_KEY] = FIELD(KIND_TEXT, provider_key),
    [FIELD_MODEL] = FIELD(KIND_TEXT, model),
    [FIELD_ASKED] = FIELD(KIND_TEXT, asked),
    [FIELD_ENDPOINT] = FIELD(KIND_TEXT, endpoint),
    [FIELD_FAIL] = FIELD(KIND_TEXT, fail),
    [FIELD_STATUS] = FIELD(KIND_U32, status),
    [FIELD_UPSTREAM_STATUS] = FIELD(KIND_U32, upstream_status),
    [FIELD_ATTEMPTS] = FIELD(KIND_U32, attempts),
    [FIELD_FLAGS] = FIELD(KIND_U32, flags),
    [FIELD_SLOT] = FIELD(KIND_U32, slot),
    [FIELD_ROW] = FIELD(KIND_U32, row),
    [FIELD_TOKENS_INPUT] = FIELD(KIND_U64, tokens.input),
    [FIELD_TOKENS_OUTPUT] = FIELD(KIND_U64, tokens.output),
    [FIELD_TOKENS_CACHED] = FIELD(KIND_U64, tokens.cached),
    [FIELD_TOKENS_REASONING] = FIELD(KIND_U64, tokens.reasoning),
    [FIELD_FIRST_BYTE_US] = FIELD(KIND_U64, first_byte_us),
    [FIELD_TOTAL_US] = FIELD(KIND_U64, total_us),
    [FIELD_BYTES_IN] = FIELD(KIND_U64, bytes_in),
    [FIELD_BYTES_OUT] = FIELD(KIND_U64, bytes_out),
    [FIELD_TOKENS_WRITTEN_5M] = FIELD(KIND_U64, details.written_5m),
    [FIELD_TOKENS_WRITTEN_1H] = FIELD(KIND_U64, details.written_1h),
    [FIELD_TOKENS_AUDIO_IN] = FIELD(KIND_U64, details.audio_in),
    [FIELD_TOKENS_AUDIO_OUT] = FIELD(KIND_U64, details.audio_out),
    [FIELD_TOKENS_TOOL_INPUT] = FIELD(KIND_U64, details.tool_input),
    [FIELD_SEARCHES] = FIELD(KIND_U64, details.searches),
    [FIELD_TEAM_ID] = FIELD(KIND_U64, team_id),
    [FIELD_CUSTOMER_ID] = FIELD(KIND_U64, customer_id),
    [FIELD_COST_NANOUSD] = FIELD(KIND_U64, cost_nanousd),
    [FIELD_SERVICE] = FIELD(KIND_U32, service),
    [FIELD_BOOKINGS] = FIELD(KIND_BOOKINGS, bookings),
    [FIELD_TRAIL] = FIELD(KIND_TRAIL, trail),
    [FIELD_PRIMARY] = FIELD(KIND_PRIMARY, primary),
};

#define ID_BYTES 16
#define MAP_HEAD_BYTES 3 /* map 16: the count is filled in when it is known */
#define BOOKING_BYTES 12 /* account and window, big endian; all of them are one byte string */

/* The largest of each kind, with a field's number in front. */
#define TEXT_ROOM (1 + 3 + RECORD_TEXT_MAX)
#define NUMBER_ROOM (1 + 9)
#define TRAIL_ROOM (1 + 3 + RECORD_TRAIL_MAX)
#define BOOKINGS_ROOM (1 + 3 + RECORD_BOOKINGS_MAX * BOOKING_BYTES)
static_assert(MAP_HEAD_BYTES + 7 * TEXT_ROOM + (FIELDS - 11) * NUMBER_ROOM + 1 + 2 + ID_BYTES +
                      BOOKINGS_ROOM + TRAIL_ROOM <=
                  OUTBOX_RECORD_MAX,
              "every record fits");
static_assert(FIELDS <= 128, "a field's number is one byte");

/* --- encoding --- */

struct sink {
    uint8_t *at;
    size_t left;
    bool is_full;
};

static int sink_write(void *ctx, const char *bytes, size_t len)
{
    struct sink *s = ctx;

    if (len > s->left) {
        s->is_full = true;
        return -1;
    }
    memcpy(s->at, bytes, len);
    s->at += len;
    s->left -= len;
    return 0;
}

/* Cut at a character's beginning, so that what is stored stays UTF-8. */
static size_t cut_len(struct str s)
{
    size_t n = s.len;

    if (n <= RECORD_TEXT_MAX)
        return n;
    n = RECORD_TEXT_MAX;
    while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static uint32_t pack_number(msgpack_packer *pk, uint32_t field, uint64_t n)
{
    if (n == 0)
        return 0;
    msgpack_pack_uint32(pk, field);
    msgpack_pack_uint64(pk, n);
    return 1;
}

static void put_be(uint8_t *out, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(n >> (8 * (bytes - 1 - i)));
}

static uint64_t get_be(const uint8_t *in, size_t bytes)
{
    uint64_t n = 0;

    if (bytes == sizeof(n)) {
        memcpy(&n, in, sizeof(n));
        return be64toh(n);
    }
    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | in[i];
    return n;
}

static uint32_t pack_bookings(msgpack_packer *pk, uint32_t field, const struct record *r)
{
    uint8_t bytes[RECORD_BOOKINGS_MAX * BOOKING_BYTES];
    size_t len = (size_t)r->n_bookings * BOOKING_BYTES;

    must(r->n_bookings <= RECORD_BOOKINGS_MAX);
    if (len == 0)
        return 0;
    for (uint32_t i = 0; i < r->n_bookings; i++) {
        put_be(bytes + (size_t)i * BOOKING_BYTES, r->bookings[i].account, 8);
        put_be(bytes + (size_t)i * BOOKING_BYTES + 8, r->bookings[i].window, 4);
    }
    msgpack_pack_uint32(pk, field);
    msgpack_pack_bin(pk, len);
    msgpack_pack_bin_body(pk, bytes, len);
    return 1;
}

static uint32_t pack_trail(msgpack_packer *pk, uint32_t field, const struct record *r)
{
    uint8_t bytes[RECORD_TRAIL_MAX];
    size_t len;

    if (r->n_trail == 0)
        return 0;
    len = record_trail_encode(r, bytes);
    msgpack_pack_uint32(pk, field);
    msgpack_pack_bin(pk, len);
    msgpack_pack_bin_body(pk, bytes, len);
    return 1;
}

/* In the place of bookings: a shadow has none (room). */
static uint32_t pack_primary(msgpack_packer *pk, uint32_t field, const struct record *r)
{
    uint8_t bytes[RECORD_PRIMARY_MAX];
    size_t len;

    if ((r->flags & RECORD_SHADOW) == 0 || r->n_bookings > 0)
        return 0;
    len = record_primary_encode(&r->primary, bytes);
    msgpack_pack_uint32(pk, field);
    msgpack_pack_bin(pk, len);
    msgpack_pack_bin_body(pk, bytes, len);
    return 1;
}

/* Returns how many fields were written: what is zero or empty is left out. */
static uint32_t pack_field(msgpack_packer *pk, uint32_t field, const struct record *r)
{
    const uint8_t *value = (const uint8_t *)r + fields[field].offset;
    struct str text;
    uint32_t n32;
    uint64_t n64;

    switch (fields[field].kind) {
    case KIND_U32:
        memcpy(&n32, value, sizeof(n32));
        return pack_number(pk, field, n32);
    case KIND_U64:
        memcpy(&n64, value, sizeof(n64));
        return pack_number(pk, field, n64);
    case KIND_TEXT:
        memcpy(&text, value, sizeof(text));
        if (text.len == 0)
            return 0;
        msgpack_pack_uint32(pk, field);
        msgpack_pack_str(pk, cut_len(text));
        msgpack_pack_str_body(pk, text.p, cut_len(text));
        return 1;
    case KIND_ID:
        msgpack_pack_uint32(pk, field);
        msgpack_pack_bin(pk, ID_BYTES);
        msgpack_pack_bin_body(pk, value, ID_BYTES);
        return 1;
    case KIND_BOOKINGS:
        return pack_bookings(pk, field, r);
    case KIND_TRAIL:
        return pack_trail(pk, field, r);
    case KIND_PRIMARY:
        return pack_primary(pk, field, r);
    case KIND_SKIP:
        break;
    }
    return 0;
}

size_t record_encode(const struct record *r, void *out, size_t room)
{
    uint8_t *head = out;
    struct sink sink = {head + MAP_HEAD_BYTES, room - MAP_HEAD_BYTES, false};
    msgpack_packer pk;
    uint32_t n;

    if (room < MAP_HEAD_BYTES)
        return 0;
    msgpack_packer_init(&pk, &sink, sink_write);
    n = pack_number(&pk, FIELD_VERSION, RECORD_VERSION);
    for (uint32_t i = FIELD_ID; i < FIELDS; i++)
        n += pack_field(&pk, i, r);
    if (sink.is_full)
        return 0;
    head[0] = 0xde; /* map 16 */
    head[1] = (uint8_t)(n >> 8);
    head[2] = (uint8_t)n;
    return (size_t)(sink.at - head);
}

/* --- decoding --- */

/* msgpack-c's unpacker reserves memory for as many elements as a head claims; this one takes none.
 */
struct source {
    const uint8_t *at;
    size_t left;
};

static bool take(struct source *s, size_t n, const uint8_t **out)
{
    if (n > s->left)
        return false;
    *out = s->at;
    s->at += n;
    s->left -= n;
    return true;
}

static bool take_number(struct source *s, size_t bytes, uint64_t *out)
{
    const uint8_t *p;

    if (!take(s, bytes, &p))
        return false;
    *out = get_be(p, bytes);
    return true;
}

enum value_type { VALUE_OTHER, VALUE_NUMBER, VALUE_BYTES, VALUE_ARRAY, VALUE_MAP };

struct value {
    enum value_type type;
    uint64_t n; /* the number, or how many elements or pairs follow */
    struct str bytes;
};

/* How each head byte from 0xc0 to 0xdf goes on: what it is and how long its number is. */
static const struct {
    uint8_t type;
    uint8_t number_bytes; /* the number, the length or the count behind the head byte */
    uint8_t skip;         /* bytes behind that which belong to it */
} heads[32] = {
    [0x04] = {VALUE_BYTES, 1, 0},  [0x05] = {VALUE_BYTES, 2, 0},  [0x06] = {VALUE_BYTES, 4, 0},
    [0x0a] = {VALUE_OTHER, 0, 4},  [0x0b] = {VALUE_OTHER, 0, 8},  [0x0c] = {VALUE_NUMBER, 1, 0},
    [0x0d] = {VALUE_NUMBER, 2, 0}, [0x0e] = {VALUE_NUMBER, 4, 0}, [0x0f] = {VALUE_NUMBER, 8, 0},
    [0x10] = {VALUE_OTHER, 0, 1},  [0x11] = {VALUE_OTHER, 0, 2},  [0x12] = {VALUE_OTHER, 0, 4},
    [0x13] = {VALUE_OTHER, 0, 8},  [0x14] = {VALUE_OTHER, 0, 2},  [0x15] = {VALUE_OTHER, 0, 3},
    [0x16] = {VALUE_OTHER, 0, 5},  [0x17] = {VALUE_OTHER, 0, 9},  [0x18] = {VALUE_OTHER, 0, 17},
    [0x19] = {VALUE_BYTES, 1, 0},  [0x1a] = {VALUE_BYTES, 2, 0},  [0x1b] = {VALUE_BYTES, 4, 0},
    [0x1c] = {VALUE_ARRAY, 2, 0},  [0x1d] = {VALUE_ARRAY, 4, 0},  [0x1e] = {VALUE_MAP, 2, 0},
    [0x1f] = {VALUE_MAP, 4, 0},
};

static bool take_bytes(struct source *s, uint64_t len, struct value *out)
{
    const uint8_t *p;

    if (!take(s, len, &p))
        return false;
    *out = (struct value){VALUE_BYTES, 0, {(const char *)p, len}};
    return true;
}

/* One scalar, or the head of a container. */
static bool take_value(struct source *s, struct value *out)
{
    const uint8_t *p;
    uint64_t n = 0;
    uint8_t head;

    if (!take(s, 1, &p))
        return false;
    head = *p;
    *out = (struct value){VALUE_NUMBER, head, STR_NONE};
    if (head < 0x80)
        return true;
    *out = (struct value){head < 0x90 ? VALUE_MAP : VALUE_ARRAY, head & 0x0f, STR_NONE};
    if (head < 0xa0)
        return true;
    if (head < 0xc0)
        return take_bytes(s, head & 0x1f, out);
    *out = (struct value){VALUE_OTHER, 0, STR_NONE};
    if (head >= 0xe0 || head == 0xc0 || head == 0xc2 || head == 0xc3)
        return true; /* a small negative number, nil, false, true */
    if (head == 0xc1 || (head >= 0xc7 && head <= 0xc9))
        return false; /* never used, and extensions of any length: we never write those */
    if (!take_number(s, heads[head - 0xc0].number_bytes, &n))
        return false;
    if (heads[head - 0xc0].type == VALUE_BYTES)
        return take_bytes(s, n, out);
    *out = (struct value){(enum value_type)heads[head - 0xc0].type, n, STR_NONE};
    return take(s, heads[head - 0xc0].skip, &p);
}

/* The rest of a value whose head was taken: elements of elements, without recursion. */
static bool skip_rest(struct source *s, const struct value *v)
{
    uint64_t pending = 0;
    struct value next;

    if (v->type != VALUE_ARRAY && v->type != VALUE_MAP)
        return true;
    next = *v;
    for (;;) {
        if (next.type == VALUE_ARRAY || next.type == VALUE_MAP)
            pending += next.type == VALUE_MAP ? 2 * next.n : next.n;
        if (pending > s->left) /* each takes a byte at least */
            return false;
        if (pending == 0)
            return true;
        pending--;
        if (!take_value(s, &next))
            return false;
    }
}

static bool set_bookings(struct record *r, const struct value *v)
{
    const uint8_t *bytes = (const uint8_t *)v->bytes.p;
    size_t n = v->bytes.len / BOOKING_BYTES;

    if (v->type != VALUE_BYTES || v->bytes.len % BOOKING_BYTES != 0 || n > RECORD_BOOKINGS_MAX)
        return false;
    for (size_t i = 0; i < n; i++, bytes += BOOKING_BYTES)
        r->bookings[i] = (struct booking){get_be(bytes, 8), (uint32_t)get_be(bytes + 8, 4)};
    r->n_bookings = (uint32_t)n;
    return true;
}

static bool set_field(struct record *r, uint64_t number, const struct value *v)
{
    uint8_t *to;
    uint32_t n32;

    if (number == FIELD_VERSION)
        return v->type == VALUE_NUMBER && v->n >= 1 && v->n <= UINT8_MAX;
    if (number >= FIELDS)
        return true; /* a later version's */
    to = (uint8_t *)r + fields[number].offset;
    switch (fields[number].kind) {
    case KIND_U32:
        if (v->type != VALUE_NUMBER || v->n > UINT32_MAX)
            return false;
        n32 = (uint32_t)v->n;
        memcpy(to, &n32, sizeof(n32));
        return true;
    case KIND_U64:
        memcpy(to, &v->n, sizeof(v->n));
        return v->type == VALUE_NUMBER;
    case KIND_TEXT:
        memcpy(to, &v->bytes, sizeof(v->bytes));
        return v->type == VALUE_BYTES && v->bytes.len <= RECORD_TEXT_MAX;
    case KIND_ID:
        if (v->type != VALUE_BYTES || v->bytes.len != ID_BYTES)
            return false;
        memcpy(to, v->bytes.p, ID_BYTES);
        return true;
    case KIND_BOOKINGS:
        return set_bookings(r, v);
    case KIND_TRAIL:
        return v->type == VALUE_BYTES && record_trail_decode(v->bytes, r);
    case KIND_PRIMARY:
        return v->type == VALUE_BYTES && record_primary_decode(v->bytes, &r->primary);
    case KIND_SKIP:
        break;
    }
    return false;
}

int record_decode(const void *in, size_t len, struct record *out)
{
    struct source s = {in, len};
    struct record r;
    struct value map;
    bool has_version = false;
    bool has_id = false;

    /* What is beyond the numbers of the two lists is most of the struct. */
    memset(&r, 0, offsetof(struct record, trail));
    if (!take_value(&s, &map) || map.type != VALUE_MAP)
        return -1;
    for (uint64_t i = 0; i < map.n; i++) {
        struct value key;
        struct value v;

        if (!take_value(&s, &key) || key.type != VALUE_NUMBER || !take_value(&s, &v) ||
            !skip_rest(&s, &v) || !set_field(&r, key.n, &v))
            return -1;
        has_version |= key.n == FIELD_VERSION;
        has_id |= key.n == FIELD_ID;
    }
    if (s.left != 0 || !has_version || !has_id)
        return -1;
    record_trail_finish(&r);
    memcpy(out, &r, offsetof(struct record, trail) + r.n_trail * sizeof(r.trail[0]));
    memcpy(out->bookings, r.bookings, r.n_bookings * sizeof(r.bookings[0]));
    return 0;
}
