"""Scripts as LiteLLM's users write them: `requests` for the management, the OpenAI SDK for the rest."""

import hashlib
import re

import openai
import pytest
import requests

from gateway import ADMIN_TOKEN, Gateway, one_provider
from wire import wait_until

HELLO = [{"role": "user", "content": "hello from a LiteLLM script"}]
MORE = """    models: [ echo ]
prices:
  up/echo: { input: 1000, output: 1000 }
  up/lorem-20: { input: 1000, output: 1000 }
"""


@pytest.fixture(scope="module")
def litellm(mock_process):
    """A gateway with prices; the admin token is the master key."""
    yaml = one_provider(mock_process.base_v1, more=MORE).replace("require_key: false", "require_key: true")
    gateway = Gateway(yaml)
    yield gateway
    gateway.stop()


class Proxy:
    """What such scripts have around: a base URL, a master key, and JSON in and out."""

    def __init__(self, base, key=ADMIN_TOKEN):
        self.base = base
        self.headers = {"Authorization": f"Bearer {key}"}

    def post(self, path, status=200, **body):
        return self.answer(requests.post(self.base + path, headers=self.headers, json=body, timeout=30), status)

    def get(self, path, status=200, **params):
        return self.answer(requests.get(self.base + path, headers=self.headers, params=params, timeout=30), status)

    @staticmethod
    def answer(answer, status):
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def proxy(litellm):
    return Proxy(litellm.base)


def client(litellm, key):
    return openai.OpenAI(base_url=litellm.base + "/v1", api_key=key, max_retries=0, timeout=30)


def token_of(key):
    return hashlib.sha256(key.encode()).hexdigest()


def test_the_life_of_a_key(litellm, proxy):
    made = proxy.post("/key/generate", key_alias="life", max_budget=5, budget_duration="30d", models=["up/echo"],
                      rpm_limit=100, metadata={"app": "tests"}, tags=["blue"], duration="7d", user_id="ishaan")
    key = made["key"]
    assert made["token"] == made["token_id"] == token_of(key)
    assert made["key_name"] == "sk-..." + key[-4:]
    assert (made["max_budget"], made["budget_duration"], made["rpm_limit"]) == (5.0, "30d", 100)
    assert made["metadata"] == {"app": "tests"} and made["tags"] == ["blue"] and made["user_id"] == "ishaan"
    assert made["ignored"] == [] and made["expires"] and made["spend"] == 0.0

    answer = client(litellm, key).chat.completions.with_raw_response.create(model="up/echo", messages=HELLO)
    usage = answer.parse().usage
    cost = (usage.prompt_tokens + usage.completion_tokens) * 0.001
    with pytest.raises(openai.PermissionDeniedError):
        client(litellm, key).chat.completions.create(model="up/lorem-20", messages=HELLO)

    info = proxy.get("/key/info", key=key)
    assert info["key"] == key and "token" not in info["info"]
    assert info["info"]["spend"] == pytest.approx(cost, abs=1e-9)
    assert info["info"]["models"] == ["up/echo"] and info["info"]["blocked"] is False
    assert proxy.get("/key/info", key=token_of(key))["info"] == info["info"]

    def logged():
        rows = proxy.get("/spend/logs", api_key=key)
        return [row for row in rows if row["status"] == "success"]
    row = wait_until(logged, "the request in /spend/logs")[0]
    assert row["api_key"] == token_of(key) and row["user"] == "ishaan"
    assert row["spend"] == pytest.approx(cost, abs=1e-9)
    assert row["total_tokens"] == usage.prompt_tokens + usage.completion_tokens
    request_id = answer.headers["x-bf-request-id"]
    assert [one["request_id"] for one in proxy.get("/spend/logs", request_id=request_id)] == [request_id]

    assert proxy.post("/key/block", key=key)["blocked"] is True
    with pytest.raises(openai.PermissionDeniedError):
        client(litellm, key).chat.completions.create(model="up/echo", messages=HELLO)
    assert proxy.post("/key/unblock", key=token_of(key))["blocked"] is False
    client(litellm, key).chat.completions.create(model="up/echo", messages=HELLO)

    assert proxy.post("/key/delete", keys=[key]) == {"deleted_keys": [key]}
    with pytest.raises(openai.AuthenticationError):
        client(litellm, key).chat.completions.create(model="up/echo", messages=HELLO)
    assert proxy.get("/key/info", status=404, key=key)["error"]["code"] == "404"


