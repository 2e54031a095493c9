"""Retries: the trail that is told, the primary's error, what is refused in an outage, a poisoned key. With OpenAI's SDK."""

import contextlib
import json
import re
import socket
import threading
import time

import openai
import pytest

from gateway import ADMIN_TOKEN
from wire import ScriptedUpstream, wait_until

YAML = """require_key: false
workers: 2
limits: {{ attempts: 3, retry_ratio: {ratio} }}
providers:
  one: {{ vendor: openai-compatible, base_url: {one}, keys: [ {{ name: k1, value: {key1} }} ] }}
  two: {{ vendor: openai-compatible, base_url: {two}, keys: [ {{ name: k2, value: sk-two }} ] }}
  three: {{ vendor: openai-compatible, base_url: {three}, keys: [ {{ name: k3, value: sk-three }} ] }}
models:
  group: {{ targets: [ {{ model: one/echo, weight: 1 }}, {{ model: two/echo, weight: 1 }} ] }}
  chain: {{ targets: [ {{ model: one/echo }} ], fallbacks: [ two/echo, three/echo ] }}
"""


def config(one, two, three, key1="sk-one", ratio="10%"):
    return YAML.format(one=one, two=two, three=three, key1=key1, ratio=ratio)


def client(gateway):
    return openai.OpenAI(base_url=gateway.base + "/v1", api_key="unused", max_retries=0, timeout=30)


def ask(sdk, model):
    return sdk.chat.completions.with_raw_response.create(model=model, messages=[{"role": "user", "content": "hello"}])


@contextlib.contextmanager
def saying(status, message):
    """A provider that answers everything with this error, and counts."""
    def script(conn):
        while conn.read_request():
            conn.answer(status, json.dumps({"error": {"message": message, "type": "made_up", "code": message}}).encode())
    upstream = ScriptedUpstream(script)
    try:
        yield upstream
    finally:
        upstream.stop()


@pytest.fixture
def closed_port():
    """Bound, so that nobody else gets it, but not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def metric(gateway, name):
    text = gateway.call("GET", "/metrics", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}).body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(rf"bowfin_{name}(\{{|\s)", line))


def test_the_primary_is_told_and_each_attempt_is_logged(start_gateway):
    with saying(503, "first") as one, saying(500, "second") as two, saying(400, "third") as three:
        gateway = start_gateway(config(one.base_v1, two.base_v1, three.base_v1))
        with pytest.raises(openai.InternalServerError) as failed:
            ask(client(gateway), "chain")
    answer = failed.value.response
    assert answer.status_code == 503 and answer.json()["error"] == {"message": "first", "type": "made_up", "code": "first"}
    assert answer.headers["x-bf-provider"] == "one" and answer.headers["x-bf-model"] == "echo"
    assert re.fullmatch(r"3; one/echo key=k1 upstream_error 503 \d+ms, two/echo key=k2 upstream_error 500 \d+ms, "
                        r"three/echo key=k3 caller_fault 400 \d+ms", answer.headers["x-bf-attempts"])

    def row():
        rows = gateway.api("GET", "/api/logs?limit=1", expect=200)["data"]
        return rows[0] if rows else None
    wait_until(row, "the request's row in the log")
    assert row()["status"] == 503 and row()["attempts"] == 3
    assert [(a["provider"], a["provider_key"], a["model"], a["reason"], a["upstream_status"]) for a in row()["trail"]] == [
        ("one", "k1", "echo", "upstream_error", 503), ("two", "k2", "echo", "upstream_error", 500),
        ("three", "k3", "echo", "caller_fault", 400)]
    begun = [a["begun_ms"] for a in row()["trail"]]
    assert begun == sorted(begun) and all(0 < a["total_ms"] <= row()["total_ms"] for a in row()["trail"])
    assert re.search(r"retried: one/k1 upstream_error 503 \d+ms, two/k2 upstream_error 500 \d+ms, "
                     r"three/k3 caller_fault 400 \d+ms", gateway.bfctl("logs"))


def test_a_provider_that_is_not_there_is_told_as_it_is(start_gateway, closed_port):
    with saying(404, "no such model") as two, saying(500, "third") as three:
        gateway = start_gateway(config(f"http://127.0.0.1:{closed_port}/v1", two.base_v1, three.base_v1))
        with pytest.raises(openai.InternalServerError) as failed:
            ask(client(gateway), "chain")
    assert failed.value.response.status_code == 502 and failed.value.code == "upstream_connect"
    assert failed.value.response.headers["x-bf-attempts"].startswith("2; one/echo key=k1 connect ")
    assert failed.value.response.headers["x-bf-provider"] == "one"


def test_a_success_tells_what_was_tried_before(start_gateway, mock):
    with saying(429, "slow down") as one:
        gateway = start_gateway(config(one.base_v1, mock.base_v1, mock.base_v1))
        answer = ask(client(gateway), "chain")
        assert answer.parse().choices[0].message.content
        assert re.fullmatch(r"2; one/echo key=k1 rate_limited 429 \d+ms, two/echo key=k2 ok 200 \d+ms",
                            answer.headers["x-bf-attempts"])
        assert ask(client(gateway), "two/echo").headers["x-bf-attempts"] == "1"


def test_a_poisoned_key_is_never_seen_and_soon_benched(start_gateway, mock):
    gateway = start_gateway(f"""require_key: false
