"""Who may use the management API, through the workers: what a browser, a neighbour and a stranger get."""

from pathlib import Path

import pytest

from gateway import ADMIN_TOKEN
from wire import raw, raw_status

API = ("/api/status", "/api/config", "/api/providers", "/api/models", "/api/routes", "/api/keys",
       "/api/usage", "/api/logs", "/metrics")
OPEN = ("/", "/healthz", "/readyz")


def head(gateway, path, *headers, method="GET", body=b""):
    """A request with exactly these headers; its status."""
    lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return raw_status(raw(gateway.base, "\r\n".join(lines).encode() + b"\r\n\r\n" + body))


@pytest.mark.parametrize("path", API)
def test_zero_config_is_open_to_this_machine(gateway, path):
    answer = gateway.call("GET", path)
    assert answer.status == 200, answer
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", API)
def test_dns_rebinding_fails(gateway, path):
    assert head(gateway, path, "Host: rebound.example") == 403
    assert head(gateway, path, f"Host: rebound.example:{gateway.port}") == 403
    assert head(gateway, path, "Host: localhost.rebound.example") == 403
    assert head(gateway, path, f"Host: localhost:{gateway.port}") == 200


def test_foreign_pages_fail(gateway):
    host = f"Host: localhost:{gateway.port}"
    own = f"Origin: http://localhost:{gateway.port}"
    assert head(gateway, "/api/keys", host, own) == 200
    for origin in ("https://evil.example", "null", "http://localhost:1",
                   f"http://127.0.0.1:{gateway.port}"):
        assert head(gateway, "/api/keys", host, f"Origin: {origin}") == 403, origin
    assert head(gateway, "/api/keys", host, "Sec-Fetch-Site: cross-site") == 403
    assert head(gateway, "/api/keys", host, "Sec-Fetch-Site: same-site") == 403
    assert head(gateway, "/api/keys", host, "Sec-Fetch-Site: same-origin") == 200


def test_forms_fail(gateway):
    host = f"Host: localhost:{gateway.port}"
    body = b'{"name":"from-a-form"}'
    for content_type in ("text/plain", "application/x-www-form-urlencoded",
                         "multipart/form-data; boundary=x"):
        status = head(gateway, "/api/keys", host, f"Content-Type: {content_type}", method="POST",
                      body=body)
        assert status == 415, content_type
    assert head(gateway, "/api/keys", host, method="POST", body=body) == 415
    assert head(gateway, "/api/reload", host, "Content-Type: text/plain", method="POST") == 415
    assert "from-a-form" not in str(gateway.api("GET", "/api/keys", expect=200))


def test_a_client_cannot_say_who_it_is(mocked_gateway):
    """With a file the API is closed; x-bf-peer* of the client's own changes nothing."""
    for forged in ("x-bf-peer-loopback: 1", "X-BF-Peer: 127.0.0.1", "x-bf-peer: unix"):
        assert head(mocked_gateway, "/api/keys", "Host: localhost", forged) == 401, forged


def test_a_proxied_request_is_not_local(gateway):
    host = f"Host: localhost:{gateway.port}"
    for mark in ("X-Forwarded-For: 203.0.113.7", "Forwarded: for=203.0.113.7", "X-Real-IP: 1.2.3.4",
                 "Via: 1.1 proxy"):
        assert head(gateway, "/api/keys", host, mark) == 401, mark


@pytest.mark.parametrize("path", API)
def test_with_a_file_the_token_is_needed(mocked_gateway, path):
    answer = mocked_gateway.call("GET", path)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.error["code"] == "admin_token_required"
    assert mocked_gateway.call("GET", path, key="wrong").error["code"] == "invalid_admin_token"
    assert mocked_gateway.call("GET", path, key=ADMIN_TOKEN + "x").status == 401
    assert mocked_gateway.call("GET", path, key=ADMIN_TOKEN).status == 200


@pytest.mark.parametrize("path", OPEN)
def test_health_and_page_are_open(mocked_gateway, path):
    assert mocked_gateway.call("GET", path).status == 200
    assert head(mocked_gateway, path, "Host: gateway.example") == 200


def test_a_virtual_key_opens_no_api(mocked_gateway):
    made = mocked_gateway.api("POST", "/api/keys", {"name": "no-admin"}, expect=201)
    assert mocked_gateway.call("GET", "/api/keys", key=made["key"]).status == 401


def test_strangers_learn_nothing(mocked_gateway):
    """Without the token an unknown path, a wrong method and a right one answer alike."""
    for method, path in (("GET", "/api/nothing"), ("PUT", "/api/keys"), ("GET", "/api/keys"),
                         ("DELETE", "/api/keys/0123456789abcdef")):
        assert mocked_gateway.call(method, path).error["code"] == "admin_token_required"


def test_the_generated_token(start_gateway):
    gateway = start_gateway("admin: {}\nproviders: { mock: { vendor: mock } }\n")
    file = gateway.state / "admin.token"
    assert file.stat().st_mode & 0o777 == 0o600
    token = file.read_text().strip()
    assert len(token) >= 32
    assert gateway.call("GET", "/api/keys", key=token).status == 200
    assert gateway.call("GET", "/api/keys").status == 401
    assert token not in gateway.log()


def admin_peak_kib(gateway):
    """The most memory that the admin process ever had."""
    [pid] = gateway.pids("admin")
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0])


@pytest.mark.parametrize("path,size", (("/api/keys/import", 32 << 20), ("/api/keys", 1 << 20), ("/key/generate", 1 << 20)))
def test_a_stranger_fills_no_memory(mocked_gateway, path, size):
    """Without the token a large body is refused in the same words, and never reaches the admin process."""
    body = b"[" + b" " * (size - 2) + b"]"
    mocked_gateway.api("GET", path if path == "/api/keys" else "/api/status", expect=200)
    before = admin_peak_kib(mocked_gateway)
    for key in (None, "wrong"):
        answer = mocked_gateway.call("POST", path, body, key=key)
        assert answer.status == 401 and answer.headers["www-authenticate"].startswith("Bearer"), answer
        small = mocked_gateway.call("POST", path, b"[]", key=key)
        assert answer.error["message"] == small.error["message"]
    assert admin_peak_kib(mocked_gateway) - before < size // 1024 // 2
    mine = mocked_gateway.call("POST", path, body, key=ADMIN_TOKEN)
    assert mine.status == (201 if path.endswith("import") else 400), mine  # read whole: no keys, and no key


def test_a_great_body_in_zero_config(gateway):
    """Open to this machine: the body goes through; to what a proxy brings it is closed."""
    body = b"[" + b" " * (2 << 20) + b"]"
    assert gateway.call("POST", "/api/keys/import", body).json() == {"created": 0}
    host = f"Host: localhost:{gateway.port}"
    assert head(gateway, "/api/keys/import", host, "Content-Type: application/json", "Via: 1.1 proxy",
                method="POST", body=body) == 401
