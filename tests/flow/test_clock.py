"""Budgets by another clock: what happens at midnight, and when the machine's time jumps (libfaketime sets the real time of
the gateway's processes, and not that of their timers)."""

import glob
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from test_money import KEY, ask, cost_of, key_of, spent, yaml
from wire import SLOW, chat, wait_until

LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = 60, 3600, 86400
# One request fits, two do not.
ONE = "limit: 0.0005, overshoot: none"
REQUEST = {"model": "up/lorem-200", "max_tokens": 200}

pytestmark = pytest.mark.skipif(SLOW > 1, reason="the sanitizers' runtime must be the first library")


class Clock:
    """Seconds that the gateway's clock is ahead of the machine's."""

    def __init__(self, path):
        self.path = Path(path)
        self.ahead = 0
        self.jump(0)

    def jump(self, seconds):
        self.ahead += seconds
        new = self.path.with_suffix(".new")
        new.write_text(f"{self.ahead:+.3f}\n")
        new.chmod(0o644)
        new.replace(self.path)

    def go_to(self, moment):
        self.jump(int(moment.timestamp() - time.time()) - self.ahead + 1)


@pytest.fixture
def clock(tmp_path_factory):
    directory = tmp_path_factory.mktemp("clock")
    for path in (directory, *directory.parents[:2]):  # for the user whom the gateway drops to
        path.chmod(0o755)
    return Clock(directory / "ahead")


@pytest.fixture
def start(clock, start_gateway, mock):
    found = glob.glob(LIBRARY)
    assert found, "libfaketime is missing: sh tools/deps.sh test"

    def start(rules, workers=2):
        return start_gateway(yaml(mock, key_of(rules)), workers=workers, env={
            "LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": str(clock.path), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DISABLE_SHM": "1"})

    return start


def statuses(gateway, n=2):
    return [ask(gateway, **REQUEST).status for _ in range(n)]


def books(gateway, requests):
    """Everything is stored, what was refused as well, and counters, journal and log agree."""
    def audited():
        found = json.loads(gateway.bfctl("audit", "money", "--json"))
        return found if found["log"]["rows"] == requests and not found["busy"] else None
    found = wait_until(audited, f"{requests} requests in the books")
    assert (found["difference_nanousd"], found["data"]) == (0, []), found


def window(gateway):
    return gateway.api("GET", "/api/keys?name=spender", expect=200)["data"][0]["budgets"][0]


def test_the_clock_is_the_gateways(start, clock):
    gateway = start(f"budgets: [ {{ {ONE}, window: 1d }} ]")
    clock.jump(400 * DAY)
    answer = ask(gateway, **REQUEST)
    created = wait_until(lambda: gateway.api("GET", "/api/logs?limit=1", expect=200)["data"], "a record")[0]
    assert answer.status == 200
    seen = next(value for name, value in created.items() if name in ("time_ms", "at_ms", "begun_ms"))
    assert abs(seen / 1000 - time.time() - clock.ahead) < 60 * SLOW


@pytest.mark.parametrize("length, seconds", [("1m", MINUTE), ("5m", 5 * MINUTE), ("1h", HOUR), ("1d", DAY), ("1w", 7 * DAY)])
def test_a_rolling_window_ends(start, clock, length, seconds):
    gateway = start(f"budgets: [ {{ {ONE}, window: {length} }} ]")
    usage = ask(gateway, **REQUEST).json()["usage"]
    assert statuses(gateway, 1) == [402]
    clock.jump(seconds // 2)
    assert statuses(gateway, 1) == [402]
    clock.jump(seconds - seconds // 2)
    assert statuses(gateway) == [200, 402]
    books(gateway, 5)
    assert spent(gateway) == 2 * cost_of(usage)


@pytest.mark.parametrize("length", ["1d", "1M", "1Q", "1Y"])
def test_midnight_of_a_calendar(start, clock, length):
    """By Berlin's clock, summer time or not."""
    today = datetime.now(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
    turn = {"1d": today + timedelta(days=2), "1M": today.replace(year=today.year + 1, month=4, day=1),
            "1Q": today.replace(year=today.year + 1, month=7, day=1), "1Y": today.replace(year=today.year + 1, month=1, day=1)}
    clock.go_to(turn[length] - timedelta(seconds=2 * MINUTE))
    gateway = start(f"budgets: [ {{ {ONE}, window: {length}, calendar: true, time_zone: Europe/Berlin }} ]")
    assert statuses(gateway) == [200, 402]
    clock.go_to(turn[length])
    assert statuses(gateway) == [200, 402]
    books(gateway, 4)


def test_backwards_and_forwards(start, clock):
    """A clock that is set an hour back gives nobody a second budget, and set forward again takes nothing away."""
    gateway = start(f"budgets: [ {{ {ONE}, window: 1d }} ]")
    assert statuses(gateway) == [200, 402]
    for jump in (-HOUR, 2 * HOUR, -2 * DAY, 2 * DAY, -HOUR):
        clock.jump(jump)
        assert statuses(gateway, 1) == [402], jump
    clock.jump(DAY)
    assert statuses(gateway) == [200, 402]
    books(gateway, 9)


def test_a_limit_of_requests_and_a_clock_that_jumps(start, clock):
    gateway = start("rate_limits: [ { requests: 3, per: 1h } ]")
    assert statuses(gateway, 4) == [200, 200, 200, 429]
    clock.jump(-10 * MINUTE)
    assert statuses(gateway, 1) == [429]
    clock.jump(10 * MINUTE + 2 * HOUR)
    assert statuses(gateway, 4) == [200, 200, 200, 429]


def test_a_request_settles_into_the_window_of_its_beginning(start, clock, mock):
    """Begun before midnight, answered after it: yesterday's budget pays, and today's is whole."""
    from wire import Stream
    gateway = start(f"budgets: [ {{ {ONE}, window: 1h }} ]")
    stream = Stream(gateway.base, "/v1/chat/completions", chat("up/lorem-100-20", stream=True, max_tokens=100),
                    {"Authorization": f"Bearer {KEY}"})
    events = stream.json_events()
    next(events)
    clock.jump(HOUR)
    usage = ask(gateway, **REQUEST).json()["usage"]  # today's
    for _ in events:
        pass
    books(gateway, 2)
    assert statuses(gateway, 1) == [402]
    assert int(window(gateway)["used_nanousd"]) == cost_of(usage)


def test_a_minute_of_requests_within_a_percent(start, clock):
    """Three minutes of steady demand, half as much again as the limit, on two workers."""
    limit, demand = 600, 15
    gateway = start(f"rate_limits: [ {{ requests: {limit}, per: 1m }} ]")
    accepted = []
    while not accepted or accepted[-1] - accepted[0] < 180:
        if statuses(gateway, 1) == [200]:
            accepted.append(time.time() + clock.ahead)
        clock.jump(1 / demand)
    within = [sum(begin <= moment < begin + MINUTE for moment in accepted) for begin in accepted]
    assert max(within) <= limit * 1.01, max(within)
    each = [sum(n * MINUTE <= moment - accepted[0] < (n + 1) * MINUTE for moment in accepted) for n in range(3)]
    assert all(abs(n - limit) <= limit * 0.01 for n in each), each
