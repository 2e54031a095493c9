/* What each vendor refuses, and what it takes: one body a case. */
#include "tests/unit/unit.h"

#include "tools/mock/check.h"
#include "tools/mock/signature.h"

struct fixture {
    struct json_parser *parser;
    struct arena *arena;
};

static int setup(void **state)
{
    static struct fixture f;

    f.parser = json_parser_create();
    f.arena = arena_create(4096);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    json_parser_free(f->parser);
    arena_free(f->arena);
    return 0;
}

/* `words`: a part of the refusal; NULL: the vendor takes it. Quotes in `body` are single ones. */
struct refusal {
    const char *body, *words;
};

static int run(struct fixture *f, enum dialect_id dialect, enum model_kind kind, const char *quoted,
               struct chat_error *err)
{
    const struct chat_codec codec = {f->arena, f->arena, f->parser};
    char *body = arena_cstr(f->arena, str_of(quoted));
    struct json_error json_err;
    struct check k = {.c = &codec, .kind = kind, .err = err};

    for (char *p = body; *p != '\0'; p++)
        *p = *p == '\'' ? '"' : *p;
    k.body = json_parse(f->parser, f->arena, str_of(body), &json_err);
    if (k.body == NULL)
        fail_msg("no JSON: %s", body);
    return check_request(&k, dialect);
}

static void run_all(void **state, enum dialect_id dialect, const struct refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct chat_error err = {.kind = ERROR_SERVER};
        int rc = run(*state, dialect, MODEL_ECHO, cases[i].body, &err);

        if (cases[i].words == NULL && rc != 0)
            fail_msg("refused: %s: %.*s", cases[i].body, STR_ARGS(err.message));
        if (cases[i].words == NULL)
            continue;
        if (rc == 0)
            fail_msg("taken: %s", cases[i].body);
        assert_int_equal(err.status, 400);
        if (memmem(err.message.p, err.message.len, cases[i].words, strlen(cases[i].words)) == NULL)
            fail_msg("%s: %.*s", cases[i].words, STR_ARGS(err.message));
    }
}

#define A_HI "'messages':[{'role':'user','content':'hi'}]"
#define A(more) "{'model':'m','max_tokens':2000," more "}"
#define A_BLOCK(block) A("'messages':[{'role':'user','content':[" block "]}]")
#define A_CALL(id)                                                                                 \
    "{'role':'assistant','content':[{'type':'tool_use','id':'" id "','name':'f','input':{}}]}"
#define A_RESULT(id) "{'type':'tool_result','tool_use_id':'" id "','content':'x'}"
#define A_TURNS(turns) A("'messages':[{'role':'user','content':'hi'}," turns "]")

