/*
 * entra - access tokens of Microsoft Entra ID (credential.h).
 *
 * From Microsoft Learn: "OAuth 2.0 client credentials flow", "use managed identities on a virtual
 * machine to acquire a token" and "managed identities for App Service: REST endpoint".
 */
#include "providers/auth/credential.h"
#include "server/base/crypto.h"

#define AUTHORITY "https://login.microsoftonline.com"
#define IMDS "http://169.254.169.254/metadata/identity/oauth2/token"
#define IMDS_VERSION "2018-02-01"
#define APP_SERVICE_VERSION "2019-08-01"

static struct str without_slash(struct str url)
{
    while (url.len > 0 && url.p[url.len - 1] == '/')
        url.len--;
    return url;
}

static enum credential_next ask_with_secret(struct credential_flow *f)
{
    const struct str *fields = f->credential->fields;
    struct str authority = without_slash(credential_env(f, "AZURE_AUTHORITY_HOST"));
    struct str url[5] = {STR_NONE, authority.len > 0 ? authority : STR(AUTHORITY), STR("/"),
                         fields[CRED_TENANT], STR("/oauth2/v2.0/token")};
    struct buf form = BUF_INIT;

    if (authority.len > 0 && str_index(authority, ':') < 0)
        url[0] = STR("https://"); /* some of Microsoft's SDKs take the bare host */
    buf_reserve(&form, 3 * (fields[CRED_CLIENT_SECRET].len + fields[CRED_SCOPE].len) + 512);
    credential_form(&form, "grant_type", STR("client_credentials"));
    credential_form(&form, "client_id", fields[CRED_CLIENT]);
    credential_form(&form, "client_secret", fields[CRED_CLIENT_SECRET]);
    credential_form(&form, "scope", fields[CRED_SCOPE]);
    credential_ask(f, "POST", arena_concat(f->arena, url, 5))->body =
        arena_str(f->arena, buf_view(&form));
    credential_header(f, "content-type", STR("application/x-www-form-urlencoded"));
    crypto_wipe(form.data, form.cap);
    buf_fini(&form);
    return CREDENTIAL_CALL;
}

/* What a scope is of: "https://ai.azure.com/.default" is of "https://ai.azure.com". */
static struct str resource_of(struct str scope)
{
    if (str_ends(scope, STR("/.default")))
        scope.len -= sizeof("/.default") - 1;
    return scope;
}

static enum credential_next ask_machine(struct credential_flow *f)
{
    const struct str *fields = f->credential->fields;
    struct str endpoint = credential_env(f, "IDENTITY_ENDPOINT");
    struct str header = credential_env(f, "IDENTITY_HEADER");
    bool is_app = endpoint.len > 0 && credential_is_text(header);
    struct str pod = credential_env(f, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    struct buf query = BUF_INIT;
    struct str url[3] = {STR(IMDS), STR("?"), STR_NONE};

    if (is_app)
        url[0] = endpoint;
    else if (pod.len > 0)
        url[0] = arena_concat(
            f->arena, (struct str[]){without_slash(pod), STR("/metadata/identity/oauth2/token")},
            2);
    credential_form(&query, "api-version", is_app ? STR(APP_SERVICE_VERSION) : STR(IMDS_VERSION));
    credential_form(&query, "resource", resource_of(fields[CRED_SCOPE]));
    if (fields[CRED_CLIENT].len > 0)
        credential_form(&query, "client_id", fields[CRED_CLIENT]);
    url[2] = buf_view(&query);
    credential_ask(f, "GET", arena_concat(f->arena, url, 3))->is_local = true;
    buf_fini(&query);
    if (is_app)
        credential_header(f, "x-identity-header", header);
    else
        credential_header(f, "metadata", STR("true"));
    return CREDENTIAL_CALL;
}

enum credential_next entra_begin(struct credential_flow *f)
{
    return f->credential->is_managed ? ask_machine(f) : ask_with_secret(f);
}

/* App Service says when a token ends, not how long it lives. */
static bool ends_at(struct credential_flow *f, struct str body)
{
    struct json_error err;
    struct json *root = json_parse(f->json, f->arena, body, &err);
    const struct json *node = json_get(root, "expires_on");
    struct str token = json_str(json_get(root, "access_token"));
    uint64_t at;

    if (json_get(root, "expires_in") != NULL || !credential_is_text(token) ||
        (!json_u64(node, &at) && !str_parse_u64(json_str(node), &at)) || at <= f->now_s)
        return false;
    f->token = (struct credential_token){.access = token, .expires_s = at};
    return true;
}

enum credential_next entra_answer(struct credential_flow *f, int status, struct str body)
{
    if (status == 200 && f->credential->is_managed && ends_at(f, body))
        return CREDENTIAL_GOT;
    return credential_oauth(f, status, body);
}
