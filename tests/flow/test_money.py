"""Budgets and limits on the request path: who is refused, in whose words, and what is booked, by real processes."""

import http.client
import signal
import threading
import time

import pytest

from gateway import one_provider
from test_dialects import CLIENTS, ERRORS, request_of
from wire import DEADLINE, SLOW, Stream, call, chat, wait_until

KEY = "sk-bf-money-money-money-money-money-money-money"
OTHER = "sk-bf-other-other-other-other-other-other-other"
NANO = 10 ** 9
# A dollar for a million tokens in, two for a million out.
PRICES = 'prices: { "up/*": { input: 1, output: 2 } }\n'
BOTH = 'prices: { "up/*": { input: 1, output: 2 }, "two/*": { input: 1, output: 2 } }\n'


def yaml(mock, keys, more=""):
    return one_provider(mock.base_v1, more=PRICES + more + "virtual_keys:\n" + keys)


def key_of(rules, name="spender", value=KEY):
    return f"  - {{ name: {name}, value: {value}, {rules} }}\n"


def ask(gateway, model="up/echo", key=KEY, headers=None, **more):
    return gateway.call("POST", "/v1/chat/completions", chat(model, **more), headers, key)


def spent(gateway, **filters):
    query = "&".join(["group_by=none", *(f"{name}={value}" for name, value in filters.items())])
    rows = gateway.api("GET", f"/api/usage?{query}", expect=200)["data"]
    return int(rows[0]["cost_nanousd"]) if rows else 0


def records(gateway, n=None):
    def stored():
        rows = gateway.api("GET", "/api/logs?limit=200", expect=200)["data"]
        return rows if n is None or len(rows) >= n else None
    return wait_until(stored, f"{n} records")


def cost_of(usage):
    return (usage["prompt_tokens"] + 2 * usage["completion_tokens"]) * 1000


# --- refusals ---


@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_used_up_budget_in_every_dialect(mock, start_gateway, dialect):
    gateway = start_gateway(yaml(mock, key_of("budget: 0.00004")))
    assert ask(gateway, "up/lorem-200", max_tokens=4).status == 200
    path, body, _ = request_of(dialect, "up/lorem-200")
    answer = gateway.call("POST", path, body, None, KEY)
    assert (answer.status, answer.headers["x-bf-error"]) == (402, "budget_exceeded"), answer
    words = ERRORS[dialect](answer.json())
    for part in ('virtual key "spender"', "0.00004 dollars per 1M", "are left", "begins anew at 20"):
        assert part in words, words
    assert answer.headers["x-should-retry"] == "false"
    assert int(answer.headers["retry-after"]) > 86400
    if dialect == "openai":
        assert (answer.error["type"], answer.error["code"]) == ("budget_exceeded", "budget_exceeded")
    if dialect == "anthropic":
        assert answer.json()["type"] == "error"


@pytest.mark.parametrize("dialect", CLIENTS)
def test_too_many_requests_in_every_dialect(mock, start_gateway, dialect):
    gateway = start_gateway(yaml(mock, key_of("rate_limit: 2")))
    path, body, _ = request_of(dialect, "up/echo")
    seen = [gateway.call("POST", path, body, None, KEY) for _ in range(3)]
    assert [a.status for a in seen] == [200, 200, 429], seen
    assert seen[2].headers["x-bf-error"] == "request_limited"
    assert "2 requests per 1m, of which 0 are left" in ERRORS[dialect](seen[2].json())
    assert 0 < int(seen[2].headers["retry-after-ms"]) <= 90000
    assert int(seen[2].headers["retry-after"]) == -(-int(seen[2].headers["retry-after-ms"]) // 1000)
    if dialect == "anthropic":
        assert [a.headers["anthropic-ratelimit-requests-remaining"] for a in seen] == ["1", "0", "0"]
        assert seen[0].headers["anthropic-ratelimit-requests-limit"] == "2"
        assert seen[0].headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    else:
        assert [a.headers["x-ratelimit-remaining-requests"] for a in seen] == ["1", "0", "0"]
        assert seen[0].headers["x-ratelimit-limit-requests"] == "2"
        assert seen[0].headers["x-ratelimit-reset-requests"][-1] in "sm"


def test_tokens_are_corrected_to_what_was_used(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("rate_limits: [ { tokens: 100, per: 1h } ]")))
    answer = ask(gateway, "up/lorem-10")
    used = answer.json()["usage"]["total_tokens"]
    assert answer.status == 200
    again = ask(gateway, "up/lorem-10", max_tokens=1)
    assert again.status == 200
    used += again.json()["usage"]["total_tokens"]
    while used < 100:
        answer = ask(gateway, "up/lorem-10")
        if answer.status != 200:
            break
        used += answer.json()["usage"]["total_tokens"]
    answer = ask(gateway, "up/lorem-10", text="word " * 300)
    assert (answer.status, answer.error["type"]) == (429, "token_limited"), answer
    assert answer.headers["x-ratelimit-limit-tokens"] == "100"
    assert "this request alone has more" in answer.error["message"]
    assert used >= 80


