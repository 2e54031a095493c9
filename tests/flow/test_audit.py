"""Counters, journal and log agree to the nano-dollar, whatever was killed; what is shown of money agrees with them."""

import json
import mmap
import os
import re
import signal
import struct
import time

import pytest

from gateway import one_provider
from test_usage_exact import Burst, aggregator
from wire import SLOW, chat, wait_until

KEY = "sk-bf-audit-audit-audit-audit-audit-audit-audit"
OTHER = "sk-bf-other-other-other-other-other-other-other"
YAML = """
customers: { acme: { budget: 900 } }
teams: { research: { customer: acme, budgets: [ { limit: 500, window: 1d, calendar: true } ] } }
virtual_keys:
  - { name: alice, value: %s, team: research, budget: 300 }
  - { name: bob, value: %s, customer: acme, budget: 200 }
prices: { "mock/echo": { input: 3, output: 9 }, "mock/lorem-10": { input: 1, output: 2 } }
""" % (KEY, OTHER)
PRICE = {"echo": (3000, 9000), "lorem-10": (1000, 2000)}  # nano-dollars a token


def ask(gateway, key=KEY, model="mock/echo", **more):
    return gateway.call("POST", "/v1/chat/completions", chat(model, **more), None, key)


def audit(gateway):
    return json.loads(gateway.bfctl("audit", "money", "--json"))


def totals(gateway, **filters):
    query = "&".join(["group_by=none", *(f"{name}={value}" for name, value in filters.items())])
    rows = gateway.api("GET", f"/api/usage?{query}", expect=200)["data"]
    return rows[0] if rows else {"requests": 0, "cost_nanousd": 0}


def log_rows(gateway):
    rows, cursor = [], ""
    while cursor is not None:
        page = gateway.api("GET", f"/api/logs?limit=1000{cursor}", expect=200)
        rows += page["data"]
        cursor = page["next"] and f"&cursor={page['next']}"
    return rows


def cost_of(row):
    into, out = PRICE[row["model"]]
    return row["tokens"]["input"] * into + row["tokens"]["output"] * out


def assert_agreement(gateway, requests):
    """Totals, a replay of the log, and the audit say the same."""
    wait_until(lambda: totals(gateway)["requests"] >= requests, f"{requests} requests in the totals")
    rows = log_rows(gateway)
    assert len(rows) == requests == totals(gateway)["requests"]
    assert all(row["cost_nanousd"] == cost_of(row) for row in rows if not row["estimated"])
    for group in ("key", "team", "customer", "provider", "model", "day"):
        listed = gateway.api("GET", f"/api/usage?group_by={group}", expect=200)["data"]
        assert sum(row["cost_nanousd"] for row in listed) == sum(row["cost_nanousd"] for row in rows), group
    for row in gateway.api("GET", "/api/usage?group_by=key,model", expect=200)["data"]:
        same = [r for r in rows if (r["key"], r["model"]) == (row["key"], row["model"])]
        assert row["cost_nanousd"] == sum(r["cost_nanousd"] for r in same)
        assert row["tokens"]["output"] == sum(r["tokens"]["output"] for r in same)
        assert row["cost"] == f"{row['cost_nanousd'] // 10**9}.{row['cost_nanousd'] % 10**9:09d}"
    found = audit(gateway)
    assert (found["difference_nanousd"], found["busy"], found["data"]) == (0, 0, []), found
    assert found["log"]["compared"] is True and found["log"]["rows"] == requests
    return rows


def burst(gateway, n, tmp_path, key=KEY):
    (tmp_path / "body.json").write_text(json.dumps(chat("mock/echo")))
    return Burst(gateway, n, tmp_path, key)


def test_who_spent_what(start_gateway):
    gateway = start_gateway(YAML)
    for key in (KEY, OTHER, KEY):
        for model in ("mock/echo", "mock/lorem-10"):
            assert ask(gateway, key, model).status == 200
    rows = assert_agreement(gateway, 6)
    alice = sum(r["cost_nanousd"] for r in rows if r["key"] == "alice")
    assert totals(gateway, team="research")["cost_nanousd"] == alice == totals(gateway, key="alice")["cost_nanousd"]
    assert totals(gateway, team="none", customer="acme", key="bob")["requests"] == 2
    [team, none] = sorted(gateway.api("GET", "/api/usage?group_by=team", expect=200)["data"],
                          key=lambda row: row["team"] is None)
    assert (team["team"], none["team"], none["team_id"]) == ("research", None, None)
    assert {row["customer"] for row in rows} == {"acme"}
    assert {len(row["bookings"]) for row in rows} == {2, 3}  # bob has no team
    assert gateway.api("GET", "/api/usage?team=nobody").status == 400
    text = gateway.bfctl("usage", "--by", "customer,team")
    assert re.search(r"^acme\s+research\s+4\s.*\s0\.\d{9}\s+0\s+0$", text, re.M), text
    assert re.search(r"^difference\s+0\.000000000$", gateway.bfctl("audit", "money"), re.M)
    gateway.bfctl("audit", expect=2)
    gateway.bfctl("audit", "time", expect=2)


