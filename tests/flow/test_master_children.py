"""The master's children: replaced when they die, drained at the end, in the right order."""

import json
import os
import re
import signal
import socket
import threading
import time

import pytest

from gateway import ROOT
from wire import Stream, call, chat, wait_until


def children(gateway):
    return json.loads(gateway.bfctl("--json", "status"))["children"]


def child(gateway, proc, slot=0):
    """The one of that kind (and slot), or None while there is none."""
    try:
        return next((one for one in children(gateway) if (one["proc"], one["slot"]) == (proc, slot)), None)
    except AssertionError:  # admin, who would tell, is the one that is missing
        return None


@pytest.mark.parametrize("proc", ["worker", "aggregator", "admin", "mock"])
def test_a_killed_child_is_replaced(start_gateway, proc):
    gateway = start_gateway()
    before = child(gateway, proc)
    others = {one["pid"] for one in children(gateway)} - {before["pid"]}
    gateway.kill_child(before["pid"])
    after = wait_until(lambda: (now := child(gateway, proc)) and now["pid"] != before["pid"] and now,
                       f"another {proc}")
    assert after["restarts"] == before["restarts"] + 1
    assert others < {one["pid"] for one in children(gateway)}
    gateway.wait_log(rf"event=child_died child={proc}\S* pid={before['pid']} signal=9")
    wait_until(lambda: gateway.log().count(f"event=child_ready child={proc}") >= 2, "it is ready")


def test_every_child_at_once(start_gateway):
    gateway = start_gateway()
    before = {one["pid"] for one in children(gateway)}
    for pid in before:
        gateway.kill_child(pid)

    def all_back():
        try:
            now = children(gateway)
        except AssertionError:
            return False
        return len(now) == len(before) and not before & {one["pid"] for one in now}
    wait_until(all_back, "five new children")
    assert gateway.call("GET", "/healthz").status == 200


def test_a_child_that_keeps_dying_is_throttled(start_gateway):
    gateway = start_gateway(workers=1)
    deaths = 0
    begun = time.monotonic()
    while time.monotonic() - begun < 2:
        mock = child(gateway, "mock")
        if mock is not None:
            gateway.kill_child(mock["pid"])
            deaths += 1
            wait_until(lambda: (now := child(gateway, "mock")) is None or now["pid"] != mock["pid"],
                       "it is buried")
    assert deaths <= 8  # 100, 200, 400, 800 ms ...: no storm
    gateway.wait_log(r"event=child_throttled child=mock ms=\d+")
    wait_until(lambda: child(gateway, "mock"), "a mock that lives")


def test_last_words_are_logged(start_gateway):
    gateway = start_gateway(workers=1)
    worker = child(gateway, "worker")
    gateway.kill_child(worker["pid"], signal.SIGILL)
    gateway.wait_log(rf"event=child_died child=worker/0 pid={worker['pid']} signal=4 crash=\"signal 04")
    wait_until(lambda: (now := child(gateway, "worker")) and now["pid"] != worker["pid"], "another")
    # Once told, not told again.
    gateway.kill_child(child(gateway, "worker")["pid"])
    gateway.wait_log(r"event=child_died child=worker/0 pid=\d+ signal=9$|signal=9\n")
    gateway.checked = True  # the fatal signal above was ours
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0


def test_requests_go_on_while_a_worker_is_replaced(start_gateway):
    gateway = start_gateway(workers=2)
    stream = Stream(gateway.base, "/v1/chat/completions", chat("mock/lorem-60-20", stream=True))
    first = next(stream.events())
    assert first
    for worker in [one for one in children(gateway) if one["proc"] == "aggregator"]:
        gateway.kill_child(worker["pid"])
    assert "[DONE]" in [event for event in stream.events()][-1]


def test_an_open_stream_is_finished_before_the_end(start_gateway):
    gateway = start_gateway()
    stream = Stream(gateway.base, "/v1/chat/completions", chat("mock/lorem-40-20", stream=True))
    events = stream.events()
    next(events)
    gateway.signal(signal.SIGTERM)
    gateway.wait_log("event=draining")
    # Nobody new is let in, whoever is inside is served to the end.
    wait_until(lambda: refuses(gateway.port), "the listener's end")
    assert "[DONE]" in list(events)[-1]
    assert gateway.wait_exit() == 0


def refuses(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_the_second_term_is_now(start_gateway):
    gateway = start_gateway()
    hanging = threading.Thread(target=hang, args=(gateway.base,), daemon=True)
    hanging.start()
    wait_until(lambda: has_open(gateway), "a request that hangs")
    gateway.signal(signal.SIGTERM)
    gateway.wait_log("event=draining")
    assert gateway.is_running()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    assert "event=stop_now" in gateway.log()
    assert " error " not in gateway.log()  # whom the master kills has not died on it
    hanging.join()


def has_open(gateway):
    metrics = gateway.call("GET", "/metrics").body.decode()
    return sum(float(n) for n in re.findall(r"^bowfin_requests_open\S* (\S+)$", metrics, re.M)) > 1


def hang(base):
    try:
        call(base, "POST", "/v1/chat/completions", chat("mock/hang"))
    except OSError:
        pass


def test_the_aggregator_is_the_last_to_go(start_gateway):
    gateway = start_gateway()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    stopped = re.findall(r"event=child_stopped child=(\w+)", gateway.log())
    assert stopped[-1] == "aggregator"
    assert set(stopped[:2]) == {"worker"} and set(stopped[2:4]) == {"admin", "mock"}


def test_there_is_room_for_every_request(start_gateway):
    gateway = start_gateway(workers=1)
    worker = child(gateway, "worker")["pid"]
    with open(f"/proc/{worker}/limits", encoding="ascii") as limits:
        soft, hard = re.search(r"Max open files\s+(\S+)\s+(\S+)", limits.read()).groups()
    assert soft == hard
    assert os.path.isdir(ROOT)
