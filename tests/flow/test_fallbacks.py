"""Rules and fallbacks: which model serves a request, when providers fail, and what the key may not use."""

import json

import pytest

from gateway import one_provider
from wire import DEADLINE, Stream, chat, wait_until

YAML = """require_key: false
providers:
  up: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: up-key }} ] }}
  dead: {{ vendor: openai-compatible, base_url: "http://127.0.0.1:9/v1", keys: [ {{ name: main, value: x }} ] }}
  claude: {{ vendor: anthropic-compatible, base_url: "{root}", keys: [ {{ name: main, value: c }} ] }}
  mute: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: m }} ] }}
models:
  fast: {{ targets: [ up/error-503 ], fallbacks: [ dead/echo, claude/echo ] }}
  lone: {{ targets: [ up/error-503 ] }}
  slow: {{ targets: [ up/hang ], timeout: {{ first_byte: 200ms }}, fallbacks: [ up/echo ] }}
  cheap: {{ targets: [ up/echo ] }}
teams: {{ research: {{ budget: 0.002 }} }}
virtual_keys:
  - {{ name: all, value: sk-bf-fallbacks-all-0001 }}
  - {{ name: some, value: sk-bf-fallbacks-some-001, models: [ fast, "up/*" ] }}
  - {{ name: mute, value: sk-bf-fallbacks-mute-001, models: [ "mute/*" ] }}
  - {{ name: res, value: sk-bf-fallbacks-team-001, team: research }}
prices: {{ "up/*": {{ input: 1, output: 1 }} }}
rules:
  - {{ name: gold, when: 'headers["x-tier"] == "gold"', use: cheap }}
  - {{ name: long, when: 'request.bytes > 2000 && model.matches("^lo")', use: cheap }}
  - {{ team: research, when: 'budget.used > 0.5', use: up/lorem-3 }}
"""


@pytest.fixture
def gateway(start_gateway, mock):
    return start_gateway(YAML.format(base=mock.base_v1, root=mock.base))


def ask(gateway, model, key=None, headers=None, text="hello"):
    body = {**chat(model), "messages": [{"role": "user", "content": text}], "max_tokens": 32}
    return gateway.call("POST", "/v1/chat/completions", body, headers, key=key)


def test_fallbacks_in_order_and_across_dialects(gateway):
    answer = ask(gateway, "fast")
    assert answer.status == 200, answer
    assert answer.headers["x-bf-provider"] == "claude" and answer.headers["x-bf-attempts"].startswith("3; ")
    assert answer.json()["choices"][0]["message"]["content"]
    stream = Stream(gateway.base, "/v1/chat/completions", chat("fast", stream=True))
    assert stream.status == 200 and "".join(
        event["choices"][0]["delta"].get("content") or "" for event in stream.json_events() if event["choices"])


def test_a_fallback_of_another_dialect_calls_tools(gateway):
    body = {**chat("lone"), "tools": [{"type": "function", "function": {
        "name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]}
    answer = gateway.call("POST", "/v1/chat/completions", body, {"x-bf-fallbacks": "claude/tool"})
    assert answer.status == 200 and answer.headers["x-bf-provider"] == "claude", answer
    message = answer.json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["name"] == "weather", message


def test_no_fallback_is_the_error_itself(gateway):
    assert ask(gateway, "lone").status == 503
    assert ask(gateway, "lone", headers={"x-bf-fallbacks": "up/echo"}).status == 200
    assert ask(gateway, "lone", headers={"x-bf-fallbacks": " nobody/x , up/echo"}).headers["x-bf-model"] == "echo"
    many = ask(gateway, "lone", headers={"x-bf-fallbacks": "a,b,c,d,e,f"})
    assert many.status == 400 and "x-bf-fallbacks" in many.error["message"]


def test_a_key_uses_only_what_it_may(gateway):
    some, all_ = "sk-bf-fallbacks-some-001", "sk-bf-fallbacks-all-0001"
    # who may use a name of models: may use what stands behind it, its fallbacks too
    assert ask(gateway, "fast", key=some).headers["x-bf-provider"] == "claude"
    # one that the client brings must be allowed by itself; what the provider said is told instead
    assert ask(gateway, "up/error-503", key=some, headers={"x-bf-fallbacks": "claude/echo"}).status == 503
    assert ask(gateway, "up/error-503", key=all_, headers={"x-bf-fallbacks": "claude/echo"}).status == 200


def test_too_slow_to_begin_goes_on(gateway):
    answer = ask(gateway, "slow")
    assert answer.status == 200 and answer.headers["x-bf-model"] == "echo"


def test_rules_decide(gateway):
    gold = ask(gateway, "up/lorem-5", headers={"x-tier": "gold"})
    assert (gold.headers["x-bf-model"], gold.headers["x-bf-rule"]) == ("echo", "gold")
    silver = ask(gateway, "up/lorem-5", headers={"x-tier": "silver"})
    assert silver.headers["x-bf-model"] == "lorem-5" and "x-bf-rule" not in silver.headers
    assert ask(gateway, "lone", text="x" * 3000).headers["x-bf-model"] == "echo"
    # a rule whose model the key may not use does not hold for it
    assert ask(gateway, "mute/echo", key="sk-bf-fallbacks-mute-001",
               headers={"x-tier": "gold"}).headers["x-bf-provider"] == "mute"


def test_a_rule_sees_the_budget(gateway):
    """Each costs some $0.00023 of $0.002: from the fifth on more than half is used."""
    def model():
        answer = ask(gateway, "up/echo", key="sk-bf-fallbacks-team-001", text="word " * 200)
        assert answer.status == 200, answer
        return answer.headers["x-bf-model"]
    seen = [model() for _ in range(6)]
    assert seen[:4] == ["echo"] * 4 and seen[5] == "lorem-3", seen


def test_a_rule_that_cannot_work_is_refused_with_its_column(gateway, mock):
    bad = YAML.format(base=mock.base_v1, root=mock.base).replace('headers["x-tier"] == "gold"', 'header == 1')
    last = gateway.reload(bad)
    assert last["ok"] is False and "column 1: there is no variable" in last["text"], last
    assert ask(gateway, "up/echo").status == 200


@pytest.mark.parametrize("body,path", [
    ({"fallbacks": ["nowhere"]}, "/v1/chat/completions"),
    ({"num_retries": 1, "metadata": {"a": "b"}}, "/litellm/v1/chat/completions"),
    ({"num_retries": 1, "timeout": 5}, "/litellm/v1/chat/completions"),
])
def test_a_body_that_is_rewritten_is_counted_as_it_was(start_gateway, mock, body, path):
    """What is held of bodies would never be 0 again, and in the end every request was refused for it."""
    gateway = start_gateway(one_provider(mock.base_v1), workers=1)
    for _ in range(5):
        answer = gateway.call("POST", path, {"model": "up/echo", "messages": [{"role": "user", "content": "hi"}]} | body)
        assert answer.status == 200, answer

    def is_zero():
        return b"\nbowfin_body_bytes_held 0\n" in gateway.api("GET", "/metrics").body
    wait_until(is_zero, "no bytes of bodies that are held")
