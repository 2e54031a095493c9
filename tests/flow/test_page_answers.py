"""A provider that answers a chat with a web page and 200: a portal or a load balancer speaks, no model."""

import openai
import pytest

from wire import chat

PAGE = b"<html><body>Please log in to the network</body></html>"
YAML = """require_key: false
providers:
  up: {{ vendor: openai-compatible, base_url: "{up}", keys: [ {{ name: main, value: up-key }} ] }}
  claude: {{ vendor: anthropic-compatible, base_url: "{root}", keys: [ {{ name: main, value: c }} ] }}
  good: {{ vendor: openai-compatible, base_url: "{good}", keys: [ {{ name: main, value: g }} ] }}
models:
  safe: {{ targets: [ up/m ], fallbacks: [ good/echo ] }}
  abroad: {{ targets: [ claude/m ], fallbacks: [ good/echo ] }}
"""


@pytest.fixture
def gateway(start_gateway, upstream, mock):
    def script(conn):
        while request := conn.read_request():
            if b"typeless" in request.body:
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            else:
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s"
                          % (len(PAGE), PAGE))
    server = upstream(script)
    return start_gateway(YAML.format(up=server.base_v1, root=server.base, good=mock.base_v1))


@pytest.mark.parametrize("model", ["safe", "abroad"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_fallback_answers(gateway, model, stream):
    client = openai.OpenAI(base_url=f"{gateway.base}/v1", api_key="none", max_retries=0)
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "hello"}], stream=stream)
    assert raw.headers["x-bf-provider"] == "good", raw.headers
    assert "wrong_content_type 200" in raw.headers["x-bf-attempts"], raw.headers
    answer = raw.parse()
    text = "".join(c.choices[0].delta.content or "" for c in answer if c.choices) if stream \
        else answer.choices[0].message.content
    assert text and "<html" not in text


def test_alone_it_is_an_error(gateway):
    got = gateway.call("POST", "/v1/chat/completions", chat("up/m"))
    assert (got.status, got.headers["x-bf-error"]) == (502, "upstream_type"), got
    assert "wrong_content_type 200" in got.headers["x-bf-attempts"], got


def test_what_is_only_relayed_is_not_looked_at(gateway):
    got = gateway.call("POST", "/v1/images/generations", {"model": "up/m", "prompt": "a page"})
    assert got.status == 200 and got.headers["content-type"].startswith("Text/HTML"), got


def test_no_type_is_tolerated(gateway):
    assert gateway.call("POST", "/v1/chat/completions", chat("up/typeless")).status == 200
