"""Hedges: a second route is asked when the first is late, with OpenAI's own SDK; what it costs, and how often it may be."""

import json
import re
import threading

import openai
import pytest

from hedges import POOR, World
from wire import DEADLINE, SLOW, wait_until


@pytest.fixture
def world(upstream, start_gateway):
    return lambda **more: World(upstream, start_gateway, **more)


@pytest.fixture(params=["plain", "tls"])
def either(request, upstream, start_gateway):
    """By each of the two transports."""
    tls = request.getfixturevalue("certificate") if request.param == "tls" else None
    return lambda **more: World(upstream, start_gateway, certificate=tls, **more)


def text_of(answer):
    return answer.parse().choices[0].message.content


def test_the_second_route_answers_when_the_first_is_late(either):
    w = either()
    w.save()
    w.first.slow.set()
    answer = w.ask()
    assert text_of(answer) == "from second"
    assert answer.headers["x-bf-provider"] == "second"
    trail = answer.headers["x-bf-attempts"]
    assert trail.startswith("2; first/m key=main hedged ") and ", second/m key=main hedge ok 200 " in trail, trail
    wait_until(lambda: w.first.dropped == 1, "the first call cancelled")
    assert [w.counter(f"hedges{name}_total") for name in ("", "_won", "_refused")] == [1, 1, 0]
    assert w.counter("retries_total") == 0 and w.counter("upstream_errors_total") == 0
    # both are in the log: the answer as it was told, the other one as an estimate of its prompt
    rows = w.records(3)
    lost = [row for row in rows if row["hedge"]]
    won = [row for row in rows if row["attempts"] == 2 and not row["hedge"]]
    assert len(lost) == 1 and len(won) == 1, rows
    assert (lost[0]["provider"], lost[0]["estimated"], lost[0]["fail"]) == ("first", True, None)
    assert lost[0]["cost_nanousd"] > 0 and lost[0]["id"] != won[0]["id"]
    assert (won[0]["provider"], won[0]["estimated"], won[0]["cost_nanousd"]) == ("second", False, 13000)
    assert w.in_flight() == 0
    w.audit()
    # the route is not blamed for it
    row = wait_until(lambda: route_of(w) if route_of(w)["samples"] == 2 else None, "both samples")
    assert row["state"] == "healthy" and row["error_percent"] == 0, row


@pytest.mark.parametrize("early_head", [False, True])
def test_streams_are_hedged_until_their_first_byte(either, early_head):
    w = either()
    w.save()
    w.first.early_head = early_head
    w.first.slow.set()
    raw = w.ask(stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in raw.parse() if chunk.choices]
    assert "".join(pieces) == "from second" and raw.headers["x-bf-provider"] == "second"
    wait_until(lambda: w.first.dropped == 1, "the first call cancelled")
    w.audit()


@pytest.mark.parametrize("early_head", [False, True])
def test_the_first_may_still_win(either, early_head):
    """The hedge is silent as well; then the first one speaks."""
    w = either()
    w.save()
    w.first.early_head = early_head
    w.first.slow.set()
    w.second.slow.set()
    result = {}
    asking = threading.Thread(target=lambda: result.update(raw=w.ask(stream=True)))
    asking.start()
    wait_until(lambda: w.second.silent == 1, "the second call")
    assert w.in_flight() == 2
    w.first.release.set()
    asking.join(DEADLINE)
    pieces = [chunk.choices[0].delta.content or "" for chunk in result["raw"].parse() if chunk.choices]
    assert "".join(pieces) == "from first"
    trail = result["raw"].headers["x-bf-attempts"]
    assert trail.startswith("2; first/m key=main ok 200 ") and "second/m key=main hedge hedged " in trail, trail
    wait_until(lambda: w.second.dropped == 1, "the second call cancelled")
    assert [w.counter(f"hedges{name}_total") for name in ("", "_won")] == [1, 0]
    assert [row["provider"] for row in w.records(3) if row["hedge"]] == ["second"]
    w.audit()