def test_a_restart_goes_on_where_it_stopped(start_gateway):
    """New regions: the counters come from the journal."""
    gateway = start_gateway(YAML.replace("budget: 300", "budgets: [ { limit: 0.002, overshoot: none } ]"))
    spent = 0
    while (answer := ask(gateway, max_tokens=1)).status == 200:
        usage = answer.json()["usage"]
        spent += usage["prompt_tokens"] * 3000 + usage["completion_tokens"] * 9000
    assert answer.status == 402 and 0 < spent <= 2000000
    before = audit(gateway)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    again = start_gateway(YAML.replace("budget: 300", "budgets: [ { limit: 0.002, overshoot: none } ]"),
                          args=["--state", gateway.state])
    after = audit(again)
    assert after["counters_nanousd"] == before["counters_nanousd"] == after["journal_nanousd"]
    assert ask(again, max_tokens=1).status == 402  # at once: no budget anew
    assert audit(again)["difference_nanousd"] == 0


@pytest.mark.parametrize("victim", ["aggregator", "worker", "admin"])
def test_killed_under_load(start_gateway, tmp_path, victim):
    gateway = start_gateway(YAML)
    running = burst(gateway, 12000 if SLOW == 1 else 4000, tmp_path)
    kills, last = 0, None
    while running.is_running():
        pid = aggregator(gateway) if victim == "aggregator" else next(iter(gateway.pids(victim)), None)
        if pid is None or pid == last or (victim != "aggregator" and kills == 3):
            time.sleep(0.01)
            continue
        os.kill(pid, signal.SIGKILL)
        last = pid
        kills += 1
    assert kills >= 1
    running.process.communicate()
    # What was cut off has a record, too, unless no call had been made: the totals are what there is.
    wait_until(lambda: audit(gateway)["waiting_nanousd"] == 0, "the outboxes to be empty")
    assert_agreement(gateway, totals(gateway)["requests"])


def test_while_it_works(start_gateway, tmp_path):
    """A log that keeps fewer rows than there are, and audits all the while."""
    gateway = start_gateway(YAML + "log: { max_records: 1000 }\n")
    running = [burst(gateway, 4000, tmp_path), burst(gateway, 4000, tmp_path, OTHER)]
    audits = 0
    while any(one.is_running() for one in running):
        found = audit(gateway)
        assert found["difference_nanousd"] == 0, found
        audits += 1
    assert audits >= 2
    for one in running:
        one.finish()
    wait_until(lambda: totals(gateway)["requests"] == 8000, "all in the totals")
    found = audit(gateway)
    assert found["log"]["rows"] <= 1000 and found["log"]["left_log_nanousd"] > 0
    assert found["difference_nanousd"] == 0 and found["data"] == []
    assert found["journal_nanousd"] == sum(
        len([0, 0, 0][:n]) * totals(gateway, key=key)["cost_nanousd"] for key, n in (("alice", 3), ("bob", 2)))


@pytest.mark.parametrize("is_busy", [False, True], ids=["quiet", "busy"])
def test_a_killed_master(start_gateway, tmp_path, is_busy):
    """Its successor begins with what the orphans stored, however soon it is started."""
    gateway = start_gateway(YAML)
    running = burst(gateway, 20000 if is_busy else 200, tmp_path)
    wait_until(lambda: totals(gateway)["requests"] > 100, "requests")
    gateway.process.kill()
    if not is_busy:
        gateway.process.wait()  # else it is a zombie while its successor starts
    again = start_gateway(YAML, args=["--state", gateway.state])
    gateway.process.wait()
    running.process.communicate()
    found = audit(again)
    assert found["difference_nanousd"] == 0 and found["data"] == [], found
    assert found["journal_nanousd"] == 3 * totals(again)["cost_nanousd"] > 0
    gateway.checked = True  # it was killed on purpose: there is nothing to stop
    gateway.remove()


def counters_of(gateway):
    """The memory that the workers count in, as root or as the same user may open it."""
    fds = f"/proc/{gateway.process.pid}/fd"
    for fd in os.listdir(fds):
        if "counters" in os.readlink(f"{fds}/{fd}"):
            return open(f"{fds}/{fd}", "r+b", buffering=0)
    return None


