"""storm - hundreds of requests at the same time from one thread, each remembered by what became of it."""

import asyncio
import json
import time

OUTCOMES = ("answered", "refused", "failed", "left")


class Shot:
    """One request: what was asked, and how it ended."""

    __slots__ = ("key", "model", "stream", "leave_after", "outcome", "status", "body", "request_id")

    def __init__(self, key, model, stream, leave_after=None):
        self.key, self.model, self.stream, self.leave_after = key, model, stream, leave_after
        self.outcome, self.status, self.body, self.request_id = "failed", 0, b"", None

    def bytes(self, host):
        body = {"model": self.model, "max_tokens": 64, "messages": [{"role": "user", "content": "one two three four"}]}
        if self.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        data = json.dumps(body).encode()
        return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self.key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n").encode() + data


async def _shoot(shot, port, deadline):
    writer = None
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), deadline)
        writer.write(shot.bytes(f"127.0.0.1:{port}"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), deadline)
        shot.status = int(head.split(b" ", 2)[1])
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"x-bf-request-id":
                shot.request_id = value.strip().decode()
        if shot.leave_after is not None and shot.status == 200:
            await asyncio.wait_for(reader.read(shot.leave_after), deadline)
            shot.outcome = "left"
            return
        body = await asyncio.wait_for(reader.read(-1), deadline)
        shot.body = body
        if shot.status == 200:
            # `Connection: close` ends a cut answer as it ends a whole one: look at what must stand at its end.
            # ([DONE] passes when it comes; the record is written before the last chunk.)
            whole = body.endswith(b"\r\n0\r\n\r\n") if shot.stream else body.rstrip().endswith(b"}")
            whole = whole and (not shot.stream or b"[DONE]" in body)
            shot.outcome = "answered" if whole else "failed"
        else:
            shot.outcome = "refused"
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError):
        shot.outcome = "failed"
    finally:
        if writer is not None:
            writer.transport.abort()


async def _storm(shots, port, at_s, action, deadline):
    tasks = [asyncio.ensure_future(_shoot(shot, port, deadline)) for shot in shots]
    await asyncio.sleep(at_s)
    happened = action() if action is not None else None
    await asyncio.gather(*tasks)
    return happened


def storm(shots, port, at_s=0.0, action=None, deadline=30.0):
    """All of them at once; action() is called while they run, `at_s` after the first. Its value, and the seconds."""
    begun = time.monotonic()
    happened = asyncio.run(_storm(shots, port, at_s, action, deadline))
    return happened, time.monotonic() - begun


def count(shots):
    return {outcome: sum(1 for shot in shots if shot.outcome == outcome) for outcome in OUTCOMES}
