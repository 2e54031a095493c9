"""bfctl against a running gateway: what people and scripts rely on."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from gateway import ADMIN_TOKEN, BFCTL, ROOT, clean_environment, one_provider
from wire import DEADLINE, wait_until


def bfctl(*args, env=None):
    return subprocess.run([BFCTL, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=DEADLINE, env=clean_environment(env), check=False)


def ask(gateway, key=None, model="mock/echo"):
    return gateway.call("POST", "/v1/chat/completions",
                        {"model": model, "messages": [{"role": "user", "content": "hi"}]}, key=key)


def test_status_and_workers(gateway):
    text = gateway.bfctl("status")
    assert re.search(r"^ready\s+ready: workers=2", text, re.M)
    assert re.search(r"^worker/1\s+\d+", text, re.M)
    assert json.loads(gateway.bfctl("status", "--json"))["ready"]["ok"] is True
    assert len(json.loads(gateway.bfctl("--json", "workers"))) == 2
    assert len(gateway.bfctl("workers").splitlines()) == 3


def test_exit_statuses(gateway):
    assert bfctl("--socket", "/nonexistent/admin.sock", "status").returncode == 3
    assert bfctl("--url", "http://127.0.0.1:1", "status").returncode == 3
    assert bfctl().returncode == 2
    assert bfctl("--socket").returncode == 2
    for args, hint in ((("stauts",), "did you mean status?"), (("keys", "lst"), "keys list"),
                       (("logs", "--limt", "3"), "did you mean --limit?"),
                       (("logs", "--limit", "x"), "--limit must be"), (("reload", "now"), "no words"),
                       (("completion", "tcsh"), "only for bash, zsh and fish"),
                       (("keys", "create"), "one word")):
        done = bfctl("--socket", gateway.run / "admin.sock", *args)
        assert done.returncode == 2 and hint in done.stderr, (args, done)
    gateway.bfctl("keys", "revoke", "nobody", expect=1)
    gateway.bfctl("help")
    gateway.bfctl("version")


def test_import_names_what_is_wrong(gateway, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps([{"name": f"wrong-{n}", "value": f"sk-wrong-{n:08}", "budget": 1 if n == 0 else -n}
                                for n in range(31)]))
    done = bfctl("--socket", gateway.run / "admin.sock", "keys", "import", file)
    assert done.returncode == 1 and "30 of the keys are not good" in done.stderr, done
    assert re.search(r"^  item 1: .*budget.*-1", done.stderr, re.M) and "item 0:" not in done.stderr, done
    assert done.stderr.count("  item ") == 20 and done.stderr.endswith("  ... and more\n"), done


def test_socket_is_found(gateway):
    done = bfctl("status", env={"RUNTIME_DIRECTORY": str(gateway.run)})
    assert done.returncode == 0, done


def test_over_http(mocked_gateway):
    url = ("--url", mocked_gateway.base + "/")
    refused = bfctl(*url, "status")
    assert refused.returncode == 1 and "BOWFIN_ADMIN_TOKEN" in refused.stderr
    assert bfctl(*url, "--token", "wrong", "status").returncode == 1
    assert bfctl(*url, "--token", ADMIN_TOKEN, "status").returncode == 0
    assert bfctl(*url, "routes", env={"BOWFIN_ADMIN_TOKEN": ADMIN_TOKEN}).returncode == 0


def test_keys(gateway):
    key = gateway.bfctl("keys", "create", "ctl", "--models", "mock/echo,fast", "--expires", "30d")
    assert re.fullmatch(r"sk-bf-[A-Za-z0-9_-]{43}\n", key)  # alone: for KEY=$(...)
    assert ask(gateway, key.strip()).status == 200
    assert re.search(r"^[0-9a-f]{16}\s+ctl\s+yes\s+no\s+mock/echo,fast\s", gateway.bfctl("keys", "list"), re.M)
    [row] = json.loads(gateway.bfctl("keys", "list", "--name", "ctl", "--json"))["data"]
    assert row["expires_ms"] > time.time() * 1000 + 29 * 86400e3
    gateway.bfctl("keys", "create", "ctl", expect=1)
    assert gateway.bfctl("keys", "revoke", "ctl") == f"revoked {row['id']}\n"
    assert ask(gateway, key.strip()).status == 401
    made = json.loads(gateway.bfctl("keys", "create", "ctl-2", "--inactive", "--json"))
    assert made["active"] is False and made["strict"] is False
    gateway.bfctl("keys", "revoke", made["id"])


def test_check(tmp_path, gateway):
    file = tmp_path / "bowfin.yaml"
    file.write_text("providers:\n  mock:\n    vendor: mock\n")
    done = bfctl("check", file)
    assert (done.returncode, done.stdout) == (0, f"{file}: ok\n")
    file.write_text("providers:\n  mock:\n    vendr: mock\n")
    done = bfctl("check", file)
    assert done.returncode == 1 and re.search(rf"^{file}:3: .*vendor", done.stderr, re.M), done
    done = bfctl("check", "--json", file)
    assert done.returncode == 1 and json.loads(done.stdout)["errors"][0].startswith(f"{file}:3")


def test_reload(start_gateway, mock):
    gateway = start_gateway(one_provider(mock.base_v1))
    gateway.write(one_provider(mock.base_v1, name="down"))
    text = gateway.bfctl("reload")
    assert "provider down: added" in text and "provider up: removed" in text
    gateway.write("nonsense: 1\n")
    done = bfctl("--socket", gateway.run / "admin.sock", "reload")
    assert done.returncode == 1 and re.search(r"bowfin\.yaml:2: .*nonsense", done.stderr), done
    assert "down" in gateway.bfctl("routes")


def test_journal(gateway):
    for _ in range(3):
        ask(gateway, model="mock/lorem-7")
    wait_until(lambda: gateway.bfctl("logs", "--model", "lorem-7").count("lorem-7") == 3, "3 rows")
    rows = json.loads(gateway.bfctl("logs", "--json", "--limit", "2"))["data"]
    assert len(rows) == 2
    assert re.search(r"^time \(UTC\)\s+status", gateway.bfctl("logs"))
    text = gateway.bfctl("usage", "--by", "model")
    assert re.search(r"^lorem-7\s+3\s+0\s+[\d,]+\s+0\s+21\s", text, re.M), text
    assert json.loads(gateway.bfctl("usage", "--json"))["data"]
    gateway.bfctl("usage", "--since", "never", expect=1)


def read_until(fd, pattern, what):
    """From a pipe or terminal until the pattern has come."""
    text, end = "", time.monotonic() + DEADLINE
    while not re.search(pattern, text):
        left = end - time.monotonic()
        assert left > 0 and select.select([fd], [], [], left)[0], (what, text)
        piece = os.read(fd, 65536).decode(errors="replace")
        assert piece, (what, text)
        text += piece
    return text


def test_logs_follow(gateway):
    argv = [BFCTL, "--socket", str(gateway.run / "admin.sock"), "logs", "-f", "--model", "lorem-2"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=clean_environment()) as process:
        try:
            read_until(process.stdout.fileno(), r"time \(UTC\)", "the head")
            ask(gateway)  # the filter refuses it
            ask(gateway, model="mock/lorem-2")
            text = read_until(process.stdout.fileno(), r"lorem-2 ", "the row")
            ask(gateway, model="mock/lorem-2")
            text += read_until(process.stdout.fileno(), r"lorem-2 ", "the second row")
            assert text.count("lorem-2 ") == 2 and "echo" not in text
        finally:
            process.terminate()


def test_top(gateway):
    once = gateway.bfctl("top", "--once")
    assert re.search(r"^requests/s \d+", once, re.M) and "\033" not in once
    assert gateway.bfctl("top").startswith("bowfin ")  # not a terminal: one picture
    both = json.loads(gateway.bfctl("top", "--json"))
    assert both["status"]["workers"] and both["routes"]


def test_top_on_a_terminal(gateway):
    master, slave = pty.openpty()
    process = subprocess.Popen([BFCTL, "--socket", str(gateway.run / "admin.sock"), "top"],
                               stdin=slave, stdout=slave, env=clean_environment())
    os.close(slave)
    try:
        read_until(master, r"\033\[\?1049h[\s\S]*requests/s[\s\S]*\033\[J[\s\S]*\033\[H", "two pictures")
        process.send_signal(signal.SIGINT)
        read_until(master, r"\033\[\?25h\033\[\?1049l", "the screen given back")
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_export_loads_again(start_gateway, mock, tmp_path):
    secret = "sk-upstream-secret-0123456789"
    gateway = start_gateway(f"""require_key: true
