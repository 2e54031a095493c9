#define PCRE2_CODE_UNIT_WIDTH 8

#include "server/base/regex.h"

#include <pcre2.h>
#include <stdlib.h>

#include "server/base/alloc.h"

struct regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

int regex_compile(struct str pattern, struct regex **out, struct error *err)
{
    struct regex *r;
    PCRE2_SIZE at = 0;
    int code = 0;
    pcre2_code *compiled;

    if (pattern.len > REGEX_PATTERN_MAX)
        return error_set(err, "a pattern has at most %d bytes", REGEX_PATTERN_MAX);
    /* Bad UTF-8 in a text must not fail the match (a header may hold anything). \C would break
     * that, and is in no other dialect. */
    compiled = pcre2_compile((PCRE2_SPTR)(pattern.p != NULL ? pattern.p : ""), pattern.len,
                             PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &code,
                             &at, NULL);
    if (compiled == NULL) {
        char text[256] = "";

        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text)); /* cut is fine */
        return error_set(err, "pattern, character %zu: %s", (size_t)at + 1, text);
    }
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* without it, it is only slower */
    r = xcalloc(1, sizeof(*r));
    r->code = compiled;
    r->data = pcre2_match_data_create(1, NULL);
    r->context = pcre2_match_context_create(NULL);
    must(r->data != NULL && r->context != NULL);
    (void)pcre2_set_match_limit(r->context, REGEX_STEPS_MAX);
    (void)pcre2_set_depth_limit(r->context, REGEX_STEPS_MAX);
    *out = r;
    return 0;
}

void regex_free(struct regex *r)
{
    if (r == NULL)
        return;
    pcre2_match_context_free(r->context);
    pcre2_match_data_free(r->data);
    pcre2_code_free(r->code);
    free(r);
}

bool regex_match(const struct regex *r, struct str text)
{
    return pcre2_match(r->code, (PCRE2_SPTR)(text.p != NULL ? text.p : ""), text.len, 0, 0, r->data,
                       r->context) >= 0;
}
