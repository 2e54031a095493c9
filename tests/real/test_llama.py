"""SmolLM2-135M in llama.cpp's own server, asked with the official SDKs: what it says is odd, but it is a model's."""

import json
import uuid
from typing import Literal

import anthropic
import cohere
import openai
import pytest
from google import genai
from google.genai import types
from pydantic import BaseModel

from wire import wait_until

LONG = 24  # tokens of an answer, if the model has so much to say
WORDS = "Tell me a story about a fish and a river."
ASK = [{"role": "user", "content": WORDS}]


class Choice(BaseModel):
    animal: Literal["bowfin", "trout"]
    legs: Literal[0]


class Said:
    """An answer in one form, whoever gave it."""

    def __init__(self, text, tokens_in, tokens_out, pieces=1):
        self.text, self.tokens, self.pieces = text, (tokens_in, tokens_out), pieces


def of_openai(base, model, stream):
    with openai.OpenAI(base_url=base + "/openai/v1", api_key="unused", max_retries=0) as client:
        ask = {"model": model, "messages": ASK, "max_tokens": LONG, "temperature": 0}
        if not stream:
            answer = client.chat.completions.create(**ask)
            return Said(answer.choices[0].message.content, answer.usage.prompt_tokens, answer.usage.completion_tokens)
        chunks = list(client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
        pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
        usage = chunks[-1].usage
        return Said("".join(pieces), usage.prompt_tokens, usage.completion_tokens, len(pieces))


def of_responses(base, model, stream):
    with openai.OpenAI(base_url=base + "/openai/v1", api_key="unused", max_retries=0) as client:
        ask = {"model": model, "input": WORDS, "max_output_tokens": LONG, "temperature": 0}
        if not stream:
            answer = client.responses.create(**ask)
            return Said(answer.output_text, answer.usage.input_tokens, answer.usage.output_tokens)
        events = list(client.responses.create(**ask, stream=True))
        usage = events[-1].response.usage
        pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
        return Said("".join(pieces), usage.input_tokens, usage.output_tokens, len(pieces))


def of_anthropic(base, model, stream):
    with anthropic.Anthropic(base_url=base + "/anthropic", api_key="unused", max_retries=0) as client:
        ask = {"model": model, "messages": ASK, "max_tokens": LONG}
        pieces = [None]
        if stream:
            with client.messages.stream(**ask) as events:
                pieces = list(events.text_stream)
                answer = events.get_final_message()
        else:
            answer = client.messages.create(**ask)
        usage = answer.usage
        tokens_in = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        return Said(answer.content[0].text, tokens_in, usage.output_tokens, len(pieces))


def of_gemini(base, model, stream):
    client = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=base + "/genai"))
    ask = {"model": model, "contents": WORDS, "config": types.GenerateContentConfig(max_output_tokens=LONG, temperature=0)}
    answers = list(client.models.generate_content_stream(**ask)) if stream else [client.models.generate_content(**ask)]
    pieces = [answer.text for answer in answers if answer.text]
    usage = answers[-1].usage_metadata
    return Said("".join(pieces), usage.prompt_token_count, usage.candidates_token_count, len(pieces))


CLIENTS = {"openai": of_openai, "responses": of_responses, "anthropic": of_anthropic, "gemini": of_gemini}


def name_at(provider):
    """A name of its own for each request: the server has one model, and does not look at it."""
    return f"{provider}/smollm2-{uuid.uuid4().hex[:8]}"


def booked(gateway, model):
    """The journal's row of the one request for it."""
    def rows():
        return [row for row in gateway.api("GET", "/api/logs", expect=200)["data"] if row["asked"] == model]
    found = wait_until(rows, "the request in the journal")
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("provider", ["local", "chat-only"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", CLIENTS)
def test_chat(gateway, llama, client, stream, provider):
    """The text arrives, and what is booked, what the SDK was told and what the model did are one number."""
    model, prompt, made = name_at(provider), llama.prompt_tokens(messages=ASK), llama.generated()
    said = CLIENTS[client](gateway.base, model, stream)
    assert len(said.text) > 20 and (said.pieces > 5 or not stream)
    made = llama.generated() - made
    assert said.tokens == (prompt, made) and 0 < made <= LONG
    row = booked(gateway, model)
    assert (row["tokens"]["input"], row["tokens"]["output"]) == (prompt, made)
    assert not row["estimated"] and not row["no_usage"] and row["stream"] == stream


@pytest.mark.parametrize("provider", ["local", "chat-only"])
def test_structured(gateway, provider):
    """The server's grammar lets nothing else through, so the schema has reached it in each of the dialects."""
    model, base = f"{provider}/smollm2", gateway.base
    with openai.OpenAI(base_url=base + "/openai/v1", api_key="unused", max_retries=0) as client:
        chat = client.chat.completions.parse(model=model, messages=ASK, max_tokens=100, response_format=Choice)
        assert chat.choices[0].message.parsed.legs == 0
        assert client.responses.parse(model=model, input=WORDS, max_output_tokens=100, text_format=Choice).output_parsed.legs == 0
    google = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=base + "/genai"))
    answer = google.models.generate_content(model=model, contents=WORDS, config=types.GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=Choice.model_json_schema(), max_output_tokens=100))
    assert Choice.model_validate_json(answer.text).legs == 0


