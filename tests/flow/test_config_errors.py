"""Bad configuration: what it is told, and that it never replaces a good one."""

import json
import socket
import subprocess
import threading

import pytest

from gateway import ADMIN_TOKEN, BFCTL, BOWFIN, clean_environment, make_certificate
from wire import chat

KEY = "sk-bf-config-errors-0123456789abcdef"


def good(more="", up="http://127.0.0.1:9/v1", key=KEY):
    """A sound file of 9 lines; what is put behind it starts on line 10."""
    return f"""listen: 127.0.0.1:0
admin: {{ token: {ADMIN_TOKEN} }}
providers:
  up:
    vendor: openai-compatible
    base_url: {up}
    keys: [{{ name: main, value: up-key }}]
virtual_keys:
  - {{ name: team, value: {key} }}
{more}"""


# What is put behind the good file (or the whole file, when it has `listen`), and what is told.
BAD = {
    "unknown key": (
        "limit: { body_max: 1MiB }\n",
        '{file}:10: unknown key "limit", did you mean "limits"?'),
    "unknown key below": (
        "limits: { body_maxx: 1MiB }\n",
        '{file}:10: unknown key "body_maxx" in limits, did you mean "body_max"?'),
    "missing environment variable": (
        "  - { name: other, value: env.NOT_IN_THE_ENVIRONMENT }\n",
        "{file}:10: environment variable NOT_IN_THE_ENVIRONMENT is not set (used by "
        "virtual_keys[1].value)"),
    "wrong type": (
        "models: [fast]\n",
        "{file}:10: models must be a mapping of names to targets, is a list"),
    "no number": (
        "limits: { connections: many }\n",
        '{file}:10: limits.connections must be a whole number between 1 and 1000000, is "many"'),
    "duration without unit": (
        "drain_timeout: 30\n",
        "{file}:10: drain_timeout must be a duration with its unit (500ms, 5s, 10m, 2h, 30d; 0 for "
        'none), is "30"'),
    "key written twice": (
        "admin: { token: another-token-of-some-length }\n",
        '{file}:10: duplicate key "admin", first on line 2'),
    "virtual key's name twice": (
        "  - { name: team, value: sk-bf-another-0123456789 }\n",
        '{file}:10: duplicate virtual key name "team", first on line 9'),
    "virtual key's value twice": (
        f"  - {{ name: twin, value: {KEY} }}\n",
        '{file}:10: virtual key "twin" has the same value as the one on line 9'),
    "rule whose pattern is none": (
        "rules:\n  - { when: 'model.matches(\"(\")', use: up/m }\n",
        "{file}:11: rules[0].when cannot be read: column 15: pattern, character 2: missing closing parenthesis"),
    "rule that divides by zero": (
        "rules:\n  - { when: 'request.tokens / 0 > 1', use: up/m }\n",
        "{file}:11: rules[0].when cannot be read: column 16: division by zero is an error whatever is divided"),
    "rule that asks has() of no field": (
        "rules:\n  - { when: 'has(model)', use: up/m }\n",
        "{file}:11: rules[0].when cannot be read: column 5: has wants a field, as in has(key.team) or has(headers.accept), and model is "
        "a variable by itself"),
    "rule that leads to a pattern": (
        "rules:\n  - { use: 'up/*' }\n",
        '{file}:11: rules: "up/*" is a pattern, and nothing tells what its * would be: name one model (only a target carries over the * '
        "of its own name in models:)"),
    "rule of a key that is not there": (
        "rules:\n  - { use: up/m, key: taem }\n",
        '{file}:11: rules: there is no key "taem", did you mean "team"?'),
    "fallback of no provider": (
        "models:\n  fast: { targets: [up/m], fallbacks: [upp/m] }\n",
        '{file}:11: models.fast.fallbacks: there is no provider "upp" for upp/m; nearest: "up"'),
    "key of another mapping": (
        "retry_ratio: 5%\n",
        '{file}:10: unknown key "retry_ratio", did you mean "limits.retry_ratio"?'),
    "shares that leave somebody": (
        "models:\n  fast: { targets: [{ model: up/a, share: 50% }, { model: up/b, share: 20% }] }\n",
        "{file}:11: models.fast: the shares of its targets sum to 70%, and nobody serves the others: make them 100%, or have a target "
        "without share and with a weight above 0"),
    "target without provider": (
        "models: { fast: { targets: [upp/echo] } }\n",
        '{file}:10: models.fast: no provider "upp" for target upp/echo, did you mean "up"?'),
    "not YAML": (
        "models: {\n",
        "{file}:11: not valid YAML: did not find expected node content, while parsing a flow node"),
    "tab": (
        "log:\n\tlevel: info\n",
        "{file}:11: not valid YAML: found character that cannot start any token (tabs cannot "
        "indent; texts that start with one of @`%{{}}[]&*!|>'\" need quotes)"),
    "money": (
        "prices: { up/echo: { input: -1, output: 1 } }\n",
        '{file}:10: prices.up/echo.input must be dollars per million tokens such as 2.50 (0 to '
        '1000000, at most six digits behind the point), is "-1"'),
    "no address": (
        "listen: nowhere\n" + good().split("\n", 1)[1],
        "{file}:1: listen must be an address such as 127.0.0.1:8080, [::]:8443, :8080 or "
        'unix:/run/bowfin/http.sock, is "nowhere": it has no port'),
    "certificate that is not there": (
        "listen: [{ address: \"127.0.0.1:0\", tls: { certificate: /nonexistent/a.crt, "
        "key: /nonexistent/a.key } }]\n" + good().split("\n", 1)[1],
        '{file}:1: certificate "/nonexistent/a.crt" cannot be used: No such file or directory\n'
        '{file}:1: private key "/nonexistent/a.key" cannot be used: No such file or directory'),
}


