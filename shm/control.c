#include "shm/control.h"

#include <errno.h>
#include <string.h>

#include "server/base/fd.h"
#include "shm/layout.h"

static_assert(FD_PASS_MAX == ARRAY_LEN(((struct control_message *)0)->fds), "all are received");

int control_send(int socket, enum control_type type, uint16_t slot, uint64_t seq, struct str text)
{
    struct control_head head = {.type = (uint8_t)type,
                                .version = CONTROL_VERSION,
                                .slot = slot,
                                .len = (uint32_t)text.len,
                                .seq = seq};
    struct str parts[2] = {{(const char *)&head, sizeof(head)}, text};

    must(text.len <= CONTROL_TEXT_MAX);
    return fd_send_parts(socket, parts, ARRAY_LEN(parts), NULL, 0);
}

int control_pass(int socket, enum control_type type, uint16_t slot, const int *fds, size_t n_fds)
{
    struct control_head head = {.type = (uint8_t)type, .version = CONTROL_VERSION, .slot = slot};

    return fd_send(socket, &head, sizeof(head), fds, n_fds);
}

static bool is_sound(const struct control_head *head, size_t bytes)
{
    return head->version == CONTROL_VERSION && head->type > 0 && head->type < CONTROL_TYPES &&
           head->slot < SLOTS_MAX && head->len <= CONTROL_TEXT_MAX &&
           bytes == sizeof(*head) + head->len;
}

int control_receive(int socket, void *buffer, size_t room, struct control_message *out)
{
    struct control_message m = {.n_fds = FD_PASS_MAX};
    ssize_t n;

    must(room >= CONTROL_TEXT_MAX + sizeof(m.head));
    n = fd_recv(socket, buffer, room, m.fds, &m.n_fds);
    if (n == 0)
        return 0;
    if (n < 0 && errno != EMSGSIZE)
        return -1;
    if (n >= (ssize_t)sizeof(m.head))
        memcpy(&m.head, buffer, sizeof(m.head));
    if (n < (ssize_t)sizeof(m.head) || !is_sound(&m.head, (size_t)n)) {
        for (size_t i = 0; i < m.n_fds; i++)
            fd_close(&m.fds[i]);
        errno = EBADMSG;
        return -1;
    }
    m.text = (struct str){(const char *)buffer + sizeof(m.head), m.head.len};
    *out = m;
    return 1;
}
