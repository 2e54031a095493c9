"""What is known of models: in lists of every dialect, in bfctl, over the configuration's own words."""

import json
import re

from gateway import Gateway

HOUSE = """
providers:
  mock: { models: [echo] }
  claude: { vendor: anthropic, keys: [{ value: unused }] }
virtual_keys:
  - { name: some, value: sk-bf-some-0000000000, models: [claude/claude-haiku-4-5] }
catalogue: FILE
"""
FILE = """
echo: { title: The Echo, context: 1000, max_output: 100, released: 2025-09-29, can: [chat] }
claude-haiku-4-5: { max_output: 4321 }
"""


def start(tmp_path, text=FILE):
    path = tmp_path / "house.yaml"
    path.write_text(text)
    path.chmod(0o644)
    tmp_path.chmod(0o755)
    return path, Gateway(HOUSE.replace("FILE", str(path)), workers=1)


def by_name(answer, member, name="id"):
    return {row[name]: row for row in answer.json()[member]}


def test_lists_and_override(tmp_path):
    path, gateway = start(tmp_path)
    try:
        models = by_name(gateway.call("GET", "/v1/models"), "data")
        assert models["echo"]["bowfin"]["context_length"] == 1000
        haiku = models["claude/claude-haiku-4-5"]
        assert haiku["max_output_tokens"] == 4321  # ours
        assert haiku["context_length"] == 200000  # built in
        assert "images" in haiku["bowfin"]["capabilities"]
        assert models["claude-haiku-4-5"]["owned_by"] == "claude"
        assert not any(name.startswith("gpt-") for name in models)  # nobody here serves one
        row = by_name(gateway.call("GET", "/anthropic/v1/models"), "data")["echo"]
        assert (row["display_name"], row["created_at"]) == ("The Echo", "2025-09-29T00:00:00Z")
        row = by_name(gateway.call("GET", "/genai/v1beta/models"), "models", "name")["models/echo"]
        assert (row["inputTokenLimit"], row["outputTokenLimit"]) == (1000, 100)
        row = by_name(gateway.call("GET", "/cohere/v1/models"), "models", "name")["echo"]
        assert row["endpoints"] == ["chat"]
        some = by_name(gateway.call("GET", "/v1/models", key="sk-bf-some-0000000000"), "data")
        assert set(some) == {"claude-haiku-4-5", "claude/claude-haiku-4-5"}
        path.write_text(FILE.replace("4321", "99"))
        changes = json.loads(gateway.bfctl("reload", "--json"))["changes"]
        assert "catalogue claude-haiku-4-5: changed" in changes
        assert gateway.call("GET", "/v1/models/claude-haiku-4-5").json()["max_output_tokens"] == 99
        path.write_text("echo: { context: none }\n")
        refused = gateway.bfctl("reload", expect=1)
        assert gateway.call("GET", "/v1/models/claude-haiku-4-5").json()["max_output_tokens"] == 99
        assert refused is not None
    finally:
        gateway.stop()


def test_image_is_refused(tmp_path):
    """For each dialect in its own words; where the catalogue says nothing, nothing is refused."""
    _, gateway = start(tmp_path, FILE + "claude-x: { can: [chat], ids: { anthropic: claude-x } }\n")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    try:
        answer = gateway.call("POST", "/v1/chat/completions",
                              {"model": "claude-x", "messages": [{"role": "user", "content": "hi"},
                                                                 {"role": "user", "content": [image]}]})
        assert answer.status == 400 and answer.headers["x-bf-error"] == "no_images"
        assert answer.json()["error"]["param"] == "messages[1]"
        answer = gateway.call("POST", "/genai/v1beta/models/claude-x:generateContent", {"contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}]})
        assert answer.status == 400
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
        assert "contents[0] has one" in answer.json()["error"]["message"]
    finally:
        gateway.stop()


def test_bfctl_models(tmp_path):
    _, gateway = start(tmp_path)
    try:
        text = gateway.bfctl("models")
        assert re.search(r"^echo\s+mock\s+1,000\s+100\s+chat\s+-\s+provider$", text, re.M), text
        assert re.search(r"^claude-haiku-4-5\s+claude\s+200,000\s+4,321\s+chat,.*catalogue$", text, re.M)
        rows = {row["name"]: row for row in json.loads(gateway.bfctl("models", "--json"))["data"]}
        assert rows["echo"]["known"]["title"] == "The Echo"
        assert rows["claude-haiku-4-5"]["targets"][0]["provider"] == "claude"
    finally:
        gateway.stop()
