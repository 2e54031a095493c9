"""Bifrost's /api/governance shapes: its scripts work, and what they say is what the native routes show."""

import pytest

from wire import chat, wait_until

BASE = "/api/governance"


def ask(gateway, key, model="mock/echo"):
    return gateway.call("POST", "/v1/chat/completions", chat(model), key=key)


def create(gateway, what, body):
    return gateway.api("POST", f"{BASE}/{what}", body, expect=200)


def test_virtual_keys(gateway):
    customer = create(gateway, "customers", {"name": "bf-customer", "budget": {"max_limit": 500, "reset_duration": "1M"}})
    assert customer["message"] == "Customer created successfully"
    assert customer["customer"]["budgets"][0]["max_limit"] == 500
    team = create(gateway, "teams", {"name": "bf-team", "customer_id": customer["customer"]["id"],
                                     "budget": {"max_limit": 50.5, "reset_duration": "1w"}})["team"]
    assert team["customer"]["name"] == "bf-customer" and team["budgets"][0]["reset_duration"] == "1w"
    made = create(gateway, "virtual-keys", {
        "name": "bf-key", "description": "for tests", "team_id": team["id"],
        "budgets": [{"max_limit": 5, "reset_duration": "1d"}, {"max_limit": 20.25, "reset_duration": "1M"}],
        "rate_limit": {"request_max_limit": 100, "request_reset_duration": "1h",
                       "token_max_limit": 5000, "token_reset_duration": "1m"},
        "provider_configs": [{"provider": "mock", "weight": 0.5, "allowed_models": ["echo", "lorem-*"],
                              "key_ids": ["*"], "budgets": [{"max_limit": 2, "reset_duration": "1d"}]}],
        "mcp_configs": [{"mcp_client_name": "files", "tools_to_execute": ["read", "list"]}],
        "is_active": True, "calendar_aligned": True})
    key = made["virtual_key"]
    assert made["message"] == "Virtual key created successfully" and key["value"].startswith("sk-bf-")
    assert (key["description"], key["team_id"], key["team"]["name"]) == ("for tests", team["id"], "bf-team")
    assert [(b["max_limit"], b["reset_duration"], b["calendar_aligned"]) for b in key["budgets"]] == \
        [(5, "1d", True), (20.25, "1M", True)]
    limit = key["rate_limit"]
    assert (limit["request_max_limit"], limit["token_max_limit"], limit["token_reset_duration"]) == (100, 5000, "1m")
    [config] = key["provider_configs"]
    assert (config["provider"], config["weight"], config["allowed_models"]) == ("mock", 0.5, ["echo", "lorem-*"])
    assert config["budgets"][0]["max_limit"] == 2 and key["allow_all_providers"] is False
    assert key["mcp_configs"] == [{"mcp_client_name": "files", "tools_to_execute": ["read", "list"]}]
    # The same, natively.
    native = gateway.api("GET", f"/api/keys/{key['id']}", expect=200)
    assert native["team"] == "bf-team" and native["providers"][0]["provider"] == "mock"
    assert {b["window"]: b["limit_nanousd"] for b in native["budgets"]} == {"1d": 5 * 10**9, "1M": 20250000000}
    assert ask(gateway, key["value"]).status == 200

    def counted():
        shown = gateway.api("GET", f"{BASE}/virtual-keys/{key['id']}", expect=200)["virtual_key"]
        return shown if shown["budgets"][0].get("current_usage") else None
    shown = wait_until(counted, "usage")
    assert shown["value"] != key["value"] and shown["rate_limit"]["request_current_usage"] == 1


def test_update_keeps_what_is_not_told(gateway):
    key = create(gateway, "virtual-keys", {"name": "upd", "allow_all_providers": True, "description": "first",
                                           "budgets": [{"max_limit": 5, "reset_duration": "1d"}]})["virtual_key"]
    assert key["allow_all_providers"] is True and ask(gateway, key["value"]).status == 200
    path = f"{BASE}/virtual-keys/{key['id']}"
    changed = gateway.api("PUT", path, {"description": "second"}, expect=200)["virtual_key"]
    assert (changed["name"], changed["description"], changed["budgets"][0]["max_limit"]) == ("upd", "second", 5)
    assert changed["allow_all_providers"] is True
    changed = gateway.api("PUT", path, {"budgets": [{"max_limit": 7, "reset_duration": "1d"}], "is_active": False,
                                        "rate_limit": {"request_max_limit": 9, "request_reset_duration": "1m"}},
                          expect=200)["virtual_key"]
    assert changed["budgets"][0]["max_limit"] == 7 and changed["is_active"] is False
    changed = gateway.api("PUT", path, {"rate_limit": {"token_max_limit": 10, "token_reset_duration": "1h"}},
                          expect=200)["virtual_key"]
    assert (changed["rate_limit"]["request_max_limit"], changed["rate_limit"]["token_max_limit"]) == (9, 10)
    changed = gateway.api("PUT", path, {"rate_limit": {}, "calendar_aligned": True}, expect=200)["virtual_key"]
    assert changed["rate_limit"] is None and changed["budgets"][0]["calendar_aligned"] is True
    assert changed["budgets"][0]["max_limit"] == 7
    assert gateway.api("DELETE", path, expect=200) == {"message": "Virtual key deleted successfully"}
    assert gateway.api("GET", path).status == 404


