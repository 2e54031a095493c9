/*
 * metrics_tokens - of credentials that are fetched: how old, how long still, what failed.
 */
#include "server/admin/api.h"

#include "server/admin/admin.h"
#include "server/admin/text.h"
#include "server/base/clock.h"
#include "shm/tokens.h"

enum token_field { FIELD_AGE, FIELD_LEFT, FIELD_RENEWALS, FIELD_FAILURES, FIELD_OK };

static const struct {
    const char *name, *type, *help;
} families[] = {
    [FIELD_AGE] = {"credential_token_age_seconds", "gauge", "Since the token was fetched."},
    [FIELD_LEFT] = {"credential_token_expiry_seconds", "gauge",
                    "Until the token expires; 0 when it has, or when there is none."},
    [FIELD_RENEWALS] = {"credential_renewals_total", "counter", "Tokens fetched."},
    [FIELD_FAILURES] = {"credential_failures_total", "counter",
                        "Tokens that could not be fetched."},
    [FIELD_OK] = {"credential_ok", "gauge", "1 when the last try gave a token."},
};

static uint64_t since(uint64_t now_ms, uint64_t then_ms)
{
    return then_ms != 0 && now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
}

static uint64_t value_of(const struct token *t, enum token_field field, uint64_t now_ms)
{
    switch (field) {
    case FIELD_AGE:
        return since(now_ms, t->fetched_ms);
    case FIELD_LEFT:
        return since(t->expires_ms, now_ms);
    case FIELD_RENEWALS:
        return t->renewals;
    case FIELD_FAILURES:
        return t->failures;
    case FIELD_OK:
        break;
    }
    return t->access_len > 0 && t->error == TOKEN_OK;
}

static bool is_fetched(const struct pub_key *key)
{
    return key->kind == PUB_KEY_TOKEN || key->kind == PUB_KEY_AWS_TOKEN;
}

static void family(struct exchange *ex, const struct pub_view *v, enum token_field field)
{
    uint64_t now_ms = clock_real_ms();

    text_family(&ex->out, families[field].name, families[field].type, families[field].help);
    for (uint32_t i = 0; i < v->image->n_keys; i++) {
        const struct pub_key *key = pub_key(v, i);
        struct text_label labels[2];
        struct token t;

        if (!is_fetched(key) || !tokens_look(&ex->admin->regions->tokens, key->token, &t))
            continue;
        if (t.token_for != key->token_for)
            t = (struct token){0}; /* of the credential that was there before */
        labels[0] =
            (struct text_label){"provider", pub_text(v, pub_provider(v, key->provider)->name)};
        labels[1] = (struct text_label){"key", pub_text(v, key->name)};
        text_sample(&ex->out, families[field].name, labels, 2, value_of(&t, field, now_ms));
    }
}

void metrics_tokens(struct exchange *ex)
{
    const struct pub_view *v = admin_view(ex->admin);
    bool is_any = false;

    if (v == NULL || ex->admin->regions->tokens.base == NULL)
        return;
    for (uint32_t i = 0; i < v->image->n_keys; i++)
        is_any = is_any || is_fetched(pub_key(v, i));
    for (size_t field = 0; is_any && field < ARRAY_LEN(families); field++)
        family(ex, v, (enum token_field)field);
}
