/* Requests of the Anthropic dialect: what is understood, and what is written for it. */
#include <stdio.h>

#include "tests/unit/chat_dump.h"
#include "tests/unit/unit.h"

#include "providers/dialects/anthropic.h"

static struct chat_codec codec;
static struct buf out, dump;

static int set_up(void **state)
{
    (void)state;
    codec = (struct chat_codec){arena_create(65536), arena_create(65536), json_parser_create()};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(codec.arena);
    arena_free(codec.scratch);
    json_parser_free(codec.json);
    buf_fini(&out);
    buf_fini(&dump);
    return 0;
}

/* A body, decoded; it must be sound. */
static struct chat *decoded(const char *body)
{
    struct chat *chat = arena_alloc(codec.arena, sizeof(*chat));
    struct chat_error err = {.kind = 0};

    if (dialect_anthropic.decode_request(&codec, NULL, str_of(body), chat, &err) != 0)
        fail_msg("%.*s: %.*s", STR_ARGS(err.param), STR_ARGS(err.message));
    return chat;
}

static struct str dumped(const struct chat *chat)
{
    buf_clear(&dump);
    chat_dump(chat, &dump);
    return arena_str(codec.arena, buf_view(&dump));
}

/* The chat as a body for this model, with what was lost. */
static struct str encoded_for(const struct chat *chat, struct chat_target target, const char *lost)
{
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_error err;

    buf_clear(&out);
    if (target.model.len == 0)
        target.model = STR("claude-x");
    assert_int_equal(dialect_anthropic.encode_request(&codec, chat, &target, &loss, &out, &err), 0);
    assert_str(loss_header(&loss, codec.arena), lost);
    return arena_str(codec.arena, buf_view(&out));
}

static struct str encoded(const struct chat *chat, const char *lost)
{
    return encoded_for(chat, (struct chat_target){.quirks = 0}, lost);
}

/* The same as if another dialect had said it: nothing raw of this one's is of use. */
static struct chat *abroad(const char *body)
{
    struct chat *chat = decoded(body);

    chat->from = DIALECT_OPENAI;
    return chat;
}

static void refused(const char *body, const char *param, const char *message)
{
    struct chat chat;
    struct chat_error err = {.kind = 0};

    assert_int_equal(dialect_anthropic.decode_request(&codec, NULL, str_of(body), &chat, &err), -1);
    assert_int_equal(err.status, 400);
    assert_str(err.param, param);
    assert_str(err.message, message);
}

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define HI_OUT                                                                                     \
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}]}"

static const char everything[] =
    "{\"model\":\"claude-opus-4-1\",\"max_tokens\":2048,\"stream\":true,\"temperature\":0.70,"
    "\"top_k\":40,\"stop_sequences\":[\"END\",\"\\n\\nHuman:\"],\"metadata\":{\"user_id\":\"u1\"},"
    "\"service_tier\":\"standard_only\","
    "\"tool_choice\":{\"type\":\"tool\",\"name\":\"weather\",\"disable_parallel_tool_use\":true},"
    "\"tools\":[{\"name\":\"weather\",\"description\":\"says \\\"it\\\"\",\"input_schema\":"
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}},"
    "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
    "\"system\":[{\"type\":\"text\",\"text\":\"Be brief.\"},{\"type\":\"text\",\"text\":\"Or "
    "not.\",\"cache_control\":{\"type\":\"ephemeral\"}}],"
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
    "\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAA\"}},{\"type\":\"image\",\"source\":{"
    "\"type\":\"url\",\"url\":\"https://x/y.png\"}},{\"type\":\"document\",\"source\":{\"type\":"
    "\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBE\"},\"title\":\"T\"},"
    "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":"
    "\"d\\n\"}},{\"type\":\"text\",\"text\":\"Weather?\"}]},"
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
    "\"signature\":\"c2ln\"},{\"type\":\"redacted_thinking\",\"data\":\"cmVk\"},"
    "{\"type\":\"text\",\"text\":\"I'll look.\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\","
    "\"name\":\"weather\",\"input\":{\"city\": \"Rome\"}},{\"type\":\"tool_use\",\"id\":"
    "\"toolu_2\",\"name\":\"weather\",\"input\":{}}]},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\","
    "\"content\":\"21 C\"},{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_2\",\"content\":["
    "{\"type\":\"text\",\"text\":\"no\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\","
    "\"media_type\":\"image/jpeg\",\"data\":\"/9j/\"}}],\"is_error\":true,"
    "\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"So?\"}]}]}";