def test_a_blocked_team_and_expired_keys(mock, start_gateway):
    gateway = start_gateway(yaml(
        mock, key_of("team: off") + key_of('expires: "2020-01-01T00:00:00Z"', "old", OTHER),
        "teams: { off: { blocked: true } }\n"))
    answer = ask(gateway)
    assert (answer.status, answer.error["type"], answer.error["code"]) == (403, "access_blocked", "key_blocked")
    assert "team" in answer.error["message"]
    assert ask(gateway, key=OTHER).status == 403
    assert mock.requests() == []


def test_a_teams_budget_is_called_by_its_name(mock, start_gateway):
    gateway = start_gateway(yaml(
        mock, key_of("team: research"),
        "customers: { acme: { budget: 5 } }\nteams: { research: { customer: acme, budget: 0.00004 } }\n"))
    assert ask(gateway, "up/lorem-200", max_tokens=4).status == 200
    answer = ask(gateway, "up/lorem-200")
    assert answer.status == 402 and 'team "research"' in answer.error["message"], answer


@pytest.mark.parametrize("rules,code,kind", [
    ('deny_models: ["up/lorem-*"]', "model_not_allowed", "model_blocked"),
    ('deny_models: ["lorem-*"]', "model_not_allowed", "model_blocked"),
    ('providers: [ { provider: two } ]', "provider_not_allowed", "provider_blocked"),
    ('providers: [ { provider: up, models: ["echo"] } ]', "model_not_allowed", "model_blocked"),
    ('providers: [ { provider: up, deny_models: ["lorem-*"] } ]', "model_not_allowed", "model_blocked"),
    ('routes: [embeddings]', "route_not_allowed", "access_blocked"),
    ('networks: ["10.0.0.0/8"]', "network_not_allowed", "access_blocked"),
])
def test_scopes(mock, start_gateway, rules, code, kind):
    second = f"""  two:
    vendor: openai-compatible
    base_url: {mock.base_v1}
    keys: [ {{ name: main, value: two-key }} ]
"""
    gateway = start_gateway(one_provider(mock.base_v1, more=second + BOTH + "virtual_keys:\n" + key_of(rules)))
    answer = ask(gateway, "up/lorem-3")
    assert (answer.status, answer.error["code"], answer.error["type"]) == (403, code, kind), answer
    assert mock.requests() == []


@pytest.mark.parametrize("rules", ['deny_models: ["up/lorem-*"]', 'deny_models: ["LOREM-3"]',
                                   'providers: [ { provider: up, deny_models: ["Lorem-*"] } ]'])
def test_what_is_denied_is_denied_in_any_spelling(mock, start_gateway, rules):
    """Some providers take names in any case, or with blanks around them."""
    gateway = start_gateway(one_provider(mock.base_v1, more="virtual_keys:\n" + key_of(rules)))
    for model in ("up/lorem-3", "up/Lorem-3", "up/LOREM-3", "up/lorem-3 ", "up/lorem-3\t"):
        assert ask(gateway, model).status in (400, 403), model
    assert mock.requests() == []
    assert ask(gateway, "up/echo").status == 200


def test_a_key_asks_about_itself_from_its_networks_only(mock, start_gateway):
    here = '["127.0.0.0/8"]'
    gateway = start_gateway(yaml(mock, key_of('networks: ["10.0.0.0/8"]') + key_of(f"networks: {here}", "home", OTHER)))
    for path in ("/v1/key", "/litellm/key/info"):
        answer = gateway.call("GET", path, key=KEY)
        assert answer.status == 403 and b"may not be used from 127.0.0.1" in answer.body, answer
        assert gateway.call("GET", path, key=OTHER).status == 200


def test_budgets_of_a_provider_are_listed(mock, start_gateway):
    gateway = start_gateway(one_provider(mock.base_v1, more="    budgets: [ { limit: 5, window: 1d } ]\n" + PRICES))
    assert ask(gateway, key=None).status == 200
    for query in ("", "?kind=provider", "?name=u*"):
        [row] = gateway.api("GET", f"/api/budgets{query}", expect=200)["data"]
        assert (row["kind"], row["owner"], row["window"]) == ("provider", "up", "1d")
        assert row["used_nanousd"] + row["remaining_nanousd"] == row["limit_nanousd"] == 5 * NANO and row["used_nanousd"] > 0
    for query in ("?kind=key", "?name=x*", "?team=none"):
        answer = gateway.api("GET", f"/api/budgets{query}")
        assert answer.status != 200 or answer.json()["data"] == [], answer
    assert "provider" in gateway.bfctl("budgets", "--kind", "provider")


