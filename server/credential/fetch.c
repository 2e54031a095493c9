#include "server/credential/fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"

#define TOTAL_MS 30000L
#define LOCAL_MS 5000L /* the machine's own endpoint answers at once or is not there */
#define FDS_MAX 4

struct fetcher {
    CURLM *multi;
};

struct fetch {
    struct fetcher *fetcher;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body; /* of the answer */
    bool is_too_large;
    fetch_fn *fn;
    void *ctx;
    char detail[CURL_ERROR_SIZE];
};

struct fetcher *fetcher_create(struct error *err)
{
    struct fetcher *f = xcalloc(1, sizeof(*f));

    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        f->multi = curl_multi_init();
    if (f->multi != NULL)
        return f;
    free(f);
    (void)error_set(err, "libcurl cannot be initialised");
    return NULL;
}

void fetcher_free(struct fetcher *f)
{
    if (f == NULL)
        return;
    (void)curl_multi_cleanup(f->multi);
    free(f);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct fetch *one = ctx;

    if (one->body.len + size * n > CREDENTIAL_ANSWER_MAX) {
        one->is_too_large = true;
        return 0; /* ends the call */
    }
    buf_add(&one->body, bytes, size * n);
    return size * n;
}

static void release(struct fetch *one)
{
    (void)curl_multi_remove_handle(one->fetcher->multi, one->easy);
    curl_easy_cleanup(one->easy);
    curl_slist_free_all(one->headers);
    if (one->body.data != NULL)
        crypto_wipe(one->body.data, one->body.cap);
    buf_fini(&one->body);
    free(one);
}

/* All options are known and their values sound, so setting one cannot fail. */
static void set_long(const struct fetch *one, CURLoption option, long value)
{
    must(curl_easy_setopt(one->easy, option, value) == CURLE_OK);
}

static void set_pointer(const struct fetch *one, CURLoption option, const void *value)
{
    must(curl_easy_setopt(one->easy, option, value) == CURLE_OK);
}

static void set_headers(struct fetch *one, const struct credential_request *r, struct arena *a)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        struct curl_slist *more = curl_slist_append(one->headers, arena_cstr(a, r->headers[i]));

        must(more != NULL); /* out of memory only */
        one->headers = more;
    }
    set_pointer(one, CURLOPT_HTTPHEADER, one->headers);
}

/* curl copies the texts, but for the buffers that it writes to. */
static void set_options(struct fetch *one, const struct credential_request *r)
{
    struct arena *a = arena_create(16384);

    set_pointer(one, CURLOPT_URL, arena_cstr(a, r->url));
    set_pointer(one, CURLOPT_PROTOCOLS_STR, "http,https");
    set_long(one, CURLOPT_FOLLOWLOCATION, 0);
    set_long(one, CURLOPT_NOSIGNAL, 1);
    set_long(one, CURLOPT_TIMEOUT_MS, r->is_local ? LOCAL_MS : TOTAL_MS);
    set_long(one, CURLOPT_CONNECTTIMEOUT_MS, r->is_local ? LOCAL_MS / 2 : TOTAL_MS / 3);
    must(curl_easy_setopt(one->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK);
    set_pointer(one, CURLOPT_WRITEDATA, one);
    set_pointer(one, CURLOPT_PRIVATE, one);
    set_pointer(one, CURLOPT_ERRORBUFFER, one->detail);
    set_long(one, CURLOPT_FORBID_REUSE, 1); /* the next one is in an hour */
    if (r->is_local)
        set_pointer(one, CURLOPT_NOPROXY, "*");
    if (r->body.len > 0) {
        set_long(one, CURLOPT_POSTFIELDSIZE, (long)r->body.len);
        set_pointer(one, CURLOPT_COPYPOSTFIELDS, r->body.p);
    }
    set_pointer(one, CURLOPT_CUSTOMREQUEST, arena_cstr(a, r->method));
    set_headers(one, r, a);
    arena_wipe(a);
    arena_free(a);
}

struct fetch *fetch_start(struct fetcher *f, const struct credential_request *r, fetch_fn *fn,
                          void *ctx)
{
    struct fetch *one = xcalloc(1, sizeof(*one));

    one->fetcher = f;
    one->fn = fn;
    one->ctx = ctx;
    one->easy = curl_easy_init();
    if (one->easy == NULL) {
        free(one);
        return NULL;
    }
    set_options(one, r);
    if (curl_multi_add_handle(f->multi, one->easy) != CURLM_OK) {
        release(one);
        return NULL;
    }
    return one;
}

void fetch_cancel(struct fetch *one)
{
    if (one != NULL)
        release(one);
}

static void finish(struct fetch *one, CURLcode result)
{
    const char *problem =
        one->is_too_large ? "the answer is too large" : curl_easy_strerror(result);
    long status = 0;

    (void)curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK)
        one->fn(one->ctx, (int)status, buf_view(&one->body), "");
    else
        one->fn(one->ctx, 0, STR_NONE, problem);
    release(one);
}

void fetcher_wait(struct fetcher *f, const int *fds, size_t n_fds, uint64_t ms)
{
    struct curl_waitfd waits[FDS_MAX];
    CURLMsg *message;
    int n;

    must(n_fds <= FDS_MAX);
    for (size_t i = 0; i < n_fds; i++)
        waits[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
    (void)curl_multi_perform(f->multi, &n); /* what goes wrong is told per call */
    (void)curl_multi_poll(f->multi, waits, (unsigned)n_fds, (int)min_u64(ms, 60000), NULL);
    (void)curl_multi_perform(f->multi, &n);
    while ((message = curl_multi_info_read(f->multi, &n)) != NULL) {
        struct fetch *one = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)(void *)&one);
        finish(one, message->data.result);
    }
}
