#include "server/master/rule_publish.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/buf.h"
#include "server/base/log.h"
#include "server/master/api_rules.h"
#include "server/master/state.h"
#include "server/master/workers.h"
#include "shm/control.h"

#define WAITERS_MAX 64 /* admin has no more calls under way */
#define WAIT_MS 8000   /* for the workers; a little less than admin waits for us */
#define LOOK_MS 5

struct waiter {
    uint64_t seq, due_ms;
    struct str reply; /* heap */
    bool is_flipped;
};

struct rule_publish {
    struct waiter waiters[WAITERS_MAX];
    size_t n;
};

struct rule_publish *rule_publish_create(void)
{
    return xcalloc(1, sizeof(struct rule_publish));
}

void rule_publish_free(struct rule_publish *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->n; i++)
        free((char *)(uintptr_t)p->waiters[i].reply.p);
    free(p);
}

bool rule_publish_ask(struct master *m, uint64_t seq, struct str reply)
{
    struct rule_publish *p = m->rule_publish;

    if (p->n == WAITERS_MAX)
        return false;
    p->waiters[p->n++] = (struct waiter){.seq = seq, .reply = {xstrndup(reply), reply.len}};
    return true;
}

static void answer(struct master *m, struct waiter *w, const char *error)
{
    int control = m->children[CHILD_ADMIN].control;
    struct buf text = BUF_INIT;

    if (error == NULL) {
        buf_str(&text, w->reply);
    } else {
        buf_cstr(&text, "{\"ok\":false,\"kind\":\"internal\",\"error\":");
        buf_json(&text, str_of(error));
        buf_char(&text, '}');
        log_error("rules_not_published", "text=\"%s\"", error);
    }
    if (control >= 0 && control_send(control, CONTROL_REPLY, 0, w->seq, buf_view(&text)) != 0)
        log_warn("reply_lost", "seq=%ju", (uintmax_t)w->seq);
    free((char *)(uintptr_t)w->reply.p);
    buf_fini(&text);
}

/* All that was flipped, or nothing: one that is answered makes room. */
static void end(struct master *m, bool flipped, const char *error)
{
    struct rule_publish *p = m->rule_publish;
    size_t kept = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (p->waiters[i].is_flipped == flipped)
            answer(m, &p->waiters[i], error);
        else
            p->waiters[kept++] = p->waiters[i];
    }
    p->n = kept;
}

static int flip(struct master *m, struct error *err)
{
    struct arena *a = arena_create(65536);
    struct pub_image *image = NULL;
    struct store *s = NULL;
    struct api_rules rules;
    struct pub_view view;
    int64_t generation = -1;

    if (!published_view(&m->regions.published, NULL, &view))
        error_set(err, "no configuration is published");
    else if (store_open(m->state_dir, &s, err) == 0 &&
             api_rules_load(s, m->json, a, &rules, err) == 0 &&
             api_rules_image(view.image, &rules, &image, err) == 0)
        generation =
            published_flip(&m->regions.published, &m->regions.secrets, image,
                           published_secrets(&m->regions.published, &m->regions.secrets), err);
    if (generation > 0)
        m->generation = (uint64_t)generation;
    store_close(s);
    free(image);
    arena_free(a);
    return generation > 0 ? 0 : -1;
}

uint64_t rule_publish_tick(struct master *m, uint64_t now_ms)
{
    struct rule_publish *p = m->rule_publish;
    struct error err = ERROR_INIT;
    bool waits = false;
    bool late = false;
    char who[32];

    for (size_t i = 0; i < p->n; i++) {
        struct waiter *w = &p->waiters[i];

        if (w->due_ms == 0)
            w->due_ms = now_ms + WAIT_MS;
        waits = waits || !w->is_flipped;
        late = late || now_ms >= w->due_ms;
    }
    if (p->n == 0)
        return UINT64_MAX;
    if (waits && workers_have_acked(m, who)) {
        if (flip(m, &err) != 0)
            end(m, false, err.text);
        for (size_t i = 0; i < p->n; i++)
            p->waiters[i].is_flipped = true;
    }
    if (workers_are_current(m))
        end(m, true, NULL);
    if (late) {
        end(m, true, "it is stored, but not every worker has taken it up yet");
        end(m, false, "it is stored, but a worker has not taken up what was published before");
    }
    return now_ms + LOOK_MS;
}
