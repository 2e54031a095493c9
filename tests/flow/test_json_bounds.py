"""What a stranger's JSON may build in a worker's memory, and that it is given back."""

import json
import re
from pathlib import Path

import pytest

from test_dialects import CLIENTS, ERRORS, TEXT, answering, openai_only, request_of, shape_of
from wire import SLOW, chat_answer, wait_until

DENSE = b'"x":[' + b"0," * (4 << 20) + b"0]"  # 8 MiB that would be 320 MiB of tree


def memory(gateway, field="VmRSS"):
    return sum(int(re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{child['pid']}/status").read_text())[1]) >> 10
               for child in gateway.status()["children"] if child["proc"] == "worker")


def assert_memory_is_given_back(gateway, before):
    if SLOW > 1:
        return  # a sanitizer keeps what was freed
    wait_until(lambda: memory(gateway) < before + 24, f"memory to come back from {memory(gateway)} to {before} MiB")
    assert memory(gateway, "VmHWM") < before + 2 * 160, (memory(gateway, "VmHWM"), before)  # two workers


@pytest.mark.parametrize("dialect", [d for d in CLIENTS if d != "openai"])
def test_what_a_body_may_build_is_bounded(upstream, start_gateway, dialect):
    seen = []
    gateway = start_gateway(openai_only(upstream(answering(seen)).base_v1))
    path, body, text = request_of(dialect, "up/m")
    before = memory(gateway)
    for _ in range(3):
        answer = gateway.call("POST", path, json.dumps(body)[:-1].encode() + b"," + DENSE + b"}",
                              headers={"content-type": "application/json"})
        assert (answer.status, answer.headers["x-bf-error"]) == (400, "untranslatable"), answer
        assert shape_of(dialect, answer.json()) and "too many values" in ERRORS[dialect](answer.json())
    assert seen == []
    assert text(gateway.call("POST", path, body).json()) == TEXT
    assert_memory_is_given_back(gateway, before)


@pytest.mark.parametrize("dialect", [d for d in CLIENTS if d != "openai"])
def test_what_an_answer_may_build_is_bounded(upstream, start_gateway, dialect):
    def script(connection):
        while connection.read_request():
            connection.answer(200, json.dumps(chat_answer(TEXT))[:-1].encode() + b"," + DENSE + b"}")
    gateway = start_gateway(openai_only(upstream(script).base_v1))
    path, body, _ = request_of(dialect, "up/m")
    before = memory(gateway)
    for _ in range(3):
        answer = gateway.call("POST", path, body)
        assert (answer.status, answer.headers["x-bf-error"]) == (502, "upstream_nonsense"), answer
        assert shape_of(dialect, answer.json())
    assert_memory_is_given_back(gateway, before)
