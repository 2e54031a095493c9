#include "tools/mock/journal.h"

#include <inttypes.h>

#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "tools/mock/http1.h"

#define ENTRY_KEPT_BYTES 4096 /* what an entry's memory may be and still be kept for the next */
#define MODEL_NAME_MAX 120

struct entry {
    struct buf
        text; /* method, target, headers as "name: value" lines, body: by the lengths below */
    uint64_t number; /* 0: empty */
    uint64_t connection, at_ms, body_bytes;
    uint32_t method_len, target_len, headers_len, body_len;
    uint8_t body_hash[SHA256_BYTES]; /* only when body_len < body_bytes */
    enum journal_outcome outcome;
    const char *dialect; /* NULL: of none */
    uint32_t model_len;
    char model[MODEL_NAME_MAX];
};

static struct entry entries[JOURNAL_ENTRIES]; /* entry `number` is at number % JOURNAL_ENTRIES */
static uint64_t last_number;
static uint64_t first_number = 1; /* of what is still there */
static uint64_t total;
static size_t bytes_kept;

static void entry_drop(struct entry *e)
{
    bytes_kept -= e->text.len;
    e->number = 0;
    if (e->text.cap > ENTRY_KEPT_BYTES)
        buf_fini(&e->text);
    else
        buf_clear(&e->text);
}

static struct entry *entry_find(uint64_t number)
{
    struct entry *e = &entries[number % JOURNAL_ENTRIES];

    return number != 0 && e->number == number ? e : NULL;
}

static bool is_credential(struct str name)
{
    return str_eq(name, STR("authorization")) || str_eq(name, STR("proxy-authorization")) ||
           str_eq(name, STR("cookie")) || str_eq(name, STR("x-bf-vk")) ||
           str_ends(name, STR("api-key"));
}

static void add_header(struct buf *out, const struct http1_header *h)
{
    struct str value = h->value;

    buf_str(out, h->name);
    buf_char(out, ':');
    if (is_credential(h->name)) {
        if (str_starts(value, STR("Bearer "))) {
            buf_cstr(out, "Bearer ");
            value = str_skip(value, STR("Bearer ").len);
        }
        buf_cstr(out, "***");
        value = value.len >= 12 ? str_skip(value, value.len - 4) : STR_NONE;
    }
    buf_str(out, value);
    buf_char(out, '\n');
}

uint64_t journal_add(const struct http1_request *req, uint64_t connection)
{
    struct entry *e = &entries[(last_number + 1) % JOURNAL_ENTRIES];
    size_t before;

    while (first_number <= last_number &&
           (last_number - first_number + 1 >= JOURNAL_ENTRIES || bytes_kept > JOURNAL_BYTES)) {
        struct entry *old = entry_find(first_number++);

        if (old != NULL)
            entry_drop(old);
    }
    e->number = ++last_number;
    total++;
    e->connection = connection;
    e->at_ms = clock_real_ms();
    e->outcome = JOURNAL_OPEN;
    e->dialect = NULL;
    e->model_len = 0;
    e->method_len = (uint32_t)req->method.len;
    e->target_len = (uint32_t)req->target.len;
    buf_str(&e->text, req->method);
    buf_str(&e->text, req->target);
    before = e->text.len;
    for (size_t i = 0; i < req->n_headers; i++)
        add_header(&e->text, &req->headers[i]);
    e->headers_len = (uint32_t)(e->text.len - before);
    e->body_bytes = req->body.len;
    e->body_len = (uint32_t)min_u64(req->body.len, JOURNAL_BODY_MAX);
    if (e->body_len < e->body_bytes)
        crypto_sha256(req->body, e->body_hash);
    buf_add(&e->text, req->body.p, e->body_len);
    bytes_kept += e->text.len;
    return e->number;
}

void journal_dialect(uint64_t number, const char *dialect)
{
    struct entry *e = entry_find(number);

    if (e != NULL)
        e->dialect = dialect;
}

