"""What the root README shows is run as it stands there; only addresses and keys are put in."""

import re
import subprocess
import sys

import pytest

from common import HERE
from gateway import BOWFIN, ROOT, Gateway, clean_environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"
LOCALHOST = "http://localhost:8080"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


@pytest.fixture(scope="module")
def zero():
    gateway = Gateway()
    yield gateway
    gateway.stop()


def run(argv, gateway, cwd=None, env=None):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=cwd,
                          env=clean_environment(env), check=False)
    assert done.returncode == 0, (argv, done.stdout, done.stderr, gateway.log()[-2000:])
    return done.stdout


def test_python_snippets(zero):
    found = blocks("python")
    for sdk in ("openai", "anthropic", "genai", "boto3", "cohere"):
        assert any(sdk in block for block in found), sdk
    for block in found:
        block = block.replace(ADDRESS, zero.base).replace("/var/lib/bowfin", str(zero.state))
        out = run([sys.executable, "-c", block], zero)
        assert "Hello from Python" in out


def test_node_snippets(zero, tmp_path):
    found = blocks("js") + blocks("javascript")
    assert found
    for block in found:
        # Beside node_modules, so that the import is found.
        script = HERE / f".readme-{zero.pid}.mjs"
        script.write_text(block.replace(ADDRESS, zero.base), encoding="utf-8")
        try:
            assert "Hello from Node" in run(["node", script.name], zero, cwd=HERE)
        finally:
            script.unlink()


def test_curl_commands(zero):
    commands = [command for block in blocks("sh") for command in
                re.findall(r"^curl (?:.*\\\n)*.*$", block, re.M)]
    assert commands
    token = {"TOKEN": (zero.state / "admin.token").read_text(encoding="ascii").strip()}
    for command in commands:
        out = run(["sh", "-ec", command.replace("curl ", "curl -sS --fail-with-body ", 1)
                   .replace(ADDRESS, zero.base).replace(LOCALHOST, zero.base)],
                  zero, env=token)
        assert "Hello, Bowfin!" in out or '"key"' in out or "sk-bf-" in out, (command, out)
        assert ("seed" in command) == ("x-bf-fidelity: partial; dropped=seed" in out), (command, out)


def test_vendors_are_named():
    table = (ROOT / "conf" / "README.md").read_text(encoding="utf-8").split("## Vendors")[1].split("\n## ")[0]
    vendors = [name for name in re.findall(r"^\| `([^`]+)` \|", table, re.M) if not name.startswith("mock")]
    assert len(vendors) > 40
    words = set(re.findall(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", README.split("## Two commands")[1].split("## Your SDK")[0]))
    assert [name for name in vendors if name not in words] == []


def test_yaml_examples(tmp_path):
    found = [block for block in blocks("yaml") if "providers:" in block]
    assert found
    for block in found:
        file = tmp_path / "readme.yaml"
        # The example's certificates are not on this machine; what it says of them is not checked here.
        file.write_text(block, encoding="utf-8")
        names = set(re.findall(r"env\.([A-Z0-9_]+)", block))
        done = subprocess.run([BOWFIN, "-t", "-c", str(file)], capture_output=True, text=True, check=False,
                              env=clean_environment({name: f"sk-bf-readme-{name}" for name in names}))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "ok" in done.stdout
