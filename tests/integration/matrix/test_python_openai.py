"""The official Python SDK of OpenAI, chat completions."""

import openai
import pytest

from pairs import (PNG_URL, RESULTS, SEEN, SLOW, SYSTEM, THOUGHT, TOOLS, WORDS, Event, check_calls, check_event,
                   check_lorem, check_results)

SDK, CLIENT = "Python openai", "openai"
ASK = [{"role": "user", "content": WORDS}]
FUNCTIONS = [{"type": "function", "function": {"name": name, "description": told, "parameters": schema}}
             for name, told, schema in TOOLS]
ERRORS = {400: openai.BadRequestError, 401: openai.AuthenticationError, 429: openai.RateLimitError,
          500: openai.InternalServerError}


@pytest.fixture
def client(pair):
    with openai.OpenAI(base_url=pair.base + "/v1", api_key=pair.key, max_retries=0, timeout=20) as one:
        yield one.chat.completions


def message_of(client, stream, **request):
    """The assistant's message as the SDK has it in the end."""
    if not stream:
        return client.create(**request).choices[0].message
    with client.stream(**request) as events:
        for _ in events:
            pass
        return events.get_final_completion().choices[0].message


def test_text(pair, client):
    answer = client.create(model=pair.model("echo"), temperature=0.5, messages=[
        {"role": "system", "content": SYSTEM}, {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"}, *ASK])
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (WORDS, "stop")
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    cut = client.create(model=pair.model("lorem-90"), messages=ASK, max_completion_tokens=20)
    assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 20)


def test_stream(pair, client):
    chunks = list(client.create(model=pair.model("lorem-12"), messages=ASK, stream=True,
                                stream_options={"include_usage": True}))
    check_lorem([chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices])
    assert chunks[-1].usage.completion_tokens == 12
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]


def test_tools(pair, client, stream):
    first = message_of(client, stream, model=pair.model("tool-2"), messages=ASK, tools=FUNCTIONS)
    check_calls([(call.function.name, call.function.arguments) for call in first.tool_calls])
    results = [{"role": "tool", "tool_call_id": call.id, "content": result}
               for call, result in zip(first.tool_calls, RESULTS)]
    second = message_of(client, stream, model=pair.model("tool-2"), tools=FUNCTIONS, messages=[
        *ASK, {"role": "assistant", "content": first.content, "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": call.function.name,
                                                             "arguments": call.function.arguments}}
            for call in first.tool_calls]}, *results])
    check_results(second.content)


def test_image(pair, client):
    parts = [{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {"url": PNG_URL}}]
    answer = client.create(model=pair.model("image"), messages=[{"role": "user", "content": parts}])
    assert answer.choices[0].message.content == SEEN


def test_structured(pair, client):
    answer = client.parse(model=pair.model("json"), messages=ASK, response_format=Event)
    check_event(answer.choices[0].message.parsed)


def test_thinking(pair, client, stream):
    first = message_of(client, stream, model=pair.model("think"), messages=ASK, tools=FUNCTIONS, reasoning_effort="low")
    assert first.reasoning_content == THOUGHT
    call = first.tool_calls[0]
    # As it came: what belongs to the thought is in fields that the SDK keeps without knowing them.
    kept = first.model_dump(exclude_none=True, exclude={"parsed": True, "tool_calls": {"__all__": {
        "function": {"parsed_arguments"}}}})
    second = message_of(client, stream, model=pair.model("think"), tools=FUNCTIONS, reasoning_effort="low", messages=[
        *ASK, kept, {"role": "tool", "tool_call_id": call.id, "content": RESULTS[0]}])
    assert second.content == RESULTS[0]


def test_error(pair, client, status):
    with pytest.raises(ERRORS[status]) as error:
        client.create(model=pair.model(f"error-{status}"), messages=ASK)
    assert error.value.status_code == status and error.value.body["message"]


def test_cancel(pair, client):
    with client.create(model=pair.model(SLOW), messages=ASK, stream=True) as chunks:
        for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                break
    pair.wait_gone()
