"""HTTP/2: with curl, nghttp and h2load as users bring them, and with a client that does harm."""

import json
import re
import socket
import ssl
import struct
import subprocess

import hpack
import pytest

from gateway import ROOT, make_certificate, one_provider
from wire import DEADLINE, call, chat

BODY = json.dumps(chat("up/echo"))
H2SPEC = ROOT / "build" / "tools" / "h2spec"


def run(argv, expect=0):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE * 2, check=False)
    assert expect is None or done.returncode == expect, (argv, done.returncode, done.stdout[-2000:], done.stderr)
    return done.stdout


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    directory.chmod(0o755)
    make_certificate(directory)
    for parent in (directory, *directory.parents):
        if parent.name.startswith("pytest-"):
            parent.chmod(0o755)
    return directory


@pytest.fixture
def tls_gateway(start_gateway, certificate, mock):
    tls = f"{{ certificate: {certificate}/tls.crt, key: {certificate}/tls.key }}"
    return start_gateway(f'listen: [ {{ address: "127.0.0.1:0", tls: {tls} }} ]\n' + one_provider(mock.base_v1),
                         listen=())


def curl(base, *more, body=BODY):
    out = run(["curl", "-sS", "-o", "/dev/stdout", "-w", "\n%{http_version} %{http_code}", *more,
               "-H", "Content-Type: application/json", "-d", body, base + "/v1/chat/completions"])
    answer, last = out.decode().rsplit("\n", 1)
    version, status = last.split()
    return version, int(status), answer


# --- as users come ---

def test_h2c_with_prior_knowledge(mocked_gateway):
    version, status, answer = curl(mocked_gateway.base, "--http2-prior-knowledge")
    assert (version, status) == ("2", 200)
    assert json.loads(answer)["choices"][0]["message"]["content"] == "hello"


def test_h2c_stream(mocked_gateway):
    _, status, answer = curl(mocked_gateway.base, "-N", "--http2-prior-knowledge",
                             body=json.dumps(chat("up/lorem-50-2", stream=True)))
    assert status == 200 and answer.count("data: ") == 53 and "data: [DONE]" in answer


def test_h2c_error(mocked_gateway):
    _, status, answer = curl(mocked_gateway.base, "--http2-prior-knowledge", body="{")
    assert status == 400 and json.loads(answer)["error"]["code"] == "not_json"


def test_h2c_cut_stream_ends_with_an_error_event(mocked_gateway):
    _, status, answer = curl(mocked_gateway.base, "--http2-prior-knowledge",
                             body=json.dumps(chat("up/cut-2", stream=True)))
    assert status == 200 and '"upstream_cut"' in answer.strip().rsplit("\n\n", 1)[-1]


@pytest.mark.parametrize("flag,version", [("--http2", "2"), ("--http1.1", "1.1")])
@pytest.mark.parametrize("tls", ["--tlsv1.3", "--tls-max=1.2"])
def test_tls(tls_gateway, certificate, flag, version, tls):
    base = tls_gateway.base.replace("127.0.0.1", "localhost")
    assert base.startswith("https://")
    tls = tls.split("=")
    got, status, answer = curl(base, flag, *tls, "--cacert", str(certificate / "tls.crt"))
    assert (got, status) == (version, 200)
    assert json.loads(answer)["choices"][0]["message"]["content"] == "hello"


def test_tls_is_not_spoken_to_plain_http(tls_gateway):
    port = tls_gateway.port
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as sock:
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " not in sock.recv(1000)


def test_old_tls_is_refused(tls_gateway):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", tls_gateway.port), timeout=DEADLINE) as sock:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(sock)


def test_http2_can_be_switched_off(start_gateway, certificate, mock):
    tls = f"{{ certificate: {certificate}/tls.crt, key: {certificate}/tls.key }}"
    gateway = start_gateway(f'http2: false\nlisten: [ {{ address: "127.0.0.1:0", tls: {tls} }} ]\n'
                            + one_provider(mock.base_v1), listen=())
    base = gateway.base.replace("127.0.0.1", "localhost")
    version, status, _ = curl(base, "--http2", "--cacert", str(certificate / "tls.crt"))
    assert (version, status) == ("1.1", 200)


def test_h2load(mocked_gateway, mock, tmp_path):
    body = tmp_path / "body.json"
    body.write_text(BODY)
    out = run(["h2load", "-n", "2000", "-c", "4", "-m", "32", "-d", str(body), "-H", "content-type: application/json",
               mocked_gateway.base + "/v1/chat/completions"]).decode()
    assert re.search(r"2000 succeeded, 0 failed, 0 errored, 0 timeout", out), out
    assert re.search(r"status codes: 2000 2xx", out), out
    assert len(mock.requests()) == 1000  # the ring's size: more have passed


def test_nghttp(mocked_gateway, tmp_path):
    body = tmp_path / "body.json"
    body.write_text(BODY)
    out = run(["nghttp", "-v", "-d", str(body), "-H", "content-type: application/json",
               mocked_gateway.base + "/v1/chat/completions"]).decode()
    assert ":status: 200" in out and "x-bf-request-id" in out
    assert "GOAWAY" not in out.split("END_STREAM")[0]


