/* Names of `models:` with a star, so that a name finds its own in a few steps. */
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/master/build.h"

static struct str text_of(const struct build *b, struct pub_text t)
{
    return (struct str){b->text.data + t.offset, t.len};
}

static int compare(const void *left, const void *right, void *ctx)
{
    const struct pub_pattern *x = left, *y = right;
    int order = str_cmp(text_of(ctx, x->begin), text_of(ctx, y->begin));

    if (order != 0)
        return order;
    if (x->end.len != y->end.len)
        return x->end.len < y->end.len ? -1 : 1;
    return x->model < y->model ? -1 : 1;
}

/* The name's own text, around its star. */
static struct pub_pattern pattern_of(const struct build *b, uint32_t model)
{
    struct pub_text name = b->models[model].name;
    struct str text = text_of(b, name);
    uint32_t star = (uint32_t)str_index(text, '*');

    return (struct pub_pattern){.begin = {name.offset, star},
                                .end = {name.offset + star + 1, name.len - star - 1},
                                .model = model};
}

void build_patterns(struct build *b)
{
    b->patterns = xcalloc(b->n_models + 1, sizeof(*b->patterns));
    for (uint32_t i = 0; i < b->n_models; i++) {
        if ((b->models[i].flags & PUB_MODEL_STARRED) != 0)
            b->patterns[b->n_patterns++] = pattern_of(b, i);
    }
    qsort_r(b->patterns, b->n_patterns, sizeof(*b->patterns), compare, b);
    for (uint32_t i = 0; i < b->n_patterns; i++) {
        uint32_t before = i > 0 ? i - 1 : NO_PATTERN;

        /* What does not begin this one begins none of those behind it that this one's way leads to. */
        while (before != NO_PATTERN &&
               !str_starts(text_of(b, b->patterns[i].begin), text_of(b, b->patterns[before].begin)))
            before = b->patterns[before].next;
        b->patterns[i].next = before;
    }
}
