"""Virtual keys: where they come from, how they are sent, what they allow, and how soon."""

import hashlib
import signal

import pytest

from gateway import one_provider
from wire import call, chat

PLAIN = "sk-bf-plain-plain-plain-plain-plain-plain-plain"
HASHED = "sk-bf-hashed-hashed-hashed-hashed-hashed-hashed"
NARROW = "sk-bf-narrow-narrow-narrow-narrow-narrow-narrow"

KEYS = f"""virtual_keys:
  - {{ name: plain, value: {PLAIN} }}
  - {{ name: from-environment, value: env.FLOW_KEY }}
  - {{ name: hashed, value: "sha256:{hashlib.sha256(HASHED.encode()).hexdigest()}" }}
  - {{ name: narrow, value: {NARROW}, models: [ "up/lorem-*", quick ] }}
  - {{ name: old, value: sk-bf-old-old-old-old-old-old-old-old, expires: "2020-01-01T00:00:00Z" }}
  - {{ name: off, value: sk-bf-off-off-off-off-off-off-off-off, active: false }}
models:
  quick: {{ targets: [ {{ model: up/echo }} ] }}
"""


@pytest.fixture(scope="module")
def keyed(mock_process):
    from gateway import Gateway
    yaml = one_provider(mock_process.base_v1, more=KEYS).replace("require_key: false", "require_key: true")
    gateway = Gateway(yaml, env={"FLOW_KEY": "sk-bf-environment"})
    yield gateway
    gateway.stop()


def ask(gateway, key=None, model="up/echo", headers=None):
    return gateway.call("POST", "/v1/chat/completions", chat(model), headers, key)


@pytest.mark.parametrize("key", [PLAIN, HASHED, "sk-bf-environment"])
def test_keys_of_the_file(keyed, key):
    assert ask(keyed, key).status == 200


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-goog-api-key", "x-bf-vk"])
def test_headers_that_carry_a_key(keyed, mock, header):
    answer = ask(keyed, headers={header: PLAIN})
    assert answer.status == 200, answer
    sent = mock.last()["headers"]
    assert header not in sent and sent["authorization"] == "Bearer ***"


@pytest.mark.parametrize("key,name", [(None, "no_key"), ("sk-bf-wrong", "bad_key"), (PLAIN + "x", "bad_key"),
                                      (PLAIN[:-1], "bad_key"), ("x" * 5000, "bad_key"),
                                      ("sk-bf-old-old-old-old-old-old-old-old", "key_expired"),
                                      ("sk-bf-off-off-off-off-off-off-off-off", "key_inactive")])
def test_refused_keys(keyed, mock, key, name):
    answer = ask(keyed, key)
    wanted = (401, "authentication_error") if name in ("no_key", "bad_key") else (403, "access_blocked")
    assert (answer.status, answer.error["type"]) == wanted, answer
    assert answer.error["code"] == name and answer.headers["x-bf-error"] == name
    assert mock.requests() == []
    if key:
        assert key not in keyed.log() and key.encode() not in answer.body


def test_a_key_is_wanted_before_the_body_is_judged(keyed):
    assert keyed.call("POST", "/v1/chat/completions", b"not json").status == 401
    assert keyed.call("GET", "/v1/models").status == 401


def test_allowed_models(keyed):
    assert ask(keyed, NARROW, "up/lorem-3").status == 200
    assert ask(keyed, NARROW, "quick").status == 200
    answer = ask(keyed, NARROW, "up/echo")
    assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "model_not_allowed", "model")
    names = [m["id"] for m in keyed.call("GET", "/v1/models", key=NARROW).json()["data"]]
    assert "quick" in names and not [name for name in names if name.startswith("up/echo")]


def on_every_worker(gateway, key, wanted):
    """Each connection goes to whichever worker takes it: many of them reach all."""
    statuses = {ask(gateway, key).status for _ in range(24)}
    assert statuses == {wanted}, statuses


def test_life_of_an_api_key(keyed):
    made = keyed.api("POST", "/api/keys", {"name": "made", "models": ["up/echo"]}, expect=201)
    key, key_id = made["key"], made["id"]
    assert key.startswith("sk-bf-") and len(key) == 49
    on_every_worker(keyed, key, 200)
    assert ask(keyed, key, "up/lorem-1").status == 403
    listed = {one["name"]: one for one in keyed.api("GET", "/api/keys", expect=200)["data"]}
    assert "key" not in listed["made"] and listed["made"]["origin"] == "api"
    assert listed["plain"]["origin"] == "file"
    keyed.api("PATCH", f"/api/keys/{key_id}", {"active": False}, expect=200)
    on_every_worker(keyed, key, 403)
    keyed.api("PATCH", f"/api/keys/{key_id}", {"active": True, "models": []}, expect=200)
    on_every_worker(keyed, key, 200)
    assert ask(keyed, key, "up/lorem-1").status == 200
    assert keyed.api("DELETE", f"/api/keys/{key_id}").status in (200, 204)
    on_every_worker(keyed, key, 401)
    assert key not in keyed.log()


def test_an_api_key_survives_reload_and_restart(start_gateway, mock):
    yaml = one_provider(mock.base_v1).replace("require_key: false", "require_key: true")
    gateway = start_gateway(yaml)
    key = gateway.api("POST", "/api/keys", {"name": "kept", "models": []}, expect=201)["key"]
    last = gateway.reload(gateway.config.read_text() + "virtual_keys: [ { name: new, value: sk-bf-new-one-new-one } ]\n")
    assert last["ok"], last
    assert ask(gateway, key).status == 200
    assert ask(gateway, "sk-bf-new-one-new-one").status == 200
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    again = start_gateway(yaml, args=["--state", gateway.state])
    assert ask(again, key).status == 200


def test_file_keys_are_read_only(keyed):
    listed = {one["name"]: one for one in keyed.api("GET", "/api/keys", expect=200)["data"]}
    answer = keyed.api("DELETE", f"/api/keys/{listed['plain']['id']}")
    assert answer.status in (403, 409), answer
    assert ask(keyed, PLAIN).status == 200


def test_a_listener_for_everyone_wants_a_key(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1).replace("require_key: false\n", ""),
                            listen=["0.0.0.0:0"])
    base = f"http://127.0.0.1:{gateway.port}"
    assert call(base, "POST", "/v1/chat/completions", chat("up/echo")).status == 401


def test_loopback_wants_none_but_checks_ours(gateway):
    assert gateway.call("POST", "/v1/chat/completions", chat("mock/echo"), key="sk-anything").status == 200
    answer = gateway.call("POST", "/v1/chat/completions", chat("mock/echo"), key="sk-bf-not-one-of-ours")
    assert (answer.status, answer.error["code"]) == (401, "bad_key")
