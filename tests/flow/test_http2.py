"""HTTP/2: with curl, nghttp and h2load as users bring them, and with a client that does harm."""

import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

from gateway import one_provider
from wire import DEADLINE, call, chat

BODY = json.dumps(chat("up/echo"))


def run(argv, expect=0):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE * 2, check=False)
    assert expect is None or done.returncode == expect, (argv, done.returncode, done.stdout[-2000:], done.stderr)
    return done.stdout


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    directory.chmod(0o755)
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem"), "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
    for parent in (directory, *directory.parents):
        if parent.name.startswith("pytest-"):
            parent.chmod(0o755)
    return directory


@pytest.fixture
def tls_gateway(start_gateway, certificate, mock):
    tls = f"{{ certificate: {certificate}/cert.pem, key: {certificate}/key.pem }}"
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
    got, status, answer = curl(base, flag, *tls, "--cacert", str(certificate / "cert.pem"))
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
    tls = f"{{ certificate: {certificate}/cert.pem, key: {certificate}/key.pem }}"
    gateway = start_gateway(f'http2: false\nlisten: [ {{ address: "127.0.0.1:0", tls: {tls} }} ]\n'
                            + one_provider(mock.base_v1), listen=())
    base = gateway.base.replace("127.0.0.1", "localhost")
    version, status, _ = curl(base, "--http2", "--cacert", str(certificate / "cert.pem"))
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
    tool = shutil.which("h2spec") or shutil.which("h2spec", path="build/tools")
    if tool is None:
        pytest.skip("h2spec is not installed (tests/README.md says how)")
    done = subprocess.run([tool, "-h", "127.0.0.1", "-p", str(mocked_gateway.port), "-o", "5", "-P", "/healthz"],
                          capture_output=True, timeout=300, check=False)
    out = done.stdout.decode(errors="replace")
    # A case is told as "  × 1: Sends ..." under a heading "    4.1. Frame Format".
    failed, section = set(), ""
    for line in out.split("Failures:", 1)[0].splitlines():
        text = line.strip()
        if re.match(r"\d+(\.\d+)*\. ", text):
            section = text.split(" ")[0].rstrip(".")
        elif text.startswith("×"):
            failed.add(section + "/" + re.match(r"× (\d+)", text).group(1))
    baseline = set(re.findall(r"^- `([\d./]+)`", open(os.path.join(os.path.dirname(__file__), "..", "README.md"),
                                                       encoding="utf-8").read(), re.M))
    assert re.search(r"\d+ tests, \d+ passed", out), out[-2000:]
    assert failed <= baseline, f"new failures: {sorted(failed - baseline)}\n{out[-6000:]}"


# --- as attackers come ---

class Attacker:
    """A connection whose frames are written by hand where the library would be too polite."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
        self.h2.initiate_connection()
        self.flush()
        self.settings = None
        self.ended = False
        self.statuses = {}
        self.resets = {}

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def send(self, kind, flags, stream, payload):
        self.sock.sendall(struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload)

    def headers(self, length, method=b"POST", path=b"/v1/chat/completions", more=()):
        return [(b":method", method), (b":scheme", b"http"), (b":authority", b"x"), (b":path", path),
                (b"content-type", b"application/json"), (b"content-length", str(length).encode()), *more]

    def block(self, headers):
        return self.h2.encoder.encode(headers)

    def read(self):
        """Take what has come; False at the connection's end."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            return False
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RemoteSettingsChanged):
                self.settings = event.changed_settings
            elif isinstance(event, h2.events.ResponseReceived):
                self.statuses[event.stream_id] = dict(event.headers).get(b":status")
            elif isinstance(event, h2.events.StreamReset):
                self.resets[event.stream_id] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.ended = True
        return True

    def read_to_end(self):
        while self.read():
            pass

    def close(self):
        self.sock.close()


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
    except (h2.exceptions.ProtocolError, KeyError, TimeoutError):
        pass
    return attacker.ended


def test_streams_are_bounded(attacker):
    while attacker.settings is None:
        assert attacker.read()
    changed = attacker.settings.get(h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS)
    assert changed is not None and changed.new_value <= 100


def test_rapid_reset_is_cut(mocked_gateway, mock, attacker):
    def frames():
        block = attacker.block(attacker.headers(0, b"GET", b"/v1/files?provider=up"))
        for i in range(20000):
            # The first block teaches the table; its repetition is still valid for the decoder.
            yield 1, 5, 2 * i + 1, block if i == 0 else attacker.block(
                attacker.headers(0, b"GET", b"/v1/files?provider=up"))
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
            yield 1, 5, stream, attacker.block(attacker.headers(0, b"GET", b"/v1/files?provider=up"))
            if kind == "window update of zero":
                yield 8, 0, stream, struct.pack(">I", 0)
            else:
                yield 0, 0, stream, b"x"

    assert attack(attacker, frames())
    still_serves(mocked_gateway)


def test_a_flood_of_continuations_is_cut(mocked_gateway, attacker):
    def frames():
        yield 1, 0, 1, attacker.block(attacker.headers(0))
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
        attacker.send(1, 4, 1, attacker.block(attacker.headers(1)))
    frame = struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload
    try:
        for _ in range(200):
            attacker.sock.sendall(frame * 1000)
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        pass  # it stopped reading us, or cut us off: both are right
    still_serves(mocked_gateway)
    grown = mocked_gateway.memory_kib(mocked_gateway.pids("worker")) - before
    assert grown < 16 * 1024, f"{grown} KiB"


def test_a_body_past_the_limit(mocked_gateway, mock, attacker):
    block = attacker.block(attacker.headers(1 << 30))
    attacker.send(1, 4, 1, block)
    # Told by a status, by the stream's reset, or by the connection's end.
    while not attacker.statuses.get(1) and 1 not in attacker.resets and attacker.read():
        pass
    assert attacker.ended or 1 in attacker.resets or attacker.statuses[1] == b"413"
    assert mock.requests() == []
    still_serves(mocked_gateway)


def test_h2_headers_that_smuggle(mocked_gateway, mock):
    """What HTTP/2 forbids and HTTP/1.1 would read as another message."""
    for more in ([(b"transfer-encoding", b"chunked")], [(b"x-a", b"b\r\nx-evil: 1")],
                 [(b"connection", b"keep-alive")], [(b"x-a: b\r\nx-evil", b"1")]):
        one = Attacker(mocked_gateway.port)
        body = BODY.encode()
        one.send(1, 4, 1, one.block(one.headers(len(body), more=more)))
        one.send(0, 1, 1, body)
        while not one.statuses.get(1) and 1 not in one.resets and one.read():
            pass
        one.close()
        for request in mock.requests():
            assert "x-evil" not in request["headers"] and "transfer-encoding" not in request["headers"]
    still_serves(mocked_gateway)


def test_a_slow_head_is_cut(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1, more="limits: { header: 1s, body: 1s }\n"))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert b"200" not in sock.recv(1000)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=DEADLINE) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert b"200" not in sock.recv(1000)
    assert call(gateway.base, "POST", "/v1/chat/completions", chat("up/echo")).status == 200
