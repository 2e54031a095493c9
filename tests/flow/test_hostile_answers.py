"""What a hostile provider says, and what a client may not get by it; models that a key may not use."""

import json
import os
import socket
import struct
import threading

import pytest

from gateway import one_provider
from wire import DEADLINE, Stream, chat, chat_answer, raw, wait_until

BODY = json.dumps(chat_answer()).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def test_a_length_beside_chunks_frames_no_answer(start_gateway, upstream):
    """Passed on, it would let the provider write the client's next answer."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    whole = BODY + evil

    def script(conn):
        conn.read_request()
        conn.send(HEAD + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
                  % (len(BODY), len(whole), whole))
        conn.wait_closed()

    gateway = start_gateway(one_provider(upstream(script).base_v1, more="limits: { attempts: 1 }\n"))
    body = json.dumps(chat("up/m")).encode()
    request = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
               b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
    head, _, rest = raw(gateway.base, request).partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if b"transfer-encoding: chunked" in head.lower():
        assert not lengths, head
    else:
        assert lengths == [b"content-length: %d" % len(rest)], (head, rest)


LIMITED = "virtual_keys:\n  - { name: k, value: sk-bf-limited-to-one, models: [\"up/cheap\"] }\n"


def limited(start_gateway, upstream):
    def script(conn):
        while conn.read_request():
            asked.append(1)
            conn.answer(body=chat_answer())

    asked = []
    return start_gateway(one_provider(upstream(script).base_v1, more=LIMITED)), asked


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/responses",
                                  "/v1/images/generations"])
def test_a_form_whose_beginning_is_json(start_gateway, upstream, path):
    """Some providers read JSON whatever its type says, and stop at its end."""
    gateway, asked = limited(start_gateway, upstream)
    body = (b'{"model":"dear","messages":[{"role":"user","content":"x"}]}\r\n'
            b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nup/cheap\r\n--B--\r\n')
    got = gateway.call("POST", path, body, {"Content-Type": "multipart/form-data; boundary=B"},
                       key="sk-bf-limited-to-one")
    assert (got.status, got.error["code"]) == (400, "not_json"), got
    assert not asked


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/vector_stores"])
def test_a_model_beside_a_batch_lets_nothing_in(start_gateway, upstream, path):
    gateway, asked = limited(start_gateway, upstream)
    got = gateway.call("POST", path, {"model": "up/cheap", "input_file_id": "f"}, key="sk-bf-limited-to-one")
    assert (got.status, got.error["code"]) == (403, "model_not_allowed"), got
    assert not asked


def test_a_pretty_printed_answer_breaks_no_event(start_gateway, upstream):
    """Raw values go from wire to wire: their line ends would be the client's events'."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [
        {"index": 0, "delta": {"content": "a"}, "finish_reason": None,
         "logprobs": {"content": [{"token": "a", "logprob": -1, "bytes": None, "top_logprobs": []}]}}]}
    last = {"id": "c", "object": "chat.completion.chunk", "model": "m",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}

    def script(conn):
        conn.read_request()
        conn.start_stream()
        for event in (chunk, last):
            lines = json.dumps(event, indent=1).split("\n")
            conn.chunk("".join(f"data: {line}\n" for line in lines).encode() + b"\n")
        conn.event("[DONE]")
        conn.end_stream()

    gateway = start_gateway(one_provider(upstream(script).base_v1, more="    dialect: openai\n"))
    stream = Stream(gateway.base, "/v1/responses",
                    {"model": "up/m", "input": "x", "stream": True, "top_logprobs": 1})
    types = [event["type"] for event in stream.json_events()]
    assert types[0] == "response.created" and types[-1] == "response.completed"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/anthropic/v1/messages"])
def test_a_key_in_an_error_is_covered(start_gateway, upstream, path):
    def script(conn):
        while request := conn.read_request():
            key = request.headers["authorization"].split()[1]
            conn.answer(400, {"error": {"message": f"bad key {key}, I say {key}", "type": "x"}})

    one = one_provider(upstream(script).base_v1, more="    dialect: openai\n", key="sk-quite-secret")
    got = start_gateway(one).call("POST", path, chat("up/m", max_tokens=9))
    assert got.status == 400 and b"sk-quite" not in got.body, got
    assert b"bad key ***************, I say ***************" in got.body, got


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_provider_that_resets_while_the_client_is_slow(start_gateway, upstream):
    """The worker waits for the client, and must not turn in circles over the dead connection."""
    sent = threading.Event()

    def script(conn):
        conn.read_request()
        conn.start_stream()
        try:
            for _ in range(3000):
                conn.sock.settimeout(0.5)
                conn.event({"choices": [{"index": 0, "delta": {"content": "x" * 20000}}]})
        except OSError:
            pass
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.sock.close()
        sent.set()

    gateway = start_gateway(one_provider(upstream(script).base_v1), workers=1)
    port = int(gateway.base.rsplit(":", 1)[1])
    sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    body = json.dumps(chat("up/m", stream=True)).encode()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    assert sent.wait(DEADLINE)
    pid = gateway.pids("worker")[0]
    before = cpu_seconds(pid)
    threading.Event().wait(1)
    assert cpu_seconds(pid) - before < 0.3
    sock.close()