@pytest.mark.parametrize("provider", ["local", "chat-only"])
def test_tools(gateway, llama, provider):
    """This model does not call one. That they have arrived shows in its count: they stand in the prompt word by word."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "choose", "description": "choose one", "parameters": schema}}]
    model, base, counts = f"{provider}/smollm2", gateway.base, []
    with openai.OpenAI(base_url=base + "/openai/v1", api_key="unused", max_retries=0) as client:
        answer = client.chat.completions.create(model=model, messages=ASK, tools=tools, max_tokens=1)
        counts.append(answer.usage.prompt_tokens)
    with anthropic.Anthropic(base_url=base + "/anthropic", api_key="unused", max_retries=0) as client:
        usage = client.messages.create(model=model, messages=ASK, max_tokens=1, tools=[
            {"name": "choose", "description": "choose one", "input_schema": schema}]).usage
        counts.append(usage.input_tokens + (usage.cache_read_input_tokens or 0))
    google = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=base + "/genai"))
    answer = google.models.generate_content(model=model, contents=WORDS, config=types.GenerateContentConfig(
        max_output_tokens=1, tools=[types.Tool(function_declarations=[types.FunctionDeclaration(
            name="choose", description="choose one", parameters_json_schema=schema)])]))
    counts.append(answer.usage_metadata.prompt_token_count)
    assert counts == [llama.prompt_tokens(messages=ASK, tools=tools)] * 3
    assert counts[0] > llama.prompt_tokens(messages=ASK) + 50


def test_counts(gateway, llama):
    with anthropic.Anthropic(base_url=gateway.base + "/anthropic", api_key="unused", max_retries=0) as client:
        assert client.messages.count_tokens(model="local/smollm2", messages=ASK).input_tokens == llama.prompt_tokens(messages=ASK)


def test_embeddings(gateway):
    """One text, one vector, by whomever it is asked for; what they cost is booked."""
    model = name_at("embed")
    with openai.OpenAI(base_url=gateway.base + "/openai/v1", api_key="unused", max_retries=0) as client:
        answer = client.embeddings.create(model=model, input=["a fish", "a river"], encoding_format="float")
    first, second = (row.embedding for row in answer.data)
    assert len(first) == len(second) > 100 and first != second
    row = booked(gateway, model)
    assert row["tokens"]["input"] == answer.usage.prompt_tokens > 0 and not row["estimated"]
    google = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=gateway.base + "/genai"))
    found = google.models.embed_content(model="embed/smollm2", contents=["a fish", "a river"]).embeddings
    assert found[0].values == pytest.approx(first, abs=1e-4) and found[1].values == pytest.approx(second, abs=1e-4)
    client = cohere.ClientV2(api_key="unused", base_url=gateway.base + "/cohere")
    found = client.embed(model="embed/smollm2", texts=["a fish", "a river"], input_type="search_document",
                         embedding_types=["float"]).embeddings.float_
    assert found[0] == pytest.approx(first, abs=1e-4)


def test_errors(gateway):
    """A prompt that is too long for it: its own refusal, as the client's own exception."""
    long = [{"role": "user", "content": WORDS * 1000}]
    with openai.OpenAI(base_url=gateway.base + "/openai/v1", api_key="unused", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError) as error:
            client.chat.completions.create(model="local/smollm2", messages=long)
    assert "context" in json.dumps(error.value.body)
    with anthropic.Anthropic(base_url=gateway.base + "/anthropic", api_key="unused", max_retries=0) as client:
        with pytest.raises(anthropic.BadRequestError):
            client.messages.create(model="local/smollm2", messages=long, max_tokens=5)
