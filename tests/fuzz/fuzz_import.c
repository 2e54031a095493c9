/* The objects of an import's text: each lies in it, in order, and what is sound JSON as a whole gives sound ones. */
#include <stddef.h>
#include <stdint.h>

#include "server/admin/import_text.h"
#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_parser *parser;
    struct str text = {(const char *)data, size};
    struct arena *a = arena_create(65536);
    struct import_text t;
    struct json_error err;
    struct str item;
    const char *last = text.p;
    size_t n = 0, n_bad = 0;

    if (parser == NULL)
        parser = json_parser_create();
    const struct json *whole = json_parse(parser, a, text, &err);
    import_text_init(&t, text);
    while (import_text_next(&t, &item)) {
        must(item.p >= last && item.p + item.len <= text.p + text.len && item.len >= 2);
        must(item.p[0] == '{');
        last = item.p + item.len;
        n_bad += json_parse(parser, a, item, &err) == NULL;
        n++;
    }
    if (whole != NULL && whole->type == JSON_ARRAY && t.wrong == NULL)
        must(n == whole->n && n_bad == 0);
    arena_free(a);
    return 0;
}