static const struct refusal ANTHROPIC[] = {
    {A(A_HI), NULL},
    {"{'model':'m'," A_HI "}", "max_tokens: Field required"},
    {"{'model':'m','max_tokens':0," A_HI "}", "greater than or equal to 1"},
    {A("'seed':1," A_HI), "seed: Extra inputs are not permitted"},
    {A("'temperature':1.5," A_HI), "temperature: range: 0..1"},
    {A("'stop_sequences':[' ']," A_HI), "non-whitespace"},
    {A("'messages':[]"), "at least one message"},
    {A("'messages':[{'role':'system','content':'x'}]"), "messages.0.role"},
    {A("'messages':[{'role':'user','content':'x','name':'n'}]"), "name: Extra inputs"},
    {A("'messages':[{'role':'user','content':''}]"), "non-empty content"},
    {A("'messages':[{'role':'user','content':'a'},{'role':'user','content':'b'}]"), NULL},
    {A_BLOCK("{'type':'text','text':''}"), "must be non-empty"},
    {A_BLOCK("{'type':'text','text':' \\n'}"), "non-whitespace text"},
    {A_BLOCK("{'type':'text','text':'x','id':'y'}"), "id: Extra inputs"},
    {A_BLOCK("{'type':'input_text','text':'x'}"), "Input tag 'input_text'"},
    {A_BLOCK("{'type':'image','source':{'type':'base64','media_type':'image/bmp','data':'AA=='}}"),
     "image/webp"},
    {A_BLOCK("{'type':'image','source':{'type':'base64','media_type':'image/png','data':'*'}}"),
     "base64"},
    {A_BLOCK("{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AA=='}}"),
     NULL},
    {A_TURNS(A_CALL("a")), "without `tool_result` blocks immediately after: a"},
    {A_TURNS(A_CALL("a") ",{'role':'user','content':'x'}"), "without `tool_result`"},
    {A_TURNS(A_CALL("a") ",{'role':'user','content':[" A_RESULT("a") "]}"), NULL},
    {A_TURNS(A_CALL("a") ",{'role':'user','content':[" A_RESULT("b") "]}"),
     "unexpected `tool_use_id`"},
    {A_TURNS(
         A_CALL("a") ",{'role':'user','content':[{'type':'text','text':'x'}," A_RESULT("a") "]}"),
     "must come before"},
    {A_TURNS(A_CALL("a.b") ",{'role':'user','content':[" A_RESULT("a.b") "]}"), "tool_use.id"},
    {A("'thinking':{'type':'enabled','budget_tokens':2000}," A_HI),
     "greater than `thinking.budget"},
    {A("'thinking':{'type':'enabled','budget_tokens':99}," A_HI), "equal to 1024"},
    {A("'thinking':{'type':'enabled','budget_tokens':1024},'temperature':0.5," A_HI), "set to 1"},
    {A("'thinking':{'type':'enabled','budget_tokens':1024},'temperature':1," A_HI), NULL},
    {A("'tools':[{'name':'a b','input_schema':{'type':'object'}}]," A_HI), "custom.name"},
    {A("'tools':[{'name':'a','input_schema':{}}]," A_HI), "input_schema.type"},
    {A("'tools':[{'name':'a'}]," A_HI), "input_schema: Field required"},
    {A("'system':[{'type':'text','text':''}]," A_HI), "system: text content blocks"},
    {A("'system':[{'type':'text','text':'a','cache_control':{}},{'type':'text','text':'a',"
       "'cache_control':{}},{'type':'text','text':'a','cache_control':{}},{'type':'text','text':'a'"
       ","
       "'cache_control':{}},{'type':'text','text':'a','cache_control':{}}]," A_HI),
     "Found 5"},
};

static void test_anthropic(void **state)
{
    run_all(state, DIALECT_ANTHROPIC, ANTHROPIC, ARRAY_LEN(ANTHROPIC));
}

#define O_HI "'messages':[{'role':'user','content':'hi'}]"
#define O(more) "{'model':'m'," more "}"
#define O_CALL(id)                                                                                 \
    "{'role':'assistant','tool_calls':[{'id':'" id                                                 \
    "','type':'function','function':{'name':'f','arguments':'{}'}}]}"
#define O_RESULT(id) "{'role':'tool','tool_call_id':'" id "','content':'x'}"
#define O_TURNS(turns) O("'messages':[{'role':'user','content':'hi'}," turns "]")
#define O_TOOL(function) O("'tools':[{'type':'function','function':" function "}]," O_HI)

static const struct refusal OPENAI[] = {
    {O(O_HI), NULL},
    {O("'top_k':1," O_HI), "Unknown parameter: 'top_k'"},
    {O("'messages':[]"), "'messages'"},
    {O("'messages':[{'role':'model','content':'x'}]"), "Invalid value: 'model'"},
    {O("'messages':[{'role':'user','content':null}]"), "expected a string, got null"},
    {O("'messages':[{'role':'user','content':[{'type':'input_text','text':'x'}]}]"),
     "'input_text'"},
    {O("'temperature':2.1," O_HI), "temperature"},
    {O("'stop':['1','2','3','4','5']," O_HI), "maximum length 4"},
    {O("'tool_choice':'auto'," O_HI), "only allowed when 'tools'"},
    {O("'stream_options':{'include_usage':true}," O_HI), "only allowed when 'stream'"},
    {O("'max_tokens':1,'max_completion_tokens':1," O_HI), "at the same time"},
    {O_TURNS(O_RESULT("a")), "preceeding message with 'tool_calls'"},
    {O_TURNS(O_CALL("a")), "did not have response messages: a"},
    {O_TURNS(O_CALL("a") ",{'role':'user','content':'x'}"), "did not have response messages: a"},
    {O_TURNS(O_CALL("a") "," O_RESULT("a")), NULL},
    {O_TURNS(O_CALL("a") "," O_RESULT("b")), "preceeding message"},
    {O_TURNS(O_CALL("0123456789012345678901234567890123456789x")), "maximum length 40"},
    {O_TURNS("{'role':'assistant','tool_calls':[]}"), "too short"},
    {O_TURNS("{'role':'assistant','tool_calls':[{'id':'a','type':'function','function':{'name':'f',"
             "'arguments':{}}}]}"),
     "expected a string, but got an object"},
    {O_TOOL("{'name':'a.b'}"), "^[a-zA-Z0-9_-]+$"},
    {O_TOOL("{'name':'f','parameters':{'type':'string'}}"), "'type: \\\"object\\\"'"},
    {O_TOOL("{'name':'f','strict':true,'parameters':{'type':'object','properties':{}}}"),
     "additionalProperties"},
    {O_TOOL("{'name':'f','strict':true,'parameters':{'type':'object','additionalProperties':false,"
            "'properties':{'a':{'type':'string'}}}}"),
     "Missing 'a'"},
    {O_TOOL("{'name':'f','strict':true,'parameters':{'type':'object','additionalProperties':false,"
            "'required':['a'],'properties':{'a':{'oneOf':[]}}}}"),
     "'oneOf' is not permitted"},
    {O_TOOL("{'name':'f','strict':true,'parameters':{'type':'object','additionalProperties':false,"
            "'required':['a'],'properties':{'a':{'type':'string'}}}}"),
     NULL},
};

