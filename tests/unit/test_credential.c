/* The dialogues that make tokens of credentials, and how credentials are packed. */
#include "tests/unit/unit.h"

#include "providers/auth/credential.h"
#include "server/base/crypto.h"
#include "tests/unit/rsa_key.h"

#define NOW_S 1700000000u

/* --- the world of a test --- */

static const char *const *variables; /* name, value, ..., NULL */
static const char *file_path, *file_text;

static const char *env(const char *name)
{
    for (const char *const *p = variables; p != NULL && *p != NULL; p += 2) {
        if (strcmp(*p, name) == 0)
            return p[1];
    }
    return NULL;
}

static int read_file(void *ctx, const char *path, struct buf *out)
{
    (void)ctx;
    if (file_path == NULL || strcmp(path, file_path) != 0)
        return -1;
    buf_cstr(out, file_text);
    return 0;
}

static const struct credential_world world = {env, read_file, NULL};

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

struct dialogue {
    struct credential credential;
    struct credential_flow flow;
};

static int begin(void **state)
{
    struct dialogue *d = calloc(1, sizeof(*d));

    d->flow = (struct credential_flow){.credential = &d->credential,
                                       .world = &world,
                                       .arena = arena_create(4096),
                                       .json = json_parser_create(),
                                       .now_s = NOW_S};
    variables = NULL;
    file_path = NULL;
    *state = d;
    return 0;
}

static int end(void **state)
{
    struct dialogue *d = *state;

    arena_free(d->flow.arena);
    json_parser_free(d->flow.json);
    free(d);
    return 0;
}

static bool has_header(const struct dialogue *d, const char *line)
{
    for (size_t i = 0; i < d->flow.request.n_headers; i++) {
        if (str_eq(d->flow.request.headers[i], str_of(line)))
            return true;
    }
    return false;
}

static bool contains(struct str text, const char *part)
{
    return memmem(text.p, text.len, part, strlen(part)) != NULL;
}

static enum credential_next answer(struct dialogue *d, int status, const char *body)
{
    return credential_answer(&d->flow, status, str_of(body));
}

/* --- packing --- */

static void packing_is_reversible(void **state)
{
    struct credential c = {.kind = CREDENTIAL_AZURE, .is_managed = true};
    struct credential back;
    struct buf b = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < CRED_FIELDS; i++)
        c.fields[i] = i % 2 == 0 ? STR("some\0thing") : STR_NONE;
    credential_pack(&c, &b);
    assert_true(credential_unpack(buf_view(&b), &back));
    assert_int_equal(back.kind, CREDENTIAL_AZURE);
    assert_true(back.is_managed);
    for (size_t i = 0; i < CRED_FIELDS; i++)
        assert_true(str_eq(back.fields[i], c.fields[i]));
    for (size_t n = 0; n < b.len; n++)
        assert_false(credential_unpack((struct str){b.data, n}, &back));
    buf_char(&b, 'x');
    assert_false(credential_unpack(buf_view(&b), &back));
    b.data[0] = 9;
    assert_false(credential_unpack(buf_view(&b), &back));
    buf_fini(&b);
}

static void urls_have_parts(void **state)
{
    struct url_parts u;

    (void)state;
    assert_true(credential_url(STR("https://h:1/a/b?c=d?e"), &u));
    assert_str(u.host, "h:1");
    assert_str(u.path, "/a/b");
    assert_str(u.query, "c=d?e");
    assert_true(credential_url(STR("http://h?x"), &u));
    assert_str(u.host, "h");
    assert_str(u.path, "/");
    assert_str(u.query, "x");
    assert_false(credential_url(STR("ftp://h/"), &u));
    assert_false(credential_url(STR("https:///x"), &u));
    assert_false(credential_url(STR("https://me@h/x"), &u));
}

/* --- Google --- */

static void rs256_is_that_of_openssl(void **state)
{
    uint8_t out[RS256_BYTES_MAX];
    char hex[2 * RS256_BYTES_MAX + 1];
    size_t len;

    (void)state;
    assert_int_equal(crypto_rs256(str_of(rsa_pem), STR("hello.world"), out, &len), 0);
    crypto_hex(out, len, hex);
    assert_string_equal(hex, rsa_signature);
    assert_int_equal(crypto_rs256(STR("-----BEGIN PRIVATE KEY-----\nAAAA\n"), STR("x"), out, &len),
                     -1);
    assert_int_equal(crypto_rs256(STR_NONE, STR("x"), out, &len), -1);
}

