#include "tests/unit/unit.h"

#include "server/base/crypto.h"

static void hashes(void **state)
{
    uint8_t hash[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1];

    (void)state;
    /* FIPS 180-2, appendix B */
    crypto_sha256(STR("abc"), hash);
    crypto_hex(hash, sizeof(hash), text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256(STR_NONE, hash);
    crypto_hex(hash, sizeof(hash), text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    crypto_sha256(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), hash);
    crypto_hex(hash, sizeof(hash), text);
    assert_string_equal(text, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void authenticates(void **state)
{
    static const char long_key[131] = {0};
    uint8_t hash[SHA256_BYTES];
    uint8_t mac[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1];

    (void)state;
    /* RFC 4231, case 2, in two parts */
    crypto_hmac(STR("Jefe"), (struct str[]){STR("what do ya "), STR("want for nothing?")}, 2, mac);
    crypto_hex(mac, sizeof(mac), text);
    assert_string_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    /* a key longer than a block is its hash */
    crypto_sha256((struct str){long_key, sizeof(long_key)}, hash);
    crypto_hmac((struct str){(const char *)hash, sizeof(hash)}, NULL, 0, hash);
    crypto_hmac((struct str){long_key, sizeof(long_key)}, NULL, 0, mac);
    assert_memory_equal(mac, hash, sizeof(mac));
}

static void reads_hex(void **state)
{
    uint8_t out[3] = {9, 9, 9};

    (void)state;
    assert_int_equal(crypto_unhex(STR("00fFa1"), out, 3), 0);
    assert_memory_equal(out, "\x00\xff\xa1", 3);
    assert_int_equal(crypto_unhex(STR("00fFa"), out, 3), -1);
    assert_int_equal(crypto_unhex(STR("00fFa1b2"), out, 3), -1);
    assert_int_equal(crypto_unhex(STR("00fg00"), out, 3), -1);
    assert_int_equal(crypto_unhex(STR("-0 1+2"), out, 3), -1);
    assert_memory_equal(out, "\x00\xff\xa1", 3);
}

static void compares_and_wipes(void **state)
{
    char secret[] = "secret";

    (void)state;
    assert_true(crypto_equal("abc", "abd", 2));
    assert_false(crypto_equal("abc", "abd", 3));
    crypto_wipe(secret, sizeof(secret));
    assert_memory_equal(secret, "\0\0\0\0\0\0", sizeof(secret));
}

static void makes_uuids(void **state)
{
    static uint8_t ids[2000][16];
    char text[UUID_TEXT_LEN + 1];

    (void)state;
    for (size_t i = 0; i < 2000; i++) { /* more than a pool holds */
        crypto_uuid(0x0123456789abull, ids[i]);
        assert_memory_equal(ids[i], "\x01\x23\x45\x67\x89\xab", 6);
        assert_int_equal(ids[i][6] >> 4, 7);
        assert_int_equal(ids[i][8] >> 6, 2);
        for (size_t j = 0; j < i && j < 300; j++)
            assert_memory_not_equal(ids[i], ids[i - 1 - j], 16);
    }
    crypto_uuid_format(
        (const uint8_t *)"\x01\x23\x45\x67\x89\xab\x7c\xde\xbf\x00\x11\x22\x33\x44\x55\x66", text);
    assert_string_equal(text, "01234567-89ab-7cde-bf00-112233445566");
}

static void child_has_ids_of_its_own(void **state)
{
    uint8_t mine[16];
    uint8_t theirs[16];
    int ends[2];
    int status;
    pid_t child;

    (void)state;
    crypto_uuid(1, mine); /* the pool is filled now */
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        crypto_uuid(1, theirs);
        _exit(write(ends[1], theirs, 16) == 16 ? 0 : 1);
    }
    crypto_uuid(1, mine);
    assert_int_equal(read(ends[0], theirs, 16), 16);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_memory_not_equal(mine, theirs, 16);
    close(ends[0]);
    close(ends[1]);
}

static void makes_tokens(void **state)
{
    char a[44];
    char b[44];

    (void)state;
    crypto_token(a, 43);
    crypto_token(b, 43);
    assert_int_equal(strlen(a), 43);
    assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     43);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes),      cmocka_unit_test(authenticates),
        cmocka_unit_test(reads_hex),   cmocka_unit_test(compares_and_wipes),
        cmocka_unit_test(makes_uuids), cmocka_unit_test(child_has_ids_of_its_own),
        cmocka_unit_test(makes_tokens)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
