/* Schemas for vendors that take a part of JSON Schema: what changes, what does not, what is hostile. */
#include "tests/unit/unit.h"

#include "providers/chat_text.h"
#include "providers/schema.h"
#include "server/base/buf.h"

static struct chat_codec codec;
static struct chat_loss loss;

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
    return 0;
}

static struct str normalised(const char *raw, enum schema_subset subset)
{
    loss = (struct chat_loss){.n_changed = 0};
    return schema_normalise(&codec, str_of(raw), subset, &loss, STR("tools"));
}

/* Single quotes stand for double ones: schemas are hard to read otherwise. */
static const char *quoted(const char *text)
{
    char *copy = arena_cstr(codec.arena, str_of(text));

    for (char *c = copy; *c != '\0'; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return copy;
}

static void check(const char *raw, enum schema_subset subset, const char *expected, bool is_lossy)
{
    assert_str(normalised(quoted(raw), subset), quoted(expected));
    assert_int_equal(loss.n_changed, is_lossy);
}

static void what_fits_is_not_copied(void **state)
{
    static const char plain[] =
        "{ \"type\": \"object\",\n \"properties\": {\"q\": {\"type\": [\"string\", \"null\"],"
        " \"description\": \"caf\\u00e9\", \"minLength\": 1.0e0}}, \"required\": [\"q\"] }";

    (void)state;
    assert_ptr_equal(normalised(plain, SCHEMA_GEMINI).p, plain);
    assert_ptr_equal(normalised(plain, SCHEMA_BEDROCK).p, plain);
    assert_int_equal(loss.n_changed, 0);
    assert_ptr_equal(normalised("{}", SCHEMA_OPENAI_STRICT).len, 2);
    assert_str(normalised("[1", SCHEMA_GEMINI), "[1");
    assert_str(normalised("true", SCHEMA_GEMINI), "true");
}

static void references_are_put_in(void **state)
{
    (void)state;
    check("{'type':'object','properties':{'a':{'$ref':'#/$defs/A','description':'mine'}},"
          "'$defs':{'A':{'description':'its','type':'string'}}}",
          SCHEMA_GEMINI,
          "{'type':'object','properties':{'a':{'description':'mine','type':'string'}}}", false);
    check("{'$ref':'#/definitions/a~1b%20c','definitions':{'a/b c':{'type':'object'}}}",
          SCHEMA_BEDROCK, "{'type':'object'}", false);
    /* at a place of its own, in a list */
    check("{'anyOf':[{'type':'string'},{'$ref':'#/anyOf/0'}]}", SCHEMA_GEMINI,
          "{'anyOf':[{'type':'string'},{'type':'string'}]}", false);
    /* one that contains itself cannot be written out */
    check("{'$defs':{'N':{'type':'object','properties':{'next':{'$ref':'#/$defs/N'}}}},"
          "'$ref':'#/$defs/N'}",
          SCHEMA_GEMINI, "{'type':'object','properties':{'next':{}}}", true);
    check("{'properties':{'a':{'$ref':'https://example.com/a.json'}}}", SCHEMA_GEMINI,
          "{'properties':{'a':{}}}", true);
    check("{'$ref':'#'}", SCHEMA_GEMINI, "{}", true);
    check("{'$ref':'#/%zz'}", SCHEMA_GEMINI, "{}", true);
    check("{'$ref':7}", SCHEMA_GEMINI, "{}", true);
}

static void compositions_are_flattened(void **state)
{
    (void)state;
    check("{'allOf':[{'$ref':'#/$defs/A'}],'default':1,'$defs':{'A':{'type':'integer'}}}",
          SCHEMA_GEMINI, "{'default':1,'type':'integer'}", false);
    check("{'allOf':[{'type':'object','properties':{'a':{'type':'string'}},'required':['a']},"
          "{'properties':{'b':{'type':'number'}},'required':['b','a']}]}",
          SCHEMA_GEMINI,
          "{'type':'object','properties':{'a':{'type':'string'},'b':{'type':'number'}},"
          "'required':['a','b']}",
          false);
}

static void other_words(void **state)
{
    (void)state;
    check("{'oneOf':[{'const':'a'},{'type':'null'}]}", SCHEMA_GEMINI,
          "{'anyOf':[{'enum':['a']},{'type':'null'}]}", false);
    check("{'type':'integer','exclusiveMinimum':0}", SCHEMA_GEMINI,
          "{'type':'integer','minimum':0}", true);
    check("{'$schema':'x','$id':'y','title':'T','examples':[1],'type':'string'}", SCHEMA_GEMINI,
          "{'title':'T','type':'string'}", false);
    check("{'type':'object','patternProperties':{'^a':{'type':'string'}}}", SCHEMA_GEMINI,
          "{'type':'object'}", true);
    check("{'type':'array','items':[{'type':'string'},{'type':'number'}]}", SCHEMA_GEMINI,
          "{'type':'array','prefixItems':[{'type':'string'},{'type':'number'}]}", false);
    check("{'type':'object','properties':{'a':true}}", SCHEMA_GEMINI,
          "{'type':'object','properties':{'a':{}}}", false);
    /* a property may be called like a keyword */
    check("{'properties':{'not':{'type':'string'},'$ref':{'type':'string','x-y':1}}}",
          SCHEMA_GEMINI, "{'properties':{'not':{'type':'string'},'$ref':{'type':'string'}}}",
          false);
}

static void strict_schemas(void **state)
{
    (void)state;
    check("{'type':'object','properties':{'a':{'type':'string'},'b':{'type':'integer','enum':[1]},"
          "'c':{'$ref':'#/$defs/C'}},'required':['a'],'$defs':{'C':{'type':'string'}}}",
          SCHEMA_OPENAI_STRICT,
          "{'type':'object','properties':{'a':{'type':'string'},"
          "'b':{'type':['integer','null'],'enum':[1,null]},"
          "'c':{'anyOf':[{'$ref':'#/$defs/C'},{'type':'null'}]}},'required':['a','b','c'],"
          "'$defs':{'C':{'type':'string'}},'additionalProperties':false}",
          false);
    check("{'type':'string','format':'uri','minLength':2}", SCHEMA_OPENAI_STRICT,
          "{'type':'string'}", true);
    check("{'type':'array','items':{'anyOf':[{'type':'object','properties':{}}]}}",
          SCHEMA_OPENAI_STRICT,
          "{'type':'array','items':{'anyOf':[{'type':'object','properties':{},"
          "'additionalProperties':false,'required':[]}]}}",
          false);
    check("{'type':'array','prefixItems':[{'type':'string'}]}", SCHEMA_OPENAI_STRICT,
          "{'type':'array','items':{'anyOf':[{'type':'string'}]}}", true);
    check("{'type':'object','additionalProperties':true,'properties':{'a':{'type':'number',"
          "'minimum':1}}}",
          SCHEMA_ANTHROPIC_STRICT,
          "{'type':'object','additionalProperties':false,'properties':{'a':{'type':'number'}}}",
          true);
    check("{'type':'string','format':'uri'}", SCHEMA_ANTHROPIC_STRICT,
          "{'type':'string','format':'uri'}", false);
    check("{'type':'array','minItems':2}", SCHEMA_ANTHROPIC_STRICT, "{'type':'array'}", true);
}

static void bedrock_schemas(void **state)
{
    static const char schema[] = "{'$schema':'x','type':'object','title':'T','properties':{'a':"
                                 "{'type':'string','not':{'const':''}}},'additionalProperties':"
                                 "false}";

    (void)state;
    check(schema, SCHEMA_BEDROCK,
          "{'type':'object','title':'T','properties':{'a':{'type':'string','not':{'const':''}}},"
          "'additionalProperties':false}",
          false);
    check(schema, SCHEMA_NOVA,
          "{'type':'object','properties':{'a':{'type':'string','not':{'const':''}}}}", true);
}

/* Doubling references: 2^40 schemas when written out. */
static void a_bomb_stays_small(void **state)
{
    struct buf b = BUF_INIT;
    struct str out;

    (void)state;
    buf_cstr(&b, "{\"$ref\":\"#/$defs/d40\",\"$defs\":{\"d0\":{\"type\":\"string\"}");
    for (int i = 1; i <= 40; i++)
        buf_printf(&b,
                   ",\"d%d\":{\"properties\":{\"a\":{\"$ref\":\"#/$defs/d%d\"},\"b\":{\"$ref\":"
                   "\"#/$defs/d%d\"}}}",
                   i, i - 1, i - 1);
    buf_cstr(&b, "}}");
    for (int s = SCHEMA_GEMINI; s <= SCHEMA_ANTHROPIC_STRICT; s++) {
        out = normalised(b.data, (enum schema_subset)s);
        assert_true(out.len <= SCHEMA_BYTES_MAX);
        assert_int_equal(loss.n_changed, s != SCHEMA_OPENAI_STRICT);
    }
    buf_fini(&b);
}

static struct str from_gemini(const char *raw)
{
    struct json_error err;
    const struct json *root = json_parse_raw(codec.json, codec.arena, str_of(quoted(raw)), &err);

    assert_non_null(root);
    return schema_from_gemini(&codec, root);
}

static void google_schemas(void **state)
{
    (void)state;
    assert_str(from_gemini("{'type':'OBJECT','properties':{'n':{'type':'INTEGER','nullable':true,"
                           "'format':'int32'},'c':{'type':'STRING','format':'enum','enum':['a']}},"
                           "'propertyOrdering':['n','c'],'required':['n']}"),
               quoted("{'type':'object','properties':{'n':{'type':['integer','null'],"
                      "'format':'int32'},'c':{'type':'string','enum':['a']}},'required':['n']}"));
    assert_str(from_gemini("{'type':'ARRAY','min_items':'2','items':{'any_of':[{'type':'STRING'}],"
                           "'nullable':true}}"),
               quoted("{'type':'array','minItems':2,'items':{'anyOf':[{'type':'string'},"
                      "{'type':'null'}]}}"));
    assert_str(from_gemini("{'type':'INTEGER','enum':['101','x'],'nullable':true}"),
               quoted("{'type':['integer','null'],'enum':[101,'x',null]}"));
    assert_str(from_gemini("{ 'type' : 'string' }"), quoted("{ 'type' : 'string' }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_not_copied),
        cmocka_unit_test(references_are_put_in),
        cmocka_unit_test(compositions_are_flattened),
        cmocka_unit_test(other_words),
        cmocka_unit_test(strict_schemas),
        cmocka_unit_test(bedrock_schemas),
        cmocka_unit_test(a_bomb_stays_small),
        cmocka_unit_test(google_schemas),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