static void account_document(struct dialogue *d, struct buf *document)
{
    buf_cstr(document, "{\"type\":\"service_account\",\"client_email\":\"me@p.example.com\","
                       "\"private_key_id\":\"k1\",\"token_uri\":\"https://token.example.com/t\","
                       "\"private_key\":");
    buf_json(document, str_of(rsa_pem));
    buf_char(document, '}');
    d->credential.kind = CREDENTIAL_GCP;
    d->credential.fields[CRED_DOCUMENT] = buf_view(document);
}

static void a_service_account_signs_a_jwt(void **state)
{
    struct dialogue *d = *state;
    struct buf document = BUF_INIT;

    account_document(d, &document);
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.method, "POST");
    assert_str(d->flow.request.url, "https://token.example.com/t");
    assert_true(has_header(d, "content-type: application/x-www-form-urlencoded"));
    /* {"alg":"RS256","typ":"JWT","kid":"k1"} */
    assert_true(str_starts(d->flow.request.body,
                           STR("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&"
                               "assertion=eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.")));
    assert_false(contains(d->flow.request.body, "="
                                                "="));
    assert_int_equal(answer(d, 200, "{\"access_token\":\"ya29.x\",\"expires_in\":3599}"),
                     CREDENTIAL_GOT);
    assert_str(d->flow.token.access, "ya29.x");
    assert_int_equal(d->flow.token.expires_s, NOW_S + 3599);
    buf_fini(&document);
}

static void documents_that_cannot_be_used(void **state)
{
    static const char *const documents[] = {
        "nonsense",
        "[]",
        "{}",
        "{\"client_email\":\"a\"}",
        "{\"client_email\":\"a\",\"private_key\":\"no key\"}",
        "{\"client_email\":\"a\",\"private_key\":\"k\",\"token_uri\":\"file:///etc/passwd\"}",
    };
    struct dialogue *d = *state;

    d->credential.kind = CREDENTIAL_GCP;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        d->credential.fields[CRED_DOCUMENT] = str_of(documents[i]);
        assert_int_equal(credential_begin(&d->flow), CREDENTIAL_FAILED);
        assert_non_null(d->flow.error);
    }
}

static void a_user_has_a_refresh_token(void **state)
{
    struct dialogue *d = *state;

    d->credential.kind = CREDENTIAL_GCP;
    d->credential.fields[CRED_DOCUMENT] =
        STR("{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"s&\","
            "\"refresh_token\":\"1//r\"}");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.url, "https://oauth2.googleapis.com/token");
    assert_str(d->flow.request.body,
               "grant_type=refresh_token&client_id=c&client_secret=s%26&refresh_token=1%2F%2Fr");
}

static void the_metadata_server_is_asked(void **state)
{
    struct dialogue *d = *state;

    d->credential.kind = CREDENTIAL_GCP;
    variables = ENV("GCE_METADATA_HOST", "127.0.0.1:99");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.method, "GET");
    assert_str(d->flow.request.url,
               "http://127.0.0.1:99/computeMetadata/v1/instance/service-accounts/default/token");
    assert_true(has_header(d, "metadata-flavor: Google"));
    assert_true(d->flow.request.is_local);
}

static void token_answers_are_checked(void **state)
{
    static const struct {
        int status;
        const char *body;
    } bad[] = {
        {401, "{\"error\":\"invalid_grant\"}"},
        {500, ""},
        {302, ""},
        {200, ""},
        {200, "{}"},
        {200, "{\"access_token\":\"\",\"expires_in\":10}"},
        {200, "{\"access_token\":\"a\\r\\nx: y\",\"expires_in\":10}"},
        {200, "{\"access_token\":\"a b\",\"expires_in\":10}"},
        {200, "{\"access_token\":\"a\"}"},
        {200, "{\"access_token\":\"a\",\"expires_in\":0}"},
        {200, "{\"access_token\":\"a\",\"expires_in\":-5}"},
        {200, "{\"access_token\":\"a\",\"expires_in\":1e15}"},
        {200, "{\"access_token\":7,\"expires_in\":10}"},
    };
    struct dialogue *d = *state;

    d->credential.kind = CREDENTIAL_GCP;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
        assert_int_equal(answer(d, bad[i].status, bad[i].body), CREDENTIAL_FAILED);
    }
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 200, "{\"access_token\":\"a\",\"expires_in\":\"60\"}"),
                     CREDENTIAL_GOT);
    assert_int_equal(d->flow.token.expires_s, NOW_S + 60);
}

/* --- Entra --- */

