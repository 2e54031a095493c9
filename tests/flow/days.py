"""days - providers that have bad days, and clients who do not stop coming: for test_bad_days.py and the benchmark.

Everything runs in one event loop. Load is open: a request begins at its time, whatever became of those before it.
"""

import asyncio
import json
import random
import time

ANSWER = json.dumps({"id": "c-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}).encode()
EVENTS = b"".join(b"data: " + part + b"\n\n" for part in (
    b'{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"fi"},"finish_reason":null}]}',
    b'{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"ne"},"finish_reason":"stop"}]}',
    b"[DONE]"))


def head(status, kind, length, more=()):
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {length}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Provider:
    """What it is like may be changed at any moment; `asked` has (monotonic, key, status) of each request."""

    def __init__(self):
        self.delay, self.slower = 0.01, 1.0
        self.error_share = 0.0
        self.error_status = 500
        self.limit = None  # requests a second; 429 beyond
        self.refused = set()
        self.asked = []
        self.server, self.port, self.open = None, 0, set()
        self.tokens, self.filled = 0.0, time.monotonic()

    async def start(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def die(self):
        """At once: what is under way is cut off, what comes is refused."""
        if self.server is None:
            return
        self.server.close()
        self.server = None
        for writer in list(self.open):
            writer.transport.abort()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def _status(self, key):
        now = time.monotonic()
        if key in self.refused:
            return 401
        if self.limit is not None:
            self.tokens = min(self.limit, self.tokens + (now - self.filled) * self.limit)
            self.filled = now
            if self.tokens < 1:
                return 429
            self.tokens -= 1
        return self.error_status if random.random() < self.error_share else 200

    async def _serve(self, reader, writer):
        self.open.add(writer)
        try:
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = {name.lower(): value.strip() for name, _, value in
                          (line.partition(":") for line in text.split("\r\n")[1:])}
                body = await reader.readexactly(int(fields["content-length"]))
                key = fields["authorization"].split()[-1]
                status = self._status(key)
                self.asked.append((time.monotonic(), key, status))
                if status == 200:
                    await asyncio.sleep(self.delay * self.slower * random.uniform(0.7, 1.4))
                    stream = b'"stream":true' in body.replace(b" ", b"")
                    out = EVENTS if stream else ANSWER
                    writer.write(head(200, "text/event-stream" if stream else "application/json", len(out)) + out)
                else:
                    out = b'{"error":{"message":"a bad day","type":"server_error"}}'
                    writer.write(head(status, "application/json", len(out),
                                      ["Retry-After: 1"] if status == 429 else []) + out)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    def count(self, since=0.0, until=float("inf"), key=None):
        return sum(since <= at < until and key in (None, name) for at, name, _ in self.asked)


class Load:
    """Clients at `rate` a second; every third one streams. `done` has (begun, took, what went wrong or None)."""

    def __init__(self, port, rate, model="fast"):
        self.port, self.rate = port, rate
        self.done, self.idle, self.tasks = [], [], set()
        self.bodies = [self._request(model, stream) for stream in (False, False, True)]
        self.stopped = False

    @staticmethod
    def _request(model, stream):
        body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()
        return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    async def _ask(self, reader, writer, request):
        writer.write(request)
        text = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next((int(line.split(":")[1]) for line in text.split("\r\n") if line.startswith("content-length:")), -1)
        if length >= 0:
            body = await reader.readexactly(length)
        else:
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        status = int(text.split()[1])
        if status != 200:
            return f"{status} {body[:200]!r}"
        return None if b"fi" in body and b'"error"' not in body else f"200 with {body[-200:]!r}"

    async def _one(self, request):
        begun, wrong, pair = time.monotonic(), None, None
        try:
            pair = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
            wrong = await asyncio.wait_for(self._ask(*pair, request), 30)
            self.idle.append(pair)
        except (asyncio.IncompleteReadError, asyncio.TimeoutError, ConnectionError, OSError, ValueError) as error:
            wrong = repr(error)
            if pair:
                pair[1].close()
        self.done.append((begun, time.monotonic() - begun, wrong))

    async def run(self, seconds):
        begun, n = time.monotonic(), 0
        while not self.stopped and time.monotonic() - begun < seconds:
            due = begun + n / self.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.ensure_future(self._one(self.bodies[n % 3]))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            n += 1

    async def finish(self):
        if self.tasks:
            await asyncio.wait(self.tasks)
        for _, writer in self.idle:
            writer.close()
        self.idle = []

    def wrong(self, since=0.0, until=float("inf")):
        return [(begun, text) for begun, _, text in self.done if text is not None and since <= begun < until]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0