def test_a_model_without_a_price(mock, start_gateway):
    more = "unknown_price: refuse\n"
    gateway = start_gateway(one_provider(mock.base_v1, more='prices: { "up/echo": { input: 1, output: 2 } }\n' + more))
    assert ask(gateway, key=None).status == 200
    answer = ask(gateway, "up/lorem-3", key=None)
    assert (answer.status, answer.error["code"]) == (400, "unpriced"), answer
    assert '"up/lorem-3"' in answer.error["message"] and "prices:" in answer.error["message"]


# --- what is spent ---


def test_costs_are_told_and_booked(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("budget: 1")))
    answer = ask(gateway, "up/lorem-20", headers={"x-bf-want": "cost, budget"})
    cost = cost_of(answer.json()["usage"])
    assert answer.headers["x-bf-cost"] == f"0.{cost:09d}", answer.headers
    assert answer.headers["x-bf-budget-remaining"] == f"0.{NANO - cost:09d}"
    stream = gateway.call("POST", "/v1/chat/completions", chat("up/lorem-20", stream=True),
                          {"x-bf-want": "cost,budget"}, KEY)
    assert stream.status == 200
    assert f": x-bf-cost: 0.{cost:09d}\n\n: x-bf-budget-remaining: 0.{NANO - 2 * cost:09d}\n\n".encode() in stream.body
    rows = records(gateway, 2)
    assert {int(row["cost_nanousd"]) for row in rows} == {cost}
    wait_until(lambda: spent(gateway) == 2 * cost, "both booked")


def race(gateway, clients, stop, model="up/lorem-5", **more):
    """Clients that ask until they are refused (`stop`); costs of all that were answered, and statuses."""
    costs, statuses, lock = [], [], threading.Lock()

    def run():
        while True:
            answer = ask(gateway, model, **more)
            with lock:
                statuses.append(answer.status)
                if answer.status == 200:
                    costs.append(cost_of(answer.json()["usage"]))
            if answer.status in stop:
                return

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE * 8)
        assert not thread.is_alive()
    return costs, statuses


@pytest.mark.parametrize("overshoot,beyond", [("none", 0), ("auto", 0.1), ("0.001", 0.1)])
def test_64_clients_race_a_cent(mock, start_gateway, overshoot, beyond):
    limit = NANO // 100
    gateway = start_gateway(yaml(mock, key_of(f"budgets: [ {{ limit: 0.01, overshoot: {overshoot} }} ]")))
    costs, statuses = race(gateway, 64, (402,), "up/lorem-50", max_tokens=60)
    assert set(statuses) == {200, 402}
    assert sum(costs) <= limit * (1 + beyond)
    # Who is refused last could have cost as much as it may write at most.
    assert sum(costs) >= limit - 60 * 2 * 1000 - 200 * 1000, (sum(costs), limit)
    wait_until(lambda: spent(gateway) == sum(costs), "what was answered is booked")


def test_limits_of_requests_hold_for_all_workers(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("rate_limits: [ { requests: 300, per: 5s } ]")), workers=2)
    begun = time.monotonic()
    taken = []
    lock = threading.Lock()

    def run():
        while time.monotonic() - begun < 12.5:
            answer = ask(gateway)
            if answer.status == 200:
                with lock:
                    taken.append(time.monotonic() - begun)
            else:
                assert answer.status == 429
                threading.Event().wait(min(int(answer.headers["retry-after-ms"]) / 1000, 0.05))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # At once a whole limit, then as much as a steady limit lets through: within 1 %.
    assert len([t for t in taken if t < 5]) <= 303
    windows = [len([t for t in taken if at <= t < at + 5]) for at in (5.2, 6, 7, 7.4)]
    assert all(294 <= n <= 312 for n in windows), windows


def test_concurrency_is_exact(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("concurrency: 5")), workers=2)
    streams = [Stream(gateway.base, "/v1/chat/completions", chat("up/lorem-2000-20", stream=True),
                      {"Authorization": f"Bearer {KEY}"}) for _ in range(5)]
    readers = [stream.events() for stream in streams]
    for reader in readers:
        next(reader)
    for _ in range(10):
        answer = ask(gateway)
        assert (answer.status, answer.error["code"]) == (429, "concurrency_limited"), answer
        assert "5 at the same time" in answer.error["message"]
    streams[0].close()
    wait_until(lambda: ask(gateway).status == 200, "room again")
    for stream in streams[1:]:
        stream.close()


