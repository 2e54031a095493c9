"""The management API through the workers: every route, every refusal, and that nothing waits for it."""

import json
import re
import subprocess
import threading

import pytest

from wire import call, wait_until

MOCKS = ["mock"] + [f"mock-{dialect}" for dialect in
                   ("openai", "responses", "anthropic", "gemini", "bedrock", "cohere")]
ANSWERED = {"model": "mock/echo", "messages": [{"role": "user", "content": "hi"}]}


def ask(gateway, key=None, model="mock/echo"):
    return gateway.call("POST", "/v1/chat/completions", {**ANSWERED, "model": model}, key=key)


@pytest.fixture(scope="module")
def used(gateway):
    """The gateway after some requests, all of them in the journal."""
    made = gateway.api("POST", "/api/keys", {"name": "used"}, expect=201)
    for model in ("mock/echo", "mock/echo", "mock/lorem-5", "mock/error-500"):
        ask(gateway, made["key"], model)
    ask(gateway)
    wait_until(lambda: len(gateway.api("GET", "/api/logs", expect=200)["data"]) >= 5, "5 log rows")
    return gateway


def test_health(gateway):
    answer = gateway.call("GET", "/healthz")
    assert (answer.status, answer.body) == (200, b"ok\n")
    answer = gateway.call("GET", "/readyz")
    assert answer.status == 200 and answer.body.startswith(b"ready: workers=2")
    assert gateway.call("HEAD", "/readyz").body == b""


def test_page(gateway):
    answer = gateway.call("GET", "/")
    page = answer.body.decode()
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"].startswith("text/html")
    assert "unsafe" not in policy and "script-src 'sha256-" in policy
    # Self-contained: nothing is loaded from anywhere.
    assert not re.findall(r'(?:src|href)="(?!/|data:)[^"]*"', page)
    for link in re.findall(r'href="(/[^"]*)"', page):
        assert gateway.call("GET", link).status == 200, link


def test_metrics(used):
    answer = used.call("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    checked = subprocess.run(["promtool", "check", "metrics"], input=answer.body,
                             capture_output=True, check=False)
    assert checked.returncode == 0 and not checked.stdout and not checked.stderr, checked
    values = dict(re.findall(r"^(bowfin_\S+) (\S+)$", answer.body.decode(), re.M))
    assert int(values["bowfin_requests_total"]) >= 5
    assert float(values["bowfin_ready"]) == 1
    routes = [name for name in values if name.startswith("bowfin_route_attempts_total{")]
    assert routes and all('provider="mock"' in name for name in routes)
    count = values["bowfin_request_duration_seconds_count"]
    assert values['bowfin_request_duration_seconds_bucket{le="+Inf"}'] == count


def test_status(used):
    status = used.status()
    assert status["ready"]["ok"] is True
    assert status["config_path"] is None
    assert status["pid"] == used.pid
    assert {child["proc"] for child in status["children"]} == {"worker", "aggregator", "admin", "mock"}
    assert [worker["state"] for worker in status["workers"]] == ["ready"] * used.workers
    assert status["totals"]["requests_total"] == \
        sum(worker["stats"]["requests_total"] for worker in status["workers"])


def test_what_is_configured(used):
    providers = used.api("GET", "/api/providers", expect=200)
    assert [provider["name"] for provider in providers["data"]] == MOCKS
    assert providers["next"] is None
    config = used.api("GET", "/api/config", expect=200)
    assert config["providers"]["mock"]["vendor"] == "mock"
    names = [model["name"] for model in used.api("GET", "/api/models", expect=200)["data"]]
    assert "echo" in names


def test_routes(used):
    rows = used.api("GET", "/api/routes", expect=200)["data"]
    assert sum(row["attempts"] for row in rows) >= 5
    assert all(row["provider"] in MOCKS and row["in_flight"] == 0 for row in rows)
    first = used.api("GET", "/api/routes?limit=1", expect=200)
    second = used.api("GET", f"/api/routes?limit=1&cursor={first['next']}", expect=200)
    assert [first["data"][0]["row"], second["data"][0]["row"]] == [row["row"] for row in rows[:2]]


def test_in_flight_is_seen(gateway):
    answers = []
    worker = threading.Thread(target=lambda: answers.append(ask(gateway, model="mock/slow-1500")))
    worker.start()
    wait_until(lambda: sum(row["in_flight"]
                           for row in gateway.api("GET", "/api/routes", expect=200)["data"]),
               "a call under way")
    worker.join()
    assert answers[0].status == 200
    wait_until(lambda: not sum(row["in_flight"]
                               for row in gateway.api("GET", "/api/routes", expect=200)["data"]),
               "no call under way")


