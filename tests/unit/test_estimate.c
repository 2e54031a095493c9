#include "tests/unit/unit.h"

#include "server/base/base.h"
#include "server/worker/estimate.h"

static const struct estimate_ask usual = {
    .body = {.text_bytes = 400}, .route = 7, .key = 9, .has_output = true};

static struct estimate made(const struct estimator *e, const struct estimate_ask *ask)
{
    struct estimate out;

    estimate_make(e, ask, &out);
    assert_true(out.input <= out.most_input && out.output <= out.careful_output);
    assert_true(out.careful_output <= out.most_output);
    return out;
}

static void test_before_anything_is_known(void **state)
{
    struct estimator *e = estimator_create();
    struct estimate_ask ask = usual;
    struct estimate out = made(e, &ask);

    (void)state;
    assert_int_equal(out.input, 100);
    assert_int_equal(out.most_input, 400); /* a byte is a token at most */
    assert_int_equal(out.output, ESTIMATE_OUTPUT);
    assert_int_equal(out.most_output, ESTIMATE_OUTPUT_MAX);
    assert_true(out.is_guess);
    ask.max_tokens = 30;
    out = made(e, &ask);
    assert_int_equal(out.output, 30);
    assert_int_equal(out.most_output, 30);
    ask.choices = 4;
    assert_int_equal(made(e, &ask).most_output, 120);
    ask.max_tokens = 0;
    ask.max_output = 500;
    assert_int_equal(made(e, &ask).most_output, 2000);
    ask.has_output = false;
    assert_int_equal(made(e, &ask).most_output, 0);
    ask.has_tools = true;
    ask.context = 1000;
    assert_int_equal(made(e, &ask).most_input, 400 + ESTIMATE_TOOLS_MAX + 1000);
    estimator_free(e);
}

static void test_what_a_route_writes_is_learned(void **state)
{
    struct estimator *e = estimator_create();
    struct estimate_ask other = usual;
    struct estimate out;

    (void)state;
    other.key = 10;
    for (int i = 0; i < 40; i++)
        estimate_learn(e, &usual, 90, 50);
    out = made(e, &usual);
    assert_in_range(out.output, 50, 53);
    assert_in_range(out.careful_output, 50, 56);
    assert_int_equal(out.input,
                     100); /* so short a prompt is mostly its envelope: it teaches none */
    assert_false(out.is_guess);
    out = made(e, &other); /* another key, the same route */
    assert_in_range(out.output, 50, 53);
    for (int i = 0; i < 40; i++)
        estimate_learn(e, &other, 80, i % 2 == 0 ? 100 : 900);
    out = made(e, &other);
    assert_in_range(out.output, 800, 1800);
    assert_in_range(made(e, &usual).output, 50, 53); /* the key knows itself better */
    other.max_tokens = 60;
    assert_int_equal(made(e, &other).output, 60);
    estimator_free(e);
}

/* A body of so many bytes, looked at: `text` again and again. */
static struct estimate_body looked(const char *text, size_t len)
{
    static char body[300000];
    struct estimate_body out;

    must(len < sizeof(body));
    for (size_t i = 0; i < len; i++)
        body[i] = text[i % strlen(text)];
    memcpy(body, "{\"content\": \"", 13);
    body[len - 1] = '"';
    estimate_look((struct str){body, len}, &out);
    return out;
}

static const char prose[] = "so it was that they went down to the river every day and sat there. ";
static const char noise[] = "Zm9vYmFyYmF6cXV4eHl6enkxMjM0NTY3ODkwQUJDREVGR0hJSktMTU5PUA";

static void test_long_texts_teach_how_long_a_token_is(void **state)
{
    struct estimator *e = estimator_create();
    struct estimate_ask ask = usual;
    uint64_t before;

    (void)state;
    ask.body = looked(prose, 200000);
    assert_int_equal(ask.body.n_media, 0);
    before = made(e, &ask).input;
    assert_in_range(before, 50000, 56000);
    for (int i = 0; i < 10; i++)
        estimate_learn(e, &usual, 11, 50); /* forty bytes to a token, of a mere envelope */
    assert_int_equal(made(e, &ask).input, before);
    for (int i = 0; i < 10; i++)
        estimate_learn(e, &ask, 40000, 50);
    assert_in_range(made(e, &ask).likely_input, 40000, 40100);
    assert_true(made(e, &ask).input >= 50000); /* held is what it looks like all the same */
    estimate_learn(e, &ask, 100000, 50);       /* one dense text is enough to be careful */
    assert_true(made(e, &ask).input >= 55000);
    estimator_free(e);
}

