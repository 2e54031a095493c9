"""hedges - two routes of one model, of which the test makes either late, and what the gateway says of it."""

import json
import threading

import openai

from wire import DEADLINE, chat_answer, chat_chunk, wait_until

KEY = "sk-bf-hedge-hedge-hedge-hedge-hedge-hedge-hedge"
POOR = "sk-bf-hedge-poor-poor-poor-poor-poor-poor-poor"

YAML = """providers:
  first: {{ vendor: openai-compatible, base_url: "{first}", keys: [ {{ name: main, value: first-key-0001 }} ]{trust} }}
  second: {{ vendor: {vendor}, base_url: "{second}", keys: [ {{ name: main, value: second-key-0001 }} ]{trust} }}
models:
  fast:
    targets: [ {{ model: first/m, weight: 1 }}, {{ model: second/m, weight: 0 }} ]
    hedge: {{ after: {after}, at_most: {at_most} }}
  {more}
prices: {{ "first/*": {{ input: 1, output: 2 }}, "second/*": {{ input: 1, output: 2 }} }}
virtual_keys:
  - {{ name: all, value: {key} }}
  - {{ name: poor, value: {poor}, budgets: [ {{ limit: 0.03, overshoot: none }} ] }}
"""


class Route:
    """A provider that answers at once, or when told to, and remembers what became of the calls it did not answer."""

    def __init__(self, upstream, name, certificate=None):
        self.name, self.lock = name, threading.Lock()
        self.slow = threading.Event()  # set: says nothing until released
        self.release = threading.Event()
        self.early_head = False
        self.status = 200
        self.calls = self.silent = self.dropped = 0
        self.refused = self.late = None  # models that are refused: at once, or when released
        self.server = upstream(self.serve, certificate)

    def serve(self, connection):
        while request := connection.read_request():
            with self.lock:
                self.calls += 1
            body = request.json()
            if body["model"] == self.refused:
                connection.answer(503, {"error": {"message": "no", "type": "x"}})
            elif self.slow.is_set():
                with self.lock:
                    self.silent += 1
                if self.early_head:
                    connection.start_stream()
                if not self.hold(connection):
                    return
                self.answer(connection, body, self.early_head)
            else:
                self.answer(connection, body, False)

    def hold(self, connection):
        """Wait to be released; False when the gateway has gone before."""
        while not self.release.is_set():
            if connection.wait_closed(0.02):
                with self.lock:
                    self.dropped += 1
                return False
        connection.sock.settimeout(None)
        return True

    def answer(self, connection, body, has_head):
        if self.status != 200 or body["model"] == self.late:
            connection.answer(503 if self.status == 200 else self.status, {"error": {"message": "no", "type": "x"}})
        elif "max_tokens" in body and "anthropic_version" not in body and "anthropic" in self.name:
            connection.answer(200, {"id": "m", "type": "message", "role": "assistant", "model": "m",
                                    "content": [{"type": "text", "text": "from " + self.name}],
                                    "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 5}})
        elif not body.get("stream"):
            connection.answer(200, chat_answer("from " + self.name))
        else:
            if not has_head:
                connection.start_stream()
            for piece in ("from ", self.name):
                connection.event(chat_chunk(piece))
            connection.event(chat_chunk(None, "stop"))
            connection.event("[DONE]")
            connection.end_stream()


class World:
    def __init__(self, upstream, start_gateway, after="60ms", at_most="50%", vendor="openai-compatible", workers=1, more="",
                 certificate=None):
        self.first = Route(upstream, "first", certificate)
        self.second = Route(upstream, "second" if vendor[0] == "o" else "anthropic", certificate)
        base = self.second.server.base_v1 if vendor[0] == "o" else self.second.server.base
        self.gateway = start_gateway(YAML.format(first=self.first.server.base_v1, second=base, after=after, at_most=at_most,
                                                 vendor=vendor, key=KEY, poor=POOR, more=more,
                                                 trust=f", ca_file: {certificate[0]}" if certificate else ""), workers=workers)

    def client(self, key=KEY, **more):
        return openai.OpenAI(base_url=self.gateway.base + "/v1", api_key=key, max_retries=0, timeout=DEADLINE, **more)

    def ask(self, key=KEY, text="hello", **more):
        """The raw answer of the SDK: headers, and parse()."""
        return self.client(key).chat.completions.with_raw_response.create(
            model="fast", messages=[{"role": "user", "content": text}], max_tokens=64, **more)

    def save(self, n=1):
        """Requests that are not hedged, so that a later one may be."""
        assert not self.first.slow.is_set()
        for _ in range(n):
            assert self.ask().headers["x-bf-attempts"] == "1"

    def counter(self, name):
        text = self.gateway.call("GET", "/metrics", headers={"Authorization": "Bearer flow-admin-token-0123456789abcdef"}).body.decode()
        return int(next(line for line in text.splitlines() if line.startswith(f"bowfin_{name} ")).split()[1])

    def records(self, n):
        def stored():
            rows = self.gateway.api("GET", "/api/logs?limit=1000", expect=200)["data"]
            return rows if len(rows) >= n else None
        return wait_until(stored, f"{n} records")

    def audit(self):
        """Once nothing is under way, counters, journal and log say the same, and no hold is left."""
        def quiet():
            found = json.loads(self.gateway.bfctl("audit", "money", "--json", expect=None) or "{}")
            return found if found and not (found["holds"] or found["busy"] or found["waiting_nanousd"]) else None
        found = wait_until(quiet, "an audit without holds")
        assert found["difference_nanousd"] == 0, found

    def in_flight(self):
        return sum(row["in_flight"] for row in self.gateway.api("GET", "/api/routes", expect=200)["data"])
