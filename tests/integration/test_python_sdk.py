"""The official Python SDK with nothing changed but the base URL and the key."""

import json

import openai
import pytest
from pydantic import BaseModel

from common import KEY, NARROW

BASES = ["", "/v1", "/openai", "/openai/v1"]
HELLO = [{"role": "user", "content": "hello from python"}]
WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a city", "parameters": {
        "type": "object", "required": ["city", "days"], "additionalProperties": False, "properties": {
            "city": {"type": "string"}, "days": {"type": "integer", "minimum": 3},
            "unit": {"enum": ["celsius", "fahrenheit"]}}}}}


@pytest.fixture
def client(sdk_gateway):
    with openai.OpenAI(base_url=sdk_gateway.base + "/v1", api_key=KEY, max_retries=0, timeout=30) as one:
        yield one


@pytest.mark.parametrize("base", BASES)
def test_every_base_url(sdk_gateway, base):
    with openai.OpenAI(base_url=sdk_gateway.base + base, api_key=KEY, max_retries=0) as client:
        answer = client.chat.completions.create(model="up/echo", messages=HELLO)
        assert answer.choices[0].message.content == "hello from python"
        assert "up/echo" in [model.id for model in client.models.list()]


def test_chat(client):
    answer = client.chat.completions.create(model="up/lorem-100", messages=HELLO, max_completion_tokens=7)
    assert (answer.object, answer.choices[0].finish_reason) == ("chat.completion", "length")
    assert answer.usage.completion_tokens == 7
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 7
    assert answer.usage.prompt_tokens_details.cached_tokens == 0


def test_raw_response_headers(client):
    answer = client.chat.completions.with_raw_response.create(model="up/echo", messages=HELLO)
    assert answer.headers["x-bf-provider"] == "up" and answer.headers["x-bf-model"] == "echo"
    assert answer.headers["x-ratelimit-remaining-requests"] == "9999"


def test_stream(client):
    chunks = list(client.chat.completions.create(model="up/lorem-20", messages=HELLO, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len("".join(chunk.choices[0].delta.content or "" for chunk in chunks).split()) == 20


def test_stream_with_usage(client):
    chunks = list(client.chat.completions.create(model="up/lorem-20", messages=HELLO, stream=True,
                                                 stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 20
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_stream_helper(client):
    with client.chat.completions.stream(model="up/lorem-5", messages=HELLO) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta" and event.delta]
        final = stream.get_final_completion()
    assert "".join(deltas) == final.choices[0].message.content
    assert len(deltas) == 5


def test_several_choices(client):
    answer = client.chat.completions.create(model="up/echo", messages=HELLO, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]


@pytest.mark.parametrize("stream", [False, True])
def test_tool_round(client, stream):
    if stream:
        with client.chat.completions.stream(model="up/tool", messages=HELLO, tools=[WEATHER]) as events:
            for _ in events:
                pass
            message = events.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(model="up/tool", messages=HELLO, tools=[WEATHER]).choices[0].message
    call = message.tool_calls[0]
    arguments = json.loads(call.function.arguments)
    assert call.function.name == "get_weather"
    assert arguments == {"city": "hello from python", "days": 3, "unit": "celsius"}
    answer = client.chat.completions.create(model="up/tool", tools=[WEATHER], messages=[
        *HELLO, {"role": "assistant", "tool_calls": [call.model_dump(include={"id", "type", "function"})]},
        {"role": "tool", "tool_call_id": call.id, "content": "cold"}])
    assert answer.choices[0].message.content == "cold"


class Event(BaseModel):
    name: str
    people: list[str]
    when: int | None


def test_structured_output(client):
    answer = client.chat.completions.parse(model="up/json", messages=HELLO, response_format=Event)
    event = answer.choices[0].message.parsed
    assert event.name == "hello from python" and event.people == ["hello from python"]


def test_completions(client):
    answer = client.completions.create(model="up/echo", prompt="hello legacy")
    assert answer.choices[0].text == "hello legacy"
    pieces = [c.choices[0].text for c in client.completions.create(model="up/lorem-4", prompt="x", stream=True)]
    assert len("".join(pieces).split()) == 4


def test_responses(client):
    answer = client.responses.create(model="up/echo", input="hello responses", reasoning={"effort": "low"})
    assert answer.output_text == "hello responses" and answer.status == "completed"
    assert answer.usage.output_tokens_details.reasoning_tokens == 16
    cut = client.responses.create(model="up/lorem-50", input="x", max_output_tokens=16)
    assert cut.status == "incomplete" and cut.incomplete_details.reason == "max_output_tokens"


def test_responses_stream(client):
    with client.responses.stream(model="up/lorem-6", input="x") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text and len(deltas) == 6


def test_responses_tool(client):
    answer = client.responses.create(model="up/tool", input="x", tools=[
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "boolean"}}}}])
    assert answer.output[0].type == "function_call" and json.loads(answer.output[0].arguments) == {"a": True}


