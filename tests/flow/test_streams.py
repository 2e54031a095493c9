"""Streams: at once, whole, with back-pressure, and with an end that can be told from a break."""

import json
import socket
import threading

import pytest

from gateway import one_provider
from wire import DEADLINE, Stream, chat, chat_chunk, wait_until


def streaming(gateway, model, **more):
    return Stream(gateway.base, "/v1/chat/completions", chat(model, stream=True, **more))


def test_each_event_arrives_before_the_next_is_made(provided):
    go_on = threading.Semaphore(0)

    def script(conn):
        conn.read_request()
        conn.start_stream()
        for i in range(5):
            conn.event(chat_chunk(f"word{i}"))
            # Until the client says that it has read this one.
            assert go_on.acquire(timeout=DEADLINE)
        conn.event("[DONE]")
        conn.end_stream()

    gateway = provided(script)
    stream = streaming(gateway, "up/m")
    assert stream.headers["content-type"].startswith("text/event-stream")
    got = []
    for chunk in stream.json_events():
        got.append(chunk["choices"][0]["delta"]["content"])
        go_on.release()
    assert got == [f"word{i}" for i in range(5)]


def test_events_cut_anywhere_come_whole(provided):
    """Bytes of events that come one by one, with every line end the standard allows."""
    wire = (b'data: {"choices":[{"delta":{"content":"a"}}]}\r\n\r\n: a comment\n\nevent: x\n'
            b'data: {"choices":[{"delta":{"content":"\xc3\xa9"}}]}\n\n'
            b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\r\rdata: [DONE]\n\n')

    def script(conn):
        conn.read_request()
        conn.start_stream()
        for i in range(len(wire)):
            conn.chunk(wire[i:i + 1])
        conn.end_stream()

    gateway = provided(script)
    body = b""
    stream = streaming(gateway, "up/m")
    while piece := stream.read():
        body += piece
    expected = wire.replace(b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\r\r', b"")
    assert body == expected


def test_responses_stream_keeps_its_events(mocked_gateway):
    stream = Stream(mocked_gateway.base, "/v1/responses",
                    {"model": "up/lorem-3", "input": "hi", "stream": True})
    names = [name for name, _ in stream.events()]
    assert names[0] == "response.created" and names[-1] == "response.completed"
    assert names.count("response.output_text.delta") == 3


def test_a_long_stream_is_whole(mocked_gateway):
    chunks = list(streaming(mocked_gateway, "up/lorem-20000").json_events())
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert len(text.split()) == 20000
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_an_error_before_the_stream_is_an_answer(mocked_gateway):
    answer = mocked_gateway.call("POST", "/v1/chat/completions", chat("up/error-429", stream=True))
    assert answer.status == 429 and answer.headers["content-type"].startswith("application/json")
    assert answer.headers["retry-after"] == "1"


def test_a_stream_cut_before_its_first_word_is_a_plain_error(mocked_gateway):
    """Only a role came: nothing has gone out yet, and there is nobody else to ask."""
    answer = mocked_gateway.call("POST", "/v1/chat/completions", chat("up/cut-1", stream=True))
    assert answer.status == 502 and answer.error["code"] == "upstream_cut", answer


@pytest.mark.parametrize("chunks", [2, 3])
def test_a_cut_stream_ends_with_an_error_event(mocked_gateway, chunks):
    stream = streaming(mocked_gateway, f"up/cut-{chunks}")
    assert stream.status == 200
    events = [data for _, data in stream.events()]
    assert len(events) == chunks + 1
    error = json.loads(events[-1])["error"]
    assert error["code"] == "upstream_cut" and error["type"] == "upstream_error"
    assert "[DONE]" not in events


def test_a_cut_in_the_middle_of_an_event(provided):
    def script(conn):
        conn.read_request()
        conn.start_stream()
        conn.event(chat_chunk("whole"))
        conn.chunk(b'data: {"choices":[{"del')
        conn.reset()

    gateway = provided(script)
    events = [data for _, data in streaming(gateway, "up/m").events()]
    # What was half an event must not swallow the error behind it.
    assert json.loads(events[-1])["error"]["code"] == "upstream_cut"
    assert json.loads(events[0])["choices"][0]["delta"]["content"] == "whole"


def test_a_cut_before_the_first_byte_is_502(provided):
    def script(conn):
        conn.read_request()
        conn.reset()

    gateway = provided(script)
    answer = gateway.call("POST", "/v1/chat/completions", chat("up/m", stream=True))
    assert answer.status == 502 and answer.error["code"] == "upstream_cut"


def test_a_cut_whole_answer_is_not_taken_for_whole(mocked_gateway):
    import http.client
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer = mocked_gateway.call("POST", "/v1/chat/completions", chat("up/cut-0"))
        # A gateway that had read it all before it answered says 502.
        assert answer.status == 502
        raise ConnectionError("502 is as good")


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_cancels_the_call(provided, stream):
    begun, closed = threading.Event(), threading.Event()

    def script(conn):
        conn.read_request()
        if stream:
            conn.start_stream()
            conn.event(chat_chunk("first"))
        begun.set()
        if conn.wait_closed():
            closed.set()

    gateway = provided(script)
    body = json.dumps(chat("up/m", stream=stream)).encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                       % (len(body), body))
        assert begun.wait(DEADLINE)
        received = b""
        while stream and b"first" not in received:
            received += client.recv(65536)
    assert closed.wait(DEADLINE), "the provider still works for a client that has gone"

    def record():
        rows = gateway.api("GET", "/api/logs", expect=200)["data"]
        return rows and rows[0]
    row = wait_until(record, "the request in the log")
    assert row["client_gone"] is True


def test_the_mock_sees_the_cancelled_stream(mocked_gateway, mock):
    stream = streaming(mocked_gateway, "up/lorem-1000-50")
    next(stream.json_events())
    stream.close()
    wait_until(lambda: mock.last()["outcome"] == "gone", "the mock's client gone")


def test_a_slow_reader_stops_the_provider(provided):
    """48 MiB for a client that does not read: they wait at the provider, not in the gateway."""
    blocked, sent = threading.Event(), [0]
    total, piece = 48 << 20, b"data: " + b'{"choices":[]}' + b" " * 16000 + b"\n\n"
    last = b"data: [DONE]\n\n"

    def script(conn):
        conn.read_request()
        conn.start_stream()
        conn.sock.settimeout(1.0)
        chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
        view = memoryview(chunk * (total // len(piece)) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last))
        while view:
            try:
                n = conn.sock.send(view[:1 << 20])
            except TimeoutError:
                blocked.set()
                continue
            sent[0] += n
            view = view[n:]

    gateway = provided(script)
    before = gateway.memory_kib(gateway.pids("worker"))
    stream = streaming(gateway, "up/m", stream_options={"include_usage": True})
    assert blocked.wait(DEADLINE), "the gateway took all of it"
    assert sent[0] < 40 << 20
    grown = gateway.memory_kib(gateway.pids("worker")) - before
    assert grown < 16 * 1024, f"{grown} KiB held for one slow reader"
    received = 0
    while got := stream.read():
        received += len(got)
    assert received == total // len(piece) * len(piece) + len(last)


def test_a_large_whole_answer(provided):
    body = json.dumps({"data": "x" * (20 << 20), "usage": {"prompt_tokens": 3, "total_tokens": 3}}).encode()

    def script(conn):
        while conn.read_request():
            conn.answer(body=body)

    gateway = provided(script)
    answer = gateway.call("POST", "/v1/embeddings", {"model": "up/m", "input": "x"})
    assert answer.status == 200 and answer.body == body


def test_many_streams_at_once(mocked_gateway):
    streams = [streaming(mocked_gateway, "up/lorem-20-10") for _ in range(200)]
    for stream in streams:
        assert len(list(stream.json_events())) == 22
