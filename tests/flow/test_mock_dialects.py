"""The mock itself, in each of its dialects: what its models' names do, without a gateway between."""

import binascii
import json
import struct

import pytest

from mock_dialects import DIALECTS, PNG_BYTES
from wire import Stream, call

SIGNING = [d for d in DIALECTS if hasattr(d, "unsign")]
every = pytest.mark.parametrize("d", DIALECTS, ids=lambda d: d.name)


def ask(mock, d, model, messages, tools=False, headers=None):
    return call(mock.base, "POST", d.path(model, False), d.body(model, messages, tools), headers)


def answered(mock, d, model, messages, tools=False):
    answer = ask(mock, d, model, messages, tools)
    assert answer.status == 200, answer
    return answer.json()


def frames(data):
    """AWS event stream messages: (headers, payload); both checksums are looked at."""
    while len(data) >= 16:
        total, head, crc = struct.unpack(">III", data[:12])
        if len(data) < total:
            break
        message, data = data[:total], data[total:]
        assert binascii.crc32(message[:8]) == crc
        assert binascii.crc32(message[:-4]) == struct.unpack(">I", message[-4:])[0]
        yield message[12:12 + head], json.loads(message[12 + head:-4])
    if data:
        yield None, data


def stream_events(mock, d, model, messages):
    stream = Stream(mock.base, d.path(model, True), d.body(model, messages, stream=True))
    assert stream.status == 200
    if d.name == "bedrock":
        assert stream.headers["content-type"] == "application/vnd.amazon.eventstream"
        return [payload for _, payload in frames(b"".join(iter(stream.read, b"")))]
    # Gemini ends its lines with CR LF.
    text = b"".join(iter(stream.read, b"")).decode().replace("\r\n", "\n")
    data = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


@every
def test_echo(mock, d):
    answer = ask(mock, d, "echo", d.user("say \"hé\"\n 😀"))
    assert answer.status == 200 and d.text(answer.json()) == "say \"hé\"\n 😀"
    assert answer.headers[d.request_id].startswith("req_mock")
    assert (mock.last()["dialect"], mock.last()["model"]) == (d.name, "echo")


@every
def test_stream(mock, d):
    assert d.said(stream_events(mock, d, "lorem-4", d.user("hi"))) == "lorem ipsum dolor sit"


@every
def test_tools_in_parallel_over_two_turns(mock, d):
    first = answered(mock, d, "tool-2", d.user("Bern"), tools=True)
    calls = d.calls(first)
    assert [arguments for _, arguments in calls] == [{"city": "Bern"}] * 2 and len({id for id, _ in calls}) == 2
    second = answered(mock, d, "tool-2", d.user("Bern") + d.results(first, ["rain", "sun"]), tools=True)
    assert d.text(second) == "rain\nsun" and not d.calls(second)


@every
def test_a_call_without_its_result_is_refused(mock, d):
    first = answered(mock, d, "tool-2", d.user("Bern"), tools=True)
    messages = d.user("Bern") + d.results(first, ["only one"])
    answer = ask(mock, d, "echo", messages, tools=True)
    assert answer.status == 400 and d.error(answer), answer


@pytest.mark.parametrize("d", SIGNING, ids=lambda d: d.name)
def test_a_signature_must_come_back(mock, d):
    first = answered(mock, d, "think", d.user("Bern"), tools=True)
    messages = d.user("Bern") + d.results(first, ["rain"])
    assert d.text(answered(mock, d, "think", messages, tools=True)) == "rain"
    answer = ask(mock, d, "think", d.unsign(messages), tools=True)
    assert answer.status == 400 and d.error(answer), answer
    bent = json.loads(json.dumps(messages).replace("bW9jay", "bW9jYX"))
    assert bent != messages
    assert ask(mock, d, "think", bent, tools=True).status == 400
    # A model that does not think wants none.
    assert ask(mock, d, "echo", d.unsign(messages), tools=True).status == 200


@every
def test_media_are_told(mock, d):
    assert d.text(answered(mock, d, "image", d.image())) == f"image/png {PNG_BYTES} bytes"
    assert d.text(answered(mock, d, "image", d.user("none"))) == "no media"


@every
def test_refusal(mock, d):
    assert d.stop(answered(mock, d, "refuse", d.user("hi"))) == d.refused


@every
def test_usage(mock, d):
    assert d.usage(answered(mock, d, "lorem-7", d.user("one two three"))) == (3, 7, 0)
    prompt, output, cached = d.usage(answered(mock, d, "lorem-7", d.user("word " * 1500)))
    assert output == 7 and prompt >= 1500 and cached == prompt // 128 * 128


@every
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_errors(mock, d, status):
    answer = ask(mock, d, f"error-{status}", d.user("hi"))
    assert answer.status == status and d.error(answer), answer
    assert ("retry-after" in answer.headers) == (status in (429, 503))


@every
@pytest.mark.parametrize("header", ["Authorization", "x-api-key", "x-goog-api-key"])
def test_a_bad_key(mock, d, header):
    value = ("Bearer " if header == "Authorization" else "") + "error-401"
    answer = ask(mock, d, "echo", d.user("hi"), headers={header: value})
    assert answer.status == 401 and d.error(answer)