void journal_model(uint64_t number, struct str model)
{
    struct entry *e = entry_find(number);

    if (e == NULL)
        return;
    e->model_len = (uint32_t)min_u64(model.len, MODEL_NAME_MAX);
    if (e->model_len > 0)
        memcpy(e->model, model.p, e->model_len);
}

void journal_end(uint64_t number, enum journal_outcome outcome)
{
    struct entry *e = entry_find(number);

    if (e != NULL)
        e->outcome = outcome;
}

static struct str take(struct str *rest, size_t n)
{
    struct str part = {rest->p, n};

    *rest = str_skip(*rest, n);
    return part;
}

/* A name that comes twice is joined with ", ", as a list header would be. */
static void format_headers(struct buf *out, struct str headers)
{
    struct str lines = headers;
    struct str line;
    bool first = true;

    buf_char(out, '{');
    while (str_next(&lines, '\n', &line) && line.len > 0) {
        ptrdiff_t colon = str_index(line, ':');
        struct str name = {line.p, colon < 0 ? 0 : (size_t)colon};
        struct buf value = BUF_INIT;
        struct str again = headers;
        struct str other;
        bool is_repeat = false;

        while (str_next(&again, '\n', &other) && other.len > 0) {
            if (!str_starts(other, name) || other.len == name.len || other.p[name.len] != ':')
                continue;
            is_repeat = is_repeat || other.p < line.p;
            if (value.len > 0)
                buf_cstr(&value, ", ");
            buf_str(&value, str_skip(other, name.len + 1));
        }
        if (!is_repeat) {
            buf_cstr(out, first ? "" : ",");
            buf_json(out, name);
            buf_char(out, ':');
            buf_json(out, buf_view(&value));
            first = false;
        }
        buf_fini(&value);
    }
    buf_char(out, '}');
}

static void format_entry(struct buf *out, const struct entry *e)
{
    static const char *const OUTCOMES[] = {"open", "answered", "cut", "gone"};
    struct str rest = buf_view(&e->text);
    struct str method = take(&rest, e->method_len);
    struct str target = take(&rest, e->target_len);
    struct str headers = take(&rest, e->headers_len);
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    memcpy(hash, e->body_hash, sizeof(hash));
    if (e->body_len == e->body_bytes)
        crypto_sha256(rest, hash);
    crypto_hex(hash, sizeof(hash), hex);
    buf_printf(out,
               "{\"number\":%" PRIu64 ",\"connection\":%" PRIu64 ",\"at_ms\":%" PRIu64
               ",\"outcome\":\"%s\",\"method\":",
               e->number, e->connection, e->at_ms, OUTCOMES[e->outcome]);
    buf_json(out, method);
    buf_cstr(out, ",\"path\":");
    buf_json(out, target);
    buf_cstr(out, ",\"headers\":");
    format_headers(out, headers);
    buf_cstr(out, ",\"dialect\":");
    if (e->dialect != NULL)
        buf_json(out, str_of(e->dialect));
    else
        buf_cstr(out, "null");
    buf_cstr(out, ",\"model\":");
    if (e->model_len > 0)
        buf_json(out, (struct str){e->model, e->model_len});
    else
        buf_cstr(out, "null");
    buf_printf(out, ",\"body_bytes\":%" PRIu64 ",\"body_sha256\":\"%s\",\"body\":", e->body_bytes,
               hex);
    buf_json(out, rest);
    buf_char(out, '}');
}

void journal_format(struct buf *out)
{
    bool first = true;

    buf_cstr(out, "{\"data\":[");
    for (uint64_t n = first_number; n <= last_number; n++) {
        const struct entry *e = entry_find(n);

        if (e == NULL)
            continue;
        buf_cstr(out, first ? "" : ",\n");
        format_entry(out, e);
        first = false;
    }
    buf_printf(out, "],\"total\":%" PRIu64 "}\n", total);
}

void journal_clear(void)
{
    for (uint64_t n = first_number; n <= last_number; n++) {
        struct entry *e = entry_find(n);

        if (e != NULL)
            entry_drop(e);
    }
    first_number = last_number + 1;
    total = 0;
}
