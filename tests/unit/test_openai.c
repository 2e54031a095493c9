/* The OpenAI dialect: what is found, and that nothing but the splices changes a byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "providers/dialects/openai.h"
#include "server/base/buf.h"

struct fixture {
    struct json_parser *parser;
    struct arena *arena;
};

static int set_up(void **state)
{
    static struct fixture f;

    f.parser = json_parser_create();
    f.arena = arena_create(4096);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    json_parser_free(f->parser);
    arena_free(f->arena);
    return 0;
}

/* Scan, splice, and compare the parts put together. */
static void check_splice(struct fixture *f, const char *body, const char *model, bool add_usage,
                         const char *expected)
{
    struct openai_request req;
    struct openai_parts parts;
    struct json_error err;
    struct buf b = BUF_INIT;

    assert_int_equal(openai_scan(f->parser, f->arena, str_of(body), &req, &err), 0);
    openai_splice(&req, f->arena, str_of(model), add_usage, &parts);
    for (size_t i = 0; i < parts.n; i++)
        buf_str(&b, parts.parts[i]);
    assert_int_equal(parts.bytes, b.len);
    assert_string_equal(b.data, expected);
    buf_fini(&b);
}

static void test_splice_model(void **state)
{
    struct fixture *f = *state;

    check_splice(f, "{\"model\":\"openai/gpt-4o\",\"x\":1.50}", "gpt-4o", false,
                 "{\"model\":\"gpt-4o\",\"x\":1.50}");
    check_splice(f, " { \"a\" : 1e400 , \"model\" : \"m\" , \"a\":2}\n", "long-name", false,
                 " { \"a\" : 1e400 , \"model\" : \"long-name\" , \"a\":2}\n");
    /* the same name: not a byte changes, however it was written */
    check_splice(f, "{\"model\":\"g\\u0070t\"}", "gpt", false, "{\"model\":\"g\\u0070t\"}");
    check_splice(f, "{\"model\":\"m\"}", "a\"b\\c", false, "{\"model\":\"a\\\"b\\\\c\"}");
    check_splice(f, "{\"m\\u006fdel\":\"m\"}", "n", false, "{\"m\\u006fdel\":\"n\"}");
}

static void test_splice_usage(void **state)
{
    struct fixture *f = *state;

    check_splice(f, "{\"model\":\"m\",\"stream\":true}", "m", true,
                 "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    check_splice(
        f, "{\"stream\":true,\"model\":\"p/m\"} \n", "m", true,
        "{\"stream\":true,\"model\":\"m\",\"stream_options\":{\"include_usage\":true}} \n");
    check_splice(f, "{\"stream_options\":{},\"model\":\"p/m\"}", "m", true,
                 "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\"}");
    check_splice(f, "{\"stream_options\":{ \"x\":1},\"model\":\"p/m\"}", "m", true,
                 "{\"stream_options\":{\"include_usage\":true, \"x\":1},\"model\":\"m\"}");
    check_splice(f, "{\"model\":\"m\",\"stream_options\":{\"include_usage\":false,\"x\":[1]}}", "n",
                 true, "{\"model\":\"n\",\"stream_options\":{\"include_usage\":true,\"x\":[1]}}");
    /* an escaped name is the same name, and the last one of two would count */
    check_splice(f, "{\"model\":\"m\",\"stream_options\":{\"include_us\\u0061ge\":false}}", "m",
                 true, "{\"model\":\"m\",\"stream_options\":{\"include_us\\u0061ge\":true}}");
    check_splice(f, "{\"model\":\"m\",\"stream_options\":null}", "m", true,
                 "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}");
}

static void scan(struct fixture *f, const char *body, struct openai_request *req)
{
    struct json_error err;

    assert_int_equal(openai_scan(f->parser, f->arena, str_of(body), req, &err), 0);
}

static void test_scan_finds(void **state)
{
    struct fixture *f = *state;
    struct openai_request req;

    scan(f, "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", &req);
    assert_true(req.stream && req.include_usage && req.has_stream_options);
    scan(f, "{\"model\":\"m\",\"stream\":false,\"max_completion_tokens\":7}", &req);
    assert_false(req.stream || req.include_usage || req.has_stream_options);
    assert_int_equal(req.max_tokens, 7);
    scan(f, "{\"model\":5}", &req);
    assert_non_null(req.model_raw.p);
    assert_false(req.model_is_string);
    scan(f, "{\"messages\":[{\"model\":\"inner\"}]}", &req);
    assert_null(req.model_raw.p);
    scan(f, "{\"model\":\"m\",\"model\":\"m\"}", &req); /* alike: harmless */
    assert_int_equal(req.model.len, 1);
}