static void test_openai(void **state)
{
    run_all(state, DIALECT_OPENAI, OPENAI, ARRAY_LEN(OPENAI));
}

#define R(input) "{'model':'m','input':" input "}"
#define R_CALL "{'type':'function_call','call_id':'a','name':'f','arguments':'{}'}"

static const struct refusal RESPONSES[] = {
    {R("'hi'"), NULL},
    {"{'model':'m'}", "Missing required parameter: 'input'"},
    {R("1"), "Invalid type for 'input'"},
    {"{'model':'m','input':'x','stop':['a']}", "Unknown parameter: 'stop'"},
    {"{'model':'m','input':'x','max_output_tokens':15}", ">= 16"},
    {R("[{'role':'user','content':[{'type':'text','text':'x'}]}]"), "'input_text'"},
    {R("[{'role':'assistant','content':[{'type':'input_text','text':'x'}]}]"), "'output_text'"},
    {R("[" R_CALL "]"), "No tool output found for function call a"},
    {R("[" R_CALL ",{'type':'function_call_output','call_id':'a','output':'x'}]"), NULL},
    {R("[{'type':'function_call_output','call_id':'a','output':'x'}]"), "No tool call found"},
    {R("[" R_CALL ",{'type':'function_call_output','call_id':'a','output':{}}]"),
     "'input[1].output'"},
    {R("[{'type':'function_call','id':'call_1','call_id':'a','name':'f','arguments':'{}'}]"),
     "begins with 'fc'"},
    {R("[{'type':'reasoning','id':'rs_1'}]"), "summary"},
};

static void test_responses(void **state)
{
    run_all(state, DIALECT_RESPONSES, RESPONSES, ARRAY_LEN(RESPONSES));
}

#define G_HI "{'role':'user','parts':[{'text':'hi'}]}"
#define G(contents) "{'contents':[" contents "]}"
#define G_CALL "{'role':'model','parts':[{'functionCall':{'name':'f','args':{}}}]}"
#define G_RESULT "{'functionResponse':{'name':'f','response':{}}}"
#define G_TOOL(schema)                                                                             \
    "{'contents':[" G_HI "],'tools':[{'function_declarations':[{'name':'f','parameters':" schema   \
    "}]}]}"

