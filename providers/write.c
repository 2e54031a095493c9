#include "providers/write.h"

static bool needs_comma(const struct buf *b)
{
    char last;

    if (b->len == 0)
        return false;
    last = b->data[b->len - 1];
    return last == '"' || last == '}' || last == ']' || str_is_digit(last) ||
           (last >= 'a' && last <= 'z');
}

static void comma(struct buf *b)
{
    if (needs_comma(b))
        buf_char(b, ',');
}

void write_open(struct buf *b, char bracket)
{
    comma(b);
    buf_char(b, bracket);
}

void write_close(struct buf *b, char bracket)
{
    buf_char(b, bracket);
}

void write_name(struct buf *b, struct str key)
{
    buf_reserve(b, key.len + 4);
    comma(b);
    buf_char(b, '"');
    buf_add(b, key.p, key.len);
    buf_add(b, "\":", 2);
}

void write_raw(struct buf *b, struct str raw)
{
    comma(b);
    buf_str(b, raw);
}

void write_text(struct buf *b, struct str escaped)
{
    buf_reserve(b, escaped.len + 3);
    comma(b);
    buf_char(b, '"');
    buf_str(b, escaped);
    buf_char(b, '"');
}

void write_plain(struct buf *b, struct str plain)
{
    comma(b);
    buf_json(b, plain);
}

void write_u64(struct buf *b, uint64_t n)
{
    comma(b);
    buf_u64(b, n);
}

void write_null(struct buf *b)
{
    write_raw(b, STR("null"));
}

void write_member_raw(struct buf *b, const char *key, struct str raw)
{
    write_key(b, key);
    buf_str(b, raw);
}

void write_member_text(struct buf *b, const char *key, struct str escaped)
{
    write_key(b, key);
    write_text(b, escaped);
}

void write_member_cstr(struct buf *b, const char *key, const char *plain)
{
    write_member_text(b, key, str_of(plain));
}

void write_member_u64(struct buf *b, const char *key, uint64_t n)
{
    write_key(b, key);
    buf_u64(b, n);
}

void write_member_bool(struct buf *b, const char *key, bool yes)
{
    write_key(b, key);
    buf_cstr(b, yes ? "true" : "false");
}

void write_raw_if(struct buf *b, const char *key, struct str raw)
{
    if (raw.len > 0)
        write_member_raw(b, key, raw);
}

void write_text_if(struct buf *b, const char *key, struct str escaped)
{
    if (escaped.len > 0)
        write_member_text(b, key, escaped);
}

void write_event_begin(struct buf *b, const char *name)
{
    if (name != NULL) {
        buf_add(b, "event: ", 7);
        buf_cstr(b, name);
        buf_char(b, '\n');
    }
    buf_add(b, "data: ", 6);
}

void write_event_end(struct buf *b)
{
    buf_add(b, "\n\n", 2);
}
