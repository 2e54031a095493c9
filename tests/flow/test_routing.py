"""A team's whole routing, as README and design show it, with a real SDK as the client: weights, fallbacks, timeouts, hedges and
rules in one file, and what a client may ask for in its request."""

import openai
import pytest

from gateway import ADMIN_TOKEN
from wire import DEADLINE, wait_until

GOLD, TEAM = "sk-bf-routing-gold-0001", "sk-bf-routing-team-0001"

YAML = """
admin: {{ token: {token} }}
providers:
  openai: {{ vendor: openai, base_url: "{base}", keys: [ {{ name: main, value: openai-key }}, {{ name: spare, value: spare-key }} ] }}
  azure: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: azure-key }} ] }}
  anthropic: {{ vendor: anthropic, base_url: "{root}", keys: [ {{ name: main, value: anthropic-key }} ] }}
  mock: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: mock-key }} ] }}
  down: {{ vendor: openai-compatible, base_url: "http://127.0.0.1:9/v1", keys: [ {{ name: main, value: x }} ] }}
models:
  fast:
    targets:                                   # weighted, adapted in real time
      - {{ model: openai/gpt-4o-mini, weight: 8 }}
      - {{ model: azure/gpt-4o-mini,  weight: 2 }}
    fallbacks: [ anthropic/claude-haiku-4-5, mock/echo ]
    timeout: {{ first_byte: 8s, between_bytes: 20s }}
    hedge: {{ after: p95, at_most: 5% }}
  lost:
    targets: [ down/gpt-4o-mini ]
    fallbacks: [ anthropic/claude-haiku-4-5, mock/echo ]
  fast-cheap: {{ targets: [ mock/lorem-3 ] }}
  long-context: {{ targets: [ azure/lorem-5 ] }}
rules:
  - when: 'key.team == "research" && budget.used > 0.8'
    use: fast-cheap
  - when: 'headers["x-tier"] == "gold" && request.tokens > 30000'
    use: long-context
prices: {{ "openai/*": {{ input: 1000, output: 1000 }}, "azure/*": {{ input: 1000, output: 1000 }}, "mock/*": {{ input: 1, output: 1 }} }}
teams: {{ research: {{ budgets: [ {{ limit: 1, window: 1d, overshoot: 1 }} ] }} }}
virtual_keys:
  - {{ name: gold, value: {gold} }}
  - {{ name: team, value: {team}, team: research }}
"""


@pytest.fixture
def gateway(start_gateway, mock):
    return start_gateway(YAML.format(token=ADMIN_TOKEN, base=mock.base_v1, root=mock.base, gold=GOLD, team=TEAM))


def client(gateway, key=GOLD):
    return openai.OpenAI(base_url=gateway.base + "/v1", api_key=key, timeout=DEADLINE, max_retries=0)


def ask(gateway, model="fast", key=GOLD, text="hello", headers=None, body=None):
    """Provider and model that served it."""
    answer = client(gateway, key).chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": text}], max_tokens=200, extra_headers=headers, extra_body=body)
    assert answer.parse().choices[0].message.content
    assert answer.headers["x-bf-attempts"][0].isdigit()
    return f'{answer.headers["x-bf-provider"]}/{answer.headers["x-bf-model"]}'


def test_weights(gateway):
    served = [ask(gateway) for _ in range(60)]
    assert set(served) == {"openai/gpt-4o-mini", "azure/gpt-4o-mini"}
    assert 30 <= served.count("openai/gpt-4o-mini") <= 59  # 48; beyond five standard deviations on either side


def test_a_fallback_of_another_dialect_streams_and_calls_tools(gateway):
    assert ask(gateway, "lost") == "anthropic/claude-haiku-4-5"
    with client(gateway).chat.completions.create(model="lost", messages=[{"role": "user", "content": "hello"}], stream=True) as stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_a_budget_nearly_used_leads_to_the_cheap_model(gateway):
    assert ask(gateway, key=TEAM).endswith("/gpt-4o-mini")

    def rule_holds():
        return ask(gateway, key=TEAM, text="word " * 200) == "mock/lorem-3"
    wait_until(rule_holds, "the rule about the budget")
    assert ask(gateway, key=GOLD).endswith("/gpt-4o-mini")


