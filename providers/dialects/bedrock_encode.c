/*
 * bedrock_encode - a Converse request from the neutral form: bedrock.h.
 */
#include <stdlib.h>
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/schema.h"
#include "providers/write.h"

#define METADATA_MAX 16

/* --- numbers --- */

/* As it stood, or the nearest that AWS takes. */
static void write_unit(struct bedrock_out *o, struct bedrock_lazy *l, const char *key,
                       struct str raw, struct str name)
{
    char text[64];
    size_t n = min_u64(raw.len, sizeof(text) - 1);
    double value;

    if (raw.len == 0)
        return;
    memcpy(text, raw.p, n);
    text[n] = '\0';
    value = strtod(text, NULL);
    bedrock_lazy_key(l, key);
    if (value < 0 || value > 1)
        loss_change(o->loss, name);
    buf_str(o->b, value < 0 ? STR("0") : value > 1 ? STR("1") : raw);
}

/* With thinking on, Claude takes its default temperature and no other sampling. */
static void write_inference(struct bedrock_out *o)
{
    const struct chat *chat = o->chat;
    struct bedrock_lazy l = {o->b, "inferenceConfig", false};
    uint64_t max = chat->max_tokens;

    if (o->target->max_output > 0 && max > o->target->max_output) {
        loss_change(o->loss, STR("max_tokens"));
        max = o->target->max_output;
    }
    if (max > 0) {
        bedrock_lazy_key(&l, "maxTokens");
        buf_u64(o->b, max);
    }
    if (o->is_thinking) {
        if (chat->temperature.len > 0 && !str_eq(chat->temperature, STR("1")) &&
            !str_eq(chat->temperature, STR("1.0")))
            loss_drop(o->loss, STR("temperature"));
        if (chat->top_p.len > 0)
            loss_drop(o->loss, STR("top_p"));
    } else {
        bool both = chat->temperature.len > 0 && chat->top_p.len > 0;

        write_unit(o, &l, "temperature", chat->temperature, STR("temperature"));
        /* newer Claudes take one of the two */
        if (both && (o->target->model_flags & MODEL_ADAPTIVE) != 0)
            loss_drop(o->loss, STR("top_p"));
        else
            write_unit(o, &l, "topP", chat->top_p, STR("top_p"));
    }
    if (chat->stops != NULL) {
        bedrock_lazy_key(&l, "stopSequences");
        write_open(o->b, '[');
        for (const struct chat_text_list *s = chat->stops; s != NULL; s = s->next)
            write_text(o->b, s->text);
        write_close(o->b, ']');
    }
    bedrock_lazy_close(&l);
}

/* --- outputConfig --- */

static void write_schema(struct bedrock_out *o, struct bedrock_lazy *l)
{
    const struct chat *chat = o->chat;
    struct str schema = chat->format_schema;

    if (chat->from != DIALECT_BEDROCK && o->family == FAMILY_CLAUDE)
        schema = schema_normalise(o->c, schema, SCHEMA_ANTHROPIC_STRICT, o->loss,
                                  STR("response_format"));
    bedrock_lazy_key(l, "textFormat");
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", "json_schema");
    write_key(o->b, "structure");
    write_open(o->b, '{');
    write_key(o->b, "jsonSchema");
    write_open(o->b, '{');
    write_key(o->b, "schema");
    write_plain(o->b, schema); /* JSON as a string */
    write_text_if(o->b, "name", chat->format_name);
    write_text_if(o->b, "description", chat->format_description);
    write_close(o->b, '}');
    write_close(o->b, '}');
    write_close(o->b, '}');
    if (chat->format_strict == NO)
        loss_change(o->loss, STR("response_format.strict"));
}

