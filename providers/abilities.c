#include "providers/abilities.h"

#include <stdbool.h>

#include "providers/target.h"
#include "server/base/base.h"

static const struct {
    uint32_t flag;
    const char *name;
} all[] = {{MODEL_CHAT, "chat"},     {MODEL_EMBED, "embed"},   {MODEL_RERANK, "rerank"},
           {MODEL_IMAGES, "images"}, {MODEL_AUDIO, "audio"},   {MODEL_DOCUMENTS, "documents"},
           {MODEL_TOOLS, "tools"},   {MODEL_SCHEMA, "schema"}, {MODEL_REASONING, "reasoning"}};

void abilities_json(struct buf *b, uint32_t flags)
{
    bool comma = false;

    buf_char(b, '[');
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if ((flags & all[i].flag) == 0)
            continue;
        buf_printf(b, "%s\"%s\"", comma ? "," : "", all[i].name);
        comma = true;
    }
    buf_char(b, ']');
}
