"""Limits of calls at the same time, the queue before them, and shedding: exact over workers, fair, and told to clients."""

import threading
import time

import openai
import pytest

from wire import DEADLINE, chat, chat_answer, wait_until

HIGH, NORMAL, LOW = "sk-bf-queue-high-00001", "sk-bf-queue-normal-001", "sk-bf-queue-low-000001"

YAML = """require_key: false
providers:
  up: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: a, value: a }}, {{ name: b, value: b }} ] }}
  small: {{ vendor: openai-compatible, base_url: "{base}", keys: [ {{ name: a, value: a }} ], concurrency: 2 }}
models:
  three: {{ targets: [ {{ model: up/m, concurrency: 3 }} ] }}
  again: {{ targets: [ up/m ] }}
  spare: {{ targets: [ {{ model: up/m, concurrency: 3 }} ], fallbacks: [ up/other ] }}
  brief: {{ targets: [ small/m ], queue: {{ at_most: 2, wait: 300ms }} }}
  house: {{ targets: [ small/m ] }}
  tight: {{ targets: [ {{ model: up/one, concurrency: 1 }} ], queue: {{ at_most: 2, wait: 3s }} }}
{more}
virtual_keys:
  - {{ name: high, value: {high}, priority: high }}
  - {{ name: normal, value: {normal} }}
  - {{ name: low, value: {low}, priority: low }}
"""
QUEUE = "queue: { at_most: 50, wait: 30s }"


class House:
    """A provider that keeps its calls until it is told to answer, and counts how many it has at the same time."""

    def __init__(self, upstream):
        self.lock = threading.Condition()
        self.running, self.most, self.total, self.open = 0, 0, 0, False
        self.texts, self.allowed = [], 0
        self.server = upstream(self.serve)

    def serve(self, connection):
        while (request := connection.read_request()) is not None:
            text = request.json()["messages"][0]["content"]
            with self.lock:
                self.running += 1
                self.total += 1
                self.most = max(self.most, self.running)
                self.texts.append(text)
                self.lock.notify_all()
                self.lock.wait_for(lambda: self.open or self.allowed > 0, DEADLINE)
                if not self.open:
                    self.allowed -= 1
                self.running -= 1
                self.lock.notify_all()
            connection.answer(body=chat_answer(text))

    def wait_running(self, n):
        with self.lock:
            assert self.lock.wait_for(lambda: self.running == n, DEADLINE), self.running

    def wait_total(self, n):
        with self.lock:
            assert self.lock.wait_for(lambda: self.total >= n, DEADLINE), self.total

    def answer(self, n=1):
        with self.lock:
            self.allowed += n
            self.lock.notify_all()

    def release(self):
        with self.lock:
            self.open = True
            self.lock.notify_all()


@pytest.fixture
def house(upstream):
    house = House(upstream)
    yield house
    house.release()


@pytest.fixture
def gateway(start_gateway, house):
    def start(more=QUEUE, **options):
        yaml = YAML.format(base=house.server.base_v1, more=more, high=HIGH, normal=NORMAL, low=LOW)
        return start_gateway(yaml, **options)
    return start


class Crowd:
    """Clients of OpenAI's SDK, each in a thread and on a connection of its own."""

    def __init__(self, gateway, retries=0):
        self.gateway, self.retries = gateway, retries
        self.threads, self.answers, self.errors = [], [], []

    def client(self, key="any"):
        return openai.OpenAI(base_url=self.gateway.base + "/v1", api_key=key, max_retries=self.retries,
                             timeout=DEADLINE)

    def ask(self, model, n=1, key="any", text="hello"):
        for _ in range(n):
            thread = threading.Thread(target=self._ask, args=(model, key, text), daemon=True)
            self.threads.append(thread)
            thread.start()
        return self

    def _ask(self, model, key, text):
        with self.client(key) as client:
            try:
                answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
                self.answers.append(answer.choices[0].message.content)
            except openai.APIError as error:
                self.errors.append(error)

    def join(self):
        for thread in self.threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()
        return self