def text_of(bad):
    return bad if bad.startswith("listen:") else good(bad)


def check_file(path, *args):
    done = subprocess.run([BOWFIN, "-t", "-c", path, *args], stdin=subprocess.DEVNULL,
                          capture_output=True, env=clean_environment(), timeout=20, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("name", BAD)
def test_check_tells_file_and_line(tmp_path, name):
    bad, want = BAD[name]
    path = tmp_path / "bowfin.yaml"
    path.write_text(text_of(bad))
    code, out, err = check_file(path)
    assert code == 1
    assert (out + err).rstrip("\n") == want.format(file=path)
    done = subprocess.run([BFCTL, "check", path], capture_output=True, env=clean_environment(),
                          timeout=20, check=False)
    assert done.returncode != 0
    assert want.format(file=path) in (done.stdout + done.stderr).decode()


def test_check_of_a_good_file(tmp_path):
    path = tmp_path / "bowfin.yaml"
    path.write_text(good())
    assert check_file(path) == (0, f"{path}: ok\n", "")


WARNED = """models: { big: { targets: [up/m], queue: { at_most: 3 } } }
"""


def test_warnings_are_told_and_stop_nothing(start_gateway, tmp_path):
    text = good(WARNED).replace(f"value: {KEY} }}", f"value: {KEY}, models: [up/small], aliases: {{ best: up/large }} }}")
    file = tmp_path / "bowfin.yaml"
    file.write_text(text)
    wanted = [f'{file}:9: virtual key "team": aliases.best stands for "up/large", which the key may not use: add it to the key\'s models, '
              "or this alias is of no use",
              f"{file}:10: models.big.queue: nothing here has a concurrency, so that nobody ever waits: give one to a target, a provider "
              "or model_limits"]
    assert check_file(file) == (0, "\n".join([*(f"warning: {line}" for line in wanted), f"{file}: ok", ""]), "")
    done = subprocess.run([BFCTL, "--json", "check", file], capture_output=True, text=True, env=clean_environment())
    assert json.loads(done.stdout) == {"ok": True, "errors": [], "warnings": wanted}
    gateway = start_gateway(text)
    assert gateway.log().count("event=config_warning") == 2
    answer = gateway.call("POST", "/v1/chat/completions", chat("best"), key=KEY)
    assert answer.status == 403 and '\\"best\\" is this key\'s alias of \\"up/large\\"' in answer.body.decode()


def test_check_of_no_file(tmp_path):
    path = tmp_path / "none.yaml"
    code, out, err = check_file(path)
    assert code == 1
    assert out + err == f"{path}: No such file or directory\n"


def test_check_reports_everything_in_the_order_of_lines(tmp_path):
    path = tmp_path / "bowfin.yaml"
    path.write_text(good("  - { name: b, value: short }\nlimits: { streams: 0 }\nnothing_like: 1\n"))
    code, out, err = check_file(path)
    lines = (out + err).splitlines()
    assert code == 1
    assert [line.split(": ")[0] for line in lines] == [f"{path}:{n}" for n in (10, 11, 12)]


def test_a_bad_file_does_not_start(start_gateway):
    gateway = start_gateway(good(BAD["unknown key"][0]), listen=(), ready=False)
    assert gateway.wait_exit() == 1
    assert BAD["unknown key"][1].format(file=gateway.config) in gateway.log() + "\n".join(gateway.lines)
    gateway.kill()


@pytest.fixture(scope="module")
def serving(mock_process):
    from gateway import Gateway
    gateway = Gateway(good(up=mock_process.base_v1), listen=())
    yield gateway
    gateway.stop()


def ask(gateway, key=KEY):
    return gateway.call("POST", "/v1/chat/completions", chat("up/echo"), key=key)


@pytest.mark.parametrize("name", BAD)
def test_hup_with_a_bad_file_keeps_the_old(serving, mock_process, name):
    bad, want = BAD[name]
    before = serving.generation()
    last = serving.reload(text_of(bad))
    assert last["ok"] is False
    assert last["text"] == want.format(file=serving.config)
    assert want.format(file=serving.config).split("\n")[0].split(": ", 1)[1][:40] in serving.log()
    assert serving.generation() == before
    assert ask(serving).status == 200
    # The same file once mended works at once, with what it says anew.
    other = f"{KEY}-{name.replace(' ', '-')}"
    assert serving.reload(good(up=mock_process.base_v1, key=other))["ok"] is True
    assert ask(serving, other).status == 200
    assert ask(serving).status == 401
    assert serving.reload(good(up=mock_process.base_v1))["ok"] is True


def test_bfctl_reload_says_why_not(serving, mock_process):
    serving.write(text_of(BAD["unknown key"][0]))
    done = subprocess.run([BFCTL, "--socket", str(serving.run / "admin.sock"), "reload"],
                          capture_output=True, env=clean_environment(), timeout=20, check=False)
    assert done.returncode != 0
    assert BAD["unknown key"][1].format(file=serving.config) in (done.stdout + done.stderr).decode()
    serving.write(good(up=mock_process.base_v1))
    serving.bfctl("reload")


def test_a_file_that_went_away_keeps_the_old(serving, mock_process):
    serving.config.unlink()
    last = serving.reload()
    assert last["ok"] is False
    assert last["text"] == f"{serving.config}: No such file or directory"
    assert ask(serving).status == 200
    assert serving.reload(good(up=mock_process.base_v1))["ok"] is True


def test_no_request_fails_while_bad_files_are_loaded(serving, mock_process):
    answers, done = [], threading.Event()

    def client():
        while not done.is_set():
            answers.append(ask(serving).status)

    clients = [threading.Thread(target=client) for _ in range(3)]
    for thread in clients:
        thread.start()
    for bad, _ in list(BAD.values())[:6]:
        assert serving.reload(text_of(bad))["ok"] is False
        assert serving.reload(good(up=mock_process.base_v1))["ok"] is True
    done.set()
    for thread in clients:
        thread.join()
    assert len(answers) > 20 and set(answers) == {200}


def test_a_port_in_use_keeps_the_old(serving, mock_process):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        rest = good(up=mock_process.base_v1).split("\n", 1)[1]
        last = serving.reload(f"listen: [\"127.0.0.1:0\", \"127.0.0.1:{port}\"]\n{rest}")
        assert last["ok"] is False
        assert f"127.0.0.1:{port}" in last["text"] and "in use" in last["text"]
        assert f"{serving.config}:1:" in last["text"]
        assert ask(serving).status == 200
    assert serving.reload(good(up=mock_process.base_v1))["ok"] is True


def test_a_port_in_use_does_not_start(start_gateway):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        gateway = start_gateway(f"listen: 127.0.0.1:{port}\n" + good().split("\n", 1)[1], listen=(),
                                ready=False)
        assert gateway.wait_exit() in (1, 3)
        assert f"127.0.0.1:{port}" in gateway.log() and "in use" in gateway.log()
        gateway.kill()


def test_a_key_of_another_certificate_keeps_the_old(serving, mock_process):
    certificate, key = make_certificate(serving.directory, "one")
    _, other = make_certificate(serving.directory, "two")
    rest = good(up=mock_process.base_v1).split("\n", 1)[1]

    def file(with_key):
        return (f'listen: [127.0.0.1:0, {{ address: "127.0.0.1:0", tls: {{ certificate: "{certificate}", '
                f'key: "{with_key}" }} }}]\n{rest}')

    last = serving.reload(file(other))
    assert last["ok"] is False
    assert f"{serving.config}:1:" in last["text"] and str(other) in last["text"]
    assert ask(serving).status == 200
    assert key.exists()


def test_no_secret_is_told(serving, mock_process):
    secret = "hush-hush-hush-hush-hush"
    last = serving.reload(good(f"admin: {secret}\n", up=mock_process.base_v1))
    assert last["ok"] is False and secret not in last["text"]
    last = serving.reload(good(f"  - {{ name: a, value: '{secret} {secret}' }}\n"))
    assert last["ok"] is False and secret not in last["text"]
    assert secret not in serving.log()
    assert serving.reload(good(up=mock_process.base_v1))["ok"] is True


def test_a_cloud_without_a_credential(tmp_path):
    """Its vendors take more than the one variable that is missing; the message names all ways."""
    path = tmp_path / "bowfin.yaml"
    path.write_text("providers:\n  bedrock: { region: us-east-1 }\n", encoding="utf-8")
    done = subprocess.run([BOWFIN, "-t", "-c", path], capture_output=True, text=True, env=clean_environment(), check=False)
    assert done.returncode == 1
    for way in ("AWS_BEARER_TOKEN_BEDROCK is not set", "AWS_ACCESS_KEY_ID", "keys: [{ aws: {} }]"):
        assert way in done.stdout + done.stderr
