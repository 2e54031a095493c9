"""Clients and providers of different dialects: headers, fidelity, strictness, errors, over real connections."""

import json

import pytest

from gateway import one_provider
from wire import Stream, chat, chat_answer, chat_chunk, raw, raw_status, wait_until

TEXT = "hello from far away"

# What a client of each dialect sends for one user message, and where its answer's text is.
CLIENTS = {
    "openai": ("/v1/chat/completions", lambda m: {"model": m, "messages": [{"role": "user", "content": "hi"}]},
               lambda a: a["choices"][0]["message"]["content"]),
    "responses": ("/v1/responses", lambda m: {"model": m, "input": "hi"},
                  lambda a: a["output"][0]["content"][0]["text"]),
    "anthropic": ("/anthropic/v1/messages",
                  lambda m: {"model": m, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]},
                  lambda a: a["content"][0]["text"]),
    "gemini": ("/genai/v1beta/models/{model}:generateContent",
               lambda m: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
               lambda a: a["candidates"][0]["content"]["parts"][0]["text"]),
    "bedrock": ("/bedrock/model/{quoted}/converse",
                lambda m: {"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
                lambda a: a["output"]["message"]["content"][0]["text"]),
    "cohere": ("/cohere/v2/chat", lambda m: {"model": m, "messages": [{"role": "user", "content": "hi"}]},
               lambda a: a["message"]["content"][0]["text"]),
}

# Where each dialect's error object has its words.
ERRORS = {
    "openai": lambda a: a["error"]["message"],
    "responses": lambda a: a["error"]["message"],
    "anthropic": lambda a: a["error"]["message"],
    "gemini": lambda a: a["error"]["message"],
    "bedrock": lambda a: a["message"],
    "cohere": lambda a: a["message"],
}


def request_of(dialect, model):
    path, body, text = CLIENTS[dialect]
    return path.format(model=model, quoted=model.replace("/", "%2F")), body(model), text


STREAMS = {"gemini": "/genai/v1beta/models/{model}:streamGenerateContent?alt=sse",
           "bedrock": "/bedrock/model/{quoted}/converse-stream"}


def stream_of(dialect, model):
    path, body, _ = request_of(dialect, model)
    if dialect in STREAMS:
        return STREAMS[dialect].format(model=model, quoted=model.replace("/", "%2F")), body
    return path, {**body, "stream": True}


def openai_only(base_v1):
    return one_provider(base_v1, more="    dialect: openai\n")


def answering(seen, status=200, body=None, headers=()):
    def script(connection):
        while request := connection.read_request():
            seen.append(request)
            connection.answer(status, json.dumps(body if body is not None else chat_answer(TEXT)).encode(),
                              [("Content-Type", "application/json"), *headers])
    return script


@pytest.mark.parametrize("dialect", CLIENTS)
def test_every_client_reaches_an_openai_provider(upstream, start_gateway, dialect):
    seen = []
    gateway = start_gateway(openai_only(upstream(answering(seen)).base_v1))
    path, body, text = request_of(dialect, "up/m")
    answer = gateway.call("POST", path, body)
    assert answer.status == 200, answer
    assert text(answer.json()) == TEXT
    assert answer.headers["x-bf-fidelity"] == "full"
    assert answer.headers["x-bf-provider"] == "up"
    assert (seen[0].path, seen[0].json()["model"]) == ("/v1/chat/completions", "m")
    assert seen[0].json()["messages"][-1]["role"] == "user"


@pytest.mark.parametrize("provider", [f"mock-{d}" for d in CLIENTS] + ["mock"])
@pytest.mark.parametrize("dialect", CLIENTS)
def test_every_pair(gateway, dialect, provider):
    path, body, text = request_of(dialect, f"{provider}/echo")
    answer = gateway.call("POST", path, body)
    assert answer.status == 200, answer
    assert text(answer.json()) == "hi"
    assert answer.headers["x-bf-fidelity"] == "full"
    answer = gateway.call("POST", *stream_of(dialect, f"{provider}/lorem-3"))
    assert answer.status == 200, answer
    assert all(word in answer.body for word in (b"lorem", b"ipsum", b"dolor"))


