/* A control message of any bytes, as a peer gone mad would send it. */
#include <errno.h>
#include <sys/socket.h>

#include "server/base/fd.h"
#include "shm/control.h"
#include "shm/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buffer[CONTROL_TEXT_MAX + sizeof(struct control_head)];
    static int ends[2] = {-1, -1};
    struct control_message m;
    int rc;

    if (ends[0] < 0)
        must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    if (size == 0 || fd_send(ends[0], data, size, NULL, 0) != 0)
        return 0; /* longer than the socket takes */
    rc = control_receive(ends[1], buffer, sizeof(buffer), &m);
    if (rc < 0) {
        must(errno == EBADMSG);
        return 0;
    }
    must(rc == 1 && m.n_fds == 0);
    must(m.head.type < CONTROL_TYPES && m.head.slot < SLOTS_MAX);
    must(m.text.len == size - sizeof(m.head));
    must((const uint8_t *)m.text.p + m.text.len <= buffer + sizeof(buffer));
    return 0;
}
