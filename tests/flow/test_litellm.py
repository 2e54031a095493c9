"""What LiteLLM's users write for a gateway beside their request: below /litellm it never reaches a provider."""

import json

import pytest

from gateway import one_provider
from wire import call, chat_answer

KEY = "sk-bf-litellm-litellm-litellm-litellm-litell"
CONTROLS = {
    "api_base": "http://127.0.0.1:1/v1", "base_url": "http://127.0.0.1:1", "api_key": "sk-else", "fallbacks": ["gpt-4o"],
    "metadata": {"tags": ["a"], "trace_id": "t"}, "tags": ["a"], "cache": {"no-cache": True}, "guardrails": ["pii"],
    "mock_response": "no", "litellm_metadata": {}, "aws_role_name": "x", "vertex_credentials": "x", "stream_timeout": 3,
    "additional_drop_params": ["seed"], "no-log": True, "custom_llm_provider": "openai",
}


def dropped(answer):
    """The names in the header, without what says that they were dropped."""
    start, names = answer.headers["x-bf-fidelity"].split("; dropped=")
    assert start == "partial"
    return set(names.split(","))


def ask(gateway, path="/litellm/chat/completions", headers=None, key=None, **more):
    body = {"model": "up/echo", "messages": [{"role": "user", "content": "hi"}], "seed": 1, **more}
    return gateway.call("POST", path, body, headers=headers, key=key)


def test_controls_stay_here(mocked_gateway, mock):
    answer = ask(mocked_gateway, **CONTROLS, num_retries=0, timeout=9.5, drop_params=True)
    assert answer.status == 200 and answer.json()["choices"][0]["message"]["content"] == "hi"
    assert dropped(answer) == set(CONTROLS) - {"fallbacks"}  # which are ours as well
    assert json.loads(mock.last()["body"]) == {"model": "echo", "messages": [{"role": "user", "content": "hi"}], "seed": 1}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/langchain/chat/completions"])
def test_elsewhere_bytes_are_untouched(mocked_gateway, mock, path):
    """They are the provider's to judge: the mock refuses what its wire does not have."""
    body = '{ "model":"echo", "tags" : ["a"],"messages":[{"role":"user","content":"hi"}], "caching":true }'
    answer = mocked_gateway.call("POST", path, body.replace("echo", "up/echo").encode(), headers={"content-type": "application/json"})
    assert (answer.status, answer.headers["x-bf-fidelity"]) == (400, "full") and "tags" in answer.error["message"]
    assert mock.last()["body"] == body


def test_nothing_to_take(mocked_gateway, mock):
    """Without a control the bytes pass as they are, here as well; labels in OpenAI's own form are no control."""
    body = '{ "model":"echo", "messages":[{"role":"user","content":"hi"}], "metadata" : {"a":"b"} }'
    answer = mocked_gateway.call("POST", "/litellm/v1/chat/completions", body.replace("echo", "up/echo").encode(),
                                 headers={"content-type": "application/json"})
    assert (answer.status, answer.headers["x-bf-fidelity"]) == (200, "full")
    assert mock.last()["body"] == body


def test_every_way_of_writing_them(mocked_gateway, mock):
    body = '{"api_\\u0062ase":"http://127.0.0.1:1","model":"up/echo","messages":[{"role":"user","content":"{"}],"timeout":null}'
    answer = mocked_gateway.call("POST", "/litellm/chat/completions", body.encode(), headers={"content-type": "application/json"})
    assert (answer.status, dropped(answer)) == (200, {"api_base"})
    assert mock.last()["body"] == '{"model":"echo","messages":[{"role":"user","content":"{"}]}'


def test_strict(mocked_gateway, mock):
    answer = ask(mocked_gateway, headers={"x-bf-strict": "true"}, tags=["x"])
    assert (answer.status, answer.headers["x-bf-error"], answer.error["param"]) == (400, "not_faithful", "tags")
    assert mock.requests() == []
    assert ask(mocked_gateway, headers={"x-bf-strict": "true"}, num_retries=1, drop_params=True).status == 200


def test_abroad(start_gateway, mock):
    """One list of what is lost, whoever lost it."""
    gateway = start_gateway(f"require_key: false\nproviders:\n  up: {{ vendor: mock-anthropic, base_url: {mock.base}/anthropic/v1,\n"
                            "    keys: [ { name: main, value: k } ] }\n")
    answer = ask(gateway, api_base="http://127.0.0.1:1", logit_bias={"1": 2})
    assert (answer.status, dropped(answer)) == (200, {"api_base", "seed", "logit_bias"})
    assert "api_base" not in mock.last()["body"]


def test_retries(upstream, start_gateway):
    """As often as the client says, and no more often than the configuration."""
    seen = []

    def fail(conn):
        while conn.read_request():
            seen.append(1)
            conn.answer(500, b'{"error":{"message":"no"}}')
    first, second = upstream(fail), upstream(fail)
    gateway = start_gateway(one_provider(first.base_v1) + f"  other: {{ vendor: openai-compatible, base_url: {second.base_v1},\n"
                            "    keys: [ { name: main, value: k } ] }\n"
                            "models: { m: { targets: [ { model: up/m }, { model: other/m } ] } }\nlimits: { attempts: 2 }\n")
    for more, headers, attempts in (({}, {}, 2), ({"num_retries": 0}, {}, 1), ({"num_retries": 9}, {}, 2),
                                    ({"max_retries": 0}, {}, 1), ({}, {"x-litellm-num-retries": "0"}, 1)):
        del seen[:]
        answer = ask(gateway, model="m", headers=headers, **more)
        assert (answer.status, len(seen)) == (500, attempts), (more, headers, answer)


@pytest.mark.parametrize("more,headers", [({"timeout": 0.2}, {}), ({"request_timeout": 0.2}, {}), ({}, {"x-litellm-timeout": "0.2"})])
def test_timeout(mocked_gateway, more, headers):
    """The mock never answers; the configured limit is minutes."""
    answer = ask(mocked_gateway, model="up/hang", headers=headers, **more)
    assert (answer.status, answer.headers["x-bf-error"]) == (504, "upstream_timeout")


def test_headers(start_gateway, upstream):
    seen = []

    def script(conn):
        while request := conn.read_request():
            seen.append(request)
            conn.answer(200, chat_answer())
    gateway = start_gateway(one_provider(upstream(script).base_v1).replace("require_key: false", "require_key: true") +
                            f"virtual_keys: [ {{ name: k, value: {KEY} }} ]\n")
    for value in (KEY, f"Bearer {KEY}"):
        headers = {"x-litellm-api-key": value, "x-litellm-tags": "a", "authorization": "Bearer filler"}
        assert ask(gateway, headers=headers).status == 200
        assert not [name for name in seen[-1].headers if name.startswith("x-litellm")]
        # elsewhere it is a header like any other: nobody's key, and passed on
        assert ask(gateway, "/v1/chat/completions", headers=headers).status == 401
    assert ask(gateway, "/v1/chat/completions", headers={"x-litellm-tags": "a"}, key=KEY).status == 200
    assert seen[-1].headers["x-litellm-tags"] == "a"
    assert call(gateway.base, "GET", "/litellm/v1/models", headers={"x-litellm-api-key": KEY}).status == 200
