#include "tools/mock/media.h"

#include <inttypes.h>
#include <string.h>

#include "server/base/clock.h"
#include "tools/mock/multipart.h"
#include "tools/mock/text.h"
#include "tools/mock/vectors.h"

#define WAV_HEAD_BYTES 44
#define WAV_RATE 8000
#define WAV_SAMPLES 800 /* a tenth of a second of silence */

/* One transparent pixel. */
static const char PNG_BASE64[] =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg==";

/* --- embeddings --- */

struct embedding {
    uint32_t dimensions;
    bool base64;
    uint32_t index;
};

static void add_embedding(struct mock_call *call, struct embedding *e, struct str text)
{
    struct buf *out = call->answer->body;

    buf_printf(out, "%s{\"object\":\"embedding\",\"index\":%" PRIu32 ",\"embedding\":",
               e->index > 0 ? "," : "", e->index);
    vector_put(out, call->arena, text, e->dimensions, e->base64);
    buf_char(out, '}');
    e->index++;
}

static uint64_t input_tokens(const struct json *input)
{
    if (input->type == JSON_ARRAY)
        return input->n;
    return text_count(input->type == JSON_STRING ? input->text : input->raw);
}

static bool embedding_options(struct mock_call *call, struct embedding *e)
{
    uint64_t n;

    e->base64 = str_eq(json_str(json_get(call->body, "encoding_format")), STR("base64"));
    e->dimensions = EMBEDDING_DIMENSIONS;
    if (json_u64(json_get(call->body, "dimensions"), &n)) {
        if (n < 1 || n > EMBEDDING_DIMENSIONS_MAX) {
            answer_error(call->answer, 400, "integer_out_of_range", "dimensions",
                         "dimensions must be between 1 and 4096.");
            return false;
        }
        e->dimensions = (uint32_t)n;
    }
    return true;
}

void embeddings_answer(struct mock_call *call)
{
    const struct json *input = json_get(call->body, "input");
    struct buf *out = call->answer->body;
    struct embedding e = {0};
    uint64_t tokens = 0;

    if (input == NULL || (input->type != JSON_STRING && input->type != JSON_ARRAY) ||
        (input->type == JSON_ARRAY && (input->n == 0 || input->n > EMBEDDING_INPUTS_MAX))) {
        answer_error(call->answer, 400, "missing_required_parameter", "input",
                     "input must be a string or an array of 1 to 2048 inputs.");
        return;
    }
    if (!embedding_options(call, &e))
        return;
    buf_cstr(out, "{\"object\":\"list\",\"data\":[");
    /* An array of numbers is one input of tokens. */
    if (input->type == JSON_STRING || input->child->type == JSON_NUMBER) {
        add_embedding(call, &e, input->type == JSON_STRING ? input->text : input->raw);
        tokens = input_tokens(input);
    } else {
        for (const struct json *one = input->child; one != NULL; one = one->next) {
            add_embedding(call, &e, one->type == JSON_STRING ? one->text : one->raw);
            tokens += input_tokens(one);
        }
    }
    buf_cstr(out, "],\"model\":");
    buf_json(out, call->model_name);
    buf_printf(out, ",\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}}\n",
               tokens, tokens);
}

/* --- moderations --- */

/* Flagged is a text that says so. */
static void add_moderation(struct buf *out, struct str text)
{
    static const char *const CATEGORIES[] = {"harassment", "hate",   "illicit",
                                             "self-harm",  "sexual", "violence"};
    bool flagged = text.len > 0 && memmem(text.p, text.len, "violence", 8) != NULL;

    buf_printf(out, "{\"flagged\":%s,\"categories\":{", flagged ? "true" : "false");
    for (size_t i = 0; i < ARRAY_LEN(CATEGORIES); i++)
        buf_printf(out, "%s\"%s\":%s", i > 0 ? "," : "", CATEGORIES[i],
                   flagged && i == ARRAY_LEN(CATEGORIES) - 1 ? "true" : "false");
    buf_cstr(out, "},\"category_scores\":{");
    for (size_t i = 0; i < ARRAY_LEN(CATEGORIES); i++)
        buf_printf(out, "%s\"%s\":%s", i > 0 ? "," : "", CATEGORIES[i],
                   flagged && i == ARRAY_LEN(CATEGORIES) - 1 ? "0.9" : "0.001");
    buf_cstr(out, "}}");
}

