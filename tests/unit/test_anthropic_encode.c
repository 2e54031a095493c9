/* Messages of other dialects, written for Anthropic: what changes, what is lost, what stays put. */
#include <stdio.h>

#include "tests/unit/fixture_turns.h"

#include "providers/dialects/anthropic.h"

static const struct chat_target plain;

/* The members from `messages` on, which are the last. */
static const char *messages_of(const struct chat *chat, const char *lost)
{
    const char *at = strstr(fx_encode(chat, plain, lost), "\"messages\":");

    assert_non_null(at);
    return at;
}

static void neighbours_are_one_turn_and_results_come_first(void **state)
{
    struct chat *chat = fx_chat();

    (void)state;
    fx_add(chat, ROLE_SYSTEM, BLOCK_TEXT, "S");
    fx_add(chat, ROLE_DEVELOPER, BLOCK_TEXT, "D")->cache = CACHE_1H;
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "a");
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "b");
    fx_add(chat, ROLE_ASSISTANT, BLOCK_TEXT, "c");
    call(chat, "t1", "f");
    call(chat, "t2", "f");
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "d");
    result(chat, "t1", "f");
    result(chat, "t2", "f")->is_error = true;
    assert_string_equal(
        strstr(fx_encode(chat, plain, NULL), "\"system\""),
        "\"system\":[{\"type\":\"text\",\"text\":\"S\"},{\"type\":\"text\",\"text\":\"D\","
        "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
        "{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":"
        "\"text\",\"text\":\"c\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":"
        "{\"a\":1}},{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"f\",\"input\":{\"a\":1}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","
        "\"content\":\"r\"},{\"type\":\"tool_result\",\"tool_use_id\":\"t2\",\"content\":\"r\","
        "\"is_error\":true},{\"type\":\"text\",\"text\":\"d\"}]}]}");
}

static void later_system_texts(void **state)
{
    struct chat_target newer = {.model_flags = MODEL_SYSTEM_TURNS};
    struct chat *chat = asked();

    (void)state;
    fx_add(chat, ROLE_SYSTEM, BLOCK_TEXT, "Now!");
    assert_string_equal(messages_of(chat, "partial; changed=messages.role"),
                        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                        "\"Hi\"},{\"type\":\"text\",\"text\":\"<system>\\nNow!\\n</system>\"}]}]}");
    assert_string_equal(strstr(fx_encode(chat, newer, NULL), "\"messages\""),
                        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                        "\"Hi\"}]},{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":"
                        "\"Now!\"}]}]}");
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "b"); /* where it cannot stand as one */
    (void)fx_encode(chat, newer, "partial; changed=messages.role");
    chat = fx_chat(); /* nothing else there: it is the question */
    fx_add(chat, ROLE_SYSTEM, BLOCK_TEXT, "Go");
    assert_string_equal(fx_encode(chat, plain, "partial; changed=messages.role"),
                        "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
                        "\"content\":[{\"type\":\"text\",\"text\":\"Go\"}]}]}");
}

static void what_is_empty_is_left_out(void **state)
{
    struct chat *chat = asked();

    (void)state;
    fx_add(chat, ROLE_ASSISTANT, BLOCK_TEXT, "");
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "");
    fx_add(chat, ROLE_ASSISTANT, BLOCK_TEXT, "x ");
    assert_string_equal(messages_of(chat, NULL),
                        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                        "\"Hi\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
                        "\"text\":\"x \"}]}]}");
}

static void ids_and_names_that_are_refused(void **state)
{
    struct chat *chat = asked();

    (void)state;
    call(chat, "f.a:0", "a.b");
    result(chat, "f.a:0", "a.b");
    call(chat, "", "g"); /* Gemini's have none */
    call(chat, "", "h");
    result(chat, "", "h");
    result(chat, "", "g");
    assert_string_equal(
        messages_of(chat, "partial; changed=tools.name"),
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"f_a_0_f8be1646\","
        "\"name\":\"a_b_108bf50c\",\"input\":{\"a\":1}}]},{\"role\":\"user\",\"content\":[{"
        "\"type\":\"tool_result\",\"tool_use_id\":\"f_a_0_f8be1646\",\"content\":\"r\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"toolu_bf_1\","
        "\"name\":\"g\",\"input\":{\"a\":1}},{\"type\":\"tool_use\",\"id\":\"toolu_bf_2\","
        "\"name\":\"h\",\"input\":{\"a\":1}}]},{\"role\":\"user\",\"content\":[{\"type\":"
        "\"tool_result\",\"tool_use_id\":\"toolu_bf_2\",\"content\":\"r\"},{\"type\":"
        "\"tool_result\",\"tool_use_id\":\"toolu_bf_1\",\"content\":\"r\"}]}]}");
}

