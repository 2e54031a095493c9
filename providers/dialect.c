#include "providers/dialect.h"

static const struct dialect *const dialects[DIALECTS] = {
    [DIALECT_NONE] = NULL,
};

const struct dialect *dialect_get(enum dialect_id id)
{
    return (size_t)id < ARRAY_LEN(dialects) ? dialects[id] : NULL;
}

enum dialect_id dialect_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        if (dialects[i] != NULL && str_eq(name, str_of(dialects[i]->name)))
            return dialects[i]->id;
    }
    return DIALECT_NONE;
}
