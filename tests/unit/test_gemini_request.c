/* generateContent requests: into the neutral form, and from it. */
#include "tests/unit/chat_dump.h"
#include "tests/unit/gemini_fixture.h"

#include "providers/chat_text.h"

static struct chat_error error;
static struct chat_loss loss;

static int decode(struct str body, struct chat *chat)
{
    const struct chat_url url = {STR("gemini-2.5-flash"), false};

    return dialect_gemini.decode_request(&codec, &url, body, chat, &error);
}

static struct str dump(const struct chat *chat)
{
    struct buf b = BUF_INIT;
    struct str text;

    chat_dump(chat, &b);
    text = arena_str(codec.arena, buf_view(&b));
    buf_fini(&b);
    return text;
}

/* The body for a model; empty with the error when there is none. */
static struct str encode(const struct chat *chat, const char *model)
{
    const struct chat_target target = {.model = str_of(model)};

    loss = (struct chat_loss){.n_dropped = 0};
    buf_clear(&out);
    if (dialect_gemini.encode_request(&codec, chat, &target, &loss, &out, &error) != 0)
        return STR_NONE;
    return arena_str(codec.arena, buf_view(&out));
}

static struct str lost(void)
{
    return loss_header(&loss, codec.arena);
}

static void check(const char *body, const char *expected)
{
    struct chat chat;

    assert_int_equal(decode(quoted(body), &chat), 0);
    assert_str(dump(&chat), quoted(expected).p);
}

#define CHAT "chat model=gemini-2.5-flash include_usage=1"

/* From Google's guides, in both spellings. */
static void what_fields_become(void **state)
{
    (void)state;
    check("{'system_instruction':{'parts':{'text':'You are a cat.'}},"
          "'contents':{'parts':[{'text':'Hi\\n'},{'inline_data':{'mime_type':'image/png',"
          "'data':'-_8='}}]},'generationConfig':{'temperature':0.70,'topP':'0.9','top_k':40,"
          "'candidate_count':2,'maxOutputTokens':100,'stopSequences':['x','y'],'seed':-1,"
          "'presencePenalty':1,'frequencyPenalty':-1.5,'responseLogprobs':true,'logprobs':3,"
          "'mediaResolution':'MEDIA_RESOLUTION_LOW','responseModalities':['TEXT'],"
          "'thinkingConfig':{'includeThoughts':true,'thinking_level':'HIGH'}},"
          "'safetySettings':[],'labels':{'a':'b'},'serviceTier':'flex','store':false,"
          "'toolConfig':null,'x':1}",
          CHAT " effort=5 show=2 max_tokens=100 n=2 logprobs=2 store=1 temperature=0.70 top_p=0.9 "
               "top_k=40 presence_penalty=1 frequency_penalty=-1.5 seed=-1 top_logprobs=3 "
               "metadata={'a':'b'} service_tier=flex stop=x stop=y\n"
               "extra generationConfig.mediaResolution raw='MEDIA_RESOLUTION_LOW'\n"
               "extra safetySettings raw=[]\nextra x raw=1\n"
               "system\n  text text=You are a cat.\n"
               "user\n  text text=Hi\\n\n  image source=1 type=image/png data=+/8=\n");
    check("{'contents':[{'role':'user','parts':[{'fileData':{'fileUri':'https://a/b.pdf'}},"
          "{'fileData':{'mimeType':'video/mp4','fileUri':'gs://b/c'},'videoMetadata':{}},"
          "{'inlineData':{'mimeType':'audio\\/wav','data':'AA\\u003d\\u003d'}}]}],"
          "'generationConfig':{'thinkingConfig':{'thinkingBudget':-1}}}",
          CHAT " budget=-1\nextra contents.parts.videoMetadata\n"
               "user\n  document source=2 type=application/pdf data=https://a/b.pdf\n"
               "  video source=3 type=video/mp4 data=gs://b/c\n"
               "  audio source=1 type=audio/wav data=AA==\n");
}