static void check_refused(struct fixture *f, const char *body)
{
    struct openai_request req;
    struct json_error err = {NULL, 0};

    assert_int_equal(openai_scan(f->parser, f->arena, str_of(body), &req, &err), -1);
    assert_non_null(err.text);
    assert_true(err.offset <= strlen(body));
}

static void test_scan_refuses(void **state)
{
    struct fixture *f = *state;

    check_refused(f, "");
    check_refused(f, "nonsense");
    check_refused(f, "[]");
    check_refused(f, "{\"model\":\"a\"");
    check_refused(f, "{\"model\":\"a\"} x");
    check_refused(f, "{\"model\":\"a\",\"model\":\"b\"}");
    check_refused(f, "{\"model\":\"a\",\"mod\\u0065l\":\"b\"}");
    check_refused(f, "{\"model\":\"a\",\"model\":1}");
}

static void check_usage(const char *body, bool known, uint64_t in, uint64_t out, uint64_t cached,
                        uint64_t reasoning)
{
    struct openai_usage u = {.known = false};

    openai_usage(str_of(body), &u);
    assert_int_equal(u.known, known);
    assert_int_equal(u.input, in);
    assert_int_equal(u.output, out);
    assert_int_equal(u.cached, cached);
    assert_int_equal(u.reasoning, reasoning);
}

static void test_usage(void **state)
{
    (void)state;
    check_usage("{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5,"
                "\"total_tokens\":8,\"prompt_tokens_details\":{\"cached_tokens\":2},"
                "\"completion_tokens_details\":{\"reasoning_tokens\":4}}}",
                true, 3, 5, 2, 4);
    check_usage(
        "{\"usage\" : { \"input_tokens\" : 7 , \"output_tokens\" : 9,"
        "\"input_tokens_details\":{\"cached_tokens\":1},"
        "\"output_tokens_details\":{\"reasoning_tokens\":2}},\"metadata\":{\"usage\":\"x\"}}",
        true, 7, 9, 1, 2);
    check_usage("{\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}", true, 3, 0, 0, 0);
    /* what the model wrote is escaped and cannot be mistaken */
    check_usage("{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":9}\"}", false, 0, 0, 0, 0);
    check_usage("{\"usage\":null}", false, 0, 0, 0, 0);
    check_usage("{\"usage\":{\"total\":1}}", false, 0, 0, 0, 0);
    check_usage("{\"usage\":{\"prompt_tokens\":1", false, 0, 0, 0, 0);
    check_usage("{\"usage\":{\"prompt_tokens\":99999999999999999999}}", false, 0, 0, 0, 0);
    check_usage("\"usage\"", false, 0, 0, 0, 0);
    check_usage("", false, 0, 0, 0, 0);
    /* a tool's schema has a property of that name, before the real one */
    check_usage("{\"tools\":[{\"properties\":{\"usage\":{\"type\":\"object\"}}}],"
                "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
                true, 1, 2, 0, 0);
    /* the last part of a long answer */
    check_usage("rest of a text\"}],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1}}", true,
                4, 1, 0, 0);
}

static void event(const char *data, struct openai_event *out, struct openai_usage *usage)
{
    *usage = (struct openai_usage){.known = false};
    openai_event(str_of(data), out, usage);
}

static void test_events(void **state)
{
    struct openai_event e;
    struct openai_usage u;

    (void)state;
    event("[DONE]", &e, &u);
    assert_true(e.is_done);
    event(
        "{\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}],\"usage\":null}",
        &e, &u);
    assert_false(e.is_done || e.is_error || e.is_usage_only || e.is_finish || u.known);
    assert_int_equal(e.content_bytes, 5);
    event("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}", &e, &u);
    assert_true(e.is_finish);
    event("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}", &e, &u);
    assert_true(e.is_usage_only && u.known);
    assert_int_equal(u.output, 2);
    /* usage beside content is the provider's own way: not withheld */
    event("{\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
          &e, &u);
    assert_true(u.known);
    assert_false(e.is_usage_only);
    /* Azure's first chunk */
    event("{\"choices\":[],\"prompt_filter_results\":[]}", &e, &u);
    assert_false(e.is_usage_only);
    event("{\"error\":{\"message\":\"x\"}}", &e, &u);
    assert_true(e.is_error);
    event("{\"choices\":[{\"delta\":{\"content\":\"\\\"error\\\":{\\\"a\\\"\"}}]}", &e, &u);
    assert_false(e.is_error);
}

