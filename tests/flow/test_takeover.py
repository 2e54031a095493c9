"""A second gateway is the old one; by weight and reload its traffic moves to this one, and no client of OpenAI's SDK sees it."""

import threading
import uuid

import openai
import pytest

from wire import DEADLINE, wait_until

OLD_KEY = "sk-bf-takeover-old-old-old-old-old-old-old-01"
KEY = "sk-bf-takeover-new-new-new-new-new-new-new-01"

OLD = """providers:
  up: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: up-key-0001 }} ] }}
models: {{ chat: {{ targets: [ up/lorem-20 ] }} }}
virtual_keys: [ {{ name: us, value: {key} }} ]
"""
NEW = """providers:
  old: {{ vendor: {vendor}, base_url: "{old}", keys: [ {{ name: main, value: {old_key} }} ] }}
  direct: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: main, value: up-key-0001 }} ] }}
models:
  chat:
    sticky: header:x-call
    targets: [ {{ model: old/chat }}, {{ model: direct/lorem-20, {moved} }} ]
virtual_keys: [ {{ name: app, value: {key} }} ]
"""


def bounds(share, n=200):
    """Five deviations around the share that n draws have."""
    deviation = 5 * (share * (1 - share) / n) ** 0.5
    return max(0, share - deviation), min(1, share + deviation)


class Load:
    """Clients that ask again and again, streamed and whole; who served each, and everything that went wrong."""

    def __init__(self, base, n=4):
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.served, self.streams, self.errors = [], 0, []
        client = openai.OpenAI(base_url=base + "/v1", api_key=KEY, max_retries=0, timeout=DEADLINE)
        self.threads = [threading.Thread(target=self.run, args=(client, i % 2 == 0)) for i in range(n)]
        for thread in self.threads:
            thread.start()

    def one(self, client, stream):
        raw = client.chat.completions.with_raw_response.create(
            model="chat", messages=[{"role": "user", "content": "hello"}], stream=stream,
            extra_headers={"x-call": uuid.uuid4().hex})
        answer = raw.parse()
        if stream:
            chunks = list(answer)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            ends = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
            assert ends[-1] == "stop", ends
        else:
            text = answer.choices[0].message.content
        assert len(text.split()) == 20, text
        with self.lock:
            self.served.append(raw.headers["x-bf-provider"])
            self.streams += stream

    def run(self, client, stream):
        while not self.stop.is_set():
            try:
                self.one(client, stream)
            except Exception as error:  # whatever a client would see
                self.errors.append(repr(error))
                return

    def share_of(self, provider, n):
        """Its share of the next n answers. Those under way at a reload began before it."""
        with self.lock:
            begin = len(self.served) + len(self.threads)
        wait_until(lambda: self.errors or len(self.served) >= begin + n, f"{n} answers")
        assert not self.errors, self.errors
        return self.served[begin:begin + n].count(provider) / n

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(DEADLINE)


def move(start_gateway, mock, vendor, root=""):
    old = start_gateway(OLD.format(base=mock.base_v1, key=OLD_KEY), workers=1)

    def yaml(moved):
        # nobody has a share of nothing: then it is one that waits for the other to fail
        return NEW.format(vendor=vendor, old=old.base + root, old_key=OLD_KEY, base=mock.base_v1, key=KEY,
                          moved=f"share: {moved}%" if moved else "weight: 0")
    new = start_gateway(yaml(0), workers=2)
    load = Load(new.base)
    try:
        assert load.share_of("direct", 50) == 0
        for moved in (1, 10, 50, 100, 50, 0):
            assert new.reload(yaml(moved))["ok"]
            share = load.share_of("direct", 200)
            least, most = bounds(moved / 100)
            assert least <= share <= most, (moved, share)
        assert load.streams > 100
    finally:
        load.end()
    assert not load.errors, load.errors
    return old


@pytest.mark.parametrize("vendor", ["litellm", "openai-compatible"])
def test_one_percent_at_a_time(start_gateway, mock, vendor):
    move(start_gateway, mock, vendor, "/v1")
