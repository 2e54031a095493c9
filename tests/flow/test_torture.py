"""Processes die, files change, and the daemon stops, all under load: who must notice, and who must not."""

import http.client
import os
import signal
import threading
import time

import pytest

from gateway import is_alive, one_provider
from load import Load, worker_of
from wire import DEADLINE, SLOW, Stream, chat, chat_chunk, wait_until

# Long enough for dozens of deaths, short enough for every run of the suite.
STORM_SECONDS = float(os.environ.get("BOWFIN_TORTURE_SECONDS", "4")) * (1.5 if SLOW > 1 else 1)


def usage_requests(gateway):
    rows = gateway.api("GET", "/api/usage?group_by=none", expect=200)["data"]
    return rows[0]["requests"] if rows else 0


def proc_pids(gateway, proc):
    """From the API, which may be the one that was just killed."""
    def pids():
        try:
            return gateway.pids(proc)
        except (OSError, AssertionError, ValueError, KeyError):
            return None
    return wait_until(pids, f"the pid of {proc}")


def assert_usage_adds_up(gateway, load):
    """Every answered request is in the totals once; a request that failed may be."""
    low, high = load.answered, load.sent

    def settled():
        try:
            return low <= usage_requests(gateway) <= high
        except (OSError, AssertionError, ValueError):
            return False
    try:
        wait_until(settled, "usage totals", DEADLINE)
    except AssertionError:
        raise AssertionError(f"usage says {usage_requests(gateway)}, clients saw {low} answered of {high}")


def test_killed_workers(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1), workers=3)
    with Load(gateway, clients=9) as load:
        allowed = set()
        kills = 0
        end = time.monotonic() + STORM_SECONDS
        while time.monotonic() < end or kills < 3:
            load.wait_more(50)
            pid = proc_pids(gateway, "worker")[kills % 3]
            # Stopped first: no client may come to this worker between the look and the kill.
            os.kill(pid, signal.SIGSTOP)
            allowed |= load.ports_of(pid)
            gateway.kill_child(pid)
            gateway.wait_replaced(pid, "worker")
            kills += 1
        load.wait_more(50)
    strangers = [failure for failure in load.failures() if failure[2] not in allowed]
    assert not strangers, f"{len(strangers)} requests of other workers failed: {strangers[:5]}"
    # One request at a time per connection: no death can cost a client more than one.
    assert len(load.failures()) <= kills * 9
    assert_usage_adds_up(gateway, load)


@pytest.mark.parametrize("proc", ["aggregator", "admin"])
def test_killed_helpers_are_not_noticed(start_gateway, mock, proc):
    gateway = start_gateway(one_provider(mock.base_v1))
    with Load(gateway, clients=6) as load:
        kills = 0
        end = time.monotonic() + STORM_SECONDS
        while time.monotonic() < end or kills < 2:
            pid = proc_pids(gateway, proc)[0]
            load.wait_more(20)
            gateway.kill_child(pid)
            load.wait_more(100)
            gateway.wait_replaced(pid, proc)
            kills += 1
        load.wait_more(50)
    assert load.failures() == []
    assert_usage_adds_up(gateway, load)


def test_killed_mock_comes_back(start_gateway):
    gateway = start_gateway()
    for _ in range(3):
        pid = proc_pids(gateway, "mock")[0]
        gateway.kill_child(pid)
        gateway.wait_replaced(pid, "mock")
        wait_until(lambda: gateway.call("POST", "/v1/chat/completions", chat("mock/echo")).status == 200,
                   "an answer from the new mock")


def test_everything_is_killed_in_turn(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1), workers=2)
    with Load(gateway, clients=6) as load:
        allowed, kills = set(), 0
        end = time.monotonic() + STORM_SECONDS
        while time.monotonic() < end:
            proc = ("worker", "aggregator", "worker", "admin")[kills % 4]
            pid = proc_pids(gateway, proc)[0]
            if proc == "worker":
                allowed |= load.ports_of(pid)
            gateway.kill_child(pid)
            gateway.wait_replaced(pid, proc)
            kills += 1
        load.wait_more(50)
    assert not [failure for failure in load.failures() if failure[2] not in allowed]
    assert_usage_adds_up(gateway, load)