static void tools_and_formats(void **state)
{
    (void)state;
    check("{'contents':[{'parts':[{'text':'a'}]}],'tools':[{'functionDeclarations':[{'name':'f',"
          "'description':'d','parameters':{'type':'OBJECT','properties':{'q':{'type':'STRING'}}}},"
          "{'name':'g','parametersJsonSchema':{ 'type':'object'},'response':{}}]},"
          "{'googleSearch':{}},{'codeExecution':{}}],'toolConfig':{'functionCallingConfig':{"
          "'mode':'ANY','allowedFunctionNames':['f']},'retrievalConfig':{}},"
          "'generationConfig':{'responseMimeType':'application/json','responseSchema':{"
          "'type':'ARRAY'}}}",
          CHAT
          " tool_choice=4 tool_name=f format=3 format_schema={'type':'array'}\n"
          "tool name=f description=d schema={'type':'object','properties':{'q':{'type':"
          "'string'}}}\n"
          "tool name=g schema={ 'type':'object'}\n"
          "tool builtin=1 name=googleSearch\n"
          "tool builtin=3 name=codeExecution\n"
          "extra tools.functionDeclarations.response\nextra toolConfig.retrievalConfig raw={}\n"
          "user\n  text text=a\n");
}

/* Ids where the client gave none, results by name, what SDKs write as history of a stream. */
static void tool_turns(void **state)
{
    (void)state;
    check("{'contents':[{'role':'user','parts':[{'text':'q'}]},"
          "{'role':'model','parts':[{'text':'th','thought':true}]},"
          "{'role':'model','parts':[{'text':'ink','thought':true}]},"
          "{'role':'model','parts':[{'text':'a'}]},{'role':'model','parts':[{'text':'b'}]},"
          "{'role':'model','parts':[{'text':'','thoughtSignature':'c2ln'}]},"
          "{'role':'model','parts':[{'functionCall':{'name':'f','args':{'x':1}},"
          "'thoughtSignature':'AAAA'},{'functionCall':{'name':'f'}},"
          "{'functionCall':{'id':'own','name':'g','args':{}}}]},"
          "{'role':'user','parts':[{'functionResponse':{'name':'f','response':{'result':'one'}}},"
          "{'functionResponse':{'name':'g','response':{'error':'bad'}}},"
          "{'functionResponse':{'name':'f','response':{'a':[1]},'parts':[{'inlineData':{"
          "'mimeType':'image/png','data':'AAAA'}}]}}]}]}",
          CHAT "\nuser\n  text text=q\nassistant\n  thinking text=think\n"
               "  text text=ab\n  redacted signature=c2ln signer=2\n"
               "  tool_call id=call_1 name=f arguments={'x':1} signature=AAAA signer=2\n"
               "  tool_call id=call_2 name=f arguments={}\n"
               "  tool_call id=own name=g arguments={}\n"
               "user\n  tool_result id=call_1 name=f\n    text text=one\n"
               "  tool_result id=own name=g is_error=1\n    text text=bad\n"
               "  tool_result id=call_2 name=f\n    text text={\\'a\\':[1]}\n"
               "    image source=1 type=image/png data=AAAA\n");
}

/* What another provider's signature looks like in this client's hands, and back. */
static void foreign_signatures(void **state)
{
    enum chat_signer signer;
    struct str wire = gemini_signature_out(codec.arena, STR("EqoB+/=="), SIGNER_ANTHROPIC);
    char *safe = arena_cstr(codec.arena, wire);

    (void)state;
    assert_str(wire, "YmYxLmEuRXFvQisvPT0=");
    assert_str(gemini_signature_in(codec.arena, wire, &signer), "EqoB+/==");
    assert_int_equal(signer, SIGNER_ANTHROPIC);
    for (char *c = safe; *c != '\0'; c++) /* as google-genai writes bytes */
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    assert_str(gemini_signature_in(codec.arena, str_of(safe), &signer), "EqoB+/==");
    assert_str(gemini_signature_in(codec.arena, STR("QUJD"), &signer), "QUJD");
    assert_int_equal(signer, SIGNER_GEMINI);
    assert_str(gemini_signature_in(codec.arena, STR(GEMINI_NO_SIGNATURE), &signer), "");
    assert_str(gemini_signature_in(codec.arena, STR("YmYxL!"), &signer), "YmYxL!");
    assert_str(gemini_signature_in(codec.arena, STR("YmYxLmRuXA=="), &signer), "YmYxLmRuXA==");
}

