"""Credentials that become tokens or signatures: fetched, used, renewed, kept when their source is down.

Token endpoints are scripted, and named to the gateway as the vendors' own SDKs name them. AWS signatures are checked
by botocore, which computes them anew from what arrived.
"""

import base64
import json
import signal
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from wire import DEADLINE, SLOW, call, chat, chat_answer, wait_until

CLAUDE_ANSWER = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
                 "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn", "stop_sequence": None,
                 "usage": {"input_tokens": 3, "output_tokens": 5}}
CONVERSE_ANSWER = {"output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
                   "stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}}


class Source:
    """A token endpoint: answers (status, body) of `answer(request, number)`; keeps what it was asked."""

    def __init__(self, upstream, answer):
        self.answer_fn = answer
        self.requests = []
        self.server = upstream(self._script)
        self.base = self.server.base
        self.host = self.base.removeprefix("http://")

    def _script(self, connection):
        while request := connection.read_request():
            self.requests.append(request)
            status, body = self.answer_fn(request, len(self.requests))
            connection.answer(status, body if isinstance(body, (bytes, dict)) else body.encode())

    def form(self, number):
        return dict(urllib.parse.parse_qsl(self.requests[number].body.decode()))


class Provider(Source):
    """A provider that answers each path's end with what belongs there."""

    ANSWERS = {"/chat/completions": chat_answer(), ":rawPredict": CLAUDE_ANSWER, "/converse": CONVERSE_ANSWER}

    def __init__(self, upstream):
        super().__init__(upstream, self._answer)

    def _answer(self, request, _):
        path = urllib.parse.unquote(urllib.parse.urlsplit(request.path).path)
        for end, answer in self.ANSWERS.items():
            if path.endswith(end):
                return 200, answer
        return 404, {"error": {"message": f"no answer for {request.path}"}}


@pytest.fixture(scope="module")
def rsa_key(tmp_path_factory):
    directory = tmp_path_factory.mktemp("rsa")
    for command in (["genrsa", "-out", "key.pem", "2048"], ["rsa", "-in", "key.pem", "-pubout", "-out", "pub.pem"]):
        subprocess.run(["openssl", *command], cwd=directory, check=True, capture_output=True, timeout=DEADLINE)
    return directory


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check_jwt(jwt, directory, audience):
    head, claims, signature = jwt.split(".")
    (directory / "signature").write_bytes(unpadded(signature))
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", "pub.pem", "-signature", "signature"], cwd=directory,
                   input=f"{head}.{claims}".encode(), check=True, capture_output=True, timeout=DEADLINE)
    assert json.loads(unpadded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    claims = json.loads(unpadded(claims))
    assert claims["iss"] == "me@p.example.com" and claims["aud"] == audience
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert claims["exp"] == claims["iat"] + 3600 and abs(claims["iat"] - time.time()) < 60


def vertex(provider, source, rsa_key, more=""):
    """A file with Vertex at `provider` and a service account whose tokens come from `source`."""
    document = {"type": "service_account", "project_id": "p-1", "client_email": "me@p.example.com",
                "private_key_id": "kid-1", "private_key": (rsa_key / "key.pem").read_text(),
                "token_uri": source.base + "/token"}
    return f"""require_key: false
providers:
  vertex:
    base_url: {provider.base}/v1/projects/p-1/locations/eu1/publishers/google
    keys: [ {{ name: sa, gcp: {{ credentials: {json.dumps(json.dumps(document))} }} }} ]
    models: [ "*" ]
{more}"""


def messages(model, **more):
    return {"model": model, "max_tokens": 16, "messages": [{"role": "user", "content": "hello"}], **more}


def metric(gateway, name, provider):
    for line in gateway.api("GET", "/metrics").body.decode().splitlines():
        if line.startswith(f"bowfin_{name}{{provider=\"{provider}\""):
            return float(line.rsplit(" ", 1)[1])
    return None


def ask(gateway, model="vertex/claude-x"):
    return gateway.call("POST", "/anthropic/v1/messages", messages(model))


def test_a_token_is_fetched_used_renewed_and_kept(start_gateway, upstream, rsa_key):
    provider = Provider(upstream)
    is_down = threading.Event()
    source = Source(upstream, lambda _, n: (500, "{}") if is_down.is_set() else
                    (200, {"access_token": f"token-{n}", "expires_in": 4, "token_type": "Bearer"}))
    gateway = start_gateway(vertex(provider, source, rsa_key))
    assert ask(gateway).status == 200
    form = source.form(0)
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    check_jwt(form["assertion"], rsa_key, source.base + "/token")
    request = provider.requests[0]
    assert request.path == "/v1/projects/p-1/locations/eu1/publishers/anthropic/models/claude-x:rawPredict"
    assert request.headers["authorization"] == "Bearer token-1"
    body = json.loads(request.body)
    assert body["anthropic_version"] == "vertex-2023-10-16" and "model" not in body
    # renewed before its end, and the next request has it
    wait_until(lambda: metric(gateway, "credential_renewals_total", "vertex") >= 2, "a renewal")
    assert ask(gateway).status == 200
    assert provider.requests[-1].headers["authorization"] != "Bearer token-1"
    # its source is down: the last one goes on, also past its end
    is_down.set()
    wait_until(lambda: metric(gateway, "credential_failures_total", "vertex") >= 1, "a failure")
    assert metric(gateway, "credential_ok", "vertex") == 0
    last = provider.requests[-1].headers["authorization"].removeprefix("Bearer ")
    wait_until(lambda: metric(gateway, "credential_token_expiry_seconds", "vertex") == 0, "the token's end")
    assert ask(gateway).status == 200
    shown = provider.requests[-1].headers["authorization"].removeprefix("Bearer ")
    assert int(shown.split("-")[1]) >= int(last.split("-")[1])
    is_down.clear()
    before = metric(gateway, "credential_renewals_total", "vertex")
    wait_until(lambda: metric(gateway, "credential_renewals_total", "vertex") > before, "a token after the failures")
    log = gateway.log()
    assert "event=token_renewed" in log and "event=token_failed" in log
    assert "token-1" not in log and "PRIVATE" not in log and form["assertion"][-40:] not in log


def test_kill_of_the_process_costs_nothing(start_gateway, upstream, rsa_key):
    provider = Provider(upstream)
    source = Source(upstream, lambda _, n: (200, {"access_token": f"token-{n}", "expires_in": 3600}))
    gateway = start_gateway(vertex(provider, source, rsa_key))
    assert ask(gateway).status == 200
    pid = gateway.pids("credential")[0]
    gateway.kill_child(pid, signal.SIGSTOP)
    assert ask(gateway).status == 200  # nobody waits for it
    gateway.kill_child(pid, signal.SIGKILL)
    assert ask(gateway).status == 200
    gateway.wait_replaced(pid, "credential")
    assert ask(gateway).status == 200
    assert {request.headers["authorization"] for request in provider.requests} == {"Bearer token-1"}
    assert len(source.requests) == 1  # the successor goes on where the row says
    assert "credential" in gateway.bfctl("status")


def test_the_first_request_waits_and_no_longer_than_it_must(start_gateway, upstream, rsa_key):
    provider = Provider(upstream)
    go = threading.Event()

    def answer(_, __):
        assert go.wait(DEADLINE)
        return 200, {"access_token": "late", "expires_in": 3600}

    source = Source(upstream, answer)
    gateway = start_gateway(vertex(provider, source, rsa_key))
    answers = []
    client = threading.Thread(target=lambda: answers.append(ask(gateway)))
    client.start()
    wait_until(lambda: source.requests, "the question for a token")
    assert not provider.requests and not answers
    go.set()
    client.join(DEADLINE)
    assert answers[0].status == 200
    assert provider.requests[0].headers["authorization"] == "Bearer late"


def test_without_any_token_the_answer_names_the_provider(start_gateway, upstream, rsa_key):
    provider = Provider(upstream)
    source = Source(upstream, lambda *_: (401, {"error": "invalid_grant"}))
    gateway = start_gateway(vertex(provider, source, rsa_key))
    begun = time.monotonic()
    answer = gateway.call("POST", "/v1/chat/completions", chat("vertex/gemini-x"), timeout=30)
    assert answer.status == 503 and answer.headers["x-bf-error"] == "no_token", answer
    assert "vertex" in answer.error["message"]
    assert 9 < time.monotonic() - begun < 20
    assert not provider.requests
    assert gateway.call("POST", "/v1/chat/completions", chat("vertex/gemini-x"), timeout=30).status == 503


def test_a_changed_credential_does_not_use_the_old_token(start_gateway, upstream, rsa_key):
    provider = Provider(upstream)
    first = Source(upstream, lambda *_: (200, {"access_token": "of-first", "expires_in": 3600}))
    second = Source(upstream, lambda *_: (200, {"access_token": "of-second", "expires_in": 3600}))
    gateway = start_gateway(vertex(provider, first, rsa_key))
    assert ask(gateway).status == 200
    last = gateway.reload(vertex(provider, second, rsa_key))
    assert last["ok"], last
    assert ask(gateway).status == 200
    assert [r.headers["authorization"] for r in provider.requests] == ["Bearer of-first", "Bearer of-second"]
    # and the process goes when nothing needs it
    assert gateway.reload("require_key: false\nproviders: { mock: {} }\n")["ok"]
    wait_until(lambda: not gateway.pids("credential"), "the process's end")


def test_entra_and_dated_versions_of_azure(start_gateway, upstream):
    provider = Provider(upstream)
    source = Source(upstream, lambda *_: (200, {"access_token": "entra", "expires_in": "3599"}))
    yaml = f"""require_key: false
providers:
  azure:
    base_url: {provider.base}/openai/v1
    keys: [ {{ azure: {{ tenant_id: t-1, client_id: c-1, client_secret: env.THE_SECRET }} }} ]
    models: [ "gpt-x" ]
  old:
    vendor: azure
    base_url: {provider.base}/openai/v1
    api_version: "2024-10-21"
    keys: [ {{ value: plain-key }} ]
"""
    gateway = start_gateway(yaml, env={"AZURE_AUTHORITY_HOST": source.base, "THE_SECRET": "very/secret+"})
    assert gateway.call("POST", "/v1/chat/completions", chat("gpt-x")).status == 200
    assert provider.requests[0].path == "/openai/v1/chat/completions"
    assert provider.requests[0].headers["authorization"] == "Bearer entra"
    assert "api-key" not in provider.requests[0].headers
    assert source.requests[0].path == "/t-1/oauth2/v2.0/token"
    assert source.form(0) == {"grant_type": "client_credentials", "client_id": "c-1", "client_secret": "very/secret+",
                              "scope": "https://cognitiveservices.azure.com/.default"}
    assert gateway.call("POST", "/v1/chat/completions", chat("old/gpt-y")).status == 200
    assert provider.requests[1].path == "/openai/deployments/gpt-y/chat/completions?api-version=2024-10-21"
    assert provider.requests[1].headers["api-key"] == "plain-key"
    assert "very/secret" not in gateway.log()
    assert "very/secret" not in gateway.bfctl("export")


# --- AWS ---

def check_signature(request, base, keys, region, service="bedrock"):
    """What arrived, signed anew by botocore from its time and its signed headers: the same signature."""
    shown = request.headers["authorization"]
    fields = dict(part.strip().split("=", 1) for part in shown.removeprefix("AWS4-HMAC-SHA256 ").split(","))
    stamp = request.headers["x-amz-date"]
    assert abs(time.mktime(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) - time.mktime(time.gmtime())) < 60
    signed = fields["SignedHeaders"].split(";")
    assert "host" in signed and "x-amz-date" in signed
    assert all(name in signed for name in request.headers if name.startswith("x-amz-"))
    headers = {name: request.headers[name] for name in signed if name not in ("x-amz-date", "x-amz-security-token")}
    again = AWSRequest(request.method, base + request.path, headers=headers, data=request.body)
    again.context["timestamp"] = stamp
    again.headers["X-Amz-Date"] = stamp
    if keys.token:
        again.headers["X-Amz-Security-Token"] = keys.token
        assert request.headers["x-amz-security-token"] == keys.token
    signer = SigV4Auth(keys, service, region)
    canonical = signer.canonical_request(again)
    expected = signer.signature(signer.string_to_sign(again, canonical), again)
    assert fields["Signature"] == expected, canonical
    assert fields["Credential"] == f"{keys.access_key}/{stamp[:8]}/{region}/{service}/aws4_request"


def bedrock(provider, key, region="eu-central-1"):
    return f"""require_key: false
providers:
  bedrock:
    base_url: {provider.base}
    dialect: bedrock
    region: {region}
    keys: [ {{ name: main, aws: {key} }} ]
    models: [ "anthropic.*", "*:*" ]
"""


def converse(gateway, model, text="hello"):
    return gateway.call("POST", f"/bedrock/model/{urllib.parse.quote(model, safe='')}/converse",
                        {"messages": [{"role": "user", "content": [{"text": text}]}]},
                        headers={"x-amz-meta-client": "a  b"})


def test_static_keys_sign_and_botocore_agrees(start_gateway, upstream):
    provider = Provider(upstream)
    gateway = start_gateway(bedrock(provider, "{ access_key_id: AKIA1, secret_access_key: env.AWS_SECRET }"),
                            env={"AWS_SECRET": "wJalr/XUtn+FEMI"})
    keys = Credentials("AKIA1", "wJalr/XUtn+FEMI")
    assert not gateway.pids("credential")  # nothing has to be fetched
    for text in ("hello", "h\u00e9llo \u2603 " * 3000, "again"):
        answer = converse(gateway, "anthropic.claude-x-v1:0", text)
        assert answer.status == 200, answer
        check_signature(provider.requests[-1], provider.base, keys, "eu-central-1")
    # translated, with a path and a body of our own making
    answer = gateway.call("POST", "/v1/chat/completions",
                          chat("bedrock/arn:aws:bedrock:eu-central-1:1:inference-profile/eu.x:0"))
    assert answer.status == 200 and answer.json()["choices"][0]["message"]["content"] == "hello", answer
    check_signature(provider.requests[-1], provider.base, keys, "eu-central-1")
    log = gateway.log() + gateway.bfctl("export")
    assert "wJalr" not in log


def test_a_role_is_assumed_by_sts(start_gateway, upstream):
    provider = Provider(upstream)
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    sts = Source(upstream, lambda *_: (200, f"""<AssumeRoleResponse><AssumeRoleResult><Credentials>
        <AccessKeyId>ASIA2</AccessKeyId><SecretAccessKey>role/secret</SecretAccessKey>
        <SessionToken>session==</SessionToken><Expiration>{ends}</Expiration>
        </Credentials></AssumeRoleResult></AssumeRoleResponse>"""))
    key = "{ access_key_id: AKIA1, secret_access_key: base-secret, role_arn: 'arn:aws:iam::1:role/r', region: us-west-2 }"
    gateway = start_gateway(bedrock(provider, key), env={"AWS_ENDPOINT_URL_STS": sts.base})
    assert converse(gateway, "anthropic.x").status == 200
    check_signature(sts.requests[0], sts.base, Credentials("AKIA1", "base-secret"), "us-west-2", "sts")
    assert sts.form(0)["RoleArn"] == "arn:aws:iam::1:role/r" and sts.form(0)["Action"] == "AssumeRole"
    check_signature(provider.requests[0], provider.base, Credentials("ASIA2", "role/secret", "session=="), "us-west-2")


def test_an_instance_gives_its_keys(start_gateway, upstream):
    provider = Provider(upstream)
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))

    def metadata(request, _):
        if request.method == "PUT":
            return 200, "imds-token"
        assert request.headers["x-aws-ec2-metadata-token"] == "imds-token"
        if request.path.endswith("/"):
            return 200, "the-role"
        return 200, {"Code": "Success", "AccessKeyId": "ASIA3", "SecretAccessKey": "imds/secret", "Token": "tok",
                     "Expiration": ends}

    imds = Source(upstream, metadata)
    gateway = start_gateway(bedrock(provider, "{}"),
                            env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.base, "AWS_PROFILE": "",
                                 "AWS_ACCESS_KEY_ID": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
                                 "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ""})
    assert converse(gateway, "anthropic.x").status == 200
    check_signature(provider.requests[0], provider.base, Credentials("ASIA3", "imds/secret", "tok"), "eu-central-1")
    assert [r.path.rsplit("/", 1)[1] for r in imds.requests] == ["token", "", "the-role"]


def test_profiles_are_read_from_their_file(start_gateway, upstream, tmp_path):
    provider = Provider(upstream)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        if parent != Path("/tmp"):
            parent.chmod(0o755)
    file = tmp_path / "credentials"
    file.write_text("[work]\naws_access_key_id = AKIA4\naws_secret_access_key = file/secret\n")
    file.chmod(0o644)
    gateway = start_gateway(bedrock(provider, "{ profile: work }"), env={"AWS_SHARED_CREDENTIALS_FILE": str(file)})
    assert converse(gateway, "anthropic.x").status == 200
    check_signature(provider.requests[0], provider.base, Credentials("AKIA4", "file/secret"), "eu-central-1")


# --- without a file ---

def test_zero_config_finds_accounts_in_the_environment(start_gateway, rsa_key, tmp_path):
    document = tmp_path / "sa.json"
    document.write_text(json.dumps({"client_email": "me@p.example.com", "project_id": "p-1",
                                    "private_key": (rsa_key / "key.pem").read_text(),
                                    "token_uri": "http://127.0.0.1:1/token"}))
    gateway = start_gateway(env={"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-3",
                                 "GOOGLE_APPLICATION_CREDENTIALS": str(document),
                                 "AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/",
                                 "MOONSHOT_API_KEY": "m"})
    shown = json.loads(call(gateway.base, "GET", "/api/config").body)
    providers = shown["config"]["providers"] if "config" in shown else shown["providers"]
    assert {"bedrock", "vertex", "azure", "moonshot", "mock"} <= set(providers)
    assert providers["bedrock"]["region"] == "eu-west-3"
    assert providers["vertex"]["project"] == "p-1"
    text = json.dumps(shown)
    assert "PRIVATE KEY" not in text and '"k"' not in text


@pytest.mark.skipif(SLOW > 1, reason="a sanitizer has memory of its own")
def test_memory_with_the_process(start_gateway, upstream, rsa_key):
    provider = Provider(upstream)
    source = Source(upstream, lambda *_: (200, {"access_token": "t", "expires_in": 3600}))
    gateway = start_gateway(vertex(provider, source, rsa_key, "  mock: {}\n"))
    assert ask(gateway).status == 200
    kib = gateway.own_kib()
    print(f"idle tree with credential process: {gateway.memory_kib()} KiB PSS, {kib} KiB its own; "
          f"the process {gateway.own_kib(gateway.pids('credential'))} KiB")
    assert kib <= 7 * 1024
