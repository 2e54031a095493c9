#include "conf/emit.h"

#include <string.h>

/* What stands before a value: separators, indentation, the key (NULL in a list). */
static void begin_item(struct emitter *w, const char *key)
{
    bool first = !w->has_items[w->depth];

    w->has_items[w->depth] = true;
    if (w->format == CONFIG_JSON) {
        if (!first)
            buf_char(w->out, ',');
        if (key != NULL) {
            buf_json(w->out, str_of(key));
            buf_char(w->out, ':');
        }
        return;
    }
    if (w->on_dash)
        w->on_dash = false;
    else if (w->out->len > 0)
        buf_printf(w->out, "\n%*s", (w->depth - 1) * 2, "");
    if (w->is_list[w->depth])
        buf_cstr(w->out, "- ");
    if (key != NULL) {
        /* A name of anybody's choice needs quotes; those of the tables do not. */
        if (strspn(key, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(key) &&
            strspn(key, "0123456789") == 0)
            buf_cstr(w->out, key);
        else
            buf_json(w->out, str_of(key));
        buf_char(w->out, ':');
    }
}

void emit_open(struct emitter *w, const char *key, bool is_list)
{
    bool in_list = w->depth > 0 && w->is_list[w->depth];

    if (w->depth > 0)
        begin_item(w, key);
    must(w->depth + 1 < EMIT_DEPTH_MAX);
    w->depth++;
    w->is_list[w->depth] = is_list;
    w->has_items[w->depth] = false;
    w->on_dash = w->format == CONFIG_YAML && in_list;
    if (w->format == CONFIG_JSON)
        buf_char(w->out, is_list ? '[' : '{');
}

void emit_close(struct emitter *w)
{
    bool is_list = w->is_list[w->depth];
    bool empty = !w->has_items[w->depth];

    w->depth--;
    if (w->format == CONFIG_JSON)
        buf_char(w->out, is_list ? ']' : '}');
    else if (empty)
        buf_printf(w->out, "%s%s", w->on_dash ? "" : " ", is_list ? "[]" : "{}");
    if (empty)
        w->on_dash = false;
}

void emit_raw(struct emitter *w, const char *key, const char *text)
{
    begin_item(w, key);
    if (w->format == CONFIG_YAML && key != NULL)
        buf_char(w->out, ' ');
    buf_cstr(w->out, text);
}

void emit_text(struct emitter *w, const char *key, const char *text)
{
    begin_item(w, key);
    if (w->format == CONFIG_YAML && key != NULL)
        buf_char(w->out, ' ');
    buf_json(w->out, str_of(text));
}

void emit_optional(struct emitter *w, const char *key, const char *text)
{
    if (text != NULL)
        emit_text(w, key, text);
}

void emit_bool(struct emitter *w, const char *key, bool value)
{
    emit_raw(w, key, value ? "true" : "false");
}

void emit_number(struct emitter *w, const char *key, uint64_t n)
{
    struct buf b = BUF_INIT;

    buf_u64(&b, n);
    emit_raw(w, key, b.data);
    buf_fini(&b);
}

void emit_formatted(struct emitter *w, const char *key, uint64_t value,
                    void (*format)(struct buf *, uint64_t))
{
    struct buf b = BUF_INIT;

    format(&b, value);
    emit_text(w, key, b.data);
    buf_fini(&b);
}

void emit_texts(struct emitter *w, const char *key, const char *const *texts, size_t n)
{
    emit_open(w, key, true);
    for (size_t i = 0; i < n; i++)
        emit_text(w, NULL, texts[i]);
    emit_close(w);
}

void emit_date(struct emitter *w, const char *key, uint32_t date)
{
    struct buf b = BUF_INIT;

    if (date == 0)
        return;
    buf_printf(&b, "%04u", date / 10000);
    if (date / 100 % 100 != 0)
        buf_printf(&b, "-%02u", date / 100 % 100);
    if (date % 100 != 0)
        buf_printf(&b, "-%02u", date % 100);
    emit_text(w, key, b.data);
    buf_fini(&b);
}
