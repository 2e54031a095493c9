"""gateway - start, watch and stop the real processes: the gateway and the mock provider."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from wire import DEADLINE, call, wait_until

ROOT = Path(__file__).resolve().parents[2]
BOWFIN = os.environ.get("BOWFIN_BIN", str(ROOT / "build" / "bowfin"))
BFCTL = os.environ.get("BFCTL_BIN", str(ROOT / "build" / "bfctl"))
ADMIN_TOKEN = "flow-admin-token-0123456789abcdef"

# What must never stand in a log, whatever a test does.
CRASH = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|must\(|"
                   r"SUMMARY: |signal=(4|6|7|8|11)\b|Segmentation fault")

# Credentials of the machine must not leak into a test, or a test into an account.
SCRUB = re.compile(r"\w+_API_(KEY|TOKEN)|(HF|GITHUB|DATABRICKS|DEEPINFRA)_TOKEN|(AWS|AZURE|GOOGLE|GCE|IDENTITY)_\w+|"
                   r"DATABRICKS_HOST|(http|https|all)_proxy|(HTTP|HTTPS|ALL)_PROXY")


def clean_environment(more=None):
    env = {name: value for name, value in os.environ.items() if not SCRUB.fullmatch(name)}
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    env.update(more or {})
    return env


class Process:
    """A process with a ready line on stdout and a log on stderr."""

    def __init__(self, argv, ready, env=None, directory=None):
        self.directory = Path(directory or tempfile.mkdtemp(prefix="bf-", dir="/tmp"))
        # The gateway drops root to a user of its own, who has to get in here.
        self.directory.chmod(0o755)
        self.log_path = self.directory / "log"
        self.argv = [str(part) for part in argv]
        self.lines = []
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log,
                                            env=clean_environment(env), cwd=self.directory)
        self.pid = self.process.pid
        self.ready = None
        self._pattern = re.compile(ready)
        self._seen = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            text = line.decode(errors="replace").rstrip("\n")
            self.lines.append(text)
            found = self._pattern.match(text)
            if found:
                self.ready = found
                self._seen.set()
        self._seen.set()

    def wait_ready(self, deadline=DEADLINE):
        if not self._seen.wait(deadline) or self.ready is None:
            self.process.kill()
            code = self.process.wait()
            raise AssertionError(f"{self.argv} was not ready in {deadline} s (exit {code}):\n"
                                 f"{self.lines}\n{self.log()}")
        return self.ready

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_log(self, pattern, deadline=DEADLINE):
        return wait_until(lambda: re.search(pattern, self.log()), f"{pattern} in the log", deadline)

    def wait_exit(self, deadline=DEADLINE):
        return self.process.wait(deadline)

    def signal(self, number):
        self.process.send_signal(number)

    def is_running(self):
        return self.process.poll() is None

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


class Mock(Process):
    """`bowfin mock`, alone."""

    def __init__(self, env=None):
        super().__init__([BOWFIN, "mock", "--listen", "127.0.0.1:0"], r"mock ready (http://\S+)$", env)
        self.base = self.wait_ready().group(1)
        self.base_v1 = self.base + "/v1"

    def requests(self):
        """What it received, oldest first: method, path, headers, body, model, outcome, ..."""
        return call(self.base, "GET", "/requests").json()["data"]

    def clear(self):
        assert call(self.base, "DELETE", "/requests").status == 200

    def last(self):
        return self.requests()[-1]

    def stop(self):
        self.signal(signal.SIGTERM)
        assert self.wait_exit() == 0, self.log()
        assert not CRASH.search(self.log()), self.log()
        self.remove()


class Gateway(Process):
    """The gateway in directories of its own, on a free port.

    `yaml`: the file's text (an admin token is added unless it has one); None: zero-config.
    """

    def __init__(self, yaml=None, workers=2, args=(), env=None, listen=("127.0.0.1:0",), ready=True):
        directory = Path(tempfile.mkdtemp(prefix="bf-", dir="/tmp"))
        directory.chmod(0o755)
        self.state, self.run = directory / "state", directory / "run"
        self.config = directory / "bowfin.yaml"
        self.has_file = yaml is not None
        argv = [BOWFIN, "--state", self.state, "--run", self.run]
        if workers is not None:  # None: what the file says
            argv += ["--workers", workers]
        for address in listen:
            argv += ["--listen", address]
        if yaml is not None:
            self.write(yaml)
            argv += ["-c", self.config]
        super().__init__(argv + list(args), r"bowfin ready (\S+) pid=(\d+) workers=(\d+)$", env,
                         directory)
        self.base = None
        self.checked = False
        if ready:
            self.started()

    def started(self):
        found = self.wait_ready()
        self.base = found.group(1)
        self.port = int(self.base.rsplit(":", 1)[1]) if self.base.startswith("http") else 0
        assert int(found.group(2)) == self.pid
        self.workers = int(found.group(3))
        return self

    def write(self, yaml):
        """Replace the file (a reload is asked for by reload())."""
        if not re.search(r"^admin:", yaml, re.M):
            yaml = f"admin: {{ token: {ADMIN_TOKEN} }}\n" + yaml
        new = self.config.with_suffix(".new")
        new.write_text(yaml)
        new.chmod(0o644)
        new.replace(self.config)

    # --- clients ---

    def call(self, method, path, body=None, headers=None, key=None, timeout=DEADLINE):
        headers = dict(headers or {})
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return call(self.base, method, path, body, headers, timeout)

    def api(self, method, path, body=None, expect=None):
        """The management API, as an administrator; the JSON, or with `expect=None` the answer."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"} if self.has_file else {}
        answer = self.call(method, path, body, headers)
        if expect is None:
            return answer
        assert answer.status == expect, answer
        return answer.json() if answer.body else None

    def bfctl(self, *args, expect=0, timeout=DEADLINE):
        """bfctl on the admin socket; its stdout."""
        done = subprocess.run([BFCTL, "--socket", str(self.run / "admin.sock"), *map(str, args)],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              env=clean_environment(), check=False)
        text = done.stdout.decode()
        assert expect is None or done.returncode == expect, (args, done.returncode, text, done.stderr)
        return text

    # --- processes ---

    def status(self):
        return self.api("GET", "/api/status", expect=200)

    def children(self):
        return self.status()["children"]

    def pids(self, proc):
        """Of "worker", "aggregator", "admin" or "mock", as the master knows them now."""
        return [child["pid"] for child in self.children() if child["proc"] == proc]

    def tree(self):
        """Every process below the master, from /proc (also when the API is down)."""
        pids, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            try:
                found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            except OSError:
                continue
            pids += [int(child) for child in found]
            todo += [int(child) for child in found]
        return pids

    def kill_child(self, pid, number=signal.SIGKILL):
        assert pid in self.tree(), f"{pid} is not a process of this gateway"
        os.kill(pid, number)

    def wait_replaced(self, pid, proc):
        """Until another process of that kind is ready in the place of `pid`."""
        def replaced():
            try:
                children = self.children()
            except (OSError, AssertionError, ValueError):
                return False
            return pid not in [child["pid"] for child in children] and \
                any(child["proc"] == proc for child in children)
        wait_until(replaced, f"{proc} {pid} replaced")

    def own_kib(self, pids=None):
        """The part of it that is not clean pages of files: how many of those are mapped depends on what lies in the
        machine's page cache (the kernel maps around a fault), not on us."""
        total = 0
        for pid in pids or [self.pid, *self.tree()]:
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(kib) for kib in re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", text, re.M))
        return total

    def generation(self):
        return self.status()["generation"]

    def reload(self, yaml=None, deadline=DEADLINE):
        """SIGHUP; waits until the reload has ended and returns last_reload."""
        before = self.status()["last_reload"]
        if yaml is not None:
            self.write(yaml)
        self.signal(signal.SIGHUP)

        def ended():
            last = self.status()["last_reload"]
            return last if last != before else None
        return wait_until(ended, "the reload", deadline)

    def memory_kib(self, pids=None):
        """PSS of the tree (or of `pids`), in KiB."""
        total = 0
        for pid in pids or [self.pid, *self.tree()]:
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
        return total

    # --- the end ---

    def check_log(self):
        log = self.log()
        found = CRASH.search(log)
        assert not found, f"{found.group(0)} in the log:\n{log[-6000:]}"

    def stop(self, deadline=DEADLINE):
        """TERM; it must drain, exit with 0, leave no child and no crash in the log."""
        if self.checked:
            return
        self.checked = True
        children = self.tree()
        if self.is_running():
            self.signal(signal.SIGTERM)
        try:
            code = self.wait_exit(deadline)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running {deadline} s after TERM:\n{self.log()[-6000:]}")
        assert code == 0, f"exit {code}:\n{self.log()[-6000:]}"
        self.check_log()
        wait_until(lambda: not [pid for pid in children if is_alive(pid)], "the children's end")
        self.remove()

    def kill(self):
        """End it without ceremony: for tests that have failed or killed it themselves."""
        self.checked = True
        for pid in self.tree():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.is_running():
            self.process.kill()
        self.process.wait()
        self.remove()


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def make_certificate(directory, name="tls"):
    """A self-signed certificate for localhost: paths of certificate and key, readable for whom a gateway drops to."""
    certificate, key = Path(directory) / f"{name}.crt", Path(directory) / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=DEADLINE)
    certificate.chmod(0o644)
    key.chmod(0o644)
    return certificate, key


def one_provider(base_v1, name="up", more="", key="up-key"):
    """A file with one OpenAI-compatible provider; `more` is put behind it."""
    return f"""require_key: false
providers:
  {name}:
    vendor: openai-compatible
    base_url: {base_v1}
    keys: [ {{ name: main, value: {json.dumps(key)} }} ]
{more}"""
