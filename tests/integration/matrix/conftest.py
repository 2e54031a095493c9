"""The matrix: each SDK against each upstream dialect; printed at the end and compared with tests/README.md."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1]),
                str(Path(__file__).resolve().parents[2] / "flow")]

import pytest  # noqa: E402

import table  # noqa: E402
from common import KEY  # noqa: E402
from fixtures import certificate, mock, mock_process  # noqa: E402,F401
from gateway import Gateway  # noqa: E402
from pairs import GAPS, MODELS, PATHS, STATUSES, UPSTREAMS  # noqa: E402
from wire import wait_until  # noqa: E402


@pytest.fixture(scope="session")
def matrix_gateway(mock_process, certificate):  # noqa: F811
    """A provider for each dialect, `at-` and its name, all of them the mock; a virtual key is wanted. Two listeners."""
    tls = f"{{ certificate: {certificate[0]}, key: {certificate[1]} }}"
    providers = "".join(f"  at-{name}: {{ vendor: mock-{name}, base_url: {mock_process.base}{PATHS[name]},\n"
                        f"    keys: [ {{ name: main, value: mock-key }} ] }}\n" for name in UPSTREAMS)
    gateway = Gateway(f'listen: [ "127.0.0.1:0", {{ address: "127.0.0.1:0", tls: {tls} }} ]\nrequire_key: true\n'
                      f"providers:\n{providers}virtual_keys:\n  - {{ name: sdk, value: {KEY} }}\n", listen=())
    gateway.base_tls = f"https://{gateway.status()['listeners'][1]}"
    gateway.certificate = str(certificate[0])
    yield gateway
    gateway.stop()


class Pair:
    """Which upstream, and what the provider saw."""

    def __init__(self, upstream, gateway, provider):
        self.upstream, self.gateway, self.provider = upstream, gateway, provider
        self.base, self.key = gateway.base, KEY

    def model(self, name):
        return f"at-{self.upstream}/{MODELS.get((self.upstream, name), name)}"

    def wait_gone(self):
        """Until the provider has seen that nobody listens any more."""
        wait_until(lambda: self.provider.last()["outcome"] == "gone", "the provider's stream was given up")


@pytest.fixture(params=UPSTREAMS)
def pair(request, matrix_gateway, mock):  # noqa: F811
    upstream, client = request.param, getattr(request.module, "CLIENT", None)
    if client:
        check = table.check_of(request.node.name)
        reason = GAPS.get((client, upstream, check))
        if reason:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
        request.node.user_properties.append(("cell", (request.module.SDK, client, upstream, check)))
    yield Pair(upstream, matrix_gateway, mock)
    # An error of our own would look the same to the SDK.
    assert "test_error" not in request.node.name or "error-" in mock.last()["model"]


@pytest.fixture(params=STATUSES)
def status(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request):
    return request.param


def pytest_runtest_logreport(report):
    for name, value in report.user_properties:
        if name == "cell" and (report.when == "call" or report.failed):
            outcome = value[4] if len(value) > 4 else "gap" if hasattr(report, "wasxfail") else report.outcome
            table.note(*value[:4], outcome)


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == 0 and not table.settle(session):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    table.show(terminalreporter)
