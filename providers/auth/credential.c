#include "providers/auth/credential.h"

#include <string.h>

/* --- packing --- */

static void put_u32(struct buf *b, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        buf_char(b, (char)(n >> (8 * i) & 0xff));
}

static bool take_u32(struct str *rest, uint32_t *out)
{
    if (rest->len < 4)
        return false;
    *out = 0;
    for (int i = 0; i < 4; i++)
        *out |= (uint32_t)(unsigned char)rest->p[i] << (8 * i);
    *rest = str_skip(*rest, 4);
    return true;
}

void credential_pack(const struct credential *c, struct buf *out)
{
    buf_char(out, (char)c->kind);
    buf_char(out, c->is_managed ? 1 : 0);
    for (size_t i = 0; i < CRED_FIELDS; i++) {
        put_u32(out, (uint32_t)c->fields[i].len);
        buf_str(out, c->fields[i]);
    }
}

bool credential_unpack(struct str bytes, struct credential *out)
{
    uint32_t len;

    *out = (struct credential){0};
    if (bytes.len < 2 || bytes.p[0] < CREDENTIAL_AWS || bytes.p[0] > CREDENTIAL_AZURE)
        return false;
    out->kind = (enum credential_kind)bytes.p[0];
    out->is_managed = bytes.p[1] != 0;
    bytes = str_skip(bytes, 2);
    for (size_t i = 0; i < CRED_FIELDS; i++) {
        if (!take_u32(&bytes, &len) || len > bytes.len)
            return false;
        out->fields[i] = (struct str){bytes.p, len};
        bytes = str_skip(bytes, len);
    }
    return bytes.len == 0;
}

bool credential_is_static(const struct credential *c)
{
    return c->kind == CREDENTIAL_AWS && c->fields[CRED_ACCESS_KEY].len > 0 &&
           c->fields[CRED_ROLE_ARN].len == 0;
}

/* --- the flow --- */

enum credential_next credential_begin(struct credential_flow *f)
{
    f->step = 0;
    f->error = NULL;
    switch (f->credential->kind) {
    case CREDENTIAL_AWS:
        return aws_begin(f);
    case CREDENTIAL_GCP:
        return gcp_begin(f);
    case CREDENTIAL_AZURE:
        return entra_begin(f);
    }
    return credential_fail(f, "unknown kind of credential");
}

enum credential_next credential_answer(struct credential_flow *f, int status, struct str body)
{
    switch (f->credential->kind) {
    case CREDENTIAL_AWS:
        return aws_answer(f, status, body);
    case CREDENTIAL_GCP:
        return gcp_answer(f, status, body);
    case CREDENTIAL_AZURE:
        return entra_answer(f, status, body);
    }
    return credential_fail(f, "unknown kind of credential");
}

enum credential_next credential_fail(struct credential_flow *f, const char *error)
{
    f->error = error;
    return CREDENTIAL_FAILED;
}

struct credential_request *credential_ask(struct credential_flow *f, const char *method,
                                          struct str url)
{
    f->request = (struct credential_request){.method = str_of(method), .url = url};
    return &f->request;
}

void credential_header(struct credential_flow *f, const char *name, struct str value)
{
    struct str parts[] = {str_of(name), STR(": "), value};

    must(f->request.n_headers < CREDENTIAL_HEADERS_MAX);
    f->request.headers[f->request.n_headers++] = arena_concat(f->arena, parts, 3);
}

void credential_form(struct buf *b, const char *name, struct str value)
{
    static const char hex[] = "0123456789ABCDEF";

    if (b->len > 0)
        buf_char(b, '&');
    buf_cstr(b, name);
    buf_char(b, '=');
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~') {
            buf_char(b, (char)c);
        } else {
            buf_char(b, '%');
            buf_char(b, hex[c >> 4]);
            buf_char(b, hex[c & 15]);
        }
    }
}

struct str credential_env(const struct credential_flow *f, const char *name)
{
    return str_of(f->world->env(name));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str credential_trim(struct str s)
{
    while (s.len > 0 && is_space(s.p[0]))
        s = str_skip(s, 1);
    while (s.len > 0 && is_space(s.p[s.len - 1]))
        s.len--;
    return s;
}

bool credential_is_text(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x21 || c > 0x7e)
            return false;
    }
    return s.len > 0;
}

/* Some send numbers, some texts of digits. */
static bool number_of(const struct json *node, uint64_t *out)
{
    return json_u64(node, out) || str_parse_u64(json_str(node), out);
}

enum credential_next credential_oauth(struct credential_flow *f, int status, struct str body)
{
    struct json_error err;
    struct json *root = json_parse(f->json, f->arena, body, &err);
    struct str token = json_str(json_get(root, "access_token"));
    uint64_t expires_in;

    if (status == 400 || status == 401 || status == 403)
        return credential_fail(f, "the token endpoint refused the credential");
    if (status != 200)
        return credential_fail(f, "the token endpoint answered with an error");
    if (root == NULL || !credential_is_text(token))
        return credential_fail(f, "the token endpoint's answer has no access_token");
    if (!number_of(json_get(root, "expires_in"), &expires_in) || expires_in == 0 ||
        expires_in > 366u * 86400)
        return credential_fail(f, "the token endpoint's answer has no sound expires_in");
    f->token = (struct credential_token){.access = token, .expires_s = f->now_s + expires_in};
    return CREDENTIAL_GOT;
}

bool credential_url(struct str url, struct url_parts *out)
{
    struct str rest;
    ptrdiff_t slash;
    ptrdiff_t question;

    if (str_starts(url, STR("https://")))
        rest = str_skip(url, strlen("https://"));
    else if (str_starts(url, STR("http://")))
        rest = str_skip(url, strlen("http://"));
    else
        return false;
    question = str_index(rest, '?');
    out->query = question >= 0 ? str_skip(rest, (size_t)question + 1) : STR_NONE;
    if (question >= 0)
        rest.len = (size_t)question;
    slash = str_index(rest, '/');
    out->host = rest;
    out->path = STR("/");
    if (slash >= 0) {
        out->host.len = (size_t)slash;
        out->path = str_skip(rest, (size_t)slash);
    }
    return out->host.len > 0 && str_index(out->host, '@') < 0;
}
