#!/usr/bin/env python3
"""bench.py - cost per request of Bowfin, as ratios to nginx proxy_pass measured in the same run.

Same upstream, same client (wrk), the two proxies in turn, several rounds; CPU is that of the whole
process tree, from /proc. BENCH_SECONDS (a round, default 3), BENCH_ROUNDS (default 3), BENCH_FULL=1
(a million requests before memory is read), BENCH_ONLY=cpu,latency,... name the parts.
"""
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import money
import weights
from harness import (BOWFIN, FULL, KEY, ONLY, ROUNDS, SECONDS, Running, cost, failures, free_port, lua, median, pss_kib, row,
                     start_bowfin, start_nginx, start_upstream, table, turns, write_yaml, wrk)

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


def part_resolve():
    """The worker's own code without a network: names, rules, candidates, the choice."""
    done = subprocess.run([os.environ["BENCH_RESOLVE"]], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines()[:-1]:
        print(f"    {line}")
    us = float(done.stdout.splitlines()[-1].split()[1])
    row("resolution: 1,000 models, 200 rules, 50 routes each", f"{us:.2f} us", "", "", "2 us", us <= 2)


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
                 "aggregator": lambda: weights.part_aggregator(run, upstream), "death": lambda: weights.part_death(run),
                 "resolve": part_resolve, "translate": lambda: part_translate(run, pairs),
                 "memory": lambda: part_memory(run, config), "start": lambda: part_start(run, upstream),
                 "reload": lambda: part_reload(run, upstream),
                 "money": lambda: money.part_cpu(run, upstream), "keys": lambda: money.part_keys(run, upstream),
                 "money_reload": lambda: money.part_reload(run, upstream)}
        for name, part in parts.items():
            if not ONLY or name in ONLY:
                part()
    finally:
        run.close()
    sys.exit(table())


main()