def test_secrets_are_masked(mocked_gateway):
    for path in ("/api/config", "/api/config?format=yaml", "/api/providers"):
        body = mocked_gateway.api("GET", path).body.decode()
        assert "up" in body and "up-key" not in body and "flow-admin-token" not in body, path


def test_logs(used):
    rows = used.api("GET", "/api/logs", expect=200)["data"]
    assert rows == sorted(rows, key=lambda row: row["cursor"], reverse=True)
    assert {row["key"] for row in rows} >= {"used", None}
    lorem = next(row for row in rows if row["model"] == "lorem-5")
    assert lorem["tokens"]["output"] == 5 and lorem["status"] == 200
    assert lorem["endpoint"].startswith("chat")


def test_log_pages(used):
    everything = [row["id"] for row in used.api("GET", "/api/logs", expect=200)["data"]]
    seen, cursor = [], ""
    while cursor is not None:
        page = used.api("GET", f"/api/logs?limit=2{cursor and '&cursor=' + cursor}", expect=200)
        assert len(page["data"]) <= 2
        seen += [row["id"] for row in page["data"]]
        cursor = page["next"]
    assert seen == everything


def test_log_filters(used):
    def rows(query):
        return used.api("GET", f"/api/logs?{query}", expect=200)["data"]
    assert {row["key"] for row in rows("key=used")} == {"used"}
    assert {row["key"] for row in rows("key=none")} == {None}
    assert {row["model"] for row in rows("model=lorem-5")} == {"lorem-5"}
    assert rows("provider=nobody") == []
    assert {row["status"] // 100 for row in rows("status=5xx")} == {5}
    assert rows("since=1h") and not rows("until=1h")
    newest = rows("limit=1")[0]["cursor"]
    assert rows(f"after={newest}") == []


def test_usage(used):
    def data(query):
        answer = used.api("GET", f"/api/usage?{query}", expect=200)
        assert (answer["truncated"], answer["partial"]) == (0, False)
        return answer["data"]
    rows = wait_until(lambda: data("group_by=key,model&key=used"), "usage of the key")
    assert {row["key"] for row in rows} == {"used"}
    lorem = next(row for row in rows if row["model"] == "lorem-5")
    assert lorem["requests"] == 1 and lorem["tokens"]["output"] == 5
    total = data("group_by=none&key=used")
    assert [row["requests"] for row in total] == [4]
    assert data("group_by=day")[0]["day"].startswith("20")


REFUSALS = [
    ("GET", "/api/nothing", None, 404, "unknown_path"),
    ("GET", "/api/rutes", None, 404, "unknown_path"),
    ("PUT", "/api/keys", {}, 405, "method_not_allowed"),
    ("DELETE", "/api/status", None, 405, "method_not_allowed"),
    ("POST", "/healthz", {}, 405, "method_not_allowed"),
    ("GET", "/api/logs?modell=x", None, 400, "unknown_field"),
    ("GET", "/api/logs?limit=many", None, 400, "bad_parameter"),
    ("GET", "/api/logs?cursor=x", None, 400, "bad_parameter"),
    ("GET", "/api/logs?key=nobody", None, 400, "unknown_key"),
    ("GET", "/api/usage?since=soon", None, 400, "bad_parameter"),
    ("GET", "/api/keys/0123456789abcdef", None, 404, "not_found"),
    ("PATCH", "/api/keys/0123456789abcdef", {"active": False}, 404, "not_found"),
    ("DELETE", "/api/keys/0123456789abcdef", None, 404, "not_found"),
    ("POST", "/api/keys", b"{", 400, "bad_json"),
    ("POST", "/api/keys", [], 400, "bad_json"),
    ("POST", "/api/keys", {}, 400, "missing_field"),
    ("POST", "/api/keys", {"name": "x", "modles": []}, 400, "unknown_field"),
    ("POST", "/api/keys", {"name": "x" * 200}, 400, "bad_field"),
    ("POST", "/api/keys", b'{"name":"' + b"x" * (2 << 20) + b'"}', 413, "body_too_large"),
]


@pytest.mark.parametrize("method,path,body,status,code", REFUSALS)
def test_refusals(gateway, method, path, body, status, code):
    answer = gateway.call(method, path, body)
    assert answer.status == status, answer
    assert set(answer.error) == {"message", "type", "param", "code"}
    assert answer.error["code"] == code
    if status == 405:
        assert "GET" in answer.headers["allow"]
    if code == "unknown_field":
        assert "did you mean" in answer.error["message"]


def test_life_of_a_key(gateway):
    made = gateway.api("POST", "/api/keys", {"name": "life", "models": ["mock/echo"]}, expect=201)
    assert re.fullmatch(r"sk-bf-[A-Za-z0-9_-]{43}", made["key"])
    path = f"/api/keys/{made['id']}"
    shown = gateway.api("GET", path, expect=200)
    assert "key" not in shown and "hash" not in shown and shown["origin"] == "api"
    assert shown["hint"].endswith(made["key"][-4:])
    assert gateway.api("POST", "/api/keys", {"name": "life"}).status == 409
    assert ask(gateway, made["key"]).status == 200
    assert ask(gateway, made["key"], "mock/lorem-3").status == 403
    changed = gateway.api("PATCH", path, {"models": ["mock/*"], "name": "life-2"}, expect=200)
    assert (changed["models"], changed["name"]) == (["mock/*"], "life-2")
    assert ask(gateway, made["key"], "mock/lorem-3").status == 200
    assert gateway.api("PATCH", path, {"active": False}, expect=200)["active"] is False
    assert ask(gateway, made["key"]).status in (401, 403)
    assert gateway.api("DELETE", path, expect=200)["deleted"] is True
    assert ask(gateway, made["key"]).status == 401
    assert gateway.api("GET", path).status == 404
    assert made["key"] not in gateway.log()


def test_a_new_key_works_on_every_worker_at_once(gateway):
    """Straight behind the answer, over many connections that the kernel spreads over the workers."""
    before = [worker["stats"]["requests_total"] for worker in gateway.status()["workers"]]
    for n in range(5):
        made = gateway.api("POST", "/api/keys", {"name": f"at-once-{n}"}, expect=201)
        statuses = []

        def one(key=made["key"], statuses=statuses):
            statuses.append(ask(gateway, key).status)
        threads = [threading.Thread(target=one) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 16
    after = [worker["stats"]["requests_total"] for worker in gateway.status()["workers"]]
    assert all(now > then for now, then in zip(after, before)), (before, after)


def test_key_list_pages(gateway):
    for n in range(7):
        gateway.api("POST", "/api/keys", {"name": f"page-{n}"}, expect=201)
    seen, cursor = [], ""
    while cursor is not None:
        page = gateway.api("GET", f"/api/keys?limit=3&name=page-*{cursor and '&cursor=' + cursor}",
                           expect=200)
        assert len(page["data"]) <= 3
        seen += [key["name"] for key in page["data"]]
        cursor = page["next"]
    assert sorted(seen) == [f"page-{n}" for n in range(7)]


def test_reload(start_gateway, mock):
    from gateway import one_provider
    gateway = start_gateway(one_provider(mock.base_v1))
    before = gateway.generation()
    gateway.write(one_provider(mock.base_v1, more="models: { fast: { targets: [ { model: up/echo } ] } }\n"))
    answer = gateway.api("POST", "/api/reload", expect=200)
    assert answer["generation"] > before and "fast" in json.dumps(answer["changes"])
    gateway.write(one_provider(mock.base_v1, more="modles: {}\n"))
    refused = gateway.api("POST", "/api/reload")
    assert refused.status == 400
    assert re.search(r"bowfin\.yaml:\d+: .*modles.*models", refused.error["message"])
    assert gateway.generation() == answer["generation"]
    names = [model["name"] for model in gateway.api("GET", "/api/models", expect=200)["data"]]
    assert "fast" in names


def test_many_at_once(gateway):
    """Calls that the master answers and calls that it does not, interleaved."""
    failures = []

    def one(n):
        path = ("/api/status", "/api/config", "/api/keys", "/metrics", "/api/logs")[n % 5]
        answer = gateway.call("GET", path)
        if answer.status != 200:
            failures.append((path, answer))
    threads = [threading.Thread(target=one, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_admin_dies_and_inference_goes_on(start_gateway):
    gateway = start_gateway()
    failed, done = [], threading.Event()

    def load():
        while not done.is_set():
            answer = ask(gateway)
            if answer.status != 200:
                failed.append(answer)
    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            [pid] = gateway.pids("admin")
            gateway.kill_child(pid)
            gateway.wait_replaced(pid, "admin")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failed
    assert call(gateway.base, "GET", "/readyz").status == 200
    # What went wrong for the callers meanwhile is an error object, never a hang or nonsense.
    assert gateway.api("GET", "/api/keys", expect=200)["next"] is None
