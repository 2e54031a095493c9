"""harness - what every part of the benchmark needs: processes, their CPU and memory, load, and the table."""
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
FULL = os.environ.get("BENCH_FULL") == "1"
ONLY = set(filter(None, os.environ.get("BENCH_ONLY", "").split(",")))
BOWFIN = os.environ.get("BOWFIN_BIN", "build/bowfin")
HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
KEY = "sk-bf-bench-bench-bench-bench-bench-bench"
MESSAGE = "Please say hello to the gateway and tell me how it is doing on this fine day today."
rows = []
failures = []


def row(what, bowfin, nginx, ratio, at_most, ok):
    rows.append((what, bowfin, nginx, ratio, at_most, ok))
    print(f"  {what}: bowfin {bowfin}, nginx {nginx}, {ratio} (at most {at_most}) {'ok' if ok else 'OVER'}",
          flush=True)


# --- processes ---------------------------------------------------------------------------------

def tree(pid):
    """pid and all that descend from it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="latin-1") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                parents.setdefault(int(fields[1]), []).append(int(name))
            except OSError:
                pass
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        todo += parents.get(p, [])
    return found


def cpu_s(pid):
    """User and system seconds of the tree so far, by the scheduler's own nanoseconds."""
    total = 0.0
    for p in tree(pid):
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0]) / 1e9
        except OSError:
            pass
    return total


def pss_kib(pid, kind="Pss"):
    """Of the tree; kind: a row of smaps_rollup, such as Pss_Shmem."""
    total = 0
    for p in tree(pid):
        try:
            with open(f"/proc/{p}/smaps_rollup", encoding="ascii") as f:
                total += int(re.search(rf"^{kind}:\s+(\d+)", f.read(), re.M).group(1))
        except (OSError, AttributeError):
            pass
    return total


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Running:
    """Processes that end with the benchmark."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="bowfin-bench-")
        os.chmod(self.dir, 0o755)
        self.procs = []

    def start(self, argv, **kw):
        p = subprocess.Popen(argv, **kw)
        self.procs.append(p)
        return p

    def stop(self, p):
        if p.poll() is None:
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(15)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        if p in self.procs:
            self.procs.remove(p)

    def close(self):
        for p in list(self.procs):
            self.stop(p)
        shutil.rmtree(self.dir, ignore_errors=True)


def wait_port(port, deadline=10.0):
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.005)
    sys.exit(f"nothing listens on port {port}")


def start_upstream(run):
    program = os.path.join(run.dir, "upstream")
    subprocess.run([os.environ.get("CC", "gcc").split()[-1], "-O2", "-D_GNU_SOURCE", os.path.join(HERE, "upstream.c"),
                    "-o", program], check=True)
    p = run.start([program], stdout=subprocess.PIPE, text=True)
    return int(p.stdout.readline())


def start_nginx(run, upstream):
    port = free_port()
    path = os.path.join(run.dir, "nginx.conf")
    user = "user root;" if os.getuid() == 0 else ""
    with open(path, "w", encoding="ascii") as f:
        f.write(f"""{user} worker_processes 1; daemon off; pid {run.dir}/nginx.pid; error_log /dev/null crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_buffer_size 256k; client_max_body_size 64m; keepalive_requests 100000000;
  client_body_temp_path {run.dir}/b; proxy_temp_path {run.dir}/p; fastcgi_temp_path {run.dir}/f;
  uwsgi_temp_path {run.dir}/u; scgi_temp_path {run.dir}/s;
  upstream u {{ server 127.0.0.1:{upstream}; keepalive 4096; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; }} }}
}}
""")
    p = run.start(["/usr/sbin/nginx", "-e", "/dev/null", "-c", path, "-p", run.dir], stderr=subprocess.DEVNULL)
    wait_port(port)
    return p, port


def write_yaml(run, upstream, n_keys, port=0, name="bowfin.yaml"):
    path = os.path.join(run.dir, name)
    with open(path, "w", encoding="ascii") as f:
        f.write(f"""listen: [ "127.0.0.1:{port}" ]
