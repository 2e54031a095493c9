"""Reload: good configurations replace, bad ones do not; listeners and workers follow."""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess

import pytest

from gateway import BFCTL, clean_environment, make_certificate
from wire import call, wait_until

HEAD = "require_key: false\nproviders:\n  mock: {}\n"


def status(gateway):
    return json.loads(gateway.bfctl("--json", "status"))


def reload(gateway, yaml):
    """By signal; returns last_reload."""
    before = status(gateway)["last_reload"]
    gateway.write(yaml)
    gateway.signal(signal.SIGHUP)
    return wait_until(lambda: (last := status(gateway)["last_reload"]) != before and last,
                      "the reload")


def workers(gateway):
    return sorted(child["pid"] for child in status(gateway)["children"] if child["proc"] == "worker")


def test_a_good_one_is_taken(start_gateway):
    gateway = start_gateway(HEAD)
    before = status(gateway)
    assert before["last_reload"] is None
    pids = workers(gateway)
    assert reload(gateway, HEAD + "limits: { body_max: 1MiB }\n")["ok"]
    after = status(gateway)
    assert after["generation"] == before["generation"] + 1
    assert workers(gateway) == pids  # nothing that a worker must be replaced for
    assert "limits" in gateway.bfctl("export")


def test_bfctl_says_what_changed(start_gateway):
    gateway = start_gateway(HEAD)
    gateway.write(HEAD + "  second: { vendor: openai-compatible, base_url: \"http://127.0.0.1:9/v1\", "
                  "keys: [ { name: a, value: b } ] }\nmodels: { fast: { targets: [ { model: mock/echo } ] } }\n"
                  "virtual_keys: [ { name: team, value: sk-bf-0123456789abcdef0123456789 } ]\n")
    text = gateway.bfctl("reload")
    for line in ("provider second: added", "model fast: added", "key team: added"):
        assert line in text, text
    assert "mock" not in text
    gateway.write(HEAD)
    text = gateway.bfctl("reload")
    for line in ("provider second: removed", "model fast: removed", "key team: removed"):
        assert line in text, text


def test_a_renamed_key_is_told_as_removed_and_added(start_gateway):
    key = "virtual_keys: [ {{ name: {}, value: sk-bf-0123456789abcdef0123456789 }} ]\n"
    gateway = start_gateway(HEAD + key.format("before"))
    gateway.write(HEAD + key.format("after"))
    lines = gateway.bfctl("reload").splitlines()
    assert "key before: removed" in lines and "key after: added" in lines, lines


def test_a_changed_secret_is_a_change_and_is_not_shown(start_gateway):
    provider = ("  up: {{ vendor: openai-compatible, base_url: \"http://127.0.0.1:9/v1\", "
                "keys: [ {{ name: a, value: {} }} ] }}\n")
    gateway = start_gateway(HEAD + provider.format("first-secret"))
    gateway.write(HEAD + provider.format("second-secret"))
    assert "provider up: changed" in gateway.bfctl("reload")
    shown = gateway.bfctl("export") + gateway.log()
    assert "first-secret" not in shown and "second-secret" not in shown


def test_a_bad_one_changes_nothing(start_gateway):
    gateway = start_gateway(HEAD)
    before = status(gateway)
    last = reload(gateway, HEAD + "wrokers: 3\n")
    assert not last["ok"] and ":5: " in last["text"] and "workers" in last["text"]
    after = status(gateway)
    assert after["generation"] == before["generation"]
    assert after["children"] == before["children"]
    gateway.wait_log(r"event=reload_failed .*bowfin\.yaml:5: ")
    assert ":5: " in refusal(gateway)
    assert reload(gateway, HEAD)["ok"]


def refusal(gateway):
    """What bfctl reload prints when the master refuses."""
    done = subprocess.run([BFCTL, "--socket", str(gateway.run / "admin.sock"), "reload"],
                          capture_output=True, text=True, env=clean_environment(), check=False)
    assert done.returncode == 1
    return done.stdout + done.stderr


def test_a_missing_file_changes_nothing(start_gateway):
    gateway = start_gateway(HEAD)
    before = status(gateway)
    gateway.config.unlink()
    assert str(gateway.config) in refusal(gateway)
    assert status(gateway)["generation"] == before["generation"]


@pytest.fixture
def reserve_port():
    """Ports that nobody is given for the test's time: they stay bound, but nobody listens on ours."""
    with contextlib.ExitStack() as held:
        def reserve():
            s = held.enter_context(socket.socket())
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

        yield reserve


def test_a_listener_can_be_added_and_removed(start_gateway, reserve_port):
    first, second = reserve_port(), reserve_port()
    one = HEAD + f"listen: [ 127.0.0.1:{first} ]\n"
    two = HEAD + f"listen: [ 127.0.0.1:{first}, 127.0.0.1:{second} ]\n"
    gateway = start_gateway(one, listen=())
    old = workers(gateway)
    assert reload(gateway, two)["ok"]
    new = workers(gateway)
    assert not set(old) & set(new[-2:]) and len(set(new) - set(old)) == 2
    for port in (first, second):
        assert call(f"http://127.0.0.1:{port}", "GET", "/healthz").status == 200
    wait_until(lambda: not [pid for pid in old if os.path.exists(f"/proc/{pid}")], "the old workers' end")
    # Nobody misses them: neither an alert on worker_up nor a person.
    seen = wait_until(lambda: len(shown := status(gateway)["workers"]) == 2 and shown, "two workers")
    assert {worker["state"] for worker in seen} == {"ready"}
    assert reload(gateway, one)["ok"]
    assert call(f"http://127.0.0.1:{first}", "GET", "/healthz").status == 200

    def refused():
        try:
            call(f"http://127.0.0.1:{second}", "GET", "/healthz")
        except ConnectionRefusedError:
            return True
        return False
    wait_until(refused, "the removed listener's end")


