#include "conf/load_shadow.h"

#include <string.h>

#include "conf/values.h"

#define SHARE_WHOLE 100000 /* thousandths of a percent */
#define SHADOW_MS_MIN 100
#define SHADOW_MS_MAX 3600000
#define NAMES_SHOWN 256 /* that a suggestion is sought among */

static void set_model(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct conf_shadow *s = object;
    struct str text;
    ptrdiff_t slash;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    slash = str_index(text, '/');
    if (slash <= 0 || (size_t)slash + 1 == text.len || str_index(text, '*') >= 0 ||
        text.len > MODEL_MAX_BYTES) {
        load_fail(l, at, "must name one model of one provider as provider/model, is %s",
                  findings_quote(l->findings, text));
        return;
    }
    s->provider = arena_cstr(l->arena, (struct str){text.p, (size_t)slash});
    s->model = text.p + slash + 1;
}

static void set_share(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct conf_shadow *s = object;
    struct str text;
    uint64_t share;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (!str_ends(text, STR("%")) ||
        !value_thousandths((struct str){text.p, text.len - 1}, &share) || share == 0 ||
        share > SHARE_WHOLE)
        load_must_be(l, at, "a percentage above 0% and up to 100% such as 5% or 0.5%");
    else
        s->share = (uint32_t)share;
}

static const struct load_key shadow_keys[] = {
    {"model", "provider/model", set_model, 0, 0, 0, true},
    {"share", "percentage", set_share, 0, 0, 0, true},
    {"timeout", "duration", load_set_duration, offsetof(struct conf_shadow, timeout_ms),
     SHADOW_MS_MIN, SHADOW_MS_MAX, false},
};
const struct load_table table_shadow = {"models.<name>.shadow", shadow_keys,
                                        ARRAY_LEN(shadow_keys)};

void load_set_shadow(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_model *m = object;

    (void)key;
    m->shadow.timeout_ms = SHADOW_MS_DEFAULT;
    m->shadow.line = at->node->key_line;
    load_object(l, at, &table_shadow, &m->shadow);
}

void check_shadow(const struct config *c, const struct conf_model *m, struct findings *f)
{
    const char *names[NAMES_SHOWN];
    const char *near;
    size_t n = 0;

    if (m->shadow.share == 0 || m->shadow.provider == NULL)
        return;
    for (size_t i = 0; i < c->n_providers; i++) {
        if (strcmp(c->providers[i].name, m->shadow.provider) == 0)
            return;
        if (n < NAMES_SHOWN)
            names[n++] = c->providers[i].name;
    }
    near = str_nearest(str_of(m->shadow.provider), names, n);
    findings_add(f, m->shadow.line, "models.%s.shadow.model: there is no provider %s%s%s%s",
                 m->name, findings_quote(f, str_of(m->shadow.provider)),
                 near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                 near != NULL ? "\"?" : "");
}
