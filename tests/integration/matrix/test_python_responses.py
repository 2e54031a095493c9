"""The official Python SDK of OpenAI, Responses API."""

import openai
import pytest

from pairs import (PNG_URL, RESULTS, SEEN, SLOW, SYSTEM, THOUGHT, TOOLS, WORDS, Event, check_calls, check_event,
                   check_lorem, check_results)

SDK, CLIENT = "Python openai", "responses"
FUNCTIONS = [{"type": "function", "name": name, "description": told, "parameters": schema, "strict": True}
             for name, told, schema in TOOLS]
ERRORS = {400: openai.BadRequestError, 401: openai.AuthenticationError, 429: openai.RateLimitError,
          500: openai.InternalServerError}
THINK = {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"], "store": False}


@pytest.fixture
def client(pair):
    with openai.OpenAI(base_url=pair.base + "/openai/v1", api_key=pair.key, max_retries=0, timeout=20) as one:
        yield one.responses


def answer_of(client, stream, **request):
    if not stream:
        return client.create(**request)
    with client.stream(**request) as events:
        for _ in events:
            pass
        return events.get_final_response()


def items_of(answer):
    return [item.model_dump(exclude_none=True, exclude={"parsed_arguments", "status"}) for item in answer.output]


def calls_of(answer):
    return [item for item in answer.output if item.type == "function_call"]


def results_of(answer):
    return [{"type": "function_call_output", "call_id": call.call_id, "output": result}
            for call, result in zip(calls_of(answer), RESULTS)]


def test_text(pair, client):
    answer = client.create(model=pair.model("echo"), instructions=SYSTEM, temperature=0.5, input=[
        {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"},
        {"role": "user", "content": WORDS}])
    assert (answer.output_text, answer.status) == (WORDS, "completed")
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    cut = client.create(model=pair.model("lorem-90"), input=WORDS, max_output_tokens=20)
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_stream(pair, client):
    events = list(client.create(model=pair.model("lorem-12"), input=WORDS, stream=True))
    check_lorem([event.delta for event in events if event.type == "response.output_text.delta"])
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.usage.output_tokens == 12


def test_tools(pair, client, stream):
    first = answer_of(client, stream, model=pair.model("tool-2"), input=WORDS, tools=FUNCTIONS)
    check_calls([(call.name, call.arguments) for call in calls_of(first)])
    second = answer_of(client, stream, model=pair.model("tool-2"), tools=FUNCTIONS, input=[
        {"role": "user", "content": WORDS}, *items_of(first), *results_of(first)])
    check_results(second.output_text)


def test_image(pair, client):
    parts = [{"type": "input_text", "text": "Look."}, {"type": "input_image", "image_url": PNG_URL, "detail": "auto"}]
    answer = client.create(model=pair.model("image"), input=[{"role": "user", "content": parts}])
    assert answer.output_text == SEEN


def test_structured(pair, client):
    check_event(client.parse(model=pair.model("json"), input=WORDS, text_format=Event).output_parsed)


def test_thinking(pair, client, stream):
    first = answer_of(client, stream, model=pair.model("think"), input=WORDS, tools=FUNCTIONS, **THINK)
    thoughts = [item for item in first.output if item.type == "reasoning"]
    assert THOUGHT in "".join(part.text for item in thoughts for part in item.summary)
    second = answer_of(client, stream, model=pair.model("think"), tools=FUNCTIONS, **THINK, input=[
        {"role": "user", "content": WORDS}, *items_of(first), *results_of(first)])
    assert second.output_text == RESULTS[0]


def test_error(pair, client, status):
    with pytest.raises(ERRORS[status]) as error:
        client.create(model=pair.model(f"error-{status}"), input=WORDS)
    assert error.value.status_code == status and error.value.body["message"]


def test_cancel(pair, client):
    with client.create(model=pair.model(SLOW), input=WORDS, stream=True) as events:
        for event in events:
            if event.type == "response.output_text.delta":
                break
    pair.wait_gone()