static void test_noise_is_dense_whatever_was_taught(void **state)
{
    struct estimator *e = estimator_create();
    struct estimate_ask ask = usual;

    (void)state;
    ask.body = looked(prose, 100000);
    for (int i = 0; i < 40; i++)
        estimate_learn(e, &ask, 20000, 50);
    ask.body = looked(noise, 100000); /* and no picture, as it is the text itself */
    assert_int_equal(ask.body.n_media, 0);
    assert_in_range(made(e, &ask).input, 70000, 80000);
    assert_true(made(e, &ask).likely_input >= 35000);
    ask.body = looked(noise, 4096);
    assert_in_range(made(e, &ask).input, 2800, 3300);
    ask.body = looked("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 9000);
    assert_in_range(made(e, &ask).input, 3000, 4700);
    estimator_free(e);
}

static void test_choices_are_learned_one_by_one(void **state)
{
    struct estimator *e = estimator_create();
    struct estimate_ask ask = usual;

    (void)state;
    ask.choices = 5;
    for (int i = 0; i < 40; i++)
        estimate_learn(e, &ask, 100, 500);
    assert_in_range(made(e, &ask).output, 500, 530);
    ask.choices = 1;
    assert_in_range(made(e, &ask).output, 100, 106);
    estimator_free(e);
}

static void test_absurd_numbers_stay_bounded(void **state)
{
    struct estimator *e = estimator_create();
    struct estimate_ask ask = usual;
    struct estimate out;

    (void)state;
    ask.body = (struct estimate_body){UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX};
    ask.max_tokens = UINT64_MAX;
    ask.choices = UINT32_MAX;
    ask.context = UINT32_MAX;
    for (int i = 0; i < 100; i++)
        estimate_learn(e, &ask, UINT64_MAX, UINT64_MAX);
    out = made(e, &ask);
    assert_true(out.most_output <= ESTIMATE_TOKENS_MAX);
    assert_true(out.most_input < UINT64_MAX / 2);
    estimate_learn(e, &ask, 0, 0);
    (void)made(e, &ask);
    estimator_free(e);
}

static void test_media_are_no_text(void **state)
{
    static char body[300000];
    struct estimate_body out;
    struct estimate_ask ask = usual;
    struct estimator *e = estimator_create();

    (void)state;
    memset(body, ' ', sizeof(body));
    memcpy(body, "{\"image\":\"", 10);
    memset(body + 10, 'A', 200000);
    body[200010] = '"';
    estimate_look((struct str){body, sizeof(body)}, &out);
    assert_int_equal(out.n_media, 1);
    assert_int_equal(out.media_bytes, 200000);
    assert_int_equal(out.text_bytes, sizeof(body) - 200000);
    ask.body = out;
    assert_int_equal(made(e, &ask).most_input, out.text_bytes + 200000 / ESTIMATE_MEDIA_BYTES);
    estimate_look(STR("{\"url\":\"https://x/y.png\",\"b\":\"http://z\"}"), &out);
    assert_int_equal(out.n_media, 2);
    assert_int_equal(out.media_bytes, 0);
    estimate_look(STR(""), &out);
    assert_int_equal(out.text_bytes, 0);
    memset(body, 'A', sizeof(body)); /* no quotes at all */
    estimate_look((struct str){body, sizeof(body)}, &out);
    assert_int_equal(out.media_bytes + out.text_bytes, sizeof(body));
    estimator_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_anything_is_known),
        cmocka_unit_test(test_what_a_route_writes_is_learned),
        cmocka_unit_test(test_long_texts_teach_how_long_a_token_is),
        cmocka_unit_test(test_noise_is_dense_whatever_was_taught),
        cmocka_unit_test(test_choices_are_learned_one_by_one),
        cmocka_unit_test(test_absurd_numbers_stay_bounded),
        cmocka_unit_test(test_media_are_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