def test_a_stopped_aggregator_loses_nothing(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1))
    pid = proc_pids(gateway, "aggregator")[0]
    with Load(gateway, clients=6) as load:
        load.wait_more(100)
        os.kill(pid, signal.SIGSTOP)
        try:
            load.wait_more(1500)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert load.failures() == []
    assert_usage_adds_up(gateway, load)


def test_a_clean_stop_loses_nothing(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1))
    with Load(gateway, clients=6) as load:
        load.wait_more(300)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit(DEADLINE) == 0
    again = start_gateway(one_provider(mock.base_v1), args=["--state", gateway.state])
    assert_usage_adds_up(again, load)


def test_a_storm_of_reloads_drops_nothing(start_gateway, mock):
    def yaml(i):
        keys = "".join(f"  - {{ name: k{n}, value: sk-bf-storm-{n:04d}-{i % 3} }}\n" for n in range(200))
        return one_provider(mock.base_v1, key=f"key-{i % 2}", more=f"virtual_keys:\n{keys}")

    gateway = start_gateway(yaml(0))
    generation = gateway.generation()
    with Load(gateway, clients=8) as load:
        reloads = 0
        end = time.monotonic() + STORM_SECONDS
        while time.monotonic() < end:
            reloads += 1
            last = gateway.reload(yaml(reloads))
            assert last["ok"], last
            key = f"sk-bf-storm-0100-{reloads % 3}"
            assert gateway.call("POST", "/v1/chat/completions", chat("up/echo"), key=key).status == 200
        load.wait_more(20)
    assert load.failures() == []
    assert reloads >= 5 and gateway.generation() >= generation + reloads


def test_bad_files_never_replace_good(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1))
    with Load(gateway, clients=4) as load:
        for bad in ("providers: [", "provider: {}\n", one_provider(mock.base_v1) + "workers: -1\n",
                    one_provider(mock.base_v1, key="env.NOT_SET_ANYWHERE")):
            last = gateway.reload(bad)
            assert last["ok"] is False and "bowfin.yaml:" in last["text"], last
            load.wait_more(20)
    assert load.failures() == []
    assert "env.NOT_SET_ANYWHERE" in last["text"] or "NOT_SET_ANYWHERE" in last["text"]


def test_drain_lets_open_streams_end(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1))
    streams = [Stream(gateway.base, "/v1/chat/completions", chat("up/lorem-40-25", stream=True)) for _ in range(10)]
    events = [stream.json_events() for stream in streams]
    for one in events:
        next(one)
    gateway.signal(signal.SIGTERM)
    gateway.wait_log(r"event=\w*(drain|stop)\w*")
    for one in events:
        assert len(list(one)) == 41, "a stream was cut by the drain"
    assert gateway.wait_exit(DEADLINE) == 0
    with pytest.raises(OSError):
        gateway.call("GET", "/healthz")


def test_a_second_term_is_now(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1))
    stream = Stream(gateway.base, "/v1/chat/completions", chat("up/lorem-10000-100", stream=True))
    next(stream.json_events())
    gateway.signal(signal.SIGTERM)
    gateway.wait_log(r"event=\w*(drain|stop)\w*")
    assert gateway.is_running()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit(DEADLINE) == 0
    stream.close()


def test_a_killed_master_takes_its_children_along(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1))
    children = gateway.tree()
    assert len(children) >= 4
    gateway.signal(signal.SIGKILL)
    gateway.wait_exit(DEADLINE)
    wait_until(lambda: not [pid for pid in children if is_alive(pid)], "the children's end")
    # What was written is sound: the next start finds its state.
    again = start_gateway(one_provider(mock.base_v1), args=["--state", gateway.state])
    assert again.call("POST", "/v1/chat/completions", chat("up/echo")).status == 200
    gateway.kill()


