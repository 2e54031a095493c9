"""Coding agents as clients; the fixtures are the integration tests'."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "agents"), str(TESTS / "integration"), str(TESTS / "flow")]

import pytest  # noqa: E402

from aimock import Aimock  # noqa: E402
from fixtures import pytest_runtest_makereport, start_gateway  # noqa: E402,F401


@pytest.fixture(scope="session")
def aimock():
    one = Aimock()
    yield one
    one.stop()