static const struct refusal GEMINI[] = {
    {G(G_HI), NULL},
    {"{'contents':[]}", "contents is not specified"},
    {"{'contents':[" G_HI "],'max_tokens':1}", "Unknown name \\\"max_tokens\\\": Cannot find"},
    {"{'contents':[" G_HI "],'generation_config':{'top_p':0.5}}", NULL},
    {"{'contents':[" G_HI "],'generationConfig':{'effort':1}}", "at 'generation_config'"},
    {"{'contents':[" G_HI "],'generationConfig':{'temperature':3}}", "[0.0, 2.0]"},
    {"{'contents':[" G_HI "],'generationConfig':{'responseSchema':{'type':'object'}}}",
     "mime type"},
    {G("{'role':'assistant','parts':[{'text':'x'}]}"), "valid role: user, model"},
    {G("{'role':'user','parts':[]}"), "parts must not be empty"},
    {G("{'role':'user','parts':[{}]}"), "required oneof field 'data'"},
    {G("{'role':'user','parts':[{'text':'x','functionCall':{'name':'f'}}]}"), "already set"},
    {G("{'role':'user','parts':[{'text':'x','cache':1}]}"), "contents[0].parts[0]"},
    {G("{'role':'user','parts':[{'inlineData':{'mimeType':'image/png','data':'*'}}]}"), "Base64"},
    {G("{'role':'user','parts':[{'text':'x','thoughtSignature':'bf1.a.x'}]}"), "TYPE_BYTES"},
    {G(G_HI "," G_CALL), "number of function response parts"},
    {G(G_HI "," G_CALL ",{'role':'user','parts':[" G_RESULT "]}"), NULL},
    {G(G_HI "," G_CALL ",{'role':'user','parts':[" G_RESULT "," G_RESULT "]}"),
     "number of function"},
    {G("{'role':'user','parts':[" G_RESULT "]}"), "immediately after a function call turn"},
    {G(G_CALL ",{'role':'user','parts':[" G_RESULT "]}"), "immediately after a user turn"},
    {G_TOOL("{'type':'OBJECT','properties':{'a':{'type':'string','minLength':1}}}"), NULL},
    {G_TOOL("{'type':'OBJECT','additionalProperties':false}"), "\\\"additionalProperties\\\" at"},
    {G_TOOL("{'type':'OBJECT','properties':{'a':{'$ref':'#/x'}}}"), "\\\"$ref\\\""},
    {G_TOOL("{'type':['string','null']}"), ".type"},
};

static void test_gemini(void **state)
{
    run_all(state, DIALECT_GEMINI, GEMINI, ARRAY_LEN(GEMINI));
}

#define B_HI "{'role':'user','content':[{'text':'hi'}]}"
#define B(messages) "{'messages':[" messages "],'toolConfig':{'tools':[]}}"
#define B_BLOCK(block) B("{'role':'user','content':[" block "]}")
#define B_CALL(id)                                                                                 \
    "{'role':'assistant','content':[{'toolUse':{'toolUseId':'" id "','name':'f','input':{}}}]}"
#define B_RESULT(id)                                                                               \
    "{'role':'user','content':[{'toolResult':{'toolUseId':'" id "','content':[{'text':'x'}]}}]}"
#define B_DOCUMENT(name)                                                                           \
    "{'text':'x'},{'document':{'format':'pdf'," name "'source':{'bytes':'AA=='}}}"

static const struct refusal BEDROCK[] = {
    {B(B_HI), NULL},
    {"{'messages':[" B_HI "],'unknown':1}", NULL},
    {"{'messages':[]}", "Value null at 'messages'"},
    {B(B_HI "," B_HI), "must alternate"},
    {B("{'role':'assistant','content':[{'text':'x'}]}"), "must start with a user message"},
    {B("{'role':'user','content':[]}"), "content field in the Message object"},
    {B_BLOCK("{'text':' '}"), "is blank"},
    {B_BLOCK("{'image':{'format':'bmp','source':{'bytes':'AA=='}}}"), "image.format"},
    {B_BLOCK(B_DOCUMENT("")), "document.name"},
    {B_BLOCK(B_DOCUMENT("'name':'a.pdf',")), "document file name can only"},
    {B_BLOCK(B_DOCUMENT("'name':'a  b',")), "document file name can only"},
    {B_BLOCK(B_DOCUMENT("'name':'a b (1)',")), NULL},
    {B(B_HI "," B_CALL("a") "," B_RESULT("a")), NULL},
    {B(B_HI "," B_CALL("a")), "for the following Ids: a"},
    {B(B_HI "," B_CALL("a") "," B_HI), "for the following Ids: a"},
    {B(B_HI "," B_CALL("a") "," B_RESULT("b")), "unknown Ids: b"},
    {B(B_RESULT("a")), "exceeds the number of toolUse"},
    {B(B_HI "," B_CALL("a:b") "," B_RESULT("a:b")), "[a-zA-Z0-9_-]+"},
    {"{'messages':[" B_HI "," B_CALL("a") "," B_RESULT("a") "]}",
     "toolConfig field must be defined"},
    {"{'messages':[" B_HI "],'inferenceConfig':{'temperature':1.5}}", "less than or equal to 1"},
    {"{'messages':[" B_HI "],'toolConfig':{'tools':[{'toolSpec':{'name':'f','description':'',"
     "'inputSchema':{'json':{'type':'object'}}}}]}}",
     "description"},
    {"{'messages':[" B_HI
     "],'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':{'json':{}}}}]}}",
     "one of the following: object"},
};

