"""Which routes serve a request: pinned keys, groups, wildcards, canaries, affinity, tags, overrides; with OpenAI's own SDK."""

import threading

import openai
import pytest

from wire import chat_answer

ALL, MINI = "sk-bf-resolution-all-0001", "sk-bf-resolution-mini-001"

PINS = """require_key: false
providers:
  up:
    vendor: openai-compatible
    base_url: "{base}"
    keys: [ {{ name: main, value: up-main }}, {{ name: spare, value: up-spare }}, {{ name: sick, value: sick }} ]
    models: [ echo, "lorem-*" ]
  down:
    vendor: openai-compatible
    base_url: "{base}"
    keys: [ {{ name: main, value: down-main }}, {{ name: last, value: down-last, models: [ lorem-2 ] }} ]
    models: [ "lorem-*" ]
models:
  pair: {{ targets: [ up/echo, down/echo ] }}
  lone: {{ targets: [ up/broken ], fallbacks: [ down/lorem-2, up/lorem-3 ] }}
virtual_keys:
  - {{ name: all, value: {all} }}
  - {{ name: mini, value: {mini}, providers: [ up ] }}
rules:
  - {{ when: 'headers["x-go"] == "down"', use: down/lorem-1 }}
"""


class House:
    """A provider that remembers which credential asked for which model; `sick`: what it refuses, and how."""

    def __init__(self, upstream):
        self.lock, self.seen = threading.Lock(), []
        self.sick = {"sick": 401, "broken": 503}
        self.base = upstream(self.serve).base_v1

    def serve(self, connection):
        while request := connection.read_request():
            credential = request.headers["authorization"].removeprefix("Bearer ")
            model = request.json()["model"] if request.body else None
            status = self.sick.get(credential, self.sick.get(model, 200))
            with self.lock:
                self.seen.append((credential, model))
            body = {"error": {"message": "sick", "type": "x"}} if status != 200 else chat_answer(model=model or "m")
            connection.answer(status, body)

    def take(self):
        with self.lock:
            seen, self.seen = self.seen, []
        return seen

    def credentials(self):
        return [credential for credential, _ in self.take()]


@pytest.fixture
def house(upstream):
    return House(upstream)


def start(start_gateway, house, yaml, **options):
    return start_gateway(yaml.format(base=house.base, all=ALL, mini=MINI), **options)


def sdk(gateway, key=ALL, **options):
    return openai.OpenAI(base_url=gateway.base + "/v1", api_key=key, max_retries=0, **options)


def ask(client, model, headers=None, **more):
    """The raw answer: its headers say which route it was."""
    return client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "hello"}], max_tokens=32, extra_headers=headers or {}, **more)


def test_a_pinned_key_serves(start_gateway, house):
    client = sdk(start(start_gateway, house, PINS))
    for _ in range(6):
        assert ask(client, "pair", {"x-bf-provider-key": "spare"}).parse().choices[0].message.content
    assert set(house.credentials()) == {"up-spare"}
    for _ in range(6):
        ask(client, "pair", {"x-bf-provider-key": "down/main"})
    assert set(house.credentials()) == {"down-main"}
    # a bare name goes to the provider that has the key, also when it is not the first
    assert ask(client, "lorem-2", {"x-bf-provider-key": "last"}).headers["x-bf-provider"] == "down"
    # a rule that would lead away from it does not hold
    assert ask(client, "echo", {"x-go": "down"}).headers["x-bf-provider"] == "down"
    assert ask(client, "echo", {"x-go": "down", "x-bf-provider-key": "up/main"}).headers["x-bf-provider"] == "up"


def test_attempts_and_fallbacks_stay_on_it(start_gateway, house):
    client = sdk(start(start_gateway, house, PINS))
    with pytest.raises(openai.AuthenticationError):
        ask(client, "pair", {"x-bf-provider-key": "sick"})
    assert house.credentials() == ["sick"]
    answer = ask(client, "lone", {"x-bf-provider-key": "up/main"})
    assert answer.headers["x-bf-model"] == "lorem-3" and set(house.credentials()) == {"up-main"}


def test_an_unknown_pin_names_what_there_is(start_gateway, house):
    gateway = start(start_gateway, house, PINS)
    with pytest.raises(openai.BadRequestError) as told:
        ask(sdk(gateway), "pair", {"x-bf-provider-key": "mian"})
    for name in ("up/main", "up/spare", "up/sick", "down/main", '"mian"'):
        assert name in told.value.message, told.value.message
    assert told.value.response.headers["x-bf-error"] == "unknown_provider_key"
    # what the virtual key may not use stays shut, and is not named
    with pytest.raises(openai.BadRequestError) as told:
        ask(sdk(gateway, MINI), "pair", {"x-bf-provider-key": "down/main"})
    assert "up/main" in told.value.message and "down/main" not in told.value.message.split("among")[1]
    assert house.take() == []
    for strange in ("/", "a/", "/a/b", "x" * 3000):
        with pytest.raises(openai.BadRequestError):
            ask(sdk(gateway), "pair", {"x-bf-provider-key": strange})


def test_a_pin_without_a_model(start_gateway, house):
    """Files and the like go to the provider whose key is pinned."""
    gateway = start(start_gateway, house, PINS)
    gateway.call("GET", "/v1/files", None, {"x-bf-provider-key": "down/main"}, key=ALL)
    assert house.credentials() == ["down-main"]