void moderations_answer(struct mock_call *call)
{
    const struct json *input = json_get(call->body, "input");
    struct buf *out = call->answer->body;

    if (input == NULL) {
        answer_error(call->answer, 400, "missing_required_parameter", "input",
                     "input must be a string or an array.");
        return;
    }
    buf_printf(out, "{\"id\":\"modr-mock%" PRIu64 "\",\"model\":", call->number);
    buf_json(out, call->model_name.len > 0 ? call->model_name : STR("omni-moderation-latest"));
    buf_cstr(out, ",\"results\":[");
    if (input->type != JSON_ARRAY) {
        add_moderation(out, json_str(input));
    } else {
        for (const struct json *one = input->child; one != NULL; one = one->next) {
            add_moderation(out,
                           one->type == JSON_STRING ? one->text : json_str(json_get(one, "text")));
            buf_cstr(out, one->next != NULL ? "," : "");
        }
    }
    buf_cstr(out, "]}\n");
}

/* --- images --- */

void images_answer(struct mock_call *call)
{
    struct str prompt = json_str(json_get(call->body, "prompt"));
    struct buf *out = call->answer->body;
    uint64_t n = 1;

    if (call->body != NULL && prompt.len == 0) {
        answer_error(call->answer, 400, "missing_required_parameter", "prompt",
                     "prompt must be a string.");
        return;
    }
    if (json_u64(json_get(call->body, "n"), &n) && (n < 1 || n > 10)) {
        answer_error(call->answer, 400, "integer_out_of_range", "n", "n must be between 1 and 10.");
        return;
    }
    buf_printf(out, "{\"created\":%" PRIu64 ",\"data\":[", clock_real_ms() / 1000);
    for (uint64_t i = 0; i < n; i++)
        buf_printf(out, "%s{\"b64_json\":\"%s\"}", i > 0 ? "," : "", PNG_BASE64);
    buf_printf(out,
               "],\"output_format\":\"png\",\"usage\":{\"input_tokens\":%" PRIu64
               ",\"input_tokens_details\":{\"text_tokens\":%" PRIu64
               ",\"image_tokens\":0},\"output_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64
               "}}\n",
               text_count(prompt), text_count(prompt), n, text_count(prompt) + n);
}

/* --- audio --- */

static void put_u32(uint8_t *at, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(n >> (8 * i));
}

static const uint8_t RIFF[16] = {'R', 'I', 'F', 'F', 0,   0,   0,   0,
                                 'W', 'A', 'V', 'E', 'f', 'm', 't', ' '};
static const uint8_t DATA[4] = {'d', 'a', 't', 'a'};

/* RIFF, PCM, one channel of eight bits: the wire is little-endian. */
static void add_wav(struct buf *out)
{
    uint8_t wav[WAV_HEAD_BYTES + WAV_SAMPLES];

    memset(wav, 0x80, sizeof(wav));
    memcpy(wav, RIFF, sizeof(RIFF));
    put_u32(wav + 4, sizeof(wav) - 8);
    put_u32(wav + 16, 16);
    put_u32(wav + 20, 1 | 1 << 16);
    put_u32(wav + 24, WAV_RATE);
    put_u32(wav + 28, WAV_RATE);
    put_u32(wav + 32, 1 | 8 << 16);
    memcpy(wav + 36, DATA, sizeof(DATA));
    put_u32(wav + 40, WAV_SAMPLES);
    buf_add(out, wav, sizeof(wav));
}

void speech_answer(struct mock_call *call)
{
    if (json_str(json_get(call->body, "input")).len == 0) {
        answer_error(call->answer, 400, "missing_required_parameter", "input",
                     "input must be a string.");
        return;
    }
    call->answer->content_type = "audio/wav";
    add_wav(call->answer->body);
}

void transcription_answer(struct mock_call *call)
{
    struct str type = http1_find(call->req, STR("content-type"));
    struct multipart_field file;
    struct multipart_field format;
    struct buf *out = call->answer->body;
    struct str text;

    if (!multipart_find(type, call->req->body, STR("file"), &file)) {
        answer_error(call->answer, 400, "missing_required_parameter", "file",
                     "The form must have a file.");
        return;
    }
    text = arena_printf(call->arena, "%zu bytes of sound", file.value.len);
    if (multipart_find(type, call->req->body, STR("response_format"), &format) &&
        str_eq(format.value, STR("text"))) {
        call->answer->content_type = "text/plain; charset=utf-8";
        buf_str(out, text);
        buf_char(out, '\n');
        return;
    }
    buf_cstr(out, "{\"text\":");
    buf_json(out, text);
    buf_printf(out,
               ",\"usage\":{\"type\":\"tokens\",\"input_tokens\":%zu,\"output_tokens\":%" PRIu64
               ",\"total_tokens\":%" PRIu64 "}}\n",
               file.value.len / 1000 + 1, text_count(text),
               file.value.len / 1000 + 1 + text_count(text));
}
