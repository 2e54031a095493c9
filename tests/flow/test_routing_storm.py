"""Everything that routing does at once, with clients that leave, reloads and killed processes: nothing is held behind it."""

import asyncio
import json
import os
import random
import re
import signal
import threading
import time

from wire import DEADLINE, wait_until

SECONDS = float(os.environ.get("BOWFIN_STORM_SECONDS", "6"))
CLIENTS = 40
KEYS = {"high": "sk-bf-storm-high-000001", "team": "sk-bf-storm-team-000001", "low": "sk-bf-storm-low-0000001"}

YAML = """require_key: true
queue: {{ at_most: 30, wait: 500ms }}
providers:
  a: {{ vendor: openai-compatible, base_url: "{base}/v1", concurrency: {places}, timeout: {{ first_byte: 1s, total: 3s }},
       keys: [ {{ name: k1, value: a-key-0001 }}, {{ name: k2, value: a-key-0002 }} ] }}
  b: {{ vendor: anthropic, base_url: "{base}/anthropic", timeout: {{ first_byte: 1s, total: 3s }},
       keys: [ {{ name: k1, value: b-key-0001 }}, {{ name: bad, value: error-401 }} ] }}
  dead: {{ vendor: openai-compatible, base_url: "http://127.0.0.1:1/v1", keys: [ {{ name: k1, value: d-key-0001 }} ] }}
models:
  hedged: {{ targets: [ {{ model: a/slow-150, weight: 3 }}, a/echo, b/lorem-20-5 ], hedge: {{ after: 20ms, at_most: 50% }},
            shadow: {{ model: b/lorem-10-10, share: 50%, timeout: 500ms }} }}
  fall: {{ targets: [ a/flaky-60, b/flaky-60, dead/x ], fallbacks: [ hedged, {fallback} ],
          shadow: {{ model: a/slow-900, share: 30%, timeout: 300ms }} }}
  tight: {{ targets: [ {{ model: a/lorem-20-20, concurrency: 3 }}, {{ model: b/slow-200, concurrency: 2 }} ], fallbacks: [ tighter ],
           queue: {{ at_most: 20, wait: 400ms }}, hedge: {{ after: 30ms, at_most: 50% }} }}
  tighter: {{ targets: [ {{ model: a/cut-3, concurrency: 2 }}, b/error-429 ], queue: {{ at_most: 20, wait: 400ms }} }}
  hang: {{ targets: [ a/hang, b/hang ], hedge: {{ after: 50ms, at_most: 50% }}, fallbacks: [ a/echo ] }}
  {more}
prices: {{ "a/*": {{ input: 1, output: 2 }}, "b/*": {{ input: 1, output: 3 }}, "dead/*": {{ input: 1, output: 1 }} }}
teams: {{ crowd: {{ budgets: [ {{ limit: 0.5, window: 1d }} ] }} }}
virtual_keys:
  - {{ name: high, value: {high}, priority: high }}
  - {{ name: team, value: {team}, team: crowd, concurrency: 20 }}
  - {{ name: low, value: {low}, priority: low }}
"""
MORE = ("", "extra: { targets: [ b/echo ] }", "extra: { targets: [ a/echo, b/echo ] }\nrules: [ { when: 'model == \"fall\"', use: tight } ]")


class Storm:
    def __init__(self, start_gateway, mock):
        self.mock, self.rng = mock, random.Random(20261123)
        self.gateway = start_gateway(self.yaml())
        self.ended, self.answers, self.killed = threading.Event(), {}, []

    def yaml(self):
        """Other rows, other places, other ways each time."""
        return YAML.format(base=self.mock.base, places=self.rng.choice((4, 8, 30)), more=self.rng.choice(MORE),
                           fallback=self.rng.choice(("tight", "a/echo")), **KEYS)

    def request(self, rng):
        model = rng.choice(("hedged", "fall", "tight", "tighter", "hang", "a/lorem-20-10", "b/echo", "extra"))
        body = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "one two three"}]}
        if rng.random() < 0.5:
            body["stream"] = True
        if rng.random() < 0.2:
            body["fallbacks"] = ["tight", "nowhere", {"provider": "a", "model": "echo"}]
        data = json.dumps(body).encode()
        path = "/v1/messages" if rng.random() < 0.2 else "/v1/chat/completions"
        return (f"POST {path} HTTP/1.1\r\nHost: storm\r\nAuthorization: Bearer {rng.choice(list(KEYS.values()))}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n").encode() + data

    async def ask(self, rng):
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
            writer.write(self.request(rng))
            if rng.random() < 0.35:  # in the queue, between attempts, before the hedge, behind the first bytes
                await asyncio.sleep(rng.random() * rng.choice((0.02, 0.2, 0.6)))
                return "left"
            answer = await asyncio.wait_for(reader.read(-1), DEADLINE)
            return int(answer.split(b" ", 2)[1]) if answer else "cut"
        except OSError:
            return "cut"  # its worker was killed
        finally:
            if writer is not None:
                writer.transport.abort()

    async def client(self, number, until):
        rng = random.Random(number)
        while time.monotonic() < until:
            what = await self.ask(rng)
            self.answers[what] = self.answers.get(what, 0) + 1

    async def clients(self):
        until = time.monotonic() + SECONDS
        await asyncio.gather(*(self.client(number, until) for number in range(CLIENTS)))

    def disturb(self):
        """Reloads, and now and then a process that is killed."""
        while not self.ended.wait(self.rng.uniform(0.2, 1.0)):
            victim = self.rng.choice(("reload", "reload", "reload", "worker", "aggregator"))
            if victim == "reload":
                self.gateway.write(self.yaml())
                self.gateway.signal(signal.SIGHUP)
                continue
            try:
                pid = self.rng.choice(self.gateway.pids(victim))
                self.gateway.kill_child(pid)
            except (OSError, AssertionError, ValueError, IndexError):
                continue  # the API is down with its worker, or somebody else was quicker
            self.killed.append(victim)

    def run(self):
        disturber = threading.Thread(target=self.disturb)
        disturber.start()
        try:
            asyncio.run(self.clients())
        finally:
            self.ended.set()
            disturber.join()

    def audit(self):
        try:
            answer = self.gateway.api("GET", "/api/audit/money")
        except OSError:
            return None
        audit = answer.json() if answer.status == 200 else None
        return None if audit is None or audit["holds"] or audit["busy"] or audit["waiting_nanousd"] else audit

    def metric(self, name):
        text = self.gateway.api("GET", "/metrics").body.decode()
        values = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
        assert values, f"there is no {name}"
        return sum(float(value) for value in values)


def test_nothing_is_held_behind_a_storm(start_gateway, mock):
    storm = Storm(start_gateway, mock)
    storm.run()
    assert storm.answers.get(200, 0) > 0 and storm.answers.get("left", 0) > 0, storm.answers
    audit = wait_until(storm.audit, "an audit without holds")
    assert audit["difference_nanousd"] == 0, (audit, storm.killed)
    # the one that asks is open itself
    wait_until(lambda: storm.metric("bowfin_requests_open") <= 1, "the end of all requests")
    for name in ("bowfin_queue_length", "bowfin_streams_open", "bowfin_body_bytes_held", "bowfin_route_in_flight"):
        wait_until(lambda name=name: storm.metric(name) == 0, f"{name} 0 after {storm.killed}")
    for model in ("a/echo", "tight"):  # their places are free again
        answer = storm.gateway.call("POST", "/v1/chat/completions", key=KEYS["high"],
                                    body={"model": model, "messages": [{"role": "user", "content": "hi"}]})
        assert answer.status in (200, 502, 504), answer
