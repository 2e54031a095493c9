/*
 * aws_credentials - keys that sign requests to AWS (credential.h).
 *
 * From AWS's references: STS AssumeRole (query protocol, XML answer), "instance metadata service"
 * version 2, "container credential provider", "shared config and credentials files".
 */
#include <string.h>

#include "providers/auth/credential.h"
#include "providers/auth/sigv4.h"
#include "server/base/when.h"

#define IMDS "http://169.254.169.254"
#define IMDS_ROLES "/latest/meta-data/iam/security-credentials/"
#define IMDS_TTL "21600"
#define CONTAINER_HOST "http://169.254.170.2" /* what a relative URI is relative to */
#define LOCAL_KEYS "credentials of the machine: the answer has no keys"
#define ROLE_MAX 256

enum step { STEP_CONTAINER, STEP_IMDS_TOKEN, STEP_IMDS_ROLE, STEP_IMDS_KEYS, STEP_STS };

/* --- STS --- */

static struct str sts_url(struct credential_flow *f)
{
    struct str url = credential_env(f, "AWS_ENDPOINT_URL_STS");
    struct str region = f->credential->fields[CRED_REGION];

    while (url.len > 0 && url.p[url.len - 1] == '/')
        url.len--;
    if (url.len > 0)
        return arena_concat(f->arena, (struct str[]){url, STR("/")}, 2);
    return arena_printf(f->arena, "https://sts.%.*s.amazonaws.com/",
                        STR_ARGS(region.len > 0 ? region : STR("us-east-1")));
}

static void sign(struct credential_flow *f, const struct url_parts *url)
{
    struct credential_request *r = &f->request;
    struct sigv4_header headers[] = {
        {STR("host"), url->host},
        {STR("content-type"), STR("application/x-www-form-urlencoded")},
    };
    struct sigv4_request req = {.method = r->method,
                                .path = url->path,
                                .query = url->query,
                                .headers = headers,
                                .n_headers = ARRAY_LEN(headers),
                                .body = &r->body,
                                .n_body = 1};
    struct sigv4_signer signer = {.access_key = f->token.access,
                                  .secret_key = f->token.secret,
                                  .session_token = f->token.session,
                                  .region = f->credential->fields[CRED_REGION],
                                  .service = STR("sts")};
    struct sigv4_signature signature;

    if (signer.region.len == 0)
        signer.region = STR("us-east-1");
    sigv4_sign(&signer, &req, f->now_s, f->arena, &signature);
    credential_header(f, "content-type", headers[1].value);
    credential_header(f, "x-amz-date", arena_str(f->arena, str_of(signature.date)));
    if (signer.session_token.len > 0)
        credential_header(f, "x-amz-security-token", signer.session_token);
    credential_header(f, "authorization", signature.authorization);
    sigv4_fini(&signer);
}

/* f->token has the keys to begin with. */
static enum credential_next with_role(struct credential_flow *f)
{
    const struct str *fields = f->credential->fields;
    struct buf form = BUF_INIT;
    struct url_parts url;

    if (fields[CRED_ROLE_ARN].len == 0)
        return CREDENTIAL_GOT;
    credential_form(&form, "Action", STR("AssumeRole"));
    credential_form(&form, "Version", STR("2011-06-15"));
    credential_form(&form, "RoleArn", fields[CRED_ROLE_ARN]);
    credential_form(&form, "RoleSessionName", STR("bowfin"));
    credential_form(&form, "DurationSeconds", STR("3600"));
    if (fields[CRED_EXTERNAL_ID].len > 0)
        credential_form(&form, "ExternalId", fields[CRED_EXTERNAL_ID]);
    credential_ask(f, "POST", sts_url(f))->body = arena_str(f->arena, buf_view(&form));
    buf_fini(&form);
    if (!credential_url(f->request.url, &url))
        return credential_fail(f, "AWS_ENDPOINT_URL_STS is not a URL");
    f->step = STEP_STS;
    sign(f, &url);
    return CREDENTIAL_CALL;
}

/* The text of the first element of this name; AWS's answers have no attributes there. */
static struct str element(struct str xml, const char *open)
{
    const char *from = memmem(xml.p, xml.len, open, strlen(open));
    size_t left;
    const char *to;

    if (from == NULL)
        return STR_NONE;
    from += strlen(open);
    left = xml.len - (size_t)(from - xml.p);
    to = memchr(from, '<', left);
    if (to == NULL)
        return STR_NONE;
    return credential_trim((struct str){from, (size_t)(to - from)});
}

