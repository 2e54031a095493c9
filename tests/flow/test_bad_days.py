"""Bad days of real providers behind a real gateway: its clients notice nothing, also when the aggregator is killed.

Short here; `make days` takes its time and prints the table (BOWFIN_DAYS_SECONDS: of the bad part of a day).
The same days in virtual time, beside other policies and an oracle: tests/sim.
"""

import asyncio
import os
import subprocess
import time

import openai
import pytest

from days import Load, Provider, percentile
from gateway import BOWFIN, clean_environment

# What it imports when it is first asked for would stop the clients in the middle of a day.
_ = openai.AsyncOpenAI(base_url="http://127.0.0.1:9", api_key="none").chat.completions

BAD = float(os.environ.get("BOWFIN_DAYS_SECONDS", "1.5"))
LONG = BAD >= 8
BEFORE, AFTER = (4.0, 25.0) if LONG else (0.7, 0.6)
RATE = 150 if LONG else 100
SDK_RATE = 8
ROUTES = 4
ROWS = []

HEAD = "require_key: false\nlimits: { attempts: 3 }\n"


class World:
    """A gateway in front of four providers of which each is one target of `fast`."""

    def __init__(self, start_gateway):
        self.start_gateway = start_gateway
        self.providers, self.gateway, self.load = [], None, None
        self.sdk_wrong, self.begun = [], 0.0

    def yaml(self, routes=range(ROUTES), weights=(1, 1, 1, 1), keys=None):
        lines = [HEAD + "providers:"]
        for i in routes:
            listed = keys if keys and i == 0 else [f"key{i}"]
            lines.append(f"  p{i}: {{ vendor: openai-compatible, base_url: \"{self.providers[i].base}\", keys: [ "
                         + ", ".join(f"{{ name: {k}, value: {k} }}" for k in listed) + " ] }")
        targets = ", ".join(f"{{ model: p{i}/m, weight: {weights[i]} }}" for i in routes)
        return "\n".join(lines) + f"\nmodels:\n  fast: {{ targets: [ {targets} ] }}\n"

    async def reload(self, **changed):
        last = await asyncio.to_thread(self.gateway.reload, self.yaml(**changed))
        assert last["ok"], last

    async def kill_aggregator(self):
        pid = (await asyncio.to_thread(self.gateway.pids, "aggregator"))[0]
        await asyncio.to_thread(self.gateway.kill_child, pid)

    async def _sdk(self):
        client = openai.AsyncOpenAI(base_url=self.gateway.base + "/v1", api_key="none", max_retries=0)

        async def ask():
            begun = time.monotonic()
            try:
                answer = await client.chat.completions.create(model="fast", messages=[{"role": "user", "content": "hi"}])
                assert answer.choices[0].message.content == "fine"
            except openai.OpenAIError as error:
                self.sdk_wrong.append((begun, repr(error)))
        asked = []
        while not self.load.stopped:
            asked.append(asyncio.ensure_future(ask()))
            await asyncio.sleep(1 / SDK_RATE)
        await asyncio.gather(*asked)
        await client.close()

    def wrong(self, since=0.0):
        return self.load.wrong(since) + [one for one in self.sdk_wrong if one[0] >= since]

    def share(self, route, since, until=float("inf")):
        """Of what came to it, in parts of an even share."""
        total = sum(p.count(since, until) for p in self.providers)
        return self.providers[route].count(since, until) / max(total, 1) * ROUTES

    async def live(self, begin, during=None, end=None, yaml=None):
        self.providers = [await Provider().start() for _ in range(ROUTES)]
        self.gateway = await asyncio.to_thread(self.start_gateway, self.yaml(**(yaml or {})))
        self.load = Load(self.gateway.port, RATE)
        running = asyncio.ensure_future(self.load.run(3600))
        sdk = asyncio.ensure_future(self._sdk())
        try:
            await asyncio.sleep(BEFORE)
            self.begun = time.monotonic()
            await begin()
            bad = asyncio.ensure_future(during()) if during else None
            await asyncio.sleep(BAD / 2)
            await self.kill_aggregator()
            await asyncio.sleep(BAD / 2)
            if bad:
                await bad
            self.ended = time.monotonic()
            if end:
                await end()
            await asyncio.sleep(AFTER)
        finally:
            self.load.stopped = True
            await asyncio.gather(running, sdk)
            await self.load.finish()
            for provider in self.providers:
                await provider.die()

    def note(self, day):
        took = [t for _, t, wrong in self.load.done if wrong is None]
        n, asked = len(self.load.done), sum(len(p.asked) for p in self.providers)
        wrong = len(self.load.wrong())
        ROWS.append(f"| {day} | {n} | {100 * (1 - wrong / max(n, 1)):.2f} % | {1000 * percentile(took, 0.5):.0f} | "
                    f"{1000 * percentile(took, 0.99):.0f} | {asked / max(n + SDK_RATE * (BEFORE + BAD + AFTER), 1):.3f} | "
                    f"{self.share(0, self.begun + min(2, BAD / 2), self.ended):.2f} | "
                    f"{self.share(0, self.ended + AFTER / 2):.2f} |")


@pytest.fixture
def world(start_gateway):
    return World(start_gateway)