@pytest.mark.parametrize("provider", [f"mock-{d}" for d in CLIENTS])
@pytest.mark.parametrize("dialect", CLIENTS)
def test_every_pair_tells_errors(gateway, dialect, provider):
    path, body, _ = request_of(dialect, f"{provider}/error-429")
    answer = gateway.call("POST", path, body)
    assert answer.status == 429, answer
    assert ERRORS[dialect](answer.json())


@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_providers_error_is_told_in_the_clients_words(upstream, start_gateway, dialect):
    error = {"error": {"message": "Slow down please", "type": "rate_limit_error", "code": "rate_limit_exceeded"}}
    gateway = start_gateway(openai_only(upstream(answering([], 429, error, [("Retry-After", "3")])).base_v1))
    path, body, _ = request_of(dialect, "up/m")
    answer = gateway.call("POST", path, body)
    assert answer.status == 429, answer
    assert "Slow down please" in ERRORS[dialect](answer.json())
    assert answer.headers["retry-after"] == "3"
    if dialect == "bedrock":
        assert answer.headers["x-amzn-errortype"] == "ThrottlingException"


@pytest.mark.parametrize("dialect", CLIENTS)
def test_our_own_errors_too(mocked_gateway, dialect):
    path, body, _ = request_of(dialect, "nobody/m")
    answer = mocked_gateway.call("POST", path, body)
    assert (answer.status, answer.headers["x-bf-error"]) == (404, "unknown_provider"), answer
    assert "nobody" in ERRORS[dialect](answer.json())


ID_HEADERS = {"openai": "x-request-id", "responses": "x-request-id", "anthropic": "request-id",
              "bedrock": "x-amzn-requestid"}

# What never becomes a request: head, and what is said of it.
EARLY = [
    ("Content-Length: 99999999999\r\n\r\n", 413, "body_too_large"),
    ("".join(f"X-{i}: 1\r\n" for i in range(101)) + "\r\n", 431, "head_too_large"),
    ("X-Big: " + "a" * 70000, 431, "head_too_large"),
    ("no colon\r\n\r\n", 400, "bad_http"),
    ("Expect: wonders\r\nContent-Length: 2\r\n\r\n{}", 400, "bad_http"),
    ("Content-Length: 4\r\n\r\n{", 408, "too_slow"),
]


def shape_of(dialect, body):
    """Whose error object is it?"""
    error = body.get("error")
    if dialect == "anthropic":
        return body["type"] == "error" and error["type"] and error["message"]
    if dialect == "gemini":
        return isinstance(error["code"], int) and error["status"] and error["message"]
    if dialect in ("bedrock", "cohere"):
        return error is None and body["message"]
    return set(error) == {"message", "type", "param", "code"} and error["message"]