def test_a_hedge_in_another_dialect(world):
    """The first one speaks the client's dialect, the second one's answers are translated; and the reverse."""
    w = world(vendor="anthropic-compatible", more="back: { targets: [ { model: second/m, weight: 1 }, "
              "{ model: first/m, weight: 0 } ], hedge: { after: 60ms, at_most: 50% } }")
    w.save()
    w.first.slow.set()
    assert text_of(w.ask()) == "from anthropic"
    w.first.slow.clear()
    ask = w.client().chat.completions.with_raw_response.create
    body = {"model": "back", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 64}
    assert ask(**body).headers["x-bf-provider"] == "second"
    w.second.slow.set()
    back = ask(**body)
    assert text_of(back) == "from first" and back.headers["x-bf-fidelity"] == "full"
    # ... and when the translated one wins over its hedge, with its own translation
    w.first.slow.set()
    w.second.release.set()
    w.second.slow.clear()
    assert text_of(ask(**body)) == "from anthropic"
    w.second.slow.set()
    w.second.release.clear()
    result = {}
    asking = threading.Thread(target=lambda: result.update(raw=ask(**body)))
    silent = w.first.silent
    asking.start()
    wait_until(lambda: w.first.silent == silent + 1, "the hedge")
    w.second.release.set()
    asking.join(DEADLINE)
    assert text_of(result["raw"]) == "from anthropic"
    w.audit()


def test_if_one_fails_the_other_goes_on(either):
    w = either()
    w.save(3)
    w.first.slow.set()
    w.second.status = 503
    result = {}
    asking = threading.Thread(target=lambda: result.update(raw=w.ask()))
    asking.start()
    wait_until(lambda: "upstream_error" in w.gateway.log() or w.second.calls == 1, "the hedge")
    w.first.release.set()
    asking.join(DEADLINE)
    assert text_of(result["raw"]) == "from first"
    assert "second/m key=main hedge upstream_error 503" in result["raw"].headers["x-bf-attempts"]
    w.audit()


@pytest.mark.parametrize("last", ["first", "second"])
def test_if_both_fail_the_first_ones_error_is_told(world, last):
    w = world()
    w.save(1)
    w.first.slow.set()
    w.second.slow.set()
    w.first.status, w.second.status = 500, 503
    failed = {}

    def fail():
        with pytest.raises(openai.InternalServerError) as caught:
            w.ask()
        failed["error"] = caught.value

    asking = threading.Thread(target=fail)
    asking.start()
    wait_until(lambda: (w.first.silent, w.second.silent) == (1, 1), "both calls")
    routes = [w.second, w.first] if last == "first" else [w.first, w.second]
    routes[0].release.set()
    wait_until(lambda: w.in_flight() == 1, "one has failed")
    assert asking.is_alive()
    routes[1].release.set()
    asking.join(DEADLINE)
    assert failed["error"].status_code == 500, failed
    headers = failed["error"].response.headers
    assert headers["x-bf-provider"] == "first" and headers["x-bf-attempts"].startswith("2; "), headers
    assert w.in_flight() == 0 and w.first.calls == 2 and w.second.calls == 1
    w.audit()


def test_a_client_that_leaves_ends_both(either):
    w = either()
    w.save()
    w.first.slow.set()
    w.second.slow.set()
    client = w.client()

    def leave():
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=1.0 * SLOW).chat.completions.create(
                model="fast", messages=[{"role": "user", "content": "hello"}])

    leave()
    wait_until(lambda: w.first.dropped == 1 and w.second.dropped == 1, "both cancelled")
    rows = [row for row in w.records(3) if row["client_gone"] or row["hedge"]]
    assert sorted((row["provider"], row["hedge"], row["estimated"]) for row in rows) == [
        ("first", False, True), ("second", True, True)], rows
    assert w.in_flight() == 0
    w.audit()


def test_a_fallback_only_when_both_have_failed(world):
    w = world(more="safe: { targets: [ { model: first/m, weight: 1 }, { model: second/m, weight: 0 } ], "
              "fallbacks: [ first/other ], hedge: { after: 60ms, at_most: 50% } }")
    ask = w.client().chat.completions.with_raw_response.create
    body = {"model": "safe", "messages": [{"role": "user", "content": "hello"}]}
    assert ask(**body).headers["x-bf-attempts"] == "1"
    w.first.late = "m"
    w.first.slow.set()
    w.second.slow.set()
    result = {}
    asking = threading.Thread(target=lambda: result.update(raw=ask(**body)))
    asking.start()
    wait_until(lambda: (w.first.silent, w.second.silent) == (1, 1), "both calls")
    w.second.status = 503
    w.second.release.set()
    wait_until(lambda: w.in_flight() == 1, "the hedge has failed")
    assert asking.is_alive() and w.first.calls == 2
    w.first.release.set()
    asking.join(DEADLINE)
    trail = result["raw"].headers["x-bf-attempts"]
    assert trail.startswith("3; first/m key=main upstream_error 503 ") and "first/other key=main ok 200" in trail, trail
    w.audit()