static void test_response_events(void **state)
{
    struct openai_event e;
    struct openai_usage u;

    (void)state;
    event("{\"type\":\"response.output_text.delta\",\"delta\":\"abc\"}", &e, &u);
    assert_int_equal(e.content_bytes, 3);
    event("{\"type\":\"response.output_text.done\",\"text\":\"abc\"}", &e, &u);
    assert_int_equal(e.content_bytes, 0);
    event("{\"type\":\"response.completed\",\"response\":{\"error\":null,\"usage\":{\"input_"
          "tokens\":5,"
          "\"output_tokens\":6}}}",
          &e, &u);
    assert_true(u.known && e.is_finish);
    assert_false(e.is_usage_only || e.is_error);
    event("{\"type\":\"response.failed\",\"response\":{}}", &e, &u);
    assert_true(e.is_error);
}

#define TYPE "multipart/form-data; boundary=xYz"

static void check_multipart(const char *type, const char *body, int rc, const char *expected)
{
    struct str value = STR_NONE;

    assert_int_equal(openai_multipart_model(str_of(type), str_of(body), &value), rc);
    if (rc == 1) {
        assert_int_equal(value.len, strlen(expected));
        assert_memory_equal(value.p, expected, value.len);
    }
}

static void test_multipart(void **state)
{
    const char *good =
        "--xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n"
        "Content-Type: audio/mpeg\r\n\r\n\x01\r\n--xY\r\nname=\"model\"\r\n"
        "--xYz\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n"
        "--xYz--\r\n";
    struct openai_parts parts;
    struct str value;

    (void)state;
    check_multipart(TYPE, good, 1, "whisper-1");
    check_multipart("multipart/form-data; charset=x; boundary=\"xYz\"", good, 1, "whisper-1");
    check_multipart("multipart/form-data", good, -1, NULL);
    check_multipart("multipart/form-data; boundary=other", good, -1, NULL);
    check_multipart(TYPE, "--xYz\r\nContent-Disposition: form-data; name=model\r\n\r\n\r\n--xYz--",
                    1, "");
    check_multipart(TYPE, "--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--xYz--",
                    0, NULL);
    check_multipart(TYPE, "--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb", -1, NULL);
    check_multipart(TYPE, "--xYz\r\nno head end", -1, NULL);
    check_multipart(TYPE, "", -1, NULL);
    assert_int_equal(openai_multipart_model(STR(TYPE), str_of(good), &value), 1);
    openai_multipart_splice(str_of(good), value, STR("w"), &parts);
    assert_int_equal(parts.n, 3);
    assert_int_equal(parts.bytes, strlen(good) - strlen("whisper-1") + 1);
}

static void test_multipart_twice(void **state)
{
    (void)state;
    check_multipart(TYPE,
                    "--xYz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na\r\n"
                    "--xYz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nb\r\n--xYz--",
                    -1, NULL);
    check_multipart(
        TYPE,
        "--xYz\r\nContent-Disposition: form-data; name=\"x\"; name=\"model\"\r\n\r\na\r\n--xYz--",
        -1, NULL);
}

static void test_errors(void **state)
{
    struct fixture *f = *state;
    struct str s = openai_error(f->arena, STR("say \"x\""), "t", "c", STR("model"));

    assert_string_equal(s.p, "{\"error\":{\"message\":\"say \\\"x\\\"\",\"type\":\"t\","
                             "\"param\":\"model\",\"code\":\"c\"}}");
    s = openai_error_event(f->arena, STR("m"), "t", "c");
    assert_string_equal(s.p, "data: {\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":null,"
                             "\"code\":\"c\"}}\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {

        cmocka_unit_test(test_splice_model),    cmocka_unit_test(test_splice_usage),
        cmocka_unit_test(test_scan_finds),      cmocka_unit_test(test_scan_refuses),
        cmocka_unit_test(test_usage),           cmocka_unit_test(test_events),
        cmocka_unit_test(test_response_events), cmocka_unit_test(test_multipart),
        cmocka_unit_test(test_multipart_twice), cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
