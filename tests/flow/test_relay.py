"""What goes to the provider and what comes back: byte for byte, but for what the gateway must change."""

import hashlib
import json
import uuid

import pytest

from gateway import one_provider
from wire import Stream, call, chat, chat_answer, raw, raw_status, wait_until

BASES = ["", "/v1", "/openai", "/openai/v1"]

JSON_ENDPOINTS = {
    "/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/completions": {"prompt": "hi"},
    "/responses": {"input": "hi"},
    "/embeddings": {"input": ["one", "two"]},
    "/moderations": {"input": "hi"},
    "/images/generations": {"prompt": "a fin"},
    "/audio/speech": {"input": "hi", "voice": "alloy"},
}


def form(fields, boundary="----bowfin-test"):
    """A multipart body; `fields`: (name, filename or None, bytes)."""
    parts = []
    for name, filename, value in fields:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        kind = "\r\nContent-Type: application/octet-stream" if filename else ""
        parts.append(f"--{boundary}\r\nContent-Disposition: {disposition}{kind}\r\n\r\n".encode()
                     + value + b"\r\n")
    return (b"".join(parts) + f"--{boundary}--\r\n".encode(),
            {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def assert_error(answer, status, name, param=None):
    """An OpenAI error object, with the name of the failure where scripts and logs look for it."""
    assert answer.status == status, answer
    assert answer.headers["x-bf-error"] == name
    assert set(answer.error) == {"message", "type", "param", "code"}
    assert answer.error["code"] == name
    assert answer.error["param"] == param
    assert len(answer.error["message"]) > 10
    assert uuid.UUID(answer.headers["x-bf-request-id"])


# --- what goes out ---

@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("endpoint", JSON_ENDPOINTS)
def test_endpoint_under_every_base_url(mocked_gateway, mock, base, endpoint):
    body = {"model": "up/echo", **JSON_ENDPOINTS[endpoint]}
    answer = mocked_gateway.call("POST", base + endpoint, body)
    assert answer.status == 200, answer
    sent = mock.last()
    assert (sent["method"], sent["path"]) == ("POST", "/v1" + endpoint)
    assert sent["body"] == json.dumps(body).replace('"up/echo"', '"echo"')


def test_request_bytes_are_untouched(mocked_gateway, mock):
    body = (b'{ "zz" : 1.0e+2 ,\t"model"  :  "up/echo" , "x_unknown":{"a":[1,  2],"a":null},\n'
            b'"messages":[ {"role":"user","content":"h\\u00e9llo \\ud83d\\ude00 \xc3\xa9"} ],'
            b'"temperature":0.10,"seed":12345678901234567890123 }  ')
    answer = mocked_gateway.call("POST", "/v1/chat/completions", body)
    # Fields that nobody knows go out too; refusing them is the provider's business, and this one does.
    assert (answer.status, answer.error["message"]) == (400, "Unknown parameter: 'zz'."), answer
    expected = body.replace(b'"up/echo"', b'"echo"')
    sent = mock.last()
    assert sent["body"].encode() == expected
    assert sent["body_sha256"] == hashlib.sha256(expected).hexdigest()
    assert sent["headers"]["content-length"] == str(len(expected))


def test_escaped_model_name_resolves(mocked_gateway, mock):
    answer = mocked_gateway.call("POST", "/v1/chat/completions",
                                 b'{"model":"\\u0075p\\/echo","messages":[{"role":"user","content":"x"}]}')
    assert answer.status == 200, answer
    assert mock.last()["model"] == "echo"


def test_a_model_in_the_content_is_left_alone(mocked_gateway, mock):
    body = chat("up/echo", 'say "model":"up/echo"', tools=[{"type": "function", "function": {
        "name": "f", "parameters": {"type": "object", "properties": {"model": {"const": "up/echo"}}}}}])
    assert mocked_gateway.call("POST", "/v1/chat/completions", body).status == 200
    assert json.loads(mock.last()["body"]) == {**body, "model": "echo"}


def test_credentials_do_not_cross(mocked_gateway, mock):
    answer = mocked_gateway.call("POST", "/v1/chat/completions", chat("up/echo"), {
        "Authorization": "Bearer client-secret", "x-api-key": "client-secret",
        "api-key": "client-secret", "x-goog-api-key": "client-secret", "Cookie": "s=client-secret",
        "x-custom": "kept", "OpenAI-Beta": "assistants=v2"})
    assert answer.status == 200, answer
    headers = mock.last()["headers"]
    assert headers["authorization"].startswith("Bearer ***")
    assert not [name for name in headers
                if name in ("x-api-key", "api-key", "x-goog-api-key", "cookie", "x-bf-vk")]
    assert headers["openai-beta"] == "assistants=v2"
    assert not [name for name in headers if name.startswith("x-bf-")]


def test_the_provider_key_goes_upstream(start_gateway, upstream):
    seen = []

    def script(conn):
        while request := conn.read_request():
            seen.append(request)
            conn.answer(body=chat_answer())

    gateway = start_gateway(one_provider(upstream(script).base_v1, key="sk-provider-secret"))
    assert gateway.call("POST", "/v1/chat/completions", chat("up/m")).status == 200
    assert seen[0].headers["authorization"] == "Bearer sk-provider-secret"
    assert seen[0].path == "/v1/chat/completions"
    assert "sk-provider-secret" not in gateway.log()


def test_multipart_is_relayed(mocked_gateway, mock):
    sound = bytes(range(256)) * 64
    body, headers = form([("model", None, b"up/whisper-1"), ("file", "a.wav", sound),
                          ("language", None, b"en")])
    answer = mocked_gateway.call("POST", "/v1/audio/transcriptions", body, headers)
    assert answer.status == 200, answer
    assert answer.json()["text"] == f"{len(sound)} bytes of sound"
    sent = mock.last()
    expected = body.replace(b"up/whisper-1", b"whisper-1")
    assert sent["model"] == "whisper-1"
    assert sent["body_sha256"] == hashlib.sha256(expected).hexdigest()


def test_files_are_relayed(mocked_gateway):
    body, headers = form([("purpose", None, b"batch"), ("file", "in.jsonl", b'{"a":1}\n')])
    made = mocked_gateway.call("POST", "/v1/files?provider=up", body, headers)
    assert made.status == 200, made
    file_id = made.json()["id"]
    listed = mocked_gateway.call("GET", "/v1/files?provider=up").json()["data"]
    assert file_id in [one["id"] for one in listed]
    content = mocked_gateway.call("GET", f"/v1/files/{file_id}/content", headers={"x-bf-provider": "up"})
    assert content.body == b'{"a":1}\n'
    gone = mocked_gateway.call("DELETE", f"/v1/files/{file_id}?provider=up")
    assert gone.json()["deleted"] is True
    assert mocked_gateway.call("GET", f"/v1/files/{file_id}?provider=up").status == 404


def test_chunked_upload(mocked_gateway, mock):
    body = json.dumps(chat("up/echo", "x" * 5000)).encode()
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:7], body[7:3000], body[3000:]))
    answer = raw(mocked_gateway.base,
                 b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                 b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                 + pieces + b"0\r\n\r\n")
    assert raw_status(answer) == 200, answer
    assert mock.last()["body"].encode() == body.replace(b'"up/echo"', b'"echo"')