static void test_bedrock(void **state)
{
    run_all(state, DIALECT_BEDROCK, BEDROCK, ARRAY_LEN(BEDROCK));
}

static const struct refusal COHERE[] = {
    {O(O_HI), NULL},
    {O("'unknown':1," O_HI), NULL},
    {O("'messages':[]"), "messages must be provided"},
    {O("'temperature':1.1," O_HI), "temperature must be"},
    {O("'p':1," O_HI), "p must be"},
    {O("'messages':[{'role':'user','content':''}]"), "non-empty content"},
    {O("'messages':[{'role':'model','content':'x'}]"), "role must be"},
    {O_TURNS(O_CALL("a")), "missing tool result for tool call id 'a'"},
    {O_TURNS(O_CALL("a") "," O_RESULT("a")), NULL},
    {O_TURNS(O_RESULT("a")), "not found in previous tool calls"},
};

static void test_cohere(void **state)
{
    run_all(state, DIALECT_COHERE, COHERE, ARRAY_LEN(COHERE));
}

/* --- signatures --- */

static void test_signatures(void **state)
{
    struct fixture *f = *state;
    struct str own = signature_make(f->arena, DIALECT_ANTHROPIC, STR("thought"));

    assert_int_equal(own.len % 4, 0);
    assert_true(signature_is_valid(f->arena, DIALECT_ANTHROPIC, STR("thought"), own));
    assert_true(signature_is_valid(f->arena, DIALECT_BEDROCK, STR("thought"), own));
    assert_false(signature_is_valid(f->arena, DIALECT_GEMINI, STR("thought"), own));
    assert_false(signature_is_valid(f->arena, DIALECT_ANTHROPIC, STR("thoughts"), own));
    own.len--;
    assert_false(signature_is_valid(f->arena, DIALECT_ANTHROPIC, STR("thought"), own));
}

/* A thinking model's call, with this in front of it. */
static void assert_thinking(void **state, enum dialect_id dialect, const char *before, bool is_good)
{
    struct fixture *f = *state;
    struct chat_error err = {.kind = ERROR_SERVER};
    struct str body = arena_printf(
        f->arena,
        dialect == DIALECT_ANTHROPIC
            ? A_TURNS("{'role':'assistant','content':[%s{'type':'tool_use','id':'a','name':'f',"
                      "'input':{}}]},{'role':'user','content':[" A_RESULT("a") "]}")
            : B(B_HI ",{'role':'assistant','content':[%s{'toolUse':{'toolUseId':'a','name':'f',"
                     "'input':{}}}]}," B_RESULT("a")),
        before);

    assert_int_equal(run(f, dialect, MODEL_THINK, body.p, &err), is_good ? 0 : -1);
}

static void test_thinking_wants_its_signature(void **state)
{
    struct fixture *f = *state;
    struct str own = signature_make(f->arena, DIALECT_ANTHROPIC, STR("hm"));
    const char *anthropic =
        arena_printf(f->arena, "{'type':'thinking','thinking':'hm','signature':'%s'},", own.p).p;
    const char *bedrock = arena_printf(f->arena,
                                       "{'reasoningContent':{'reasoningText':{'text':'hm',"
                                       "'signature':'%s'}}},",
                                       own.p)
                              .p;

    assert_thinking(state, DIALECT_ANTHROPIC, anthropic, true);
    assert_thinking(state, DIALECT_ANTHROPIC, "", false);
    assert_thinking(state, DIALECT_ANTHROPIC,
                    "{'type':'thinking','thinking':'hm','signature':'bf1.g.x'},", false);
    assert_thinking(state, DIALECT_BEDROCK, bedrock, true);
    assert_thinking(state, DIALECT_BEDROCK, "", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anthropic),  cmocka_unit_test(test_openai),
        cmocka_unit_test(test_responses),  cmocka_unit_test(test_gemini),
        cmocka_unit_test(test_bedrock),    cmocka_unit_test(test_cohere),
        cmocka_unit_test(test_signatures), cmocka_unit_test(test_thinking_wants_its_signature),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
