"""boto3: Bedrock's Converse, with the key as an Amazon Bedrock API key."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pairs import (PNG, RESULTS, SEEN, SLOW, SYSTEM, THOUGHT, TOOLS, WORDS, Event, check_calls, check_event,
                   check_lorem, check_results)

SDK, CLIENT = "boto3", "bedrock"
ASK = {"role": "user", "content": [{"text": WORDS}]}
FUNCTIONS = {"tools": [{"toolSpec": {"name": name, "description": told, "inputSchema": {"json": schema}}}
                       for name, told, schema in TOOLS]}
THINK = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
         "inferenceConfig": {"maxTokens": 4096}}
ERRORS = {400: "ValidationException", 401: "AccessDeniedException", 429: "ThrottlingException",
          500: "InternalServerException"}


@pytest.fixture
def client(pair, monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", pair.key)
    # The SDK sends such keys over TLS only.
    one = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=pair.gateway.base_tls + "/bedrock",
                       verify=pair.gateway.certificate, config=Config(retries={"total_max_attempts": 1}, read_timeout=20))
    yield one
    one.close()


def gather(events):
    """A stream's message, put together as AWS's own examples do; also the pieces of text and the metadata."""
    blocks, pieces, told = {}, [], {}
    for event in events:
        (kind, value), = event.items()
        if kind == "contentBlockStart":
            blocks[value["contentBlockIndex"]] = {"toolUse": {**value["start"]["toolUse"], "input": ""}}
        elif kind == "contentBlockDelta":
            add_delta(blocks, value["contentBlockIndex"], value["delta"], pieces)
        elif kind in ("messageStop", "metadata"):
            told.update(value)
    content = [blocks[index] for index in sorted(blocks)]
    for block in content:
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return {"role": "assistant", "content": content}, pieces, told


def add_delta(blocks, index, delta, pieces):
    if "text" in delta:
        blocks.setdefault(index, {"text": ""})["text"] += delta["text"]
        pieces.append(delta["text"])
    elif "toolUse" in delta:
        blocks[index]["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "redactedContent" in delta["reasoningContent"]:
        blocks[index] = {"reasoningContent": delta["reasoningContent"]}
    else:
        thought = blocks.setdefault(index, {"reasoningContent": {"reasoningText": {"text": ""}}})
        for name, value in delta["reasoningContent"].items():
            text = thought["reasoningContent"]["reasoningText"]
            text[name] = text.get(name, "") + value


def answer_of(client, stream, **request):
    if not stream:
        return client.converse(**request)["output"]["message"]
    return gather(client.converse_stream(**request)["stream"])[0]


def calls_of(message):
    return [block["toolUse"] for block in message["content"] if "toolUse" in block]


def turns_of(message):
    results = [{"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": result}]}}
               for call, result in zip(calls_of(message), RESULTS)]
    return [ASK, message, {"role": "user", "content": results}]


def text_of(message):
    return "".join(block.get("text", "") for block in message["content"])


def test_text(pair, client):
    answer = client.converse(modelId=pair.model("echo"), system=[{"text": SYSTEM}], inferenceConfig={"temperature": 0.5},
                             messages=[{"role": "user", "content": [{"text": "hi"}]},
                                       {"role": "assistant", "content": [{"text": "hello"}]}, ASK])
    assert (text_of(answer["output"]["message"]), answer["stopReason"]) == (WORDS, "end_turn")
    assert answer["usage"]["inputTokens"] > 0 and answer["usage"]["outputTokens"] > 0
    cut = client.converse(modelId=pair.model("lorem-90"), messages=[ASK], inferenceConfig={"maxTokens": 20})
    assert (cut["stopReason"], cut["usage"]["outputTokens"]) == ("max_tokens", 20)


def test_stream(pair, client):
    _, pieces, told = gather(client.converse_stream(modelId=pair.model("lorem-12"), messages=[ASK])["stream"])
    check_lorem(pieces)
    assert (told["stopReason"], told["usage"]["outputTokens"]) == ("end_turn", 12)


def test_tools(pair, client, stream):
    request = {"modelId": pair.model("tool-2"), "toolConfig": FUNCTIONS}
    first = answer_of(client, stream, messages=[ASK], **request)
    check_calls([(call["name"], call["input"]) for call in calls_of(first)])
    check_results(text_of(answer_of(client, stream, messages=turns_of(first), **request)))


def test_image(pair, client):
    picture = {"image": {"format": "png", "source": {"bytes": PNG}}}
    answer = client.converse(modelId=pair.model("image"), messages=[
        {"role": "user", "content": [picture, {"text": "Look."}]}])
    assert text_of(answer["output"]["message"]) == SEEN


def test_structured(pair, client):
    schema = {**Event.model_json_schema(), "additionalProperties": False}
    answer = client.converse(modelId=pair.model("json"), messages=[ASK], outputConfig={"textFormat": {
        "type": "json_schema", "structure": {"jsonSchema": {"name": "event", "schema": json.dumps(schema)}}}})
    check_event(text_of(answer["output"]["message"]))


def test_thinking(pair, client, stream):
    request = {"modelId": pair.model("think"), "toolConfig": FUNCTIONS, **THINK}
    first = answer_of(client, stream, messages=[ASK], **request)
    thoughts = [block["reasoningContent"].get("reasoningText", {}).get("text", "") for block in first["content"]
                if "reasoningContent" in block]
    assert THOUGHT in thoughts
    assert text_of(answer_of(client, stream, messages=turns_of(first), **request)) == RESULTS[0]


def test_error(pair, client, status):
    with pytest.raises(ClientError) as error:
        client.converse(modelId=pair.model(f"error-{status}"), messages=[ASK])
    assert isinstance(error.value, getattr(client.exceptions, ERRORS[status]))
    assert error.value.response["Error"]["Message"]


def test_cancel(pair, client):
    events = client.converse_stream(modelId=pair.model(SLOW), messages=[ASK])["stream"]
    for event in events:
        if "contentBlockDelta" in event:
            break
    events.close()
    pair.wait_gone()