# --- ends of all sorts ---


def test_a_client_that_leaves_pays_for_what_it_got(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("budget: 1")))
    stream = Stream(gateway.base, "/v1/chat/completions", chat("up/lorem-1000-20", stream=True),
                    {"Authorization": f"Bearer {KEY}"})
    events = stream.events()
    for _ in range(20):
        next(events)
    stream.close()
    row = records(gateway, 1)[0]
    assert row["status"] == 499 and row["estimated"] is True
    assert 10 < row["tokens"]["output"] < 200 if "tokens" in row else row["output_tokens"] > 10
    assert int(row["cost_nanousd"]) > 0
    wait_until(lambda: mock.requests()[-1]["outcome"] == "gone", "the call cancelled")


def said(text, model="up/echo", **more):
    return {**chat(model, **more), "messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize("text", [
    "all that is gold does not glitter, " * 6000, "0123456789abcdef" * 12500, "\u65e5\u672c\u8a9e" * 20000],
    ids=["prose", "noise", "script"])
def test_short_prompts_do_not_make_long_ones_cheap(mock, start_gateway, text):
    """Of ten mere envelopes nothing is learned that would let 200 KB into a budget for a tenth of them."""
    gateway = start_gateway(yaml(mock, key_of("budget: 0.003")))
    for _ in range(10):
        assert gateway.call("POST", "/v1/chat/completions", said("hi", max_tokens=8), None, KEY).status == 200
    answer = gateway.call("POST", "/v1/chat/completions", said(text, max_tokens=8), None, KEY)
    assert answer.status == 402, answer
    told = gateway.api("POST", "/api/explain", {"key": "spender", "body": said(text, max_tokens=8)}, expect=200)
    assert told["admitted"] is False and told["refusal"]["status"] == 402, told
    assert spent(gateway) < 3_000_000


def test_the_prompt_of_a_client_that_leaves_is_billed_as_it_was_read(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("budget: 10")))
    text = "so it was that they went down to the river. " * 3000
    for _ in range(10):
        assert gateway.call("POST", "/v1/chat/completions", said("hi", max_tokens=8), None, KEY).status == 200
    whole = gateway.call("POST", "/v1/chat/completions", said(text, max_tokens=8), None, KEY)
    stream = Stream(gateway.base, "/v1/chat/completions", said(text, "up/lorem-1000-20", stream=True),
                    {"Authorization": f"Bearer {KEY}"})
    next(stream.events())
    stream.close()
    rows = records(gateway, 12)
    left = next(row for row in rows if row["status"] == 499)
    tokens = left["tokens"]["input"] if "tokens" in left else left["input_tokens"]
    assert left["estimated"] is True
    assert 0.7 < tokens / whole.json()["usage"]["prompt_tokens"] < 1.4, (left, whole.json()["usage"])


def test_on_disconnect_finish(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("budget: 1"), "on_disconnect: finish\n"))
    stream = Stream(gateway.base, "/v1/chat/completions", chat("up/lorem-100-5", stream=True),
                    {"Authorization": f"Bearer {KEY}"})
    next(stream.events())
    stream.close()
    row = records(gateway, 1)[0]
    assert row["status"] == 499 and row.get("estimated") is not True, row
    assert mock.requests()[-1]["outcome"] == "answered"
    totals = call(mock.base, "GET", "/totals").json()
    assert int(row["cost_nanousd"]) > 100 * 2 * 1000, totals


def test_a_stream_ends_where_its_budget_does(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("budget: 0.0025")))
    answer = gateway.call("POST", "/v1/chat/completions", chat("up/lorem-5000-1", stream=True), None, KEY,
                          timeout=DEADLINE * 4)
    assert answer.status == 200
    assert b"budget_exceeded" in answer.body and b"[DONE]" not in answer.body
    wait_until(lambda: mock.requests()[-1]["outcome"] == "gone", "the call cancelled")
    row = records(gateway, 1)[0]
    assert 2000000 < int(row["cost_nanousd"]) <= 2750000, row


