"""What the SDKs do beside chats: embeddings, rerank, counting, lists, InvokeModel; and the ways to bring a key."""

import json

import anthropic
import boto3
import cohere
import openai
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from google import genai
from google.genai import types

from pairs import TOOLS, WORDS

EMBEDDERS = ["openai", "gemini", "cohere", "bedrock"]  # who has embeddings
ASK = [{"role": "user", "content": WORDS}]


@pytest.fixture
def gateway(matrix_gateway, mock):
    return matrix_gateway


@pytest.fixture
def key():
    from common import KEY
    return KEY


@pytest.fixture
def google(gateway, key):
    with genai.Client(api_key=key, http_options=types.HttpOptions(base_url=gateway.base + "/genai")) as one:
        yield one.models


def claude(gateway, key, base="/anthropic", **more):
    return anthropic.Anthropic(base_url=gateway.base + base, api_key=key, max_retries=0, **more)


def bedrock(base, **more):
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=base + "/bedrock",
                        config=Config(retries={"total_max_attempts": 1}, **more))


# --- embeddings, rerank, counting ---


@pytest.mark.parametrize("upstream", EMBEDDERS)
@pytest.mark.parametrize("size", [None, 64])
def test_embeddings_of_openai(gateway, key, upstream, size):
    more = {"dimensions": size} if size else {}
    model = f"at-{upstream}/" + ("amazon.titan-embed-text-v2:0" if upstream == "bedrock" else "any")
    with openai.OpenAI(base_url=gateway.base + "/v1", api_key=key, max_retries=0) as client:
        answer = client.embeddings.create(model=model, input="one" if upstream == "bedrock" else ["one", "two"], **more)
    assert len(answer.data) == (1 if upstream == "bedrock" else 2)
    assert len(answer.data[0].embedding) == len(answer.data[-1].embedding) > 0
    assert size is None or len(answer.data[0].embedding) == size


@pytest.mark.parametrize("upstream", ["openai", "gemini", "cohere"])
def test_embeddings_of_gemini(google, upstream):
    answer = google.embed_content(model=f"at-{upstream}/any", contents=["one", "two"])
    assert len(answer.embeddings) == 2 and len(answer.embeddings[0].values) > 0
    assert answer.embeddings[0].values != answer.embeddings[1].values


@pytest.mark.parametrize("upstream", ["openai", "gemini", "cohere"])
def test_embeddings_of_cohere(gateway, key, upstream):
    client = cohere.ClientV2(api_key=key, base_url=gateway.base + "/cohere")
    answer = client.embed(model=f"at-{upstream}/any", texts=["one", "two"], input_type="search_document",
                          embedding_types=["float"])
    assert len(answer.embeddings.float_) == 2 and len(answer.embeddings.float_[0]) > 0


def test_rerank(gateway, key):
    client = cohere.ClientV2(api_key=key, base_url=gateway.base + "/cohere")
    answer = client.rerank(model="at-cohere/any", query="fins", documents=["a car", "a fish has fins"], top_n=1)
    assert len(answer.results) == 1 and answer.results[0].relevance_score >= 0


@pytest.mark.parametrize("upstream", ["anthropic", "gemini", "bedrock"])
def test_count_tokens_of_anthropic(gateway, key, upstream):
    tools = [{"name": name, "description": told, "input_schema": schema} for name, told, schema in TOOLS]
    model = f"at-{upstream}/claude-x"
    with claude(gateway, key) as client:
        assert client.messages.count_tokens(model=model, messages=ASK, tools=tools).input_tokens > 0


@pytest.mark.parametrize("upstream", ["anthropic", "gemini"])
def test_count_tokens_of_gemini(google, upstream):
    assert google.count_tokens(model=f"at-{upstream}/echo", contents=WORDS).total_tokens > 0


def test_tokenize(gateway, key):
    client = cohere.ClientV2(api_key=key, base_url=gateway.base + "/cohere")
    assert len(client.tokenize(model="at-cohere/any", text=WORDS).tokens) > 0


# --- lists ---


def test_models(start_gateway):
    """Each SDK's own list, of the same models."""
    gateway = start_gateway()
    with openai.OpenAI(base_url=gateway.base + "/v1", api_key="unused") as client:
        names = [model.id for model in client.models.list()]
        assert client.models.retrieve("mock/echo").id == "mock/echo"
    assert "mock/echo" in names
    with claude(gateway, "unused") as client:
        assert [model.id for model in client.models.list(limit=1000)] == names
    with genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=gateway.base + "/genai")) as client:
        assert [model.name for model in client.models.list()] == [f"models/{name}" for name in names]
    client = cohere.Client(api_key="unused", base_url=gateway.base + "/cohere")
    assert [model.name for model in client.models.list(page_size=1000).models] == names


# --- InvokeModel ---


@pytest.fixture
def invoker(gateway, key, monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", key)
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=gateway.base_tls + "/bedrock",
                        verify=gateway.certificate, config=Config(retries={"total_max_attempts": 1}))


def invoke_stream(client, model, body):
    stream = client.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
    return [json.loads(event["chunk"]["bytes"]) for event in stream]


def test_invoke_anthropic(pair, invoker):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": ASK}
    answer = json.loads(invoker.invoke_model(modelId=pair.model("claude-echo"), body=json.dumps(body))["body"].read())
    assert answer["content"][0]["text"] == WORDS and answer["usage"]["input_tokens"] > 0
    events = invoke_stream(invoker, pair.model("claude-lorem-12"), body)
    assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop"
    assert len("".join(event["delta"].get("text", "") for event in events
                       if event["type"] == "content_block_delta").split()) == 12


