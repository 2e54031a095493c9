#include "server/master/api_rules.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/log.h"
#include "server/master/entity_record.h"
#include "shm/published.h"

/* --- from the store --- */

struct row {
    uint64_t id;
    struct str body;
};

struct gathering {
    struct arena *arena;
    struct row rows[RULES_MAX];
    size_t n;
};

static bool on_row(void *ctx, struct str key, struct str value)
{
    struct gathering *g = ctx;
    uint64_t id;

    if (g->n < RULES_MAX && entity_store_id(key, &id))
        g->rows[g->n++] = (struct row){id, arena_str(g->arena, value)};
    return true;
}

int api_rules_load(struct store *s, struct json_parser *json, struct arena *a,
                   struct api_rules *out, struct error *err)
{
    struct gathering *g = arena_zalloc(a, sizeof(*g));

    g->arena = a;
    *out = (struct api_rules){NULL, 0};
    if (store_each(s, STORE_RULES, on_row, g, err) != 0)
        return -1;
    out->items = arena_zalloc(a, (g->n + 1) * sizeof(*out->items));
    for (size_t i = 0; i < g->n; i++) {
        struct api_rule *one = &out->items[out->n];
        struct error wrong = ERROR_INIT;
        struct json_error not_json;
        const struct json *body = json_parse(json, a, g->rows[i].body, &not_json);

        one->id = g->rows[i].id;
        if (conf_rule_load(&one->rule, body, a, &wrong) == 0)
            out->n++;
        else
            log_error("rule_left_out", "id=%016jx text=\"%s\"", (uintmax_t)one->id, wrong.text);
    }
    return 0;
}

/* --- into an image --- */

struct joining {
    const struct pub_image *from;
    uint32_t base_bytes, base_text, base_text_bytes; /* of `from`, without the API's */
    struct pub_rule *rules;
    uint32_t n;
    struct buf text, programs;
};

static int compare(const void *left, const void *right)
{
    const struct pub_rule *a = left, *b = right;

    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    if ((a->id == 0) != (b->id == 0))
        return a->id == 0 ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* In their order: a stable merge, because sorting may swap equals. */
static void take_from_file(struct joining *j)
{
    const struct pub_rule *rules = (const void *)((const char *)j->from + j->from->rules);

    for (uint32_t i = 0; i < j->from->n_rules; i++) {
        if (rules[i].id == 0)
            j->rules[j->n++] = rules[i];
    }
}

static struct pub_text add_text(struct joining *j, const char *text)
{
    struct pub_text t = {(uint32_t)j->text.len, (uint32_t)str_of(text).len};

    buf_str(&j->text, str_of(text));
    buf_char(&j->text, '\0');
    return t;
}

/* Its program's place is counted from the programs' start until that is known. */
static void insert(struct joining *j, const struct api_rule *r)
{
    struct pub_rule out = {.name = add_text(j, r->rule.name),
                           .use = add_text(j, r->rule.use),
                           .whose = add_text(j, r->rule.whose),
                           .when = add_text(j, r->rule.when),
                           .scope = r->rule.scope,
                           .priority = r->rule.priority,
                           .program = (uint32_t)j->programs.len,
                           .id = r->id};
    uint32_t at = j->n++;

    if (r->rule.when != NULL)
        buf_str(&j->programs, r->rule.program);
    for (; at > 0 && compare(&out, &j->rules[at - 1]) < 0; at--)
        j->rules[at] = j->rules[at - 1];
    j->rules[at] = out;
}

static size_t up(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static int put_together(const struct joining *j, struct pub_image **out, struct error *err)
{
    size_t rules = up(j->base_bytes);
    size_t text = rules + up(j->n * sizeof(*j->rules));
    size_t programs = text + up(j->text.len);
    size_t bytes = programs + up(j->programs.len);
    struct pub_image *image;
    struct pub_rule *list;

    if (bytes > PUBLISHED_HALF_BYTES)
        return error_set(err, "the configuration takes %zu bytes in shared memory, at most %u fit",
                         bytes, PUBLISHED_HALF_BYTES);
    image = xcalloc(1, bytes);
    memcpy(image, j->from, j->base_bytes);
    image->bytes = (uint32_t)bytes;
    image->base_bytes = j->base_bytes;
    image->base_text = j->base_text;
    image->base_text_bytes = j->base_text_bytes;
    image->rules = (uint32_t)rules;
    image->n_rules = j->n;
    image->text = (uint32_t)text;
    image->text_bytes = (uint32_t)j->text.len;
    list = (void *)((char *)image + rules);
    for (uint32_t i = 0; i < j->n; i++) {
        list[i] = j->rules[i];
        if (list[i].id != 0)
            list[i].program = list[i].when.len > 0 ? (uint32_t)programs + list[i].program : 0;
    }
    memcpy((char *)image + text, j->text.data, j->text.len);
    if (j->programs.len > 0)
        memcpy((char *)image + programs, j->programs.data, j->programs.len);
    *out = image;
    return 0;
}

int api_rules_image(const struct pub_image *from, const struct api_rules *rules,
                    struct pub_image **out, struct error *err)
{
    bool is_base = from->base_bytes == 0;
    struct joining j = {.from = from,
                        .base_bytes = is_base ? from->bytes : from->base_bytes,
                        .base_text = is_base ? from->text : from->base_text,
                        .base_text_bytes = is_base ? from->text_bytes : from->base_text_bytes,
                        .text = BUF_INIT,
                        .programs = BUF_INIT};
    int rc = -1;

    j.rules = xcalloc((size_t)from->n_rules + rules->n + 1, sizeof(*j.rules));
    buf_add(&j.text, (const char *)from + j.base_text, j.base_text_bytes);
    take_from_file(&j);
    for (size_t i = 0; i < rules->n; i++)
        insert(&j, &rules->items[i]);
    if (j.n > RULES_MAX)
        error_set(err, "there are %u rules, the file's and the API's together; at most %d fit", j.n,
                  RULES_MAX);
    else
        rc = put_together(&j, out, err);
    free(j.rules);
    buf_fini(&j.text);
    buf_fini(&j.programs);
    return rc;
}