def test_pipelined_requests_are_answered_in_order(mocked_gateway):
    def one(text, more=""):
        body = json.dumps(chat("up/echo", text)).encode()
        return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{more}"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    answer = raw(mocked_gateway.base, one("first") + one("second") + one("third", "Connection: close\r\n"))
    assert answer.count(b"HTTP/1.1 200") == 3
    assert -1 < answer.find(b'"first"') < answer.find(b'"second"') < answer.find(b'"third"')


def test_body_up_to_the_limit(mocked_gateway, mock):
    body = json.dumps(chat("up/echo", "x" * (31 << 20), max_tokens=1)).encode()
    answer = mocked_gateway.call("POST", "/v1/chat/completions", body)
    assert answer.status == 200, answer
    expected = body.replace(b'"up/echo"', b'"echo"')
    assert mock.last()["body_sha256"] == hashlib.sha256(expected).hexdigest()


def test_body_past_the_limit(mocked_gateway, mock):
    answer = raw(mocked_gateway.base,
                 b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                 b"Content-Length: 33554433\r\n\r\n" + b" " * 100000)
    assert raw_status(answer) == 413, answer
    assert b'"body_too_large"' in answer and b"at most 33554432 bytes" in answer
    assert mock.requests() == []


# --- what comes back ---

def test_answer_bytes_are_untouched(start_gateway, upstream):
    body = b'{ "choices":[ ] , "usage" : {"prompt_tokens":1,"completion_tokens":2.0},\n "x":1e400,"x":"\xc3\xa9" }\n'

    def script(conn):
        while conn.read_request():
            conn.answer(body=body, headers=[
                ("openai-organization", "org"), ("x-ratelimit-remaining-tokens", "149984"),
                ("X-Custom", "kept"), ("Keep-Alive", "timeout=5"), ("Connection", "keep-alive"),
                ("Set-Cookie", "a=b")])

    gateway = start_gateway(one_provider(upstream(script).base_v1))
    answer = gateway.call("POST", "/v1/chat/completions", chat("up/m"))
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["openai-organization"] == "org"
    assert answer.headers["x-ratelimit-remaining-tokens"] == "149984"
    assert answer.headers["x-custom"] == "kept"
    assert "keep-alive" not in answer.headers
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["x-bf-provider"] == "up"
    assert answer.headers["x-bf-model"] == "m"
    assert answer.headers["x-bf-attempts"] == "1"
    assert uuid.UUID(answer.headers["x-bf-request-id"])