def test_one_attempt_is_one_call(world):
    """limits.attempts bounds all calls of a request, hedges too."""
    w = world(more="lone: { targets: [ first/m ] }\nlimits: { attempts: 1 }")
    w.save(2)
    w.first.slow.set()
    result = {}
    asking = threading.Thread(target=lambda: result.update(raw=w.ask()))
    asking.start()
    wait_until(lambda: w.first.silent == 1, "the call")
    assert not w.first.release.wait(0.3) and w.second.calls == 0 and w.counter("hedges_refused_total") == 0
    w.first.release.set()
    asking.join(DEADLINE)
    assert result["raw"].headers["x-bf-attempts"] == "1"


def test_on_disconnect_finish_goes_on_with_the_first(world):
    """The client leaves while two calls run: one of them is heard to its end, the other one is ended."""
    w = world(more="lone: { targets: [ first/m ] }\non_disconnect: finish")
    w.save()
    w.first.slow.set()
    w.second.slow.set()

    def leave():
        with pytest.raises(openai.APITimeoutError):
            w.client().with_options(timeout=1.0 * SLOW).chat.completions.create(
                model="fast", messages=[{"role": "user", "content": "hello"}])

    leave()
    wait_until(lambda: w.second.dropped == 1, "the hedge cancelled")
    w.first.release.set()
    rows = [row for row in w.records(3) if row["client_gone"] or row["hedge"]]
    assert sorted((row["provider"], row["hedge"], row["estimated"]) for row in rows) == [
        ("first", False, False), ("second", True, True)], rows
    assert w.first.dropped == 0
    w.audit()


def test_the_attempt_after_a_failed_one_is_hedged_as_well(world):
    w = world(more="three: { targets: [ { model: first/bad, weight: 1 }, { model: first/m, weight: 0 }, "
              "{ model: second/m, weight: 0 } ], hedge: { after: 60ms, at_most: 50% } }")
    ask = w.client().chat.completions.with_raw_response.create
    body = {"model": "three", "messages": [{"role": "user", "content": "hello"}]}
    w.first.refused = "bad"
    assert ask(**body).headers["x-bf-attempts"].startswith("2; first/bad key=main upstream_error 503")
    w.first.slow.set()
    w.second.slow.set()
    w.second.release.set()
    answer = ask(**body)
    trail = answer.headers["x-bf-attempts"]
    assert trail.startswith("3; first/bad key=main upstream_error 503 ") and "hedged" in trail and " hedge ok" in trail, trail
    assert w.counter("hedges_total") == 1 and w.counter("retries_total") == 2
    w.audit()


def test_never_more_than_the_share(world):
    """300 requests, all of them late: of two workers each hedges at most a tenth of its own."""
    w = world(after="10ms", at_most="10%", workers=2)
    w.first.slow.set()
    w.first.hold = lambda connection: not connection.wait_closed(0.05)  # each is answered after some time
    seen, lock = [], threading.Lock()

    def ask():
        client = w.client()
        for _ in range(30):
            raw = client.chat.completions.with_raw_response.create(
                model="fast", messages=[{"role": "user", "content": "hi"}], max_tokens=8)
            with lock:
                seen.append(raw.headers["x-bf-attempts"][0])

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * DEADLINE)
    hedges = w.counter("hedges_total")
    assert len(seen) == 300 and 10 <= hedges <= 30, hedges
    assert seen.count("2") == hedges == w.second.calls
    assert w.counter("hedges_refused_total") + hedges >= 250
    w.audit()


def test_a_percentile_needs_a_history(world):
    w = world(after="p90", at_most="50%")
    w.save(2)
    w.first.slow.set()
    result = {}
    asking = threading.Thread(target=lambda: result.update(raw=w.ask()))
    asking.start()
    wait_until(lambda: w.first.silent == 1, "the first call")
    # two quick answers are no history: it is waited for however long it takes
    wait_until(lambda: route_of(w)["first_byte_samples"] == 2, "the samples")
    w.first.release.set()
    asking.join(DEADLINE)
    assert result["raw"].headers["x-bf-attempts"] == "1" and w.second.calls == 0
    w.first.slow.clear()
    for _ in range(40):  # from the twentieth on those that take longer than most are hedged already
        assert w.ask().status_code == 200
    wait_until(lambda: route_of(w)["first_byte_samples"] >= 20, "enough samples")
    w.first.release.clear()
    w.first.slow.set()
    assert text_of(w.ask()) == "from second"
    w.audit()