def test_a_key_without_providers_may_use_none(gateway):
    key = create(gateway, "virtual-keys", {"name": "nowhere"})["virtual_key"]
    assert key["provider_configs"] == [] and key["allow_all_providers"] is False
    assert ask(gateway, key["value"]).status == 403
    changed = gateway.api("PUT", f"{BASE}/virtual-keys/{key['id']}",
                          {"provider_configs": [{"provider": "mock", "allowed_models": ["*"]}]},
                          expect=200)["virtual_key"]
    assert changed["provider_configs"][0]["allowed_models"] == ["*"]
    assert ask(gateway, key["value"]).status == 200
    gateway.api("PUT", f"{BASE}/virtual-keys/{key['id']}",
                {"provider_configs": [{"provider": "mock", "allowed_models": []}]}, expect=200)
    assert ask(gateway, key["value"]).status == 403


def test_reset_of_usage(gateway):
    key = create(gateway, "virtual-keys", {"name": "res", "allow_all_providers": True,
                                           "budgets": [{"max_limit": 5, "reset_duration": "1d"}]})["virtual_key"]
    assert ask(gateway, key["value"]).status == 200
    path = f"{BASE}/virtual-keys/{key['id']}"
    wait_until(lambda: gateway.api("GET", path, expect=200)["virtual_key"]["budgets"][0]["current_usage"], "usage")
    changed = gateway.api("PUT", path, {"reset_budget_usage": True}, expect=200)["virtual_key"]
    assert changed["budgets"][0]["current_usage"] == 0


def test_lists(gateway):
    for n in range(7):
        create(gateway, "virtual-keys", {"name": f"listed-{n}"})
    whole = gateway.api("GET", f"{BASE}/virtual-keys?search=listed-", expect=200)
    assert (whole["count"], whole["total_count"], whole["offset"]) == (7, 7, 0)
    names = [key["name"] for key in whole["virtual_keys"]]
    part = gateway.api("GET", f"{BASE}/virtual-keys?search=listed-&limit=3&offset=2", expect=200)
    assert [key["name"] for key in part["virtual_keys"]] == names[2:5]
    assert (part["count"], part["limit"], part["offset"]) == (3, 3, 2)
    for what, member in (("teams", "teams"), ("customers", "customers"), ("model-configs", "model_configs"),
                         ("providers", "providers")):
        page = gateway.api("GET", f"{BASE}/{what}?limit=5", expect=200)
        assert set(page) == {member, "count", "total_count", "limit", "offset"}
    assert gateway.api("GET", f"{BASE}/virtual-keys?offset=-1").status == 400
    assert gateway.api("GET", f"{BASE}/virtual-keys?limit=x").status == 400


def test_budgets_and_rate_limits(gateway):
    team = create(gateway, "teams", {"name": "ruled", "budget": {"max_limit": 3, "reset_duration": "1d"},
                                     "rate_limit": {"request_max_limit": 4, "request_reset_duration": "1m"}})["team"]
    budgets = gateway.api("GET", f"{BASE}/budgets", expect=200)
    assert [b["max_limit"] for b in budgets["budgets"] if b.get("team_id") == team["id"]] == [3]
    limits = gateway.api("GET", f"{BASE}/rate-limits", expect=200)
    assert [x["request_max_limit"] for x in limits["rate_limits"] if x.get("team_id") == team["id"]] == [4]
    changed = gateway.api("PUT", f"{BASE}/teams/{team['id']}", {"budget": {"max_limit": 8}}, expect=200)["team"]
    assert (changed["budgets"][0]["max_limit"], changed["budgets"][0]["reset_duration"]) == (8, "1d")
    changed = gateway.api("PUT", f"{BASE}/teams/{team['id']}", {"budget": {}}, expect=200)["team"]
    assert changed["budgets"] == [] and changed["rate_limit"]["request_max_limit"] == 4


def test_model_configs_and_providers(gateway):
    made = create(gateway, "model-configs", {"model_name": "lorem-9", "provider": "mock",
                                             "rate_limit": {"request_max_limit": 1, "request_reset_duration": "1h"}})
    config = made["model_config"]
    assert (config["model_name"], config["provider"], config["scope"]) == ("lorem-9", "mock", "global")
    assert [ask(gateway, None, "mock/lorem-9").status for _ in range(2)] == [200, 429]
    gateway.api("DELETE", f"{BASE}/model-configs/{config['id']}", expect=200)
    assert ask(gateway, None, "mock/lorem-9").status == 200
    put = gateway.api("PUT", f"{BASE}/providers/mock", {"budget": {"max_limit": 9, "reset_duration": "1M"}}, expect=200)
    assert put["provider"]["provider"] == "mock" and put["provider"]["budgets"][0]["max_limit"] == 9
    again = gateway.api("PUT", f"{BASE}/providers/mock", {"budget": {"max_limit": 11}}, expect=200)
    assert again["provider"]["id"] == put["provider"]["id"] and again["provider"]["budgets"][0]["max_limit"] == 11
    listed = gateway.api("GET", f"{BASE}/providers", expect=200)
    assert [p["provider"] for p in listed["providers"]] == ["mock"]
    gateway.api("DELETE", f"{BASE}/providers/mock", expect=200)
    assert gateway.api("DELETE", f"{BASE}/providers/mock").status == 404


