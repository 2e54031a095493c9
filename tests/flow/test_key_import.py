"""POST /api/keys/import: many keys in one call, all of them or none."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from wire import SLOW, chat, wait_until

PATH = "/api/keys/import"


def send(gateway, items, as_lines=False):
    text = "\n".join(map(json.dumps, items)) if as_lines else json.dumps(items)
    return gateway.call("POST", PATH, text.encode(), timeout=60 * SLOW)


def ask(gateway, key):
    return gateway.call("POST", "/v1/chat/completions", chat("mock/echo"), key=key).status


@pytest.mark.parametrize("as_lines", [False, True])
def test_a_few(gateway, as_lines):
    gateway.api("POST", "/api/teams", {"name": f"importers-{as_lines}"}, expect=201)
    items = [{"name": f"few-{as_lines}-{n}", "value": f"sk-few-{as_lines}-{n:08}", "budget": 5,
              "team": f"importers-{as_lines}", "expires": "30d"} for n in range(20)]
    items.append({"name": f"hashed-{as_lines}", "hash": hashlib.sha256(f"sk-old-{as_lines}-key".encode()).hexdigest()})
    answer = send(gateway, items, as_lines)
    assert (answer.status, answer.json()) == (201, {"created": 21})
    assert ask(gateway, f"sk-few-{as_lines}-00000019") == 200
    assert ask(gateway, f"sk-old-{as_lines}-key") == 200
    rows = gateway.api("GET", f"/api/keys?name=few-{as_lines}-*", expect=200)["data"]
    assert len(rows) == 20 and all(row["budgets"][0]["limit_nanousd"] == 5 * 10**9 for row in rows)
    assert all(row["expires_ms"] for row in rows)


BAD = [
    ([{"name": "bad-1", "value": "sk-bf-bad-0000000001"}, {"name": "bad-2", "value": "sk-bf-bad-0000000002", "budget": -1}], 1),
    ([{"name": "bad-1", "value": "sk-bf-bad-0000000001"}, {"name": "bad-1", "value": "sk-bf-bad-0000000002"}], 1),
    ([{"name": "bad-1", "value": "sk-bf-bad-0000000001", "bugdet": 5}], 0),
    ([{"name": "bad-1", "value": "sk-bf-bad-0000000001", "team": "nobody"}], 0),
    ([{"name": "bad-1", "value": "sk-bf-bad-0000000001", "expires": "never ever"}], 0),
    ([{"name": "bad-1", "hash": "xyz"}], 0),
    ([{"value": "sk-bf-bad-0000000001"}], 0),
]


@pytest.mark.parametrize("items,index", BAD)
def test_one_that_is_not_good_makes_none(gateway, items, index):
    answer = send(gateway, items)
    assert (answer.status, answer.error["code"]) == (400, "import_refused"), answer
    [error] = answer.json()["errors"]
    assert error["index"] == index and len(error["error"]) > 8
    assert gateway.api("GET", "/api/keys?name=bad-*", expect=200)["data"] == []
    assert ask(gateway, "sk-bf-bad-0000000001") == 401


@pytest.mark.parametrize("body", [b"", b"[", b"[1]", b"{", b"[{}] x", b'[{"name":"x"} {"name":"y"}]', b"nonsense",
                                  b'[{"name": nan}]'])
def test_what_is_no_list(gateway, body):
    answer = gateway.call("POST", PATH, body)
    assert answer.status == 400, answer
    assert gateway.api("GET", "/api/keys?name=x", expect=200)["data"] == []


def test_nothing_to_import(gateway):
    assert send(gateway, []).json() == {"created": 0}


def test_a_late_fault_undoes_the_calls_before_it(gateway):
    items = [{"name": f"late-{n}", "value": f"sk-late-{n:08}"} for n in range(5000)]
    items[4999]["budget"] = "much"
    answer = send(gateway, items)
    assert answer.status == 400 and [error["index"] for error in answer.json()["errors"]] == [4999]
    assert gateway.api("GET", "/api/keys?name=late-*", expect=200)["data"] == []
    items[4999]["budget"] = 1
    assert send(gateway, items).json() == {"created": 5000}


def cpu_seconds(gateway):
    """Of all its processes so far."""
    ticks = 0
    for pid in (gateway.pid, *gateway.tree()):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_a_hundred_thousand(start_gateway):
    """In five seconds, with the API and the workers answering others meanwhile."""
    gateway = start_gateway()
    items = [{"name": f"bulk-{n}", "value": f"sk-bulk-{n:012}", "models": ["mock/*"], "budget": 10, "rate_limit": 60}
             for n in range(100000)]
    body = json.dumps(items).encode()
    begun, cpu = time.monotonic(), cpu_seconds(gateway)
    answer = gateway.call("POST", PATH, body, timeout=120)
    took, cpu = time.monotonic() - begun, cpu_seconds(gateway) - cpu
    print(f"figure: import of 100,000 keys ({len(body) >> 20} MiB): {took:.2f} s, {cpu:.2f} s of CPU")
    assert (answer.status, answer.json()) == (201, {"created": 100000})
    assert cpu < 5 * SLOW  # a clock on the wall would measure whoever else is on the machine
    assert ask(gateway, "sk-bulk-000000099999") == 200
    begun = time.monotonic()
    made = gateway.api("POST", "/api/keys", {"name": "one-more", "budget": 1}, expect=201)
    print(f"figure: one more key: {(time.monotonic() - begun) * 1000:.1f} ms")
    assert ask(gateway, made["key"]) == 200
    begun = time.monotonic()
    page = gateway.api("GET", "/api/keys?limit=1000", expect=200)
    print(f"figure: a page of 1000 keys: {(time.monotonic() - begun) * 1000:.1f} ms")
    assert page["next"] and page["total"] == 100001
    begun = time.monotonic()
    assert gateway.api("GET", "/api/keys?name=nobody*", expect=200)["data"] == []
    print(f"figure: a filter that lets nothing through: {(time.monotonic() - begun) * 1000:.1f} ms")


def test_one_at_a_time_and_idempotent(gateway):
    items = [{"name": f"idem-{n}", "value": f"sk-idem-{n:08}"} for n in range(10)]
    headers = {"Idempotency-Key": "import-1"}
    answers = [gateway.call("POST", PATH, items, headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert send(gateway, items).status == 400  # they are there already


def test_a_client_that_leaves_makes_nothing(start_gateway):
    """Half a body, then the end of the connection; and a whole one whose client does not wait."""
    import socket
    gateway = start_gateway()
    body = json.dumps([{"name": f"gone-{n}", "value": f"sk-bf-gone-{n:012}"} for n in range(20000)]).encode()
    head = (f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    for sent in (body[:len(body) // 2], body):
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            client.sendall(head + sent)
    # Whatever became of the second: all of it or nothing, and the next import is not refused for it.
    items = [{"name": f"next-{n}", "value": f"sk-bf-next-{n:08}"} for n in range(3)]

    def imported():
        answer = send(gateway, items)
        return answer if answer.status != 409 else None
    assert wait_until(imported, "the import's turn").json() == {"created": 3}
    total = gateway.api("GET", "/api/keys?limit=1", expect=200)["total"]
    assert total in (3, 20003)


def test_too_large(gateway):
    answer = gateway.call("POST", PATH, b" " * (40 << 20), timeout=60)
    assert (answer.status, answer.error["code"]) == (413, "body_too_large")
