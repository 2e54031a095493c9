#include "conf/load_content.h"

#include "conf/routing.h"

#define AT_LEAST_MAX 100000000 /* thousandths: nobody writes 100,000 tokens a second */
#define OVER_DEFAULT_MS 10000  /* some tokens of even a slow model */
#define OVER_MIN_MS 100        /* less than that is between two reads */
#define OVER_MAX_MS 3600000    /* longer than any answer */

/* load_set_texts writes the count right behind the list. */
static_assert(offsetof(struct conf_model, n_context_fallbacks) ==
                  offsetof(struct conf_model, context_fallbacks) + sizeof(char **),
              "load_set_texts");
static_assert(offsetof(struct conf_model, n_filter_fallbacks) ==
                  offsetof(struct conf_model, filter_fallbacks) + sizeof(char **),
              "load_set_texts");

void load_set_fallback_list(struct load *l, const struct load_at *at, const struct load_key *key,
                            void *object)
{
    const size_t *n = (const size_t *)((const char *)object + key->offset + sizeof(char **));

    load_set_texts(l, at, key, object);
    if (*n > CONF_FALLBACKS_MAX)
        load_fail(l, at, "must have at most %d items, has %zu", CONF_FALLBACKS_MAX, *n);
}

#define MODEL(member) offsetof(struct conf_model, member)
static const struct load_key throughput_keys[] = {
    {"at_least", "number", load_set_weight, MODEL(at_least), 1, AT_LEAST_MAX, true},
    {"over", "duration", load_set_duration, MODEL(over_ms), OVER_MIN_MS, OVER_MAX_MS, false},
};
const struct load_table table_model_throughput = {"models.<name>.throughput", throughput_keys,
                                                  ARRAY_LEN(throughput_keys)};

void load_set_throughput(struct load *l, const struct load_at *at, const struct load_key *key,
                         void *object)
{
    (void)key;
    ((struct conf_model *)object)->over_ms = OVER_DEFAULT_MS;
    load_object(l, at, &table_model_throughput, object);
}
