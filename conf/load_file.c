/* A part of the configuration that lies in a file of its own. */
#include "conf/load.h"

#include <sys/stat.h>

#include "server/base/buf.h"
#include "server/base/fd.h"

/* Findings of the other file, with its name before them. */
static void adopt_findings(struct load *l, int line, const struct findings *inner)
{
    for (size_t i = 0; i < inner->n; i++)
        findings_add(l->findings, line, "%s:%d: %s", inner->file, inner->items[i].line,
                     inner->items[i].text);
}

void load_other_file(struct load *l, const struct load_at *at, const char *path,
                     void (*load)(struct load *l, const struct load_at *at), const char *what)
{
    struct findings *outer = l->findings;
    struct findings *inner = arena_zalloc(outer->arena, sizeof(*inner));
    struct error err = ERROR_INIT;
    struct buf text = BUF_INIT;
    struct node *root = NULL;
    struct stat st;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* a pipe would keep us waiting */
        load_fail(l, at, "must name a regular file, %s is none", path);
        return;
    }
    if (fd_read_file(path, YAML_FILE_MAX, &text, &err) != 0) {
        load_fail(l, at, "cannot be read: %s", err.text);
        buf_fini(&text);
        return;
    }
    findings_init(inner, path, outer->arena);
    l->findings = inner;
    if (yaml_tree(outer->arena, buf_view(&text), inner, &root) == 0 && root != NULL) {
        struct load_at top = {NULL, root, STR_NONE, 0};

        if (root->type == NODE_MAPPING)
            load(l, &top);
        else
            findings_add(inner, root->line, "%s, this is %s", what, node_type_name(root));
    }
    l->findings = outer;
    adopt_findings(l, at->node->line, inner);
    buf_fini(&text);
}