static void an_application_shows_its_secret(void **state)
{
    struct dialogue *d = *state;
    struct str *fields = d->credential.fields;

    d->credential.kind = CREDENTIAL_AZURE;
    fields[CRED_TENANT] = STR("t-1");
    fields[CRED_CLIENT] = STR("c-1");
    fields[CRED_CLIENT_SECRET] = STR("s~/+");
    fields[CRED_SCOPE] = STR("https://x.example.com/.default");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.url, "https://login.microsoftonline.com/t-1/oauth2/v2.0/token");
    assert_str(d->flow.request.body,
               "grant_type=client_credentials&client_id=c-1&client_secret=s~%2F%2B&"
               "scope=https%3A%2F%2Fx.example.com%2F.default");
    variables = ENV("AZURE_AUTHORITY_HOST", "login.example.com/");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.url, "https://login.example.com/t-1/oauth2/v2.0/token");
}

static void a_machine_has_an_identity(void **state)
{
    struct dialogue *d = *state;

    d->credential.kind = CREDENTIAL_AZURE;
    d->credential.is_managed = true;
    d->credential.fields[CRED_SCOPE] = STR("https://x.example.com/.default");
    d->credential.fields[CRED_CLIENT] = STR("c-2");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.url,
               "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&"
               "resource=https%3A%2F%2Fx.example.com&client_id=c-2");
    assert_true(has_header(d, "metadata: true"));
    variables = ENV("IDENTITY_ENDPOINT", "http://127.0.0.1:42/t", "IDENTITY_HEADER", "abc");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_true(str_starts(d->flow.request.url,
                           STR("http://127.0.0.1:42/t?api-version=2019-08-01&resource=")));
    assert_true(has_header(d, "x-identity-header: abc"));
    assert_int_equal(answer(d, 200, "{\"access_token\":\"e\",\"expires_on\":\"1700000500\"}"),
                     CREDENTIAL_GOT);
    assert_int_equal(d->flow.token.expires_s, 1700000500);
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 200, "{\"access_token\":\"e\",\"expires_on\":\"5\"}"),
                     CREDENTIAL_FAILED);
}

/* --- AWS --- */

static const char sts_answer[] =
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
    "<AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser><Credentials>"
    "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>sec/ret</SecretAccessKey>"
    "<SessionToken>\n tok== </SessionToken><Expiration>2023-11-14T23:00:00Z</Expiration>"
    "</Credentials></AssumeRoleResult></AssumeRoleResponse>";

static void assume(struct dialogue *d)
{
    struct str *fields = d->credential.fields;

    d->credential.kind = CREDENTIAL_AWS;
    fields[CRED_ACCESS_KEY] = STR("AKIA");
    fields[CRED_SECRET_KEY] = STR("secret");
    fields[CRED_REGION] = STR("eu-west-1");
    fields[CRED_ROLE_ARN] = STR("arn:aws:iam::1:role/r");
    fields[CRED_EXTERNAL_ID] = STR("x y");
}

static void a_role_is_assumed(void **state)
{
    struct dialogue *d = *state;

    assume(d);
    assert_false(credential_is_static(&d->credential));
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.url, "https://sts.eu-west-1.amazonaws.com/");
    assert_str(d->flow.request.body,
               "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"
               "RoleSessionName=bowfin&DurationSeconds=3600&ExternalId=x%20y");
    assert_true(has_header(d, "x-amz-date: 20231114T221320Z"));
    assert_true(contains(d->flow.request.headers[d->flow.request.n_headers - 1],
                         "Credential=AKIA/20231114/eu-west-1/sts/aws4_request"));
    assert_int_equal(answer(d, 200, sts_answer), CREDENTIAL_GOT);
    assert_str(d->flow.token.access, "ASIA1");
    assert_str(d->flow.token.secret, "sec/ret");
    assert_str(d->flow.token.session, "tok==");
    assert_int_equal(d->flow.token.expires_s, 1700002800);
}

/* Cut anywhere it is no answer: the end of the credentials comes last. */
static void answers_of_sts_are_checked(void **state)
{
    struct dialogue *d = *state;
    size_t last = (size_t)(strstr(sts_answer, "00Z<") - sts_answer) + 4;

    assume(d);
    for (size_t n = 0; n < last; n++) {
        assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
        assert_int_equal(credential_answer(&d->flow, 200, (struct str){sts_answer, n}),
                         CREDENTIAL_FAILED);
    }
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 403, "<ErrorResponse/>"), CREDENTIAL_FAILED);
    variables = ENV("AWS_ENDPOINT_URL_STS", "nonsense");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_FAILED);
}

#define MACHINE_KEYS                                                                               \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA2\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","   \
    "\"Expiration\":\"2023-11-14T23:00:00Z\"}"

