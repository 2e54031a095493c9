"""Real SDKs against real processes; the fixtures are the flow tests'."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "flow")]

import pytest  # noqa: E402

from aimock import Aimock  # noqa: E402
from common import KEY, NARROW  # noqa: E402
from fixtures import *  # noqa: E402,F401,F403
from gateway import Gateway, one_provider  # noqa: E402


@pytest.fixture(scope="session")
def sdk_gateway(mock_process):
    """Virtual keys are wanted; `up` is the mock."""
    keys = (f"    models: [ echo ]\nvirtual_keys:\n  - {{ name: sdk, value: {KEY} }}\n"
            f"  - {{ name: narrow, value: {NARROW}, models: [ up/echo ] }}\n")
    gateway = Gateway(one_provider(mock_process.base_v1, more=keys).replace("require_key: false",
                                                                             "require_key: true"))
    yield gateway
    gateway.stop()


@pytest.fixture(scope="session")
def aimock():
    one = Aimock()
    yield one
    one.stop()