def route_of(w):
    rows = w.gateway.api("GET", "/api/routes", expect=200)["data"]
    return next(row for row in rows if (row["provider"], row["model"]) == ("first", "m"))


def test_no_hedge_beyond_a_budget(world):
    """What would not fit a budget is not held twice: the request goes on with its one call."""
    w = world()
    for _ in range(2):
        assert w.ask(key=POOR, text="hi").headers["x-bf-attempts"] == "1"
    w.first.slow.set()
    result = {}
    # 64 tokens at most, and a prompt of some 15,000 bytes: most of the three cents, which have room for one
    asking = threading.Thread(target=lambda: result.update(raw=w.ask(key=POOR, text="x" * 18000)))
    asking.start()
    wait_until(lambda: w.first.silent == 1, "the first call")
    held = wait_until(lambda: json.loads(w.gateway.bfctl("audit", "money", "--json", expect=None) or "{}"), "an audit")
    assert held["holds"] == 1, held
    wait_until(lambda: w.first.silent == 1 and not w.first.release.wait(0.3), "the time of the hedge to pass")
    assert w.second.calls == 0
    w.first.release.set()
    asking.join(DEADLINE)
    assert text_of(result["raw"]) == "from first" and result["raw"].headers["x-bf-attempts"] == "1"
    w.audit()


def test_a_killed_worker_leaves_no_hold_of_either(world):
    """kill -9 while hedges run: both calls of each are settled as estimates, and nothing stays held."""
    w = world(workers=2)
    w.save(12)
    w.first.slow.set()
    w.second.slow.set()

    def ask():
        try:
            w.ask()
        except openai.APIError:
            pass

    asked = hedged = 0
    for _ in range(2):
        threads = [threading.Thread(target=ask) for _ in range(6)]
        decided = w.counter("hedges_total") + w.counter("hedges_refused_total")
        before = w.counter("hedges_total")
        for thread in threads:
            thread.start()
        wait_until(lambda: w.counter("hedges_total") + w.counter("hedges_refused_total") == decided + 6, "all hedged or not")
        hedged += w.counter("hedges_total") - before
        asked += 6
        wait_until(lambda: (w.first.silent, w.second.silent) == (asked, hedged), "all calls there")
        for pid in w.gateway.pids("worker"):
            w.gateway.kill_child(pid)
            w.gateway.wait_replaced(pid, "worker")
        for thread in threads:
            thread.join(DEADLINE)
        w.first.slow.clear()
        w.second.slow.clear()
        wait_until(lambda: w.in_flight() == 0, "nothing in flight")
        for _ in range(12):
            wait_until(lambda: answers(w), "an answer")
        w.first.slow.set()
        w.second.slow.set()
    assert hedged >= 2, hedged
    w.audit()
    crashed = [row for row in w.gateway.api("GET", "/api/logs?limit=1000", expect=200)["data"] if row["crashed"]]
    hedges = [row for row in crashed if row["hedge"]]
    assert len(hedges) == hedged and {row["provider"] for row in hedges} == {"second"}, crashed
    assert len(crashed) - len(hedges) == asked
    assert all(row["cost_nanousd"] > 0 for row in crashed)
    assert len({row["id"] for row in crashed}) == len(crashed)


def answers(w):
    try:
        return w.ask().status_code == 200
    except openai.APIError:
        return False


def test_what_cannot_be_is_refused_with_its_line(world):
    w = world()
    good = w.gateway.config.read_text()
    for old, new, want in [
            ("after: 60ms", "after: p100", "must be a percentile of the route's own history from p50 to p99"),
            ("at_most: 50%", "at_most: 51%", "must be a share of this model's requests"),
            (", { model: second/m, weight: 0 }", "", "needs a second route")]:
        assert old in good
        last = w.gateway.reload(good.replace(old, new))
        assert last["ok"] is False and want in last["text"] and "models.fast.hedge" in last["text"], last
        assert re.search(r":[78]: ", last["text"]), last
    w.save()
