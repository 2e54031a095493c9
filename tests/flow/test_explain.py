"""bfctl explain: goldens, and the word of it against what requests really get."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from gateway import BFCTL, clean_environment
from wire import DEADLINE, chat, wait_until

GOLDENS = Path(__file__).with_name("explain")
WRITE = os.environ.get("BOWFIN_GOLDENS") == "write"
KEYS = re.compile(r"name: (\S+), value: (sk-bf-\S+?)[, ]")


def mask(text):
    """Times differ from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    return re.sub(r"\d+ ms\b", "N ms", text)


def cases(name):
    """The command lines of a golden file, each with the text below it."""
    text = (GOLDENS / f"{name}.txt").read_text()
    return [(block.split("\n", 1)[0], block.split("\n", 1)[1] if "\n" in block else "")
            for block in re.split(r"^\$ ", text, flags=re.M)[1:]]


@pytest.fixture
def configured(start_gateway, mock):
    def start(name, workers=1):
        yaml = (GOLDENS / f"{name}.yaml").read_text().replace("{mock}", mock.base)
        return start_gateway(yaml, workers=workers), dict(KEYS.findall(yaml))
    return start


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDENS.glob("*.yaml")))
def test_goldens(configured, name):
    gateway, _ = configured(name)
    out, wrong = [], []
    for line, expected in cases(name):
        text = mask(gateway.bfctl("explain", *shlex.split(line))) + "\n"
        out.append(f"$ {line}\n{text}")
        if text.rstrip() != expected.rstrip():
            wrong.append(f"$ {line}\n{text}--- expected\n{expected}")
    if WRITE:
        (GOLDENS / f"{name}.txt").write_text("".join(out).rstrip() + "\n")
    else:
        assert not wrong, "\n".join(wrong)


def counted(gateway):
    status = gateway.api("GET", "/api/status", expect=200)["totals"]
    budgets = gateway.api("GET", "/api/budgets", expect=200)["data"]
    return ({name: status[name] for name in ("attempts_total", "auth_failures_total", "answers_4xx_total")},
            [(row["used"], row["held"]) for row in budgets], gateway.api("GET", "/api/logs", expect=200)["data"])


@pytest.mark.parametrize("name", ["routing", "keys", "groups"])
def test_nothing_is_sent_or_counted(configured, mock, name):
    gateway, _ = configured(name)
    before = counted(gateway)
    for line, _ in cases(name):
        gateway.bfctl("explain", *shlex.split(line))
    assert counted(gateway) == before
    assert not mock.requests()


def wanted(line):
    """A command line as a client's request; None: it is about more than a chat has."""
    words = shlex.split(line)
    options = dict(zip(words[::2], words[1::2]))
    if "--stream" in words or set(options) - {"--key", "--model", "--header"}:
        return None
    headers = dict(pair.split("=", 1) for name, pair in zip(words, words[1:]) if name == "--header")
    return options.get("--key"), options["--model"], headers


@pytest.mark.parametrize("name", ["routing", "keys", "groups"])
def test_requests_get_what_was_told(configured, name):
    gateway, secrets = configured(name)
    looked_at = 0
    for line, _ in cases(name):
        wish = wanted(line)
        if wish is None:
            continue
        key, model, headers = wish
        told = json.loads(gateway.bfctl("explain", "--json", *shlex.split(line)))
        answer = gateway.call("POST", "/v1/chat/completions", chat(model), headers, key=secrets.get(key))
        if not told["admitted"]:
            assert (answer.status, answer.headers["x-bf-error"]) == \
                (told["refusal"]["status"], told["refusal"]["error"]), (line, answer)
        else:
            name_of = next(one for one in told["names"] if one["is_chosen"])
            by_chance = name_of.get("dealt_out") == "by chance"
            may = {(one["provider"], one["model"]) for one in name_of["candidates"]
                   if one["chance"] > 0 or (by_chance and one["refusal"] is None)}
            assert answer.status == 200, (line, answer)
            assert (answer.headers["x-bf-provider"], answer.headers["x-bf-model"]) in may, (line, answer)
        looked_at += 1
    assert looked_at > 5


