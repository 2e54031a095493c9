"""A provider nobody here wrote: @copilotkit/aimock, with a look into its journal."""

import json

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from aimock import UPSTREAMS, providing
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


# --- its other dialects, each behind three clients ---

NAMES = ["get_weather", "get_time"]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "zone": {"type": "string"}}}
HI = "Hi there! How are you today?"


@pytest.fixture(params=UPSTREAMS)
def behind(request, start_gateway, aimock):
    """A gateway with aimock behind it, in one dialect."""
    return start_gateway(providing(aimock, request.param))


def test_openai_client(behind):
    with openai.OpenAI(base_url=behind.base + "/v1", api_key="unused", max_retries=0) as client:
        chat = client.chat.completions
        messages = [{"role": "user", "content": "hello"}]
        assert chat.create(model="ai/m", messages=messages).choices[0].message.content == HI
        chunks = list(chat.create(model="ai/m", messages=messages, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == HI
        messages = [{"role": "user", "content": "both"}]
        tools = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES]
        with chat.stream(model="ai/m", messages=messages, tools=tools) as events:
            first = events.get_final_completion().choices[0].message
        assert [json.loads(call.function.arguments) for call in first.tool_calls] == [{"city": "Oslo"}, {"zone": "utc"}]
        results = [{"role": "tool", "tool_call_id": call.id, "content": "fine"} for call in first.tool_calls]
        calls = {"role": "assistant", "tool_calls": [call.model_dump(include={
            "id": True, "type": True, "function": {"name", "arguments"}}) for call in first.tool_calls]}
        second = chat.create(model="ai/m", messages=[*messages, calls, *results], tools=tools)
        assert second.choices[0].message.content == "Cold, at nine."
        with pytest.raises(openai.RateLimitError):
            chat.create(model="ai/m", messages=[{"role": "user", "content": "refuse"}])


def test_anthropic_client(behind):
    with anthropic.Anthropic(base_url=behind.base + "/anthropic", api_key="unused", max_retries=0) as client:
        def ask(messages, **more):
            with client.messages.stream(model="ai/m", max_tokens=100, messages=messages, **more) as events:
                return events.get_final_message()
        messages = [{"role": "user", "content": "hello"}]
        assert client.messages.create(model="ai/m", max_tokens=100, messages=messages).content[0].text == HI
        assert ask(messages).content[0].text == HI
        messages = [{"role": "user", "content": "both"}]
        tools = [{"name": name, "input_schema": SCHEMA} for name in NAMES]
        first = ask(messages, tools=tools)
        calls = [block for block in first.content if block.type == "tool_use"]
        assert [call.input for call in calls] == [{"city": "Oslo"}, {"zone": "utc"}]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "fine"} for call in calls]
        second = ask([*messages, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}],
                     tools=tools)
        assert second.content[0].text == "Cold, at nine."
        with pytest.raises(anthropic.RateLimitError):
            ask([{"role": "user", "content": "refuse"}])


def test_gemini_client(behind):
    with genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=behind.base + "/genai")) as client:
        assert client.models.generate_content(model="ai/m", contents="hello").text == HI
        chunks = client.models.generate_content_stream(model="ai/m", contents="hello")
        assert "".join(chunk.text or "" for chunk in chunks) == HI
        tools = types.Tool(function_declarations=[types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA)
                                                  for name in NAMES])
        answer = client.models.generate_content(model="ai/m", contents="both", config=types.GenerateContentConfig(
            tools=[tools], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)))
        assert [call.args for call in answer.function_calls] == [{"city": "Oslo"}, {"zone": "utc"}]