def test_a_killed_workers_stream_is_booked(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("budget: 1\n    , concurrency: 8")), workers=2)
    streams = [Stream(gateway.base, "/v1/chat/completions", chat("up/lorem-400-10", stream=True),
                      {"Authorization": f"Bearer {KEY}"}) for _ in range(8)]
    readers = [stream.events() for stream in streams]
    for reader in readers:
        for _ in range(5):
            next(reader)
    victim = gateway.pids("worker")[0]
    gateway.kill_child(victim)
    whole = 0
    for reader in readers:
        try:
            whole += any(b"[DONE]" in event if isinstance(event, bytes) else "[DONE]" in event for event in reader)
        except (OSError, http.client.HTTPException, AssertionError, ValueError):
            pass
    rows = records(gateway, 8)
    crashed = [row for row in rows if row.get("fail") == "worker_crashed"]
    assert len(crashed) == 8 - whole, (whole, rows)
    assert all(int(row["cost_nanousd"]) > 0 for row in rows)
    # Nothing is held any more: all of its concurrency is free.
    gateway.wait_replaced(victim, "worker")
    again = [Stream(gateway.base, "/v1/chat/completions", chat("up/lorem-2000-20", stream=True),
                    {"Authorization": f"Bearer {KEY}"}) for _ in range(8)]
    for stream in again:
        next(stream.events())
        stream.close()


def test_another_provider_when_ones_budget_is_used_up(mock, start_gateway):
    second = f"""  two:
    vendor: openai-compatible
    base_url: {mock.base_v1}
    keys: [ {{ name: main, value: two-key }} ]
"""
    models = "models: { quick: { targets: [ { model: up/lorem-100, weight: 1000 }, { model: two/lorem-100, weight: 1 } ] } }\n"
    rules = "providers: [ { provider: up, budget: 0.0003 }, { provider: two } ]"
    gateway = start_gateway(one_provider(mock.base_v1, more=second + BOTH + models + "virtual_keys:\n" + key_of(rules)))
    used = [ask(gateway, "quick", max_tokens=120).headers["x-bf-provider"] for _ in range(8)]
    assert used[0] == "up" and used[-1] == "two", used
    answer = ask(gateway, "up/lorem-100", max_tokens=120)
    assert answer.status == 402 and 'provider "up" in virtual key "spender"' in answer.error["message"], answer


def test_strict_durability(mock, start_gateway):
    gateway = start_gateway(yaml(mock, key_of("budget: 1"), "durability: strict\n"))
    for _ in range(5):
        assert ask(gateway).status == 200
        # What was answered is on disk: it is there whatever happens now.
    gateway.kill_child(gateway.pids("aggregator")[0], signal.SIGKILL)
    assert len(records(gateway, 5)) == 5


@pytest.mark.parametrize("status", [400, 429])
def test_another_status_for_used_up_budgets(mock, start_gateway, status):
    gateway = start_gateway(yaml(mock, key_of("budget: 0.000001"), f"budget_status: {status}\n"))
    answer = ask(gateway)
    assert (answer.status, answer.error["code"], answer.headers["x-should-retry"]) == (status, "budget_exceeded", "false")


# --- many accounts ---

FOUR = "budgets: [" + ", ".join(f"{{ limit: 5, window: {w} }}" for w in ("1m", "1h", "1d", "1M")) + "], concurrency: 9"


def test_all_that_stands_over_a_key_fits(mock, start_gateway):
    """Four budgets of each owner on the way up, of the key's provider, of four patterns of the model: all are booked. A fifth is too many."""
    def limits(n):
        patterns = ("*/echo", "up/*", "up/ec*", "*/e*", "up/echo")
        return "model_limits:\n" + "".join(f'  - {{ model: "{p}", {FOUR} }}\n' for p in patterns[:n])

    def file(n):
        more = f"customers: {{ c: {{ {FOUR} }} }}\nteams: {{ t: {{ customer: c, {FOUR} }} }}\n" + limits(n)
        return yaml(mock, key_of(f"team: t, {FOUR}, providers: [ {{ provider: up, {FOUR} }} ]"), more)

    gateway = start_gateway(file(4))
    answer = ask(gateway)
    assert answer.status == 200, answer
    cost = cost_of(answer.json()["usage"])
    [row] = records(gateway, 1)
    assert len(row["bookings"]) == 32 and row["cost_nanousd"] == cost
    budgets = gateway.api("GET", "/api/budgets?limit=200", expect=200)["data"]
    assert [b["used_nanousd"] for b in budgets] == [cost] * 32, budgets
    assert int(gateway.api("GET", "/api/audit/money", expect=200)["difference_nanousd"]) == 0
    gateway.write(file(5))
    gateway.api("POST", "/api/reload", expect=200)
    answer = ask(gateway)
    assert (answer.status, answer.headers["x-bf-error"]) == (403, "too_many_budgets"), answer
    assert '36 of "spender", at most 32 fit' in answer.error["message"], answer
