#include "server/master/credentials.h"

#include "server/base/crypto.h"

static void of_aws(const struct conf_aws *a, struct str *fields)
{
    fields[CRED_ACCESS_KEY] = a->access_key_id.bytes;
    fields[CRED_SECRET_KEY] = a->secret_access_key.bytes;
    fields[CRED_SESSION_TOKEN] = a->session_token.bytes;
    fields[CRED_PROFILE] = str_of(a->profile);
    fields[CRED_ROLE_ARN] = str_of(a->role_arn);
    fields[CRED_EXTERNAL_ID] = a->external_id.bytes;
}

bool credentials_of(const struct conf_provider *p, const struct conf_provider_key *k,
                    struct credential *out)
{
    *out = (struct credential){0};
    switch (k->kind) {
    case CONF_KEY_VALUE:
        return false;
    case CONF_KEY_AWS:
        out->kind = CREDENTIAL_AWS;
        of_aws(&k->aws, out->fields);
        out->fields[CRED_REGION] = credentials_region(p, k);
        break;
    case CONF_KEY_GCP:
        out->kind = CREDENTIAL_GCP;
        out->fields[CRED_DOCUMENT] = k->gcp.credentials.bytes;
        break;
    case CONF_KEY_AZURE:
        out->kind = CREDENTIAL_AZURE;
        out->is_managed = k->azure.managed_identity;
        out->fields[CRED_TENANT] = str_of(k->azure.tenant_id);
        out->fields[CRED_CLIENT] = str_of(k->azure.client_id);
        out->fields[CRED_CLIENT_SECRET] = k->azure.client_secret.bytes;
        out->fields[CRED_SCOPE] = str_of(k->azure.scope);
        break;
    }
    return true;
}

size_t credentials_bytes(const struct conf_provider *p, const struct conf_provider_key *k)
{
    struct credential c;
    size_t bytes = 2 + CRED_FIELDS * sizeof(uint32_t);

    if (!credentials_of(p, k, &c))
        return k->value.bytes.len;
    for (size_t i = 0; i < CRED_FIELDS; i++)
        bytes += c.fields[i].len;
    return bytes;
}

struct str credentials_region(const struct conf_provider *p, const struct conf_provider_key *k)
{
    if (k->kind != CONF_KEY_AWS)
        return STR_NONE;
    return str_of(k->aws.region != NULL ? k->aws.region : p->parts[CONF_PART_REGION]);
}

bool credentials_needed(const struct config *conf)
{
    for (size_t i = 0; i < conf->n_providers; i++) {
        const struct conf_provider *p = &conf->providers[i];
        struct credential c;

        for (size_t j = 0; j < p->n_keys; j++) {
            if (credentials_of(p, &p->keys[j], &c) && !credential_is_static(&c))
                return true;
        }
    }
    return false;
}
