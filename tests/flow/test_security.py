"""What a hostile client, or a hostile provider, tries and must not get."""

import json
import os
import re
import socket
import struct
import threading

import pytest

from gateway import one_provider
from wire import DEADLINE, chat, chat_answer, raw, raw_status, wait_until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def literal(text):
    """An HPACK string as it is; long ones take more than a byte of length."""
    length, n = b"", len(text)
    if n < 127:
        return bytes([n]) + text
    n -= 127
    while n >= 128:
        length += bytes([n % 128 + 128])
        n //= 128
    return bytes([127]) + length + bytes([n]) + text


def h2_request(port, method=b"GET", path=b"/api/keys", authority=None, more=(), body=None):
    """One HTTP/2 request, written by hand because libraries refuse to; the answer's body, or None."""
    fields = [(b":method", method), (b":scheme", b"http"), (b":path", path), *more]
    if authority is not None:
        fields.append((b":authority", authority))
        fields.sort(key=lambda field: not field[0].startswith(b":"))
    block = b"".join(b"\x00" + literal(name) + literal(value) for name, value in fields)
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as sock:
        sock.sendall(PREFACE + frame(4, 0, 0) + frame(1, 4 if body is not None else 5, 1, block))
        if body is not None:
            sock.sendall(frame(0, 1, 1, body))
        received, answer = b"", None
        while True:
            piece = sock.recv(65536)
            if not piece:
                return answer
            received += piece
            while len(received) >= 9 and len(received) >= 9 + int.from_bytes(received[:3], "big"):
                end = 9 + int.from_bytes(received[:3], "big")
                kind, flags, payload = received[3], received[4], received[9:end]
                stream = int.from_bytes(received[5:9], "big")
                received = received[end:]
                if kind == 0 and stream == 1:
                    answer = (answer or b"") + payload
                if (stream == 1 and (kind == 3 or kind in (0, 1) and flags & 1)) or kind == 7:
                    return answer


def h2_code(*args, **more):
    answer = h2_request(*args, **more)
    return json.loads(answer)["error"]["code"] if answer else None


# --- the way to the management API ---

def test_no_authority_is_not_this_host(gateway):
    """What has none must not get "localhost" on the way to the management API."""
    port, local = gateway.port, b"127.0.0.1:%d" % gateway.port
    assert b'"data"' in h2_request(port, authority=local)
    assert h2_code(port, more=[(b"host", b"evil.example")]) == "foreign_host"
    assert h2_code(port) == "foreign_host"
    assert h2_code(port, authority=b"evil.example", more=[(b"host", local)]) == "foreign_host"


def test_no_host_is_not_this_host(gateway):
    answer = raw(gateway.base, b"GET /api/keys HTTP/1.0\r\n\r\n")
    assert raw_status(answer) == 403 and b"foreign_host" in answer


@pytest.mark.parametrize("wrong", [
    {"method": b"GET /api/config HTTP/1.1"},
    {"method": b"GE T"},
    {"path": b"/api/keys HTTP/1.1"},
    {"path": b"/api/keys\tx"},
    {"path": b"http://localhost/api/keys"},
    {"authority": b"local host"},
    {"authority": b"localhost/x"},
], ids=repr)
def test_http2_pieces_that_are_no_request_line(gateway, wrong):
    """What a request line cannot hold is not written into one."""
    assert h2_code(gateway.port, **{"authority": b"localhost", **wrong}) in ("bad_http", None)


@pytest.mark.parametrize("path", ["//api/keys", "/API/keys", "/%61pi/keys", "/v1/../api/keys", "/./api/keys",
                                  "/api/../api/keys", "/api%2fkeys", "/ui/../api/keys", "/api/keys/../keys"])
