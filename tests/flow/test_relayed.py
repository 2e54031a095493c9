"""What is relayed without being understood: who may, and that every byte of it passes."""

import hashlib
import json

import pytest

from gateway import Gateway
from test_dialects import ERRORS
from wire import ScriptedUpstream

PROVIDERS = {"oa": "openai", "an": "anthropic", "ge": "gemini", "be": "bedrock", "co": "cohere"}

# Every operation that reaches further than the model it names: method, path, provider, endpoint.
BROAD = [
    ("GET", "/v1/chat/completions/c-1", "oa", "chat.completions"),
    ("POST", "/v1/chat/completions/c-1", "oa", "chat.completions"),
    ("GET", "/v1/responses/r-1", "oa", "responses"), ("DELETE", "/v1/responses/r-1", "oa", "responses"),
    ("POST", "/v1/responses/r-1/cancel", "oa", "responses"),
    ("POST", "/v1/files", "oa", "files"), ("GET", "/v1/files/f-1/content", "oa", "files"),
    ("POST", "/v1/uploads", "oa", "uploads"), ("POST", "/v1/uploads/u-1/parts", "oa", "uploads"),
    ("GET", "/v1/batches", "oa", "batches"), ("POST", "/v1/batches", "oa", "batches"),
    ("POST", "/v1/batches/b-1/cancel", "oa", "batches"), ("POST", "/v1/fine_tuning/jobs", "oa", "fine_tuning"),
    ("POST", "/v1/containers", "oa", "containers"), ("POST", "/v1/vector_stores/v-1/search", "oa", "vector_stores"),
    ("POST", "/v1/assistants", "oa", "assistants"), ("POST", "/v1/assistants/a-1", "oa", "assistants"),
    ("POST", "/v1/threads/runs", "oa", "threads"), ("POST", "/v1/threads/t-1/runs", "oa", "threads"),
    ("POST", "/v1/conversations", "oa", "conversations"), ("POST", "/v1/evals", "oa", "evals"),
    ("POST", "/openai/v1/batches", "oa", "batches"), ("POST", "/litellm/v1/assistants", "oa", "assistants"),
    ("POST", "/openai/deployments/oa%2Fm/batches", "oa", "batches"),
    ("POST", "/anthropic/v1/messages/batches", "an", "batches"), ("POST", "/v1/messages/batches", "an", "batches"),
    ("GET", "/anthropic/v1/messages/batches/b-1/results", "an", "batches"),
    ("POST", "/anthropic/v1/files", "an", "files"), ("POST", "/anthropic/v1/skills", "an", "skills"),
    ("POST", "/genai/v1beta/files", "ge", "files"), ("POST", "/genai/upload/v1beta/files", "ge", "files"),
    ("POST", "/upload/v1beta/files", "ge", "files"), ("POST", "/genai/v1beta/cachedContents", "ge", "cachedContents"),
    ("GET", "/genai/v1beta/batches/b-1", "ge", "batches"), ("GET", "/genai/v1beta/operations/o-1", "ge", "operations"),
    ("POST", "/genai/v1beta/tunedModels", "ge", "tunedModels"),
    ("POST", "/genai/v1beta/fileSearchStores", "ge", "fileSearchStores"),
    ("POST", "/genai/v1beta/interactions", "ge", "interactions"),
    ("POST", "/genai/v1beta/models/ge/m:batchGenerateContent", "ge", "batchGenerateContent"),
    ("POST", "/genai/v1beta/models/ge/m:asyncBatchEmbedContent", "ge", "asyncBatchEmbedContent"),
    ("POST", "/bedrock/async-invoke", "be", "async-invoke"), ("POST", "/bedrock/guardrail/g/version/1/apply", "be", "guardrail"),
    ("POST", "/cohere/v1/datasets", "co", "datasets"), ("POST", "/cohere/v1/embed-jobs", "co", "embed-jobs"),
]

