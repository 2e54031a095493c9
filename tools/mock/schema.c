#include "tools/mock/schema.h"

#include <inttypes.h>

#define SCHEMA_DEPTH_MAX 24    /* recursive schemas end here */
#define SCHEMA_STEPS_MAX 20000 /* and wide ones here */
#define SCHEMA_ITEMS_MAX 64
#define SCHEMA_STRING_MAX 4096

struct writer {
    const struct json *root;
    struct str text;
    struct buf *out;
    int depth, steps;
};

static void write_value(struct writer *w, const struct json *schema);

/* "#/$defs/name": each part a member's name. */
static const struct json *resolve(const struct writer *w, struct str ref)
{
    const struct json *node = w->root;
    struct str part;

    if (!str_starts(ref, STR("#")))
        return NULL;
    ref = str_skip(ref, ref.len > 1 ? 2 : 1);
    while (node != NULL && ref.len > 0 && str_next(&ref, '/', &part)) {
        const struct json *child = node->child;

        while (child != NULL && !str_eq(child->key, part))
            child = child->next;
        node = child;
    }
    return node;
}

static bool type_is(const struct json *schema, const char *name)
{
    const struct json *type = json_get(schema, "type");

    if (type != NULL && type->type == JSON_ARRAY)
        type = type->child;
    return str_eq(json_str(type), str_of(name));
}

static void write_string(struct writer *w, const struct json *schema)
{
    static const struct {
        const char *format, *example;
    } FORMATS[] = {
        {"date-time", "2026-01-02T03:04:05Z"},
        {"date", "2026-01-02"},
        {"time", "03:04:05Z"},
        {"duration", "PT1S"},
        {"email", "someone@example.com"},
        {"hostname", "example.com"},
        {"ipv4", "192.0.2.1"},
        {"ipv6", "2001:db8::1"},
        {"uri", "https://example.com/"},
        {"uuid", "0190a0b0-c0d0-7000-8000-000000000001"},
    };
    struct str format = json_str(json_get(schema, "format"));
    struct str text = w->text.len > 0 ? w->text : STR("text");
    struct buf padded = BUF_INIT;
    uint64_t least = 0;
    uint64_t most = SCHEMA_STRING_MAX;

    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
        if (str_eq(format, str_of(FORMATS[i].format))) {
            buf_json(w->out, str_of(FORMATS[i].example));
            return;
        }
    }
    (void)json_u64(json_get(schema, "minLength"), &least); /* absent: 0 */
    (void)json_u64(json_get(schema, "maxLength"), &most);
    if (text.len > most || least > text.len) {
        /* In ASCII a byte is a character, so the lengths come out right. */
        least = min_u64(max_u64(least, 1), min_u64(most, SCHEMA_STRING_MAX));
        for (uint64_t i = 0; i < least; i++)
            buf_char(&padded, "text "[i % 5]);
        text = buf_view(&padded);
    }
    buf_json(w->out, text);
    buf_fini(&padded);
}

static void write_number(struct writer *w, const struct json *schema, bool whole)
{
    double n = 0;
    double least;
    double step;

    if (json_double(json_get(schema, "exclusiveMinimum"), &least))
        n = least + 1;
    else if (json_double(json_get(schema, "minimum"), &least) ||
             (json_double(json_get(schema, "maximum"), &least) && least < 0))
        n = least;
    if (n < -1e15 || n > 1e15)
        n = 0;
    if (json_double(json_get(schema, "multipleOf"), &step) && step >= 1 && step < 1e15)
        n = (double)(int64_t)((n + step - 1) / step) * step;
    if (whole && n > (double)(int64_t)n)
        n += 1;
    if (whole)
        buf_printf(w->out, "%" PRId64, (int64_t)n);
    else
        buf_printf(w->out, "%.10g", n);
}

static void write_array(struct writer *w, const struct json *schema)
{
    const struct json *items = json_get(schema, "items");
    uint64_t n = 1;

    (void)json_u64(json_get(schema, "minItems"), &n); /* absent: one, so that it shows */
    n = min_u64(max_u64(n, items != NULL ? 1 : 0), SCHEMA_ITEMS_MAX);
    buf_char(w->out, '[');
    for (uint64_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(w->out, ',');
        write_value(w, items);
    }
    buf_char(w->out, ']');
}

static void write_members(struct writer *w, const struct json *schema, bool *first)
{
    const struct json *properties = json_get(schema, "properties");
    const struct json *all = json_get(schema, "allOf");

    for (const struct json *p = properties != NULL ? properties->child : NULL; p != NULL;
         p = p->next) {
        buf_cstr(w->out, *first ? "" : ",");
        buf_json(w->out, p->key);
        buf_char(w->out, ':');
        write_value(w, p);
        *first = false;
    }
    for (const struct json *part = all != NULL ? all->child : NULL; part != NULL;
         part = part->next) {
        const struct json *ref = json_get(part, "$ref");

        if (++w->depth < SCHEMA_DEPTH_MAX && w->steps++ <= SCHEMA_STEPS_MAX)
            write_members(w, ref != NULL ? resolve(w, json_str(ref)) : part, first);
        w->depth--;
    }
}

static void write_object(struct writer *w, const struct json *schema)
{
    bool first = true;

    buf_char(w->out, '{');
    write_members(w, schema, &first);
    buf_char(w->out, '}');
}

static const struct json *alternative(const struct json *schema)
{
    static const char *const NAMES[] = {"anyOf", "oneOf"};

    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        const struct json *list = json_get(schema, NAMES[i]);

        if (list != NULL && list->type == JSON_ARRAY && list->child != NULL)
            return list->child;
    }
    return NULL;
}

static void write_typed(struct writer *w, const struct json *schema)
{
    if (type_is(schema, "object") || json_get(schema, "properties") != NULL ||
        json_get(schema, "allOf") != NULL)
        write_object(w, schema);
    else if (type_is(schema, "array"))
        write_array(w, schema);
    else if (type_is(schema, "integer"))
        write_number(w, schema, true);
    else if (type_is(schema, "number"))
        write_number(w, schema, false);
    else if (type_is(schema, "boolean"))
        buf_cstr(w->out, "true");
    else if (type_is(schema, "null"))
        buf_cstr(w->out, "null");
    else
        write_string(w, schema);
}

static void write_value(struct writer *w, const struct json *schema)
{
    const struct json *fixed = json_get(schema, "const");
    const struct json *choices = json_get(schema, "enum");
    const struct json *ref = json_get(schema, "$ref");
    const struct json *other = alternative(schema);

    if (w->depth >= SCHEMA_DEPTH_MAX || w->steps++ > SCHEMA_STEPS_MAX) {
        buf_cstr(w->out, "null");
        return;
    }
    w->depth++;
    if (fixed == NULL && choices != NULL && choices->type == JSON_ARRAY)
        fixed = choices->child;
    if (fixed == NULL)
        fixed = json_get(schema, "default");
    if (fixed != NULL)
        buf_str(w->out, fixed->raw);
    else if (ref != NULL)
        write_value(w, resolve(w, json_str(ref)));
    else if (other != NULL)
        write_value(w, other);
    else
        write_typed(w, schema);
    w->depth--;
}

void schema_example(const struct json *schema, struct str text, struct buf *out)
{
    struct writer w = {schema, text, out, 0, 0};

    if (schema == NULL || schema->type != JSON_OBJECT)
        buf_cstr(out, "{}");
    else
        write_value(&w, schema);
}
