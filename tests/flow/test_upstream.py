"""The provider's side: what is retried, what is told to the client, what costs nothing."""

import re
import socket
import threading
import time

import pytest

from gateway import one_provider
from wire import DEADLINE, Stream, call, chat, chat_answer, chat_chunk


def ask(gateway, model="up/m", **more):
    return gateway.call("POST", "/v1/chat/completions", chat(model, **more))


def serve_all(conn):
    while conn.read_request():
        conn.answer(body=chat_answer())


def test_connect_refused(start_gateway):
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    gateway = start_gateway(one_provider(f"http://127.0.0.1:{port}/v1"))
    answer = ask(gateway)
    assert (answer.status, answer.error["code"]) == (502, "upstream_connect"), answer
    assert answer.headers["x-bf-error"] == "upstream_connect"


def test_name_that_does_not_resolve(start_gateway):
    gateway = start_gateway(one_provider("http://no-such-host.invalid/v1"))
    answer = ask(gateway)
    assert (answer.status, answer.error["code"]) == (502, "upstream_connect"), answer


def test_first_byte_timeout(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1, more="    timeout: { first_byte: 300ms }\n"
                                         "limits: { attempts: 1 }\n"))
    answer = ask(gateway, "up/hang")
    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout"), answer
    assert ask(gateway, "up/slow-50").status == 200


def test_silence_in_a_stream(provided):
    def script(conn):
        conn.read_request()
        conn.start_stream()
        conn.event(chat_chunk("one"))
        conn.wait_closed()

    gateway = provided(script, more="    timeout: { between_bytes: 300ms }\n")
    stream = Stream(gateway.base, "/v1/chat/completions", chat("up/m", stream=True))
    events = list(stream.json_events())
    assert events[0]["choices"][0]["delta"]["content"] == "one"
    assert events[-1]["error"]["code"] == "upstream_silent"


def test_a_live_stream_outlives_the_total(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1,
                                         more="    timeout: { total: 400ms, between_bytes: 5s }\n"))
    begun = time.monotonic()
    stream = Stream(gateway.base, "/v1/chat/completions", chat("up/lorem-12-100", stream=True))
    assert len(list(stream.json_events())) == 14
    assert time.monotonic() - begun > 1.0


def test_the_total_ends_what_shows_no_life(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1, more="    timeout: { total: 300ms, first_byte: 60s }\n"
                                         "limits: { attempts: 1 }\n"))
    answer = ask(gateway, "up/hang")
    assert answer.status == 504, answer


def test_connections_are_kept(provided):
    gateway = provided(serve_all, workers=1)
    for _ in range(20):
        assert ask(gateway).status == 200
    assert provided.upstream.connections == 1


def test_a_connection_closed_while_idle_costs_nothing(provided):
    closed = threading.Semaphore(0)

    def script(conn):
        conn.read_request()
        conn.answer(body=chat_answer())
        conn.close()
        closed.release()

    gateway = provided(script, more="limits: { attempts: 1 }\n", workers=1)
    for _ in range(10):
        answer = ask(gateway)
        assert answer.status == 200 and answer.headers["x-bf-attempts"] == "1", answer
        assert closed.acquire(timeout=DEADLINE)


def test_a_connection_closed_under_the_next_request_costs_nothing(provided):
    """The provider's close and our next request cross: it is sent again on a new connection."""
    def script(conn):
        conn.read_request()
        conn.answer(body=chat_answer())
        if conn.number == 1 and conn.read_request():
            conn.close()
        else:
            serve_all(conn)

    gateway = provided(script, more="limits: { attempts: 1 }\n", workers=1)
    assert ask(gateway).status == 200
    answer = ask(gateway)
    assert answer.status == 200 and answer.headers["x-bf-attempts"] == "1", answer


TWO_KEYS = """require_key: false
providers:
  up:
    vendor: openai-compatible
    base_url: {base}
    keys:
      - {{ name: bad, value: {bad} }}
      - {{ name: good, value: good }}
"""


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_the_next_key_is_tried(start_gateway, mock, status):
    gateway = start_gateway(TWO_KEYS.format(base=mock.base_v1, bad=f"error-{status}"), workers=1)
    attempts = []
    for _ in range(30):
        answer = ask(gateway, "up/echo")
        assert answer.status == 200, answer
        attempts.append(int(answer.headers["x-bf-attempts"].split(";")[0]))
    assert max(attempts) == 2, "the bad key was never chosen: the test shows nothing"
    assert len(mock.requests()) == sum(attempts)