static bool take_keys(struct credential_flow *f, const struct credential_token *token,
                      struct str expiration)
{
    uint64_t expires_ms = 0;

    if (!credential_is_text(token->access) || !credential_is_text(token->secret) ||
        (token->session.len > 0 && !credential_is_text(token->session)) ||
        (expiration.len > 0 && !when_parse(expiration, &expires_ms)))
        return false;
    f->token = (struct credential_token){arena_str(f->arena, token->access),
                                         arena_str(f->arena, token->secret),
                                         arena_str(f->arena, token->session), expires_ms / 1000};
    return true;
}

static enum credential_next read_sts(struct credential_flow *f, int status, struct str body)
{
    const char *begin = body.len > 0 ? memmem(body.p, body.len, "<Credentials>", 13) : NULL;
    struct str xml = begin != NULL ? str_skip(body, (size_t)(begin - body.p)) : STR_NONE;
    struct credential_token token;

    if (status == 403)
        return credential_fail(f, "STS refused to let this identity assume the role");
    if (status != 200)
        return credential_fail(f, "STS answered with an error");
    if (xml.len == 0)
        return credential_fail(f, "the answer of STS has no credentials");
    token =
        (struct credential_token){element(xml, "<AccessKeyId>"), element(xml, "<SecretAccessKey>"),
                                  element(xml, "<SessionToken>"), 0};
    if (element(xml, "<Expiration>").len == 0 ||
        !take_keys(f, &token, element(xml, "<Expiration>")))
        return credential_fail(f, "the credentials of STS are not sound");
    return CREDENTIAL_GOT;
}

/* --- the machine --- */

/* Containers and instances answer alike. */
static enum credential_next read_machine(struct credential_flow *f, int status, struct str body)
{
    struct json_error err;
    struct json *root = status == 200 ? json_parse(f->json, f->arena, body, &err) : NULL;
    struct credential_token token = {json_str(json_get(root, "AccessKeyId")),
                                     json_str(json_get(root, "SecretAccessKey")),
                                     json_str(json_get(root, "Token")), 0};

    if (status != 200)
        return credential_fail(f,
                               "credentials of the machine: its endpoint answered with an error");
    if (!take_keys(f, &token, json_str(json_get(root, "Expiration"))))
        return credential_fail(f, LOCAL_KEYS);
    return with_role(f);
}

