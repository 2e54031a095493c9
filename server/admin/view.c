/*
 * view - the private copy of the published image.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "server/admin/admin.h"
#include "server/base/alloc.h"

#define VIEW_TRIES 8 /* the master publishes at most some times a second */

const struct pub_view *admin_view(struct admin *a)
{
    const struct region *published = &a->regions->published;

    for (int i = 0; i < VIEW_TRIES; i++) {
        struct pub_view current;
        uint64_t generation = published_generation(published);

        if (generation == a->view.generation)
            break;
        if (!published_view(published, NULL, &current) || current.generation != generation)
            continue;
        void *copy = xalloc(current.image->bytes);
        memcpy(copy, current.image, current.image->bytes);
        /* The other half is the one that is written next: unchanged means the copy is whole. */
        if (published_generation(published) != generation) {
            free(copy);
            continue;
        }
        free(a->image);
        a->image = copy;
        a->view = (struct pub_view){generation, copy, NULL};
        break;
    }
    return a->view.generation != 0 ? &a->view : NULL;
}

void admin_view_fini(struct admin *a)
{
    free(a->image);
    a->image = NULL;
    a->view = (struct pub_view){0, NULL, NULL};
}
