"""Cohere's official Python SDK, the v2 API."""

import cohere
import pytest
from cohere import errors

from pairs import (PNG_URL, RESULTS, SEEN, SLOW, SYSTEM, THOUGHT, TOOLS, WORDS, Event, check_calls, check_event,
                   check_lorem, check_results)

SDK, CLIENT = "Python cohere", "cohere"
ASK = [{"role": "user", "content": WORDS}]
FUNCTIONS = [{"type": "function", "function": {"name": name, "description": told, "parameters": schema}}
             for name, told, schema in TOOLS]
THINK = {"type": "enabled", "token_budget": 1024}
ERRORS = {400: errors.BadRequestError, 401: errors.UnauthorizedError, 429: errors.TooManyRequestsError,
          500: errors.InternalServerError}
ONCE = {"max_retries": 0}


@pytest.fixture
def client(pair):
    return cohere.ClientV2(api_key=pair.key, base_url=pair.base + "/cohere", timeout=20)


def gather(events):
    """A stream's message, put together as Cohere's guide does; also the pieces of text and the last delta."""
    message = {"role": "assistant", "content": {}, "tool_calls": {}, "tool_plan": ""}
    pieces, last = [], None
    for event in events:
        told = getattr(getattr(event, "delta", None), "message", None)
        if event.type == "content-start":
            message["content"][event.index] = told.content.model_dump(exclude_none=True)
        elif event.type == "content-delta":
            block, more = message["content"][event.index], told.content.model_dump(exclude_none=True)
            pieces.append(more.get("text", ""))
            for name in more.keys() - {"type"}:  # also what the SDK has no name for
                block[name] = block.get(name, "") + more[name]
        elif event.type == "tool-plan-delta":
            message["tool_plan"] += told.tool_plan
        elif event.type == "tool-call-start":
            message["tool_calls"][event.index] = told.tool_calls.model_dump(exclude_none=True)
        elif event.type == "tool-call-delta":
            message["tool_calls"][event.index]["function"]["arguments"] += told.tool_calls.function.arguments
        elif event.type == "message-end":
            last = event.delta
    whole = {"role": "assistant", "content": list(message["content"].values()),
             "tool_calls": list(message["tool_calls"].values()), "tool_plan": message["tool_plan"]}
    return {name: value for name, value in whole.items() if value}, pieces, last


def answer_of(client, stream, **request):
    """The assistant's message, as a dict."""
    if stream:
        return gather(client.chat_stream(request_options=ONCE, **request))[0]
    return client.chat(request_options=ONCE, **request).message.model_dump(exclude_none=True)


def turns_of(message):
    results = [{"role": "tool", "tool_call_id": call["id"], "content": result}
               for call, result in zip(message["tool_calls"], RESULTS)]
    return [*ASK, message, *results]


def text_of(message):
    return "".join(block.get("text", "") for block in message["content"])


def test_text(pair, client):
    answer = client.chat(model=pair.model("echo"), temperature=0.5, request_options=ONCE, messages=[
        {"role": "system", "content": SYSTEM}, {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"}, *ASK])
    assert (answer.message.content[0].text, answer.finish_reason) == (WORDS, "COMPLETE")
    assert answer.usage.tokens.input_tokens > 0 and answer.usage.tokens.output_tokens > 0
    cut = client.chat(model=pair.model("lorem-90"), messages=ASK, max_tokens=20, request_options=ONCE)
    assert (cut.finish_reason, cut.usage.tokens.output_tokens) == ("MAX_TOKENS", 20)


def test_stream(pair, client):
    _, pieces, last = gather(client.chat_stream(model=pair.model("lorem-12"), messages=ASK, request_options=ONCE))
    check_lorem(pieces)
    assert (last.finish_reason, last.usage.tokens.output_tokens) == ("COMPLETE", 12)


def test_tools(pair, client, stream):
    request = {"model": pair.model("tool-2"), "tools": FUNCTIONS}
    first = answer_of(client, stream, messages=ASK, **request)
    check_calls([(call["function"]["name"], call["function"]["arguments"]) for call in first["tool_calls"]])
    check_results(text_of(answer_of(client, stream, messages=turns_of(first), **request)))


def test_image(pair, client):
    parts = [{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {"url": PNG_URL}}]
    answer = answer_of(client, False, model=pair.model("image"), messages=[{"role": "user", "content": parts}])
    assert text_of(answer) == SEEN


def test_structured(pair, client):
    answer = answer_of(client, False, model=pair.model("json"), messages=ASK, response_format={
        "type": "json_object", "json_schema": Event.model_json_schema()})
    check_event(text_of(answer))


def test_thinking(pair, client, stream):
    request = {"model": pair.model("think"), "tools": FUNCTIONS, "thinking": THINK}
    first = answer_of(client, stream, messages=ASK, **request)
    thoughts = [block.get("thinking", "") for block in first.get("content", [])]
    assert THOUGHT in "".join([*thoughts, first.get("tool_plan", "")])
    assert text_of(answer_of(client, stream, messages=turns_of(first), **request)) == RESULTS[0]


def test_error(pair, client, status):
    with pytest.raises(ERRORS[status]) as error:
        client.chat(model=pair.model(f"error-{status}"), messages=ASK, request_options=ONCE)
    assert error.value.status_code == status and error.value.body["message"]


def test_cancel(pair, client):
    events = client.chat_stream(model=pair.model(SLOW), messages=ASK, request_options=ONCE)
    for event in events:
        if event.type == "content-delta":
            break
    events.close()
    pair.wait_gone()
