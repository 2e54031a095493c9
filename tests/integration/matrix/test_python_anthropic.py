"""The official Python SDK of Anthropic."""

import anthropic
import pytest

from pairs import (PNG64, RESULTS, SEEN, SLOW, SYSTEM, THOUGHT, TOOLS, WORDS, Event, check_calls, check_event,
                   check_lorem, check_results)

SDK, CLIENT = "Python anthropic", "anthropic"
ASK = [{"role": "user", "content": WORDS}]
FUNCTIONS = [{"name": name, "description": told, "input_schema": schema} for name, told, schema in TOOLS]
ERRORS = {400: anthropic.BadRequestError, 401: anthropic.AuthenticationError, 429: anthropic.RateLimitError,
          500: anthropic.InternalServerError}
KINDS = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error", 500: "api_error"}
THINK = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096}


@pytest.fixture
def client(pair):
    with anthropic.Anthropic(base_url=pair.base + "/anthropic", api_key=pair.key, max_retries=0, timeout=20) as one:
        yield one.messages


def answer_of(client, stream, **request):
    if not stream:
        return client.create(**request)
    with client.stream(**request) as events:
        return events.get_final_message()


def calls_of(answer):
    return [block for block in answer.content if block.type == "tool_use"]


def turns_of(answer):
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": result}
               for call, result in zip(calls_of(answer), RESULTS)]
    return [*ASK, {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]


def test_text(pair, client):
    answer = client.create(model=pair.model("echo"), max_tokens=100, system=SYSTEM, messages=[
        {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}, *ASK])
    assert (answer.content[0].text, answer.stop_reason) == (WORDS, "end_turn")
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    cut = client.create(model=pair.model("lorem-90"), max_tokens=20, messages=ASK)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 20)


def test_stream(pair, client):
    with client.stream(model=pair.model("lorem-12"), max_tokens=100, messages=ASK) as events:
        check_lorem(list(events.text_stream))
        final = events.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 12)


def test_tools(pair, client, stream):
    request = {"model": pair.model("tool-2"), "max_tokens": 100, "tools": FUNCTIONS}
    first = answer_of(client, stream, messages=ASK, **request)
    assert first.stop_reason == "tool_use"
    check_calls([(call.name, call.input) for call in calls_of(first)])
    second = answer_of(client, stream, messages=turns_of(first), **request)
    check_results(second.content[-1].text)


def test_image(pair, client):
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG64}}
    answer = client.create(model=pair.model("image"), max_tokens=100, messages=[
        {"role": "user", "content": [picture, {"type": "text", "text": "Look."}]}])
    assert answer.content[0].text == SEEN


def test_structured(pair, client):
    answer = client.parse(model=pair.model("json"), max_tokens=100, messages=ASK, output_format=Event)
    check_event(answer.parsed_output)


def test_thinking(pair, client, stream):
    request = {"model": pair.model("think"), "tools": FUNCTIONS, **THINK}
    first = answer_of(client, stream, messages=ASK, **request)
    assert THOUGHT in [block.thinking for block in first.content if block.type == "thinking"]
    second = answer_of(client, stream, messages=turns_of(first), **request)
    assert second.content[-1].text == RESULTS[0]


def test_error(pair, client, status):
    with pytest.raises(ERRORS[status]) as error:
        client.create(model=pair.model(f"error-{status}"), max_tokens=100, messages=ASK)
    assert error.value.status_code == status
    assert error.value.body["error"]["type"] == KINDS[status] and error.value.body["error"]["message"]


def test_cancel(pair, client):
    with client.stream(model=pair.model(SLOW), max_tokens=5000, messages=ASK) as events:
        next(iter(events.text_stream))
    pair.wait_gone()