# Relayed as well, but what they name is all that they use.
OF_A_MODEL = [
    ("/v1/moderations", "oa", "moderations"), ("/v1/images/generations", "oa", "images"),
    ("/v1/images/edits", "oa", "images"), ("/v1/images/variations", "oa", "images"), ("/v1/audio/speech", "oa", "audio"),
    ("/v1/audio/transcriptions", "oa", "audio"), ("/v1/audio/translations", "oa", "audio"),
    ("/v1/videos", "oa", "videos"), ("/anthropic/v1/complete", "an", None),
    ("/genai/v1beta/models/{model}:predict", "ge", None), ("/genai/v1beta/models/{model}:predictLongRunning", "ge", None),
    ("/cohere/v1/chat", "co", "chat.v1"), ("/cohere/v1/embed", "co", "embed.v1"), ("/cohere/v1/rerank", "co", "rerank.v1"),
    ("/cohere/v1/classify", "co", "classify"), ("/cohere/v1/detokenize", "co", None),
]

NAMES_ALONE = "sk-bf-names-names-names-names-names-names-names"


class Relay:
    """A gateway before one upstream that answers anything, as five providers of different dialects."""

    def __init__(self):
        self.seen, self.headers, self.keys = [], [], {}
        self.upstream = ScriptedUpstream(self.answer)
        base = self.upstream.base
        urls = {"oa": base + "/v1", "an": base, "ge": base + "/v1beta", "be": base, "co": base}
        vendors = {"oa": "openai-compatible", "an": "anthropic-compatible", "ge": "gemini", "be": "bedrock", "co": "cohere"}
        providers = "".join(f'  {p}: {{ vendor: {vendors[p]}, dialect: {PROVIDERS[p]}, base_url: "{urls[p]}", '
                            f'keys: [ {{ value: up-key }} ] }}\n' for p in PROVIDERS)
        names = json.dumps([f"{p}/m" for p in PROVIDERS])
        self.gateway = Gateway(f"require_key: true\nproviders:\n{providers}"
                               f"virtual_keys: [ {{ name: names, value: {NAMES_ALONE}, models: {names} }} ]\n")

    def answer(self, connection):
        while request := connection.read_request():
            self.seen.append(request)
            connection.answer(200, {}, self.headers)

    def key(self, *models):
        if models not in self.keys:
            self.keys[models] = self.gateway.api("POST", "/api/keys", {"name": " ".join(models), "models": list(models)},
                                                 expect=201)["key"]
        return self.keys[models]

    def call(self, method, path, key, body):
        self.seen.clear()
        return self.gateway.call(method, path, body if method == "POST" else None, key=key)


@pytest.fixture(scope="module")
def relay():
    one = Relay()
    yield one
    one.gateway.stop()
    one.upstream.stop()


def assert_refused(relay, answer, provider):
    assert (answer.status, answer.headers["x-bf-error"]) == (403, "model_not_allowed"), answer
    assert ERRORS[PROVIDERS[provider]](answer.json())
    assert relay.seen == []


@pytest.mark.parametrize("method,path,provider,endpoint", BROAD)
def test_a_model_in_the_body_opens_no_other_door(relay, method, path, provider, endpoint):
    body = {"model": f"{provider}/m", "requests": [{"params": {"model": "the-expensive-one"}}]}
    assert_refused(relay, relay.call(method, path, NAMES_ALONE, body), provider)
    other = relay.key(f"{provider}/m", f"{provider}/elsewhere", f"mock/{endpoint}")
    assert_refused(relay, relay.call(method, path, other, body), provider)
    answer = relay.call(method, path, relay.key(f"{provider}/m", f"{provider}/{endpoint}"), body)
    assert answer.status == 200 and len(relay.seen) == 1, answer
    answer = relay.call(method, path, relay.key(f"{provider}/*"), body)
    assert answer.status == 200 and len(relay.seen) == 1, answer


def test_the_endpoint_opens_no_other_model(relay):
    key = relay.key("oa/assistants", "oa/m")
    assert_refused(relay, relay.call("POST", "/v1/assistants", key, {"model": "oa/x"}), "oa")
    assert relay.call("POST", "/v1/assistants", key, {"model": "oa/m"}).status == 200
    assert relay.call("GET", "/v1/assistants", key, None).status == 200