def test_request_ids_differ(mocked_gateway):
    ids = {mocked_gateway.call("POST", "/v1/chat/completions", chat("up/echo")).headers["x-bf-request-id"]
           for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
def test_upstream_errors_pass_through(mocked_gateway, mock, status):
    direct = call(mock.base, "POST", "/v1/chat/completions", chat(f"error-{status}"))
    answer = mocked_gateway.call("POST", "/v1/chat/completions", chat(f"up/error-{status}"))
    assert (answer.status, answer.body) == (status, direct.body)
    for name in ("retry-after", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"):
        assert answer.headers.get(name) == direct.headers.get(name)
    if status == 429:
        assert answer.headers["retry-after"] == "1"


# --- usage ---

def stream_texts(stream):
    return [event for _, event in stream.events()]


def test_usage_is_asked_for_and_withheld(mocked_gateway, mock):
    stream = Stream(mocked_gateway.base, "/v1/chat/completions", chat("up/lorem-5", stream=True))
    events = stream_texts(stream)
    assert stream.status == 200
    assert json.loads(mock.last()["body"])["stream_options"] == {"include_usage": True}
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert all(chunk["choices"] for chunk in chunks), "the usage chunk was not asked for"
    assert len(chunks) == 7


def test_usage_that_was_asked_for_is_delivered(mocked_gateway, mock):
    body = chat("up/lorem-5", stream=True, stream_options={"include_usage": True})
    stream = Stream(mocked_gateway.base, "/v1/chat/completions", body)
    chunks = list(stream.json_events())
    assert mock.last()["body"] == json.dumps(body).replace("up/lorem-5", "lorem-5")
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 5


def test_usage_that_was_declined_is_withheld(mocked_gateway, mock):
    body = chat("up/lorem-5", stream=True, stream_options={"include_usage": False, "x": 1})
    stream = Stream(mocked_gateway.base, "/v1/chat/completions", body)
    assert all(chunk["choices"] for chunk in stream.json_events())
    sent = json.loads(mock.last()["body"])["stream_options"]
    assert sent["include_usage"] is True and sent["x"] == 1


@pytest.mark.parametrize("endpoint,body,stream", [
    ("/chat/completions", {"messages": [{"role": "user", "content": "one two"}]}, False),
    ("/chat/completions", {"messages": [{"role": "user", "content": "one two"}]}, True),
    ("/completions", {"prompt": "one two"}, True),
    ("/responses", {"input": "one two"}, False),
    ("/responses", {"input": "one two"}, True),
])
def test_usage_is_recorded(mocked_gateway, endpoint, body, stream):
    answer = mocked_gateway.call("POST", "/v1" + endpoint, {"model": "up/lorem-9", "stream": stream, **body})
    assert answer.status == 200, answer

    def record():
        rows = mocked_gateway.api("GET", "/api/logs?limit=50", expect=200)["data"]
        return next((row for row in rows if row["id"] == answer.headers["x-bf-request-id"]), None)
    row = wait_until(record, "the request in the log")
    assert row["tokens"] == {"input": 2, "output": 9, "cached": 0, "reasoning": 0}
    assert (row["provider"], row["model"], row["asked"]) == ("up", "lorem-9", "up/lorem-9")
    assert row["stream"] is stream and row["status"] == 200 and not row["estimated"]


def test_cached_and_reasoning_tokens_are_recorded(mocked_gateway):
    text = "word " * 1500
    answer = mocked_gateway.call("POST", "/v1/chat/completions",
                                 chat("up/lorem-4", text, reasoning_effort="medium"))

    def record():
        rows = mocked_gateway.api("GET", "/api/logs?limit=50", expect=200)["data"]
        return next((row for row in rows if row["id"] == answer.headers["x-bf-request-id"]), None)
    tokens = wait_until(record, "the request in the log")["tokens"]
    assert tokens["reasoning"] == 32 and tokens["output"] == 36
    assert tokens["cached"] == 1408 and tokens["input"] >= 1500


# --- models ---

def test_models(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1, more="    models: [ alpha, beta-*, slash/name ]\n"
                                         "models:\n  quick: { targets: [ { model: up/alpha } ] }\n"))
    for base in BASES:
        listed = gateway.call("GET", base + "/models").json()
        assert listed["object"] == "list"
        names = [model["id"] for model in listed["data"]]
        assert "quick" in names and "up/alpha" in names
    one = gateway.call("GET", "/v1/models/up%2Falpha").json()
    assert (one["id"], one["object"]) == ("up/alpha", "model")
    assert gateway.call("GET", "/v1/models/up/alpha").json()["id"] == "up/alpha"
    assert gateway.call("GET", "/v1/models/quick").status == 200
    assert gateway.call("GET", "/v1/models/nothing-like-it").status == 404
    # bare names: exact, and through a glob
    for name, sent in (("alpha", "alpha"), ("beta-7", "beta-7"), ("quick", "alpha"),
                       ("up/anything", "anything")):
        assert gateway.call("POST", "/v1/chat/completions", chat(name)).status == 200, name
        assert mock.last()["model"] == sent


# --- what is refused ---

@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"model":"up/echo"}x', b'{"model":"up/echo",}',
                                  b'{"model":"\xff"}', b'{"model":"\\ud800","messages":[]}',
                                  b'{"a":01,"model":"up/echo"}', b"{" * 100000, b'{"a":' * 5000])
