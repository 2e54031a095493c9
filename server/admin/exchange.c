/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/exchange.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/admin/admin.h"
#include "server/admin/idempotency.h"
#include "server/admin/litellm.h"
#include "server/admin/writer.h"

#define MESSAGE_MAX 6144 /* a configuration's findings (ERROR_TEXT_MAX) and words around them */

void exchange_finish(struct exchange *ex)
{
    must(!ex->finished);
    ex->finished = true;
    idempotency_end(ex);
    if (ex->admin->importing == ex)
        ex->admin->importing = NULL;
    if (ex->on_finished != NULL)
        ex->on_finished(ex);
}

static const char *type_of_status(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 409:
        return "conflict_error";
    case 503:
    case 504:
        return "unavailable_error";
    default:
        return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

void exchange_error(struct exchange *ex, int status, const char *code, const char *param,
                    const char *fmt, ...)
{
    struct litellm_error_shape litellm;
    struct writer w = WRITER_INIT(&ex->out);
    char text[MESSAGE_MAX], number[12];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* cut when longer: it is for a human */
    va_end(ap);

    litellm = litellm_error(status, param, text);
    if (ex->is_litellm)
        status = litellm.status;
    (void)snprintf(number, sizeof(number), "%d", status);
    buf_clear(&ex->out);
    writer_object(&w, NULL);
    writer_object(&w, "error");
    writer_cstr(&w, "message", text);
    writer_cstr(&w, "type", ex->is_litellm ? litellm.type : type_of_status(status));
    writer_cstr(&w, "param", ex->is_litellm ? litellm.param : param);
    writer_cstr(&w, "code", ex->is_litellm ? number : code);
    writer_object_end(&w);
    writer_object_end(&w);
    exchange_json(ex, status);
}

void exchange_json(struct exchange *ex, int status)
{
    buf_char(&ex->out, '\n');
    ex->status = status;
    ex->content_type_out = "application/json";
    exchange_finish(ex);
}

void exchange_text(struct exchange *ex, int status, const char *text)
{
    buf_cstr(&ex->out, text);
    ex->status = status;
    ex->content_type_out = "text/plain; charset=utf-8";
    exchange_finish(ex);
}
