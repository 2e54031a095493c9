"""What the API refuses of keys, teams, customers and model limits: with the field, the reason, and nothing half-done."""

import pytest

from test_entities import create


# What is wrong, and which field the answer must name.
BAD = [
    ("keys", {}, "name"),
    ("keys", {"name": ""}, "name"),
    ("keys", {"name": "x" * 129}, "name"),
    ("keys", {"name": "a\nb"}, "name"),
    ("keys", {"name": None}, "name"),
    ("keys", {"name": "bad", "bugdet": 5}, "bugdet"),
    ("keys", {"name": "bad", "budget": -5}, "budget"),
    ("keys", {"name": "bad", "budget": "NaN"}, "budget"),
    ("keys", {"name": "bad", "budget": "Infinity"}, "budget"),
    ("keys", {"name": "bad", "budget": 1e30}, "budget"),
    ("keys", {"name": "bad", "budget": "1000 dollars"}, "budget"),
    ("keys", {"name": "bad", "budget": 0.0000000001}, "budget"),
    ("keys", {"name": "bad", "budget": {}}, "budget"),
    ("keys", {"name": "bad", "budget": True}, "budget"),
    ("keys", {"name": "bad", "budgets": 5}, "budgets"),
    ("keys", {"name": "bad", "budgets": [{}]}, "budgets"),
    ("keys", {"name": "bad", "budgets": [{"limit": 5, "window": "fortnight"}]}, "budgets"),
    ("keys", {"name": "bad", "budgets": [{"limit": 5, "windwo": "1d"}]}, "budgets"),
    ("keys", {"name": "bad", "budgets": [{"limit": 5, "window": "1d"}] * 2}, "budgets"),
    ("keys", {"name": "bad", "budgets": [{"limit": 5, "window": f"{n}d"} for n in range(2, 9)]}, "budgets"),
    ("keys", {"name": "bad", "budgets": [{"limit": 5, "window": "1d", "calendar": True, "time_zone": "Mars/Base"}]},
     "budgets"),
    ("keys", {"name": "bad", "budgets": [{"limit": 5, "overshoot": "lots"}]}, "budgets"),
    ("keys", {"name": "bad", "rate_limit": -1}, "rate_limit"),
    ("keys", {"name": "bad", "rate_limit": 1.5}, "rate_limit"),
    ("keys", {"name": "bad", "rate_limits": [{"requests": 5, "per": "1 minute"}]}, "rate_limits"),
    ("keys", {"name": "bad", "rate_limits": [{"requests": 10**30, "per": "1m"}]}, "rate_limits"),
    ("keys", {"name": "bad", "concurrency": -1}, "concurrency"),
    ("keys", {"name": "bad", "team": "nobody"}, "team"),
    ("keys", {"name": "bad", "customer": "nobody"}, "customer"),
    ("keys", {"name": "bad", "team_id": "0123456789abcdef"}, "team_id"),
    ("keys", {"name": "bad", "models": ["ok", 5]}, "models"),
    ("keys", {"name": "bad", "models": [""]}, "models"),
    ("keys", {"name": "bad", "networks": ["10.0.0.0/99"]}, "networks"),
    ("keys", {"name": "bad", "routes": ["chta"]}, "routes"),
    ("keys", {"name": "bad", "providers": [{"provider": "nobody"}]}, "providers"),
    ("keys", {"name": "bad", "providers": [{"models": []}]}, "providers"),
    ("keys", {"name": "bad", "tags": "gold"}, "tags"),
    ("keys", {"name": "bad", "metadata": ["x"]}, "metadata"),
    ("keys", {"name": "bad", "metadata": {"x": "y" * 5000}}, "metadata"),
    ("keys", {"name": "bad", "hash": "abc"}, "hash"),
    ("keys", {"name": "bad", "expires": "1d", "expires_ms": 5}, "expires"),
    ("keys", {"name": "bad", "blocked": True}, "blocked"),
    ("teams", {"name": "bad", "customer": "nobody"}, "customer"),
    ("teams", {"name": "bad", "team": "other"}, "team"),
    ("teams", {"name": "bad", "models": []}, "models"),
    ("customers", {"name": "bad", "customer": "other"}, "customer"),
    ("model-limits", {"budget": 5}, "model"),
    ("model-limits", {"model": "", "budget": 5}, "model"),
    ("model-limits", {"model": "bad/*", "name": "x"}, "name"),
]


@pytest.mark.parametrize("kind,body,field", BAD)
def test_bad_input(gateway, kind, body, field):
    answer = gateway.api("POST", f"/api/{kind}", body)
    assert 400 <= answer.status < 500 and answer.status != 404, answer
    error = answer.error
    assert error["param"] is not None and error["param"].split("[")[0].split(".")[0].startswith(field), error
    assert len(error["message"]) > 12
    # Nothing half-done: neither the thing nor a budget of it.
    for path in ("/api/keys", "/api/teams", "/api/customers", "/api/model-limits", "/api/budgets"):
        assert gateway.api("GET", f"{path}?name=bad*", expect=200)["data"] == [], path


def test_suggestions(gateway):
    message = gateway.api("POST", "/api/keys", {"name": "bad", "bugdet": 5}).error["message"]
    assert 'did you mean "budget"' in message
    message = gateway.api("POST", "/api/keys", {"name": "bad", "budgets": [{"limmit": 5}]}).error["message"]
    assert "limit" in message and "budgets[0]" in message


def test_duplicates_and_twice(gateway):
    create(gateway, "teams", "twin")
    for kind, body in (("teams", {"name": "twin"}),):
        answer = gateway.api("POST", f"/api/{kind}", body)
        assert answer.status == 409 and "twin" in answer.error["message"]
    other = create(gateway, "teams", "twin-2")
    assert gateway.api("PATCH", f"/api/teams/{other['id']}", {"name": "twin"}).status == 409
    answer = gateway.call("POST", "/api/teams", b'{"name":"a","name":"b"}')
    assert (answer.status, answer.error["param"]) == (400, "name")
    answer = gateway.call("POST", "/api/teams", b'{"name":"twice","budgets":[{"limit":1,"limit":2}]}')
    assert answer.status == 400
    value = "sk-same-text-" + "y" * 20
    create(gateway, "keys", "same-1", value=value)
    assert gateway.api("POST", "/api/keys", {"name": "same-2", "value": value}).status in (400, 409)


@pytest.mark.parametrize("path", ["/api/keys/xyz", "/api/keys/0123456789abcdef", "/api/teams/0", "/api/customers/zz",
                                  "/api/model-limits/0123456789abcdef"])
def test_unknown_ids(gateway, path):
    for method, body in (("GET", None), ("PATCH", {"tags": ["x"]} if "limits" not in path else {"budget": 5}),
                         ("DELETE", None)):
        answer = gateway.api(method, path, body)
        assert (answer.status, answer.error["code"]) == (404, "not_found"), (method, answer)
