/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/bfctl/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/paths.h"
#include "server/base/alloc.h"
#include "tools/bfctl/ctl.h"

#define CONNECT_MS 5000L
#define TOTAL_MS 90000L /* longer than the longest that the API itself waits: a reload */

struct client {
    CURL *easy;
    struct curl_slist *headers, *headers_json;
    char *base; /* "http://bowfin", or the URL */
    char socket[512];
    char detail[CURL_ERROR_SIZE];
};

void client_free(struct client *c)
{
    if (c == NULL)
        return;
    curl_slist_free_all(c->headers);
    curl_slist_free_all(c->headers_json);
    if (c->easy != NULL)
        curl_easy_cleanup(c->easy);
    free(c->base);
    free(c);
}

static struct curl_slist *append(struct curl_slist *list, const char *line)
{
    struct curl_slist *more = curl_slist_append(list, line);

    must(more != NULL); /* out of memory only */
    return more;
}

static int set_base(struct client *c, const struct ctl *ctl, struct error *err)
{
    struct str url = str_of(ctl->url);

    if (ctl->url == NULL) {
        c->base = xstrdup("http://localhost");
        if (ctl->socket == NULL)
            return paths_socket(c->socket, sizeof(c->socket), err);
        if (strlen(ctl->socket) >= sizeof(c->socket))
            return error_set(err, "the path of the socket is too long");
        memcpy(c->socket, ctl->socket, strlen(ctl->socket) + 1);
        return 0;
    }
    if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
        return error_set(err, "--url must begin with http:// or https://");
    while (url.len > 0 && url.p[url.len - 1] == '/')
        url.len--;
    c->base = xstrndup(url);
    return 0;
}

struct client *client_create(const struct ctl *ctl, struct error *err)
{
    struct client *c = xcalloc(1, sizeof(*c));

    if (set_base(c, ctl, err) != 0)
        goto fail;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (c->easy = curl_easy_init()) == NULL) {
        (void)error_set(err, "libcurl cannot be initialised");
        goto fail;
    }
    c->headers = append(NULL, "Accept: application/json");
    c->headers = append(c->headers, "Expect:");
    c->headers_json = append(NULL, "Content-Type: application/json");
    c->headers_json = append(c->headers_json, "Expect:");
    if (ctl->token != NULL) {
        char *line = xalloc(strlen(ctl->token) + sizeof("Authorization: Bearer "));

        (void)snprintf(line, strlen(ctl->token) + sizeof("Authorization: Bearer "),
                       "Authorization: Bearer %s", ctl->token);
        c->headers = append(c->headers, line);
        c->headers_json = append(c->headers_json, line);
        explicit_bzero(line, strlen(line));
        free(line);
    }
    if (ctl->ca_file != NULL)
        (void)curl_easy_setopt(c->easy, CURLOPT_CAINFO, ctl->ca_file);
    return c;
fail:
    client_free(c);
    return NULL;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct buf *body = ctx;

    if (body->len + size * n > CLIENT_ANSWER_MAX)
        return 0; /* ends the transfer */
    buf_add(body, bytes, size * n);
    return size * n;
}

/* Options fail only when libcurl lacks a feature that Debian's has. */
static void set_options(struct client *c, const struct client_request *request, const char *url,
                        struct client_answer *out)
{
    struct str body = request->body;
    CURL *e = c->easy;

    (void)curl_easy_setopt(e, CURLOPT_URL, url);
    (void)curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, c->socket[0] != '\0' ? c->socket : NULL);
    (void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(e, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    (void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, TOTAL_MS);
    (void)curl_easy_setopt(e, CURLOPT_USERAGENT, "bfctl/" BF_VERSION);
    (void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->detail);
    (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, &out->body);
    (void)curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    if (body.len > 0) {
        (void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        (void)curl_easy_setopt(e, CURLOPT_POSTFIELDS, body.p);
    }
    (void)curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, request->method);
    (void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, body.len > 0 ? c->headers_json : c->headers);
}

int client_call(struct client *c, const struct client_request *request, struct client_answer *out,
                struct error *err)
{
    struct buf url = BUF_INIT;
    long status = 0;

    buf_printf(&url, "%s%s", c->base, request->path);
    c->detail[0] = '\0';
    set_options(c, request, url.data, out);
    CURLcode rc = curl_easy_perform(c->easy);
    if (rc == CURLE_OK)
        rc = curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    buf_fini(&url);
    out->status = (int)status;
    if (rc == CURLE_OK)
        return 0;
    long os_errno = 0;
    const char *detail = c->detail[0] != '\0' ? c->detail : curl_easy_strerror(rc);
    /* curl's own words name a port that a Unix socket has not. */
    if (c->socket[0] != '\0' && rc == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &os_errno) == CURLE_OK && os_errno != 0)
        detail = strerror((int)os_errno);
    if (c->socket[0] != '\0')
        return error_set(err,
                         "no gateway answers at %s: %s\nIs bowfin running? --socket and --url "
                         "say where it is.",
                         c->socket, detail);
    return error_set(err, "%s cannot be reached: %s", c->base, detail);
}