providers:
  up:
    vendor: openai-compatible
    base_url: {mock.base_v1}
    keys: [ {{ name: poisoned, value: error-401 }}, {{ name: good, value: sk-good }} ]
""")
    sdk = client(gateway)
    tried = []

    def is_benched():
        tried.append(ask(sdk, "up/echo").headers["x-bf-attempts"]) # raises what a client would see
        return len(tried) >= 12 and tried[-12:] == ["1"] * 12
    wait_until(is_benched, "requests that never meet the poisoned key")
    with pytest.raises(openai.BadRequestError):
        ask(sdk, "up/error-400")

    def rows():
        return gateway.api("GET", "/api/routes", expect=200)["data"]
    wait_until(lambda: any(r["provider_key"] == "poisoned" and r["state"] == "open" for r in rows()), "the bench")
    assert all(r["state"] != "open" for r in rows() if r["provider_key"] == "good")


def hammer(gateway, model, seconds, clients=8):
    """(ok, failed) answers, and how many were asked for in the first second."""
    counts = {"ok": 0, "failed": 0, "first": 0}
    lock = threading.Lock()
    ready = threading.Barrier(clients)

    def run(sdk):
        ready.wait()
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            # A worker's first second begins when it first fails, a little behind ours.
            is_first = time.monotonic() - begun < 1.1
            try:
                ask(sdk, model)
                kind = "ok"
            except openai.APIStatusError:
                kind = "failed"
            with lock:
                counts[kind] += 1
                counts["first"] += is_first
    threads = [threading.Thread(target=run, args=(client(gateway),)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


@pytest.mark.parametrize("how", ["status", "refused"])
def test_an_outage_is_not_amplified(start_gateway, closed_port, how):
    with saying(500, "down") as one:
        base = one.base_v1 if how == "status" else f"http://127.0.0.1:{closed_port}/v1"
        gateway = start_gateway(config(base, base, base))
        counts = hammer(gateway, "chain", 4)
        attempts = metric(gateway, "attempts_total")
    requests = counts["ok"] + counts["failed"]
    assert counts["ok"] == 0 and requests > counts["first"] > 0
    assert attempts <= 1.1 * requests + 3 * counts["first"], (counts, attempts)
    assert metric(gateway, "retries_refused_total") > 0
    assert attempts > requests, "nothing was tried again: the test shows nothing"


def test_one_of_two_dies_under_load_and_nobody_notices(start_gateway, mock, closed_port):
    gateway = start_gateway(config(f"http://127.0.0.1:{closed_port}/v1", mock.base_v1, mock.base_v1))
    counts = hammer(gateway, "group", 3)
    assert counts["failed"] == 0 and counts["ok"] > 0, counts
    assert metric(gateway, "retries_refused_total") == 0
    assert metric(gateway, "retries_total") > 0, "the dead one was never asked: the test shows nothing"
