"""Which routes serve a request: pinned keys, groups, wildcards, canaries, affinity, tags, overrides; with OpenAI's own SDK."""

import signal
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


GROUPS = """require_key: false
providers:
  up: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: up }} ] }}
  old: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: old }} ], models: [ gpt-declared ] }}
models:
  top: {{ targets: [ {{ model: half, weight: 2 }}, {{ model: up/c, weight: 2 }} ] }}
  half: {{ targets: [ up/a, {{ model: up/b, weight: 0 }} ], fallbacks: [ up/never ] }}
  sick-top: {{ targets: [ {{ model: sick-half, weight: 5 }}, {{ model: up/rest, weight: 0 }} ] }}
  sick-half: {{ targets: [ up/broken ] }}
  gpt-4o: {{ targets: [ up/exact ] }}
  "gpt-*": {{ targets: [ "up/*" ] }}
  "gpt-*-mini": {{ targets: [ "up/small-*" ] }}
  "old/*": {{ targets: [ "up/new-*" ] }}
  "any-*": {{ targets: [ half ] }}
virtual_keys:
  - {{ name: all, value: {all} }}
  - {{ name: mini, value: {mini}, models: [ "gpt-5*", "up/a" ], deny_models: [ "up/x" ] }}
rules:
  - {{ when: 'headers["x-go"] == "star"', use: gpt-ruled }}
"""


def test_groups_inside_groups(start_gateway, house):
    client = sdk(start(start_gateway, house, GROUPS))
    for _ in range(40):
        ask(client, "top")
    seen = [model for _, model in house.take()]
    assert set(seen) == {"a", "c"} and 8 <= seen.count("a") <= 32, seen  # half each; b is only a spare
    # the inner group's targets are attempts like any other, and then the outer one's
    assert ask(client, "sick-top").headers["x-bf-model"] == "rest"
    assert [model for _, model in house.take()] == ["broken", "rest"]


def test_patterns(start_gateway, house):
    gateway = start(start_gateway, house, GROUPS)
    client = sdk(gateway)
    for asked, model in {"gpt-4o": "exact", "gpt-5": "5", "gpt-5-mini": "small-5", "gpt-x/y": "x/y", "old/gpt-3": "new-gpt-3",
                         "gpt-declared": "declared", "any-thing": "a", "up/gpt-5": "gpt-5"}.items():
        answer = ask(client, asked)
        assert (answer.headers["x-bf-provider"], answer.headers["x-bf-model"]) == ("up", model), asked
    assert [model for _, model in house.take()] == ["exact", "5", "small-5", "x/y", "new-gpt-3", "declared", "a", "gpt-5"]
    assert ask(client, "old/x", {"x-go": "star"}).headers["x-bf-model"] == "ruled"
    assert ask(client, "up/broken", {"x-bf-fallbacks": "gpt-6"}).headers["x-bf-model"] == "6"
    house.take()
    # a pattern is no model itself: neither asked for nor listed
    for name in ("gpt-*", "gpt-"):
        answer = gateway.call("POST", "/v1/chat/completions", {"model": name, "messages": []}, key=ALL)
        assert answer.status in (404, 200), answer
    assert not [m.id for m in client.models.list() if "*" in m.id]
    # a key's globs are matched against the name that was used, and against what stands behind it
    narrow = sdk(gateway, MINI)
    assert ask(narrow, "gpt-5").headers["x-bf-model"] == "5"
    assert ask(narrow, "any-1").headers["x-bf-model"] == "a"
    house.take()
    for name in ("gpt-6", "old/gpt-5", "up/b"):
        with pytest.raises(openai.PermissionDeniedError):
            ask(narrow, name)
    assert house.take() == []


CANARY = """require_key: false
providers:
  up: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: up }} ] }}
models:
  by-header: {{ targets: [ up/old, {{ model: up/new, share: {share} }} ], sticky: "header:x-user" }}
  by-body: {{ targets: [ up/old, {{ model: up/new, share: {share} }} ], sticky: "body:user" }}
  by-key: {{ targets: [ up/old, {{ model: up/new, share: {share} }} ] }}
  sick: {{ targets: [ up/old, {{ model: up/broken, share: {share} }} ], sticky: "header:x-user" }}
virtual_keys: [{keys}]
"""
USERS = [f"user-{number}" for number in range(200)]


def canary(share):
    keys = ", ".join(f"{{ name: {user}, value: sk-bf-canary-{user} }}" for user in USERS[:60])
    return CANARY.replace("{share}", share).replace("{keys}", keys.replace("{", "{{").replace("}", "}}"))