static void write_output(struct bedrock_out *o)
{
    struct bedrock_lazy l = {o->b, "outputConfig", false};
    uint32_t flags = o->target->model_flags;
    bool can = (flags & MODEL_KNOWN) == 0 || (flags & MODEL_SCHEMA) != 0;
    const char *effort = bedrock_effort(o);

    if (o->chat->format == FORMAT_SCHEMA && can)
        write_schema(o, &l);
    else if (o->chat->format != FORMAT_UNSET && o->chat->format != FORMAT_TEXT)
        loss_drop(o->loss, STR("response_format"));
    if (effort != NULL) {
        bedrock_lazy_key(&l, "effort");
        write_cstr(o->b, effort);
    }
    bedrock_lazy_close(&l);
}

/* --- the rest --- */

/* AWS takes 16 texts of these letters. */
static bool is_request_metadata(const struct bedrock_out *o)
{
    struct json_error ignored;
    const struct json *root =
        json_parse_raw(o->c->json, o->c->scratch, o->chat->metadata, &ignored);

    if (root == NULL || root->type != JSON_OBJECT || root->n == 0 || root->n > METADATA_MAX)
        return false;
    for (const struct json *m = root->child; m != NULL; m = m->next) {
        struct str text = text_inside(m);

        if (m->type != JSON_STRING || text.len > 256 || m->key.len > 256)
            return false;
        for (size_t i = 0; i < text.len; i++) {
            char ch = text.p[i];

            if (!(ch >= '0' && ch <= '9') && !(ch >= 'A' && ch <= 'Z') &&
                !(ch >= 'a' && ch <= 'z') && strchr(" :_@$#=/+,-.", ch) == NULL)
                return false;
        }
    }
    return true;
}

static void write_rest(struct bedrock_out *o)
{
    static const char *const tiers[] = {"priority", "default", "flex", "reserved"};
    const struct chat *chat = o->chat;
    bool has_tier = text_is(chat->service_tier, "auto"); /* as if nothing were said */

    if (chat->metadata.len > 2) {
        if (chat->from == DIALECT_BEDROCK || is_request_metadata(o))
            write_member_raw(o->b, "requestMetadata", chat->metadata);
        else
            loss_drop(o->loss, STR("metadata"));
    }
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        if (!text_is(chat->service_tier, tiers[i]))
            continue;
        write_key(o->b, "serviceTier");
        write_open(o->b, '{');
        write_member_cstr(o->b, "type", tiers[i]);
        write_close(o->b, '}');
        has_tier = true;
    }
    if (!has_tier && chat->service_tier.len > 0)
        loss_drop(o->loss, STR("service_tier"));
}

static void write_extras(struct bedrock_out *o)
{
    for (const struct chat_extra *x = o->chat->extras; x != NULL; x = x->next) {
        bool is_own = o->chat->from == DIALECT_BEDROCK && x->raw.len > 0;
        ptrdiff_t dot = str_index(x->name, '.');

        if (is_own && dot < 0) {
            write_key(o->b, arena_cstr(o->c->arena, text_escape(o->c->arena, x->name)));
            buf_str(o->b, x->raw);
        } else if (!is_own || !str_starts(x->name, STR(BEDROCK_FIELDS))) {
            loss_drop(o->loss, x->name);
        }
    }
}

int bedrock_encode_request(const struct chat_codec *c, const struct chat *chat,
                           const struct chat_target *target, struct chat_loss *loss,
                           struct buf *out, struct chat_error *err)
{
    struct bedrock_out o = {
        .c = c,
        .chat = chat,
        .target = target,
        .loss = loss,
        .b = out,
        .err = err,
        .family = bedrock_family_of(target->model),
    };
    enum bedrock_thinking how = bedrock_thinking(&o);

    o.is_thinking = how == THINK_BUDGET || how == THINK_ADAPTIVE;
    write_open(out, '{');
    write_inference(&o);
    bedrock_write_fields(&o);
    write_output(&o);
    if (bedrock_write_tools(&o) != 0)
        return -1;
    write_rest(&o);
    write_extras(&o);
    loss_unsaid(loss, chat, SAID_METADATA);
    bedrock_write_system(&o);
    write_key(out, "messages");
    if (bedrock_write_messages(&o) != 0)
        return -1;
    write_close(out, '}');
    return 0;
}