def test_responses_parse(client):
    assert client.responses.parse(model="up/json", input="x", text_format=Event).output_parsed.name == "x"


def test_embeddings(client):
    # The SDK asks for base64 and decodes it; floats must come out the same.
    one = client.embeddings.create(model="up/any", input=["a", "b"], dimensions=8)
    two = client.embeddings.create(model="up/any", input="a", dimensions=8, encoding_format="float")
    assert [len(item.embedding) for item in one.data] == [8, 8]
    assert one.data[0].embedding == pytest.approx(two.data[0].embedding)
    assert one.data[0].embedding != one.data[1].embedding


def test_moderations(client):
    answer = client.moderations.create(model="up/omni-moderation-latest", input=["fine", "violence"])
    assert [result.flagged for result in answer.results] == [False, True]


def test_images(client):
    answer = client.images.generate(model="up/gpt-image-1", prompt="a fin", n=2)
    assert len(answer.data) == 2 and answer.data[0].b64_json.startswith("iVBOR")


def test_audio(client):
    sound = client.audio.speech.create(model="up/tts-1", voice="alloy", input="hello").read()
    assert sound[:4] == b"RIFF" and sound[8:12] == b"WAVE"
    text = client.audio.transcriptions.create(model="up/whisper-1", file=("a.wav", sound))
    assert text.text == f"{len(sound)} bytes of sound"
    assert client.audio.translations.create(model="up/whisper-1", file=("a.wav", sound)).text == text.text


def test_files(client):
    made = client.files.create(file=("in.jsonl", b'{"a":1}\n'), purpose="batch")
    assert (made.filename, made.bytes, made.purpose) == ("in.jsonl", 8, "batch")
    assert made.id in [one.id for one in client.files.list()]
    assert client.files.content(made.id).read() == b'{"a":1}\n'
    assert client.files.retrieve(made.id).bytes == 8
    assert client.files.delete(made.id).deleted


def test_models(client):
    assert client.models.retrieve("up/echo").id == "up/echo"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing/like-it")


@pytest.mark.parametrize("status,kind", [
    (400, openai.BadRequestError), (401, openai.AuthenticationError), (403, openai.PermissionDeniedError),
    (404, openai.NotFoundError), (422, openai.UnprocessableEntityError), (429, openai.RateLimitError),
    (500, openai.InternalServerError)])
def test_upstream_errors_are_the_sdks_exceptions(client, status, kind):
    with pytest.raises(kind) as error:
        client.chat.completions.create(model=f"up/error-{status}", messages=HELLO)
    assert error.value.status_code == status and error.value.type


def test_our_errors_are_the_sdks_exceptions(client, sdk_gateway):
    with pytest.raises(openai.NotFoundError) as error:
        client.chat.completions.create(model="nobody/x", messages=HELLO)
    assert error.value.code == "unknown_provider" and error.value.param == "model"
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model="", messages=HELLO)
    assert error.value.code == "bad_model"
    with openai.OpenAI(base_url=sdk_gateway.base, api_key="sk-bf-wrong", max_retries=0) as other:
        with pytest.raises(openai.AuthenticationError) as error:
            other.chat.completions.create(model="up/echo", messages=HELLO)
        assert error.value.code == "bad_key"
    with openai.OpenAI(base_url=sdk_gateway.base, api_key=NARROW, max_retries=0) as other:
        with pytest.raises(openai.PermissionDeniedError):
            other.chat.completions.create(model="up/json", messages=HELLO)


def test_a_broken_stream_raises(client):
    with pytest.raises(openai.APIError) as error:
        for _ in client.chat.completions.create(model="up/cut-2", messages=HELLO, stream=True):
            pass
    assert error.value.code == "upstream_cut"


def test_the_sdks_own_retries(sdk_gateway):
    """429 with Retry-After: 1 is obeyed by the SDK, and ends in its exception."""
    with openai.OpenAI(base_url=sdk_gateway.base, api_key=KEY, max_retries=1) as client:
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="up/error-429", messages=HELLO)


def test_async_client(sdk_gateway):
    import asyncio

    async def many():
        async with openai.AsyncOpenAI(base_url=sdk_gateway.base, api_key=KEY, max_retries=0) as client:
            answers = await asyncio.gather(*[
                client.chat.completions.create(model="up/echo", messages=[{"role": "user", "content": f"n{i}"}])
                for i in range(50)])
            return [answer.choices[0].message.content for answer in answers]
    assert asyncio.run(many()) == [f"n{i}" for i in range(50)]
