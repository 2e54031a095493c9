"""The master's beginning and end: command line, ready line, exit statuses, what a child may see."""

import json
import os
import pwd
import re
import signal
import subprocess
from pathlib import Path

import pytest

from gateway import BFCTL, BOWFIN, Gateway, clean_environment, make_certificate
from wire import DEADLINE, wait_until

GOOD = "listen: [ 127.0.0.1:0 ]\nproviders: { mock: {} }\n"


def bowfin(*args, env=None):
    return subprocess.run([BOWFIN, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=DEADLINE, env=clean_environment(env), check=False)


def test_version_and_help():
    done = bowfin("--version")
    assert done.returncode == 0 and re.fullmatch(r"bowfin \d+\.\d+\.\d+\n", done.stdout)
    done = bowfin("--help")
    assert done.returncode == 0 and "--workers" in done.stdout


def test_wrong_usage_is_2_and_says_what():
    done = bowfin("--wrokers", "3")
    assert done.returncode == 2 and "--wrokers" in done.stderr and not done.stdout
    assert bowfin("--workers", "none").returncode == 2
    assert bowfin("stop").returncode == 2


def test_check_only(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD)
    done = bowfin("-t", "-c", good)
    assert (done.returncode, done.stdout) == (0, f"{good}: ok\n")
    bad.write_text("listen: [ 127.0.0.1:0 ]\nwrokers: 2\nproviders: { nobody: {} }\n")
    done = bowfin("-t", "-c", bad)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{bad}:2: ") and "workers" in lines[0]
    assert lines[1].startswith(f"{bad}:3: ")


def test_check_only_looks_at_certificates(tmp_path):
    for name in ("one", "two"):
        make_certificate(tmp_path, name)
    config = tmp_path / "tls.yaml"
    text = ("providers: {{ mock: {{}} }}\nlisten:\n  - {{ address: \"127.0.0.1:0\", "
            "tls: {{ certificate: {0}/one.crt, key: {0}/{1}.key }} }}\n")
    config.write_text(text.format(tmp_path, "one"))
    assert bowfin("-t", "-c", config).returncode == 0
    config.write_text(text.format(tmp_path, "two"))
    done = bowfin("-t", "-c", config)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{config}:3: ") and "two.key" in done.stdout


def test_a_bad_file_does_not_start(tmp_path):
    config = tmp_path / "bad.yaml"
    config.write_text("listen: [ 127.0.0.1:0 ]\nproviders: { openai: { keys: [ { name: a, "
                      "value: env.BF_NOT_THERE } ] } }\n")
    done = bowfin("-c", config, "--state", tmp_path / "s", "--run", tmp_path / "r")
    assert done.returncode == 1 and not done.stdout
    assert f"{config}:2: " in done.stderr and "BF_NOT_THERE" in done.stderr


def test_one_line_on_stdout_and_a_curl_to_paste(start_gateway):
    gateway = start_gateway()
    assert len(gateway.lines) == 1
    assert gateway.base.startswith("http://127.0.0.1:") and gateway.workers == 2
    assert re.search(rf"^Try: curl {gateway.base}/v1/chat/completions .*mock/echo", gateway.log(), re.M)
    assert len(gateway.tree()) == 5  # two workers, aggregator, admin, mock


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "unix"])
def test_the_curl_answers(start_gateway, tmp_path, address):
    """Also where a key is needed (not loopback), and on a socket that has no URL."""
    if address == "unix":
        tmp_path.chmod(0o755)
        address = f"unix:{tmp_path}/http.sock"
    gateway = start_gateway(listen=(address,))
    command = re.search(r"^Try: (.*curl .*)$", gateway.log(), re.M).group(1)
    done = subprocess.run(["sh", "-c", command.replace("curl ", "curl -sS -i ", 1)], timeout=DEADLINE,
                          capture_output=True, text=True, check=False,
                          env=clean_environment({"PATH": f"{Path(BFCTL).parent}:{os.environ['PATH']}"}))
    assert done.stdout.startswith("HTTP/1.1 200") and "Hello!" in done.stdout, done


def test_port_in_use_is_3_and_says_which(start_gateway, tmp_path):
    gateway = start_gateway()
    done = bowfin("--listen", f"127.0.0.1:{gateway.port}", "--state", tmp_path / "s", "--run",
                  tmp_path / "r")
    assert done.returncode == 3
    assert f"127.0.0.1:{gateway.port}" in done.stderr and "ss -ltnp" in done.stderr


def test_a_second_daemon_on_the_same_state_is_refused(start_gateway, tmp_path):
    gateway = start_gateway()
    done = bowfin("--listen", "127.0.0.1:0", "--state", gateway.state, "--run", tmp_path / "r")
    assert done.returncode == 3
    assert f"pid {gateway.pid}" in done.stderr and str(gateway.state) in done.stderr


def test_a_second_daemon_on_the_same_run_directory_is_refused(start_gateway, tmp_path):
    gateway = start_gateway()
    done = bowfin("--listen", "127.0.0.1:0", "--state", tmp_path / "s", "--run", gateway.run)
    assert done.returncode == 3 and "admin.sock" in done.stderr
    assert gateway.bfctl("status")  # and the first one still has its socket