def test_a_route_that_is_left_alone(start_gateway, mock):
    gateway = start_gateway(f"""require_key: false
providers:
  good: {{ vendor: openai-compatible, base_url: "{mock.base_v1}", keys: [ {{ name: main, value: x }} ] }}
  shut: {{ vendor: openai-compatible, base_url: "{mock.base_v1}", keys: [ {{ name: main, value: x }} ] }}
models: {{ group: {{ targets: [ good/echo, shut/error-401 ] }} }}
""", workers=1)

    def is_shut():
        gateway.call("POST", "/v1/chat/completions", chat("group"))
        told = gateway.api("POST", "/api/explain", {"model": "group"}, expect=200)
        shares = {row["provider"]: row for row in told["names"][0]["candidates"]}
        return shares if shares["shut"]["state"] == "open" else None

    shares = wait_until(is_shut, "the refused key's route to open")
    assert (shares["good"]["share"], shares["shut"]["share"]) == (1, 0)
    assert shares["shut"]["reason"] == "key_refused" and shares["shut"]["waits_until"]
    assert re.search(r"^answer +by group: good/echo key main 100.0%$", gateway.bfctl("explain", "--model", "group"), re.M)
    told = gateway.api("POST", "/api/explain", {"model": "shut/error-401"}, expect=200)
    only = told["names"][0]["candidates"][0]
    assert told["admitted"] and only["share"] == 0 and only["is_least_bad"]


def test_a_body_is_a_request(configured, tmp_path):
    gateway, _ = configured("routing")
    body = tmp_path / "body.json"
    body.write_text(json.dumps({**chat("cheap"), "stream": True, "max_tokens": 7, "fallbacks": ["nobody/knows"]}))
    told = json.loads(gateway.bfctl("explain", "--json", "--body", body))
    assert told["request"]["stream"] and told["request"]["max_tokens"] == 7 and told["chosen"] == "cheap"
    key = next(row for row in gateway.api("GET", "/api/keys", expect=200)["data"] if row["name"] == "app")
    assert gateway.api("POST", "/api/explain", {"key": key["id"], "model": "fast"}, expect=200)["key"]["name"] == "app"


@pytest.mark.parametrize("wish,status,param", [
    ({}, 400, "model"), ({"model": "fast", "body": {"model": "fast"}}, 400, "model"),
    ({"key": "nobody", "model": "fast"}, 404, None), ({"model": "fast", "endpoint": "chats"}, 400, "endpoint"),
    ({"model": "fast", "headers": {"a": 1}}, 400, "headers"), ({"model": "fast", "params": {"a": []}}, 400, "params"),
    ({"model": "fast", "tokens": "many"}, 400, "tokens"), ({"modle": "fast"}, 400, "modle")])
def test_what_cannot_be_explained(gateway, wish, status, param):
    answer = gateway.api("POST", "/api/explain", wish)
    assert answer.status == status, answer
    assert param is None or answer.json()["error"]["param"] == param, answer


def test_who_may_ask(configured):
    gateway, secrets = configured("routing")
    for key in (None, secrets["app"]):
        assert gateway.call("POST", "/api/explain", {"model": "fast"}, key=key).status == 401
    gateway.bfctl("explain", "--model", "fast", "--tokens", "x", expect=2)
    gateway.bfctl("explain", "--model", "fast", "--header", "x", expect=2)


def refused(gateway, *args, stdin=None, status=2):
    done = subprocess.run([BFCTL, "--socket", gateway.run / "admin.sock", "explain", *args], input=stdin, text=True,
                          capture_output=True, timeout=DEADLINE, env=clean_environment(), check=False)
    assert done.returncode == status, (args, done)
    return done.stderr


def test_what_is_wrong_is_named(configured):
    gateway, _ = configured("routing")
    assert "--model NAME describes a request, --body FILE is one" in refused(gateway)
    assert "a body is the whole request" in refused(gateway, "--body", "-", "--model", "fast", stdin="{}")
    assert "--body - is not JSON" in refused(gateway, "--body", "-", stdin="{")
    assert "'NAME: VALUE' or NAME=VALUE, is tier" in refused(gateway, "--model", "fast", "--header", "tier")
    assert "exclude each other" in refused(gateway, "--model", "fast", "--dialect", "openai", "--endpoint", "chat")
    assert "a time like" in refused(gateway, "--model", "fast", "--at", "noon")
    assert "a share like 0.85" in refused(gateway, "--model", "fast", "--budget-used", "nan")
    assert 'there is no dialect "opnai"' in refused(gateway, "--model", "fast", "--dialect", "opnai", status=1)
    assert "tokens must be at most 2000000" in refused(gateway, "--model", "fast", "--tokens", "9000000", status=1)
    assert "peer must be an address like" in refused(gateway, "--model", "fast", "--address", "home", status=1)
    assert "which is no endpoint" in gateway.bfctl("explain", "--endpoint", "/v1/nothing")
    assert 'there is no endpoint "chats"' in refused(gateway, "--model", "fast", "--endpoint", "chats", status=1)
    assert 'there is no key "ap"; did you mean "app"?' in refused(gateway, "--model", "fast", "--key", "ap", status=1)
    assert 'there is no key "somebody"' in refused(gateway, "--model", "fast", "--key", "somebody", status=1)


