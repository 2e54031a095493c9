"""Google's official Python SDK."""

import pytest
from google import genai
from google.genai import errors, types

from pairs import (PNG, RESULTS, SEEN, SLOW, SYSTEM, THOUGHT, TOOLS, WORDS, Event, check_calls, check_event,
                   check_lorem, check_results)

SDK, CLIENT = "Python google-genai", "gemini"
ERRORS = {400: errors.ClientError, 401: errors.ClientError, 429: errors.ClientError, 500: errors.ServerError}
KINDS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
FUNCTIONS = types.Tool(function_declarations=[
    types.FunctionDeclaration(name=name, description=told, parameters_json_schema=schema)
    for name, told, schema in TOOLS])
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)


@pytest.fixture
def client(pair):
    one = genai.Client(api_key=pair.key, http_options=types.HttpOptions(base_url=pair.base + "/genai", timeout=20000))
    yield one.models
    one.close()


def user(*parts):
    return types.Content(role="user", parts=list(parts))


ASK = user(types.Part(text=WORDS))


def answer_of(client, stream, **request):
    """The parts of the answer; a stream's are all of its chunks' parts, as the SDK's own chats keep them."""
    if not stream:
        return client.generate_content(**request).candidates[0].content
    parts = [part for chunk in client.generate_content_stream(**request) for candidate in chunk.candidates or []
             for part in (candidate.content.parts if candidate.content else None) or []]
    return types.Content(role="model", parts=parts)


def calls_of(content):
    return [part.function_call for part in content.parts if part.function_call]


def results_of(content):
    return user(*[types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name,
                                                                      response={"result": result}))
                  for call, result in zip(calls_of(content), RESULTS)])


def text_of(content):
    return "".join(part.text or "" for part in content.parts if not part.thought)


def test_text(pair, client):
    config = types.GenerateContentConfig(system_instruction=SYSTEM, temperature=0.5)
    answer = client.generate_content(model=pair.model("echo"), config=config, contents=[
        user(types.Part(text="hi")), types.Content(role="model", parts=[types.Part(text="hello")]), ASK])
    assert (answer.text, answer.candidates[0].finish_reason) == (WORDS, types.FinishReason.STOP)
    assert answer.usage_metadata.prompt_token_count > 0 and answer.usage_metadata.candidates_token_count > 0
    cut = client.generate_content(model=pair.model("lorem-90"), contents=WORDS,
                                  config=types.GenerateContentConfig(max_output_tokens=20))
    assert cut.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert cut.usage_metadata.candidates_token_count == 20


def test_stream(pair, client):
    chunks = list(client.generate_content_stream(model=pair.model("lorem-12"), contents=WORDS))
    check_lorem([chunk.text or "" for chunk in chunks])
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count == 12


def test_tools(pair, client, stream):
    request = {"model": pair.model("tool-2"),
               "config": types.GenerateContentConfig(tools=[FUNCTIONS], automatic_function_calling=BY_HAND)}
    first = answer_of(client, stream, contents=[ASK], **request)
    check_calls([(call.name, call.args) for call in calls_of(first)])
    second = answer_of(client, stream, contents=[ASK, first, results_of(first)], **request)
    check_results(text_of(second))


def test_image(pair, client):
    picture = types.Part.from_bytes(data=PNG, mime_type="image/png")
    answer = client.generate_content(model=pair.model("image"), contents=[user(picture, types.Part(text="Look."))])
    assert answer.text == SEEN


def test_structured(pair, client):
    answer = client.generate_content(model=pair.model("json"), contents=WORDS, config=types.GenerateContentConfig(
        response_mime_type="application/json", response_schema=Event))
    check_event(answer.parsed)


def test_thinking(pair, client, stream):
    request = {"model": pair.model("think"), "config": types.GenerateContentConfig(
        tools=[FUNCTIONS], automatic_function_calling=BY_HAND,
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=1024))}
    first = answer_of(client, stream, contents=[ASK], **request)
    assert "".join(part.text or "" for part in first.parts if part.thought) == THOUGHT
    second = answer_of(client, stream, contents=[ASK, first, results_of(first)], **request)
    assert text_of(second) == RESULTS[0]


def test_error(pair, client, status):
    with pytest.raises(ERRORS[status]) as error:
        client.generate_content(model=pair.model(f"error-{status}"), contents=WORDS)
    assert (error.value.code, error.value.status) == (status, KINDS[status]) and error.value.message


def test_cancel(pair, client):
    chunks = client.generate_content_stream(model=pair.model(SLOW), contents=WORDS)
    next(chunks)
    chunks.close()
    pair.wait_gone()