static void refusals(void **state)
{
    static const struct {
        const char *body, *param;
    } cases[] = {
        {"[", ""},
        {"[]", ""},
        {"{}", "contents"},
        {"{'contents':[1]}", "contents[0]"},
        {"{'contents':'x'}", "contents"},
        {"{'contents':[{'role':'assistant','parts':[]}]}", "contents.role"},
        {"{'contents':[{'parts':[{}]}]}", "contents[0].parts[0]"},
        {"{'contents':[{'parts':['a']}]}", "contents[0].parts[0]"},
        {"{'contents':[{'parts':[{'text':1}]}]}", "contents[0].parts[0].text"},
        {"{'contents':[{'parts':[{'text':'a'},{'inlineData':{}}]}]}",
         "contents[0].parts[1].inlineData.data"},
        {"{'contents':[{'role':'model','parts':[{'functionCall':{'name':'f','args':'{}'}}]}]}",
         "contents[0].parts[0].functionCall.args"},
        {"{'contents':[{'parts':[{'functionResponse':{'name':'f','response':'x'}}]}]}",
         "contents[0].parts[0].functionResponse.response"},
        {"{'contents':[{'parts':[{'functionResponse':{'name':'f','response':{}}}]}]}",
         "messages[0]"},
        {"{'contents':[],'generationConfig':{'temperature':'hot'}}",
         "generationConfig.temperature"},
        {"{'contents':[],'generationConfig':{'candidateCount':1000}}",
         "generationConfig.candidateCount"},
        {"{'contents':[],'generationConfig':{'thinkingConfig':{'thinkingLevel':'x'}}}",
         "generationConfig.thinkingConfig.thinkingLevel"},
        {"{'contents':[],'tools':[{'functionDeclarations':[{}]}]}",
         "tools.functionDeclarations.name"},
        {"{'contents':[],'cachedContent':'cachedContents/a'}", "cachedContent"},
        {"{'contents':[],'systemInstruction':{'parts':[1]}}", "systemInstruction.parts[0]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat chat;

        assert_int_equal(decode(quoted(cases[i].body), &chat), -1);
        assert_int_equal(error.status, 400);
        assert_str(error.param, cases[i].param);
        assert_true(error.message.len > 0);
    }
}

/* --- encoding --- */

static const char full[] =
    "{'systemInstruction':{'parts':[{'text':'s'}]},'tools':[{'functionDeclarations':[{'name':'f',"
    "'parametersJsonSchema':{'type':'object'}}]},{'googleSearch':{}}],'toolConfig':{"
    "'functionCallingConfig':{'mode':'ANY','allowedFunctionNames':['f','g']}},"
    "'generationConfig':{'temperature':0.5,'seed':7,'responseLogprobs':true,'maxOutputTokens':100,"
    "'stopSequences':['x'],'responseMimeType':'application/json','responseJsonSchema':{'type':"
    "'object'},'thinkingConfig':{'includeThoughts':true,'thinkingBudget':50},'mediaResolution':"
    "'LOW'},'safetySettings':[],'contents':[{'role':'user','parts':[{'text':'q'},{'inlineData':{"
    "'mimeType':'image/png','data':'AAAA'}}]},{'role':'model','parts':[{'text':'t','thought':true},"
    "{'text':'a'},{'text':'','thoughtSignature':'c2ln'},{'executableCode':{'code':'1'}},"
    "{'functionCall':{'id':'i','name':'f','args':{'x':1}},'thoughtSignature':'AAAA'}]},"
    "{'role':'user','parts':[{'functionResponse':{'id':'i','name':'f','response':{'result':'r'}}},"
    "{'text':'go on'}]}]}";

/* Gemini's own words come back as they were, byte for byte when written as we write. */
static void home_words_come_back(void **state)
{
    struct chat chat;
    struct str first;

    (void)state;
    assert_int_equal(decode(quoted(full), &chat), 0);
    first = encode(&chat, "gemini-2.5-flash");
    assert_str(first, quoted(full).p);
    assert_str(lost(), "full");
    assert_int_equal(decode(first, &chat), 0);
    assert_str(encode(&chat, "gemini-2.5-flash"), quoted(full).p);
}

static struct chat_block *add(struct chat *chat, enum chat_role role, enum chat_block_kind kind,
                              const char *text)
{
    struct chat_block *b = chat_add_block(&codec, chat_add_message(&codec, chat, role), kind);

    b->text = str_of(text);
    return b;
}

static struct chat_block *add_call(struct chat *chat, const char *id)
{
    struct chat_block *b = add(chat, ROLE_ASSISTANT, BLOCK_TOOL_CALL, "");

    b->id = str_of(id);
    b->name = STR("f");
    b->arguments_text = STR("{\\\"x\\\":1}");
    return b;
}

static struct chat_block *add_result(struct chat *chat, const char *id, const char *text)
{
    struct chat_block *b = add(chat, ROLE_TOOL, BLOCK_TOOL_RESULT, "");

    b->id = str_of(id);
    b->name = STR("f");
    b->content = arena_zalloc(codec.arena, sizeof(*b->content));
    b->content->kind = BLOCK_TEXT;
    b->content->text = str_of(text);
    return b;
}

/* A tool loop of OpenAI's or Claude's, for a model that checks signatures and one that does not. */
static void foreign_history(void **state)
{
    struct chat chat = {.from = DIALECT_ANTHROPIC, .reasoning = {.budget = BUDGET_UNSET}};
    struct chat_block *b;
    struct chat_block *image = arena_zalloc(codec.arena, sizeof(*image));

    (void)state;
    add(&chat, ROLE_SYSTEM, BLOCK_TEXT, "s");
    add(&chat, ROLE_USER, BLOCK_TEXT, "q");
    b = add(&chat, ROLE_ASSISTANT, BLOCK_THINKING, "hm");
    b->signature = STR("claude's");
    b->signer = SIGNER_ANTHROPIC;
    (void)add_call(&chat, "1");
    (void)add_call(&chat, "2");
    b = add_result(&chat, "1", "one");
    *image = (struct chat_block){
        .kind = BLOCK_IMAGE,
        .media = {.source = SOURCE_BASE64, .type = STR("image/png"), .data = STR("AAAA")}};
    b->content->next = image;
    b = add_result(&chat, "2", "two");
    b->is_error = true;
    add(&chat, ROLE_SYSTEM, BLOCK_TEXT, "late");
    assert_str(
        encode(&chat, "gemini-2.5-pro"),
        quoted("{'systemInstruction':{'parts':[{'text':'s'}]},'contents':[{'role':'user','parts':"
               "[{'text':'q'}]},{'role':'model','parts':[{'functionCall':{'id':'1','name':'f',"
               "'args':{'x':1}}},{'functionCall':{'id':'2','name':'f','args':{'x':1}}}]},"
               "{'role':'user','parts':[{'functionResponse':{'id':'1','name':'f','response':{"
               "'result':'one'}}},{'functionResponse':{'id':'2','name':'f','response':{'error':"
               "'two'}}},{'text':'late'},{'inlineData':{'mimeType':'image/png','data':'AAAA'}}]}]}")
            .p);
    assert_str(lost(), "partial; dropped=thinking; changed=system,tool_result.image");
    assert_str(
        encode(&chat, "models/gemini-3-pro"),
        quoted("{'systemInstruction':{'parts':[{'text':'s'}]},'contents':[{'role':'user','parts':"
               "[{'text':'q'}]},{'role':'model','parts':[{'functionCall':{'id':'1','name':'f',"
               "'args':{'x':1}},'thoughtSignature':'skip_thought_signature_validator'},"
               "{'functionCall':{'id':'2','name':'f','args':{'x':1}}}]},"
               "{'role':'user','parts':[{'functionResponse':{'id':'1','name':'f','response':{"
               "'result':'one'},'parts':[{'inlineData':{'mimeType':'image/png','data':'AAAA'}}]}},"
               "{'functionResponse':{'id':'2','name':'f','response':{'error':'two'}}},"
               "{'text':'late'}]}]}")
            .p);
}

static void what_cannot_be_said(void **state)
{
    struct chat chat = {.from = DIALECT_OPENAI, .reasoning = {.budget = BUDGET_UNSET}};
    struct chat_tool *t;
    struct chat_block *b;

    (void)state;
    add(&chat, ROLE_USER, BLOCK_TEXT, "q");
    chat.seed = STR("12345678901");
    chat.n = 20;
    chat.logit_bias = STR("{}");
    chat.user = STR("u");
    chat.metadata = STR("{}");
    chat.parallel_tools = NO;
    chat.service_tier = STR("default");
    chat.reasoning.effort = EFFORT_XHIGH;
    chat.max_tokens = 64;
    chat_add_extra(&codec, &chat, STR("prediction"), STR("{}"));
    t = chat_add_tool(&codec, &chat);
    t->builtin = BUILTIN_SHELL;
    t->name = STR("local_shell");
    t = chat_add_tool(&codec, &chat);
    t->builtin = BUILTIN_WEB_SEARCH;
    t->name = STR("web_search");
    assert_str(encode(&chat, "gemini-3-flash"),
               quoted("{'tools':[{'googleSearch':{}}],'generationConfig':{'seed':1608260661,"
                      "'maxOutputTokens':64,'candidateCount':8,'thinkingConfig':{'thinkingLevel':"
                      "'HIGH'}},'serviceTier':'standard','contents':[{'role':'user','parts':[{"
                      "'text':'q'}]}]}")
                   .p);
    assert_str(lost(), "partial; dropped=tools.local_shell,parallel_tool_calls,metadata,logit_bias,"
                       "user,prediction; changed=tools,seed,n,reasoning");
    b = add(&chat, ROLE_USER, BLOCK_DOCUMENT, "");
    b->media.source = SOURCE_FILE;
    b->media.data = STR("file-1");
    assert_int_equal(encode(&chat, "gemini-3-flash").len, 0);
    assert_str(error.param, "messages[1]");
}

static void efforts(void **state)
{
    static const struct {
        const char *model;
        enum chat_effort effort;
        int64_t budget;
        const char *config, *loss;
    } cases[] = {
        {"gemini-2.5-flash", EFFORT_MEDIUM, BUDGET_UNSET, "'thinkingBudget':8192", "full"},
        {"gemini-2.5-flash", EFFORT_NONE, BUDGET_UNSET, "'thinkingBudget':0", "full"},
        {"gemini-2.5-pro", EFFORT_NONE, BUDGET_UNSET, "'thinkingBudget':128",
         "partial; changed=reasoning"},
        {"gemini-2.5-flash", EFFORT_UNSET, 30000, "'thinkingBudget':24576",
         "partial; changed=reasoning"},
        {"gemini-3-pro-preview", EFFORT_MINIMAL, BUDGET_UNSET, "'thinkingLevel':'LOW'",
         "partial; changed=reasoning"},
        {"gemini-3-flash", EFFORT_MINIMAL, BUDGET_UNSET, "'thinkingLevel':'MINIMAL'", "full"},
        {"gemini-flash-latest", EFFORT_LOW, BUDGET_UNSET, "'thinkingLevel':'LOW'", "full"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat chat = {
            .from = DIALECT_OPENAI,
            .reasoning = {cases[i].effort, cases[i].budget, UNSET, STR_NONE, false}};
        struct buf expected = BUF_INIT;

        buf_printf(&expected, "{'generationConfig':{'thinkingConfig':{%s}},'contents':[]}",
                   cases[i].config);
        assert_str(encode(&chat, cases[i].model), quoted(expected.data).p);
        assert_str(lost(), cases[i].loss);
        buf_fini(&expected);
    }
}

/* One more turn: what was there before stays as it was. */
static void prefixes_are_stable(void **state)
{
    struct chat chat = {.from = DIALECT_OPENAI, .reasoning = {.budget = BUDGET_UNSET}};
    struct str before, after;

    (void)state;
    add(&chat, ROLE_SYSTEM, BLOCK_TEXT, "s");
    add(&chat, ROLE_USER, BLOCK_TEXT, "q");
    (void)add_call(&chat, "1");
    (void)add_result(&chat, "1", "one");
    before = encode(&chat, "gemini-3-pro");
    (void)add_call(&chat, "2");
    (void)add_result(&chat, "2", "two");
    after = encode(&chat, "gemini-3-pro");
    before.len -= 2; /* "]}" */
    assert_true(str_starts(after, before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fields_become),
        cmocka_unit_test(tools_and_formats),
        cmocka_unit_test(tool_turns),
        cmocka_unit_test(foreign_signatures),
        cmocka_unit_test(refusals),
        cmocka_unit_test(home_words_come_back),
        cmocka_unit_test(foreign_history),
        cmocka_unit_test(what_cannot_be_said),
        cmocka_unit_test(efforts),
        cmocka_unit_test(prefixes_are_stable),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