def test_a_refused_key_is_soon_left_alone(start_gateway, mock):
    from wire import wait_until
    gateway = start_gateway(TWO_KEYS.format(base=mock.base_v1, bad="error-401"), workers=1)
    # Until the aggregator has seen enough of it: then every request goes to the good one at once.
    wait_until(lambda: all(ask(gateway, "up/echo").headers["x-bf-attempts"] == "1" for _ in range(12)),
               "requests without a second attempt")


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_caller_fault_is_not_retried(start_gateway, mock, status):
    gateway = start_gateway(TWO_KEYS.format(base=mock.base_v1, bad="other"), workers=1)
    answer = ask(gateway, f"up/error-{status}")
    assert answer.status == status
    assert re.fullmatch(rf"1; up/error-{status} key=\w+ caller_fault {status} \d+ms", answer.headers["x-bf-attempts"])
    assert len(mock.requests()) == 1


def test_attempts_are_bounded(start_gateway, mock):
    keys = "".join(f"      - {{ name: k{i}, value: v{i} }}\n" for i in range(20))
    gateway = start_gateway("require_key: false\nproviders:\n  up:\n    vendor: openai-compatible\n"
                            f"    base_url: {mock.base_v1}\n    keys:\n{keys}limits: {{ attempts: 4 }}\n")
    answer = ask(gateway, "up/error-500")
    assert answer.status == 500
    number, tried = answer.headers["x-bf-attempts"].split("; ")
    tried = tried.split(", ")
    assert number == "4" and len({entry.split()[1] for entry in tried}) == 4, "four different keys"
    assert all(re.fullmatch(r"up/error-500 key=k\d+ upstream_error 500 \d+ms", entry) for entry in tried)
    assert len(mock.requests()) == 4


@pytest.mark.parametrize("answer", [
    b"this is not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 400000 + b"\r\n\r\n", b"\0\1\2\3" * 1000],
    ids=["text", "large head", "binary"])
def test_nonsense_is_502(provided, answer):
    def script(conn):
        conn.read_request()
        conn.send(answer)
        conn.wait_closed()

    gateway = provided(script, more="limits: { attempts: 1 }\n")
    got = ask(gateway)
    assert got.status == 502, got
    assert got.error["code"] in ("upstream_nonsense", "upstream_cut"), got


def test_redirects_are_not_followed(start_gateway, upstream, mock):
    def script(conn):
        while conn.read_request():
            conn.answer(302, b"", [("Location", mock.base_v1 + "/chat/completions")])

    gateway = start_gateway(one_provider(upstream(script).base_v1))
    assert ask(gateway).status == 302
    assert mock.requests() == []


def test_interim_answers_are_skipped(provided):
    def script(conn):
        while conn.read_request():
            conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
            conn.answer(body=chat_answer())

    answer = ask(provided(script))
    assert answer.status == 200 and "link" not in answer.headers


def test_an_answer_without_a_length_ends_with_the_connection(start_gateway, upstream):
    def script(conn):
        conn.read_request()
        conn.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"usage":')
        conn.send(b'{"prompt_tokens":1}}')
        conn.close()

    answer = ask(start_gateway(one_provider(upstream(script).base_v1)))
    assert (answer.status, answer.body) == (200, b'{"usage":{"prompt_tokens":1}}')


def test_a_provider_over_tls_must_be_trusted(start_gateway, upstream):
    """A plain server where TLS is spoken: told as a TLS failure, and nothing of the key leaves."""
    def script(conn):
        conn.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        conn.wait_closed()

    base = upstream(script).base_v1.replace("http://", "https://")
    answer = ask(start_gateway(one_provider(base, more="limits: { attempts: 1 }\n")))
    assert (answer.status, answer.error["code"]) == (502, "upstream_tls"), answer


def test_through_a_proxy(start_gateway, upstream):
    seen = []

    def proxy(conn):
        while request := conn.read_request():
            seen.append(request.path)
            conn.answer(body=chat_answer())

    gateway = start_gateway(one_provider("http://provider.invalid/v1", more=f"    proxy: {upstream(proxy).base}\n"))
    assert ask(gateway).status == 200
    assert seen == ["http://provider.invalid/v1/chat/completions"]


def test_the_environments_proxy_is_not_used(start_gateway, upstream, mock):
    def proxy(conn):
        conn.read_request()
        conn.answer(500, b"{}")

    up = upstream(proxy)
    gateway = start_gateway(one_provider(mock.base_v1), env={"http_proxy": up.base, "ALL_PROXY": up.base})
    assert ask(gateway, "up/echo").status == 200
    assert up.connections == 0


def test_one_slow_provider_does_not_hold_the_others(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1), workers=1)
    sockets = []
    for _ in range(50):
        sock = socket.create_connection(("127.0.0.1", gateway.port))
        body = b'{"model":"up/hang","messages":[{"role":"user","content":"x"}]}'
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                     % (len(body), body))
        sockets.append(sock)
    for _ in range(20):
        assert call(gateway.base, "POST", "/v1/chat/completions", chat("up/echo"), timeout=DEADLINE).status == 200
    for sock in sockets:
        sock.close()