def on_new(client, model, users=USERS, headers=lambda user: {"x-user": user}, **more):
    return {user for user in users if ask(client, model, headers(user), **more).headers["x-bf-model"] == "new"}


def test_a_canary_gets_its_share_and_keeps_it(start_gateway, house):
    gateway = start(start_gateway, house, canary("10%"))
    client = sdk(gateway, "anything-at-all")
    first = on_new(client, "by-header")
    assert 5 <= len(first) <= 40, first
    assert on_new(client, "by-header") == first  # on both workers, whatever the connection
    # the body's field, and the key, deal out likewise
    by_body = {user for user in USERS if ask(client, "by-body", user=user).headers["x-bf-model"] == "new"}
    assert 5 <= len(by_body) <= 40 and by_body != first
    by_key = {user for user in USERS[:60]
              if ask(sdk(gateway, f"sk-bf-canary-{user}"), "by-key").headers["x-bf-model"] == "new"}
    again = {user for user in USERS[:60]
             if ask(sdk(gateway, f"sk-bf-canary-{user}"), "by-key").headers["x-bf-model"] == "new"}
    assert by_key == again and len(by_key) <= 20
    # growing it moves nobody back
    assert gateway.reload(canary("30%").format(base=house.base))["ok"]
    more = on_new(client, "by-header")
    assert first < more and 35 <= len(more) <= 90, (first, more)
    # a side that cannot answer gives way, and nobody hears of it
    for user in USERS[:40]:
        assert ask(client, "sick", {"x-user": user}).headers["x-bf-model"] == "old"
    # who shows nothing is dealt out by chance
    assert 0 < sum(ask(client, "by-header").headers["x-bf-model"] == "new" for _ in range(60)) < 40


AFFINITY = """require_key: false
providers:
  up:
    vendor: openai-compatible
    base_url: "{base}"
    keys: [ {{ name: a, value: a }}, {{ name: b, value: b }}, {{ name: c, value: c }}, {{ name: d, value: d }} ]
models:
  by-header: {{ targets: [ up/m ], affinity: "header:x-session-id" }}
  by-user: {{ targets: [ up/m ], affinity: "body:user" }}
  by-cache: {{ targets: [ up/m ], affinity: "body:prompt_cache_key" }}
"""


def test_a_session_stays_on_its_route(start_gateway, house):
    client = sdk(start(start_gateway, house, AFFINITY), "anything-at-all")

    def credential(session, way):
        if way == "header":
            ask(client, "by-header", {"x-session-id": session})
        elif way == "user":
            ask(client, "by-user", user=session)
        else:
            ask(client, "by-cache", prompt_cache_key=session)
        return house.credentials()[0]

    for way in ("header", "user", "cache"):
        routes = {session: credential(session, way) for session in USERS[:12]}
        assert len(set(routes.values())) > 1, routes
        for _ in range(3):
            assert {session: credential(session, way) for session in routes} == routes
    # a route that fails gives way to another one, the same for all of a session's requests; others stay
    before = {session: credential(session, "header") for session in USERS[:24]}
    house.sick["b"] = 401
    for session, route in before.items():
        ask(client, "by-header", {"x-session-id": session})
        assert house.credentials()[-1] in ("acd" if route == "b" else route)
    # without a session the load is shared
    for _ in range(40):
        ask(client, "by-header")
    assert set(house.credentials()) >= {"a", "c", "d"}


TAGS = """require_key: false
providers:
  up:
    vendor: openai-compatible
    base_url: "{base}"
    keys: [ {{ name: eu, value: eu, tags: [ eu ] }}, {{ name: us, value: us, tags: [ us ] }} ]
    models: [ "lorem-*" ]
  far: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: far, value: far, tags: [ far ] }} ] }}
models:
  group: {{ targets: [ {{ model: up/a, tags: [ gold ] }}, up/b ] }}
  lone: {{ targets: [ up/broken ], fallbacks: [ far/x, up/y ] }}
virtual_keys:
  - {{ name: all, value: {all} }}
  - {{ name: mini, value: {mini}, models: [ up/b ] }}
"""