def test_a_key_asks_for_itself(litellm, proxy):
    key = proxy.post("/key/generate", key_alias="self", max_budget=1)["key"]
    other = proxy.post("/key/generate", key_alias="other")["key"]
    own = Proxy(litellm.base, key)
    assert own.get("/key/info")["info"]["max_budget"] == 1.0
    assert own.get("/key/info", status=403, key=other)["error"]["code"] == "403"
    own.get("/key/list", status=401)
    own.post("/key/generate", status=401)
    for prefix in ("", "/openai", "/anthropic", "/litellm"):
        state = own.get(prefix + "/v1/key")
        assert state["name"] == "self" and state["budgets"][0]["remaining"] == "1.000000000"
        assert other not in str(state) and key not in str(state)
    headers = {"x-api-key": key}
    assert requests.get(litellm.base + "/anthropic/v1/key", headers=headers, timeout=30).json()["name"] == "self"


def test_a_budget_ends(litellm, proxy):
    key = proxy.post("/key/generate", key_alias="poor", max_budget=0.000001)["key"]
    with pytest.raises(openai.APIStatusError) as caught:
        for _ in range(5):
            client(litellm, key).chat.completions.create(model="up/lorem-20", messages=HELLO)
    assert caught.value.status_code == 402
    info = proxy.get("/key/info", key=key)["info"]
    assert info["budget_duration"] is None and info["budget_reset_at"] is None
    changed = proxy.post("/key/update", key=key, max_budget=100)
    assert changed["max_budget"] == 100.0
    client(litellm, key).chat.completions.create(model="up/lorem-20", messages=HELLO)


def test_an_old_key_keeps_working(litellm, proxy):
    old = "sk-litellm-1234567890abcdef"
    made = proxy.post("/key/generate", token=token_of(old), key_alias="from before")
    assert made["key"] is None and made["token_id"] == token_of(old)
    answer = client(litellm, old).chat.completions.create(model="up/echo", messages=HELLO)
    assert answer.choices[0].message.content == HELLO[0]["content"]
    assert proxy.post("/key/generate", key="sk-my-own-key-0123456789")["key"] == "sk-my-own-key-0123456789"


def test_a_key_is_regenerated(litellm, proxy):
    old = proxy.post("/key/generate", key_alias="rotated", max_budget=7)["key"]
    made = proxy.post(f"/key/{old}/regenerate", grace_period="1h", max_budget=8)
    assert made["key"] != old and made["max_budget"] == 8.0 and made["key_alias"] == "rotated"
    for key in (old, made["key"]):
        client(litellm, key).chat.completions.create(model="up/echo", messages=HELLO)
    again = proxy.post("/key/regenerate", key=made["key"], new_key="sk-regenerated-0123456789")
    assert again["key"] == "sk-regenerated-0123456789"
    client(litellm, again["key"]).chat.completions.create(model="up/echo", messages=HELLO)
    with pytest.raises(openai.AuthenticationError):
        client(litellm, made["key"]).chat.completions.create(model="up/echo", messages=HELLO)


