/*
 * An entity from hostile JSON: refused with a text, or taken, and then what is written is read again to
 * the same, fits its records, and a merge with itself changes nothing. The first byte says which kind,
 * or that the bytes are a stored record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "conf/entity.h"
#include "server/master/entity_record.h"
#include "shm/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_parser *parser;

static const struct json *parse(struct arena *a, struct str text)
{
    struct json_error wrong;

    return json_parse(parser, a, text, &wrong);
}

static void load_again(struct arena *a, const struct conf_entity *e)
{
    struct error err = ERROR_INIT;
    struct buf first = BUF_IN(a);
    struct buf merged = BUF_IN(a);
    struct buf second = BUF_IN(a);
    struct conf_entity again;
    const struct json *json;

    conf_entity_json(e, &first);
    json = parse(a, buf_view(&first));
    must(json != NULL);
    conf_entity_merge(json, json, &merged);
    json = parse(a, buf_view(&merged));
    must(json != NULL);
    must(conf_entity_load(&again, e->kind, json, a, NULL, &err) == 0);
    conf_entity_json(&again, &second);
    must(str_eq(buf_view(&first), buf_view(&second)));
}

static void decode(struct arena *a, struct str in)
{
    struct entity_record r;
    struct entity_record again;
    struct buf out = BUF_IN(a);
    struct scope *scope = arena_alloc(a, sizeof(*scope));

    if (scope_decode(in, scope) == 0)
        must(scope->n_providers <= SCOPE_PROVIDERS_MAX && scope->n_networks <= SCOPE_NETWORKS_MAX);
    for (uint32_t kind = 0; kind < CONF_KINDS; kind++) {
        if (entity_decode(in, (enum conf_kind)kind, 7, a, &r) != 0)
            continue;
        buf_clear(&out);
        entity_encode(&r, &out);
        must(entity_decode(buf_view(&out), (enum conf_kind)kind, 7, a, &again) == 0);
        must(str_eq(r.body, again.body) && r.marks.n == again.marks.n && r.parent == again.parent);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create(65536);
    struct str in = str_skip((struct str){(const char *)data, size}, 1);
    struct error err = ERROR_INIT;
    struct buf defaults = BUF_IN(a);
    struct conf_entity e;
    const struct json *json;

    if (parser == NULL)
        parser = json_parser_create();
    if (size > 0 && data[0] % (CONF_KINDS + 1) == CONF_KINDS) {
        decode(a, in);
    } else if (size > 0) {
        json = parse(a, in);
        if (json != NULL && conf_entity_load(&e, (enum conf_kind)(data[0] % (CONF_KINDS + 1)), json,
                                             a, &defaults, &err) == 0)
            load_again(a, &e);
        else
            must(json == NULL || err.text[0] != '\0');
    }
    arena_free(a);
    return 0;
}
