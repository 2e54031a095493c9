#include "conf/credentials.h"

#include <string.h>
#include <sys/stat.h>

#include "conf/parts.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"
#include "server/base/json.h"

#define READ_AHEAD ((size_t)128 << 10)
#define FILE_MAX_BYTES 65536 /* a service account's file has some 2,400 */
#define AZURE_SCOPE "https://cognitiveservices.azure.com/.default"
#define FOUNDRY_SCOPE "https://ai.azure.com/.default"

static const char *const kind_names[] = {
    [CONF_KEY_VALUE] = "value",
    [CONF_KEY_AWS] = "aws",
    [CONF_KEY_GCP] = "gcp",
    [CONF_KEY_AZURE] = "azure",
};

/* --- the tables --- */

/* A secret that may have lines: a JSON document. */
static void set_document(struct load *l, const struct load_at *at, const struct load_key *key,
                         void *object)
{
    struct secret_text *out = (struct secret_text *)(void *)((char *)object + key->offset);

    if (load_text(l, at, &out->bytes, &out->source) && out->bytes.len == 0)
        load_fail(l, at, "must not be empty");
}

#define AWS(member) offsetof(struct conf_aws, member)
static const struct load_key aws_keys[] = {
    {"access_key_id", "secret", load_set_secret, AWS(access_key_id), 0, 0, false},
    {"secret_access_key", "secret", load_set_secret, AWS(secret_access_key), 0, 0, false},
    {"session_token", "secret", load_set_secret, AWS(session_token), 0, 0, false},
    {"region", "part of a URL", load_set_part, AWS(region), 0, 0, false},
    {"profile", "text", load_set_text, AWS(profile), 0, 0, false},
    {"role_arn", "text", load_set_text, AWS(role_arn), 0, 0, false},
    {"external_id", "secret", load_set_secret, AWS(external_id), 0, 0, false},
};
const struct load_table table_aws = {"providers.<name>.keys[].aws", aws_keys, ARRAY_LEN(aws_keys)};

#define GCP(member) offsetof(struct conf_gcp, member)
static const struct load_key gcp_keys[] = {
    {"credentials_file", "path", load_set_text, GCP(credentials_file), 0, 0, false},
    {"credentials", "secret", set_document, GCP(credentials), 0, 0, false},
    {"project", "part of a URL", load_set_part, GCP(project), 0, 0, false},
    {"location", "part of a URL", load_set_part, GCP(location), 0, 0, false},
};
const struct load_table table_gcp = {"providers.<name>.keys[].gcp", gcp_keys, ARRAY_LEN(gcp_keys)};

#define AZURE(member) offsetof(struct conf_azure, member)
static const struct load_key azure_keys[] = {
    {"tenant_id", "part of a URL", load_set_part, AZURE(tenant_id), 0, 0, false},
    {"client_id", "part of a URL", load_set_part, AZURE(client_id), 0, 0, false},
    {"client_secret", "secret", load_set_secret, AZURE(client_secret), 0, 0, false},
    {"scope", "text", load_set_text, AZURE(scope), 0, 0, false},
    {"managed_identity", "true or false", load_set_bool, AZURE(managed_identity), 0, 0, false},
};
const struct load_table table_azure = {"providers.<name>.keys[].azure", azure_keys,
                                       ARRAY_LEN(azure_keys)};

static bool take_kind(struct load *l, const struct load_at *at, struct conf_provider_key *k,
                      enum conf_key_kind kind)
{
    if (k->kind != CONF_KEY_VALUE || k->value.bytes.len > 0) {
        load_fail(l, at, "cannot stand beside %s: a key is one or the other", kind_names[k->kind]);
        return false;
    }
    k->kind = kind;
    return true;
}

void load_set_aws(struct load *l, const struct load_at *at, const struct load_key *key,
                  void *object)
{
    struct conf_provider_key *k = object;

    (void)key;
    if (take_kind(l, at, k, CONF_KEY_AWS))
        load_object(l, at, &table_aws, &k->aws);
}

void load_set_gcp(struct load *l, const struct load_at *at, const struct load_key *key,
                  void *object)
{
    struct conf_provider_key *k = object;

    (void)key;
    if (take_kind(l, at, k, CONF_KEY_GCP))
        load_object(l, at, &table_gcp, &k->gcp);
}

void load_set_azure(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    struct conf_provider_key *k = object;

    (void)key;
    if (take_kind(l, at, k, CONF_KEY_AZURE))
        load_object(l, at, &table_azure, &k->azure);
}

/* --- the environment --- */

static const char *env(const struct load *l, const char *name)
{
    struct str found;

    return parts_env(l, name, &found);
}

