/* Paths of requests: whatever is taken as ours is sound, and nothing is read past its end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "providers/paths.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena;
    struct path got;
    char *copy;

    if (size > 4096)
        return 0;
    arena = arena_create(4096);
    copy = malloc(size + 1); /* its end is the sanitizer's red zone */
    must(copy != NULL);
    memcpy(copy, data, size);
    for (enum dialect_id hint = DIALECT_NONE; hint < DIALECTS; hint++) {
        struct str path = {copy, size};

        if (!path_parse(arena, path, path, hint, &got)) {
            must(got.op == OP_NONE);
            continue;
        }
        must(got.op != OP_NONE && got.dialect > DIALECT_NONE && got.dialect < DIALECTS);
        must(got.tail.len > 0 && got.tail.p[0] == '/' && got.endpoint[0] != '\0');
        if (got.before.len > 0 && path_model_is_safe(got.model))
            must(path_with_model(arena, &got, got.model).p[0] == '/');
    }
    free(copy);
    arena_free(arena);
    return 0;
}
