/*
 * gcp - access tokens of Google Cloud (credential.h).
 *
 * From Google's "Using OAuth 2.0 for server to server applications" (a service account signs a JWT
 * and gets a token for it), "application default credentials" (a refresh token of `gcloud`), and
 * "about VM metadata" (the metadata server).
 */
#include <string.h>

#include "providers/auth/credential.h"
#include "providers/base64.h"
#include "providers/write.h"
#include "server/base/crypto.h"

#define TOKEN_URI "https://oauth2.googleapis.com/token"
#define SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define METADATA_HOST "metadata.google.internal"
#define METADATA_PATH "/computeMetadata/v1/instance/service-accounts/default/token"
#define LIFE_S 3600 /* Google's most */

/* URL-safe and without padding, as RFC 7515 wants it. */
static void put_base64url(struct buf *out, struct str bytes)
{
    size_t start = out->len;

    base64_put(out, bytes);
    while (out->len > start && out->data[out->len - 1] == '=')
        out->len--;
    for (size_t i = start; i < out->len; i++) {
        if (out->data[i] == '+')
            out->data[i] = '-';
        else if (out->data[i] == '/')
            out->data[i] = '_';
    }
}

struct account {
    struct str email, key_id, key, token_uri;
};

static void put_claims(const struct credential_flow *f, const struct account *a, struct buf *jwt)
{
    struct buf json = BUF_INIT;

    buf_cstr(&json, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
    if (a->key_id.len > 0) {
        write_key(&json, "kid");
        write_plain(&json, a->key_id);
    }
    write_close(&json, '}');
    put_base64url(jwt, buf_view(&json));
    buf_char(jwt, '.');
    buf_clear(&json);
    write_open(&json, '{');
    write_key(&json, "iss");
    write_plain(&json, a->email);
    write_member_cstr(&json, "scope", SCOPE);
    write_key(&json, "aud");
    write_plain(&json, a->token_uri);
    write_member_u64(&json, "iat", f->now_s);
    write_member_u64(&json, "exp", f->now_s + LIFE_S);
    write_close(&json, '}');
    put_base64url(jwt, buf_view(&json));
    buf_fini(&json);
}

static enum credential_next ask_form(struct credential_flow *f, struct str uri, struct buf *form)
{
    credential_ask(f, "POST", uri)->body = arena_str(f->arena, buf_view(form));
    credential_header(f, "content-type", STR("application/x-www-form-urlencoded"));
    crypto_wipe(form->data, form->cap);
    buf_fini(form);
    return CREDENTIAL_CALL;
}

static enum credential_next ask_with_jwt(struct credential_flow *f, const struct account *a)
{
    struct buf jwt = BUF_INIT;
    struct buf form = BUF_INIT;
    uint8_t signature[RS256_BYTES_MAX];
    size_t len;

    put_claims(f, a, &jwt);
    if (crypto_rs256(a->key, buf_view(&jwt), signature, &len) != 0) {
        buf_fini(&jwt);
        return credential_fail(f, "private_key is not an RSA key in PEM");
    }
    buf_char(&jwt, '.');
    put_base64url(&jwt, (struct str){(const char *)signature, len});
    credential_form(&form, "grant_type", STR("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    credential_form(&form, "assertion", buf_view(&jwt));
    buf_fini(&jwt);
    return ask_form(f, a->token_uri, &form);
}

static enum credential_next ask_with_refresh(struct credential_flow *f, const struct json *root,
                                             struct str uri)
{
    struct buf form = BUF_INIT;

    buf_reserve(&form, 4096); /* no growing: a copy would stay behind */
    credential_form(&form, "grant_type", STR("refresh_token"));
    credential_form(&form, "client_id", json_str(json_get(root, "client_id")));
    credential_form(&form, "client_secret", json_str(json_get(root, "client_secret")));
    credential_form(&form, "refresh_token", json_str(json_get(root, "refresh_token")));
    return ask_form(f, uri, &form);
}

static enum credential_next ask_metadata(struct credential_flow *f)
{
    struct str host = credential_env(f, "GCE_METADATA_HOST");
    struct str parts[] = {STR("http://"), host.len > 0 ? host : STR(METADATA_HOST),
                          STR(METADATA_PATH)};

    credential_ask(f, "GET", arena_concat(f->arena, parts, 3))->is_local = true;
    credential_header(f, "metadata-flavor", STR("Google"));
    return CREDENTIAL_CALL;
}

enum credential_next gcp_begin(struct credential_flow *f)
{
    struct str document = f->credential->fields[CRED_DOCUMENT];
    struct json_error err;
    struct json *root;
    struct account a;

    if (document.len == 0)
        return ask_metadata(f);
    root = json_parse(f->json, f->arena, document, &err);
    if (root == NULL || root->type != JSON_OBJECT)
        return credential_fail(f, "the credentials are not a JSON document");
    a.email = json_str(json_get(root, "client_email"));
    a.key_id = json_str(json_get(root, "private_key_id"));
    a.key = json_str(json_get(root, "private_key"));
    a.token_uri = json_str(json_get(root, "token_uri"));
    if (a.token_uri.len == 0)
        a.token_uri = STR(TOKEN_URI);
    if (!str_starts(a.token_uri, STR("https://")) && !str_starts(a.token_uri, STR("http://")))
        return credential_fail(f, "token_uri is not a URL");
    if (json_str(json_get(root, "refresh_token")).len > 0)
        return ask_with_refresh(f, root, a.token_uri);
    if (a.email.len == 0 || a.key.len == 0)
        return credential_fail(f, "the credentials lack client_email or private_key");
    return ask_with_jwt(f, &a);
}

enum credential_next gcp_answer(struct credential_flow *f, int status, struct str body)
{
    return credential_oauth(f, status, body);
}
