#include "conf/parts.h"

#include <string.h>

#include "conf/values.h"
#include "server/base/buf.h"

#define PART_MAX 255

const char *const conf_part_names[CONF_PARTS] = {
    [CONF_PART_RESOURCE] = "resource", [CONF_PART_REGION] = "region",
    [CONF_PART_PROJECT] = "project",   [CONF_PART_LOCATION] = "location",
    [CONF_PART_HOST] = "host",         [CONF_PART_ACCOUNT] = "account",
};

static bool is_part(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !str_is_digit(c) && c != '.' &&
            c != '-' && c != '_' && c != ':')
            return false;
    }
    return text.len > 0 && text.len <= PART_MAX;
}

void load_set_part(struct load *l, const struct load_at *at, const struct load_key *key,
                   void *object)
{
    const char **out = (const char **)(void *)((char *)object + key->offset);
    struct str text;

    if (!load_text(l, at, &text, NULL))
        return;
    if (is_part(text))
        *out = text.p;
    else
        load_must_be(l, at, "a part of a URL: letters, digits, dots, hyphens, underscores");
}

const char *parts_env(const struct load *l, const char *names, struct str *name)
{
    struct str rest = str_of(names);
    struct str one;

    while (str_next(&rest, ',', &one)) {
        char text[64];
        const char *value;

        must(one.len < sizeof(text));
        memcpy(text, one.p, one.len);
        text[one.len] = '\0';
        value = l->env(text);
        if (value != NULL && value[0] != '\0') {
            *name = one;
            return value;
        }
    }
    return NULL;
}

static int part_index(const char *name)
{
    for (int i = 0; i < CONF_PARTS; i++) {
        if (strcmp(conf_part_names[i], name) == 0)
            return i;
    }
    return -1;
}

static const char *said(const struct conf_provider *p, const struct conf_vendor_part *part)
{
    int index = part_index(part->name);

    must(index >= 0);
    return p->parts[index];
}

static const char *value_of(const struct load *l, const struct conf_provider *p,
                            const struct conf_vendor_part *part)
{
    const char *value = said(p, part);
    struct str name;

    if (value == NULL)
        value = parts_env(l, part->env, &name);
    if (value != NULL && is_part(str_of(value)))
        return value;
    return part->fallback;
}

const char *parts_get(const struct load *l, const struct conf_provider *p,
                      const struct conf_vendor *vendor, const char *name)
{
    for (size_t i = 0; i < CONF_VENDOR_PARTS_MAX && vendor->parts[i].name != NULL; i++) {
        if (strcmp(vendor->parts[i].name, name) == 0)
            return value_of(l, p, &vendor->parts[i]);
    }
    return NULL;
}

static bool has_parts(const struct conf_vendor *vendor)
{
    return vendor->parts[0].name != NULL;
}

static bool is_any_said(const struct conf_provider *p, const struct conf_vendor *vendor)
{
    for (size_t i = 0; i < CONF_VENDOR_PARTS_MAX && vendor->parts[i].name != NULL; i++) {
        if (said(p, &vendor->parts[i]) != NULL)
            return true;
    }
    return false;
}

/* The variable with the whole address; what the file says of its parts goes before it. */
static const char *whole_root(const struct load *l, const struct conf_provider *p,
                              const struct conf_vendor *vendor)
{
    struct str name;

    return is_any_said(p, vendor) ? NULL : parts_env(l, vendor->root_env, &name);
}

bool parts_are_known(const struct load *l, const struct conf_provider *p,
                     const struct conf_vendor *vendor)
{
    if (whole_root(l, p, vendor) != NULL)
        return true;
    for (size_t i = 0; i < CONF_VENDOR_PARTS_MAX && vendor->parts[i].name != NULL; i++) {
        if (value_of(l, p, &vendor->parts[i]) == NULL)
            return false;
    }
    return true;
}

