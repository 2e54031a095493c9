/* Signatures are those of AWS's published test suite. */
#include "tests/unit/unit.h"

#include "providers/auth/sigv4.h"
#include "tests/unit/sigv4_vectors.h"

#define NOW_S 1440938160 /* 2015-08-30 12:36:00 UTC */

static struct sigv4_signer signer_of(const struct vector *v)
{
    return (struct sigv4_signer){
        .access_key = STR("AKIDEXAMPLE"),
        .secret_key = STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        .session_token = str_of(v->token),
        .region = STR("us-east-1"),
        .service = STR("service"),
    };
}

static size_t split_headers(const char *text, struct sigv4_header *out)
{
    struct str rest = str_of(text);
    struct str line;
    size_t n = 0;

    while (str_next(&rest, '\n', &line)) {
        size_t colon = (size_t)str_index(line, ':');

        out[n].name = (struct str){line.p, colon};
        out[n++].value = str_skip(line, colon + 1);
    }
    return n;
}

static void check(const struct vector *v, struct arena *a)
{
    struct sigv4_signer s = signer_of(v);
    struct sigv4_header headers[8];
    size_t n = split_headers(v->headers, headers);
    struct str body = str_of(v->body);
    /* in two parts: what is sent is spliced together */
    struct str parts[] = {{body.p, body.len / 2}, str_skip(body, body.len / 2)};
    struct sigv4_request req = {
        str_of(v->method), str_of(v->path), str_of(v->query), headers, n, parts, 2};
    struct sigv4_signature out;
    struct str signature;

    sigv4_canonical(&s, &req, NOW_S, a);
    assert_str(buf_view(&s.text), v->canonical);
    for (int again = 0; again < 2; again++) { /* the second one with the kept key */
        sigv4_sign(&s, &req, NOW_S, a, &out);
        assert_string_equal(out.date, "20150830T123600Z");
        assert_true(out.authorization.len > 64);
        signature = str_skip(out.authorization, out.authorization.len - 64);
        assert_str(signature, v->signature);
    }
    sigv4_fini(&s);
}

static void test_suite(void **state)
{
    struct arena *a = arena_create(4096);

    (void)state;
    assert_true(ARRAY_LEN(vectors) > 30);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        check(&vectors[i], a);
    arena_free(a);
}

static void test_authorization(void **state)
{
    struct arena *a = arena_create(4096);
    struct sigv4_signer s = signer_of(&vectors[0]);
    struct sigv4_header host = {STR("Host"), STR("example.amazonaws.com")};
    struct sigv4_request req = {STR("GET"), STR("/"), STR_NONE, &host, 1, NULL, 0};
    struct sigv4_signature out;

    (void)state;
    s.session_token = STR_NONE;
    sigv4_sign(&s, &req, NOW_S, a, &out);
    assert_str(out.authorization,
               "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
               "SignedHeaders=host;x-amz-date, "
               "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    sigv4_fini(&s);
    arena_free(a);
}

/* Another secret, day, region or service must not be signed with the kept key. */
static void test_key_is_not_kept_too_long(void **state)
{
    struct arena *a = arena_create(4096);
    struct sigv4_header host = {STR("Host"), STR("example.amazonaws.com")};
    struct sigv4_request req = {STR("GET"), STR("/"), STR_NONE, &host, 1, NULL, 0};
    struct sigv4_signer kept = signer_of(&vectors[0]);
    struct sigv4_signature out;

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct sigv4_signer fresh;
        struct sigv4_signature expected;
        uint64_t now_s = i == 4 ? NOW_S + 86400 : NOW_S;

        if (i == 1)
            kept.secret_key = STR("another");
        if (i == 2)
            kept.region = STR("eu-west-1");
        if (i == 3)
            kept.service = STR("bedrock");
        fresh = kept;
        fresh.has_key = false;
        fresh.text = (struct buf)BUF_INIT;
        sigv4_sign(&kept, &req, now_s, a, &out);
        sigv4_sign(&fresh, &req, now_s, a, &expected);
        assert_int_equal(out.authorization.len, expected.authorization.len);
        assert_memory_equal(out.authorization.p, expected.authorization.p, out.authorization.len);
        sigv4_fini(&fresh);
    }
    sigv4_fini(&kept);
    arena_free(a);
}

/* What boto3 sends for a model's path: encoded on the wire, and once more in what is signed. */
static void test_path_is_encoded_twice(void **state)
{
    struct arena *a = arena_create(4096);
    struct sigv4_signer s = signer_of(&vectors[0]);
    struct sigv4_request req = {
        STR("POST"), STR("/model/anthropic.claude-v1%3A0/converse"), STR_NONE, NULL, 0, NULL, 0};

    (void)state;
    sigv4_canonical(&s, &req, NOW_S, a);
    assert_true(
        str_starts(buf_view(&s.text), STR("POST\n/model/anthropic.claude-v1%253A0/converse\n\n")));
    req.path = STR("/a//./b/../../../c/%");
    sigv4_canonical(&s, &req, NOW_S, a);
    assert_true(str_starts(buf_view(&s.text), STR("POST\n/c/%25\n\n")));
    sigv4_fini(&s);
    arena_free(a);
}

/* A request as the AWS SDK for Python signs it, byte for byte. */
static void test_as_the_sdk_signs(void **state)
{
    struct arena *a = arena_create(4096);
    struct sigv4_signer s = signer_of(&vectors[0]);
    const struct sigv4_header headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("Host"), STR("127.0.0.1:46265")},
    };
    const struct str body =
        STR("{\"messages\": [{\"role\": \"user\", \"content\": [{\"text\": \"Hi\"}]}]}");
    const struct sigv4_request req = {
        STR("POST"),
        STR("/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse"),
        STR_NONE,
        headers,
        2,
        &body,
        1};
    struct sigv4_signature out;

    (void)state;
    s.session_token = STR("tok/en==");
    s.service = STR("bedrock");
    sigv4_sign(&s, &req, 1795380485, a, &out); /* 2026-11-22 20:48:05 UTC */
    assert_string_equal(out.date, "20261122T204805Z");
    assert_str(out.authorization,
               "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/bedrock/aws4_request, "
               "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
               "Signature=c016d4f7efe46fc59978c31fd955a06ceda9dbf9d0e5661515675a29a397e0bc");
    sigv4_fini(&s);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite),
        cmocka_unit_test(test_authorization),
        cmocka_unit_test(test_key_is_not_kept_too_long),
        cmocka_unit_test(test_path_is_encoded_twice),
        cmocka_unit_test(test_as_the_sdk_signs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
