/*
 * governance_cel - conditions in Bifrost's variables, and in ours.
 *
 * Both are CEL; only names differ, so a text is translated word by word, and back to what was written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/governance.h"

/* Percent there, a share here: what is written around it holds for both. */
static const struct {
    const char *theirs, *ours;
} words[] = {
    {"virtual_key_id", "key.id"},
    {"virtual_key_name", "key.name"},
    {"team_name", "key.team"},
    {"customer_name", "key.customer"},
    {"budget_used", "(budget.used * 100.0)"},
};

static const struct {
    const char *name, *instead;
} unknown[] = {
    {"request_type", "its values are other ones: write request.type == \"chat.completions\""},
    {"team_id", "write team_name == \"...\", or a rule of scope team"},
    {"customer_id", "write customer_name == \"...\", or a rule of scope customer"},
    {"tokens_used", "rules do not see how full a token limit is"},
    {"request", "rules do not see how full a request limit is"},
    {"complexity_tier", "prompts are not sorted by complexity"},
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Behind the string that begins at `at`: one or three quotes, raw or not. */
static size_t skip_string(struct str s, size_t at, bool is_raw)
{
    char quote = s.p[at];
    size_t n = at + 2 < s.len && s.p[at + 1] == quote && s.p[at + 2] == quote ? 3 : 1;

    for (at += n; at < s.len; at++) {
        size_t run = 0;

        if (s.p[at] == '\\' && !is_raw) {
            at++;
            continue;
        }
        while (run < n && at + run < s.len && s.p[at + run] == quote)
            run++;
        if (run == n)
            return at + n;
    }
    return s.len;
}

/* Does the word stand here as a name of its own: no part of a longer one, and nobody's member? */
static bool stands_here(struct str s, size_t at, const char *word)
{
    size_t len = strlen(word);

    if (!str_starts(str_skip(s, at), str_of(word)))
        return false;
    if (is_word(word[0]) && at > 0 && (is_word(s.p[at - 1]) || s.p[at - 1] == '.'))
        return false;
    return !is_word(word[len - 1]) || at + len == s.len || !is_word(s.p[at + len]);
}

/* The word that is put here instead, and the length of what it replaces; NULL: what stands here stays. */
static const char *replacement(struct str s, size_t at, bool to_ours, size_t *len)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *from = to_ours ? words[i].theirs : words[i].ours;

        if (!stands_here(s, at, from))
            continue;
        *len = strlen(from);
        return to_ours ? words[i].ours : words[i].theirs;
    }
    return NULL;
}

static const char *find_unknown(struct str s, size_t at, const char **instead)
{
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        size_t end = at + strlen(unknown[i].name);

        /* "request.tokens" is ours */
        if (!stands_here(s, at, unknown[i].name) || (end < s.len && s.p[end] == '.'))
            continue;
        *instead = unknown[i].instead;
        return unknown[i].name;
    }
    return NULL;
}

static struct str translate(struct arena *a, struct str s, bool to_ours)
{
    struct buf out = BUF_INIT;
    struct str text;
    size_t at = 0;

    while (at < s.len) {
        size_t from = at;
        const char *word = replacement(s, at, to_ours, &at);

        if (word != NULL) {
            buf_cstr(&out, word);
            at += from;
            continue;
        }
        if (s.p[at] == '"' || s.p[at] == '\'')
            at = skip_string(s, at, at > 0 && (s.p[at - 1] == 'r' || s.p[at - 1] == 'R'));
        else
            at++;
        buf_add(&out, s.p + from, at - from);
    }
    text = arena_str(a, buf_view(&out));
    buf_fini(&out);
    return text;
}

const char *governance_cel_unknown(struct str theirs, const char **instead)
{
    for (size_t at = 0; at < theirs.len;) {
        const char *name = find_unknown(theirs, at, instead);

        if (name != NULL)
            return name;
        if (theirs.p[at] == '"' || theirs.p[at] == '\'')
            at = skip_string(theirs, at,
                             at > 0 && (theirs.p[at - 1] == 'r' || theirs.p[at - 1] == 'R'));
        else
            at++;
    }
    return NULL;
}

struct str governance_cel_in(struct arena *a, struct str theirs)
{
    return translate(a, theirs, true);
}

struct str governance_cel_out(struct arena *a, struct str ours)
{
    return translate(a, ours, false);
}