providers:
  up:
    vendor: openai-compatible
    base_url: {mock.base_v1}
    keys: [ {{ name: main, value: env.UP_KEY }} ]
models: {{ fast: {{ targets: [ {{ model: up/echo }} ] }} }}
virtual_keys:
  - {{ name: "of the: file", value: sk-bf-file-key-0123456789abcdef, models: ["up/*"] }}
""", env={"UP_KEY": secret})
    key = gateway.bfctl("keys", "create", 'quo"te: #\\', "--expires", "2031-01-31", "--strict").strip()
    text = gateway.bfctl("export")
    assert "env.UP_KEY" in text and secret not in text and key not in text
    assert "sk-bf-file-key" not in text and ADMIN_TOKEN not in text
    file = tmp_path / "export.yaml"
    # The admin's token stands masked in it; where it was plain text it must be given anew.
    file.write_text(re.sub(r"(?m)^admin:.*\n(?:[ \t].*\n)*", "", text))
    missing = bfctl("check", file)
    assert missing.returncode == 1 and "UP_KEY" in missing.stderr
    done = bfctl("check", file, env={"UP_KEY": secret})
    assert done.returncode == 0, (done, text)
    again = start_gateway(file.read_text(), env={"UP_KEY": secret})
    for known in (key, "sk-bf-file-key-0123456789abcdef"):
        assert ask(again, known, "up/echo").status == 200
    [row] = [row for row in again.api("GET", "/api/keys", expect=200)["data"] if "quo" in row["name"]]
    assert row["name"] == 'quo"te: #\\' and row["expires_ms"] == 1927584000000 and row["strict"]


@pytest.mark.parametrize("of_file", ["", """rules: [ { name: written, when: 'model == "up/a"', use: fast } ]\nqueue: { at_most: 4 }\n"""])
def test_export_has_the_rules_that_the_api_made(start_gateway, mock, tmp_path, of_file):
    gateway = start_gateway(f"""providers:
  up: {{ vendor: openai-compatible, base_url: {mock.base_v1}, keys: [ {{ name: main, value: env.UP_KEY }} ] }}