static void take_secret(struct load *l, struct secret_text *out, const char *name)
{
    const char *value = env(l, name);

    if (value == NULL || out->bytes.len > 0)
        return;
    out->bytes = arena_str(l->arena, str_of(value));
    out->source = arena_printf(l->arena, "env.%s", name).p;
}

static void take_text(struct load *l, const char **out, const char *name)
{
    const char *value = env(l, name);

    if (value != NULL && *out == NULL)
        *out = arena_cstr(l->arena, str_of(value));
}

bool credentials_in_env(const struct load *l, enum conf_cloud cloud)
{
    switch (cloud) {
    case CONF_CLOUD_AWS:
        return env(l, "AWS_ACCESS_KEY_ID") != NULL && env(l, "AWS_SECRET_ACCESS_KEY") != NULL;
    case CONF_CLOUD_GCP:
        return env(l, "GOOGLE_APPLICATION_CREDENTIALS") != NULL;
    case CONF_CLOUD_AZURE:
        return env(l, "AZURE_TENANT_ID") != NULL && env(l, "AZURE_CLIENT_ID") != NULL &&
               env(l, "AZURE_CLIENT_SECRET") != NULL;
    case CONF_CLOUD_NONE:
        break;
    }
    return false;
}

/* -1 with *err. A pipe or a device would keep the master waiting, so only files are read. */
static int read_text(const char *path, struct buf *out, struct error *err)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return error_errno(err, "%s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, "%s: not a regular file", path);
    buf_reserve(out, FILE_MAX_BYTES + READ_AHEAD); /* no growing: a copy would stay behind */
    return fd_read_file(path, FILE_MAX_BYTES, out, err);
}

static void wipe_text(struct buf *text)
{
    if (text->data != NULL)
        crypto_wipe(text->data, text->cap);
    buf_fini(text);
}

bool credentials_are_usable(const struct load *l, enum conf_cloud cloud)
{
    struct json_parser *parser;
    struct json_error json_err;
    struct error err = ERROR_INIT;
    struct buf text = BUF_INIT;
    struct arena *arena;
    struct json *root = NULL;
    bool is_whole;

    if (!credentials_in_env(l, cloud))
        return false;
    if (cloud != CONF_CLOUD_GCP)
        return true;
    arena = arena_create(4096);
    parser = json_parser_create();
    if (read_text(env(l, "GOOGLE_APPLICATION_CREDENTIALS"), &text, &err) == 0)
        root = json_parse(parser, arena, buf_view(&text), &json_err);
    is_whole =
        (json_str(json_get(root, "private_key")).len > 0 ||
         json_str(json_get(root, "refresh_token")).len > 0) &&
        (json_str(json_get(root, "project_id")).len > 0 || env(l, "GOOGLE_CLOUD_PROJECT") != NULL);
    arena_wipe(arena);
    arena_free(arena);
    json_parser_free(parser);
    wipe_text(&text);
    return is_whole;
}

void credentials_from_env(struct load *l, struct conf_provider_key *k, enum conf_cloud cloud)
{
    (void)l;
    k->kind = cloud == CONF_CLOUD_AWS   ? CONF_KEY_AWS
              : cloud == CONF_CLOUD_GCP ? CONF_KEY_GCP
                                        : CONF_KEY_AZURE;
}

/* --- what is left out --- */

static void finding(struct load *l, const struct conf_provider *p,
                    const struct conf_provider_key *k, const char *text)
{
    findings_add(l->findings, k->origin.line, "providers.%s: key %s: %s", p->name, k->name, text);
}

static void complete_aws(struct load *l, struct conf_provider *p, struct conf_provider_key *k)
{
    struct conf_aws *a = &k->aws;
    bool has_id = a->access_key_id.bytes.len > 0;

    if (has_id != (a->secret_access_key.bytes.len > 0))
        finding(l, p, k, "aws needs both access_key_id and secret_access_key, or neither");
    if (has_id && a->profile != NULL)
        finding(l, p, k, "aws has access_key_id and profile: which one is meant?");
    if (a->external_id.bytes.len > 0 && a->role_arn == NULL)
        finding(l, p, k, "aws.external_id is for role_arn, which is missing");
    if (!has_id && a->profile == NULL && credentials_in_env(l, CONF_CLOUD_AWS)) {
        take_secret(l, &a->access_key_id, "AWS_ACCESS_KEY_ID");
        take_secret(l, &a->secret_access_key, "AWS_SECRET_ACCESS_KEY");
        take_secret(l, &a->session_token, "AWS_SESSION_TOKEN");
    } else if (!has_id) {
        take_text(l, &a->profile, "AWS_PROFILE");
    }
    if (p->parts[CONF_PART_REGION] == NULL)
        p->parts[CONF_PART_REGION] = a->region;
}

