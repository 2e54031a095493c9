#include "providers/vendor.h"

size_t vendor_count(void)
{
    return vendor_table_makers_n + vendor_table_hosts_n + vendor_table_local_n;
}

const struct vendor *vendor_get(size_t index)
{
    must(index < vendor_count());
    if (index < vendor_table_makers_n)
        return &vendor_table_makers[index];
    index -= vendor_table_makers_n;
    if (index < vendor_table_hosts_n)
        return &vendor_table_hosts[index];
    return &vendor_table_local[index - vendor_table_hosts_n];
}

const struct vendor *vendor_find(struct str name)
{
    for (size_t i = 0; i < vendor_count(); i++) {
        if (str_eq(str_of(vendor_get(i)->name), name))
            return vendor_get(i);
    }
    return NULL;
}

uint32_t vendor_dialects(const struct vendor *v)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < FACES_MAX && v->faces[i].dialect != DIALECT_NONE; i++)
        bits |= 1u << v->faces[i].dialect;
    return bits;
}

static bool is_for(const struct vendor_face *face, struct str model)
{
    struct str globs = str_of(face->models);
    struct str glob;

    if (globs.len == 0 || model.len == 0)
        return true;
    while (str_next(&globs, ',', &glob)) {
        if (glob_match(glob, model))
            return true;
    }
    return false;
}

const struct vendor_face *vendor_face(const struct vendor *v, enum dialect_id dialect)
{
    for (size_t i = 0; i < FACES_MAX && v->faces[i].dialect != DIALECT_NONE; i++) {
        if (dialect == DIALECT_NONE || v->faces[i].dialect == dialect)
            return &v->faces[i];
    }
    return NULL;
}

const struct vendor_face *vendor_choose(const struct vendor *v, enum dialect_id forced,
                                        enum dialect_id wanted, struct str model)
{
    const struct vendor_face *first = NULL;

    if (forced != DIALECT_NONE)
        return vendor_face(v, forced);
    for (size_t i = 0; i < FACES_MAX && v->faces[i].dialect != DIALECT_NONE; i++) {
        const struct vendor_face *face = &v->faces[i];

        if (!is_for(face, model))
            continue;
        if (face->dialect == wanted)
            return face;
        if (first == NULL)
            first = face;
    }
    return first;
}

bool vendor_face_base(const struct vendor *v, enum dialect_id forced,
                      const struct vendor_face *face, struct str base_url, struct str out[2])
{
    const struct vendor_face *own = vendor_face(v, forced);
    struct str path = own != NULL ? str_of(own->path) : STR_NONE;

    if (own == NULL)
        return false;
    out[1] = STR_NONE;
    out[0] = base_url;
    if (face == own || strcmp(face->path, own->path) == 0)
        return true;
    if (!str_ends(base_url, path))
        return false;
    out[0].len -= path.len;
    out[1] = str_of(face->path);
    return true;
}

enum vendor_auth vendor_auth(const struct vendor *v, const struct vendor_face *face)
{
    return face->auth != AUTH_DEFAULT ? face->auth : v->auth;
}
