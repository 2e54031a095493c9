"""What fallbacks are there for: a name whose routes are dead leaves its fallbacks enough to be asked, at once and later."""

import json

import openai
import pytest

from wire import chat, wait_until

KEY = "sk-bf-onward-onward-onward-onward-onward-0001"
YAML = """require_key: false
workers: 1
providers:
  dead: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: a, value: d1 }}, {{ name: b, value: d2 }}, {{ name: c, value: d3 }} ] }}
  gone: {{ vendor: openai-compatible, base_url: "http://127.0.0.1:9/v1", keys: [ {{ name: a, value: g1 }}, {{ name: b, value: g2 }}, {{ name: c, value: g3 }} ] }}
  good: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: g }} ] }}
models:
  many: {{ targets: [ dead/error-500 ], fallbacks: [ good/echo ] }}
  chain: {{ targets: [ dead/error-503 ], fallbacks: [ gone/echo, good/echo ] }}
  dear: {{ targets: [ dead/error-502 ], fallbacks: [ good/dear ] }}
  down: {{ targets: [ dead/error-500 ], fallbacks: [ gone/echo ] }}
virtual_keys:
  - {{ name: poor, value: {key}, budgets: [ {{ limit: 0.001, overshoot: none }} ] }}
prices: {{ "*/*": {{ input: 0.001, output: 0.001 }}, "good/dear": {{ input: 1000, output: 1000 }} }}
"""


@pytest.fixture
def gateway(start_gateway, mock):
    return start_gateway(YAML.format(base=mock.base_v1, key=KEY))


def ask(gateway, model, key=None):
    return gateway.call("POST", "/v1/chat/completions", chat(model, max_tokens=8), key=key)


def is_passed_over(gateway, model):
    """Nothing was tried at its own routes."""
    answer = ask(gateway, model)
    return answer.status == 200 and answer.headers["x-bf-attempts"] == "1"


def test_dead_keys_leave_an_attempt_for_the_fallback(gateway):
    client = openai.OpenAI(base_url=f"{gateway.base}/v1", api_key="none", max_retries=0)
    for _ in range(40):
        answer = client.chat.completions.with_raw_response.create(
            model="many", messages=[{"role": "user", "content": "hello"}])
        assert answer.headers["x-bf-provider"] == "good", answer.headers


def test_every_level_of_a_chain_is_reached(gateway):
    for _ in range(20):
        answer = ask(gateway, "chain")
        assert answer.status == 200 and answer.headers["x-bf-provider"] == "good", answer


def test_open_routes_are_passed_over(gateway):
    wait_until(lambda: is_passed_over(gateway, "many"), "no attempt at what is open")
    told = gateway.api("POST", "/api/explain", {"model": "many"}, expect=200)
    assert told["chosen"] == "good/echo", json.dumps(told)
    assert [name["is_passed_over"] for name in told["names"]] == [True, False]
    assert "passed over" in gateway.bfctl("explain", "--model", "many")


def test_ill_ones_are_asked_when_those_that_are_well_are_too_dear(gateway):
    wait_until(lambda: is_passed_over(gateway, "dear"), "no attempt at what is open")
    answer = ask(gateway, "dear", KEY)
    assert answer.status == 502 and "dead" in answer.headers["x-bf-attempts"], answer


def test_with_all_of_them_down_errors_come_at_once(gateway):
    """The primary's own, until it is passed over."""
    first = ask(gateway, "down")
    assert first.status == 500 and first.headers["x-bf-provider"] == "dead", first
    for _ in range(30):
        answer = ask(gateway, "down")
        assert answer.status in (500, 502) and int(answer.headers["x-bf-attempts"].split(";")[0]) <= 3, answer