def test_anthropics_own_bedrock_client(pair, monkeypatch):
    """AnthropicBedrock: Anthropic's SDK with AWS's paths, bodies and event stream."""
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    with anthropic.AnthropicBedrock(base_url=pair.base + "/bedrock", aws_access_key="AKIDEXAMPLE",
                                    aws_secret_key="x", aws_region="us-east-1", max_retries=0,
                                    default_headers={"x-bf-vk": pair.key}) as client:
        request = {"max_tokens": 100, "messages": ASK}
        assert client.messages.create(model=pair.model("claude-echo"), **request).content[0].text == WORDS
        with client.messages.stream(model=pair.model("claude-lorem-12"), **request) as events:
            assert len("".join(events.text_stream).split()) == 12


def test_invoke_titan(pair, invoker):
    body = {"inputText": WORDS, "textGenerationConfig": {"maxTokenCount": 100}}
    model = pair.model("echo")
    answer = json.loads(invoker.invoke_model(modelId=model, body=json.dumps(body))["body"].read())
    assert answer["results"][0]["outputText"].strip() == WORDS
    text = "".join(event["outputText"] for event in invoke_stream(invoker, model, body))
    assert text.strip() == WORDS


# --- keys ---


def with_header(client, key):
    client.meta.events.register("before-send.bedrock-runtime.*", lambda request, **_: request.headers.update(
        {"x-bf-vk": key}))
    return client


@pytest.mark.parametrize("base", ["", "/bedrock"])
def test_a_signature_beside_the_key_is_ignored(gateway, key, monkeypatch, mock, base):
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-nobody")
    one = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=gateway.base + base,
                       config=Config(retries={"total_max_attempts": 1}))
    ask = {"modelId": "at-anthropic/echo", "messages": [{"role": "user", "content": [{"text": WORDS}]}]}
    with pytest.raises(ClientError) as error:
        one.converse(**ask)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401
    answer = with_header(one, key).converse(**ask)
    assert answer["output"]["message"]["content"][0]["text"] == WORDS
    assert "AKIDEXAMPLE" not in json.dumps(mock.last())


def test_unsigned_with_the_key(gateway, key):
    one = with_header(bedrock(gateway.base, signature_version=UNSIGNED), key)
    answer = one.converse(modelId="at-gemini/echo", messages=[{"role": "user", "content": [{"text": WORDS}]}])
    assert answer["output"]["message"]["content"][0]["text"] == WORDS


@pytest.mark.parametrize("base", ["", "/anthropic", "/langchain/anthropic", "/litellm", "/pydanticai/anthropic"])
@pytest.mark.parametrize("bearer", [False, True], ids=["x-api-key", "bearer"])
def test_anthropic_bases_and_keys(gateway, key, base, bearer):
    more = {"base_url": gateway.base + base, "max_retries": 0}
    with (anthropic.Anthropic(auth_token=key, **more) if bearer else anthropic.Anthropic(api_key=key, **more)) as client:
        answer = client.messages.create(model="at-openai/echo", max_tokens=100, messages=ASK)
    assert answer.content[0].text == WORDS


@pytest.mark.parametrize("base", ["", "/genai", "/langchain/genai"])
@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_gemini_bases_and_versions(gateway, key, base, version):
    options = types.HttpOptions(base_url=gateway.base + base, api_version=version)
    with genai.Client(api_key=key, http_options=options) as client:
        assert client.models.generate_content(model="at-anthropic/echo", contents=WORDS).text == WORDS
        chunks = client.models.generate_content_stream(model="at-anthropic/lorem-12", contents=WORDS)
        assert len("".join(chunk.text or "" for chunk in chunks).split()) == 12


@pytest.mark.parametrize("base", ["", "/cohere", "/litellm/cohere"])
def test_cohere_bases(gateway, key, base):
    answer = cohere.ClientV2(api_key=key, base_url=gateway.base + base).chat(model="at-openai/echo", messages=ASK)
    assert answer.message.content[0].text == WORDS


@pytest.mark.parametrize("fail", ["wrong key", "unknown model"])
def test_our_own_errors_are_the_sdks_exceptions(gateway, key, google, fail):
    is_key = fail == "wrong key"
    key, model = ("sk-bf-wrong", "at-openai/echo") if is_key else (key, "nobody/x")
    with pytest.raises(anthropic.AuthenticationError if is_key else anthropic.NotFoundError) as error:
        claude(gateway, key).messages.create(model=model, max_tokens=9, messages=ASK)
    assert error.value.body["type"] == "error"
    kinds = cohere.errors
    with pytest.raises(kinds.UnauthorizedError if is_key else kinds.NotFoundError):
        cohere.ClientV2(api_key=key, base_url=gateway.base + "/cohere").chat(model=model, messages=ASK)
    options = types.HttpOptions(base_url=gateway.base + "/genai")
    with genai.Client(api_key=key, http_options=options) as client, pytest.raises(genai.errors.ClientError) as error:
        client.models.generate_content(model=model, contents=WORDS)
    assert error.value.status == ("UNAUTHENTICATED" if is_key else "NOT_FOUND")
    with pytest.raises(ClientError) as error:
        with_header(bedrock(gateway.base, signature_version=UNSIGNED), key).converse(
            modelId=model, messages=[{"role": "user", "content": [{"text": WORDS}]}])
    assert error.value.response["Error"]["Code"] == ("AccessDeniedException" if is_key else "ResourceNotFoundException")
