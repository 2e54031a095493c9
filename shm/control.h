/*
 * control - messages between the master and each of its children.
 *
 * Runs in:  every process of the daemon.   A SOCK_SEQPACKET socketpair per child; one datagram, one
 * message. Child -> master: READY once. Admin -> master: CALL with a JSON text; master -> admin:
 * REPLY with the same seq. Master -> aggregator: PIPES with the read ends of a slot's two pipes
 * (samples, records) beside it. Master -> worker: nothing (signals, and the published generation). EOF tells each side
 * that the other has died. A message that is not sound is counted and dropped, never asserted on.
 * Does not: carry money, prompts, or anything of the request path.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_CONTROL_H
#define SHM_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/base/base.h"
#include "server/base/str.h"

#define CONTROL_VERSION 1
#define CONTROL_TEXT_MAX 131072 /* of one message; larger work is cut into calls */

enum control_type { CONTROL_READY = 1, CONTROL_CALL, CONTROL_REPLY, CONTROL_PIPES, CONTROL_TYPES };

struct control_head {
    uint8_t type;
    uint8_t version;
    uint16_t slot; /* PIPES */
    uint32_t len;  /* of the text behind it */
    uint64_t seq;  /* CALL, REPLY */
};
static_assert(sizeof(struct control_head) == 16, "layout 1");

struct control_message {
    struct control_head head;
    struct str text; /* into the receiver's buffer */
    int fds[8];
    size_t n_fds; /* the receiver closes what it does not keep */
};

/* 0, or -1 with errno (EAGAIN on a full non-blocking socket). */
BF_MUST_CHECK int control_send(int socket, enum control_type type, uint16_t slot, uint64_t seq,
                               struct str text);
/* The same without a text, with descriptors beside it. */
BF_MUST_CHECK int control_pass(int socket, enum control_type type, uint16_t slot, const int *fds,
                               size_t n_fds);
/*
 * One message: 1; 0 at the peer's end; -1 with errno (EAGAIN: none now; EBADMSG: one that is not
 * sound was dropped). `buffer` must hold CONTROL_TEXT_MAX + sizeof(struct control_head).
 */
BF_MUST_CHECK int control_receive(int socket, void *buffer, size_t room,
                                  struct control_message *out);

#endif
