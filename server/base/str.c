#include "server/base/str.h"

#include "server/base/base.h"

/* Words longer than this are not worth a suggestion. */
#define NEAREST_WORD_MAX 64
/* More edits than this, and it is another word. */
#define NEAREST_EDITS_MAX 3
/* Fewer letters in common say nothing. */
#define NEAREST_BEGINNING_MIN 4

static char lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c + 32) : c;
}

/* Levenshtein distance with one row; both words fit NEAREST_WORD_MAX. */
static size_t edit_distance(struct str a, struct str b)
{
    size_t row[NEAREST_WORD_MAX + 1];

    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (lower(a.p[i - 1]) != lower(b.p[j - 1]));

            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b.len];
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.p + s.len - suffix.len, suffix.p, suffix.len) == 0);
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

ptrdiff_t str_index(struct str s, char c)
{
    const char *hit = s.len > 0 ? memchr(s.p, c, s.len) : NULL;

    return hit != NULL ? hit - s.p : -1;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool str_next(struct str *rest, char sep, struct str *out)
{
    ptrdiff_t i;

    if (rest->p == NULL)
        return false;
    i = str_index(*rest, sep);
    if (i < 0) {
        *out = *rest;
        *rest = STR_NONE;
        return true;
    }
    *out = (struct str){rest->p, (size_t)i};
    *rest = (struct str){rest->p + i + 1, rest->len - (size_t)i - 1};
    return true;
}

static bool same(char a, char b, bool any_case)
{
    return a == b || (any_case && lower(a) == lower(b));
}

static bool match(struct str pattern, struct str name, bool any_case)
{
    size_t p = 0;
    size_t n = 0;
    size_t star = SIZE_MAX; /* where the last star was, and what it had swallowed by then */
    size_t mark = 0;

    while (n < name.len) {
        if (p < pattern.len && pattern.p[p] == '*') {
            star = p++;
            mark = n;
        } else if (p < pattern.len && same(pattern.p[p], name.p[n], any_case)) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.p[p] == '*')
        p++;
    return p == pattern.len;
}

bool glob_match(struct str pattern, struct str name)
{
    return match(pattern, name, false);
}

static bool match_any(struct str list, struct str name, bool any_case)
{
    struct str pattern;

    if (list.len == 0)
        return false;
    while (str_next(&list, '\0', &pattern)) {
        if (match(pattern, name, any_case))
            return true;
    }
    return false;
}

bool glob_list_match(struct str list, struct str name)
{
    return match_any(list, name, false);
}

bool glob_list_denies(struct str list, struct str name)
{
    return match_any(list, str_trim(name), true);
}

bool str_unescape(struct str raw, char *out, size_t *out_len)
{
    bool is_sound = true;
    size_t n = 0;

    for (size_t i = 0; i < raw.len; i++) {
        bool is_escape = raw.p[i] == '%' && raw.len - i > 2 && str_hex_digit(raw.p[i + 1]) >= 0 &&
                         str_hex_digit(raw.p[i + 2]) >= 0;

        if (is_escape) {
            out[n++] = (char)(str_hex_digit(raw.p[i + 1]) << 4 | str_hex_digit(raw.p[i + 2]));
            i += 2;
        } else {
            is_sound = is_sound && raw.p[i] != '%';
            out[n++] = raw.p[i];
        }
    }
    *out_len = n;
    return is_sound;
}

bool str_parse_u64(struct str s, uint64_t *out)
{
    uint64_t n = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n))
            return false;
    }
    *out = n;
    return true;
}

/* "listen_address" means "listen", and "body" perhaps "body_max": the one with the most in common. */
static const char *same_beginning(struct str word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t best_rest = SIZE_MAX;

    for (size_t i = 0; i < n; i++) {
        struct str candidate = str_of(candidates[i]);
        bool is_longer = candidate.len > word.len;
        struct str longer = is_longer ? candidate : word;
        struct str shorter = is_longer ? word : candidate;

        if (shorter.len >= NEAREST_BEGINNING_MIN && str_starts(longer, shorter) &&
            longer.len - shorter.len < best_rest) {
            best = candidates[i];
            best_rest = longer.len - shorter.len;
        }
    }
    return best;
}

const char *str_nearest(struct str word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t best_edits = NEAREST_EDITS_MAX + 1;

    if (word.len == 0 || word.len > NEAREST_WORD_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct str candidate = str_of(candidates[i]);
        size_t edits;

        if (candidate.len > NEAREST_WORD_MAX)
            continue;
        edits = edit_distance(word, candidate);
        /* "kee" is near "keys"; "x" is near nothing */
        if (edits < best_edits && edits * 2 <= max_u64(word.len, candidate.len)) {
            best_edits = edits;
            best = candidates[i];
        }
    }
    return best != NULL ? best : same_beginning(word, candidates, n);
}