def figures(gateway):
    """Sums over the workers, by name."""
    sums = {}
    for worker in gateway.status()["workers"]:
        for name, value in worker["stats"].items():
            sums[name] = sums.get(name, 0) + value
    return sums


def wait_queue(gateway, n):
    wait_until(lambda: figures(gateway)["queue_length"] == n, f"{n} in the queue")


def test_a_limit_is_one_over_all_workers_keys_and_names(gateway, house):
    one = gateway()
    crowd = Crowd(one).ask("three", 6).ask("again", 6).ask("up/m", 4)
    house.wait_running(3)
    wait_queue(one, 13)
    route = one.api("GET", "/api/routes?model=three", expect=200)["data"][0]
    assert route["concurrency"] == [{"of": "target", "limit": 3, "used": 3}], route
    house.answer(8)
    house.wait_total(11)
    house.release()
    crowd.join()
    assert not crowd.errors and len(crowd.answers) == 16
    assert house.most == 3
    sums = figures(one)
    assert sums["queue_passed_total"] >= 13 and sums["queue_length"] == 0
    wait_until(lambda: figures(one)["queue_length"] == 0, "an empty queue")
    metrics = one.api("GET", "/metrics").body.decode()
    assert "bowfin_queue_length 0" in metrics and "bowfin_queue_wait_seconds_count" in metrics, metrics


def test_a_fallback_with_room_is_asked_before_anybody_waits(gateway, house):
    one = gateway()
    crowd = Crowd(one).ask("three", 3, text="first")
    house.wait_running(3)
    crowd.ask("spare", 2, text="second")
    house.wait_running(5)
    assert figures(one)["queue_length"] == 0
    house.release()
    crowd.join()
    assert len(crowd.answers) == 5


def test_over_the_limit_and_too_late_are_told(gateway, house):
    one = gateway()
    crowd = Crowd(one).ask("brief", 4)  # two run, two wait 300 ms
    house.wait_running(2)
    wait_until(lambda: figures(one)["queue_timeouts_total"] == 2, "two that waited too long")
    crowd.ask("house", 2)  # everybody's queue: not theirs
    wait_queue(one, 2)
    many = Crowd(one).ask("brief", 6).join()
    names = sorted(error.response.headers["x-bf-error"] for error in many.errors)
    assert names == ["queue_full"] * 4 + ["queue_timeout"] * 2, names
    for error in many.errors + crowd.errors:
        assert isinstance(error, openai.RateLimitError), error
        assert 1 <= int(error.response.headers["retry-after"]) <= 60
        assert 100 <= int(error.response.headers["retry-after-ms"]) <= 60000
    claude = one.call("POST", "/v1/messages", chat("brief", max_tokens=5))
    assert claude.status == 429 and claude.json()["error"]["type"] == "rate_limit_error", claude
    house.release()
    crowd.join()
    sums = figures(one)
    assert sums["queue_full_total"] == 4 and sums["queue_timeouts_total"] == 5


def test_the_sdk_comes_back_when_it_was_told(gateway, house):
    one = gateway()
    crowd = Crowd(one).ask("again", 1).ask("tight", 3)  # one of them runs, two wait
    house.wait_running(2)
    wait_queue(one, 2)
    asked, refused = [], []
    hooks = {"request": [lambda request: asked.append(time.monotonic())], "response": [refused.append]}
    http = openai.DefaultHttpxClient(event_hooks=hooks)

    def release_when_refused():
        wait_until(lambda: figures(one)["queue_full_total"] >= 1, "a refusal")
        house.release()
    release = threading.Thread(target=release_when_refused)
    release.start()
    with openai.OpenAI(base_url=one.base + "/v1", api_key="any", max_retries=8, timeout=DEADLINE,
                       http_client=http) as client:
        answer = client.chat.completions.create(model="tight", messages=[{"role": "user", "content": "again"}])
    release.join(DEADLINE)
    assert answer.choices[0].message.content == "again"
    assert refused[0].status_code == 429 and refused[0].headers["x-bf-error"] == "queue_full"
    told = int(refused[0].headers["retry-after-ms"]) / 1000
    assert 0.1 <= told <= 60 and asked[1] - asked[0] >= 0.99 * told, (told, asked)
    crowd.join()
    assert len(crowd.answers) == 4


