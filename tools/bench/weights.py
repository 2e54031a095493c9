"""weights - what the aggregator costs, and how soon a route's death is in every worker's choice."""
import asyncio
import json
import os
import struct
import sys
import time
import urllib.request

from harness import HERE, row, start_bowfin

sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "flow"))
from days import Load, Provider  # noqa: E402

TOKEN = "bench-admin-token-0123456789abcdef"
RATE = 20000
SECONDS = 5
BATCH_S = 0.01    # as workers send them
WRITE_MOST = 64   # samples in PIPE_BUF
DEATHS = 5
# shm/sample.h: version 2
SAMPLE = struct.Struct("<BBHIIIIIHHIIIIIIIIHH")
assert SAMPLE.size == 64


def write(run, name, lines):
    path = os.path.join(run.dir, name)
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(['listen: [ "127.0.0.1:0" ]', "require_key: false", f"admin: {{ token: {TOKEN} }}", *lines]) + "\n")
    return path


def api(port, path):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def pid_of(port, proc):
    return next(c["pid"] for c in api(port, "/api/status")["children"] if c["proc"] == proc)


def pipes(pid, writing):
    """inode -> descriptor, of the pipes that a process writes to (or reads from)."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            kind = os.readlink(f"/proc/{pid}/fd/{fd}")
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
                flags = int(f.read().split("flags:")[1].split()[0], 8)
        except OSError:
            continue
        if kind.startswith("pipe:[") and (flags & os.O_ACCMODE == os.O_WRONLY) == writing:
            found[int(kind[6:-1])] = int(fd)
    return found


def sample_pipe(port):
    """The worker's own end: of its two pipes to the aggregator the one that was made first."""
    worker, aggregator = pid_of(port, "worker"), pid_of(port, "aggregator")
    ours = pipes(worker, True)
    both = sorted(set(ours) & set(pipes(aggregator, False)))
    return os.open(f"/proc/{worker}/fd/{ours[both[0]]}", os.O_WRONLY | os.O_NONBLOCK), aggregator


def cpu_ns(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0])


def sample(number, rows):
    now = int(time.monotonic() * 1000) & 0xffffffff
    outcome, status = (6, 500) if number % 97 == 0 else (1, 200)
    # generations are compared as numbers that grow: this one is newer than any
    return SAMPLE.pack(2, outcome, 0, 1 << 20, rows[number % len(rows)], 200000 + number % 5000, 400000, 50, status, 3, now,
                       0, 12345, 300, 900, 1000, 180000, 200000, 60, 60)


def feed(fd, rows):
    sent, begun = 0, time.monotonic()
    while sent < RATE * SECONDS:
        due = int((time.monotonic() - begun) * RATE)
        while sent < due:
            n = min(WRITE_MOST, due - sent)
            os.write(fd, b"".join(sample(sent + i, rows) for i in range(n)))
            sent += n
        time.sleep(BATCH_S)
    return sent


def part_aggregator(run, upstream):
    names = [f"m{i}" for i in range(25)]
    keys = ", ".join(f"{{ name: k{i}, value: k{i}, capacity: {{ requests: 100k/m }} }}" for i in range(4))
    p, port = start_bowfin(run, write(run, "weights.yaml", [
        "workers: 1", "providers:", f"  up: {{ vendor: openai-compatible, base_url: \"http://127.0.0.1:{upstream}/v1\", "
        f"models: [ {', '.join(names)} ], keys: [ {keys} ] }}"]))
    rows = [r["row"] for r in api(port, "/api/routes")["data"]] if "row" in api(port, "/api/routes")["data"][0] else list(range(100))
    fd, aggregator = sample_pipe(port)
    before = cpu_ns(aggregator)
    begun = time.monotonic()
    sent = feed(fd, rows)
    time.sleep(1.1)  # a beat: what was sent is in the rows
    share = (cpu_ns(aggregator) - before) / 1e9 / (time.monotonic() - begun - 1.1) * 100
    os.close(fd)
    taken = sum(r["samples"] for r in api(port, "/api/routes")["data"])
    row(f"aggregator at {RATE:,} samples/s", f"{share:.2f} %", f"({taken * 100 // sent} % taken)", "of a core", "2 %",
        share <= 2 and taken >= 0.95 * sent)
    run.stop(p)


async def one_death(run, number):
    """Milliseconds from its first failing answer to the last request that any worker sent there."""
    providers = [await Provider().start() for _ in range(4)]
    lines = ["workers: 2", "providers:"]
    lines += [f"  p{i}: {{ vendor: openai-compatible, base_url: \"{p.base}\", keys: [ {{ name: k, value: k }} ] }}"
              for i, p in enumerate(providers)]
    lines.append("models: { fast: { targets: [ p0/m, p1/m, p2/m, p3/m ] } }")
    p, port = await asyncio.to_thread(start_bowfin, run, write(run, f"death-{number}.yaml", lines))
    load = Load(port, 400)
    running = asyncio.ensure_future(load.run(4.5))
    await asyncio.sleep(1)
    providers[0].error_share = 1.0
    await running
    await load.finish()
    failed = [at for at, _, status in providers[0].asked if status == 500]
    for one in providers:
        await one.die()
    await asyncio.to_thread(run.stop, p)
    if load.wrong() or not failed:
        return float("inf")
    # its first probe comes five seconds after it was opened: later than the load
    return (failed[-1] - failed[0]) * 1000


def part_death(run):
    took = [asyncio.run(one_death(run, i)) for i in range(DEATHS)]
    row(f"a route's death in every worker's choice, worst of {DEATHS}", f"{max(took):.0f} ms", f"(best {min(took):.0f} ms)", "", "300 ms",
        max(took) <= 300)