def test_tags_narrow(start_gateway, house):
    gateway = start(start_gateway, house, TAGS)
    client = sdk(gateway)
    for _ in range(8):
        ask(client, "group", {"x-bf-tags": "eu, gold"})
        ask(client, "lorem-1", {"x-bf-tags": "us"})
    assert set(house.take()) == {("eu", "a"), ("us", "lorem-1")}
    assert ask(client, "lone", {"x-bf-tags": "eu"}).headers["x-bf-model"] == "y"  # far has not the tag
    assert {credential for credential, _ in house.take()} == {"eu"}
    for wanted, key, missing in (("mars", ALL, "far"), ("eu,us", ALL, "far"), ("gold", MINI, "gold")):
        with pytest.raises(openai.BadRequestError) as told:
            ask(sdk(gateway, key), "group", {"x-bf-tags": wanted})
        there = told.value.message.split("there are:")[1]
        assert told.value.response.headers["x-bf-error"] == "unknown_tags"
        assert "eu" in there and "us" in there and missing not in there, told.value.message
    with pytest.raises(openai.BadRequestError) as told:
        ask(client, "group", {"x-bf-tags": "gold", "x-bf-provider-key": "us"}) and ask(
            client, "group", {"x-bf-tags": "eu", "x-bf-provider-key": "us"})
    assert told.value.response.headers["x-bf-error"] == "unknown_tags"


ALIASES = """require_key: true
providers:
  up: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: up }} ] }}
models:
  small: {{ targets: [ up/mini ] }}
  sick: {{ targets: [ up/broken ], fallbacks: [ up/own ] }}
virtual_keys:
  - {{ name: all, value: {all}, aliases: {{ gpt-4o: up/mini, "up/big": small, small: up/other, sick: up/never }} }}
  - {{ name: mini, value: {mini}, models: [ gpt-4o ], deny_models: [ "up/secret" ], aliases: {{ gpt-4o: up/mini, x: up/secret }} }}
rules:
  - {{ when: 'headers["x-go"] == "small"', use: small }}
"""


def test_a_key_has_its_own_names(start_gateway, house):
    gateway = start(start_gateway, house, ALIASES)
    client = sdk(gateway)
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"
    for asked, model in {"gpt-4o": "mini", "up/big": "mini", "small": "other", "up/x": "x"}.items():
        assert ask(client, asked).headers["x-bf-model"] == model, asked  # once: an alias leads to no other
    assert ask(client, "up/x", {"x-go": "small"}).headers["x-bf-model"] == "mini"  # a rule says what it says
    assert ask(client, "up/broken", {"x-bf-fallbacks": "small"}).headers["x-bf-model"] == "other"
    narrow = sdk(gateway, MINI)
    assert ask(narrow, "gpt-4o").headers["x-bf-model"] == "mini"
    house.take()
    for name in ("x", "up/mini", "up/other"):
        with pytest.raises((openai.PermissionDeniedError, openai.NotFoundError)):
            ask(narrow, name)
    assert house.take() == []
    # by REST: what it leads to must be there
    made = gateway.api("POST", "/api/keys", {"name": "rest", "aliases": {"a": "up/rest", "b": "small"}}, expect=201)
    assert made["aliases"] == {"a": "up/rest", "b": "small"}
    client = sdk(gateway, made["key"])
    assert [ask(client, name).headers["x-bf-model"] for name in ("a", "b")] == ["rest", "mini"]
    changed = gateway.api("PATCH", f"/api/keys/{made['id']}", {"aliases": {"a": None, "b": "up/b2"}}, expect=200)
    assert changed["aliases"] == {"b": "up/b2"} and ask(client, "b").headers["x-bf-model"] == "b2"
    for bad in ({"a": "nobody/x"}, {"a": "unheard-of"}, {"a": 7, "b*": "small"}, {f"n{n}": "small" for n in range(33)}, ["a"]):
        refused = gateway.api("POST", "/api/keys", {"name": "bad", "aliases": bad})
        assert refused.status == 400 and "aliases" in refused.error["message"], refused
    imported = gateway.api("POST", "/api/keys/import", [
        {"name": "imported", "value": "sk-bf-imported-0123456789", "aliases": {"a": "small"}}])
    assert imported.status == 201, imported
    assert ask(sdk(gateway, "sk-bf-imported-0123456789"), "a").headers["x-bf-model"] == "mini"
    last = gateway.reload(ALIASES.format(base=house.base, all=ALL, mini=MINI).replace("gpt-4o: up/mini, x", "gpt-4o: smal, x"))
    assert last["ok"] is False and 'there is no model "smal"' in last["text"] and '"small"' in last["text"], last


RULES = """require_key: false
admin: {{ token: flow-admin-token-0123456789abcdef }}
providers:
  up: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: up }} ] }}
models: {{ small: {{ targets: [ up/mini ] }} }}
teams: {{ research: {{}} }}
virtual_keys:
  - {{ name: all, value: {all} }}
  - {{ name: mini, value: {mini}, team: research }}
rules:
  - {{ name: from-file, when: 'headers["x-go"] == "file"', use: up/filed }}
"""