models: {{ fast: {{ targets: [ up/echo ] }} }}
{of_file}""", env={"UP_KEY": "sk-upstream-secret-0123456789"})
    gateway.bfctl("keys", "create", "ci")
    gateway.bfctl("rule", "add", 'tricky: "name" #1', "--use", "fast", "--when", 'model == "up/b" && headers["x"] != \'y\'', "--priority", "7")
    gateway.bfctl("rule", "add", "of-key", "--use", "up/lorem-3", "--key", "ci")

    def rules(at):
        return [{name: row.get(name) for name in ("name", "when", "use", "key", "priority")}
                for row in at.api("GET", "/api/rules", expect=200)["data"]]
    before = rules(gateway)
    assert len(before) == (3 if of_file else 2)
    text = re.sub(r"(?m)^admin:.*\n(?:[ \t].*\n)*", "", gateway.bfctl("export"))
    again = start_gateway(text, env={"UP_KEY": "sk-upstream-secret-0123456789"})
    assert rules(again) == before, text


def test_no_control_characters_reach_the_terminal(gateway):
    """A model's name comes from a client; what turns the writing direction stays out of the table."""
    ask(gateway, model="mock/lorem-1\u202e")
    rows = wait_until(lambda: [line for line in gateway.bfctl("logs").splitlines() if "lorem-1?" in line],
                      "the row")
    assert "\u202e" not in rows[-1]
    row = json.loads(gateway.bfctl("logs", "--json", "--limit", "1"))["data"][0]
    assert "\u202e" in row["model"] + str(row["asked"])  # JSON is for programs