def test_teams_and_members(litellm, proxy):
    made = proxy.post("/team/new", team_alias="research", max_budget=50, budget_duration="1mo", models=["up/*"],
                      metadata={"floor": 3}, tpm_limit=100000)
    team = made["team_id"]
    assert made["team_alias"] == "research" and made["models"] == ["up/*"] and made["max_budget"] == 50.0
    key = proxy.post("/key/generate", team_id=team, key_alias="of a team")
    assert key["team_id"] == team and key["models"] == ["up/*"]
    assert "models" in proxy.post("/key/generate", status=400, team_id=team, models=["other/x"])["error"]["param"]
    client(litellm, key["key"]).chat.completions.create(model="up/echo", messages=HELLO)
    info = proxy.get("/team/info", team_id=team)
    assert info["team_info"]["spend"] > 0 and [one["token"] for one in info["keys"]] == [key["token"]]

    proxy.post("/team/member_add", team_id=team, member={"role": "admin", "user_id": "ada"})
    proxy.post("/team/member_add", team_id=team, member=[{"role": "user", "user_email": "b@example.com"}])
    members = proxy.get("/team/info", team_id=team)["team_info"]["members_with_roles"]
    assert members == [{"user_id": "ada", "role": "admin"}, {"user_email": "b@example.com", "role": "user"}]
    assert proxy.get("/team/info", team_id=team)["team_info"]["metadata"] == {"floor": 3}
    proxy.post("/team/member_delete", team_id=team, user_id="ada")
    assert len(proxy.get("/team/info", team_id=team)["team_info"]["members_with_roles"]) == 1

    assert proxy.post("/team/block", team_id=team)["blocked"] is True
    with pytest.raises(openai.APIStatusError):
        client(litellm, key["key"]).chat.completions.create(model="up/echo", messages=HELLO)
    assert proxy.post("/team/unblock", team_id=team)["blocked"] is False
    assert proxy.post("/team/update", team_id=team, max_budget=60)["data"]["max_budget"] == 60.0
    assert team in [one["team_id"] for one in proxy.get("/team/list")]
    keys = proxy.get("/key/list", team_id=team, return_full_object="true")
    assert keys["total_count"] == 1 and keys["keys"][0]["key_alias"] == "of a team"
    assert proxy.post("/team/delete", team_ids=[team]) == {"deleted_teams": [team]}
    proxy.get("/team/info", status=404, team_id=team)
    proxy.get("/key/info", status=404, key=key["key"])


def test_users(litellm, proxy):
    made = proxy.post("/user/new", user_id="grace", user_email="grace@example.com", max_budget=2)
    assert made["user_id"] == "grace" and made["key"].startswith("sk-")
    second = proxy.post("/key/generate", user_id="grace", key_alias="second of grace")
    for key in (made["key"], second["key"]):
        client(litellm, key).chat.completions.create(model="up/echo", messages=HELLO)
    info = proxy.get("/user/info", user_id="grace")
    assert info["user_info"]["user_email"] == "grace@example.com" and info["user_info"]["spend"] > 0
    assert {one["token"] for one in info["keys"]} == {made["token"], second["token"]}
    assert proxy.get("/key/list", user_id="grace")["total_count"] >= 2
    assert "grace" in [one["user_id"] for one in proxy.get("/user/list")["users"]]
    assert proxy.post("/user/update", user_id="grace", max_budget=3)["data"]["max_budget"] == 3.0
    assert proxy.post("/user/new", user_id="lonely", auto_create_key=False)["key"] is None
    assert proxy.post("/user/delete", user_ids=["grace", "lonely"]) == 2
    proxy.get("/key/info", status=404, key=made["key"])


def test_customers_organizations_and_budgets(litellm, proxy):
    assert proxy.post("/customer/new", user_id="acme", alias="Acme", max_budget=9)["user_id"] == "acme"
    info = proxy.get("/customer/info", end_user_id="acme")
    assert info["alias"] == "Acme" and info["litellm_budget_table"]["max_budget"] == 9.0
    assert proxy.post("/end_user/update", user_id="acme", blocked=True)["blocked"] is True
    assert "acme" in [one["user_id"] for one in proxy.get("/customer/list")]
    proxy.post("/organization/new", organization_id="org", organization_alias="Org", max_budget=90)
    team = proxy.post("/team/new", team_id="of org", organization_id="org")
    assert team["organization_id"] == "org"
    assert proxy.get("/organization/info", organization_id="org")["organization_alias"] == "Org"
    proxy.post("/budget/new", budget_id="small", max_budget=0.5, rpm_limit=3)
    assert proxy.post("/budget/info", budgets=["small"])[0]["rpm_limit"] == 3
    key = proxy.post("/key/generate", budget_id="small", key_alias="of a budget")
    assert (key["max_budget"], key["rpm_limit"], key["budget_id"]) == (0.5, 3, "small")
    names = [one["user_id"] for one in proxy.get("/customer/list")]
    assert not [name for name in names if name.startswith(("budget:", "user:"))]
    assert proxy.post("/customer/delete", user_ids=["acme"])["deleted_customers"] == 1