static void put_part(const struct load *l, const struct conf_provider *p,
                     const struct conf_vendor *vendor, struct str name, struct buf *out)
{
    bool is_prefix = str_ends(name, STR("-"));
    const char *value;
    char text[32];

    if (is_prefix)
        name.len--;
    must(name.p != NULL && name.len < sizeof(text));
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';
    value = parts_get(l, p, vendor, text);
    must(value != NULL); /* the caller has looked */
    if (!is_prefix)
        buf_cstr(out, value);
    else if (strcmp(value, "global") != 0)
        buf_printf(out, "%s-", value);
}

static void expand(struct load *l, struct conf_provider *p, const struct conf_vendor *vendor)
{
    struct str rest = str_of(vendor->root);
    struct buf out = BUF_INIT;

    for (;;) {
        ptrdiff_t open = str_index(rest, '{');
        ptrdiff_t close = str_index(rest, '}');

        must(rest.p != NULL); /* a root with parts is a text */
        if (open < 0 || close < open) {
            buf_str(&out, rest);
            break;
        }
        buf_str(&out, (struct str){rest.p, (size_t)open});
        put_part(l, p, vendor, (struct str){rest.p + open + 1, (size_t)(close - open) - 1}, &out);
        rest = str_skip(rest, (size_t)close + 1);
    }
    p->root = arena_cstr(l->arena, buf_view(&out));
    buf_fini(&out);
}

static void take_whole(struct load *l, struct conf_provider *p, const struct conf_vendor *vendor,
                       struct str root)
{
    static const char *const schemes[] = {"http", "https", NULL};
    const char *problem;

    if (!str_starts(root, STR("http://")) && !str_starts(root, STR("https://")))
        root = arena_concat(l->arena, (struct str[]){STR("https://"), root}, 2);
    while (root.len > 0 && root.p[root.len - 1] == '/')
        root.len--;
    problem = value_url_problem(root, schemes, false);
    if (problem != NULL)
        findings_add(l->findings, p->origin.line,
                     "environment variable %s is not the address of providers.%s: %s",
                     vendor->root_env, p->name, problem);
    else
        p->root = arena_cstr(l->arena, root);
}

static void check_parts(struct load *l, const struct conf_provider *p,
                        const struct conf_vendor *vendor)
{
    for (int i = 0; i < CONF_PARTS; i++) {
        bool is_known = false;

        for (size_t j = 0; j < CONF_VENDOR_PARTS_MAX && vendor->parts[j].name != NULL; j++)
            is_known = is_known || strcmp(vendor->parts[j].name, conf_part_names[i]) == 0;
        if (p->parts[i] != NULL && !is_known)
            findings_add(l->findings, p->origin.line,
                         "providers.%s.%s is not part of the address of vendor %s", p->name,
                         conf_part_names[i], vendor->name);
    }
}

void parts_complete(struct load *l, struct conf_provider *p, const struct conf_vendor *vendor)
{
    const char *whole = whole_root(l, p, vendor);

    check_parts(l, p, vendor);
    for (size_t i = 0; i < CONF_VENDOR_PARTS_MAX && vendor->parts[i].name != NULL && whole == NULL;
         i++)
        p->parts[part_index(vendor->parts[i].name)] = value_of(l, p, &vendor->parts[i]);
    if (p->base_url != NULL || !has_parts(vendor))
        return;
    if (whole != NULL) {
        take_whole(l, p, vendor, str_of(whole));
        return;
    }
    for (size_t i = 0; i < CONF_VENDOR_PARTS_MAX && vendor->parts[i].name != NULL; i++) {
        const struct conf_vendor_part *part = &vendor->parts[i];
        const char *env = vendor->root_env != NULL ? vendor->root_env : part->env;

        if (value_of(l, p, part) == NULL) {
            findings_add(l->findings, p->origin.line,
                         "providers.%s needs %s%s%s (or base_url), because the address of vendor "
                         "%s has it",
                         p->name, part->name, env != NULL ? ", or environment variable " : "",
                         env != NULL ? env : "", vendor->name);
            return;
        }
    }
    expand(l, p, vendor);
}