static void media(void **state)
{
    static const struct {
        enum chat_block_kind kind;
        struct chat_media media;
        const char *wire, *lost;
    } cases[] = {
        {BLOCK_IMAGE,
         {SOURCE_BASE64, {"", 0}, {"/9j/4A", 6}, {"", 0}, {"low", 3}},
         "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/jpeg\","
         "\"data\":\"/9j/4A\"}}",
         "partial; dropped=image_url.detail"},
        {BLOCK_IMAGE,
         {SOURCE_URL, {"", 0}, {"https://i", 9}, {"", 0}, {"auto", 4}},
         "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://i\"}}",
         "full"},
        {BLOCK_IMAGE,
         {SOURCE_BASE64, {"image/heic", 10}, {"AA", 2}, {"", 0}, {"", 0}},
         NULL,
         "partial; dropped=messages.image"},
        {BLOCK_IMAGE,
         {SOURCE_FILE, {"", 0}, {"file-1", 6}, {"", 0}, {"", 0}},
         NULL,
         "partial; dropped=messages.image"},
        {BLOCK_DOCUMENT,
         {SOURCE_BASE64, {"application/pdf", 15}, {"JV", 2}, {"n.pdf", 5}, {"", 0}},
         "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\""
         ",\"data\":\"JV\"},\"title\":\"n.pdf\"}",
         "full"},
        {BLOCK_DOCUMENT,
         {SOURCE_BASE64, {"text/csv", 8}, {"YSwiYiIK", 8}, {"", 0}, {"", 0}},
         "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\","
         "\"data\":\"a,\\\"b\\\"\\n\"}}",
         "full"},
        {BLOCK_DOCUMENT,
         {SOURCE_BASE64, {"", 0}, {"UEs", 3}, {"n.docx", 6}, {"", 0}},
         NULL,
         "partial; dropped=messages.document"},
        {BLOCK_AUDIO,
         {SOURCE_BASE64, {"audio/wav", 9}, {"UE", 2}, {"", 0}, {"", 0}},
         NULL,
         "partial; dropped=messages.audio"},
        {BLOCK_VIDEO,
         {SOURCE_URL, {"", 0}, {"u", 1}, {"", 0}, {"", 0}},
         NULL,
         "partial; dropped=messages.video"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat *chat = asked();
        const char *at;

        fx_add(chat, ROLE_USER, cases[i].kind, "")->media = cases[i].media;
        at = strstr(messages_of(chat, cases[i].lost), "Hi\"}") + 4;
        if (cases[i].wire == NULL)
            assert_string_equal(at, "]}]}");
        else
            assert_string_equal(at, arena_printf(fx.codec.arena, ",%s]}]}", cases[i].wire).p);
    }
}

static void only_claudes_own_thinking_goes_back(void **state)
{
    struct chat *chat = asked();
    struct chat_block *b = fx_add(chat, ROLE_ASSISTANT, BLOCK_THINKING, "mine");

    (void)state;
    b->signature = STR("s1");
    b->signer = SIGNER_ANTHROPIC;
    b = fx_add(chat, ROLE_ASSISTANT, BLOCK_THINKING, "foreign");
    b->signature = STR("s2");
    b->signer = SIGNER_GEMINI;
    (void)fx_add(chat, ROLE_ASSISTANT, BLOCK_THINKING, "unsigned");
    b = fx_add(chat, ROLE_ASSISTANT, BLOCK_REDACTED, "");
    b->signature = STR("s3");
    b->signer = SIGNER_OPENAI;
    fx_add(chat, ROLE_ASSISTANT, BLOCK_REFUSAL, "no");
    assert_string_equal(strstr(messages_of(chat, "partial; dropped=thinking; changed=refusal"),
                               "{\"role\":\"assistant\""),
                        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":"
                        "\"mine\",\"signature\":\"s1\"},{\"type\":\"text\",\"text\":\"no\"}]}]}");
}

/* The body of one more turn begins with the same bytes. */
static void the_prefix_stays(void **state)
{
    struct chat *chat = asked();
    const char *shorter, *longer;
    size_t same;

    (void)state;
    tool(chat, "f", "{\"type\":\"object\"}");
    call(chat, "t1", "f");
    result(chat, "t1", "f");
    shorter = fx_encode(chat, plain, NULL);
    fx_add(chat, ROLE_ASSISTANT, BLOCK_TEXT, "done");
    fx_add(chat, ROLE_USER, BLOCK_TEXT, "more");
    longer = fx_encode(chat, plain, NULL);
    same = strlen(shorter) - strlen("]}");
    assert_memory_equal(shorter, longer, same);
    assert_int_equal(longer[same], ',');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fx_test(neighbours_are_one_turn_and_results_come_first),
        fx_test(later_system_texts),
        fx_test(what_is_empty_is_left_out),
        fx_test(ids_and_names_that_are_refused),
        fx_test(media),
        fx_test(only_claudes_own_thinking_goes_back),
        fx_test(the_prefix_stays),
    };

    fx.dialect = &dialect_anthropic;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
