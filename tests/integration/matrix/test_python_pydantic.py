"""Pydantic AI at /pydanticai by four of its providers (its Anthropic one does not start with this SDK), and LangChain's for Bedrock."""

import boto3
import pytest
from botocore.config import Config
from pydantic_ai import Agent, Tool

from pairs import RESULTS, TOOLS, WORDS, Event, check_event, check_lorem, check_results
from test_python_frameworks import check_langchain


def bedrock(pair, monkeypatch, base):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", pair.key)
    # The SDK sends such keys over TLS only.
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=f"{pair.gateway.base_tls}{base}/bedrock",
                        verify=pair.gateway.certificate, config=Config(retries={"total_max_attempts": 1}, read_timeout=20))


def of_openai(pair, _):
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider
    provider = OpenAIProvider(base_url=pair.base + "/pydanticai/v1", api_key=pair.key)
    return lambda model: OpenAIChatModel(model, provider=provider)


def of_responses(pair, _):
    from pydantic_ai.models.openai import OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider
    provider = OpenAIProvider(base_url=pair.base + "/pydanticai/v1", api_key=pair.key)
    return lambda model: OpenAIResponsesModel(model, provider=provider)


def of_google(pair, _):
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider
    provider = GoogleProvider(api_key=pair.key, base_url=pair.base + "/pydanticai/genai")
    return lambda model: GoogleModel(model, provider=provider)


def of_bedrock(pair, monkeypatch):
    from pydantic_ai.models.bedrock import BedrockConverseModel
    from pydantic_ai.providers.bedrock import BedrockProvider
    provider = BedrockProvider(bedrock_client=bedrock(pair, monkeypatch, "/pydanticai"))
    return lambda model: BedrockConverseModel(model, provider=provider)


@pytest.mark.parametrize("make", [of_openai, of_responses, of_google, of_bedrock])
def test_pydantic_ai(pair, monkeypatch, make):
    model = make(pair, monkeypatch)
    called = {}

    def tool(name, told, schema, result):
        def run(**given):
            called[name] = given
            return result
        return Tool.from_schema(run, name, told, schema)

    assert Agent(model(pair.model("echo"))).run_sync(WORDS).output == WORDS
    with_tools = Agent(model(pair.model("tool-2")), tools=[tool(*one, result) for one, result in zip(TOOLS, RESULTS)])
    check_results(with_tools.run_sync(WORDS).output)
    assert called == {"get_weather": {"city": WORDS, "unit": "celsius"}, "get_time": {"zone": "utc"}}
    stream = Agent(model(pair.model("lorem-12"))).run_stream_sync(WORDS)
    check_lorem(list(stream.stream_text(delta=True, debounce_by=None)))
    check_event(Agent(model(pair.model("tool")), output_type=Event).run_sync(WORDS).output)


def test_langchain_bedrock(pair, monkeypatch):
    from langchain_aws import ChatBedrockConverse
    client = bedrock(pair, monkeypatch, "/langchain")
    check_langchain(lambda model: ChatBedrockConverse(model=model, client=client, bedrock_client=client, provider="anthropic",
                                                      region_name="us-east-1", disable_streaming=False), pair)
