"""Bifrost's /api/governance/routing-rules: its calls make, show, change and take away rules that hold."""

import openai
import pytest

from gateway import ADMIN_TOKEN
from wire import DEADLINE

PATH = "/api/governance/routing-rules"
KEY = "sk-bf-governance-rules-01"

YAML = """
admin: {{ token: {token} }}
providers:
  mock: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: mock-key }} ] }}
models: {{ cheap: {{ targets: [ mock/lorem-3 ] }} }}
rules: [ {{ name: written, when: 'headers["x-written"] == "yes"', use: mock/lorem-5 }} ]
teams: {{ research: {{}} }}
virtual_keys: [ {{ name: ci, value: {key}, team: research }} ]
"""


@pytest.fixture
def gateway(start_gateway, mock):
    return start_gateway(YAML.format(token=ADMIN_TOKEN, base=mock.base_v1, key=KEY))


def served(gateway, headers=None):
    client = openai.OpenAI(base_url=gateway.base + "/v1", api_key=KEY, timeout=DEADLINE, max_retries=0)
    answer = client.chat.completions.with_raw_response.create(
        model="mock/echo", messages=[{"role": "user", "content": "hi"}], extra_headers=headers)
    return answer.headers["x-bf-model"], answer.headers.get("x-bf-rule")


def make(gateway, **body):
    return gateway.api("POST", PATH, body, expect=200)


def test_a_rule_lives_and_goes(gateway):
    made = make(gateway, name="gold", description="", enabled=True, cel_expression='headers["x-tier"] == "gold"',
                targets=[{"provider": "mock", "model": "lorem-3", "weight": 1}], fallbacks=[], scope="global", scope_id=None,
                priority=10, query={"combinator": "and", "rules": []})
    assert made["message"] == "Routing rule created successfully"
    rule = made["rule"]
    assert rule["cel_expression"] == 'headers["x-tier"] == "gold"' and rule["enabled"] is True
    assert rule["targets"] == [{"provider": "mock", "model": "lorem-3", "weight": 1}]
    assert (rule["scope"], rule["scope_id"], rule["priority"]) == ("global", None, 10)
    assert served(gateway, {"x-tier": "gold"}) == ("lorem-3", "gold")
    assert served(gateway) == ("echo", None)

    one = f"{PATH}/{rule['id']}"
    assert gateway.api("GET", one, expect=200)["rule"] == rule
    off = gateway.api("PUT", one, {"enabled": False}, expect=200)
    assert off["message"] == "Routing rule updated successfully"
    assert off["rule"] == {**rule, "enabled": False}
    assert served(gateway, {"x-tier": "gold"}) == ("echo", None)
    changed = gateway.api("PUT", one, {"enabled": True, "cel_expression": "", "targets": [{"provider": "", "model": "cheap"}],
                                       "priority": 3}, expect=200)["rule"]
    assert changed["cel_expression"] == "" and changed["priority"] == 3
    assert changed["targets"] == [{"provider": "", "model": "cheap", "weight": 1}]
    assert served(gateway) == ("lorem-3", "gold")
    assert gateway.api("DELETE", one, expect=200) == {"message": "Routing rule deleted successfully"}
    assert served(gateway) == ("echo", None)
    gateway.api("GET", one, expect=404)
    gateway.api("PUT", one, {"enabled": True}, expect=404)
    gateway.api("DELETE", one, expect=404)


def test_scopes_and_variables(gateway):
    team = gateway.api("GET", "/api/governance/teams", expect=200)["teams"][0]
    key = gateway.api("GET", "/api/governance/virtual-keys", expect=200)["virtual_keys"][0]
    of_team = make(gateway, name="of-team", cel_expression='team_name == "research" && virtual_key_name == "ci"',
                   provider="mock", model="lorem-3", scope="team", scope_id=team["id"], priority=1)["rule"]
    assert (of_team["scope"], of_team["scope_id"]) == ("team", team["id"])
    assert of_team["cel_expression"] == 'team_name == "research" && virtual_key_name == "ci"'
    assert gateway.api("GET", "/api/rules/of-team", expect=200)["when"] == 'key.team == "research" && key.name == "ci"'
    assert served(gateway) == ("lorem-3", "of-team")
    of_key = make(gateway, name="of-key", cel_expression=f'virtual_key_id == "{key["id"]}"', provider="mock", model="lorem-7",
                  scope="virtual_key", scope_id=key["id"], priority=1)["rule"]
    assert of_key["scope_id"] == key["id"]
    assert served(gateway) == ("lorem-7", "of-key")
    moved = gateway.api("PUT", f"{PATH}/{of_key['id']}", {"scope": "global", "cel_expression": "budget_used > 80"}, expect=200)["rule"]
    assert (moved["scope"], moved["scope_id"], moved["cel_expression"]) == ("global", None, "budget_used > 80")
    assert served(gateway) == ("lorem-3", "of-team")

    everything = gateway.api("GET", PATH, expect=200)
    assert [(r["name"], r["origin"]) for r in everything["rules"]] == [("of-team", "api"), ("of-key", "api"), ("written", "file")]
    assert everything["count"] == everything["total_count"] == 3
    assert [r["name"] for r in gateway.api("GET", f"{PATH}?scope=team&scope_id={team['id']}", expect=200)["rules"]] == ["of-team"]
    assert [r["name"] for r in gateway.api("GET", f"{PATH}?search=of-&limit=1&offset=1", expect=200)["rules"]] == ["of-key"]
    assert gateway.api("GET", "/api/routing/rules", expect=200) == everything
    gateway.api("PUT", f"{PATH}/written", {"priority": 1}, expect=409)


WRONG = {
    "name": ({"name": ""}, "name must be told"),
    "expression": ({"cel_expression": 'model.matches("(")'}, "column 15"),
    "division": ({"cel_expression": "request.tokens / 0 > 1"}, "division by zero"),
    "variable": ({"cel_expression": "tokens_used > 90"}, "tokens_used has no equivalent"),
    "slip": ({"cel_expression": "modle == 'a'"}, "column 1: there is no variable"),
    "scope": ({"scope": "planet"}, "scope must be global"),
    "nobody": ({"scope": "team"}, "scope_id must be told"),
    "nobody there": ({"scope": "team", "scope_id": "0123456789abcdef"}, "there is no such team"),
    "targets": ({"targets": [{"provider": "mock", "model": "a"}, {"provider": "mock", "model": "b"}]}, "targets of a rule are one"),
    "target": ({"targets": [5]}, "targets must be a list of objects"),
    "key": ({"targets": [{"provider": "mock", "model": "a", "key_id": "main"}]}, "key_id has no equivalent"),
    "model": ({"model": None}, "model must be told"),
    "pattern": ({"model": "*"}, "no pattern"),
    "fallbacks": ({"fallbacks": ["mock/echo"]}, "fallbacks of a rule have no equivalent"),
    "chain": ({"chain_rule": True}, "chain_rule has no equivalent"),
    "member": ({"celexpression": "true"}, "celexpression"),
}


def test_what_cannot_be_is_told(gateway):
    good = {"name": "wrong", "cel_expression": "", "provider": "mock", "model": "echo", "scope": "global"}
    for name, (change, want) in WRONG.items():
        answer = gateway.api("POST", PATH, {**good, **change})
        assert answer.status in (400, 422) and want in answer.body.decode(), (name, answer.status, answer.body)
    assert [r["name"] for r in gateway.api("GET", "/api/rules", expect=200)["data"]] == ["written"]