@pytest.mark.parametrize("shell,file", [("bash", "bfctl.bash"), ("zsh", "_bfctl"), ("fish", "bfctl.fish")])
def test_completion(shell, file):
    script = (ROOT / "tools" / "completions" / file).read_text()
    assert bfctl("completion", shell).stdout == script
    listed = re.findall(r"^  ([a-z]+) ", bfctl("help").stdout.split("\n\n")[1], re.M)
    for command in listed:
        assert re.search(rf"\b{command}\b", script), f"{command} is not completed in {shell}"


def test_bash_completes(gateway):
    script = f"""source {ROOT}/tools/completions/bfctl.bash
COMP_WORDS=(bfctl --socket x keys cr); COMP_CWORD=4; _bfctl; echo "${{COMPREPLY[*]}}"
COMP_WORDS=(bfctl st); COMP_CWORD=1; _bfctl; echo "${{COMPREPLY[*]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "create\nstatus\n"


@pytest.mark.parametrize("page", ["bowfin.8", "bfctl.1", "bowfin.yaml.5"])
def test_man_pages(page):
    file = ROOT / "tools" / "man" / page
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(file)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and not done.stdout, done.stdout
    if page == "bfctl.1":
        text = file.read_text()
        for command in re.findall(r"^  ([a-z]+) ", bfctl("help").stdout.split("\n\n")[1], re.M):
            assert f".It Cm {command}" in text, f"{command} is not described"


RICH = """require_key: false
providers:
  up: { vendor: openai-compatible, base_url: "{base}", keys: [ { name: main, value: x }, { name: spare, value: y, weight: 0.5 } ], models: [ small, large ] }
  new: { vendor: openai-compatible, base_url: "{base}", keys: [ { name: main, value: z } ] }
models:
  fast: { targets: [ { model: up/echo, weight: 8 }, { model: new/echo, weight: 2 } ] }
  trial: { targets: [ up/echo, { model: new/next, share: 20% } ] }
  compared: { targets: [ up/echo ], shadow: { model: new/echo, share: 100% } }
  "claude-*": { targets: [ "new/claude-*" ] }
