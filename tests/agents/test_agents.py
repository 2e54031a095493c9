"""Claude Code and Codex, unchanged: one turn in which they use a tool, with each upstream dialect behind the gateway."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

from aimock import UPSTREAMS, providing

PACKAGES = Path(__file__).resolve().parent / "node_modules"
ARCH = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
CLAUDE = PACKAGES / f"@anthropic-ai/claude-code-linux-{ARCH}/claude"
CODEX = PACKAGES / ".bin/codex"


@pytest.fixture(params=UPSTREAMS)
def gateway(request, start_gateway, aimock):
    return start_gateway(providing(aimock, request.param))


def run(argv, directory, **env):
    """An agent in a directory of its own, without the machine's settings; what it printed."""
    home, work = directory / "home", directory / "work"
    home.mkdir()
    work.mkdir()
    (work / "note.txt").write_text("fin 42\n", encoding="ascii")
    done = subprocess.run([str(part) for part in argv], cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=90, check=False, env={"PATH": os.environ["PATH"], "HOME": str(home), **env})
    assert done.returncode == 0, done.stdout + done.stderr
    # The tool has run, here, and its result has gone back: that is what the last words answer.
    assert (work / "seen.txt").read_text(encoding="ascii") == "fin 42\n", done.stdout + done.stderr
    return done.stdout


def test_claude_code(gateway, tmp_path):
    out = run([CLAUDE, "-p", "run it with Claude", "--output-format", "json", "--allowedTools", "Bash"], tmp_path,
              ANTHROPIC_BASE_URL=gateway.base + "/anthropic", ANTHROPIC_API_KEY="unused", ANTHROPIC_MODEL="ai/m",
              ANTHROPIC_SMALL_FAST_MODEL="ai/m", DISABLE_AUTOUPDATER="1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1")
    assert "Claude Code has read it." in out


def test_codex(gateway, tmp_path):
    provider = f'{{name="bowfin",base_url="{gateway.base}/openai/v1",env_key="OPENAI_API_KEY",wire_api="responses"}}'
    out = run([CODEX, "exec", "--skip-git-repo-check", "--json", "--dangerously-bypass-approvals-and-sandbox",
               "-c", "model_provider=bowfin", "-c", f"model_providers.bowfin={provider}", "-m", "ai/m",
               "run it with Codex"], tmp_path, OPENAI_API_KEY="unused", CODEX_HOME=str(tmp_path / "home"))
    assert "Codex has read it." in out
