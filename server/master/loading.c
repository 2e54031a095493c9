#include "server/master/loading.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "server/base/alloc.h"
#include "server/base/pace.h"
#include "server/master/apply.h"
#include "server/master/priority.h"

#define PIECE_US 100 /* what a request may wait for this thread */
#define REST_US 80

struct loading {
    pthread_t thread;
    bool is_done; /* the thread has been joined */
    const char *path;
    const struct options *options;

    /* The thread's, until it has ended. */
    struct config *conf;
    struct error err;
    int rc;
};

static void *load(void *arg)
{
    struct loading *l = arg;

    priority_lower();
    pace_begin(PIECE_US, REST_US);
    l->rc = apply_load(l->path, l->options, &l->conf, &l->err);
    return NULL;
}

int loading_start(const char *path, const struct options *options, struct loading **out,
                  struct error *err)
{
    struct loading *l = xcalloc(1, sizeof(*l));
    int rc;

    l->path = path;
    l->options = options;
    rc = pthread_create(&l->thread, NULL, load, l);
    if (rc != 0) {
        free(l);
        errno = rc;
        return error_errno(err, "a thread to load the configuration");
    }
    *out = l;
    return 0;
}

bool loading_is_done(struct loading *l)
{
    if (!l->is_done)
        l->is_done = pthread_tryjoin_np(l->thread, NULL) == 0;
    return l->is_done;
}

int loading_take(struct loading **l, struct config **out, struct error *err)
{
    struct loading *done = *l;
    int rc = done->rc;

    must(done->is_done);
    if (rc == 0)
        *out = done->conf;
    else
        *err = done->err;
    done->conf = NULL;
    *l = NULL;
    loading_free(done);
    return rc;
}

void loading_free(struct loading *l)
{
    if (l == NULL)
        return;
    if (!l->is_done)
        must(pthread_join(l->thread, NULL) == 0);
    config_free(l->conf);
    free(l);
}
