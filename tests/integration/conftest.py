"""Real SDKs against real processes; the fixtures are the flow tests'."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "flow")]

import pytest  # noqa: E402

from common import HERE, KEY, NARROW  # noqa: E402
from fixtures import *  # noqa: E402,F401,F403
from gateway import Gateway, Process, one_provider  # noqa: E402
from wire import call  # noqa: E402


@pytest.fixture(scope="session")
def sdk_gateway(mock_process):
    """Virtual keys are wanted; `up` is the mock."""
    keys = (f"    models: [ echo ]\nvirtual_keys:\n  - {{ name: sdk, value: {KEY} }}\n"
            f"  - {{ name: narrow, value: {NARROW}, models: [ up/echo ] }}\n")
    gateway = Gateway(one_provider(mock_process.base_v1, more=keys).replace("require_key: false",
                                                                             "require_key: true"))
    yield gateway
    gateway.stop()


class Aimock(Process):
    """@copilotkit/aimock: a provider nobody here wrote."""

    def __init__(self):
        super().__init__(["node", HERE / "aimock.mjs"], r"aimock ready (http://\S+)$")
        self.base = self.wait_ready().group(1)

    def journal(self):
        found = call(self.base, "GET", "/__aimock/journal").json()
        return found if isinstance(found, list) else found.get("entries", found.get("data"))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.remove()


@pytest.fixture(scope="session")
def aimock():
    one = Aimock()
    yield one
    one.stop()
