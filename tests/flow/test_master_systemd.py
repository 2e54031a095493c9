"""systemd, as far as it can be had without one: notices, watchdog, descriptor store, units."""

import array
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from gateway import BOWFIN, ROOT, Gateway, Process, clean_environment
from wire import DEADLINE, call, wait_until

HEAD = "require_key: false\nproviders: { mock: {} }\n"


class Systemd:
    """The other end of NOTIFY_SOCKET, with a descriptor store."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.notices = []
        self.store = {}
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            fds = array.array("i")
            data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
            if data == b"end":
                return
            for _, _, payload in ancillary:
                fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
            text = data.decode()
            name = re.search(r"^FDNAME=(.*)$", text, re.M)
            if "FDSTOREREMOVE=1" in text:
                os.close(self.store.pop(name.group(1))) if name.group(1) in self.store else None
            elif "FDSTORE=1" in text:
                self.store[name.group(1)] = fds[0]
            self.notices.append(text)

    def seen(self, text):
        return any(text in notice for notice in self.notices)

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mine:
            mine.sendto(b"end", self.path)
        self.thread.join()
        self.socket.close()
        for fd in self.store.values():
            os.close(fd)


@pytest.fixture
def systemd(tmp_path):
    one = Systemd(tmp_path)
    yield one
    one.close()


class Started(Process):
    """The gateway as systemd starts it: descriptors from 3 on, in LISTEN_FDS."""

    def __init__(self, directory, fds, notify, listen="127.0.0.1:0"):
        order = [*fds.items()]
        # A shell that becomes the gateway, so that LISTEN_PID is right; it moves the descriptors
        # out of each other's way first.
        high = 200
        moves = [f"exec {high + at}<&{fd}" for at, (_, fd) in enumerate(order)]
        moves += [f"exec {3 + at}<&{high + at}" for at in range(len(order))]
        names = ":".join(name for name, _ in order)
        script = "; ".join([*moves, f"LISTEN_PID=$$ LISTEN_FDS={len(order)} LISTEN_FDNAMES={names} "
                            f"exec {BOWFIN} --state {directory}/state --run {directory}/run "
                            f"--workers 1 --listen {listen}"])
        self.passed = [fd for _, fd in order]
        super().__init__(["bash", "-c", script], r"bowfin ready (\S+) pid=(\d+) workers=(\d+)$",
                         {"NOTIFY_SOCKET": notify})

    def __enter__(self):
        self.wait_ready()
        return self

    def __exit__(self, *_):
        if self.is_running():
            self.signal(signal.SIGTERM)
            assert self.wait_exit() == 0, self.log()
        self.remove()


@pytest.fixture(autouse=True)
def inheritable(monkeypatch):
    """Popen closes what is not named in pass_fds; these tests hand descriptors on."""
    original = subprocess.Popen

    def popen(argv, **options):
        if argv[0] == "bash":
            options["close_fds"] = False
        return original(argv, **options)
    monkeypatch.setattr(subprocess, "Popen", popen)


def test_notices_of_a_life(start_gateway, systemd):
    gateway = start_gateway(HEAD, env={"NOTIFY_SOCKET": systemd.path})
    wait_until(lambda: systemd.seen("READY=1"), "READY")
    gateway.signal(signal.SIGHUP)
    wait_until(lambda: systemd.seen("RELOADING=1"), "RELOADING")
    wait_until(lambda: [n for n in systemd.notices if "READY=1" in n][1:], "READY again")
    gateway.stop()
    assert systemd.seen("STOPPING=1")


def test_nobody_is_told_too_early(systemd):
    failing = Gateway("listen: nothing\n", env={"NOTIFY_SOCKET": systemd.path}, ready=False)
    assert failing.wait_exit() == 1
    assert not systemd.seen("READY=1")
    failing.kill()


def test_the_watchdog_is_fed(start_gateway, systemd):
    start_gateway(HEAD, env={"NOTIFY_SOCKET": systemd.path, "WATCHDOG_USEC": "100000"})
    wait_until(lambda: len([n for n in systemd.notices if "WATCHDOG=1" in n]) >= 5, "five signs of life")


def test_an_abstract_socket_works_as_well(start_gateway, tmp_path):
    del tmp_path
    name = f"\0bowfin-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name)
        listener.settimeout(DEADLINE)
        start_gateway(HEAD, env={"NOTIFY_SOCKET": "@" + name[1:]})
        while b"READY=1" not in listener.recv(4096):
            pass


def generation(directory):
    import json
    from gateway import BFCTL
    done = subprocess.run([BFCTL, "--socket", f"{directory}/run/admin.sock", "--json", "status"],
                          capture_output=True, check=True, env=clean_environment())
    return json.loads(done.stdout)["generation"]


def region_fds(systemd):
    return {name: fd for name, fd in systemd.store.items() if name.startswith("bowfin-")}


def test_regions_outlive_the_daemon(systemd, tmp_path):
    with Started(tmp_path, {}, systemd.path):
        wait_until(lambda: len(region_fds(systemd)) == 4, "four regions in the store")
        assert set(systemd.store) == {"bowfin-published", "bowfin-weights", "bowfin-live", "bowfin-counters"}
        assert generation(tmp_path) == 1
    kept = {name: os.dup(fd) for name, fd in region_fds(systemd).items()}
    for fd in kept.values():
        os.set_inheritable(fd, True)
    with Started(tmp_path, kept, systemd.path) as second:
        assert generation(tmp_path) == 2  # it goes on where the first one was
        assert "regions_not_kept" not in second.log()
    for fd in kept.values():
        os.close(fd)


def test_regions_of_another_layout_are_not_taken(systemd, tmp_path):
    wrong = {}
    for name in ("bowfin-published", "bowfin-weights", "bowfin-live", "bowfin-counters"):
        wrong[name] = os.memfd_create(name, os.MFD_ALLOW_SEALING)
        os.ftruncate(wrong[name], 8192)
        os.set_inheritable(wrong[name], True)
    with Started(tmp_path, wrong, systemd.path) as gateway:
        assert "event=regions_not_kept" in gateway.log()
        assert generation(tmp_path) == 1
    for fd in wrong.values():
        os.close(fd)


def test_a_socket_of_systemds_is_used(systemd, tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        listener.set_inheritable(True)
        with Started(tmp_path, {"web": listener.fileno()}, systemd.path, address) as gateway:
            assert gateway.ready.group(1) == f"http://{address}"
            assert call(f"http://{address}", "GET", "/healthz").status == 200


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")


@needs_systemd
def test_units_are_sound(tmp_path):
    for name in ("bowfin.service", "bowfin.socket"):
        text = (ROOT / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/bin/bowfin", BOWFIN))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "bowfin.service",
                           tmp_path / "bowfin.socket"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_the_unit_is_hardened():
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=20",
                           ROOT / "systemd" / "bowfin.service"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout[-400:]


def test_install_puts_everything_in_its_place(tmp_path):
    destdir = tmp_path / "root"
    install = ["sh", str(ROOT / "tools" / "install.sh"), str(destdir), "/usr/local", "/etc",
               "/usr/local/lib/systemd/system"]
    subprocess.run(install, check=True, capture_output=True)
    unit = (destdir / "usr/local/lib/systemd/system/bowfin.service").read_text()
    assert "ExecStart=/usr/local/bin/bowfin" in unit
    for path in ("usr/local/lib/sysusers.d/bowfin.conf", "usr/local/lib/tmpfiles.d/bowfin.conf",
                 "usr/local/share/man/man8/bowfin.8", "usr/local/share/man/man1/bfctl.1",
                 "usr/local/share/man/man5/bowfin.yaml.5",
                 "usr/local/share/bash-completion/completions/bfctl"):
        assert (destdir / path).is_file(), path
    config = destdir / "etc/bowfin/bowfin.yaml"
    assert config.stat().st_mode & 0o777 == 0o640
    done = subprocess.run([BOWFIN, "-t", "-c", config], capture_output=True, text=True,
                          env=clean_environment(), check=False)
    assert done.returncode == 0, done.stdout
    config.write_text("mine\n")
    subprocess.run(install, check=True, capture_output=True)
    assert config.read_text() == "mine\n"