@pytest.mark.parametrize("user", ["", "user: nobody\n"], ids=["same-user", "dropped-root"])
def test_a_listener_can_be_widened_and_narrowed(start_gateway, reserve_port, user):
    """From loopback to every interface, and back, on the same port."""
    if user and os.geteuid() != 0:
        pytest.skip("only root can drop root")
    port = reserve_port()
    head = HEAD + user
    gateway = start_gateway(head + f"listen: [ 127.0.0.1:{port} ]\n", listen=())
    for address in (f"0.0.0.0:{port}", f":{port}", f"127.0.0.1:{port}"):
        last = reload(gateway, head + f"listen: [ \"{address}\" ]\n")
        assert last["ok"], last
        wait_until(lambda: len(workers(gateway)) == 2, "the old workers' end")
        assert call(f"http://127.0.0.1:{port}", "GET", "/healthz").status == 200
    # Nobody else may come beside it afterwards.
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("0.0.0.0", port))
            other.listen()
            raise AssertionError("the port is free")
        except OSError as error:
            assert error.errno == errno.EADDRINUSE


def test_a_taken_port_changes_nothing(start_gateway):
    gateway = start_gateway(HEAD + "listen: [ 127.0.0.1:0 ]\n", listen=())
    other = start_gateway(HEAD)
    before = status(gateway)
    last = reload(gateway, HEAD + f"listen: [ 127.0.0.1:0, 127.0.0.1:{other.port} ]\n")
    assert not last["ok"] and str(other.port) in last["text"] and ":5: " in last["text"], last
    assert status(gateway)["children"] == before["children"]


def test_a_renewed_certificate_replaces_the_workers(start_gateway, tmp_path):
    make_certificate(tmp_path)
    yaml = HEAD + (f"listen: [ {{ address: \"127.0.0.1:0\", tls: {{ certificate: {tmp_path}/tls.crt, "
                   f"key: {tmp_path}/tls.key }} }} ]\n")
    gateway = start_gateway(yaml, listen=())
    assert gateway.base.startswith("https://")
    old = workers(gateway)
    assert reload(gateway, yaml)["ok"]
    assert workers(gateway) == old  # the same bytes
    make_certificate(tmp_path)
    assert "certificate 127.0.0.1:0: renewed" in gateway.bfctl("reload")
    assert set(workers(gateway)) - set(old)
    (tmp_path / "tls.crt").write_text("nothing of the kind\n")
    now = workers(gateway)
    last = reload(gateway, yaml)
    assert not last["ok"] and ":5: certificate" in last["text"], last
    assert set(workers(gateway)) <= set(now)


def test_the_number_of_workers_follows(start_gateway):
    gateway = start_gateway(HEAD + "workers: 1\n", workers=None)
    first = workers(gateway)
    assert len(first) == 1
    assert reload(gateway, HEAD + "workers: 3\n")["ok"]
    assert len(workers(gateway)) == 3 and set(first) < set(workers(gateway))
    assert reload(gateway, HEAD + "workers: 1\n")["ok"]
    wait_until(lambda: workers(gateway) == first, "one worker")


def test_the_mock_comes_and_goes(start_gateway):
    other = ("require_key: false\nproviders: { up: { vendor: openai-compatible, base_url: "
             "\"http://127.0.0.1:9/v1\", keys: [ { name: a, value: b } ] } }\n")
    gateway = start_gateway(other)

    def procs():
        return [child["proc"] for child in status(gateway)["children"]]
    assert "mock" not in procs()
    assert reload(gateway, HEAD)["ok"]
    assert "mock" in procs()
    assert reload(gateway, other)["ok"]
    wait_until(lambda: "mock" not in procs(), "the mock's end")
    assert reload(gateway, HEAD)["ok"]
    wait_until(lambda: "mock" in procs(), "the mock")


def test_settings_of_the_aggregator_restart_it(start_gateway):
    gateway = start_gateway(HEAD)
    before = [child["pid"] for child in status(gateway)["children"] if child["proc"] == "aggregator"]
    assert reload(gateway, HEAD + "log: { max_records: 5000 }\n")["ok"]

    def replaced():
        now = [child["pid"] for child in status(gateway)["children"] if child["proc"] == "aggregator"]
        return now and now != before
    wait_until(replaced, "another aggregator")


def test_many_at_once_end_with_the_last(start_gateway):
    gateway = start_gateway(HEAD)
    for n in range(20):
        gateway.write(HEAD + f"limits: {{ streams: {n + 10} }}\n")
        gateway.signal(signal.SIGHUP)
    wait_until(lambda: "streams: 29" in gateway.bfctl("export"), "the last configuration")


def test_a_stopped_worker_keeps_its_half(start_gateway):
    gateway = start_gateway(HEAD, workers=2)
    assert reload(gateway, HEAD + "limits: { streams: 50 }\n")["ok"]
    generation = status(gateway)["generation"]
    stopped = workers(gateway)[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        # The first one goes: the other half is free. It is not taken up by all, and that is told.
        gateway.write(HEAD + "limits: { streams: 51 }\n")
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: status(gateway)["generation"] == generation + 1, "the flip")
    finally:
        os.kill(stopped, signal.SIGCONT)
    wait_until(lambda: status(gateway)["last_reload"]["ok"], "all have it")
