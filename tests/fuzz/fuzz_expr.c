/* Any text as a rule: it compiles to sound bytes that have a value, or the error says in which column. */
#include "server/base/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct expr_variable items[] = {{"a", EXPR_BOOL},   {"n", EXPR_INT},
                                             {"x", EXPR_DOUBLE}, {"s", EXPR_STRING},
                                             {"l", EXPR_LIST},   {"m", EXPR_MAP}};
static const struct expr_variables vars = {items, ARRAY_LEN(items), false};

static bool get(void *ctx, uint32_t variable, struct str key, struct expr_value *out)
{
    static const struct str strings[] = {{"one", 3}, {"two", 3}};

    (void)ctx;
    if (variable >= ARRAY_LEN(items))
        return false;
    *out = (struct expr_value){.type = items[variable].type};
    if (out->type == EXPR_MAP || out->type == EXPR_STRING) {
        out->type = EXPR_STRING;
        out->string = strings[key.len % 2];
    } else if (out->type == EXPR_LIST) {
        out->list = (struct expr_strings){strings, 2};
    }
    return key.len != 3;
}

static bool matches(void *ctx, uint32_t number, struct str text)
{
    (void)ctx;
    return number == text.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct expr_world world = {get, matches, NULL};
    struct error err = ERROR_INIT;
    struct buf program = BUF_INIT;

    if (expr_compile((struct str){(const char *)data, size}, &vars, &program, &err) == 0) {
        const struct expr_program *p = (const void *)program.data;

        must(expr_is_sound(p, program.len));
        (void)expr_eval(p, &world);
        for (uint32_t i = 0; i < expr_patterns(p); i++)
            must(expr_pattern(p, i).len <= EXPR_TEXT_MAX);
    } else {
        must(str_starts(str_of(err.text), STR("column ")));
    }
    buf_fini(&program);
    return 0;
}