def test_not_json(mocked_gateway, mock, body):
    assert_error(mocked_gateway.call("POST", "/v1/chat/completions", body), 400, "not_json")
    assert mock.requests() == []


@pytest.mark.parametrize("body,name", [
    (b"{}", "no_model"), (b'{"messages":[]}', "no_model"), (b'{"model":null}', "bad_model"),
    (b'{"model":7}', "bad_model"), (b'{"model":""}', "bad_model"), (b'{"model":["up/echo"]}', "bad_model"),
    (b'{"model":"a\\u0000b"}', "bad_model"), (b'{"model":"' + b"x" * 600 + b'"}', "bad_model")])
def test_no_sound_model(mocked_gateway, mock, body, name):
    assert_error(mocked_gateway.call("POST", "/v1/chat/completions", body), 400, name, "model")
    assert mock.requests() == []


def test_unknown_models(mocked_gateway, mock):
    answer = mocked_gateway.call("POST", "/v1/chat/completions", chat("upp/echo"))
    assert_error(answer, 404, "unknown_provider", "model")
    assert "up" in answer.error["message"]
    assert_error(mocked_gateway.call("POST", "/v1/chat/completions", chat("gpt-none")), 404,
                 "unknown_model", "model")
    assert_error(mocked_gateway.call("POST", "/v1/chat/completions", chat("up/")), 404,
                 "unknown_model", "model")
    assert mock.requests() == []


@pytest.mark.parametrize("method,path,allow", [
    ("GET", "/v1/chat/completions", "POST"), ("DELETE", "/v1/embeddings", "POST"),
    ("PUT", "/v1/responses", "POST"), ("POST", "/v1/models", "GET, HEAD")])