@pytest.mark.parametrize("path,provider,endpoint", OF_A_MODEL)
def test_what_uses_a_model_only_needs_that(relay, path, provider, endpoint):
    def call(model, key=NAMES_ALONE):
        body = {"model": model} if "{model}" not in path else {}
        return relay.call("POST", path.format(model=model), key, body)
    answer = call(f"{provider}/m")
    assert answer.status == 200 and len(relay.seen) == 1, answer
    assert_refused(relay, call(f"{provider}/x"), provider)
    if endpoint is not None:  # the body need not name one
        assert_refused(relay, relay.call("POST", path, NAMES_ALONE, {}), provider)
        assert relay.call("POST", path, relay.key(f"{provider}/{endpoint}"), {}).status == 200


def test_another_provider_is_not_reached_by_a_header(relay):
    key = relay.key("ge/files")
    relay.seen.clear()
    answer = relay.gateway.call("GET", "/v1/files", headers={"x-bf-provider": "oa"}, key=key)
    assert_refused(relay, answer, "oa")


@pytest.mark.parametrize("prefix", ["", "/genai", "/langchain/genai"])
def test_geminis_resumable_uploads(relay, prefix):
    """Start at the gateway; the bytes then go to the address that the vendor gave."""
    where = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=AbC-1&upload_protocol=resumable"
    relay.headers = [("X-Goog-Upload-URL", where), ("X-Goog-Upload-Status", "active"),
                     ("X-Goog-Upload-Chunk-Granularity", "8388608"), ("X-Goog-Upload-Control-URL", where)]
    body = b'{ "file" : {"display_name":"a\\u00e9"} }'
    relay.seen.clear()
    answer = relay.gateway.call("POST", f"{prefix}/upload/v1beta/files?uploadType=resumable&key=ignored", body, {
        "X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start", "x-goog-api-key": relay.key("ge/files"),
        "X-Goog-Upload-Header-Content-Length": "70000", "X-Goog-Upload-Header-Content-Type": "image/png",
        "X-Goog-Upload-File-Name": "a.png", "Content-Type": "application/json"})
    relay.headers = []
    assert answer.status == 200, answer
    assert answer.headers["x-goog-upload-url"] == where and answer.headers["x-goog-upload-status"] == "active"
    assert answer.headers["x-goog-upload-chunk-granularity"] == "8388608"
    [sent] = relay.seen
    assert (sent.path, sent.body) == ("/upload/v1beta/files?uploadType=resumable", body)
    assert sent.headers["x-goog-api-key"] == "up-key"
    assert {name: value for name, value in sent.headers.items() if name.startswith("x-goog-upload")} == {
        "x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start",
        "x-goog-upload-header-content-length": "70000", "x-goog-upload-header-content-type": "image/png",
        "x-goog-upload-file-name": "a.png"}


@pytest.mark.parametrize("content_type,protocol", [
    ("multipart/related; boundary=b", "multipart"), ("image/png", "raw"), ("application/json", "raw")])
def test_uploads_in_one_request(relay, content_type, protocol):
    body = b"--b\r\n\r\n{\"model\":\"x\"}\r\n--b\r\n\r\n" + bytes(range(256)) * 4000 + b"\r\n--b--\r\n"
    relay.seen.clear()
    answer = relay.gateway.call("POST", "/upload/v1beta/files", body, {
        "X-Goog-Upload-Protocol": protocol, "Content-Type": content_type}, key=relay.key("ge/files"))
    assert answer.status == 200, answer
    [sent] = relay.seen
    assert hashlib.sha256(sent.body).digest() == hashlib.sha256(body).digest()
    assert (sent.headers["content-type"], sent.headers["x-goog-upload-protocol"]) == (content_type, protocol)


@pytest.mark.parametrize("path", ["/upload", "/upload/files", "/upload/v1beta/models", "/genai/upload/v1beta/filesx",
                                  "/upload/v1beta/models/m:generateContent"])
def test_nothing_else_is_uploaded(relay, path):
    answer = relay.gateway.call("POST", path, {}, key=relay.key("ge/*"))
    assert (answer.status, answer.headers["x-bf-error"]) == (404, "bad_path"), answer
    assert "status" in answer.json()["error"]  # Google's shape