def test_rules_by_rest(start_gateway, house):
    gateway = start(start_gateway, house, RULES)
    client, team = sdk(gateway), sdk(gateway, MINI)
    go = lambda where, who=client: ask(who, "up/x", {"x-go": where}).headers["x-bf-model"]
    made = gateway.api("POST", "/api/rules", {"name": "rest", "when": 'headers["x-go"] == "rest"', "use": "small"}, expect=201)
    # on every worker before the answer: whatever connection is used next
    assert [go("rest") for _ in range(8)] == ["mini"] * 8 and go("file") == "filed" and go("no") == "x"
    gateway.api("POST", "/api/rules", {"name": "team", "team": "research", "use": "up/team", "priority": 7}, expect=201)
    assert go("rest", team) == "team" and go("file", team) == "team" and go("rest") == "mini"
    # the file's before the API's where scope and priority are the same; a lower priority goes first
    gateway.api("POST", "/api/rules", {"name": "late", "when": 'headers["x-go"] == "file"', "use": "up/late"}, expect=201)
    assert go("file") == "filed"
    gateway.api("PATCH", "/api/rules/late", {"priority": 5}, expect=200)
    assert go("file") == "late"
    listed = gateway.api("GET", "/api/rules", expect=200)["data"]
    assert [(rule["name"], rule["origin"], rule["place"]) for rule in listed] == [
        ("team", "api", 1), ("late", "api", 2), ("from-file", "file", 3), ("rest", "api", 4)]
    assert listed[0]["team"] == "research" and listed[2]["id"] is None
    # by id as well; an owner and a condition can be taken back
    changed = gateway.api("PATCH", f"/api/rules/{made['id']}", {"when": None, "key": "mini"}, expect=200)
    assert changed["key"] == "mini" and "when" not in changed and go("no", team) == "mini" and go("no") == "x"
    # what a reload and a restart keep
    assert gateway.reload()["ok"] and go("file") == "late" and len(gateway.api("GET", "/api/rules", expect=200)["data"]) == 4
    for bad, status, words in (
            ({"name": "a", "when": "budget.usd > 1", "use": "small"}, 400, "column 1"),
            ({"name": "a", "when": "model", "use": "small"}, 400, "true or false"),
            ({"name": "a", "use": "nobody/x"}, 400, "nobody/x"),
            ({"name": "a", "use": "small", "team": "nobody"}, 400, "nobody"),
            ({"name": "a", "use": "small", "team": "research", "key": "all"}, 400, "stands beside"),
            ({"name": "a", "use": "small", "colour": "red"}, 400, "colour"),
            ({"name": "", "use": "small"}, 400, "name"), ({"use": "small"}, 400, "name"), ({"name": "a"}, 400, "use"),
            ({"name": "rest", "use": "small"}, 409, "rest"), ({"name": "from-file", "use": "small"}, 409, "from-file")):
        refused = gateway.api("POST", "/api/rules", bad)
        assert refused.status == status and words in refused.error["message"], (bad, refused)
    assert gateway.api("PATCH", "/api/rules/from-file", {"priority": 1}).status == 409
    assert gateway.api("DELETE", "/api/rules/from-file").status == 409
    assert gateway.api("DELETE", "/api/rules/nobody").status == 404
    refused = gateway.reload(RULES.format(base=house.base, all=ALL, mini=MINI).replace("from-file", "rest"))
    assert refused["ok"] is False and "API" in refused["text"], refused
    for name in ("late", "rest", "team"):
        gateway.api("DELETE", f"/api/rules/{name}", expect=200)
    assert go("file") == "filed" and go("rest", team) == "x"
    assert gateway.call("GET", "/api/rules").status == 401


def test_rules_by_hand_outlive_a_restart(start_gateway, house):
    gateway = start(start_gateway, house, RULES)
    for number in range(20):
        gateway.bfctl("rule", "add", f"r{number}", "--use", f"up/m{number}", "--when", f'headers["x-go"] == "r{number}"')
    gateway.bfctl("rule", "add", "bad", "--use", "small", "--when", "nothing == 1", expect=1)
    gateway.bfctl("rule", "remove", "from-file", expect=1)
    gateway.bfctl("rule", "add", "no-use", expect=2)
    gateway.bfctl("rule", "remove", "r7")
    table = gateway.bfctl("rule", "list")
    assert "r19" in table and "from-file" in table and "r7 " not in table and "bad" not in table, table
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    again = start_gateway(RULES.format(base=house.base, all=ALL, mini=MINI), args=["--state", gateway.state])
    client = sdk(again)
    for number in range(20):
        want = "x" if number == 7 else f"m{number}"
        assert ask(client, "up/x", {"x-go": f"r{number}"}).headers["x-bf-model"] == want
