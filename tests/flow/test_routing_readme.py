"""conf/README-routing.md is true: its file loads, its commands do what stands below them."""

import re
import shlex
import subprocess

import pytest

from gateway import BFCTL, ROOT, Gateway, clean_environment
from wire import DEADLINE

PAGE = (ROOT / "conf" / "README-routing.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def commands():
    """Each command, with the lines of comment below it: parts of what it prints."""
    found = []
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("# "):
                found[-1][1].append(line[2:])
            else:
                found.append((line, []))
    return found


@pytest.fixture(scope="module")
def configured():
    [yaml] = blocks("yaml")
    gateway = Gateway(yaml.replace('listen: [ "127.0.0.1:8080" ]\n', ""), workers=1)
    yield gateway
    gateway.stop()


def squeezed(text):
    return re.sub(r"[ \t]+", " ", text)


@pytest.mark.parametrize("command,expected", commands())
def test_a_command_prints_what_is_shown(configured, command, expected):
    argv = shlex.split(command.replace(ADDRESS, configured.base))
    argv[:1] = [BFCTL, "--socket", str(configured.run / "admin.sock")] if argv[0] == "bfctl" else [argv[0], "-sS"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE,
                          env=clean_environment(), check=False)
    assert done.returncode == 0 and expected, (command, done)
    for line in expected:
        assert squeezed(line) in squeezed(done.stdout), (line, done.stdout)


def test_what_the_page_names_is_there():
    keys = (ROOT / "conf" / "README.md").read_text(encoding="utf-8")
    for word in re.findall(r"^- \*\*`([a-z_.]+)`", PAGE, re.M):
        assert f"| `{word.split('.')[-1]}` |" in keys, word
    shown = subprocess.run([BFCTL, "help", "explain"], capture_output=True, text=True, check=True).stdout
    for option in re.findall(r"`(--[a-z-]+)", PAGE):
        assert option in shown, option
    for name in ("README.md", "conf/README.md", "server/worker/README.md"):
        assert "README-routing.md" in (ROOT / name).read_text(encoding="utf-8"), name
