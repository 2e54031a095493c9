"""What is built on the SDKs, each at the base URL that is meant for it: text, stream, tool, against every upstream."""

import json
import os

import anthropic
import openai
import pytest

from pairs import RESULTS, TOOLS, WORDS, check_calls, check_lorem, check_results

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no network
ASK = [{"role": "user", "content": WORDS}]
FUNCTIONS = [{"type": "function", "function": {"name": name, "description": told, "parameters": schema}}
             for name, told, schema in TOOLS]


def check_openai(client, pair):
    """Text, stream and a tool loop of any client that is OpenAI's."""
    ask = client.chat.completions.create
    assert ask(model=pair.model("echo"), messages=ASK).choices[0].message.content == WORDS
    check_lorem([chunk.choices[0].delta.content or "" for chunk in
                 ask(model=pair.model("lorem-12"), messages=ASK, stream=True) if chunk.choices])
    first = ask(model=pair.model("tool-2"), messages=ASK, tools=FUNCTIONS).choices[0].message
    check_calls([(call.function.name, call.function.arguments) for call in first.tool_calls])
    results = [{"role": "tool", "tool_call_id": call.id, "content": result}
               for call, result in zip(first.tool_calls, RESULTS)]
    second = ask(model=pair.model("tool-2"), messages=[*ASK, first, *results], tools=FUNCTIONS)
    check_results(second.choices[0].message.content)


@pytest.mark.parametrize("base", ["", "/openai"])
def test_azure(pair, base):
    """The client adds /openai/deployments/{model}, and calls with the key in `api-key`."""
    with openai.AzureOpenAI(azure_endpoint=pair.base + base, api_key=pair.key, api_version="2024-10-21",
                            max_retries=0, timeout=20) as client:
        check_openai(client, pair)


