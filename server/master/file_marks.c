/* Which accounts the file's owners have, in LMDB. */
#include <string.h>

#include "conf/store.h"
#include "server/base/clock.h"
#include "server/master/file_owners.h"

struct row_head {
    uint32_t version, zero;
    uint64_t created_ms;
};
#define ROW_VERSION 1

/* 1 found, 0 not, -1. */
static int read_row(struct store *s, struct str key, struct arena *a, struct row_head *head,
                    struct marks *out, struct error *err)
{
    struct str value;
    int found = store_get(s, STORE_ACCOUNTS, key, &value, err);

    if (found <= 0)
        return found;
    if (value.len >= sizeof(*head))
        memcpy(head, value.p, sizeof(*head));
    if (value.len < sizeof(*head) || head->version != ROW_VERSION ||
        marks_decode(str_skip(value, sizeof(*head)), a, out) != 0)
        return error_set(err, "the stored accounts of %.*s cannot be read", STR_ARGS(key));
    return 1;
}

static int write_row(struct store *s, struct str key, const struct row_head *head,
                     const struct marks *marks, struct error *err)
{
    struct buf value = BUF_INIT;
    int rc;

    buf_add(&value, head, sizeof(*head));
    marks_encode(marks, &value);
    rc = store_put(s, STORE_ACCOUNTS, key, buf_view(&value), err);
    buf_fini(&value);
    return rc;
}

int file_marks(struct store *s, const struct file_marks *what, struct arena *a, struct marks *out,
               uint64_t *out_created_ms, struct error *err)
{
    struct row_head head = {ROW_VERSION, 0, clock_real_ms()};
    struct marks_owner owner = {what->kind, what->name, head.created_ms, a};
    int found;

    *out = (struct marks){.n = 0};
    found = read_row(s, what->key, a, &head, out, err);
    if (found < 0)
        return -1;
    marks_follow(out, &owner, what->parts, what->n_parts);
    *out_created_ms = head.created_ms;
    if (!out->changed && (found > 0 || !what->always))
        return 0;
    return write_row(s, what->key, &head, out, err);
}

int file_marks_drop(struct store *s, struct str key, struct error *err)
{
    struct arena *a = arena_create(4096);
    struct row_head head;
    struct marks marks = {.n = 0};
    int rc = read_row(s, key, a, &head, &marks, err);

    if (rc > 0) {
        marks_reset(&marks);
        rc = marks.generation > 0 ? write_row(s, key, &head, &marks, err)
                                  : store_delete(s, STORE_ACCOUNTS, key, err);
    }
    arena_free(a);
    return rc < 0 ? -1 : 0;
}