def test_a_state_directory_of_everyone_is_refused(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    done = bowfin("--listen", "127.0.0.1:0", "--state", state, "--run", tmp_path / "r")
    assert done.returncode == 3 and str(state) in done.stderr


def test_files_that_it_makes_are_private(start_gateway):
    gateway = start_gateway()
    assert gateway.state.stat().st_mode & 0o777 == 0o700
    assert gateway.run.stat().st_mode & 0o777 == 0o750
    assert (gateway.run / "admin.sock").stat().st_mode & 0o777 == 0o660
    assert (gateway.state / "admin.token").stat().st_mode & 0o777 == 0o600


def mappings(pid):
    """Name of each region that a process has mapped, with its protection."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        return {found.group(2): found.group(1)
                for found in re.finditer(r"^\S+ (\S+) .*memfd:(\w+)", maps.read(), re.M)}


def links(pid):
    return [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]


@pytest.mark.skipif(os.geteuid() != 0, reason="the daemon's /proc entries are root's")
def test_children_have_what_they_need_and_no_more(start_gateway):
    gateway = start_gateway(workers=1)
    children = {child["proc"]: child["pid"] for child in
                json.loads(gateway.bfctl("--json", "status"))["children"]}
    assert set(children) == {"worker", "aggregator", "admin", "mock"}
    writes = {proc: {name for name, mode in mappings(pid).items() if "w" in mode}
              for proc, pid in children.items()}
    assert writes == {"worker": {"live", "counters"}, "aggregator": {"weights"}, "admin": set(), "mock": set()}
    for proc, pid in children.items():
        assert ("secrets" in mappings(pid)) == (proc == "worker"), proc
        assert not [link for link in links(pid) if "memfd:" in link], proc
        # The aggregator keeps the state until all is stored, also when the master was killed.
        assert bool([link for link in links(pid) if "bowfin.lock" in link]) == (proc == "aggregator"), proc
    port = f":{gateway.port:04X} "
    with open("/proc/net/tcp", encoding="ascii") as table:
        inode = next(line.split()[9] for line in table if port in line and " 0A " in line)
    holders = [proc for proc, pid in children.items() if f"socket:[{inode}]" in links(pid)]
    assert holders == ["worker"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_unprivileged_user_needs_nothing(tmp_path):
    nobody = pwd.getpwnam("nobody")
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    for parent in [home, *home.parents][:4]:
        parent.chmod(parent.stat().st_mode | 0o755)
    env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
    with subprocess.Popen(["setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid),
                           "--clear-groups", BOWFIN, "--listen", "127.0.0.1:0", "--workers", "1"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=clean_environment(env)) as process:
        line = process.stdout.readline()
        if not line:
            pytest.fail(process.stderr.read())
        assert line.startswith("bowfin ready http://127.0.0.1:")
        assert (home / ".local/state/bowfin/admin.token").exists()
        assert (home / "run/bowfin/admin.sock").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_is_dropped_to_the_user(start_gateway):
    gateway = start_gateway("user: nobody\nrequire_key: false\nproviders: { mock: {} }\n")
    nobody = pwd.getpwnam("nobody")
    for pid in [gateway.pid, *gateway.tree()]:
        with open(f"/proc/{pid}/status", encoding="ascii") as text:
            status = text.read()
        assert re.search(r"^Uid:" + f"\\s+{nobody.pw_uid}" * 4 + "$", status, re.M), status
        assert re.search(r"^Groups:\s*$", status, re.M), status
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.M), status
        assert re.search(r"^CapEff:\s+0+$", status, re.M), status
    for path in (gateway.state, gateway.state / "admin.token", gateway.run / "admin.sock"):
        if path.exists():
            assert path.stat().st_uid == nobody.pw_uid
    assert gateway.bfctl("reload")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_that_is_not_there_is_told(tmp_path):
    config = tmp_path / "user.yaml"
    config.write_text("user: nobody-of-that-name\n" + GOOD)
    done = bowfin("-c", config, "--state", tmp_path / "s", "--run", tmp_path / "r")
    assert done.returncode == 3 and "nobody-of-that-name" in done.stderr


def test_children_do_not_outlive_a_killed_master(start_gateway):
    gateway = start_gateway()
    children = gateway.tree()
    assert len(children) == 5
    os.kill(gateway.pid, signal.SIGKILL)
    wait_until(lambda: not [pid for pid in children if os.path.exists(f"/proc/{pid}")],
               "the children's end")
    gateway.kill()


def test_signals_that_mean_nothing_do_nothing(start_gateway):
    gateway = start_gateway()
    before = gateway.tree()
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
        gateway.signal(number)
        for pid in before:
            os.kill(pid, number)
    assert gateway.bfctl("status")
    assert sorted(gateway.tree()) == sorted(before)


def test_quit_drains_as_well(start_gateway):
    gateway = start_gateway()
    gateway.signal(signal.SIGQUIT)
    assert gateway.wait_exit() == 0


def test_the_mock_alone_refuses_what_is_not_its_own():
    done = bowfin("mock", "--state", "/tmp/x")
    assert done.returncode == 2


def test_gateway_class_sees_a_failed_start(tmp_path):
    failing = Gateway("listen: [ 127.0.0.1:0 ]\nproviders: {}\nmodles: {}\n", ready=False)
    assert failing.wait_exit() == 1
    assert "modles" in failing.log() and "models" in failing.log()
    failing.kill()