def test_a_wrong_counter_is_found(start_gateway):
    gateway = start_gateway(YAML)
    assert ask(gateway).status == 200
    spent = totals_when_stored(gateway)
    with counters_of(gateway) as file, mmap.mmap(file.fileno(), os.fstat(file.fileno()).st_size) as memory:
        at = find_row(memory, spent)
        memory[at:at + 8] = struct.pack("<Q", spent - 7)
        found = json.loads(gateway.bfctl("audit", "money", "--json", expect=1))
        [row] = found["data"]
        assert row["where"] == "counter" and row["owner"] in ("key", "team", "customer")
        assert (row["difference"], found["difference_nanousd"]) == ("-0.000000007", 7)
        assert "-0.000000007" in gateway.bfctl("audit", "money", expect=1)
        memory[at:at + 8] = struct.pack("<Q", spent)
    assert audit(gateway)["difference_nanousd"] == 0


def totals_when_stored(gateway):
    wait_until(lambda: totals(gateway)["requests"] == 1, "the request in the totals")
    return totals(gateway)["cost_nanousd"]


def find_row(memory, amount):
    """The rows, a line of 64 bytes each, are the end of the region; the first accounts lie in the first rows."""
    rows = len(memory) - (1 << 22) * 64
    for at in range(rows, rows + 64 * 64, 16):
        if struct.unpack("<Q", memory[at:at + 8])[0] == amount:
            return at
    raise AssertionError(f"no counter has {amount}")


def test_another_book(start_gateway, tmp_path):
    gateway = start_gateway(YAML)
    for model in ("mock/echo", "mock/echo", "mock/lorem-10"):
        assert ask(gateway, model=model).status == 200
    rows = assert_agreement(gateway, 3)
    # A reload with other prices does not change what was booked.
    gateway.reload(YAML.replace("input: 3, output: 9", "input: 30, output: 90"))
    assert totals(gateway)["cost_nanousd"] == sum(row["cost_nanousd"] for row in rows)
    echo = sum(row["cost_nanousd"] for row in rows if row["model"] == "echo")
    now = {row["model"]: row for row in json.loads(gateway.bfctl("usage", "reprice", "--from", "1h", "--json"))["data"]}
    assert (now["echo"]["booked_nanousd"], now["echo"]["would_be_nanousd"]) == (echo, 10 * echo)
    assert now["lorem-10"]["would_be_nanousd"] == now["lorem-10"]["booked_nanousd"]
    book = tmp_path / "prices.yaml"
    book.write_text('"mock/lorem-10": { input: 2, output: 4 }\n')
    text = gateway.bfctl("usage", "reprice", "--prices", book, "--model", "lorem-10")
    lorem = now["lorem-10"]["booked_nanousd"]
    assert re.search(rf"^mock\s+lorem-10\s+1\s+0\.{lorem:09d}\s+0\.{2 * lorem:09d}\s+0\.{lorem:09d}\s+0\s+0$",
                     text, re.M), text
    assert gateway.bfctl("usage", "reprice", "--from", "2030-01-01") == ""  # that there is none goes to stderr
    book.write_text('"mock/lorem-10": { inptu: 2 }\n')
    gateway.bfctl("usage", "reprice", "--prices", book, expect=1)
    answer = gateway.api("POST", "/api/usage/reprice", {"book": "00" * 64})
    assert (answer.status, answer.error["code"]) == (400, "bad_book")
    assert totals(gateway)["cost_nanousd"] == sum(row["cost_nanousd"] for row in rows)


def test_strict_comes_and_goes_with_a_reload(start_gateway):
    gateway = start_gateway(YAML + "durability: strict\n")
    for durability in ("strict", "200ms", "strict", "1s"):
        gateway.reload(YAML + f"durability: {durability}\n")
        before = totals(gateway)["requests"]
        assert ask(gateway).status == 200
        if durability == "strict":  # before the answer's end
            assert totals(gateway)["requests"] == before + 1
        wait_until(lambda: totals(gateway)["requests"] == before + 1, "the record")
    assert audit(gateway)["difference_nanousd"] == 0


def test_metrics_of_money(start_gateway):
    gateway = start_gateway(YAML)
    assert ask(gateway).status == 200
    cost = totals_when_stored(gateway)

    def metrics():
        return gateway.api("GET", "/metrics").body.decode()

    text = metrics()
    assert f"\nbowfin_spend_dollars_total 0.{cost:09d}\n" in text
    assert re.search(r'^bowfin_tokens_total\{class="output"\} [1-9]', text, re.M)
    assert re.search(r'^bowfin_budget_limit_dollars\{owner="customer",id="[0-9a-f]{16}",window="1M"\} 900\.0+$', text, re.M)
    assert re.search(rf'^bowfin_budget_used_dollars\{{owner="team",id="[0-9a-f]{{16}}",window="1d"\}} 0\.{cost:09d}$',
                     text, re.M)
    assert re.search(r'^bowfin_budget_remaining_dollars\{owner="key",.*\} 299\.9', text, re.M)
    named = r'^bowfin_owner_info\{owner="team",id="[0-9a-f]{16}",name="research"\} 1$'
    wait_until(lambda: re.search(named, metrics(), re.M), "names behind a scrape")
