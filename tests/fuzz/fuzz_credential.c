/*
 * Answers of token endpoints in any bytes: what comes out as a token can stand in a header, and a packed
 * credential in any bytes never reaches outside of them. The first byte says which dialogue it is.
 */
#include "providers/auth/credential.h"
#include "server/base/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 8

static struct str file;

static const char *no_env(const char *name)
{
    (void)name;
    return NULL;
}

static int read_file(void *ctx, const char *path, struct buf *out)
{
    (void)ctx;
    (void)path;
    buf_str(out, file);
    return 0;
}

static const struct credential_world world = {no_env, read_file, NULL};

static void check_token(const struct credential_token *t)
{
    must(credential_is_text(t->access));
    must(t->secret.len == 0 || credential_is_text(t->secret));
    must(t->session.len == 0 || credential_is_text(t->session));
}

/* Each step gets the bytes, with a status that lets it go on. */
static void talk(struct credential *c, struct str bytes)
{
    struct credential_flow f = {.credential = c,
                                .world = &world,
                                .arena = arena_create(4096),
                                .json = json_parser_create(),
                                .now_s = 1700000000};
    enum credential_next next = credential_begin(&f);

    for (int i = 0; i < STEPS_MAX && next == CREDENTIAL_CALL; i++) {
        must(f.request.url.len > 0 && f.request.method.len > 0);
        for (size_t h = 0; h < f.request.n_headers; h++)
            must(str_index(f.request.headers[h], '\n') < 0);
        next = credential_answer(&f, 200, bytes);
    }
    if (next == CREDENTIAL_GOT)
        check_token(&f.token);
    must(next != CREDENTIAL_CALL); /* no dialogue is endless */
    arena_free(f.arena);
    json_parser_free(f.json);
}

static void unpack(struct str bytes)
{
    struct credential c;
    struct buf again = BUF_INIT;

    if (credential_unpack(bytes, &c)) {
        credential_pack(&c, &again);
        must(again.len == bytes.len);
    }
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct credential c = {.kind = CREDENTIAL_AWS};
    struct str bytes = {(const char *)data + 1, size - 1};

    if (size < 1 || size > CREDENTIAL_ANSWER_MAX)
        return 0;
    unpack(bytes);
    file = bytes;
    switch (data[0] % 6) {
    case 0:
        c.fields[CRED_PROFILE] = STR("default");
        break;
    case 1:
        break; /* the instance's metadata */
    case 2:
        c.fields[CRED_ACCESS_KEY] = STR("A");
        c.fields[CRED_SECRET_KEY] = STR("s");
        c.fields[CRED_ROLE_ARN] = STR("arn");
        break;
    case 3:
        c.kind = CREDENTIAL_GCP;
        break;
    case 4:
        c.kind = CREDENTIAL_AZURE;
        c.is_managed = true;
        break;
    default:
        c.kind = CREDENTIAL_GCP;
        c.fields[CRED_DOCUMENT] = bytes;
        break;
    }
    talk(&c, bytes);
    return 0;
}
