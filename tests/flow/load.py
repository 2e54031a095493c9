"""load - clients that keep asking while a test does things to the gateway.

Each client keeps one connection, so it is known which worker it was talking to when one is killed.
"""

import http.client
import json
import os
import threading
import time
from pathlib import Path

from wire import DEADLINE, chat


def worker_of(gateway_port, client_port, pids):
    """Which of the processes has this connection; None when none has."""
    inode = None
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{gateway_port:04X}") and fields[2].endswith(f":{client_port:04X}"):
            inode = fields[9]
    if inode is None:
        return None
    for pid in pids:
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]":
                    return pid
        except OSError:
            continue
    return None


class Client(threading.Thread):
    def __init__(self, load, model):
        super().__init__(daemon=True)
        self.load, self.body = load, json.dumps(chat(model)).encode()
        self.answered = self.sent = 0
        self.failures = []  # (when, text, local port)
        self.conn = None
        self.port = None

    def _connect(self):
        self.conn = http.client.HTTPConnection("127.0.0.1", self.load.gateway.port, timeout=DEADLINE)
        self.conn.connect()
        self.port = self.conn.sock.getsockname()[1]

    def run(self):
        while not self.load.stopping.is_set():
            try:
                if self.conn is None or self.conn.sock is None:
                    self._connect()
                self.sent += 1
                self.conn.request("POST", "/v1/chat/completions", self.body,
                                  {"Content-Type": "application/json", **self.load.headers})
                answer = self.conn.getresponse()
                data = answer.read()
                if answer.status != 200:
                    self.failures.append((time.monotonic(), f"{answer.status} {data[:200]!r}", self.port))
                else:
                    self.answered += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append((time.monotonic(), repr(error), self.port))
                self.conn.close()
                self.conn = None
        if self.conn is not None:
            self.conn.close()


class Load:
    """with Load(gateway, clients=8) as load: ... ; then load.answered, load.failures()."""

    def __init__(self, gateway, clients=8, model="up/echo", headers=None):
        self.gateway, self.headers = gateway, headers or {}
        self.stopping = threading.Event()
        self.clients = [Client(self, model) for _ in range(clients)]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for client in self.clients:
            client.join(DEADLINE * 2)
            assert not client.is_alive(), "a client hangs"

    @property
    def answered(self):
        return sum(client.answered for client in self.clients)

    @property
    def sent(self):
        return sum(client.sent for client in self.clients)

    def failures(self):
        return [failure for client in self.clients for failure in client.failures]

    def ports_of(self, pid):
        """Local ports of the clients that this worker serves now."""
        return {client.port for client in self.clients
                if client.port and worker_of(self.gateway.port, client.port, [pid]) == pid}

    def wait_more(self, n):
        """Until `n` further requests have been answered."""
        from wire import wait_until
        target = self.answered + n
        wait_until(lambda: self.answered >= target, f"{n} more answers")