@pytest.mark.skipif(SLOW > 1, reason="a sanitizer keeps what was freed")
def test_memory_does_not_creep(start_gateway, mock):
    """The same work twice: the second time costs no memory."""
    gateway = start_gateway(one_provider(mock.base_v1), workers=1)

    def work():
        with Load(gateway, clients=8) as load:
            load.wait_more(3000)
        assert load.failures() == []
        threads = [threading.Thread(target=lambda: list(Stream(
            gateway.base, "/v1/chat/completions", chat("up/lorem-200", stream=True)).json_events()))
            for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        return gateway.memory_kib(gateway.pids("worker"))

    first = work()
    assert work() - first < 2048 * SLOW


def test_a_worker_dies_amid_translated_streams(upstream, start_gateway):
    """Those of the other worker end whole and are booked as told; one whose client leaves, and the dead one's, are
    estimated."""
    begun, go_on = threading.Semaphore(0), threading.Event()

    def script(connection):
        while connection.read_request():
            connection.start_stream()
            connection.event(chat_chunk("one two three four"))
            begun.release()
            assert go_on.wait(DEADLINE)
            connection.event(chat_chunk(" five"))
            connection.event(chat_chunk(None, "stop"))
            connection.event({**chat_chunk(None), "choices": [],
                              "usage": {"prompt_tokens": 41, "completion_tokens": 7, "total_tokens": 48}})
            connection.event("[DONE]")
            connection.end_stream()
    gateway = start_gateway(one_provider(upstream(script).base_v1, more="    dialect: openai\n"), workers=2)
    body = {"model": "up/m", "max_tokens": 64, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    streams = [Stream(gateway.base, "/anthropic/v1/messages", body) for _ in range(13)]
    for _ in streams:
        assert begun.acquire(timeout=DEADLINE)
    events = [stream.json_events() for stream in streams]
    for some in events:
        assert next(event for event in some if event["type"] == "content_block_delta")
    pid = proc_pids(gateway, "worker")[0]
    dying = [i for i, stream in enumerate(streams)
             if worker_of(gateway.port, stream.conn.sock.getsockname()[1], [pid]) == pid]
    living = [i for i in range(len(streams)) if i not in dying]
    assert dying and len(living) > 1, (dying, living)
    gateway.kill_child(pid)
    gateway.wait_replaced(pid, "worker")
    streams[living[0]].close()  # this client does not wait for the rest
    wait_until(lambda: len(gateway.api("GET", "/api/logs?limit=100", expect=200)["data"]) > len(dying),
               "the records of those that have ended")
    go_on.set()
    for i in living[1:]:
        rest = list(events[i])
        assert rest[-1]["type"] == "message_stop", rest
        assert any(event.get("delta", {}).get("text") == " five" for event in rest)
    for i in dying:
        with pytest.raises((OSError, http.client.HTTPException, AssertionError)):
            if not any(event["type"] == "message_stop" for event in events[i]):
                raise AssertionError("it ended without its end")

    def booked():
        rows = gateway.api("GET", "/api/logs?limit=100", expect=200)["data"]
        return len(rows) >= len(streams) and rows
    rows = wait_until(booked, "the records")
    crashed = [row for row in rows if row["fail"] == "worker_crashed"]
    assert len(crashed) == len(dying) and all(row["estimated"] for row in crashed), crashed
    told = [row for row in rows if not row["estimated"]]
    guessed = [row for row in rows if row["estimated"] and row not in crashed]
    assert [(row["tokens"]["input"], row["tokens"]["output"]) for row in told] == [(41, 7)] * (len(living) - 1)
    assert len(guessed) == 1 and guessed[0]["tokens"]["output"] > 0, guessed
    assert len(rows) == len(streams)  # nothing is booked twice, and nothing nowhere