def test_rotate(gateway):
    keys = [create(gateway, "virtual-keys", {"name": f"rot-{n}", "allow_all_providers": True})["virtual_key"]
            for n in range(3)]
    one = gateway.api("POST", f"{BASE}/virtual-keys/{keys[0]['id']}/rotate", expect=200)["virtual_key"]
    assert one["value"] != keys[0]["value"] and ask(gateway, one["value"]).status == 200
    assert ask(gateway, keys[0]["value"]).status == 401
    many = gateway.api("POST", f"{BASE}/virtual-keys/rotate", {"ids": [key["id"] for key in keys[1:]]}, expect=200)
    assert [key["id"] for key in many["virtual_keys"]] == [key["id"] for key in keys[1:]]
    assert all(ask(gateway, key["value"]).status == 200 for key in many["virtual_keys"])
    assert gateway.api("POST", f"{BASE}/virtual-keys/rotate", {"ids": []}).status == 400


def test_quota_is_the_keys_own(start_gateway, mock):
    from gateway import one_provider
    gateway = start_gateway(one_provider(mock.base_v1))
    key = create(gateway, "virtual-keys", {
        "name": "own", "allow_all_providers": True, "budgets": [{"max_limit": 5, "reset_duration": "1d"}],
        "rate_limit": {"request_max_limit": 10, "request_reset_duration": "1m"}})["virtual_key"]
    path = f"{BASE}/virtual-keys/quota"
    for headers in ({"Authorization": f"Bearer {key['value']}"}, {"x-bf-vk": key["value"]}):
        quota = gateway.call("GET", path, headers=headers).json()
        assert quota["virtual_key_name"] == "own" and quota["is_active"] is True
        assert quota["budgets"][0]["max_limit"] == 5 and quota["rate_limit"]["request_max_limit"] == 10
    for headers in ({}, {"x-bf-vk": "sk-bf-nobody"}, {"Authorization": "Bearer flow-admin-token-0123456789abcdef"}):
        assert gateway.call("GET", path, headers=headers).status == 401
    # It opens nothing else.
    assert gateway.call("GET", f"{BASE}/virtual-keys", key=key["value"]).status == 401


BAD = [
    ("virtual-keys", {}, "name"),
    ("virtual-keys", {"name": "b", "budget": {"max_limit": 1}}, "budget.reset_duration"),
    ("virtual-keys", {"name": "b", "budgets": [{"reset_duration": "1d"}]}, "budgets[0].max_limit"),
    ("virtual-keys", {"name": "b", "budgets": [{"max_limit": -1, "reset_duration": "1d"}]}, "budgets[0].max_limit"),
    ("virtual-keys", {"name": "b", "budgets": [{"max_limit": "5", "reset_duration": "1d"}]}, "budgets[0].max_limit"),
    ("virtual-keys", {"name": "b", "budgets": [{"max_limit": 1, "reset_duration": "1d"}] * 2}, "budgets"),
    ("virtual-keys", {"name": "b", "team_id": "0123456789abcdef", "customer_id": "0123456789abcdef"}, "team_id"),
    ("virtual-keys", {"name": "b", "team_id": "0123456789abcdef"}, "team_id"),
    ("virtual-keys", {"name": "b", "provider_configs": [{}]}, "provider_configs[0].provider"),
    ("virtual-keys", {"name": "b", "provider_configs": [{"provider": "mock", "key_ids": ["k"]}]},
     "provider_configs[0].key_ids"),
    ("virtual-keys", {"name": "b", "provider_configs": [{"provider": "mock", "allowed_models": ["regex:x"]}]}, "models"),
    ("virtual-keys", {"name": "b", "rate_limit": {"token_max_limit": 5}}, "rate_limit.token_reset_duration"),
    ("virtual-keys", {"name": "b", "rate_limit": {"token_max": 5}}, "token_max"),
    ("model-configs", {"model_name": "x", "scope": "user"}, "scope"),
]


@pytest.mark.parametrize("what,body,param", BAD)
def test_bad_input(gateway, what, body, param):
    answer = gateway.api("POST", f"{BASE}/{what}", body)
    assert answer.status == 400 and answer.error["param"] == param, answer
    assert gateway.api("GET", "/api/keys?name=b", expect=200)["data"] == []