/* False: there is a token file, and it cannot be read. */
static bool container_token(struct credential_flow *f, struct str *out)
{
    const char *path = f->world->env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    struct buf text = BUF_INIT;
    bool is_read;

    *out = credential_env(f, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (path == NULL || path[0] == '\0')
        return true;
    is_read = f->world->read(f->world->ctx, path, &text) == 0;
    *out = is_read ? arena_str(f->arena, credential_trim(buf_view(&text))) : STR_NONE;
    if (text.data != NULL)
        crypto_wipe(text.data, text.cap);
    buf_fini(&text);
    return is_read && credential_is_text(*out);
}

static enum credential_next ask_container(struct credential_flow *f, struct str url)
{
    struct str token;

    if (!container_token(f, &token))
        return credential_fail(f, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read");
    credential_ask(f, "GET", url)->is_local = true;
    if (credential_is_text(token))
        credential_header(f, "authorization", token);
    f->step = STEP_CONTAINER;
    return CREDENTIAL_CALL;
}

static struct str imds_url(struct credential_flow *f, const char *path, struct str role)
{
    struct str host = credential_env(f, "AWS_EC2_METADATA_SERVICE_ENDPOINT");

    while (host.len > 0 && host.p[host.len - 1] == '/')
        host.len--;
    return arena_concat(f->arena,
                        (struct str[]){host.len > 0 ? host : STR(IMDS), str_of(path), role}, 3);
}

static enum credential_next ask_imds(struct credential_flow *f)
{
    if (str_eq_nocase(credential_env(f, "AWS_EC2_METADATA_DISABLED"), STR("true")))
        return credential_fail(f, "no keys are given, and the metadata service is switched off");
    credential_ask(f, "PUT", imds_url(f, "/latest/api/token", STR_NONE))->is_local = true;
    credential_header(f, "x-aws-ec2-metadata-token-ttl-seconds", STR(IMDS_TTL));
    f->step = STEP_IMDS_TOKEN;
    return CREDENTIAL_CALL;
}

static enum credential_next ask_imds_more(struct credential_flow *f, struct str role, int step)
{
    credential_ask(f, "GET", imds_url(f, IMDS_ROLES, role))->is_local = true;
    credential_header(f, "x-aws-ec2-metadata-token", f->note);
    f->step = step;
    return CREDENTIAL_CALL;
}

/* --- the profile --- */

/* "[name]": which section a line opens. */
static bool is_section(struct str line, struct str *name)
{
    if (line.len < 2 || line.p[0] != '[' || line.p[line.len - 1] != ']')
        return false;
    *name = credential_trim((struct str){line.p + 1, line.len - 2});
    return true;
}

static bool find_profile(struct str text, struct str profile, struct credential_token *out)
{
    bool is_inside = false;
    struct str line;
    struct str name;

    *out = (struct credential_token){0};
    while (str_next(&text, '\n', &line)) {
        ptrdiff_t equals;
        struct str value;

        line = credential_trim(line);
        if (is_section(line, &name)) {
            is_inside = str_eq(name, profile);
            continue;
        }
        equals = str_index(line, '=');
        if (!is_inside || equals < 0 || line.p[0] == '#' || line.p[0] == ';')
            continue;
        value = credential_trim(str_skip(line, (size_t)equals + 1));
        name = credential_trim((struct str){line.p, (size_t)equals});
        if (str_eq_nocase(name, STR("aws_access_key_id")))
            out->access = value;
        else if (str_eq_nocase(name, STR("aws_secret_access_key")))
            out->secret = value;
        else if (str_eq_nocase(name, STR("aws_session_token")))
            out->session = value;
    }
    return out->access.len > 0 && out->secret.len > 0;
}

static enum credential_next read_profile(struct credential_flow *f)
{
    struct str path = credential_env(f, "AWS_SHARED_CREDENTIALS_FILE");
    struct credential_token token;
    struct buf text = BUF_INIT;
    bool is_found = false;

    if (path.len == 0)
        path = arena_concat(f->arena,
                            (struct str[]){credential_env(f, "HOME"), STR("/.aws/credentials")}, 2);
    if (f->world->read(f->world->ctx, arena_cstr(f->arena, path), &text) != 0) {
        buf_fini(&text);
        return credential_fail(f, "the shared credentials file cannot be read");
    }
    is_found = find_profile(buf_view(&text), f->credential->fields[CRED_PROFILE], &token) &&
               take_keys(f, &token, STR_NONE);
    if (text.data != NULL)
        crypto_wipe(text.data, text.cap);
    buf_fini(&text);
    if (!is_found)
        return credential_fail(f, "the shared credentials file has no keys for this profile");
    return with_role(f);
}

/* --- the flow --- */

enum credential_next aws_begin(struct credential_flow *f)
{
    const struct str *fields = f->credential->fields;
    struct str full = credential_env(f, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    struct str relative = credential_env(f, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");

    if (fields[CRED_ACCESS_KEY].len > 0) {
        f->token = (struct credential_token){fields[CRED_ACCESS_KEY], fields[CRED_SECRET_KEY],
                                             fields[CRED_SESSION_TOKEN], 0};
        return with_role(f);
    }
    if (fields[CRED_PROFILE].len > 0)
        return read_profile(f);
    if (relative.len > 0)
        return ask_container(
            f, arena_concat(f->arena, (struct str[]){STR(CONTAINER_HOST), relative}, 2));
    if (full.len > 0)
        return ask_container(f, full);
    return ask_imds(f);
}

enum credential_next aws_answer(struct credential_flow *f, int status, struct str body)
{
    struct str role;

    switch (f->step) {
    case STEP_CONTAINER:
    case STEP_IMDS_KEYS:
        return read_machine(f, status, body);
    case STEP_IMDS_TOKEN:
        body = credential_trim(body);
        if (status != 200 || !credential_is_text(body))
            return credential_fail(f, "the instance's metadata service gave no token");
        f->note = arena_str(f->arena, body);
        return ask_imds_more(f, STR_NONE, STEP_IMDS_ROLE);
    case STEP_IMDS_ROLE:
        if (!str_next(&body, '\n', &role))
            role = STR_NONE;
        role = credential_trim(role);
        if (status != 200 || role.len > ROLE_MAX || !credential_is_text(role))
            return credential_fail(f, "the instance has no role");
        return ask_imds_more(f, arena_str(f->arena, role), STEP_IMDS_KEYS);
    default:
        return read_sts(f, status, body);
    }
}