def test_h2spec(mocked_gateway):
    """Conformance by somebody else's tool; the known failures are listed in tests/README.md."""
    if not H2SPEC.exists():
        pytest.skip("h2spec is not built: there is no Go compiler (tests/README.md)")
    done = subprocess.run([H2SPEC, "-h", "127.0.0.1", "-p", str(mocked_gateway.port), "-o", "5", "-P", "/healthz"],
                          capture_output=True, timeout=300, check=False)
    out = done.stdout.decode(errors="replace")
    assert re.search(r"\d+ tests, \d+ passed", out), out[-2000:]
    # A failure is told as "× 1: Sends ..." under headings "8.1.2.3. Request ...", under a group's name.
    failed, group, section = set(), "", ""
    for line in out.partition("Failures:")[2].splitlines():
        if re.match(r"[A-Z]\w+ .*(Tests|HTTP/2|Compression)", line, re.I) and not line.startswith("Finished"):
            group = line.split()[0].strip(":").lower()
        elif found := re.match(r"\s+([\d.]+)\. ", line):
            section = found.group(1)
        elif found := re.match(r"\s+× (\d+): ", line):
            failed.add(f"{group}/{section}/{found.group(1)}")
    readme = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    assert failed == set(re.findall(r"^- `(\w+/[\d.]+/\d+)`", readme, re.M)), out[-6000:]


# --- as attackers come ---

class Attacker:
    """A connection whose frames are written by hand: a library would be too polite."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.rest = b""
        self.settings = None
        self.ended = False
        self.statuses, self.resets = {}, {}
        self.window = {0: 65535}  # what we may still send, per stream; 0 is the connection
        self.first_window = 65535
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.send(4, 0, 0, b"")

    def send(self, kind, flags, stream, payload):
        self.sock.sendall(frame(kind, flags, stream, payload))

    def headers(self, length, method="POST", path="/v1/chat/completions", more=()):
        return self.encoder.encode([
            (":method", method), (":scheme", "http"), (":authority", "x"), (":path", path),
            ("content-type", "application/json"), ("content-length", str(length)), *more])

    def read(self):
        """Take what has come; False at the connection's end."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            return False
        self.rest += data
        while len(self.rest) >= 9:
            length = int.from_bytes(self.rest[:3], "big")
            if len(self.rest) < 9 + length:
                break
            kind, flags = self.rest[3], self.rest[4]
            stream = int.from_bytes(self.rest[5:9], "big") & 0x7fffffff
            payload, self.rest = self.rest[9:9 + length], self.rest[9 + length:]
            self.on_frame(kind, flags, stream, payload)
        return True

    def on_frame(self, kind, flags, stream, payload):
        if kind == 1:
            self.statuses[stream] = dict(self.decoder.decode(payload)).get(":status")
        elif kind == 3:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == 4 and not flags & 1:
            self.settings = dict(struct.unpack(">HI", payload[i:i + 6]) for i in range(0, len(payload), 6))
            self.first_window = self.settings.get(4, 65535)
            self.send(4, 1, 0, b"")
        elif kind == 7:
            self.ended = True
        elif kind == 8:
            self.window[stream] = self.window.get(stream, self.first_window) + int.from_bytes(payload, "big")

    def read_to_end(self):
        while self.read():
            pass

    def is_answered(self, stream):
        return self.statuses.get(stream) or stream in self.resets or self.ended

    def close(self):
        self.sock.close()


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


@pytest.fixture
def attacker(mocked_gateway):
    one = Attacker(mocked_gateway.port)
    yield one
    one.close()


def still_serves(gateway):
    assert gateway.call("POST", "/v1/chat/completions", chat("up/echo")).status == 200


def attack(attacker, frames):
    """Send until the gateway ends the connection; True when it did."""
    try:
        for frame in frames:
            attacker.send(*frame)
    except (BrokenPipeError, ConnectionResetError):
        return True
    # All of it went into the kernel's buffers: the end is seen by reading.
    try:
        attacker.read_to_end()
    except TimeoutError:
        pass
    return attacker.ended


def test_streams_are_bounded(attacker):
    while attacker.settings is None:
        assert attacker.read()
    assert attacker.settings[3] <= 100  # SETTINGS_MAX_CONCURRENT_STREAMS


def test_rapid_reset_is_cut(mocked_gateway, mock, attacker):
    def frames():
        for i in range(20000):
            yield 1, 5, 2 * i + 1, attacker.headers(0, "GET", "/v1/files?provider=up")
            yield 3, 0, 2 * i + 1, struct.pack(">I", 8)

    assert attack(attacker, frames()), "20,000 aborted streams on one connection"
    # HEADERS and RST in one read never reach the provider.
    assert len(mock.requests()) < 500
    still_serves(mocked_gateway)