static void read_file(struct load *l, const struct conf_provider *p, struct conf_provider_key *k)
{
    struct error err = ERROR_INIT;
    struct buf text = BUF_INIT;

    if (read_text(k->gcp.credentials_file, &text, &err) != 0)
        findings_add(l->findings, k->origin.line,
                     "providers.%s: key %s: gcp.credentials_file cannot be used: %s", p->name,
                     k->name, err.text);
    else
        k->gcp.credentials.bytes = arena_str(l->arena, buf_view(&text));
    wipe_text(&text);
}

/* The project that the document is of, when nobody says another one. */
static void read_document(struct load *l, struct conf_provider *p, struct conf_provider_key *k)
{
    struct json_parser *parser = json_parser_create();
    struct json_error err;
    struct json *root = json_parse(parser, l->arena, k->gcp.credentials.bytes, &err);
    struct str project = json_str(json_get(root, "project_id"));

    if (root == NULL || root->type != JSON_OBJECT)
        finding(l, p, k, "gcp credentials must be a JSON document, as Google's console gives it");
    else if (json_str(json_get(root, "private_key")).len == 0 &&
             json_str(json_get(root, "refresh_token")).len == 0)
        finding(l, p, k,
                "gcp credentials need private_key (type service_account) or refresh_token (type "
                "authorized_user)");
    if (project.len > 0 && k->gcp.project == NULL)
        k->gcp.project = arena_cstr(l->arena, project);
    json_parser_free(parser);
}

static void complete_gcp(struct load *l, struct conf_provider *p, struct conf_provider_key *k)
{
    struct conf_gcp *g = &k->gcp;
    const char *project = env(l, "GOOGLE_CLOUD_PROJECT");

    if (g->credentials_file != NULL && g->credentials.bytes.len > 0)
        finding(l, p, k, "gcp has credentials and credentials_file: which one is meant?");
    if (g->credentials_file == NULL && g->credentials.bytes.len == 0)
        take_text(l, &g->credentials_file, "GOOGLE_APPLICATION_CREDENTIALS");
    if (g->credentials_file != NULL && g->credentials.bytes.len == 0)
        read_file(l, p, k);
    if (p->parts[CONF_PART_PROJECT] == NULL && g->project == NULL && project != NULL)
        g->project = arena_cstr(l->arena, str_of(project));
    if (g->credentials.bytes.len > 0)
        read_document(l, p, k);
    if (p->parts[CONF_PART_PROJECT] == NULL)
        p->parts[CONF_PART_PROJECT] = g->project;
    if (p->parts[CONF_PART_LOCATION] == NULL)
        p->parts[CONF_PART_LOCATION] = g->location;
}

static void complete_azure(struct load *l, struct conf_provider *p, struct conf_provider_key *k,
                           const struct conf_vendor *vendor)
{
    struct conf_azure *a = &k->azure;

    if (!a->managed_identity) {
        take_text(l, &a->tenant_id, "AZURE_TENANT_ID");
        take_text(l, &a->client_id, "AZURE_CLIENT_ID");
        take_secret(l, &a->client_secret, "AZURE_CLIENT_SECRET");
        if (a->tenant_id == NULL || a->client_id == NULL || a->client_secret.bytes.len == 0)
            finding(
                l, p, k,
                "azure needs tenant_id, client_id and client_secret, or managed_identity: true");
    } else if (a->client_secret.bytes.len > 0) {
        finding(l, p, k, "azure has client_secret and managed_identity: which one is meant?");
    }
    if (a->scope == NULL)
        a->scope = strcmp(vendor->name, "azure") == 0 ? AZURE_SCOPE : FOUNDRY_SCOPE;
}

void credentials_complete(struct load *l, struct conf_provider *p, const struct conf_vendor *vendor)
{
    static const enum conf_cloud clouds[] = {
        [CONF_KEY_VALUE] = CONF_CLOUD_NONE,
        [CONF_KEY_AWS] = CONF_CLOUD_AWS,
        [CONF_KEY_GCP] = CONF_CLOUD_GCP,
        [CONF_KEY_AZURE] = CONF_CLOUD_AZURE,
    };

    for (size_t i = 0; i < p->n_keys; i++) {
        struct conf_provider_key *k = &p->keys[i];

        if (k->kind != CONF_KEY_VALUE && clouds[k->kind] != vendor->cloud) {
            findings_add(l->findings, k->origin.line,
                         "providers.%s: key %s: vendor %s takes no %s credentials", p->name,
                         k->name, vendor->name, kind_names[k->kind]);
            continue;
        }
        if (k->kind == CONF_KEY_AWS)
            complete_aws(l, p, k);
        else if (k->kind == CONF_KEY_GCP)
            complete_gcp(l, p, k);
        else if (k->kind == CONF_KEY_AZURE)
            complete_azure(l, p, k, vendor);
    }
}
