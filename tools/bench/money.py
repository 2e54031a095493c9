"""money - what budgets and limits cost: CPU per request, memory, a key more among a million, a reload."""

import http.client
import json
import os
import re
import signal
import statistics
import time

from harness import ROUNDS, cost, lua, pss_kib, row, start_bowfin, write_yaml

MORE = ("budgets: [ {{ limit: {0}, window: 1M }}, {{ limit: {0}, window: 1d }} ], "
        "rate_limits: [ {{ requests: 100000000, per: 1m }}, {{ tokens: 1000000000000, per: 1h }} ]")
TOKEN = "bench-admin-token-bench-admin-token"
FULL_KEY = "sk-bf-bench-with-all-money-features-0001"


def money_yaml(run, upstream, n_keys, name, per_key):
    """bench's configuration with a customer, a team and keys that have budgets."""
    path = write_yaml(run, upstream, 1, name=name)
    with open(path, "a", encoding="ascii") as f:
        f.write(f'  - {{ name: full, value: {FULL_KEY}, models: ["bench/*"], team: t, concurrency: 1000, {MORE.format(1000000)} }}\n')
        for i in range(n_keys):
            f.write(f'  - {{ name: k{i}, value: sk-bf-other-key-number-{i:09d}, models: ["bench/*"]{per_key} }}\n')
        f.write('prices: { "bench/*": { input: 1, output: 2 } }\n'
                f"customers: {{ acme: {{ {MORE.format(9000000)} }} }}\n"
                f"teams: {{ t: {{ customer: acme, {MORE.format(2000000)} }} }}\n")
    return path


def part_cpu(run, upstream):
    """A key that is only checked, and one with two budgets and two limits on each of three levels, in turn."""
    p, port = start_bowfin(run, money_yaml(run, upstream, 0, "money.yaml", ""))
    plain, _ = lua(run, "plain", "gpt", more=',"max_tokens":16')
    full, _ = lua(run, "full", "gpt", more=',"max_tokens":16', key=FULL_KEY)
    cost(p.pid, port, plain, 8, 1)
    cost(p.pid, port, full, 8, 1)
    added, base = [], []
    for i in range(8 * ROUNDS + 1):  # many short turns: the machine's own changes are longer than one
        got = {}
        for script in (plain, full) if i % 2 == 0 else (full, plain):
            got[script] = cost(p.pid, port, script, 8, 1)["us"]
        added.append(got[full] - got[plain])
        base.append(got[plain])
    us = statistics.median(added)
    row("budgets and limits on three levels", f"+{us:.1f} us", f"({statistics.median(base):.1f} us without)", "", "+3 us", us <= 3)
    run.stop(p)


class Api:
    def __init__(self, port):
        self.conn = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def post(self, path, body):
        begun = time.monotonic()
        self.conn.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
        answer = self.conn.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise SystemExit(f"POST {path}: {answer.status} {text[:300]}")
        return (time.monotonic() - begun) * 1000


def part_keys(run, upstream):
    """Keys with a budget and a limit, 100,000 at a time; what they take of memory, and one more among a million."""
    config = write_yaml(run, upstream, 1, name="keys.yaml")
    with open(config, "a", encoding="ascii") as f:
        f.write(f"admin: {{ token: {TOKEN} }}\n")
    p, port = start_bowfin(run, config)
    api = Api(port)
    before = pss_kib(p.pid, "Pss_Shmem")
    for block in range(10):
        items = [{"name": f"bulk-{n}", "value": f"sk-bulk-{n:012}", "models": ["bench/*"], "budget": 10, "rate_limit": 60}
                 for n in range(block * 100_000, (block + 1) * 100_000)]
        took = api.post("/api/keys/import", items)
        if block == 0:
            row("import of 100,000 keys", f"{took / 1000:.1f} s", "", "", "5 s", took <= 5000)
            mib = (pss_kib(p.pid, "Pss_Shmem") - before) / 1024
            row("  shared memory they take", f"{mib:.1f} MiB", "", "", "60 MiB", mib <= 60)
    times = [api.post("/api/keys", {"name": f"one-more-{i}", "budget": 1, "rate_limit": 100}) for i in range(51)]
    ms = statistics.median(times)
    row("POST /api/keys with 1,000,000 keys, median", f"{ms:.1f} ms", f"({min(times):.1f} at best)", "", "5 ms", ms <= 5)
    run.stop(p)


def reload_s(p, log, config, changed):
    """Until the log says that the new file is in force."""
    mark = os.path.getsize(log)
    os.replace(changed, config)
    begun = time.monotonic()
    p.send_signal(signal.SIGHUP)
    while time.monotonic() - begun < 60:
        with open(log, "rb") as f:
            f.seek(mark)
            text = f.read().decode("utf-8", "replace")
        if re.search(r"event=reloaded\b", text):
            return time.monotonic() - begun
        if re.search(r"event=reload_(failed|refused)", text):
            raise SystemExit(text)
        time.sleep(0.005)
    raise SystemExit("the reload did not end within a minute")


def part_reload(run, upstream):
    per_key = ", budget: 10, rate_limit: 60"
    config = money_yaml(run, upstream, 100_000, "rich.yaml", per_key)
    with open(config, encoding="ascii") as f:
        text = f.read()
    changed = []
    for i in range(ROUNDS):
        changed.append(os.path.join(run.dir, f"rich-{i}.yaml"))
        with open(changed[-1], "w", encoding="ascii") as f:
            f.write(text.replace(f"name: k{5000 + i},", "name: new,"))
    os.sync()
    p, _ = start_bowfin(run, config)
    log = os.path.join(run.dir, "bowfin.log")
    took = statistics.median(reload_s(p, log, config, path) for path in changed)
    row("reload of 100,000 keys with budgets", f"{took:.2f} s", "", "", "2 s", took <= 2)
    run.stop(p)
