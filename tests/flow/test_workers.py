"""What workers do among themselves."""

import os
import signal
import socket

from wire import DEADLINE, wait_until

N = 40


def workers(gateway):
    return gateway.status()["workers"]


def connect(gateway, n):
    return [socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE) for _ in range(n)]


def open_at(gateway):
    """Connections by worker, once all are taken; one more is the question's own."""
    def taken():
        has = [worker["stats"]["connections_open"] for worker in workers(gateway)]
        return has if sum(has) > N else None
    return wait_until(taken, "every connection taken")


def close(connections):
    for connection in connections:
        connection.close()


def test_connections_that_come_at_once_are_shared(start_gateway):
    """They stay for long: if the worker that wakes first took all, one core would do all the work."""
    gateway = start_gateway(workers=2)
    pids = [worker["pid"] for worker in workers(gateway)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    connections = connect(gateway, N)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    has = open_at(gateway)
    assert min(has) >= N // 4, has
    close(connections)


def test_a_stopped_worker_is_not_waited_for(start_gateway):
    """It has the fewest connections, but takes none."""
    gateway = start_gateway(workers=2)
    stopped = workers(gateway)[0]["pid"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        connections = connect(gateway, N)
        has = open_at(gateway)
        assert min(has) <= 1, has
        close(connections)
    finally:
        os.kill(stopped, signal.SIGCONT)
