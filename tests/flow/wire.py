"""wire - the clients and the scripted upstreams of the flow tests: plain sockets, nothing hidden.

Waiting is always for a condition with a deadline (wait_until), never for a time to pass.
"""

import http.client
import json
import os
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

# Sanitizer builds are several times slower; a deadline is only ever reached by a failure.
SLOW = 4 if os.environ.get("BOWFIN_BIN", "").find("-address") >= 0 else 1
DEADLINE = 15 * SLOW


def wait_until(condition, what="condition", deadline=DEADLINE):
    """Poll until condition() is true and return its value; fail with `what` past the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        threading.Event().wait(0.01)


class Answer:
    """A whole HTTP answer: status, headers (lower-case names), body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json()["error"]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def _connection(base, timeout=DEADLINE):
    url = urlsplit(base)
    return http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)


def call(base, method, path, body=None, headers=None, timeout=DEADLINE):
    """One request on a connection of its own. `body`: bytes as they are, or an object sent as JSON."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, (bytes, bytearray)):
        body = json.dumps(body).encode()
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    conn = _connection(base, timeout)
    try:
        conn.request(method, path, body=body, headers=headers)
        answer = conn.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        conn.close()


class Stream:
    """An answer read piece by piece; events() splits server-sent events as they arrive."""

    def __init__(self, base, path, body, headers=None, timeout=DEADLINE):
        self.conn = _connection(base, timeout)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.conn.request("POST", path, body=data,
                          headers={"Content-Type": "application/json", **(headers or {})})
        self.answer = self.conn.getresponse()
        self.status = self.answer.status
        self.headers = {name.lower(): value for name, value in self.answer.getheaders()}

    def read(self):
        """The next bytes as soon as there are some; b"" at the end."""
        return self.answer.read1(65536)

    def events(self):
        """The `data:` of each event (and its name when it has one: "name: data")."""
        rest = b""
        while True:
            piece = self.read()
            if not piece:
                break
            rest += piece
            while b"\n\n" in rest:
                event, rest = rest.split(b"\n\n", 1)
                yield parse_event(event)
        if rest.strip():
            raise AssertionError(f"the stream ends in the middle of an event: {rest!r}")

    def json_events(self):
        """Each event's data as JSON; [DONE] ends it."""
        for _, data in self.events():
            if data == "[DONE]":
                return
            yield json.loads(data)

    def close(self):
        """Go away at once, as a client does that is killed."""
        if self.answer.fp is not None:
            self.answer.close()
        self.conn.close()


def parse_event(event):
    name, data = None, []
    for line in event.decode().splitlines():
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
    return name, "\n".join(data)


def raw(base, request, timeout=DEADLINE, half_close=False):
    """Send bytes as they are; return everything that comes back until the peer closes (or goes quiet
    for good: the request must ask for `Connection: close`, or be one that is refused)."""
    url = urlsplit(base)
    with socket.create_connection((url.hostname, url.port), timeout=timeout) as sock:
        try:
            sock.sendall(request)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        received = b""
        while True:
            try:
                piece = sock.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            received += piece
        return received


def raw_status(answer):
    """The status of a raw answer; None when the peer closed without one."""
    if not answer.startswith(b"HTTP/1.1 "):
        return None
    return int(answer[9:12])


class UpstreamRequest:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    def json(self):
        return json.loads(self.body)


class UpstreamConnection:
    """The provider's side of one connection, in the script's hands."""

    def __init__(self, sock, number):
        self.sock, self.number, self.rest = sock, number, b""

    def _fill(self):
        piece = self.sock.recv(65536)
        self.rest += piece
        return bool(piece)

    def read_request(self):
        """The next request, or None when the gateway has closed."""
        while b"\r\n\r\n" not in self.rest:
            if not self._fill():
                return None
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(headers.get("content-length", 0))
        while len(self.rest) < length:
            if not self._fill():
                return None
        body, self.rest = self.rest[:length], self.rest[length:]
        return UpstreamRequest(method, path, headers, body)

    def send(self, data):
        self.sock.sendall(data)

    def answer(self, status=200, body=b"{}", headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Scripted", "Content-Type: application/json",
                 f"Content-Length: {len(body)}", *[f"{n}: {v}" for n, v in headers]]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def start_stream(self, headers=()):
        lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked",
                 *[f"{n}: {v}" for n, v in headers]]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def chunk(self, data):
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def event(self, data):
        if not isinstance(data, str):
            data = json.dumps(data)
        self.chunk(f"data: {data}\n\n".encode())

    def end_stream(self):
        self.send(b"0\r\n\r\n")

    def wait_closed(self, timeout=DEADLINE):
        """True once the gateway has closed this connection (or reset it)."""
        self.sock.settimeout(timeout)
        try:
            while self.sock.recv(65536):
                pass
            return True
        except (ConnectionResetError, ssl.SSLError):  # over TLS an end without a goodbye is an error
            return True
        except TimeoutError:
            return False

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


class ScriptedUpstream:
    """A provider that does what the test says: script(connection) runs in a thread per connection.

    `certificate`: paths of certificate and key; then it speaks TLS.
    """

    def __init__(self, script, certificate=None):
        self.script = script
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        self.errors = []
        self.connections = 0
        self.lock = threading.Lock()
        self.open = []
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.base = f"http{'s' if self.tls else ''}://127.0.0.1:{self.sock.getsockname()[1]}"
        self.base_v1 = self.base + "/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                number = self.connections
                self.open.append(sock)
            threading.Thread(target=self._run, args=(sock, number), daemon=True).start()

    def _run(self, sock, number):
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                with self.lock:
                    self.open.append(sock)
            self.script(UpstreamConnection(sock, number))
        except (ConnectionError, TimeoutError, OSError):
            pass
        except Exception as error:  # the test reads it
            self.errors.append(error)
        finally:
            sock.close()

    def stop(self):
        # shutdown() wakes the accepting thread; close() alone leaves it in accept().
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        with self.lock:
            for sock in self.open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        assert not self.errors, self.errors


def chat_answer(content="hello", model="m"):
    """What a provider answers to a chat request, as a script's answer body."""
    return {"id": "chatcmpl-scripted", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content},
                         "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}


def chat_chunk(content, finish=None):
    return {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": {"content": content} if content else {},
                         "finish_reason": finish}]}


def chat(model, text="hello", **more):
    """A chat request's body."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}
