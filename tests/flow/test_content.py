"""Nothing goes out before the first content, and what refusals, bodies and slow streams lead to: with OpenAI's own SDK."""

import json
import time

import openai
import pytest

from wire import DEADLINE, chat_chunk, wait_until

ROLE = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
BUSY = {"error": {"message": "The server had an error", "type": "server_error", "param": None, "code": None}}
TOO_LONG = {"error": {"message": "This model's maximum context length is 10 tokens.", "type": "invalid_request_error",
                      "param": "messages", "code": "context_length_exceeded"}}
FILTERED = {"error": {"message": "The response was filtered.", "type": None, "param": "prompt", "code": "content_filter",
                      "innererror": {"code": "ResponsibleAIPolicyViolation"}}}
TOOLS = [{"type": "function", "function": {
    "name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]

YAML = """require_key: false
providers:
  bad: {{ vendor: openai-compatible, base_url: "{bad}", keys: [ {{ name: main, value: b }} ] }}
  up: {{ vendor: openai-compatible, base_url: "{mock}/v1", keys: [ {{ name: main, value: u }} ] }}
  dear: {{ vendor: openai-compatible, base_url: "{mock}/v1", keys: [ {{ name: main, value: d }} ] }}
  claude: {{ vendor: anthropic-compatible, base_url: "{mock}", keys: [ {{ name: main, value: c }} ] }}
models:
  fast: {{ targets: [ bad/m ], fallbacks: [ claude/think ], context_fallbacks: [ up/echo ],
          content_filter_fallbacks: [ claude/echo ] }}
  bare: {{ targets: [ bad/m ] }}
  paced: {{ targets: [ bad/m ], fallbacks: [ up/echo ], throughput: {{ at_least: 5, over: 300ms }} }}
  steady: {{ targets: [ bad/m ], throughput: {{ at_least: 10, over: 2s }} }}
  quiet: {{ targets: [ bad/m ], fallbacks: [ up/echo ], timeout: {{ between_bytes: 300ms }} }}
  sums: {{ targets: [ bad/m ], fallbacks: [ dear/echo, up/echo ] }}
teams: {{ poor: {{ budget: 0.01 }} }}
virtual_keys:
  - {{ name: some, value: sk-bf-content-some-0001, models: [ bare, "up/*" ] }}
  - {{ name: poor, value: sk-bf-content-poor-0001, team: poor }}
prices: {{ "up/*": {{ input: 1, output: 1 }}, "dear/*": {{ input: 100000, output: 100000 }}, "bad/*": {{ input: 0, output: 0 }} }}
"""


class World:
    """A gateway in front of a provider that does what `answer(conn, request)` says, and of the mock."""

    def __init__(self, upstream, start_gateway, mock, answer):
        self.seen = []

        def script(conn):
            while request := conn.read_request():
                self.seen.append(request)
                if answer(conn, request) is False:
                    return

        self.gateway = start_gateway(YAML.format(bad=upstream(script).base_v1, mock=mock.base))
        self.mock = mock

    def client(self, key="sk-unused"):
        return openai.OpenAI(base_url=self.gateway.base + "/v1", api_key=key, max_retries=0, timeout=DEADLINE)

    def ask(self, model, key="sk-unused", **more):
        return self.client(key).chat.completions.with_raw_response.create(
            model=model, messages=[{"role": "user", "content": "hello"}], **more)

    def records(self, n):
        return wait_until(lambda: (rows := self.gateway.api("GET", "/api/logs").json()["data"]) and
                          len(rows) >= n and rows, f"{n} records")


@pytest.fixture
def world(upstream, start_gateway, mock):
    return lambda answer: World(upstream, start_gateway, mock, answer)


def stream_of(*events, end=True):
    def answer(conn, _):
        conn.start_stream()
        for event in events:
            conn.event(event)
        if end:
            conn.end_stream()
        else:
            conn.wait_closed()  # silence, until the gateway has had enough
        return end
    return answer


def refusal(status, body):
    return lambda conn, _: conn.answer(status, body)


def text_of(raw):
    return raw.parse().choices[0].message.content


# --- the first content ---

@pytest.mark.parametrize("events", [[ROLE, BUSY], [BUSY], [ROLE]])
def test_an_early_failure_falls_back_to_claude_with_tools_and_thinking(world, events):
    w = world(stream_of(*events))
    raw = w.ask("fast", stream=True, tools=TOOLS)
    assert raw.headers["x-bf-provider"] == "claude" and raw.headers["x-bf-attempts"].startswith("2"), raw.headers
    chunks = list(raw.parse())
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    calls = [d.tool_calls[0] for d in deltas if d.tool_calls]
    assert calls and calls[0].function.name == "weather"
    json.loads("".join(c.function.arguments or "" for c in calls))
    assert any(getattr(d, "reasoning_content", None) for d in deltas), deltas
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "tool_calls"


def test_nobody_else_to_ask(world):
    w = world(stream_of(ROLE, BUSY))
    with pytest.raises(openai.APIError, match="The server had an error"):
        list(w.ask("bare", stream=True).parse())
    assert len(w.seen) == 1


def test_after_the_first_word_it_is_an_error_in_the_stream(world):
    w = world(stream_of(ROLE, chat_chunk("Hel"), BUSY))
    said = []
    with pytest.raises(openai.APIError, match="The server had an error"):
        for chunk in w.ask("fast", stream=True).parse():
            said.append(chunk.choices[0].delta.content)
    assert "".join(said) == "Hel" and len(w.seen) == 1


# --- lists of their own ---

def test_a_prompt_that_is_too_long_leads_to_its_list(world):
    w = world(refusal(400, TOO_LONG))
    raw = w.ask("fast")
    assert (raw.headers["x-bf-provider"], raw.headers["x-bf-model"]) == ("up", "echo") and text_of(raw)
    with pytest.raises(openai.BadRequestError) as caught:
        w.ask("bare")
    assert caught.value.code == "context_length_exceeded"
    route = next(r for r in w.gateway.api("GET", "/api/routes").json()["data"] if r["provider"] == "bad")
    assert route["state"] == "healthy", route


def test_a_filtered_prompt_leads_to_its_list(world):
    w = world(refusal(400, FILTERED))
    raw = w.ask("fast")
    assert (raw.headers["x-bf-provider"], raw.headers["x-bf-model"]) == ("claude", "echo") and text_of(raw)
    with pytest.raises(openai.BadRequestError) as caught:
        w.ask("bare")
    assert caught.value.code == "content_filter"


# --- fallbacks in the body ---

def test_fallbacks_in_the_body(world):
    w = world(refusal(503, BUSY))
    raw = w.ask("bare", extra_body={"fallbacks": ["nobody/x", {"provider": "claude", "model": "echo"}]})
    assert raw.headers["x-bf-provider"] == "claude" and text_of(raw)
    assert raw.headers["x-bf-skipped"] == "nobody/x=unknown_provider"
    assert "fallbacks" not in w.seen[0].json()
    some = w.ask("bare", key="sk-bf-content-some-0001", extra_body={"fallbacks": ["claude/echo", "up/echo"]})
    assert some.headers["x-bf-provider"] == "up"
    assert some.headers["x-bf-skipped"].startswith("claude/echo=")


@pytest.mark.parametrize("fallbacks", [["a", "b", "c", "d", "e", "f"], "up/echo", [1], {"x": 1}])
def test_what_is_no_list_of_names_is_refused(world, fallbacks):
    w = world(refusal(503, BUSY))
    with pytest.raises(openai.BadRequestError) as caught:
        w.ask("bare", extra_body={"fallbacks": fallbacks})
    assert caught.value.code == "bad_fallbacks" and caught.value.param == "fallbacks" and not w.seen


def test_each_fallbacks_own_price_must_fit(world):
    """The dear one would cost more than the team has: the cheap one behind it answers."""
    w = world(refusal(503, BUSY))
    raw = w.ask("sums", key="sk-bf-content-poor-0001", max_tokens=50)
    assert raw.headers["x-bf-provider"] == "up" and text_of(raw)


# --- slow and silent streams ---

@pytest.mark.parametrize("model", ["paced", "quiet"])
def test_too_slow_to_begin_goes_on(world, model):
    w = world(stream_of(ROLE, end=False))
    raw = w.ask(model, stream=True)
    assert raw.headers["x-bf-provider"] == "up"
    assert "".join(c.choices[0].delta.content or "" for c in raw.parse() if c.choices)
    rows = w.records(2)
    given_up = [row for row in rows if row["provider"] == "bad"]
    assert len(given_up) == 1 and given_up[0]["estimated"], rows


def test_a_stall_is_noticed_wherever_it_begins(world):
    """Forty words at once are enough for the period in which they come; not for one that begins with silence."""
    w = world(stream_of(ROLE, *[chat_chunk(f"word{i} ") for i in range(40)], end=False))
    begun = time.monotonic()
    with pytest.raises(openai.APIError) as caught:
        list(w.ask("steady", stream=True).parse())
    assert caught.value.code == "upstream_slow"
    assert time.monotonic() - begun < 3.7, "two periods are four seconds"


@pytest.mark.parametrize("model,code", [("paced", "upstream_slow"), ("quiet", "upstream_silent")])
def test_too_slow_after_its_first_word_ends_with_an_error(world, model, code):
    w = world(stream_of(ROLE, chat_chunk("Hel"), end=False))
    said = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in w.ask(model, stream=True).parse():
            said.append(chunk.choices[0].delta.content or "")
    assert "".join(said) == "Hel" and caught.value.code == code
    assert w.records(1)[0]["fail"] == code
