"""pairs - what every SDK is asked to do with every upstream, and what must come back."""

import base64
import json
import zlib

from pydantic import BaseModel

UPSTREAMS = ["openai", "responses", "anthropic", "gemini", "bedrock", "cohere"]
# Path of each dialect at the mock.
PATHS = {"openai": "/v1", "responses": "/v1", "anthropic": "/anthropic/v1", "gemini": "/genai/v1beta",
         "bedrock": "/bedrock", "cohere": "/cohere"}
STATUSES = [400, 401, 429, 500]
CHECKS = ["text", "stream", "tools", "tools stream", "image", "structured", "thinking", "thinking stream",
          *[f"error {status}" for status in STATUSES], "cancel"]

# Of Bedrock's models only Claude is known to think.
MODELS = {("bedrock", "think"): "claude-think"}

# What cannot be, and why: (client, upstream, check) -> reason. An entry that begins to work fails the test.
GAPS = {}

SYSTEM = "You are terse."
WORDS = "What is the weather in Oslo?"
RESULTS = ["cold and clear", "a quarter past nine"]
WEATHER = {"type": "object", "required": ["city", "unit"], "additionalProperties": False, "properties": {
    "city": {"type": "string", "description": "Its name"}, "unit": {"type": "string", "enum": ["celsius", "kelvin"]}}}
CLOCK = {"type": "object", "required": ["zone"], "additionalProperties": False, "properties": {
    "zone": {"type": "string", "enum": ["utc", "local"]}}}
TOOLS = [("get_weather", "The weather of a city", WEATHER), ("get_time", "The time of a zone", CLOCK)]
THOUGHT = f"The user says: {WORDS}"
SLOW = "lorem-2000-20"  # long enough to be left in the middle


def _png():
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    head = (1).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


PNG = _png()
PNG64 = base64.b64encode(PNG).decode()
PNG_URL = f"data:image/png;base64,{PNG64}"
SEEN = f"image/png {len(PNG)} bytes"


class Event(BaseModel):
    name: str
    people: list[str]


def check_event(event):
    """Of a dict, a JSON text or an Event."""
    event = Event.model_validate_json(event) if isinstance(event, str) else Event.model_validate(
        event if isinstance(event, dict) else event.model_dump())
    assert event == Event(name=WORDS, people=[WORDS])


def check_calls(calls):
    """(name, arguments) of the two parallel calls; arguments as a dict or as JSON text."""
    calls = [(name, json.loads(given) if isinstance(given, str) else dict(given)) for name, given in calls]
    assert calls == [("get_weather", {"city": WORDS, "unit": "celsius"}), ("get_time", {"zone": "utc"})]


def check_results(text):
    assert all(result in text for result in RESULTS), text


def check_lorem(pieces, n=12):
    """A stream that came in pieces, not as one."""
    assert len("".join(pieces).split()) == n
    assert len([piece for piece in pieces if piece]) >= n // 2