def test_no_other_way_to_the_api(mocked_gateway, path):
    answer = raw(mocked_gateway.base, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert raw_status(answer) in (401, 404), answer


# --- pages in the user's browser, where no key is needed ---

@pytest.mark.parametrize("headers,status", [
    ({}, 200),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
    ({"Origin": "http://evil.example", "Authorization": "Bearer x"}, 403),
    ({"Origin": "http://evil.example:{port}", "Host": "evil.example:{port}", "Sec-Fetch-Site": "same-origin"}, 403),
    ({"Host": "evil.example:{port}", "Sec-Fetch-Site": "same-origin"}, 403),
    ({"Origin": "http://127.evil.example", "Host": "127.evil.example"}, 403),
    ({"Origin": "http://127.0.0.1:9"}, 403),
    ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "none"}, 200),
    ({"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}, 200),
    ({"Origin": "http://localhost:{port}", "Host": "localhost:{port}"}, 200),
    ({"Origin": "http://[::1]:{port}", "Host": "[::1]:{port}"}, 200),
    ({"Origin": "chrome-extension://abc", "Authorization": "Bearer filler"}, 200),
    ({"Origin": "chrome-extension://abc"}, 403),
], ids=repr)
def test_pages_cannot_spend(gateway, headers, status):
    headers = {name: value.replace("{port}", str(gateway.port)) for name, value in headers.items()}
    answer = gateway.call("POST", "/v1/chat/completions", chat("mock/echo"), {"Content-Type": "text/plain", **headers})
    assert answer.status == status, answer
    assert status == 200 or answer.error["code"] == "forbidden"


def test_pages_with_a_virtual_key_may(gateway):
    key = gateway.api("POST", "/api/keys", {"name": "page"}, expect=201)["key"]
    answer = gateway.call("POST", "/v1/chat/completions", chat("mock/echo"), {"Origin": "http://page.example"}, key=key)
    assert answer.status == 200


# --- the way to a provider ---

def test_a_client_cannot_fail_a_provider(start_gateway, mock):
    """A target that curl takes for no URL is the client's fault: no attempt, no mark on the route."""
    gateway = start_gateway(one_provider(mock.base_v1))
    body = json.dumps(chat("up/echo")).encode()
    for _ in range(20):
        assert h2_code(gateway.port, b"POST", b"/v1/chat/completions?a b", b"x",
                       [(b"content-type", b"application/json")], body) == "bad_http"
    assert "upstream_failed" not in gateway.log()
    assert mock.requests() == []


@pytest.mark.parametrize("tail", ["../keys", "%2e%2e/keys", ".%2E/keys", "..%2fkeys", "a/..%2F..%2fkeys", "..%5ckeys",
                                  "..;/keys", "a/.", "a/%2e", ".."])
def test_a_path_stays_below_its_endpoint(mocked_gateway, mock, tail):
    """It is sent with the provider's key; some servers decode before they look for dots."""
    answer = raw(mocked_gateway.base, f"GET /v1/files/{tail} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert raw_status(answer) == 404 and b"bad_path" in answer
    assert mock.requests() == []


@pytest.mark.parametrize("tail", ["file..name", "...", ".hidden", "a%2fb", "a%2e%2eb", "a;b"])
def test_a_path_with_dots_in_names_passes(mocked_gateway, mock, tail):
    raw(mocked_gateway.base, f"GET /v1/files/{tail} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert [request["path"] for request in mock.requests()] == [f"/v1/files/{tail}"]


# --- what a provider may say ---

@pytest.mark.parametrize("line", ["Content-Length : 3", "X Evil: 1", " x-folded: 1", "Transfer-Encoding : chunked"])
def test_a_provider_header_that_is_no_name(start_gateway, upstream, line):
    """Some clients trim such a name into one that frames the answer."""
    def script(conn):
        while conn.read_request():
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\nX-Good: yes\r\n" +
                      line.encode() + b"\r\n\r\n" + b'{"a":"b" }\n')
    gateway = start_gateway(one_provider(upstream(script).base_v1))
    body = json.dumps(chat("up/m")).encode()
    answer = raw(gateway.base, b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body) + body)
    head, rest = answer.lower().split(b"\r\n\r\n", 1)
    assert raw_status(answer) == 200 and b"x-good: yes" in head
    assert line.split(":")[0].lower().encode() + b":" not in head and b"evil" not in head
    assert b"x-folded" not in head and rest == b'{"a":"b" }\n'


@pytest.mark.parametrize("status", [b"http/1.1 200 OK", b"hTTP/1.1 200 OK", b"HTTP/1.1 103 Hints\r\n\r\nhttp/1.1 200 OK",
                                    b"HTTP/1.1 150 X", b"HTTP/1.1 000 X", b"HTTP 200 OK", b"HTTP/1.1  200 OK",
                                    b"HTTP/1.1 101 X"], ids=repr)
def test_a_provider_with_a_strange_status_line(start_gateway, upstream, status):
    """curl is lenient with it; a body without a head before it ended the worker."""
    def script(conn):
        while conn.read_request():
            conn.send(status + b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            conn.close()
    gateway = start_gateway(one_provider(upstream(script).base_v1), workers=1)
    worker = gateway.pids("worker")
    assert gateway.call("POST", "/v1/chat/completions", chat("up/m")).status in (200, 502)
    assert gateway.pids("worker") == worker


# --- what it costs ---

def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_pipelined_requests_are_not_moved_for_each(start_gateway, mock, tmp_path):
    """Thousands of requests in one piece: each costs what it costs alone."""
    gateway = start_gateway(one_provider(mock.base_v1), workers=1)
    worker = gateway.pids("worker")[0]
    one = b"OPTIONS /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    n = 5000
    before = cpu_seconds(worker)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE) as sock:
        sock.sendall(one * n)
        received, answers = b"", 0
        while answers < n:
            piece = sock.recv(1 << 20)
            assert piece, f"closed after {answers} answers"
            received += piece
            answers = received.count(b"HTTP/1.1 204")
    assert cpu_seconds(worker) - before < 2.5


def test_a_client_that_resets_while_answered(start_gateway, upstream):
    """What it had sent behind its request hides the reset, so it is the answer that fails."""
    arrived, gone = threading.Semaphore(0), threading.Semaphore(0)

    def script(conn):
        while conn.read_request():
            arrived.release()
            gone.acquire()
            conn.answer(body=chat_answer())
    gateway = start_gateway(one_provider(upstream(script).base_v1), workers=1)
    body = json.dumps(chat("up/m")).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE) as sock:
            sock.sendall(request)
            arrived.acquire()
            sock.sendall(b"GET /v1/models HTTP/1.1\r\n")
            # An answer on another connection: the worker has seen those bytes.
            assert gateway.call("GET", "/v1/models").status == 200
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.release()

    def all_gone():
        metrics = gateway.api("GET", "/metrics").body.decode()
        return re.search(r"^bowfin_connections_open 1$", metrics, re.M)
    wait_until(all_gone, "the connections' end")
    worker = gateway.pids("worker")[0]
    assert len(os.listdir(f"/proc/{worker}/fd")) < 40


def test_unknown_frames_do_not_fill_the_log(mocked_gateway):
    with socket.create_connection(("127.0.0.1", mocked_gateway.port), timeout=DEADLINE) as sock:
        sock.sendall(PREFACE + frame(4, 0, 0) + frame(0xee, 0, 0, b"x") * 500 + frame(6, 0, 0, b"12345678"))
        received = b""
        while b"12345678" not in received:
            piece = sock.recv(65536)
            assert piece
            received += piece
    assert "skipping frame" not in mocked_gateway.log()
