#!/usr/bin/env python3
"""bench.py - cost per request of Bowfin, as ratios to nginx proxy_pass measured in the same run.

Same upstream, same client (wrk), the two proxies in turn, several rounds; CPU is that of the whole
process tree, from /proc. BENCH_SECONDS (a round, default 3), BENCH_ROUNDS (default 3), BENCH_FULL=1
(a million requests before memory is read), BENCH_ONLY=cpu,latency,... name the parts.
"""
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

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


def pss_kib(pid):
    total = 0
    for p in tree(pid):
        try:
            with open(f"/proc/{p}/smaps_rollup", encoding="ascii") as f:
                total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
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

def lua(run, name, model, pad=0, provider="bench", more=""):
    path = os.path.join(run.dir, name + ".lua")
    body = f'{{"model":"{provider}/{model}"{more},"messages":[{{"role":"system","content":"You are brief."}},' \
           f'{{"role":"user","content":"{MESSAGE}{"x" * pad}"}}],"temperature":0.7,"stream":{"true" if "stream" in model else "false"}}}'
    with open(path, "w", encoding="ascii") as f:
        f.write('wrk.method = "POST"\n'
                'wrk.headers["Content-Type"] = "application/json"\n'
                f'wrk.headers["Authorization"] = "Bearer {KEY}"\n'
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


# --- parts ---------------------------------------------------------------------------------------

def part_cpu(run, pairs):
    script, size = lua(run, "chat", "gpt")
    turns(pairs, script, 8, 1, 1)
    got = turns(pairs, script, 8)
    b, n = median(got["bowfin"], "us"), median(got["nginx"], "us")
    ratio = statistics.median(x["us"] / y["us"] for x, y in zip(got["bowfin"], got["nginx"]))
    row(f"CPU per request ({size} B chat, 8 connections)", f"{b:.1f} us", f"{n:.1f} us", f"{ratio:.2f} x", "2.0 x", ratio <= 2.0)
    row("requests/s", f"{median(got['bowfin'], 'rps'):.0f}", f"{median(got['nginx'], 'rps'):.0f}", "", "", True)


def part_latency(run, pairs, upstream):
    script, _ = lua(run, "chat", "gpt")
    three = dict(pairs, direct=(os.getpid(), upstream))
    got = turns(three, script, 1)
    d = median(got["direct"], "p50")
    b, n = median(got["bowfin"], "p50") - d, median(got["nginx"], "p50") - d
    row("added latency p50, 1 connection", f"+{b:.0f} us", f"+{n:.0f} us", f"{b / n:.2f} x", "2.2 x", b / n <= 2.2)


def part_stream(run, pairs):
    # streams that outlast the round, so that only chunks are paid for: 100 of them, one chunk each 5 ms
    script, _ = lua(run, "stream", "stream-1000000-5")
    seconds = int(max(SECONDS, 4))
    got = turns(pairs, script, 100, seconds)
    chunks = 100 * seconds * 200
    b, n = median(got["bowfin"], "cpu") * 1e6 / chunks, median(got["nginx"], "cpu") * 1e6 / chunks
    row("CPU per streamed chunk of 80 B (100 streams)", f"{b:.2f} us", f"{n:.2f} us", f"{b / n:.2f} x", "1.5 x", b / n <= 1.5)


def part_prompt(run, pairs):
    script, _ = lua(run, "prompt", "gpt", 100 * 1024)
    got = turns(pairs, script, 8)
    b, n = median(got["bowfin"], "us"), median(got["nginx"], "us")
    row("100 KB prompt, CPU per request", f"{b:.0f} us", f"{n:.0f} us", f"+{b - n:.0f} us", "+60 us", b - n <= 60)


def tools_text():
    """Three tools, so that a request has 2 KB."""
    def tool(n):
        fields = ",".join(f'"field_{i}":{{"type":"string","description":"What the field number {i} of the call is good for."}}'
                          for i in range(6))
        return (f'{{"type":"function","function":{{"name":"tool_{n}","description":"Does the thing number {n} for the user.",'
                f'"parameters":{{"type":"object","properties":{{{fields}}},"required":["field_0","field_1"]}}}}}}')
    return f',"tools":[{tool(1)},{tool(2)},{tool(3)}],"tool_choice":"auto"'


def both_ways(run, pid, port, connections, model, seconds=SECONDS, **kw):
    """The same request to an upstream of its own dialect and to Anthropic's, in turn."""
    home, _ = lua(run, "home", model, **kw)
    abroad, size = lua(run, "abroad", model, provider="claude", **kw)
    got = {"home": [], "abroad": []}
    for _ in range(ROUNDS):
        got["home"].append(cost(pid, port, home, connections, int(max(1, seconds))))
        got["abroad"].append(cost(pid, port, abroad, connections, int(max(1, seconds))))
    return got, size


def part_translate(run, pairs):
    pid, port = pairs["bowfin"]
    got, size = both_ways(run, pid, port, 8, "gpt", more=tools_text())
    added = median(got["abroad"], "us") - median(got["home"], "us")
    row(f"translated request of {size} B with tools", f"+{added:.1f} us", "", "over home", "+15 us", added <= 15)
    seconds = int(max(SECONDS, 4))
    got, _ = both_ways(run, pid, port, 100, "stream-1000000-5", seconds)
    chunks = 100 * seconds * 200
    added = (median(got["abroad"], "cpu") - median(got["home"], "cpu")) * 1e6 / chunks
    row("translated chunk", f"+{added:.2f} us", "", "over home", "+2 us", added <= 2)
    got, size = both_ways(run, pid, port, 8, "gpt", pad=200 * 1024)
    added = median(got["abroad"], "us") - median(got["home"], "us")
    speed = size / max(added, 0.1)
    row("translated 200 KB prompt", f"+{added:.0f} us", "", f"{speed:.0f} MB/s", "400 MB/s", speed >= 400)
    got, _ = both_ways(run, pid, port, 1, "stream-1-0")
    added = median(got["abroad"], "p50") - median(got["home"], "p50")
    row("translated stream of one chunk, p50", f"+{added:.0f} us", "", "over home", "+50 us", added <= 50)


def open_streams(port, count):
    sockets = []
    body = '{"model":"bench/stream-100000-200","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    request = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
               f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", port), 10)
        s.sendall(request)
        sockets.append(s)
    for s in sockets:
        s.settimeout(30)
        if not s.recv(4096).startswith(b"HTTP/1.1 200"):
            failures.append("a stream was not answered with 200")
    return sockets


def part_memory(run, config):
    p, port = start_bowfin(run, config)
    idle = pss_kib(p.pid) / 1024
    row("memory of the tree (PSS), idle", f"{idle:.1f} MiB", "", "", "14 MiB", idle <= 14)
    sockets = open_streams(port, 2000)
    with_streams = pss_kib(p.pid) / 1024
    row("  with 2,000 open streams", f"{with_streams:.1f} MiB", "", "", "150 MiB", with_streams <= 150)
    for s in sockets:
        s.close()
    run.stop(p)
    p, port = start_bowfin(run, config)
    script, _ = lua(run, "chat", "gpt")
    wanted, sent = 1_000_000 if FULL else 200_000, 0
    while sent < wanted:
        sent += wrk(port, script, 8, 5)["n"]
    loaded = pss_kib(p.pid) / 1024
    row(f"  after {sent:,} requests", f"{loaded:.1f} MiB", "", "", "20 MiB", loaded <= 20)
    run.stop(p)


def first_answer_ms(run, upstream):
    port = free_port()
    config = write_yaml(run, upstream, 1000, port, "start.yaml")
    state = tempfile.mkdtemp(dir=run.dir)
    os.chmod(state, 0o755)
    body = b'{"model":"bench/gpt","messages":[]}'
    request = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + KEY.encode() +
               b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
    begun = time.monotonic()
    p = run.start([BOWFIN, "-c", config, "--state", state + "/state", "--run", state + "/run"],
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as s:
                s.sendall(request)
                if s.recv(4096).startswith(b"HTTP/1.1 200"):
                    break
        except OSError:
            time.sleep(0.0005)
        if time.monotonic() - begun > 20:
            sys.exit("no first answer within 20 s")
    took = (time.monotonic() - begun) * 1000
    run.stop(p)
    return took


def part_start(run, upstream):
    first_answer_ms(run, upstream)
    took = statistics.median(first_answer_ms(run, upstream) for _ in range(5))
    row("exec to first answer, 1,000 keys", f"{took:.0f} ms", "", "", "60 ms", took <= 60)


def part_reload(run, upstream):
    config = write_yaml(run, upstream, 100_000, name="many.yaml")
    with open(config, encoding="ascii") as f:
        text = f.read()
    # One key goes, another comes with each: made before, so that writing them is not measured.
    changed = [os.path.join(run.dir, f"many-{i}.yaml") for i in range(4 * ROUNDS)]
    for i, path in enumerate(changed):
        with open(path, "w", encoding="ascii") as f:
            f.write(text.replace(f"name: k{5000 + i},", "name: new,"))
    os.sync()
    p, port = start_bowfin(run, config)
    script, _ = lua(run, "chat", "gpt")
    wrk(port, script, 8, 1)
    without, during = [], []
    for _ in range(ROUNDS):
        without.append(wrk(port, script, 8, 4)["p99"])
        with ThreadPoolExecutor(1) as pool:
            load = pool.submit(wrk, port, script, 8, 4)
            end = time.monotonic() + 3.5
            while time.monotonic() < end:
                os.replace(changed.pop(), config)
                p.send_signal(signal.SIGHUP)
                time.sleep(1.0)
            during.append(load.result()["p99"])
    a, b = statistics.median(without), statistics.median(during)
    row("p99 while reloading 100,000 keys", f"{b:.0f} us", f"({a:.0f} us without)", f"{b / a:.2f} x", "2.0 x", b / a <= 2.0)
    run.stop(p)


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    run = Running()
    try:
        upstream = start_upstream(run)
        nginx, nginx_port = start_nginx(run, upstream)
        config = write_yaml(run, upstream, 1000)
        bowfin, bowfin_port = start_bowfin(run, config)
        pairs = {"bowfin": (bowfin.pid, bowfin_port), "nginx": (nginx.pid, nginx_port)}
        parts = {"cpu": lambda: part_cpu(run, pairs), "latency": lambda: part_latency(run, pairs, upstream),
                 "stream": lambda: part_stream(run, pairs), "prompt": lambda: part_prompt(run, pairs),
                 "translate": lambda: part_translate(run, pairs),
                 "memory": lambda: part_memory(run, config), "start": lambda: part_start(run, upstream),
                 "reload": lambda: part_reload(run, upstream)}
        for name, part in parts.items():
            if not ONLY or name in ONLY:
                part()
    finally:
        run.close()
    print()
    print(f"{'what':<48} {'bowfin':>12} {'nginx':>20} {'ratio':>9} {'at most':>9}")
    for what, bowfin_value, nginx_value, ratio, at_most, ok in rows:
        print(f"{what:<48} {bowfin_value:>12} {nginx_value:>20} {ratio:>9} {at_most:>9} {'' if ok else 'OVER'}")
    for text in failures:
        print("requests failed:", text)
    over = sum(1 for r in rows if not r[5])
    print(f"bench: {len(rows) - over} passed, {over + len(failures)} failed")
    sys.exit(1 if over or failures else 0)


main()
