#include "tools/mock/files.h"

#include <inttypes.h>

#include "server/base/clock.h"
#include "tools/mock/multipart.h"

#define FILE_NAME_MAX 200

struct file {
    uint64_t number; /* 0: free */
    uint64_t created;
    struct buf bytes;
    char name[FILE_NAME_MAX], purpose[FILE_NAME_MAX];
};

static struct file files[FILES_MAX];
static uint64_t last_number;
static size_t bytes_kept;

static void copy_text(char out[FILE_NAME_MAX], struct str text)
{
    size_t len = min_u64(text.len, FILE_NAME_MAX - 1);

    if (len > 0)
        memcpy(out, text.p, len);
    out[len] = '\0';
}

static void add_file(struct buf *out, const struct file *f)
{
    buf_printf(out,
               "{\"id\":\"file-mock%" PRIu64 "\",\"object\":\"file\",\"bytes\":%zu,"
               "\"created_at\":%" PRIu64 ",\"filename\":",
               f->number, f->bytes.len, f->created);
    buf_json(out, str_of(f->name));
    buf_cstr(out, ",\"purpose\":");
    buf_json(out, str_of(f->purpose));
    buf_cstr(out, ",\"status\":\"processed\",\"status_details\":null}");
}

static void upload(struct mock_call *call)
{
    struct str type = http1_find(call->req, STR("content-type"));
    struct multipart_field field;
    struct multipart_field purpose;
    struct file *f = files;

    if (!multipart_find(type, call->req->body, STR("file"), &field)) {
        answer_error(call->answer, 400, "missing_required_parameter", "file",
                     "The form must have a file.");
        return;
    }
    if (!multipart_find(type, call->req->body, STR("purpose"), &purpose)) {
        answer_error(call->answer, 400, "missing_required_parameter", "purpose",
                     "The form must have a purpose.");
        return;
    }
    while (f < files + FILES_MAX && f->number != 0)
        f++;
    if (f == files + FILES_MAX || field.value.len > FILES_BYTES_MAX - bytes_kept) {
        answer_error(call->answer, 413, "storage_full", NULL, "The mock's storage is full.");
        return;
    }
    f->number = ++last_number;
    f->created = clock_real_ms() / 1000;
    copy_text(f->name, field.filename);
    copy_text(f->purpose, purpose.value);
    buf_str(&f->bytes, field.value);
    bytes_kept += f->bytes.len;
    add_file(call->answer->body, f);
}

static void list(struct mock_call *call)
{
    struct buf *out = call->answer->body;
    uint64_t first = 0;
    uint64_t last = 0;

    buf_cstr(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (files[i].number == 0)
            continue;
        buf_cstr(out, first > 0 ? "," : "");
        add_file(out, &files[i]);
        first = first > 0 ? first : files[i].number;
        last = files[i].number;
    }
    buf_cstr(out, "],\"has_more\":false");
    if (first > 0)
        buf_printf(out,
                   ",\"first_id\":\"file-mock%" PRIu64 "\",\"last_id\":\"file-mock%" PRIu64 "\"",
                   first, last);
    buf_cstr(out, "}\n");
}

static struct file *find(struct str id)
{
    struct str prefix = STR("file-mock");
    uint64_t number;

    if (!str_starts(id, prefix) || !str_parse_u64(str_skip(id, prefix.len), &number) || number == 0)
        return NULL;
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (files[i].number == number)
            return &files[i];
    }
    return NULL;
}

static void drop(struct mock_call *call, struct file *f)
{
    buf_printf(call->answer->body,
               "{\"id\":\"file-mock%" PRIu64 "\",\"object\":\"file\",\"deleted\":true}\n",
               f->number);
    bytes_kept -= f->bytes.len;
    buf_fini(&f->bytes);
    f->number = 0;
}

void files_answer(struct mock_call *call, struct str tail)
{
    struct str method = call->req->method;
    bool get = str_eq(method, STR("GET"));
    bool content = str_ends(tail, STR("/content"));
    struct file *f;

    if (tail.len == 0) {
        if (str_eq(method, STR("POST")))
            upload(call);
        else if (get)
            list(call);
        else
            answer_status(call->answer, 405);
        return;
    }
    tail = str_skip(tail, 1);
    if (content)
        tail.len -= STR("/content").len;
    f = find(tail);
    if (f == NULL) {
        answer_error(call->answer, 404, "file_not_found", "id", "No such file.");
    } else if (get && content) {
        call->answer->content_type = "application/octet-stream";
        buf_str(call->answer->body, buf_view(&f->bytes));
    } else if (get) {
        add_file(call->answer->body, f);
    } else if (str_eq(method, STR("DELETE")) && !content) {
        drop(call, f);
    } else {
        answer_status(call->answer, 405);
    }
}