def test_without_a_queue_nobody_waits(gateway, house):
    one = gateway("")
    crowd = Crowd(one).ask("house", 2)
    house.wait_running(2)
    refused = Crowd(one).ask("house").join().errors[0]
    assert refused.status_code == 429 and refused.response.headers["x-bf-error"] == "concurrency_limited"
    assert "provider" in refused.message and "2 at the same time" in refused.message, refused.message
    house.release()
    crowd.join()


def test_a_client_that_leaves_frees_its_place(gateway, house):
    one = gateway()
    crowd = Crowd(one).ask("house", 2)
    house.wait_running(2)
    leavers = []
    for _ in range(3):
        client = openai.OpenAI(base_url=one.base + "/v1", api_key="any", max_retries=0, timeout=0.5)
        leavers.append(threading.Thread(target=lambda c=client: pytest.raises(
            openai.APITimeoutError, c.chat.completions.create, model="house",
            messages=[{"role": "user", "content": "gone"}])))
        leavers[-1].start()
    for leaver in leavers:
        leaver.join(DEADLINE)
    wait_until(lambda: figures(one)["queue_left_total"] == 3, "three that left")
    assert figures(one)["queue_length"] == 0
    crowd.ask("house", 1, text="stays")
    wait_queue(one, 1)
    house.answer(1)
    house.wait_total(3)
    assert house.texts[-1] == "stays"
    house.release()
    crowd.join()
    assert "gone" not in house.texts and len(crowd.answers) == 3


def test_who_waits_holds_no_money(gateway, house):
    one = gateway(QUEUE + "\nprices: { small/m: { input: 1, output: 1 } }")
    crowd = Crowd(one).ask("house", 2, key=NORMAL)
    house.wait_running(2)
    crowd.ask("house", 3, key=NORMAL)
    wait_queue(one, 3)
    assert sum(worker.get("holds", 0) for worker in one.status()["workers"]) <= 2
    house.release()
    crowd.join()
    assert len(crowd.answers) == 5
    assert one.bfctl("audit", "money").count("differs") == 0


def test_places_are_shared_by_priority_not_by_numbers(gateway, house):
    """One worker, so that the order is one line's: high 4, normal 2, low 1, and the flood is of the low one."""
    one = gateway(workers=1)
    crowd = Crowd(one).ask("house", 2)
    house.wait_running(2)
    crowd.ask("house", 20, LOW, "low")
    wait_queue(one, 20)
    crowd.ask("house", 8, HIGH, "high").ask("house", 8, NORMAL, "normal")
    wait_queue(one, 36)
    for served in range(3, 17):
        house.answer()
        house.wait_total(served)
    first = house.texts[2:16]
    house.release()
    crowd.join()
    assert len(crowd.answers) == 38
    counts = {name: first.count(name) for name in ("high", "normal", "low")}
    assert 7 <= counts["high"] <= 8 and 3 <= counts["normal"] <= 5 and 1 <= counts["low"] <= 3, counts


def test_workers_take_turns(gateway, house):
    one = gateway()
    crowd = Crowd(one).ask("house", 2)
    house.wait_running(2)
    crowd.ask("house", 30, NORMAL, "flood")
    wait_queue(one, 30)
    crowd.ask("house", 12, HIGH, "high")
    wait_queue(one, 42)
    for served in range(3, 21):
        house.answer()
        house.wait_total(served)
    high = house.texts[2:20].count("high")
    house.release()
    crowd.join()
    assert len(crowd.answers) == 44
    assert 7 <= high <= 12, high  # two thirds, of those who were in the same worker


