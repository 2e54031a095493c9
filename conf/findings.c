#include "conf/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 1000 /* error_add's own line has a little more */
#define MORE_BYTES 40       /* room kept for "... and 12345 more findings" */

void findings_init(struct findings *f, const char *file, struct arena *arena)
{
    f->file = file;
    f->arena = arena;
    f->n = 0;
    f->total = 0;
    f->n_warnings = 0;
}

void findings_add(struct findings *f, int line, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;

    f->total++;
    if (f->n == FINDINGS_MAX)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut is fine */
    va_end(args);
    f->items[f->n].line = line;
    f->items[f->n].text = arena_cstr(f->arena, str_of(text));
    f->n++;
}

void findings_warn(struct findings *f, int line, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;

    if (f->n_warnings == WARNINGS_MAX)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut is fine */
    va_end(args);
    f->warnings[f->n_warnings].line = line;
    f->warnings[f->n_warnings].text = arena_cstr(f->arena, str_of(text));
    f->n_warnings++;
}

/* Insertion keeps the order of findings on the same line, and few are ever there. */
static void sort_by_line(struct finding *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct finding item = items[i];
        size_t at = i;

        while (at > 0 && items[at - 1].line > item.line) {
            items[at] = items[at - 1];
            at--;
        }
        items[at] = item;
    }
}

int findings_report(struct findings *f, struct error *err)
{
    if (f->total == 0)
        return 0;
    sort_by_line(f->items, f->n);
    err->text[0] = '\0';
    for (size_t i = 0; i < f->n; i++) {
        char where[LINE_MAX_BYTES] = "";
        size_t bytes;

        if (f->file != NULL && f->items[i].line > 0)
            (void)snprintf(where, sizeof(where), "%s:%d: ", f->file, f->items[i].line);
        bytes = strlen(err->text) + strlen(where) + strlen(f->items[i].text);
        if (bytes + MORE_BYTES > sizeof(err->text) && i > 0)
            return error_add(err, "... and %zu more", f->total - i);
        error_add(err, "%s%s", where, f->items[i].text);
    }
    if (f->total > f->n)
        error_add(err, "... and %zu more", f->total - f->n);
    return -1;
}

void findings_warnings(struct findings *f, struct arena *to, const char *const **out)
{
    const char **texts = arena_zalloc(to, (f->n_warnings + 1) * sizeof(*texts));

    sort_by_line(f->warnings, f->n_warnings);
    for (size_t i = 0; i < f->n_warnings; i++) {
        const struct finding *w = &f->warnings[i];

        texts[i] = f->file != NULL && w->line > 0
                       ? arena_printf(to, "%s:%d: %s", f->file, w->line, w->text).p
                       : arena_cstr(to, str_of(w->text));
    }
    *out = texts;
}

const char *findings_quote(struct findings *f, struct str value)
{
    char text[FINDING_SHOWN + 8];
    size_t n = value.len < FINDING_SHOWN ? value.len : FINDING_SHOWN;
    size_t len = 0;

    text[len++] = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        text[len++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    for (int i = 0; i < 3 && n < value.len; i++)
        text[len++] = '.';
    text[len++] = '"';
    return arena_cstr(f->arena, (struct str){text, len});
}
