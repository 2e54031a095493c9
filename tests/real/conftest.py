"""A real model behind the gateway; the fixtures are the integration tests'."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "real"), str(TESTS / "flow")]

import pytest  # noqa: E402

from fixtures import pytest_runtest_makereport  # noqa: E402,F401
from gateway import Gateway  # noqa: E402
from llama import Llama  # noqa: E402


@pytest.fixture(scope="session")
def llama():
    one = Llama("--metrics")
    yield one
    one.stop()


@pytest.fixture(scope="session")
def embedder():
    """The same weights; one process does either."""
    one = Llama("--embeddings", "--pooling", "mean")
    yield one
    one.stop()


@pytest.fixture(scope="session")
def gateway(llama, embedder):
    """`local` speaks as llama.cpp's row of the table says; `chat-only` has OpenAI's chats alone."""
    provider = "  {}: {{ vendor: llama.cpp, base_url: {}/v1, keys: [ {{ name: none, value: unused }} ] }}\n"
    one = Gateway("require_key: false\nproviders:\n" + provider.format("local", llama.base) + provider.format("embed", embedder.base) +
                  provider.format("chat-only", llama.base).replace("base_url", "dialect: openai, base_url"))
    yield one
    one.stop()