@pytest.mark.parametrize("kind", ["window update of zero", "header on a half-closed stream"])
def test_resets_that_we_are_made_to_send_are_cut(mocked_gateway, attacker, kind):
    """MadeYouReset: the client has the server abort streams that it works on."""
    def frames():
        for i in range(20000):
            stream = 2 * i + 1
            yield 1, 5, stream, attacker.headers(0, "GET", "/v1/files?provider=up")
            if kind == "window update of zero":
                yield 8, 0, stream, struct.pack(">I", 0)
            else:
                yield 0, 0, stream, b"x"

    assert attack(attacker, frames())
    still_serves(mocked_gateway)


def test_a_flood_of_continuations_is_cut(mocked_gateway, attacker):
    def frames():
        yield 1, 0, 1, attacker.headers(0)
        for _ in range(20000):
            yield 9, 0, 1, b"\x00\x04name" + b"\x7f\x81\x07" + b"v" * 1024

    assert attack(attacker, frames()), "a head without end"
    still_serves(mocked_gateway)


@pytest.mark.parametrize("kind,flags,payload", [(6, 0, b"12345678"), (4, 0, b""), (0, 0, b""), (2, 0, b"\0\0\0\0\x10")],
                         ids=["ping", "settings", "empty data", "priority"])
def test_floods_do_not_grow_a_worker(mocked_gateway, attacker, kind, flags, payload):
    """The answers are never read: they may not pile up, and others are served meanwhile."""
    before = mocked_gateway.memory_kib(mocked_gateway.pids("worker"))
    attacker.sock.settimeout(2)
    stream = 1 if kind in (0, 2) else 0
    if stream:
        attacker.send(1, 4, 1, attacker.headers(1))
    flood = frame(kind, flags, stream, payload) * 1000
    try:
        for _ in range(200):
            attacker.sock.sendall(flood)
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        pass  # it stopped reading us, or cut us off: both are right
    still_serves(mocked_gateway)
    grown = mocked_gateway.memory_kib(mocked_gateway.pids("worker")) - before
    assert grown < 16 * 1024, f"{grown} KiB"


def test_a_body_past_the_limit(mocked_gateway, mock, attacker):
    """40 MiB as fast as the windows let them go: refused by a status, as over HTTP/1.1."""
    while attacker.settings is None:
        assert attacker.read()
    attacker.send(1, 4, 1, attacker.headers(40 << 20))
    attacker.window.setdefault(1, attacker.first_window)
    sent = 0
    while sent < 40 << 20:
        n = min(16384, attacker.window[0], attacker.window[1])
        if n == 0:
            assert attacker.read()
            continue
        attacker.send(0, 1 if sent + n == 40 << 20 else 0, 1, b" " * n)
        attacker.window[0] -= n
        attacker.window[1] -= n
        sent += n
    while not attacker.is_answered(1):
        attacker.read()
    assert attacker.statuses.get(1) == "413"
    assert mock.requests() == []
    still_serves(mocked_gateway)


def test_a_body_far_past_the_limit(mocked_gateway, mock, attacker):
    """Twice the limit is never held: the stream is reset before its end."""
    while attacker.settings is None:
        assert attacker.read()
    attacker.send(1, 4, 1, attacker.headers(1 << 30))
    attacker.window.setdefault(1, attacker.first_window)
    sent = 0
    while not attacker.is_answered(1) and sent < 100 << 20:
        n = min(16384, attacker.window[0], attacker.window[1])
        if n == 0:
            attacker.read()
            continue
        attacker.send(0, 0, 1, b" " * n)
        attacker.window[0] -= n
        attacker.window[1] -= n
        sent += n
    assert attacker.is_answered(1) and sent < 80 << 20
    assert mock.requests() == []
    still_serves(mocked_gateway)


@pytest.mark.parametrize("header", [("transfer-encoding", "chunked"), ("x-a", "b\r\nx-evil: 1"),
                                    ("connection", "keep-alive"), ("x-a: b\r\nx-evil", "1"), ("X-Upper", "1")],
                         ids=["transfer-encoding", "line end in a value", "connection", "line end in a name", "upper case"])
def test_h2_headers_that_smuggle(mocked_gateway, mock, attacker, header):
    """What HTTP/2 forbids and HTTP/1.1 would read as another message."""
    body = BODY.encode()
    attacker.sock.sendall(frame(1, 4, 1, attacker.headers(len(body), more=[header])) + frame(0, 1, 1, body))
    while not attacker.is_answered(1):
        attacker.read()
    for request in mock.requests():
        assert "x-evil" not in request["headers"] and "transfer-encoding" not in request["headers"]
        assert request["headers"].get("connection") in (None, "keep-alive")
    still_serves(mocked_gateway)


def test_a_slow_head_is_cut(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1, more="limits: { header_timeout: 1s, body_timeout: 1s }\n"))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert b"200" not in sock.recv(1000)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert b"200" not in sock.recv(1000)
    assert call(gateway.base, "POST", "/v1/chat/completions", chat("up/echo")).status == 200