@pytest.mark.parametrize("base", ["/v1", "/anthropic/v1", "/genai/v1", "/langchain/v1"])
def test_anthropic_vertex(pair, base):
    """Anthropic's client for Vertex AI: Google's paths, its own dialect; the key comes as an access token."""
    with anthropic.AnthropicVertex(region="us-east5", project_id="p", access_token=pair.key, base_url=pair.base + base,
                                   max_retries=0, timeout=20) as client:
        ask = {"messages": ASK, "max_tokens": 100}
        assert client.messages.create(model=pair.model("echo"), **ask).content[0].text == WORDS
        with client.messages.stream(model=pair.model("lorem-12"), **ask) as stream:
            check_lorem(list(stream.text_stream))
        tools = [{"name": name, "description": told, "input_schema": schema} for name, told, schema in TOOLS]
        first = client.messages.create(model=pair.model("tool-2"), tools=tools, **ask)
        calls = [block for block in first.content if block.type == "tool_use"]
        check_calls([(call.name, call.input) for call in calls])
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": result} for call, result in zip(calls, RESULTS)]
        turns = [*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        check_results(client.messages.create(model=pair.model("tool-2"), max_tokens=100, tools=tools, messages=turns).content[0].text)
        assert client.messages.count_tokens(model=pair.model("echo"), messages=ASK).input_tokens > 0
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(model=pair.model("error-429"), **ask)


@pytest.mark.parametrize("base", ["", "/v1", "/openai", "/openai/v1", "/langchain", "/pydanticai", "/pydanticai/v1",
                                  "/litellm", "/litellm/v1"])
def test_base_urls(pair, base):
    with openai.OpenAI(base_url=pair.base + base, api_key=pair.key, max_retries=0, timeout=20) as client:
        answer = client.chat.completions.create(model=pair.model("echo"), messages=ASK)
        assert answer.choices[0].message.content == WORDS


def check_langchain(make, pair):
    from langchain_core.messages import HumanMessage, ToolMessage
    ask = [HumanMessage(WORDS)]
    assert make(pair.model("echo")).invoke(ask).text == WORDS
    check_lorem([chunk.text for chunk in make(pair.model("lorem-12")).stream(ask)])
    bound = make(pair.model("tool-2")).bind_tools(FUNCTIONS)
    first = bound.invoke(ask)
    check_calls([(call["name"], call["args"]) for call in first.tool_calls])
    results = [ToolMessage(result, tool_call_id=call["id"]) for call, result in zip(first.tool_calls, RESULTS)]
    check_results(bound.invoke([*ask, first, *results]).text)


@pytest.mark.parametrize("responses", [False, True], ids=["chat", "responses"])
def test_langchain_openai(pair, responses):
    from langchain_openai import ChatOpenAI
    check_langchain(lambda model: ChatOpenAI(model=model, base_url=pair.base + "/langchain", api_key=pair.key,
                                             max_retries=0, timeout=20, use_responses_api=responses), pair)


def test_langchain_anthropic(pair):
    from langchain_anthropic import ChatAnthropic
    check_langchain(lambda model: ChatAnthropic(model=model, base_url=pair.base + "/langchain/anthropic",
                                                api_key=pair.key, max_retries=0, timeout=20), pair)


def test_llama_index(pair):
    from llama_index.core.llms import ChatMessage
    from llama_index.core.tools import FunctionTool
    from llama_index.llms.openai import OpenAI

    def make(model):
        # It knows OpenAI's names only; the name that is sent is told beside.
        return OpenAI(model="gpt-4o-mini", api_base=pair.base + "/openai/v1", api_key=pair.key, max_retries=0,
                      timeout=20, additional_kwargs={"model": pair.model(model)})

    ask = [ChatMessage(role="user", content=WORDS)]
    assert make("echo").chat(ask).message.content == WORDS
    check_lorem([chunk.delta or "" for chunk in make("lorem-12").stream_chat(ask)])

    def get_weather(city: str) -> str:
        return city

    tools = [FunctionTool.from_defaults(get_weather)]
    first = make("tool").chat_with_tools(tools, WORDS)
    call = make("tool").get_tool_calls_from_response(first)[0]
    assert (call.tool_name, call.tool_kwargs) == ("get_weather", {"city": WORDS})
    result = ChatMessage(role="tool", content=RESULTS[0], additional_kwargs={"tool_call_id": call.tool_id})
    second = make("tool").chat_with_tools(tools, chat_history=[*ask, first.message, result])
    assert second.message.content == RESULTS[0]


def test_litellm(pair):
    import litellm

    def ask(model, **more):
        return litellm.completion(model=f"openai/{pair.model(model)}", api_base=pair.base + "/litellm",
                                  api_key=pair.key, num_retries=0, timeout=20, **{"messages": ASK, **more})

    assert ask("echo").choices[0].message.content == WORDS
    check_lorem([chunk.choices[0].delta.content or "" for chunk in ask("lorem-12", stream=True)])
    first = ask("tool-2", tools=FUNCTIONS).choices[0].message
    check_calls([(call.function.name, call.function.arguments) for call in first.tool_calls])
    results = [{"role": "tool", "tool_call_id": call.id, "content": result}
               for call, result in zip(first.tool_calls, RESULTS)]
    second = ask("tool-2", tools=FUNCTIONS, messages=[*ASK, json.loads(first.model_dump_json(exclude_none=True)), *results])
    check_results(second.choices[0].message.content)


def test_litellm_text_completions(pair):
    """Old completions, of models that only chat: they become a chat, and come back as completions."""
    import litellm

    def complete(model, **more):
        return litellm.text_completion(model=f"text-completion-openai/{pair.model(model)}", prompt=WORDS,
                                       api_base=pair.base + "/litellm", api_key=pair.key, timeout=20, **more)

    assert complete("echo").choices[0].text == WORDS
    check_lorem([chunk.choices[0].text or "" for chunk in complete("lorem-12", stream=True)])


def test_litellm_controls(pair):
    """As its users call a proxy of its own: the SDK passes what is not a parameter; no provider sees it."""
    import litellm
    extra = {"fallbacks": ["gpt-4o"], "metadata": {"tags": ["a"]}, "cache": {"no-cache": True}, "num_retries": 1,
             "api_base": "http://127.0.0.1:1", "timeout": 20, "mock_response": "no", "drop_params": True}
    answer = litellm.completion(model=f"litellm_proxy/{pair.model('echo')}", api_base=pair.base + "/litellm", api_key=pair.key,
                                messages=ASK, num_retries=0, timeout=20, metadata={"tags": ["b"]}, extra_body=extra)
    assert answer.choices[0].message.content == WORDS
    fidelity = answer._hidden_params["additional_headers"]["llm_provider-x-bf-fidelity"]
    assert {"metadata", "cache", "api_base", "mock_response"} <= set(fidelity.split("dropped=")[1].split("; ")[0].split(","))
    assert not [name for name in ("num_retries", "timeout", "drop_params") if name in fidelity]
    assert not [name for name in extra if f'"{name}"' in pair.provider.last()["body"]]