teams: { research: { budgets: [ { limit: 5, window: 1d } ] } }
virtual_keys: [ { name: app, value: sk-bf-bfctl-app-000001, team: research } ]
rules: [ { name: gold, when: 'headers["x-tier"] == "gold"', use: fast } ]
"""


@pytest.fixture
def rich(start_gateway, mock):
    return start_gateway(RICH.replace("{base}", mock.base_v1), workers=1)


def told(gateway, *args, status=0):
    """What bfctl says on stderr, and its stdout."""
    done = bfctl("--socket", gateway.run / "admin.sock", *args)
    assert done.returncode == status, (args, done)
    return done.stderr.strip(), done.stdout


def routes_of(gateway, *args):
    rows = json.loads(gateway.bfctl("routes", "--json", *args))["data"]
    return {(row["provider"], row["provider_key"], row["model"]): row["share"] for row in rows}


def test_routes_are_found_by_every_name(rich):
    assert routes_of(rich, "--model", "fast") == {
        ("up", "main", "echo"): 0.533, ("up", "spare", "echo"): 0.267, ("new", "main", "echo"): 0.2}
    # as a provider calls it, bare or with it, or with the filter
    small = {("up", "main", "small"): 0.667, ("up", "spare", "small"): 0.333}
    for args in (("small",), ("up/small",), ("small", "--provider", "up")):
        assert routes_of(rich, "--model", *args) == small, args
    assert routes_of(rich, "--model", "claude-9") == {("new", "main", None): 1}  # a pattern's
    assert routes_of(rich, "--model", "any", "--provider", "new") == {("new", "main", None): 1}
    assert routes_of(rich, "--model", "fast", "--provider", "new") == {("new", "main", "echo"): 0.2}
    # every route that is listed is found by its own columns
    for provider, key, model in routes_of(rich):
        if model is not None:
            assert (provider, key, model) in routes_of(rich, "--model", model, "--provider", provider)


def test_routes_of_a_canary(rich):
    assert routes_of(rich, "--model", "trial") == {
        ("up", "main", "echo"): 0.533, ("up", "spare", "echo"): 0.267, ("new", "main", "next"): 0.2}
    assert re.search(r"^new +main +next +healthy +20% ", rich.bfctl("routes", "--model", "trial"), re.M)


@pytest.mark.parametrize("args,words", [
    (("routes", "--provider", "upp"), 'there is no provider "upp"; did you mean "up"?'),
    (("routes", "--provider", "zzzzzz"), 'there is no provider "zzzzzz"; there are: up, new'),
    (("routes", "--model", "fasst"), 'no route serves a model "fasst"; did you mean "fast"?'),
    (("routes", "--model", "small", "--provider", "new"), 'has no route for "small"; it is served by: up'),
    (("shadow", "--model", "comparde"), 'there is no model "comparde" in models:; did you mean "compared"?'),
    (("usage", "--key", "ap"), 'there is no virtual key "ap"; did you mean "app"?'),
    (("logs", "--team", "reserch"), 'there is no team "reserch"; did you mean "research"?'),
    (("usage", "--since", "1h", "--until", "2h"), "since must be earlier than until"),
    (("logs", "--since", "soon"), "since must be a time like"), (("logs", "--status", "9xx"), "a class like 4xx"),
    (("usage", "--by", "color"), "group_by must be one or more of"), (("budgets", "--kind", "foo"), "kind must be"),
    (("keys", "list", "--team", "reserch"), 'there is no team "reserch"; did you mean "research"?'),
    (("keys", "show", "ap"), "there is no virtual key named ap; did you mean app?"),
    (("teams", "show", "zzzzz"), "there is no team named zzzzz; `bfctl teams list` shows"),
    (("rule", "remove", "gould"), 'there is no rule "gould"'), (("rule", "add", "x", "--use", "nope"), 'no model "nope"'),
    (("usage", "reprice", "--prices", "/nonexistent"), "/nonexistent")])
def test_what_is_not_there_is_named(rich, args, words):
    assert words in told(rich, *args, status=1)[0], args
    assert told(rich, "--json", *args, status=1)[1] == ""


@pytest.mark.parametrize("args,words", [
    (("rule",), "rule what? list, add, remove"), (("rule", "ad"), "did you mean rule add?"), (("audit",), "bfctl audit money"),
    (("--jsno", "status"), "did you mean --json?"), (("--json=1", "status"), "--json takes no value"),
    (("usage", "--by", ""), "--by is empty, and needs a value"), (("keys",), "keys what?"), (("help", "keys", "lst"), "keys has no lst"),
    (("logs", "--limit"), "--limit needs a value: N"), (("logs", "--key", ""), "--key is empty"), (("routes", "--model="), "--model is empty"),
    (("explain", "--model", "fast", "--key", ""), "--key is empty"), (("rule", "add", "x"), "--use is missing")])
def test_what_is_wrong_in_a_command_line(rich, args, words):
    assert words in told(rich, *args, status=2)[0], args


@pytest.mark.parametrize("args,words", [
    (("logs", "--status", "404"), "no request in the log matches"), (("logs",), "no request was logged so far"),
    (("usage",), "no request was counted so far"), (("usage", "--until", "2020-01-01"), "no request was counted that matches"),
    (("usage", "reprice"), "no request of the log matches"), (("budgets", "--kind", "key"), "no budget matches"),
    (("keys", "list", "--name", "zz"), "no virtual key matches"), (("customers", "list"), "there is no customer"),
    (("shadow",), "nothing was compared in this time"), (("shadow", "--model", "fast"), "this model has no shadow:")])
def test_an_empty_answer_says_so(rich, args, words):
    words_told, out = told(rich, *args)
    assert words in words_told and out == "", args
    words_told, out = told(rich, "--json", *args)
    assert words_told == "" and json.loads(out)["data"] == [], args


def test_help_lists_every_option(rich):
    """The table that reads the options is the one that help shows, and completions and manual page know them."""
    commands = json.loads(bfctl("help", "--json").stdout)["commands"]
    scripts = {name: (ROOT / "tools" / "completions" / name).read_text() for name in ("bfctl.bash", "_bfctl", "bfctl.fish")}
    page = (ROOT / "tools" / "man" / "bfctl.1").read_text().replace("\\-", "-")
    for command in commands:
        text = bfctl("help", command["name"]).stdout
        assert bfctl(command["name"], "--help").stdout == text
        for use in command["uses"]:
            for option in use["options"]:
                name = option["name"]
                assert re.search(rf"{re.escape(name)}\b", text), (command["name"], name)
                for script, body in scripts.items():
                    spelt = rf"-l {name[2:]}\b" if script.endswith("fish") and name.startswith("--") else rf"{re.escape(name)}\b"
                    spelt = r"-s f\b" if script.endswith("fish") and name == "-f" else spelt
                    assert re.search(spelt, body), (script, command["name"], name)
                assert re.search(r"\bFl (Fl )?" + re.escape(name.lstrip("-")) + r"\b", page), (command["name"], name)
    assert {option["name"] for command in commands if command["name"] == "explain" for option in command["uses"][0]["options"]} >= {
        "--fallbacks", "--header", "--body", "--tags", "--stream", "--dialect", "--address", "--provider-key", "--param"}


def test_show_is_for_people(rich):
    rich.bfctl("keys", "create", "shown", "--budget", "5/1d,9/1M", "--rate-limit", "10/1m", "--tags", "a,b", "--team", "research")
    text = rich.bfctl("keys", "show", "shown")
    assert re.search(r"^budgets +5\.00 dollars per 1d: 0\.00 used, 0\.00 held, 5\.00 left, anew at \d{4}-", text, re.M), text
    assert re.search(r"^ +9\.00 dollars per 1M: ", text, re.M) and re.search(r"^tags +a, b$", text, re.M), text
    assert re.search(r"^rate_limits +10 requests per 1m: 0 used, 10 left$", text, re.M), text
    assert re.search(r"^models +all$", text, re.M) and "{" not in text and "_ms" not in text, text
    assert re.search(r"^customer +-$|^budgets +5\.00 dollars", rich.bfctl("teams", "show", "research"), re.M)


def test_bash_completes_every_option():
    commands = json.loads(bfctl("help", "--json").stdout)["commands"]
    uses = [([command["name"], *use["words"].split()[:1]], {option["name"] for option in use["options"]})
            for command in commands for use in command["uses"] if use["options"]]
    lines = [f'COMP_WORDS=(bfctl {" ".join(words)} -); COMP_CWORD={len(words) + 1}; _bfctl; echo "${{COMPREPLY[*]}}"'
             for words, _ in uses]
    done = subprocess.run(["bash", "-c", "\n".join([f"source {ROOT}/tools/completions/bfctl.bash", *lines])],
                          capture_output=True, text=True, check=True)
    for (words, options), offered in zip(uses, done.stdout.splitlines(), strict=True):
        assert options <= set(offered.split()), words


def test_pages_filters_and_times(rich):
    for model in ("up/echo", "new/echo", "up/lorem-3"):
        for _ in range(4):
            assert ask(rich, model=model).status == 200
    wait_until(lambda: len(json.loads(rich.bfctl("logs", "--json"))["data"]) == 12, "12 rows")

    def logged(*args):
        return json.loads(rich.bfctl("logs", "--json", *args))["data"]

    assert len(logged("--limit", "5")) == 5 and len(logged("--provider", "up")) == 8
    assert len(logged("--model", "lorem-3")) == 4 and len(logged("--key", "none")) == 12 and not logged("--key", "app")
    assert len(logged("--since", "1h")) == 12 and not logged("--since", "1h", "--until", "59m")
    middle = logged("--limit", "6")[-1]["begun_ms"]
    assert len(logged("--since", str(middle))) + len(logged("--until", str(middle))) == 12
    wait_until(lambda: sum(row["requests"] for row in json.loads(rich.bfctl("usage", "--json"))["data"]) == 12, "the sums")
    assert [row["requests"] for row in json.loads(rich.bfctl("usage", "--json", "--by", "none"))["data"]] == [12]
    assert {row["provider"]: row["requests"] for row in json.loads(rich.bfctl("usage", "--json", "--by", "provider"))["data"]} \
        == {"up": 8, "new": 4}
    assert not json.loads(rich.bfctl("usage", "--json", "--until", "2020-01-01"))["data"]
