"""fixtures - of the flow and integration tests: real processes on free ports, in directories of their own.

gateway        the zero-config gateway with its built-in mock, one per test file
start_gateway  start_gateway(yaml=None, workers=2, ...) -> Gateway; stopped and checked at the end
mocked_gateway a gateway whose provider `up` is the mock, one per test file
mock           `bowfin mock`, one per run; cleared for each test
upstream       upstream(script) -> ScriptedUpstream: a provider that misbehaves as told
provided       provided(script, more="", ...) -> Gateway with such a provider: the test runs once in plain HTTP, which
               the gateway speaks itself, and once over TLS, where libcurl does; provided.upstream is the provider
"""

import pytest

from gateway import Gateway, Mock, Process, make_certificate, one_provider
from wire import ScriptedUpstream

__all__ = ["pytest_runtest_makereport", "start_gateway", "gateway", "mock_process", "mock", "mocked_gateway",
           "upstream", "certificate", "provided"]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    # Teardown wants to know whether the test failed: then a leftover process is killed, not judged.
    if call.when == "call":
        item.test_failed = call.excinfo is not None
    report = (yield).get_result()
    if report.failed:
        for one in getattr(item, "funcargs", {}).values():
            if isinstance(one, Process) and one.log_path.exists():
                report.sections.append((f"log of {one.argv[0]} pid {one.pid}", one.log()[-8000:]))


def _finish(gateways, failed):
    problems = []
    for gateway in gateways:
        try:
            if failed:
                print(f"--- log of {gateway.argv[0]} pid {gateway.pid}\n{gateway.log()[-8000:]}")
                gateway.kill()
            else:
                gateway.stop()
        except FileNotFoundError:
            pass  # stopped and removed by the test itself
        except AssertionError as error:
            problems.append(str(error))
            gateway.kill()
        finally:
            gateway.remove()
    assert not problems, "\n".join(problems)


@pytest.fixture
def start_gateway(request):
    started = []

    def start(yaml=None, **options):
        gateway = Gateway(yaml, **options)
        started.append(gateway)
        return gateway

    yield start
    _finish(started, getattr(request.node, "test_failed", False))


@pytest.fixture(scope="module")
def gateway(request):
    gateway = Gateway()
    before = request.session.testsfailed
    yield gateway
    _finish([gateway], request.session.testsfailed > before)


@pytest.fixture(scope="session")
def mock_process():
    mock = Mock()
    yield mock
    mock.stop()


@pytest.fixture
def mock(mock_process):
    mock_process.clear()
    return mock_process


@pytest.fixture(scope="module")
def mocked_gateway(request, mock_process):
    """A gateway (one per file) with provider `up` = the mock, so that a test sees what went out."""
    gateway = Gateway(one_provider(mock_process.base_v1))
    before = request.session.testsfailed
    yield gateway
    _finish([gateway], request.session.testsfailed > before)


@pytest.fixture
def upstream():
    started = []

    def start(script, certificate=None):
        one = ScriptedUpstream(script, certificate)
        started.append(one)
        return one

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificate")
    for path in (directory, *directory.parents[:2]):  # for the user whom the gateway drops to
        path.chmod(0o755)
    return make_certificate(directory)


@pytest.fixture(params=["plain", "tls"])
def provided(request, upstream, start_gateway):
    def start(script, more="", **options):
        tls = request.getfixturevalue("certificate") if request.param == "tls" else None
        start.upstream = upstream(script, tls)
        trust = f"    ca_file: {tls[0]}\n" if tls else ""
        return start_gateway(one_provider(start.upstream.base_v1, more=trust + more), **options)

    return start
