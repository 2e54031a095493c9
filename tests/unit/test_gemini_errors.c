/* Errors of the Gemini dialect: Google's into neutral words, ours into Google's. */
#include "tests/unit/gemini_fixture.h"

static void errors(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum chat_error_kind kind;
        const char *message, *code;
    } cases[] = {
        {400,
         "{'error':{'code':400,'message':'API key not valid.','status':'INVALID_ARGUMENT',"
         "'details':[{'@type':'type.googleapis.com/google.rpc.ErrorInfo','reason':"
         "'API_KEY_INVALID'}]}}",
         ERROR_AUTH, "API key not valid.", "API_KEY_INVALID"},
        {429, "[{'error':{'code':429,'message':'quota','status':'RESOURCE_EXHAUSTED'}}]",
         ERROR_RATE, "quota", ""},
        {404, "<html>", ERROR_NOT_FOUND, "<html>", ""},
        {500, "", ERROR_SERVER, "the provider answered with an error and no text", ""},
        {503, "{'error':'busy'}", ERROR_OVERLOADED, "busy", ""},
    };
    struct chat_error e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        dialect_gemini.decode_error(&codec, cases[i].status, quoted(cases[i].body), &e);
        assert_int_equal(e.kind, cases[i].kind);
        assert_str(e.message, cases[i].message);
        assert_str(e.code, cases[i].code);
    }
    e = (struct chat_error){
        .kind = ERROR_INVALID, .status = 400, .message = STR("no"), .param = STR("contents[0]")};
    buf_clear(&out);
    dialect_gemini.encode_error_event(&e, STR_NONE, &out);
    assert_str(buf_view(&out),
               quoted("data: {'error':{'code':400,'message':'no','status':'INVALID_ARGUMENT',"
                      "'details':[{'@type':'type.googleapis.com/google.rpc.BadRequest',"
                      "'fieldViolations':[{'field':'contents[0]','description':'no'}]}]}}\r\n\r\n")
                   .p);
}

/* Each kind has a name, and the name has the kind. */
static void error_names(void **state)
{
    (void)state;
    for (int kind = ERROR_INVALID; kind <= ERROR_TIMEOUT; kind++) {
        struct chat_error e = {.kind = (enum chat_error_kind)kind, .message = STR("m")};
        struct chat_error back;

        buf_clear(&out);
        dialect_gemini.encode_error(&e, STR("req"), &out);
        dialect_gemini.decode_error(&codec, chat_error_status(e.kind), buf_view(&out), &back);
        assert_int_equal(back.kind, kind);
        assert_str(back.message, "m");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors),
        cmocka_unit_test(error_names),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