def test_a_canary_is_told_by_its_share(configured):
    """Without a mark of the caller the side is a matter of chance; with one it is known."""
    gateway, _ = configured("groups")
    told = gateway.api("POST", "/api/explain", {"model": "trial"}, expect=200)["names"][0]
    assert [(row["model"], row["share"], row["chance"], row["caller_share_percent"], row["is_spare"])
            for row in told["candidates"]] == [("echo", 0.8, 0.8, None, False), ("new", 0.2, 0.2, 20, False)]
    assert told["sticky"] == {"by": "header:x-user", "is_told": False} and told["dealt_out"] == "by chance"
    sides = [gateway.api("POST", "/api/explain", {"model": "trial", "headers": {"x-user": f"user-{n}"}}, expect=200)
             ["names"][0]["candidates"][1]["chance"] for n in range(400)]
    assert set(sides) == {0, 1} and 50 < sum(sides) < 110


def test_headers_as_they_are_written(configured):
    gateway, _ = configured("routing")
    ways = [("--header", "x-tier=gold"), ("--header", "X-Tier: gold"), ("--header=x-tier:gold",)]
    told = [json.loads(gateway.bfctl("explain", "--json", "--model", "fast", "--tokens", "500", *way)) for way in ways]
    assert [one["rule"] for one in told] == ["gold"] * 3


FACTS = [
    ("request.dialect == 'bedrock'", ("--dialect", "bedrock")), ("request.type == 'embeddings'", ("--endpoint", "embeddings")),
    ("request.stream", ("--stream",)), ("request.has_tools", ("--tools",)), ("request.has_images", ("--images", "2")),
    ("request.tokens > 900", ("--tokens", "1000")), ("request.max_tokens == 77", ("--max-tokens", "77")),
    ("request.bytes > 3000", ("--tokens", "1000")), ("request.address == '10.1.2.3'", ("--address", "10.1.2.3")),
    ("key.name == 'app'", ("--key", "app")), ("key.team == 'blue'", ("--key", "app")),
    ("'night' in key.tags", ("--key", "app")), ("budget.used > 0.8", ("--key", "app", "--budget-used", "0.85")),
    ("time.hour == 16 && time.minute == 45 && time.weekday == 0", ("--at", "2026-11-22T16:45:00Z")),
    ("headers['x-tier'] == 'gold'", ("--header", "x-tier: gold")), ("params.region == 'eu'", ("--param", "region=eu"))]


def test_every_fact_of_a_rule_can_be_told(start_gateway, mock):
    """For each condition a request can be described of which it holds, and one of which it does not."""
    rules = "".join(f'  - {{ name: "{n}", when: "model == \'m{n}\' && ({fact})", use: up/other }}\n'
                    for n, (fact, _) in enumerate(FACTS))
    gateway = start_gateway(f"""require_key: false
providers: {{ up: {{ vendor: openai-compatible, base_url: "{mock.base_v1}", keys: [ {{ name: main, value: x }} ] }} }}
models: {{ "m*": {{ targets: [ up/echo ] }} }}
teams: {{ blue: {{ budgets: [ {{ limit: 5, window: 1d }} ] }} }}
virtual_keys: [ {{ name: app, value: sk-bf-facts-app-000001, team: blue, tags: [ night ] }} ]
rules:
{rules}""", workers=1)
    for n, (fact, options) in enumerate(FACTS):
        told = [json.loads(gateway.bfctl("explain", "--json", "--model", f"m{n}", "--at",
                                         "2026-11-23T01:00:00Z", *more)) for more in ((), options)]
        assert [one["rule"] for one in told] == [None, str(n)], (fact, told)