static void an_instance_has_a_role(void **state)
{
    struct dialogue *d = *state;

    d->credential.kind = CREDENTIAL_AWS;
    variables = ENV("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:7/");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.method, "PUT");
    assert_str(d->flow.request.url, "http://127.0.0.1:7/latest/api/token");
    assert_int_equal(answer(d, 200, "tok1"), CREDENTIAL_CALL);
    assert_str(d->flow.request.url,
               "http://127.0.0.1:7/latest/meta-data/iam/security-credentials/");
    assert_true(has_header(d, "x-aws-ec2-metadata-token: tok1"));
    assert_int_equal(answer(d, 200, "role-a\nrole-b"), CREDENTIAL_CALL);
    assert_str(d->flow.request.url,
               "http://127.0.0.1:7/latest/meta-data/iam/security-credentials/role-a");
    assert_true(has_header(d, "x-aws-ec2-metadata-token: tok1"));
    assert_int_equal(answer(d, 200, MACHINE_KEYS), CREDENTIAL_GOT);
    assert_str(d->flow.token.access, "ASIA2");
    assert_int_equal(d->flow.token.expires_s, 1700002800);
}

static void an_instance_without_a_role(void **state)
{
    struct dialogue *d = *state;

    d->credential.kind = CREDENTIAL_AWS;
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 404, ""), CREDENTIAL_FAILED);
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 200, "bad token\r\n: x"), CREDENTIAL_FAILED);
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 200, "t"), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 200, ""), CREDENTIAL_FAILED);
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 200, "t"), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 200, "r"), CREDENTIAL_CALL);
    assert_int_equal(answer(d, 200, "{\"Code\":\"Failed\"}"), CREDENTIAL_FAILED);
    variables = ENV("AWS_EC2_METADATA_DISABLED", "true");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_FAILED);
}

static void a_container_has_an_endpoint(void **state)
{
    struct dialogue *d = *state;

    d->credential.kind = CREDENTIAL_AWS;
    variables = ENV("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x",
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.url, "http://169.254.170.2/v2/x");
    assert_true(has_header(d, "authorization: Basic"));
    assert_int_equal(answer(d, 200, MACHINE_KEYS), CREDENTIAL_GOT);
    variables = ENV("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:8/y",
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/run/token");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_FAILED);
    file_path = "/run/token";
    file_text = "from-file\n";
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_CALL);
    assert_str(d->flow.request.url, "http://127.0.0.1:8/y");
    assert_true(has_header(d, "authorization: from-file"));
}

static void a_profile_is_a_section(void **state)
{
    struct dialogue *d = *state;

    d->credential.kind = CREDENTIAL_AWS;
    d->credential.fields[CRED_PROFILE] = STR("work");
    variables = ENV("HOME", "/home/me");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_FAILED);
    file_path = "/home/me/.aws/credentials";
    file_text = "[default]\naws_access_key_id = A0\naws_secret_access_key = s0\n\n[ work ]\r\n"
                "# a comment\naws_access_key_id=A1\r\nAWS_SECRET_ACCESS_KEY = s1=\n"
                "[other]\naws_session_token = no\n";
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_GOT);
    assert_str(d->flow.token.access, "A1");
    assert_str(d->flow.token.secret, "s1=");
    assert_int_equal(d->flow.token.session.len, 0);
    assert_int_equal(d->flow.token.expires_s, 0);
    d->credential.fields[CRED_PROFILE] = STR("other");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_FAILED);
    variables = ENV("AWS_SHARED_CREDENTIALS_FILE", "/elsewhere");
    assert_int_equal(credential_begin(&d->flow), CREDENTIAL_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packing_is_reversible),
        cmocka_unit_test(urls_have_parts),
        cmocka_unit_test(rs256_is_that_of_openssl),
        cmocka_unit_test_setup_teardown(a_service_account_signs_a_jwt, begin, end),
        cmocka_unit_test_setup_teardown(documents_that_cannot_be_used, begin, end),
        cmocka_unit_test_setup_teardown(a_user_has_a_refresh_token, begin, end),
        cmocka_unit_test_setup_teardown(the_metadata_server_is_asked, begin, end),
        cmocka_unit_test_setup_teardown(token_answers_are_checked, begin, end),
        cmocka_unit_test_setup_teardown(an_application_shows_its_secret, begin, end),
        cmocka_unit_test_setup_teardown(a_machine_has_an_identity, begin, end),
        cmocka_unit_test_setup_teardown(a_role_is_assumed, begin, end),
        cmocka_unit_test_setup_teardown(answers_of_sts_are_checked, begin, end),
        cmocka_unit_test_setup_teardown(an_instance_has_a_role, begin, end),
        cmocka_unit_test_setup_teardown(an_instance_without_a_role, begin, end),
        cmocka_unit_test_setup_teardown(a_container_has_an_endpoint, begin, end),
        cmocka_unit_test_setup_teardown(a_profile_is_a_section, begin, end),
    };

    return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