workers: 1
require_key: true
providers:
  bench:
    vendor: openai-compatible
    base_url: http://127.0.0.1:{upstream}/v1
    keys: [ {{ name: a, value: upstream-secret-a }}, {{ name: b, value: upstream-secret-b }} ]
  claude:
    vendor: anthropic-compatible
    base_url: http://127.0.0.1:{upstream}/anthropic/v1
    keys: [ {{ name: a, value: upstream-secret-a }}, {{ name: b, value: upstream-secret-b }} ]
limits: {{ connections: 20000 }}
virtual_keys:
  - {{ name: bench, value: {KEY}, models: ["bench/*", "claude/*"] }}
""")
        for i in range(n_keys - 1):
            f.write(f"  - {{ name: k{i}, value: sk-bf-other-key-number-{i:09d}, models: [\"bench/*\"] }}\n")
    return path


def start_bowfin(run, config):
    state = tempfile.mkdtemp(dir=run.dir)
    argv = [BOWFIN, "-c", config, "--state", state + "/state", "--run", state + "/run"]
    if os.getuid() == 0:
        os.chmod(state, 0o755)
    p = run.start(argv, stdout=subprocess.PIPE, stderr=open(os.path.join(run.dir, "bowfin.log"), "ab"), text=True)
    line = p.stdout.readline()
    m = re.match(r"bowfin ready http://[^:]+:(\d+) ", line)
    if not m:
        with open(os.path.join(run.dir, "bowfin.log"), encoding="utf-8") as f:
            sys.exit("bowfin did not start:\n" + f.read()[-3000:])
    return p, int(m.group(1))


# --- load ----------------------------------------------------------------------------------------

def lua(run, name, model, pad=0, provider="bench", more="", key=KEY):
    path = os.path.join(run.dir, name + ".lua")
    body = f'{{"model":"{provider}/{model}"{more},"messages":[{{"role":"system","content":"You are brief."}},' \
           f'{{"role":"user","content":"{MESSAGE}{"x" * pad}"}}],"temperature":0.7,"stream":{"true" if "stream" in model else "false"}}}'
    with open(path, "w", encoding="ascii") as f:
        f.write('wrk.method = "POST"\n'
                'wrk.headers["Content-Type"] = "application/json"\n'
                f'wrk.headers["Authorization"] = "Bearer {key}"\n'
                f"wrk.body = '{body}'\n")
    return path, len(body)


def wrk(port, script, connections, seconds):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", script,
                          f"http://127.0.0.1:{port}/v1/chat/completions"], capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    sockets = re.search(r"Socket errors: (.*)", out)
    if bad or (sockets and not re.fullmatch(r"connect 0, read 0, write 0, timeout 0", sockets.group(1))):
        failures.append((bad.group(0) if bad else "") + (" " + sockets.group(0) if sockets else ""))

    def lat(p):
        m = re.search(rf"^\s+{p}%\s+([\d.]+)(us|ms|s)", out, re.M)
        return float(m.group(1)) * {"us": 1, "ms": 1e3, "s": 1e6}[m.group(2)]
    return {"n": requests, "p50": lat(50), "p99": lat(99), "rps": requests / seconds}


def cost(pid, port, script, connections, seconds):
    before = cpu_s(pid)
    got = wrk(port, script, connections, seconds)
    got["cpu"] = cpu_s(pid) - before
    got["us"] = got["cpu"] / max(got["n"], 1) * 1e6
    return got


def turns(pairs, script, connections, seconds=SECONDS, rounds=ROUNDS):
    """Each of the named (pid, port) in turn; a list of results per name."""
    got = {name: [] for name in pairs}
    for _ in range(rounds):
        for name, (pid, port) in pairs.items():
            got[name].append(cost(pid, port, script, connections, int(max(1, seconds))))
    return got


def median(results, field):
    return statistics.median(r[field] for r in results)


def table():
    """Print it; the exit status."""
    print()
    print(f"{'what':<48} {'bowfin':>12} {'nginx':>20} {'ratio':>9} {'at most':>9}")
    for what, bowfin_value, nginx_value, ratio, at_most, ok in rows:
        print(f"{what:<48} {bowfin_value:>12} {nginx_value:>20} {ratio:>9} {at_most:>9} {'' if ok else 'OVER'}")
    for text in failures:
        print("requests failed:", text)
    over = sum(1 for r in rows if not r[5])
    print(f"bench: {len(rows) - over} passed, {over + len(failures)} failed")
    return 1 if over or failures else 0