def test_gold_with_a_long_prompt(gateway):
    assert ask(gateway, text="word " * 40000, headers={"x-tier": "gold"}) == "azure/lorem-5"
    assert ask(gateway, text="word " * 40000).endswith("/gpt-4o-mini")
    assert ask(gateway, headers={"x-tier": "gold"}).endswith("/gpt-4o-mini")


def test_what_a_request_may_ask_for(gateway, mock):
    assert ask(gateway, "down/x", headers={"x-bf-fallbacks": "mock/echo"}) == "mock/echo"
    assert ask(gateway, "down/x", body={"fallbacks": ["anthropic/claude-haiku-4-5", "mock/echo"]}) == "anthropic/claude-haiku-4-5"
    assert "fallbacks" not in mock.last()["body"]
    for _ in range(5):
        assert ask(gateway, "openai/gpt-4o-mini", headers={"x-bf-provider-key": "spare"}) == "openai/gpt-4o-mini"

    def pinned():
        rows = gateway.api("GET", "/api/logs?limit=5", expect=200)["data"]
        return rows if len([row for row in rows if row["model"] == "gpt-4o-mini"]) == 5 else None
    rows = wait_until(pinned, "five records")
    assert {row["provider_key"] for row in rows} == {"spare"}


def test_routes_and_explain_tell_of_it(gateway):
    ask(gateway)
    assert "gpt-4o-mini" in gateway.bfctl("routes")
    text = gateway.bfctl("explain", "--key", "gold", "--model", "fast")
    assert "openai/gpt-4o-mini" in text and "anthropic/claude-haiku-4-5" in text
    [record] = wait_until(lambda: gateway.api("GET", "/api/logs?limit=1", expect=200)["data"], "a record")
    assert record["attempts"]


def refused(gateway, error, **how):
    with pytest.raises(error) as caught:
        ask(gateway, **how)
    return caught.value


def test_a_rule_that_the_key_may_not_use_is_named(gateway):
    """And as soon as there is a key that may, it is followed."""
    limited = gateway.api("POST", "/api/keys", {"name": "limited", "models": ["mock/*"]}, expect=201)["key"]
    gateway.api("POST", "/api/rules", {"name": "to azure", "when": '"batch" in request.tags', "use": "azure/lorem-5"}, expect=201)
    answer = client(gateway, limited).chat.completions.with_raw_response.create(
        model="mock/echo", messages=[{"role": "user", "content": "hi"}], extra_headers={"x-bf-tags": "batch"})
    assert answer.headers["x-bf-skipped"] == "rule:to azure=model_not_allowed"
    assert "x-bf-rule" not in answer.headers and answer.headers["x-bf-provider"] == "mock"
    assert ask(gateway, headers={"x-bf-tags": "batch"}) == "azure/lorem-5"
    error = refused(gateway, openai.BadRequestError, model="mock/echo", headers={"x-bf-fallbacks": "a,b,c,d,e,f"})
    assert error.code == "bad_fallbacks" and error.param == "x-bf-fallbacks" and "header x-bf-fallbacks names 6" in str(error)


def test_tags_that_nothing_has_are_told(gateway):
    error = refused(gateway, openai.BadRequestError, model="mock/echo", headers={"x-bf-tags": "batch"})
    assert error.code == "unknown_tags" and 'none has all of "batch"; there are: none' in str(error)


def test_a_star_is_nobodys_model(gateway, mock):
    mock.clear()
    for name in ("mock/*", "fas*", "*", "openai/gpt-*"):
        assert refused(gateway, openai.NotFoundError, model=name).code == "unknown_model"
    assert mock.requests() == []


def test_rules_of_the_api_are_checked_like_those_of_the_file(gateway):
    wrong = {
        'model.matches("(")': "column 15: pattern",
        "request.tokens / 0 > 1": "column 16: division by zero",
        "has(model)": "column 5: has wants a field",
        "9223372036854775807 + 1 > request.tokens": "does not fit 64 bits",
    }
    for when, want in wrong.items():
        answer = gateway.api("POST", "/api/rules", {"name": "wrong", "when": when, "use": "mock/echo"})
        assert answer.status == 422 or answer.status == 400
        assert want in answer.body.decode(), answer
    for use in ("openai/*", "*", "fas*"):
        answer = gateway.api("POST", "/api/rules", {"name": "wrong", "use": use})
        assert answer.status in (400, 422) and "no pattern" in answer.body.decode(), answer
    assert len(gateway.api("GET", "/api/rules", expect=200)["data"]) == 2