def test_spend_of_everybody(litellm, proxy):
    made = proxy.post("/key/generate", key_alias="counted")
    client(litellm, made["key"]).chat.completions.create(model="up/lorem-20", messages=HELLO)

    def mine():
        return [row for row in proxy.get("/global/spend/keys") if row["api_key"] == made["token"]]
    row = wait_until(mine, "the key in /global/spend/keys")[0]
    assert row["key_alias"] == "counted" and row["total_spend"] > 0
    assert proxy.get("/key/info", key=made["key"])["info"]["spend"] == pytest.approx(row["total_spend"])
    assert proxy.get("/global/spend")["spend"] >= row["total_spend"]
    assert "lorem-20" in [one["model"] for one in proxy.get("/global/spend/models")]
    assert "up" in [one["provider"] for one in proxy.get("/global/spend/provider")]
    assert proxy.get("/global/spend/teams")["total_spend_per_team"]
    day = proxy.get("/spend/logs", start_date="2020-01-01", end_date="2099-01-01")[-1]
    assert day["spend"] > 0 and day[made["token"]] == pytest.approx(row["total_spend"])
    rows = proxy.get("/spend/logs", start_date="2020-01-01", end_date="2099-01-01", summarize="false")
    assert made["token"] in [one["api_key"] for one in rows]
    report = proxy.get("/global/spend/report", start_date="2020-01-01", end_date="2099-01-01")
    assert any(one["api_key"] == made["token"] for day in report for team in day["teams"] for one in team["metadata"])


def test_models_and_prices(proxy):
    data = proxy.get("/model/info")["data"]
    assert data and all("api_key" not in one["litellm_params"] for one in data)
    info = next(one for one in data if one["litellm_params"]["model"] == "up/echo")["model_info"]
    assert info["input_cost_per_token"] == pytest.approx(0.001) and len(info["id"]) == 64
    assert proxy.get("/v1/model/info")["data"] == data
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    assert proxy.post("/spend/calculate", model="up/echo", completion_response={"usage": usage})["cost"] == \
        pytest.approx(0.015)
    assert proxy.post("/spend/calculate", model="up/echo", messages=HELLO)["cost"] > 0
    assert proxy.post("/spend/calculate", status=400, model="up/never-heard-of", messages=HELLO)["error"]


def test_what_cannot_be_said_is_named(proxy):
    made = proxy.post("/key/generate", guardrails=["pii"], model_max_budget={"gpt-4o": 5}, soft_budget=1)
    assert sorted(made["ignored"]) == ["guardrails", "model_max_budget", "soft_budget"]
    error = proxy.post("/key/generate", status=400, max_bugdet=5)["error"]
    assert "max_budget" in error["message"] and error["code"] == "400" and error["type"] == "bad_request_error"
    for bad in ({"max_budget": -1}, {"max_budget": "5"}, {"max_budget": 1e300}, {"duration": "soon"},
                {"budget_duration": "often", "max_budget": 1}, {"key": "short"}, {"team_id": "nobody's"},
                {"models": "all"}, {"key_alias": "x" * 200}, {"metadata": {"x": "y" * 5000}}):
        assert proxy.post("/key/generate", status=400, **bad)["error"]["param"], bad


def test_health(litellm):
    assert requests.get(litellm.base + "/health/liveliness", timeout=30).json() == "I'm alive!"
    assert requests.get(litellm.base + "/litellm/health/readiness", timeout=30).json()["status"] == "healthy"


def test_no_secret_is_logged(litellm, proxy):
    key = proxy.post("/key/generate", key_alias="secret")["key"]
    proxy.get("/key/info", key=key)
    proxy.post(f"/key/{key}/regenerate")
    requests.get(litellm.base + "/v1/key", params={"key": key}, timeout=30)
    log = litellm.log()
    assert key not in log and ADMIN_TOKEN not in log
    assert not re.search(r"sk-bf-[\w-]{20,}", log)
