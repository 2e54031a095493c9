"""Usage totals equal the requests answered, whatever happens to the aggregator and to the daemon."""

import json
import os
import re
import resource
import signal
import subprocess
import time

import pytest

from gateway import is_alive
from load import Load
from wire import DEADLINE, SLOW, chat, wait_until

MODEL = "mock/echo"


class Burst:
    """h2load with a known number of requests: many more a second than Python can ask for."""

    def __init__(self, gateway, requests, tmp_path, key=None):
        body = tmp_path / "body.json"
        if not body.exists():
            body.write_text(json.dumps(chat(MODEL)))
        self.requests = requests
        self.process = subprocess.Popen(
            ["h2load", "--h1", "-n", str(requests), "-c", "8", "-d", str(body),
             "-H", "content-type: application/json",
             *(["-H", f"authorization: Bearer {key}"] if key is not None else []), gateway.base + "/v1/chat/completions"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def is_running(self):
        return self.process.poll() is None

    def finish(self):
        out = self.process.communicate(timeout=DEADLINE * 4)[0].decode()
        found = re.search(r"requests: (\d+) total.*?(\d+) succeeded, (\d+) failed, (\d+) errored", out)
        assert found, out
        assert found.group(2) == str(self.requests), out
        return self.requests


def usage(gateway):
    rows = gateway.api("GET", "/api/usage?group_by=none", expect=200)["data"]
    return rows[0] if rows else {"requests": 0}


def metric(gateway, name):
    text = gateway.api("GET", "/metrics").body.decode()
    return float(re.search(rf"^bowfin_{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.M).group(1))


def aggregator(gateway):
    """Its pid from /proc: no request is needed, which would wait for nobody but us."""
    for pid in gateway.tree():
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
                if comm.read().strip() == "bowfin-aggr":
                    return pid
        except OSError:
            continue
    return None


def wait_exact(gateway, expected):
    """Exactly `expected`, and it stays so: nothing is stored a second time a moment later."""
    wait_until(lambda: usage(gateway)["requests"] >= expected, f"{expected} requests in the totals")
    records = metric(gateway, "journal_records_total")
    # The sweep of the outboxes and another commit have come and gone after these many samples more.
    assert gateway.call("POST", "/v1/chat/completions", chat(MODEL)).status == 200
    wait_until(lambda: metric(gateway, "journal_records_total") > records, "the last record")
    assert usage(gateway)["requests"] == expected + 1
    assert metric(gateway, "journal_log_rows") == expected + 1
    assert metric(gateway, "journal_lost_total") == 0
    assert metric(gateway, "records_spilled_total") == 0


def test_more_than_the_pipes_hold(start_gateway, tmp_path):
    """A stopped aggregator: the pipes fill, then the outboxes; clients notice nothing."""
    gateway = start_gateway()
    pid = aggregator(gateway)
    os.kill(pid, signal.SIGSTOP)
    try:
        n = Burst(gateway, 15000 if SLOW == 1 else 8000, tmp_path).finish()
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_exact(gateway, n)


def test_stopped_for_long(start_gateway, tmp_path):
    """The same for some time, with requests all the while and a second aggregator after it."""
    gateway = start_gateway()
    n = Burst(gateway, 1000, tmp_path).finish()
    pid = aggregator(gateway)
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        n += Burst(gateway, 1000, tmp_path).finish()
    os.kill(pid, signal.SIGKILL)  # what it had read and not committed is gone with it
    wait_exact(gateway, n)


def test_killed_again_and_again(start_gateway, tmp_path):
    gateway = start_gateway()
    burst = Burst(gateway, 30000 if SLOW == 1 else 8000, tmp_path)
    kills = 0
    last = None
    while burst.is_running():
        pid = aggregator(gateway)
        if pid is None or pid == last:
            try:
                burst.process.wait(0.02)
            except subprocess.TimeoutExpired:
                pass
            continue
        os.kill(pid, signal.SIGKILL)
        last = pid
        kills += 1
    n = burst.finish()
    assert kills >= 3
    wait_exact(gateway, n)


def test_a_full_disk_is_waited_out(start_gateway, tmp_path):
    gateway = start_gateway()
    n = Burst(gateway, 1000, tmp_path).finish()
    wait_until(lambda: usage(gateway)["requests"] == n, "the first requests")
    pid = aggregator(gateway)
    size = (gateway.state / "usage" / "data.mdb").stat().st_size
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    n += Burst(gateway, 5000, tmp_path).finish()
    gateway.wait_log(r"error proc=aggregator event=journal_failed text=.*usage")
    assert usage(gateway)["requests"] < n
    n += Burst(gateway, 1000, tmp_path).finish()
    assert aggregator(gateway) == pid  # it did not die of it, nor hammer the log
    assert gateway.log().count("event=journal_failed") == 1
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    gateway.wait_log(r"info proc=aggregator event=journal_resumed")
    wait_exact(gateway, n)


@pytest.mark.parametrize("dead", [False, True], ids=["alive", "dead"])
def test_a_clean_stop_stores_everything(start_gateway, tmp_path, dead):
    """TERM right behind the last answer, also when just then there is no aggregator."""
    gateway = start_gateway()
    pid = aggregator(gateway)
    os.kill(pid, signal.SIGSTOP)  # so that it cannot have stored anything yet
    n = Burst(gateway, 5000, tmp_path).finish()
    if dead:
        os.kill(pid, signal.SIGKILL)
    gateway.signal(signal.SIGTERM)
    if not dead:
        os.kill(pid, signal.SIGCONT)
    assert gateway.wait_exit(DEADLINE) == 0, gateway.log()
    again = start_gateway(args=["--state", gateway.state])
    wait_exact(again, n)


def test_a_killed_master_takes_no_record_along(start_gateway, tmp_path):
    """Workers end what they have open, and the aggregator waits for the last of them."""
    gateway = start_gateway()
    with Load(gateway, clients=4, model=MODEL) as load:
        load.wait_more(200)
        children = gateway.tree()
        gateway.process.kill()
        gateway.process.wait()
        load.stopping.set()
    wait_until(lambda: not [pid for pid in children if is_alive(pid)], "the children's end")
    again = start_gateway(args=["--state", gateway.state])
    wait_until(lambda: load.answered <= usage(again)["requests"] <= load.sent, "the totals")
    gateway.checked = True  # it was killed on purpose: there is nothing to stop
    gateway.remove()