@pytest.fixture(scope="module")
def hasty_gateway():
    from gateway import Gateway
    gateway = Gateway("require_key: false\nproviders: { mock: }\nlimits: { body_timeout: 1s }\n")
    yield gateway
    gateway.stop()


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("head,status,name", EARLY)
def test_early_refusals_too(hasty_gateway, dialect, head, status, name):
    path, _, _ = request_of(dialect, "mock/echo")
    for target in (path, f"http://gateway.example{path}?beta=true"):
        answer = raw(hasty_gateway.base, f"POST {target} HTTP/1.1\r\nHost: x\r\n{head}".encode())
        head_text, _, body = answer.partition(b"\r\n\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head_text.decode().split("\r\n")[1:])}
        assert (raw_status(answer), headers["x-bf-error"]) == (status, name), answer
        assert shape_of(dialect, json.loads(body)), body
        assert len(body) == int(headers["content-length"])
        if dialect in ID_HEADERS:
            assert headers[ID_HEADERS[dialect]] == headers["x-bf-request-id"]
        assert ("x-amzn-errortype" in headers) == (dialect == "bedrock")


@pytest.mark.parametrize("line", ["POST /nowhere HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "BAD\r\n\r\n", "\x01\r\n\r\n"])
def test_early_refusals_of_nobodys_paths(hasty_gateway, line):
    answer = raw(hasty_gateway.base, line.encode())
    assert raw_status(answer) == 400 and shape_of("openai", json.loads(answer.partition(b"\r\n\r\n")[2])), answer


@pytest.mark.parametrize("path,dialect,near", [
    ("/v1/chat/completion", "openai", "/v1/chat/completions"), ("/chat/completion", "openai", "/v1/chat/completions"),
    ("/openai/v1/embedding", "openai", "/openai/v1/embeddings"), ("/nowhere", "openai", "/v1/chat/completions"),
    ("/anthropic/v1/mesages", "anthropic", "/anthropic/v1/messages"),
    ("/anthropic/messages/count_token", "anthropic", "/anthropic/v1/messages/count_tokens"),
    ("/anthropic/nowhere", "anthropic", "/anthropic/v1/messages"),
    ("/genai/v1beta/model", "gemini", "/genai/v1beta/models"),
    ("/genai/v1beta/models/g-1:generateContents", "gemini", "/genai/v1beta/models/g-1:generateContent"),
    ("/v1beta/models/" + "g" * 80 + ":streamGenerateContnt", "gemini", "g:streamGenerateContent"),
    ("/genai/nowhere", "gemini", "/genai/v1beta/models/{model}:generateContent"),
    ("/bedrock/model/a.b-v1%3A0/convers", "bedrock", "/bedrock/model/a.b-v1%3A0/converse"),
    ("/model/x/invok", "bedrock", "/model/x/invoke"), ("/bedrock/nowhere", "bedrock", "/bedrock/model/{modelId}/converse"),
    ("/cohere/v2/chta", "cohere", "/cohere/v2/chat"), ("/v2/embedd", "cohere", "/v2/embed"),
    ("/cohere/nowhere", "cohere", "/cohere/v2/chat"),
    ("/langchain/v1/mesages", "openai", "/langchain/v1/messages"),
    ("/litellm/anthropic/v1/mesages", "anthropic", "/litellm/anthropic/v1/messages"),
    ("/pydanticai/cohere/v2/rernk", "cohere", "/pydanticai/cohere/v2/rerank")])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_paths_of_every_prefix(mocked_gateway, method, path, dialect, near):
    answer = mocked_gateway.call(method, path, {} if method == "POST" else None)
    if method == "GET" and "models/" in path:  # where models are looked up, by names that may have colons
        assert (answer.status, answer.headers["x-bf-error"]) == (404, "unknown_model"), answer
        return
    assert (answer.status, answer.headers["x-bf-error"]) == (404, "bad_path"), answer
    assert shape_of(dialect, answer.json()), answer
    text = ERRORS[dialect](answer.json())
    assert f"{near}?" in text or (path.endswith("nowhere") and text.endswith(near)), text
    if dialect in ID_HEADERS:
        assert answer.headers[ID_HEADERS[dialect]] == answer.headers["x-bf-request-id"]


@pytest.mark.parametrize("dialect", [d for d in CLIENTS if d != "openai"])  # at home bytes pass as they are
@pytest.mark.parametrize("junk", [b"<html>It works!</html>", b'{"id":"chatcmpl-1","choi', b"", b"[]", b'{"ok":true}'])
def test_garbage_is_the_providers_fault(upstream, start_gateway, dialect, junk):
    def script(connection):
        while connection.read_request():
            connection.answer(200, junk, [("Content-Type", "application/json")])
    gateway = start_gateway(openai_only(upstream(script).base_v1))
    path, body, _ = request_of(dialect, "up/m")
    answer = gateway.call("POST", path, body)
    assert (answer.status, answer.headers["x-bf-error"]) == (502, "upstream_nonsense"), answer
    assert ERRORS[dialect](answer.json())


def test_an_answer_without_end_is_not_held(upstream, start_gateway):
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.chunk(b'{"choices":[{"message":{"content":"')
        while True:  # until the gateway has had enough
            connection.chunk(b"x" * (1 << 20))
    gateway = start_gateway(openai_only(upstream(script).base_v1))
    path, body, _ = request_of("anthropic", "up/m")
    answer = gateway.call("POST", path, body)
    assert (answer.status, answer.headers["x-bf-error"]) == (502, "upstream_nonsense"), answer


def test_headers_of_the_clients_dialect_stay_behind(upstream, start_gateway):
    seen = []
    gateway = start_gateway(openai_only(upstream(answering(seen)).base_v1))
    path, body, _ = request_of("anthropic", "up/m")
    gateway.call("POST", path, body, headers={
        "anthropic-version": "2023-06-01", "anthropic-beta": "x", "x-api-key": "sk-mine",
        "x-stainless-lang": "python", "user-agent": "me/1", "x-trace": "t-1"})
    names = {name.lower() for name in seen[0].headers}
    assert not names & {"anthropic-version", "anthropic-beta", "x-api-key", "x-stainless-lang"}
    assert seen[0].headers["x-trace"] == "t-1"
    assert seen[0].headers["authorization"] == "Bearer up-key"


def test_at_home_they_pass_with_every_byte(upstream, start_gateway):
    seen = []
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
             "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}}
    base = upstream(answering(seen, body=whole)).base
    gateway = start_gateway(f"""require_key: false
providers:
  up: {{ vendor: anthropic-compatible, base_url: "{base}", keys: [ {{ value: up-key }} ] }}
""")
    body = b'{"model" : "up/m", "max_tokens":1.0, "new_field":[1.50], "messages":[]}'
    answer = gateway.call("POST", "/anthropic/v1/messages?beta=true", body,
                          headers={"anthropic-beta": "x", "content-type": "application/json"})
    assert answer.body == json.dumps(whole).encode()
    assert answer.headers["x-bf-fidelity"] == "full"
    assert seen[0].path == "/v1/messages?beta=true"
    assert seen[0].body == body.replace(b"up/m", b"m")
    assert seen[0].headers["anthropic-beta"] == "x"
    assert seen[0].headers["anthropic-version"] == "2023-06-01"
    assert seen[0].headers["x-api-key"] == "up-key"


def test_what_is_lost_is_told_or_refused(upstream, start_gateway):
    seen = []
    gateway = start_gateway(openai_only(upstream(answering(seen)).base_v1))
    path, body, _ = request_of("anthropic", "up/m")
    body["top_k"] = 5
    answer = gateway.call("POST", path, body)
    assert answer.status == 200
    assert answer.headers["x-bf-fidelity"].startswith("partial; dropped=")
    assert "top_k" in answer.headers["x-bf-fidelity"]
    answer = gateway.call("POST", path, body, headers={"x-bf-strict": "true"})
    assert (answer.status, answer.headers["x-bf-error"]) == (400, "not_faithful"), answer
    assert answer.json()["type"] == "error" and "top_k" in answer.json()["error"]["message"]
    assert len(seen) == 1


STRICT = "sk-bf-strict-strict-strict-strict-strict-str"


def test_a_keys_strictness(upstream, start_gateway):
    """The file's and the API's, changed while it runs; a header makes a key stricter, never laxer."""
    seen = []
    gateway = start_gateway(openai_only(upstream(answering(seen)).base_v1) +
                            f"virtual_keys: [ {{ name: filed, value: {STRICT}, strict: true }} ]\n")
    path, body, _ = request_of("anthropic", "up/m")
    body["top_k"] = 5

    def ask(key, header="false"):
        answer = gateway.call("POST", path, body, headers={"x-bf-strict": header}, key=key)
        assert answer.status == 200 or answer.headers["x-bf-error"] == "not_faithful", answer
        return answer.status
    made = gateway.api("POST", "/api/keys", {"name": "made", "strict": True}, expect=201)
    assert made["strict"]
    assert (ask(STRICT), ask(made["key"]), ask(None), ask(None, "true")) == (400, 400, 200, 400)
    changed = gateway.api("PATCH", f"/api/keys/{made['id']}", {"strict": False}, expect=200)
    assert changed["strict"] is False
    assert (ask(made["key"]), ask(made["key"], "true")) == (200, 400)
    gateway.api("PATCH", f"/api/keys/{made['id']}", {"strict": True}, expect=200)
    gateway.api("PATCH", f"/api/keys/{made['id']}", {"name": "renamed"}, expect=200)
    assert ask(made["key"]) == 400
    assert len(seen) == 2
    del body["top_k"]
    assert ask(STRICT) == 200


def test_a_chunk_in_a_chunk_out(upstream, start_gateway):
    """What has come is handed on before the rest is there; when the client leaves, the call is cancelled."""
    closed = []

    def script(connection):
        connection.read_request()
        connection.start_stream()
        connection.event(chat_chunk("one"))
        closed.append(connection.wait_closed())
    gateway = start_gateway(openai_only(upstream(script).base_v1))
    path, body, _ = request_of("anthropic", "up/m")
    stream = Stream(gateway.base, path, {**body, "stream": True})
    first = next(event for event in stream.json_events() if event["type"] == "content_block_delta")
    assert first["delta"]["text"] == "one"
    stream.close()
    assert wait_until(lambda: closed, "the end of the call") == [True]


def test_a_stream_that_breaks_says_so_in_the_clients_dialect(upstream, start_gateway):
    def script(connection):
        connection.read_request()
        connection.start_stream()
        connection.event(chat_chunk("one"))
        connection.close()
    gateway = start_gateway(openai_only(upstream(script).base_v1))
    path, body, _ = request_of("anthropic", "up/m")
    stream = Stream(gateway.base, path, {**body, "stream": True})
    events = list(stream.json_events())
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["type"] == "api_error"


def test_usage_is_booked_for_a_translated_stream(upstream, start_gateway):
    def script(connection):
        connection.read_request()
        connection.start_stream()
        connection.event(chat_chunk("one"))
        connection.event(chat_chunk(None, "stop"))
        connection.event({**chat_chunk(None), "choices": [],
                          "usage": {"prompt_tokens": 41, "completion_tokens": 7, "total_tokens": 48}})
        connection.event("[DONE]")
        connection.end_stream()
    gateway = start_gateway(openai_only(upstream(script).base_v1))
    path, body, _ = request_of("anthropic", "up/m")
    events = list(Stream(gateway.base, path, {**body, "stream": True}).json_events())
    assert events[-1]["type"] == "message_stop"

    def record():
        rows = gateway.api("GET", "/api/logs", expect=200)["data"]
        return rows and rows[0]
    row = wait_until(record, "the record")
    assert (row["endpoint"], row["provider"]) == ("messages", "up")
    assert (row["tokens"]["input"], row["tokens"]["output"]) == (41, 7)
    assert row["stream"] and not row["estimated"]


@pytest.mark.parametrize("path,shape", [
    ("/v1/models", lambda a: a["data"][0]["id"]), ("/anthropic/v1/models", lambda a: a["first_id"]),
    ("/genai/v1beta/models", lambda a: a["models"][0]["name"].removeprefix("models/")),
    ("/cohere/v1/models", lambda a: a["models"][0]["name"])])
def test_lists_of_models_in_every_shape(gateway, path, shape):
    assert shape(gateway.call("GET", path).json()) == "echo"


LISTS = {  # path, the names in its list, and one model's own path
    "/v1/models": lambda a: [m["id"] for m in a["data"]], "/openai/v1/models": lambda a: [m["id"] for m in a["data"]],
    "/langchain/models": lambda a: [m["id"] for m in a["data"]], "/litellm/v1/models": lambda a: [m["id"] for m in a["data"]],
    "/anthropic/v1/models": lambda a: [m["id"] for m in a["data"]],
    "/pydanticai/anthropic/v1/models": lambda a: [m["id"] for m in a["data"]],
    "/genai/v1beta/models": lambda a: [m["name"].removeprefix("models/") for m in a["models"]],
    "/genai/v1/models": lambda a: [m["name"].removeprefix("models/") for m in a["models"]],
    "/v1beta/models": lambda a: [m["name"].removeprefix("models/") for m in a["models"]],
    "/cohere/v1/models": lambda a: [m["name"] for m in a["models"]],
}
FEW = "sk-bf-few-few-few-few-few-few-few-few-few-few-few"


@pytest.fixture(scope="module")
def listing():
    from gateway import Gateway
    gateway = Gateway(f"""require_key: true
providers: {{ mock: }}
models:
  quick: {{ targets: [ {{ model: mock/echo }} ] }}
  hidden: {{ targets: [ {{ model: mock/lorem-3 }} ] }}
virtual_keys: [ {{ name: few, value: {FEW}, models: [ quick, "mock/error-*" ] }} ]
""")
    yield gateway
    gateway.stop()


@pytest.mark.parametrize("path", LISTS)
def test_a_restricted_key_sees_its_models_only(listing, path):
    answer = listing.call("GET", path, key=FEW)
    names = LISTS[path](answer.json())
    assert "quick" in names and not [n for n in names if n != "quick" and not n.startswith(("mock/error-", "error-"))], names
    every = listing.api("POST", "/api/keys", {"name": f"all {path}"}, expect=201)["key"]
    assert {"quick", "hidden"} <= set(LISTS[path](listing.call("GET", path, key=every).json()))
    assert listing.call("GET", path).status == 401
    assert listing.call("GET", f"{path}/quick", key=FEW).status == 200
    assert listing.call("GET", f"{path}/hidden", key=every).status == 200
    refused = listing.call("GET", f"{path}/hidden", key=FEW)
    assert (refused.status, refused.headers["x-bf-error"]) == (404, "unknown_model"), refused
    assert b"lorem" not in refused.body
    head = listing.call("HEAD", path, key=FEW)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", answer.headers["content-length"])


@pytest.mark.parametrize("dialect", CLIENTS)
def test_methods_of_every_dialect(listing, mock, dialect):
    path, _, _ = request_of(dialect, "mock/echo")
    options = listing.call("OPTIONS", path)  # needs no key
    assert (options.status, options.headers["allow"], options.body) == (204, "POST, OPTIONS", b"")
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = listing.call(method, path, key=FEW)
        assert (answer.status, answer.headers["allow"], answer.headers["x-bf-error"]) == (405, "POST", "bad_method"), answer
        assert answer.body == b"" if method == "HEAD" else shape_of(dialect, answer.json())
    assert mock.requests() == []


@pytest.mark.parametrize("path,allow", [("/anthropic/v1/models", "GET, HEAD"), ("/v1/files", "GET, POST"), ("/nowhere", None)])
def test_options_tell_what_a_path_takes(listing, path, allow):
    answer = listing.call("OPTIONS", path)
    assert answer.status == (204 if allow else 404), answer
    assert allow is None or answer.headers["allow"] == f"{allow}, OPTIONS"


def test_one_dialect_can_be_forced(start_gateway):
    gateway = start_gateway("""require_key: false
providers:
  mock: { dialect: responses }
""")
    answer = gateway.call("POST", "/v1/chat/completions", chat("mock/echo", "round"))
    assert answer.status == 200, answer
    assert answer.json()["choices"][0]["message"]["content"] == "round"
    assert answer.json()["id"].startswith("chatcmpl-")


def test_text_completions_become_chats(start_gateway):
    gateway = start_gateway("""require_key: false
providers:
  mock: { dialect: responses }
""")
    answer = gateway.call("POST", "/v1/completions", {"model": "mock/echo", "prompt": "round"})
    assert answer.status == 200, answer
    assert (answer.json()["object"], answer.json()["choices"][0]["text"]) == ("text_completion", "round")


def test_a_vendor_has_no_such_model(start_gateway):
    """Vertex has models of three kinds, each at its own address; another name is a mistake, and the answer says what there is."""
    gateway = start_gateway("require_key: false\nproviders:\n  vertex: { project: p, location: l, keys: [ { value: x } ] }\n")
    for path, body in (("/v1/chat/completions", {}), ("/anthropic/v1/messages", {"max_tokens": 5})):
        answer = gateway.call("POST", path, {"model": "vertex/foo", "messages": [{"role": "user", "content": "x"}], **body})
        assert (answer.status, answer.headers["x-bf-error"]) == (404, "unknown_model"), answer
        assert "gemini-*" in answer.json()["error"]["message"] and "claude-*" in answer.json()["error"]["message"]
    # one that it has, asked for what its dialect lacks, is another matter
    answer = gateway.call("POST", "/v1/embeddings", {"model": "vertex/claude-x", "input": "x"})
    assert (answer.status, answer.headers["x-bf-error"]) == (501, "no_dialect")