@every
def test_a_misspelt_model(mock, d):
    answer = ask(mock, d, "lorem-x", d.user("hi"))
    assert answer.status == 404 and "lorem-N" in d.error(answer)


@every
@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'"x"'])
def test_no_object(mock, d, body):
    answer = call(mock.base, "POST", d.path("echo", False), body)
    assert answer.status == 400 and d.error(answer)


def test_a_cut_within_a_frame(mock):
    d = DIALECTS[4]
    stream = Stream(mock.base, d.path("cut-3", True), d.body("cut-3", d.user("a b c d e f")))
    data = b""
    with pytest.raises(Exception):
        while True:
            piece = stream.read()
            data += piece
            if not piece:
                raise EOFError
    found = list(frames(data))
    assert len(found) == 4 and found[-1][0] is None, "three whole messages and a piece of the fourth"


@pytest.mark.parametrize("path, body, count", [
    ("/anthropic/v1/messages/count_tokens",
     {"model": "echo", "messages": [{"role": "user", "content": "a b c"}]}, {"input_tokens": 3}),
    ("/v1/responses/input_tokens", {"model": "echo", "instructions": "be brief", "input": "a b c"},
     {"object": "response.input_tokens", "input_tokens": 5}),
    ("/genai/v1beta/models/echo:countTokens", {"contents": [{"parts": [{"text": "a b c"}]}]}, {"totalTokens": 3}),
    ("/bedrock/model/echo/count-tokens",
     {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "a b c"}]}]}}},
     {"inputTokens": 3}),
])
def test_counts(mock, path, body, count):
    assert call(mock.base, "POST", path, body).json() == count


def test_tokenize(mock):
    answer = call(mock.base, "POST", "/cohere/v1/tokenize", {"model": "echo", "text": "a bc  d"}).json()
    assert answer["tokens"] == [0, 1, 2] and answer["token_strings"] == ["a", " bc", "  d"]


def test_embeddings(mock):
    text = {"content": {"parts": [{"text": "fish"}]}, "outputDimensionality": 8}
    gemini = call(mock.base, "POST", "/genai/v1beta/models/e:embedContent", text).json()["embedding"]["values"]
    batch = call(mock.base, "POST", "/genai/v1beta/models/e:batchEmbedContents", {"requests": [text] * 2}).json()
    cohere = call(mock.base, "POST", "/cohere/v2/embed",
                  {"model": "e", "texts": ["fish"], "input_type": "classification", "output_dimension": 8}).json()
    titan = call(mock.base, "POST", "/bedrock/model/titan-embed/invoke", {"inputText": "fish", "dimensions": 8}).json()
    openai = call(mock.base, "POST", "/v1/embeddings", {"model": "e", "input": "fish", "dimensions": 8}).json()
    assert len(gemini) == 8 and abs(sum(x * x for x in gemini) - 1) < 1e-5
    assert [e["values"] for e in batch["embeddings"]] == [gemini] * 2
    assert cohere["embeddings"]["float"] == [gemini] and titan["embedding"] == gemini
    assert openai["data"][0]["embedding"] == gemini


def test_rerank(mock):
    answer = call(mock.base, "POST", "/cohere/v2/rerank", {
        "model": "r", "query": "blue fish", "documents": ["a dog", "a blue fish", "a fish"], "top_n": 2}).json()
    assert [r["index"] for r in answer["results"]] == [1, 2]


@pytest.mark.parametrize("path, names", [
    ("/v1/models", lambda a: [m["id"] for m in a["data"]]),
    ("/anthropic/v1/models", lambda a: [m["id"] for m in a["data"]]),
    ("/genai/v1beta/models", lambda a: [m["name"].removeprefix("models/") for m in a["models"]]),
    ("/cohere/v1/models", lambda a: [m["name"] for m in a["models"]]),
])
def test_lists(mock, path, names):
    assert {"echo", "think", "tool-2"} <= set(names(call(mock.base, "GET", path).json()))


def test_invoke(mock):
    claude = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9,
              "messages": [{"role": "user", "content": "hi"}]}
    whole = call(mock.base, "POST", "/bedrock/model/echo/invoke", claude).json()
    assert whole["content"] == [{"type": "text", "text": "hi"}] and whole["usage"]["input_tokens"] == 1
    titan = call(mock.base, "POST", "/bedrock/model/echo/invoke", {"inputText": "hi"}).json()
    assert titan["results"][0]["outputText"] == "hi"
    refused = call(mock.base, "POST", "/bedrock/model/echo/invoke", {**claude, "stream": True})
    assert refused.status == 400 and "stream" in refused.json()["message"]


@pytest.mark.parametrize("path, body", [("/anthropic/v1/messages/batches", {"requests": []}),
                                        ("/genai/v1beta/cachedContents", {"model": "models/echo"}),
                                        ("/v1/batches", {"input_file_id": "x"})])
def test_relayed(mock, path, body):
    answer = call(mock.base, "POST", path, body)
    assert answer.status == 200 and answer.json()["id"]