def test_bad_method(mocked_gateway, method, path, allow):
    answer = mocked_gateway.call(method, path, None if method == "GET" else b"{}")
    assert_error(answer, 405, "bad_method")
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/v1/chat/completion", "/v3/chat/completions", "/v1", "/v1/chat",
                                  "/v1/files/../../admin", "/v1/files/%2e%2e/x", "/openai/v2/models",
                                  "/nothing"])
def test_bad_path(mocked_gateway, mock, path):
    assert_error(mocked_gateway.call("POST", path, b'{"model":"up/echo"}'), 404, "bad_path")
    assert mock.requests() == []


def test_a_near_path_is_suggested(mocked_gateway):
    answer = mocked_gateway.call("POST", "/v1/chat/completion", chat("up/echo"))
    assert "/v1/chat/completions" in answer.error["message"]


BODY = json.dumps(chat("up/echo")).encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
ONE_CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)

SMUGGLING = {
    "length and chunked": LENGTH + CHUNKED + b"\r\n" + ONE_CHUNK,
    "chunked and length": CHUNKED + LENGTH + b"\r\n" + ONE_CHUNK,
    "two lengths that differ": LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
    "two lengths alike": LENGTH + LENGTH + b"\r\n" + BODY,
    "a list of lengths": b"Content-Length: %d, %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY,
    "a signed length": b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY,
    "a negative length": b"Content-Length: -1\r\n\r\n" + BODY,
    "bare LF between headers": b"X-A: b\n" + LENGTH + b"\r\n" + BODY,
    "bare LF at the head's end": LENGTH + b"\n" + BODY,
    "bare LF in a chunk line": CHUNKED + b"\r\n%x\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
    "obs-fold": b"X-A: b\r\n c\r\n" + LENGTH + b"\r\n" + BODY,
    "obs-fold of a coding": b"Transfer-Encoding:\r\n chunked\r\n\r\n" + ONE_CHUNK,
    "blank before the colon": b"Transfer-Encoding : chunked\r\n\r\n" + ONE_CHUNK,
    "another coding": b"Transfer-Encoding: gzip, chunked\r\n\r\n" + ONE_CHUNK,
    "a strange coding": b"Transfer-Encoding: xchunked\r\n\r\n" + ONE_CHUNK,
    "NUL in a header": b"X-A: \0\r\n" + LENGTH + b"\r\n" + BODY,
    "a chunk size too large": CHUNKED + b"\r\nfffffffffffffffff\r\n" + BODY,
}


@pytest.mark.parametrize("shape", SMUGGLING)
def test_smuggling_shapes_are_refused(mocked_gateway, mock, shape):
    smuggled = b"GET /v1/models HTTP/1.1\r\nHost: y\r\n\r\n"
    answer = raw(mocked_gateway.base, b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                 b"Content-Type: application/json\r\n" + SMUGGLING[shape] + smuggled)
    assert raw_status(answer) in (400, 413, 501, None), answer
    assert answer.count(b"HTTP/1.1 ") <= 1, "what stood behind it was taken as a request"
    assert mock.requests() == []


def test_chunked_on_http10_is_refused(mocked_gateway, mock):
    answer = raw(mocked_gateway.base, b"POST /v1/chat/completions HTTP/1.0\r\nHost: x\r\n" + CHUNKED
                 + b"\r\n" + ONE_CHUNK)
    assert raw_status(answer) in (400, None), answer
    assert mock.requests() == []


def test_no_host_is_refused(mocked_gateway, mock):
    answer = raw(mocked_gateway.base, b"POST /v1/chat/completions HTTP/1.1\r\n" + LENGTH + b"\r\n" + BODY)
    assert raw_status(answer) in (400, None), answer
    assert mock.requests() == []


def test_head_too_large(mocked_gateway, mock):
    answer = raw(mocked_gateway.base, b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Big: "
                 + b"a" * 600000 + b"\r\n" + LENGTH + b"\r\n" + BODY)
    assert raw_status(answer) in (400, 413, 431, None), answer
    assert mock.requests() == []
    assert mocked_gateway.call("POST", "/v1/chat/completions", chat("up/echo")).status == 200