@pytest.fixture(scope="module", autouse=True)
def table():
    yield
    print("\n| day | requests | answered | p50 ms | p99 ms | attempts per request | route 0's share in it | behind it |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- |\n" + "\n".join(ROWS))


def nobody_noticed(world, day, comes_back=True):
    world.note(day)
    assert len(world.load.done) > RATE * (BEFORE + BAD) / 2, "the load came through"
    assert not world.wrong(), world.wrong()[:5]
    if LONG and comes_back:
        assert 0.6 < world.share(0, world.ended + AFTER / 2) < 1.4, "its traffic is back"


def test_one_in_five_fails(world):
    async def begin():
        world.providers[0].error_share = 0.2

    async def end():
        world.providers[0].error_share = 0
    asyncio.run(world.live(begin, end=end))
    nobody_noticed(world, "one in five fails")
    if LONG:
        assert world.share(0, world.begun + BAD / 2, world.ended) < 0.5


def test_brown_out(world):
    async def begin():
        world.providers[0].slower = 5

    async def end():
        world.providers[0].slower = 1
    asyncio.run(world.live(begin, end=end))
    nobody_noticed(world, "brown-out, 5 x slower")
    if LONG:
        assert world.share(0, world.begun + BAD / 2, world.ended) < 0.5


def test_429_storm(world):
    async def begin():
        world.providers[0].limit = 5

    async def end():
        world.providers[0].limit = None
    asyncio.run(world.live(begin, end=end))
    nobody_noticed(world, "429 beyond 5/s")
    if LONG:
        assert world.share(0, world.begun + 2, world.ended) < 0.7


def test_flapping(world):
    async def during():
        while time.monotonic() - world.begun < BAD:
            await world.providers[0].die()
            await asyncio.sleep(BAD / 6)
            await world.providers[0].start()
            await asyncio.sleep(BAD / 6)

    async def begin():
        pass
    asyncio.run(world.live(begin, during))
    nobody_noticed(world, "flapping")


def test_a_provider_dies_under_load(world):
    async def begin():
        await world.providers[0].die()

    async def end():
        await world.providers[0].start()
    asyncio.run(world.live(begin, end=end))
    nobody_noticed(world, "a provider dies")


def test_slow_recovery(world):
    async def begin():
        await world.providers[0].die()

    async def during():
        await asyncio.sleep(BAD / 3)
        await world.providers[0].start()
        for slower in (5, 4, 3, 2, 1):
            world.providers[0].slower = slower
            await asyncio.sleep(BAD / 8)
    asyncio.run(world.live(begin, during))
    nobody_noticed(world, "slow recovery")


def test_all_down_and_back(world):
    async def begin():
        for provider in world.providers:
            await provider.die()

    async def end():
        for provider in world.providers:
            await provider.start()
        world.back = time.monotonic()
    asyncio.run(world.live(begin, end=end))
    world.note("all down")
    assert world.wrong(), "nobody could answer"
    assert not world.wrong(world.back), world.wrong(world.back)[:5]  # open breakers are no outage


def test_a_new_key_by_reload(world):
    async def begin():
        await world.reload(keys=["key0", "fresh"])
    asyncio.run(world.live(begin))
    nobody_noticed(world, "a new key", comes_back=False)  # two keys have twice the weight of one
    assert world.providers[0].count(key="fresh") > 0


def test_the_busiest_target_is_removed(world):
    async def begin():
        await world.reload(routes=[1, 2, 3], weights=(8, 1, 1, 1))
    asyncio.run(world.live(begin, yaml={"weights": (8, 1, 1, 1)}))
    world.note("the busiest target is removed")
    assert not world.wrong(), world.wrong()[:5]
    assert world.share(0, 0, world.begun) > 2
    assert world.providers[0].count(world.begun + BAD / 2) == 0


def test_a_poisoned_key(world):
    async def begin():
        world.providers[0].refused = {"bad"}
    asyncio.run(world.live(begin, yaml={"keys": ["good", "bad"]}))
    world.note("a poisoned key")
    assert not world.wrong(), world.wrong()[:5]
    # a handful before it is benched, and again before the aggregator's successor has heard of it
    assert world.providers[0].count(world.begun, key="bad") < 0.1 * len(world.load.done)
    assert world.providers[0].count(world.begun, key="good") > 0


def knows_retry_ratio(tmp_path):
    path = tmp_path / "ratio.yaml"
    path.write_text("limits: { retry_ratio: 10% }\n")
    return subprocess.run([BOWFIN, "-t", "-c", path], env=clean_environment(), capture_output=True,
                          timeout=30, check=False).returncode == 0


def test_an_outage_is_not_amplified(world, tmp_path):
    """Every target answers 500: attempts are at most 1.1 x requests, and the attempt budget of the first second."""
    if not knows_retry_ratio(tmp_path):
        pytest.skip("this build has no limits.retry_ratio")

    async def begin():
        for provider in world.providers:
            provider.error_share = 1.0
    asyncio.run(world.live(begin))
    world.note("all fail: attempts")
    asked = sum(p.count(world.begun) for p in world.providers)
    requests = sum(begun >= world.begun for begun, _, _ in world.load.done) + SDK_RATE * (BAD + AFTER)
    assert asked <= 1.1 * requests + 2 * (RATE + SDK_RATE) + ROUTES, (asked, requests)