static void all_of_it_is_understood(void **state)
{
    (void)state;
    assert_str(
        dumped(decoded(everything)),
        "chat model=claude-opus-4-1 stream=1 tool_choice=4 tool_name=weather parallel=1 "
        "max_tokens=2048 temperature=0.70 top_k=40 user=u1 service_tier=default stop=END "
        "stop=\\n\\nHuman:\n"
        "tool name=weather description=says \\\"it\\\" "
        "schema={\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}} cache=2\n"
        "system\n"
        "  text text=Be brief.\n"
        "  text text=Or not. cache=1\n"
        "user\n"
        "  image source=1 type=image/png data=AAAA\n"
        "  image source=2 data=https://x/y.png\n"
        "  document source=1 type=application/pdf data=JVBE file=T\n"
        "  document source=4 type=text/plain data=d\\n\n"
        "  text text=Weather?\n"
        "assistant\n"
        "  thinking text=hm signature=c2ln signer=1\n"
        "  redacted signature=cmVk signer=1\n"
        "  text text=I'll look.\n"
        "  tool_call id=toolu_1 name=weather arguments={\"city\": \"Rome\"}\n"
        "  tool_call id=toolu_2 name=weather arguments={}\n"
        "tool\n"
        "  tool_result id=toolu_1 name=weather\n"
        "    text text=21 C\n"
        "  tool_result id=toolu_2 name=weather is_error=1 cache=1\n"
        "    text text=no\n"
        "    image source=1 type=image/jpeg data=/9j/\n"
        "user\n"
        "  text text=So?\n");
}

/* Written anew from the neutral form, it says the same; and twice the same bytes. */
static void there_and_back(void **state)
{
    static const char *const bodies[] = {
        everything,
        "{\"model\":\"m\",\"max_tokens\":9000," HI,
        "{\"model\":\"m\",\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\","
        "\"budget_tokens\":4000,\"display\":\"omitted\"}," HI,
        "{\"model\":\"m\",\"max_tokens\":9000,\"thinking\":{\"type\":\"disabled\"}," HI,
        "{\"model\":\"m\",\"max_tokens\":9000,\"output_config\":{\"format\":{\"type\":"
        "\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{},"
        "\"additionalProperties\":false}}}," HI,
        "{\"model\":\"m\",\"max_tokens\":1,\"tool_choice\":{\"type\":\"any\"},\"tools\":[{"
        "\"type\":\"custom\",\"name\":\"a\",\"strict\":true,\"input_schema\":{\"type\":\"object\","
        "\"additionalProperties\":false}}]," HI,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct chat *first = abroad(bodies[i]);
        struct chat_target same = {.model = first->model};
        struct str wire = encoded_for(first, same, "full");
        struct chat *second = abroad(arena_cstr(codec.arena, wire));

        assert_str(dumped(first), arena_cstr(codec.arena, dumped(second)));
        assert_str(wire, arena_cstr(codec.arena, encoded_for(second, same, "full")));
        first = decoded(bodies[i]); /* and from home */
        assert_str(
            dumped(first),
            arena_cstr(codec.arena,
                       dumped(decoded(arena_cstr(codec.arena, encoded_for(first, same, "full"))))));
    }
}

static void the_wire_of_a_small_one(void **state)
{
    (void)state;
    assert_str(encoded(abroad("{\"model\":\"m\",\"max_tokens\":5," HI), "full"),
               "{\"model\":\"claude-x\",\"max_tokens\":5," HI_OUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_it_is_understood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_wire_of_a_small_one, set_up, tear_down),
    };

    (void)refused;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
