"""A provider nobody here wrote: @copilotkit/aimock, with a look into its journal."""

import json

import openai
import pytest

from gateway import one_provider
from wire import wait_until


@pytest.fixture
def through(start_gateway, aimock):
    gateway = start_gateway(one_provider(aimock.base + "/v1", name="ai"))
    with openai.OpenAI(base_url=gateway.base, api_key="unused", max_retries=0) as client:
        client.gateway = gateway
        yield client


def ask(client, text, **more):
    return client.chat.completions.create(model="ai/gpt-4o-mini", messages=[{"role": "user", "content": text}], **more)


def last_of(aimock, path):
    return [entry for entry in aimock.journal() if entry["path"].startswith(path)][-1]


def test_chat(through, aimock):
    assert ask(through, "hello").choices[0].message.content == "Hi there! How are you today?"
    entry = last_of(aimock, "/v1/chat/completions")
    assert entry["body"]["model"] == "gpt-4o-mini"
    assert entry["body"]["messages"] == [{"role": "user", "content": "hello"}]
    assert "unused" not in json.dumps(entry["headers"])


def test_stream_and_its_usage(through, aimock):
    chunks = list(ask(through, "hello", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hi there! How are you today?"
    assert last_of(aimock, "/v1/chat/completions")["body"]["stream_options"] == {"include_usage": True}

    def record():
        rows = through.gateway.api("GET", "/api/logs", expect=200)["data"]
        return rows and rows[0]
    row = wait_until(record, "the request in the log")
    assert row["stream"] and row["tokens"]["output"] > 0


def test_tools(through):
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    call = ask(through, "weather", tools=[tool]).choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Oslo"})


def test_responses(through):
    answer = through.responses.create(model="ai/gpt-4o-mini", input="hello")
    assert answer.output_text == "Hi there! How are you today?"
    events = [event.type for event in through.responses.create(model="ai/gpt-4o-mini", input="hello", stream=True)]
    assert events[0] == "response.created" and events[-1] == "response.completed"


def test_embeddings(through):
    answer = through.embeddings.create(model="ai/text-embedding-3-small", input="embed", encoding_format="float")
    assert answer.data[0].embedding == [0.25, -0.5, 0.75]


def test_errors(through):
    with pytest.raises(openai.RateLimitError) as error:
        ask(through, "refuse")
    assert error.value.code == "rate_limit_exceeded"