def test_a_killed_worker_leaves_no_place_taken(gateway, house):
    one = gateway()
    crowd = Crowd(one).ask("house", 8)
    house.wait_running(2)
    wait_queue(one, 6)
    for pid in one.pids("worker"):
        one.kill_child(pid)
        one.wait_replaced(pid, "worker")
    crowd.join()
    wait_queue(one, 0)
    house.release()
    house.wait_running(0)
    house.most = 0
    house.open = False
    after = Crowd(one).ask("house", 5)
    house.wait_running(2)
    wait_queue(one, 3)
    house.release()
    after.join()
    assert len(after.answers) == 5 and house.most == 2


def test_low_priority_is_shed_first(gateway, house):
    one = gateway("limits: { in_flight: 10 }", workers=1)
    crowd = Crowd(one).ask("up/free", 8, NORMAL)
    house.wait_running(8)

    def ask(key):
        return one.call("POST", "/v1/chat/completions", chat("up/free"), key=key)
    low = ask(LOW)
    assert low.status == 503 and low.headers["x-bf-error"] == "shed" and low.headers["retry-after"], low
    crowd.ask("up/free", 1, NORMAL)  # the ninth: 90 %
    house.wait_running(9)
    assert ask(NORMAL).headers["x-bf-error"] == "shed"
    assert ask(LOW).headers["x-bf-error"] == "shed"
    crowd.ask("up/free", 1, HIGH)
    house.wait_running(10)
    assert ask(HIGH).headers["x-bf-error"] == "shed"
    assert one.status()["ready"]["ok"]  # the API is not for them
    house.release()
    crowd.join()
    assert len(crowd.answers) == 10
    assert ask(LOW).status == 200
    sums = figures(one)
    assert (sums["shed_low_total"], sums["shed_normal_total"], sums["shed_high_total"]) == (2, 1, 1), sums


def test_a_reload_changes_limits_and_queues(gateway, house):
    one = gateway()
    crowd = Crowd(one).ask("three", 5)
    house.wait_running(3)
    wait_queue(one, 2)
    yaml = YAML.format(base=house.server.base_v1, more=QUEUE, high=HIGH, normal=NORMAL, low=LOW)
    assert one.reload(yaml.replace("concurrency: 3", "concurrency: 4"))["ok"]
    house.wait_running(4)
    wait_queue(one, 1)
    assert one.reload(yaml.replace(", concurrency: 3", ""))["ok"]
    house.wait_running(5)
    house.release()
    crowd.join()
    assert len(crowd.answers) == 5


def test_who_waits_outlives_a_queue_that_is_taken_away(gateway, house):
    one = gateway()
    crowd = Crowd(one).ask("house", 2)
    house.wait_running(2)
    crowd.ask("house", 3)
    wait_queue(one, 3)
    yaml = YAML.format(base=house.server.base_v1, more="", high=HIGH, normal=NORMAL, low=LOW)
    assert one.reload(yaml)["ok"]
    refused = Crowd(one).ask("house").join().errors[0]
    assert refused.response.headers["x-bf-error"] == "concurrency_limited"
    house.answer()
    house.wait_total(3)
    wait_queue(one, 2)
    house.release()
    crowd.join()
    assert len(crowd.answers) == 5 and house.most == 2


def test_keys_of_the_api_have_a_priority(gateway, house):
    one = gateway("limits: { in_flight: 2 }", workers=1)
    made = one.api("POST", "/api/keys", {"name": "made", "priority": "low"}, expect=201)
    assert made["priority"] == "low"
    crowd = Crowd(one).ask("up/free", 2, HIGH)
    house.wait_running(2)
    assert one.call("POST", "/v1/chat/completions", chat("up/free"), key=made["key"]).headers["x-bf-error"] == "shed"
    house.answer()
    house.wait_running(1)
    changed = one.api("PATCH", f"/api/keys/{made['id']}", {"priority": "high"}, expect=200)
    assert changed["priority"] == "high"
    assert one.api("POST", "/api/keys", {"name": "bad", "priority": "urgent"}).status == 400
    assert "priority: high" in one.bfctl("export")
    house.release()
    crowd.join()
