#include "shm/sample.h"

#include "shm/layout.h"

#define SAMPLE_FLAGS (SAMPLE_REQUESTS_TOLD | SAMPLE_TOKENS_TOLD | SAMPLE_WHOLE_KEY | SAMPLE_EARLY)

static const char *const names[SAMPLE_OUTCOMES] = {
    [SAMPLE_OK] = "ok",
    [SAMPLE_CALLER_FAULT] = "caller_fault",
    [SAMPLE_CLIENT_GONE] = "client_gone",
    [SAMPLE_HEDGED] = "hedged",
    [SAMPLE_KEY_REFUSED] = "key_refused",
    [SAMPLE_RATE_LIMITED] = "rate_limited",
    [SAMPLE_UPSTREAM_ERROR] = "upstream_error",
    [SAMPLE_CONNECT] = "connect",
    [SAMPLE_TIMEOUT] = "timeout",
    [SAMPLE_CUT] = "cut",
};

bool sample_valid(const struct sample *s)
{
    if (s->version != SAMPLE_VERSION || s->slot >= SLOTS_MAX || s->row >= ROUTES_MAX)
        return false;
    if (s->outcome < SAMPLE_OK || s->outcome >= SAMPLE_OUTCOMES)
        return false;
    if (s->first_byte_us > s->total_us)
        return false;
    if (s->flags > SAMPLE_FLAGS || s->requests.left > s->requests.most ||
        s->tokens.left > s->tokens.most)
        return false;
    return s->http_status == 0 || (s->http_status >= 100 && s->http_status <= 999);
}

/* FNV-1a */
uint32_t sample_model(struct str name)
{
    uint32_t h = 0x811c9dc5u;

    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.p[i]) * 0x01000193u;
    return h != 0 ? h : 1;
}

const char *sample_outcome_name(uint32_t outcome)
{
    return outcome < SAMPLE_OUTCOMES && names[outcome] != NULL ? names[outcome] : "?";
}
