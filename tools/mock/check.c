#include "tools/mock/check.h"

#include <string.h>

#include "providers/base64.h"

#define BRIEF_BYTES 100

struct str check_brief(struct str s)
{
    if (s.len > BRIEF_BYTES) {
        s.len = BRIEF_BYTES;
        while (s.len > 0 && ((unsigned char)s.p[s.len] & 0xc0) == 0x80)
            s.len--;
    }
    return s;
}

const struct json *check_stranger(const struct json *object, const char *const *known)
{
    for (const struct json *m = object->child; m != NULL; m = m->next) {
        if (!check_is_one_of(m->key, known))
            return m;
    }
    return NULL;
}

bool check_is_one_of(struct str s, const char *const *list)
{
    for (; *list != NULL && s.len > 0; list++) {
        if (**list == *s.p && strncmp(*list, s.p, s.len) == 0 && (*list)[s.len] == '\0')
            return true;
    }
    return false;
}

bool check_outside(const struct json *number, double least, double most)
{
    double value;

    return json_double(number, &value) && (value < least || value > most);
}

bool check_is_blank(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r')
            return false;
    }
    return true;
}

bool check_is_name(struct str s, const char *more, size_t most)
{
    if (s.len == 0 || s.len > most)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char low = (char)(s.p[i] | 0x20);

        if (!str_is_digit(s.p[i]) && (low < 'a' || low > 'z') &&
            (s.p[i] == '\0' || strchr(more, s.p[i]) == NULL))
            return false;
    }
    return true;
}

bool check_is_base64(const struct chat_codec *c, struct str s)
{
    size_t n;

    return s.len > 0 && base64_read(s, arena_alloc(c->arena, base64_room(s)), &n);
}

const struct json *check_items(const struct json *array)
{
    return array != NULL && array->type == JSON_ARRAY ? array->child : NULL;
}

/* --- ids --- */

/* More calls than this in one turn are refused elsewhere long before. */
#define IDS_MAX 1024

bool check_ids_add(const struct chat_codec *c, struct check_ids *s, struct str id)
{
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->ids[i], id))
            return false;
    }
    if (s->room == 0) {
        s->room = IDS_MAX;
        s->ids = arena_alloc(c->arena, IDS_MAX * sizeof(*s->ids));
        s->used = arena_alloc(c->arena, IDS_MAX * sizeof(*s->used));
    }
    if (s->n == s->room)
        return false;
    s->ids[s->n] = id;
    s->used[s->n++] = false;
    return true;
}

bool check_ids_use(struct check_ids *s, struct str id)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->used[i] || !str_eq(s->ids[i], id))
            continue;
        s->used[i] = true;
        s->n_used++;
        return true;
    }
    return false;
}

struct str check_ids_unused(const struct check_ids *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!s->used[i])
            return s->ids[i];
    }
    return STR_NONE;
}

void check_ids_clear(struct check_ids *s)
{
    s->n = s->n_used = 0;
}

/* --- dialects --- */

int check_request(const struct check *k, enum dialect_id dialect)
{
    static int (*const CHECKS[DIALECTS])(const struct check *k) = {
        [DIALECT_OPENAI] = check_openai,       [DIALECT_RESPONSES] = check_responses,
        [DIALECT_ANTHROPIC] = check_anthropic, [DIALECT_GEMINI] = check_gemini,
        [DIALECT_BEDROCK] = check_bedrock,     [DIALECT_COHERE] = check_cohere,
    };

    return CHECKS[dialect] != NULL ? CHECKS[dialect](k) : 0;
}
