/* What a refusal is about: the words that vendors really use, and others that are near to them. */
#include "providers/cause.h"
#include "tests/unit/unit.h"

struct example {
    int status;
    const char *type, *code, *message;
    enum error_cause want;
};

static const struct example examples[] = {
    /* OpenAI, Azure */
    {400, "invalid_request_error", "context_length_exceeded",
     "This model's maximum context length is 4097 tokens. However, your messages resulted in "
     "192871 tokens. Please reduce the length of the messages.",
     CAUSE_CONTEXT},
    {400, "invalid_request_error", "invalid_request_error",
     "This model's maximum context length is 131072 tokens. However, you requested 131134 tokens",
     CAUSE_CONTEXT},
    {400, "invalid_request_error", "",
     "Your input exceeds the context window of this model. Please adjust your input and try again.",
     CAUSE_CONTEXT},
    {400, "", "content_filter",
     "The response was filtered due to the prompt triggering Azure OpenAI's content management "
     "policy.",
     CAUSE_FILTER},
    {400, "image_generation_user_error", "moderation_blocked", "Your request was rejected",
     CAUSE_FILTER},
    {400, "invalid_request_error", "content_policy_violation", "", CAUSE_FILTER},
    {400, "invalid_request_error", "invalid_prompt",
     "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
     CAUSE_FILTER},
    {400, "", "ResponsibleAIPolicyViolation", "", CAUSE_FILTER},
    /* Anthropic, alone and with its hosts */
    {400, "invalid_request_error", "", "prompt is too long: 213462 tokens > 200000 maximum",
     CAUSE_CONTEXT},
    {400, "invalid_request_error", "",
     "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000", CAUSE_CONTEXT},
    {413, "request_too_large", "", "Request exceeds the maximum size", CAUSE_CONTEXT},
    {400, "invalid_request_error", "", "Output blocked by content filtering policy", CAUSE_FILTER},
    /* Gemini, Bedrock, Cohere, others */
    {400, "INVALID_ARGUMENT", "",
     "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
     CAUSE_CONTEXT},
    {400, "", "", "Input is too long for requested model.", CAUSE_CONTEXT},
    {400, "", "",
     "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.",
     CAUSE_CONTEXT},
    {400, "", "", "This model's maximum prompt length is 131072 but the request contains 537812",
     CAUSE_CONTEXT},
    {403, "", "",
     "Content violates usage guidelines. Team: x, Failed check: SAFETY_CHECK_TYPE_CSAM",
     CAUSE_FILTER},
    {400, "BadRequestError", "400", "litellm.ContextWindowExceededError: too much", CAUSE_CONTEXT},
    /* the caller's, and nobody else's */
    {400, "invalid_request_error", "invalid_value",
     "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
     CAUSE_OTHER},
    {400, "invalid_request_error", "string_above_max_length",
     "Invalid 'user': string too long. Expected a string with maximum length 64", CAUSE_OTHER},
    {400, "invalid_request_error", "", "messages: at least one message is required", CAUSE_OTHER},
    {429, "tokens", "rate_limit_exceeded", "Rate limit reached for gpt-4o on tokens per min",
     CAUSE_OTHER},
    {400, "", "", "", CAUSE_OTHER},
};

static void knows_vendors_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        const struct example *x = &examples[i];
        struct chat_error e = {.status = x->status,
                               .type = str_of(x->type),
                               .code = str_of(x->code),
                               .message = str_of(x->message)};

        if (cause_of(&e) != x->want)
            fail_msg("example %zu: %s: %d instead of %d", i, x->message, cause_of(&e), x->want);
    }
}

/* Only the beginning of a message is looked at, however long a hostile one is. */
static void is_bounded(void **state)
{
    static char text[100000];
    struct chat_error e = {.status = 400, .message = {text, sizeof(text)}};

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + 1000, "prompt is too long", 18);
    assert_int_equal(cause_of(&e), CAUSE_CONTEXT);
    memset(text, 'x', sizeof(text));
    memcpy(text + 90000, "prompt is too long", 18);
    assert_int_equal(cause_of(&e), CAUSE_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_vendors_words),
        cmocka_unit_test(is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
