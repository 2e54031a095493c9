/* `queue:` of the file and of a model, `priority:` of a key. */
#include "conf/load_routing.h"

#define WAIT_MAX_MS 600000ull /* no client waits longer */
#define AT_MOST_MAX 10000     /* what waits holds its body in memory */

const char *const conf_key_priorities[CONF_KEY_PRIORITIES] = {
    [CONF_KEY_NORMAL] = "normal", [CONF_KEY_HIGH] = "high", [CONF_KEY_LOW] = "low"};

#define QUEUE(member) offsetof(struct conf_queue, member)
static const struct load_key queue_keys[] = {
    {"at_most", "whole number", load_set_u32, QUEUE(at_most), 1, AT_MOST_MAX, false},
    {"wait", "duration", load_set_duration, QUEUE(wait_ms), 1, WAIT_MAX_MS, false},
};
const struct load_table table_queue = {"queue", queue_keys, ARRAY_LEN(queue_keys)};

void load_set_queue(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    struct conf_queue *q = (struct conf_queue *)(void *)((char *)object + key->offset);

    if (!load_is_type(l, at, NODE_MAPPING, "a mapping such as { at_most: 100, wait: 5s }"))
        return;
    *q = (struct conf_queue){CONF_QUEUE_AT_MOST, CONF_QUEUE_WAIT_MS, at->node->key_line};
    load_object(l, at, &table_queue, q);
}

void load_set_priority(struct load *l, const struct load_at *at, const struct load_key *key,
                       void *object)
{
    uint32_t *out = (uint32_t *)(void *)((char *)object + key->offset);
    struct str text;

    if (!load_text(l, at, &text, NULL))
        return;
    for (uint32_t i = 0; i < CONF_KEY_PRIORITIES; i++) {
        if (str_eq(text, str_of(conf_key_priorities[i]))) {
            *out = i;
            return;
        }
    }
    load_must_be(l, at, "high, normal or low");
}
