"""The official Node SDKs: a file each, run by Node's own runner; every check is a cell of the matrix."""

import json
import os
import re
import subprocess

import pytest

import pairs
from common import HERE, KEY

FILES = {"openai.mjs": ("Node openai", "openai"), "responses.mjs": ("Node openai", "responses"),
         "anthropic.mjs": ("Node @anthropic-ai/sdk", "anthropic"), "gemini.mjs": ("Node @google/genai", "gemini"),
         "bedrock.mjs": ("Node @aws-sdk/client-bedrock-runtime", "bedrock"), "cohere.mjs": ("Node cohere-ai", "cohere")}
RESULT = re.compile(r"^(not ok|ok) \d+ - (\w+): (.+?)$", re.M)


def lab_of(gateway, mock):
    schema = {**pairs.Event.model_json_schema(), "additionalProperties": False}
    return json.dumps({
        "base": gateway.base, "base_tls": gateway.base_tls.replace("127.0.0.1", "localhost"), "key": KEY,
        "mock": mock.base, "upstreams": pairs.UPSTREAMS, "statuses": pairs.STATUSES, "words": pairs.WORDS,
        "system": pairs.SYSTEM, "results": pairs.RESULTS, "tools": pairs.TOOLS, "thought": pairs.THOUGHT,
        "slow": pairs.SLOW, "models": {"/".join(pair): name for pair, name in pairs.MODELS.items()},
        "png64": pairs.PNG64, "png_url": pairs.PNG_URL, "seen": pairs.SEEN, "event": schema})


def run_node(gateway, mock, file):
    return subprocess.run(
        ["node", "--test", "--test-reporter=tap", f"matrix/{file}"], cwd=HERE, timeout=300, check=False,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        env={**os.environ, "LAB": lab_of(gateway, mock), "NODE_EXTRA_CA_CERTS": gateway.certificate})


def failures(done):
    """What went wrong, and nothing else."""
    found = re.findall(r"^not ok .*?^  \.\.\.$", done.stdout, re.M | re.S)
    return "\n".join(one for one in found if ".mjs" in one)[:12000] + done.stderr[-2000:]


@pytest.mark.parametrize("file,least", [("vercel.mjs", 180), ("langchain.mjs", 90)])
def test_node_framework(matrix_gateway, mock, file, least):
    done = run_node(matrix_gateway, mock, file)
    assert done.returncode == 0, failures(done)
    # A run that found no tests would pass as well.
    assert int(done.stdout.rsplit("# pass ", 1)[1].split()[0]) == least, done.stdout[-2000:]


@pytest.mark.parametrize("file", FILES)
def test_node(request, matrix_gateway, mock, file):
    sdk, client = FILES[file]
    done = run_node(matrix_gateway, mock, file)
    found = {(upstream, check): word == "ok" for word, upstream, check in RESULT.findall(done.stdout)}
    wrong = []
    for upstream in pairs.UPSTREAMS:
        for check in pairs.CHECKS:
            passed = found.get((upstream, check), False)
            is_gap = (client, upstream, check) in pairs.GAPS
            outcome = "failed" if passed == is_gap else "passed" if passed else "gap"
            wrong += [f"{upstream}: {check}"] if outcome == "failed" else []
            request.node.user_properties.append(("cell", (sdk, client, upstream, check, outcome)))
    assert not wrong and done.returncode == 0, f"{wrong}\n{failures(done)}"
