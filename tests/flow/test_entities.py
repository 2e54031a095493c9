"""Keys, teams, customers, model limits and budgets over the API: every route, and what it refuses."""

import json
import subprocess
import threading

import pytest

from wire import chat, wait_until

KINDS = {"customers": "name", "teams": "name", "keys": "name", "model-limits": "model"}


def create(gateway, kind, name, **more):
    return gateway.api("POST", f"/api/{kind}", {KINDS[kind]: name, **more}, expect=201)


def ask(gateway, key, model="mock/echo"):
    return gateway.call("POST", "/v1/chat/completions", chat(model), key=key)


def pages(gateway, path, limit):
    """All rows, page by page; between two pages `yield` gives the caller a moment to change things."""
    cursor = ""
    while cursor is not None:
        page = gateway.api("GET", f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor and '&cursor=' + cursor}",
                           expect=200)
        assert len(page["data"]) <= limit
        yield page["data"]
        cursor = page["next"]


def test_the_first_example_works_as_written(start_gateway):
    gateway = start_gateway(listen=("127.0.0.1:0",))
    body = ('{"name":"team-engineering","budget":1000,"rate_limit":100,'
            '"models":["openai/gpt-4o","anthropic/claude-sonnet-4-20250514"]}')
    done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", "-X", "POST",
                           f"http://localhost:{gateway.port}/api/keys",
                           "-H", "Content-Type: application/json", "-d", body],
                          capture_output=True, text=True, check=True)
    text, status = done.stdout.rsplit("\n", 1)
    made = json.loads(text)
    assert status == "201" and made["key"].startswith("sk-bf-") and len(made["id"]) == 16
    [budget] = made["budgets"]
    assert (budget["limit"], budget["limit_nanousd"], budget["window"]) == ("1000.000000000", 10**12, "1M")
    assert (budget["used_nanousd"], budget["held_nanousd"], budget["remaining_nanousd"]) == (0, 0, 10**12)
    assert budget["remaining"] == "1000.000000000" and budget["resets_ms"] > made["created_ms"]
    [limit] = made["rate_limits"]
    assert (limit["requests"], limit["per"], limit["used"], limit["remaining"]) == (100, "1m", 0, 100)
    assert any("1M" in text for text in made["defaults"]) and "account" not in budget
    # It is known on every worker: a model it may not have is refused, not the key.
    for _ in range(8):
        assert ask(gateway, made["key"]).error["code"] == "model_not_allowed"


def test_life(gateway):
    customer = create(gateway, "customers", "life", budget=100, tags=["gold"], metadata={"crm": 7})
    team = create(gateway, "teams", "life-team", customer="life", budgets=[{"limit": 10, "window": "1d"}])
    assert (team["customer"], team["budgets"][0]["window"]) == ("life", "1d")
    key = create(gateway, "keys", "life-key", team="life-team", budget="0.5", concurrency=3)
    assert (key["team"], key["team_id"], key["concurrency"]) == ("life-team", team["id"], 3)
    for kind, one in (("customers", customer), ("teams", team), ("keys", key)):
        shown = gateway.api("GET", f"/api/{kind}/{one['id']}", expect=200)
        assert shown["id"] == one["id"] and "key" not in shown and shown["origin"] == "api"
    assert gateway.api("GET", f"/api/customers/{customer['id']}", expect=200)["metadata"] == {"crm": 7}
    changed = gateway.api("PATCH", f"/api/teams/{team['id']}",
                          {"customer": None, "budgets": [{"limit": 20, "window": "1d"}], "tags": ["x"]}, expect=200)
    assert "customer" not in changed or changed["customer"] is None
    assert changed["budgets"][0]["limit_nanousd"] == 20 * 10**9 and changed["tags"] == ["x"]
    back = gateway.api("PATCH", f"/api/teams/{team['id']}", {"customer_id": customer["id"]}, expect=200)
    assert back["customer"] == "life"
    for kind, one in (("keys", key), ("teams", team), ("customers", customer)):
        gone = gateway.api("DELETE", f"/api/{kind}/{one['id']}", expect=200)
        assert gone["deleted"] is True and gone["id"] == one["id"]
        assert gateway.api("GET", f"/api/{kind}/{one['id']}").status == 404


def test_what_is_used_shows(gateway):
    team = create(gateway, "teams", "spender", budget=5)
    key = create(gateway, "keys", "spends", team="spender", budget=1, rate_limit=50)
    answer = ask(gateway, key["key"])
    assert answer.status == 200
    usage = answer.json()["usage"]
    # The mock costs 1 dollar a million tokens in, 2 out: a token is 1000 nano-dollars.
    cost = usage["prompt_tokens"] * 1000 + usage["completion_tokens"] * 2000

    def spent():
        shown = gateway.api("GET", f"/api/keys/{key['id']}", expect=200)
        return shown if shown["budgets"][0]["used_nanousd"] else None
    shown = wait_until(spent, "the cost on the budget")
    [budget] = shown["budgets"]
    assert budget["used_nanousd"] == cost and budget["held_nanousd"] == 0
    assert budget["remaining_nanousd"] == 10**9 - cost
    assert shown["rate_limits"][0]["used"] == 1
    rows = gateway.api("GET", "/api/budgets?name=spend*", expect=200)["data"]
    assert {(row["kind"], row["owner"], row["used_nanousd"]) for row in rows} == \
        {("team", "spender", cost), ("key", "spends", cost)}
    assert {row["owner_id"] for row in rows} == {team["id"], key["id"]}
    reset = gateway.api("POST", f"/api/keys/{key['id']}/reset", expect=200)
    assert reset["budgets"][0]["used_nanousd"] == 0
    assert gateway.api("GET", f"/api/teams/{team['id']}", expect=200)["budgets"][0]["used_nanousd"] == cost


def test_providers_of_a_key(gateway):
    key = create(gateway, "keys", "narrow", providers=[
        {"provider": "mock", "models": ["echo"], "weight": 0.5, "budgets": [{"limit": 2, "window": "1d"}]}])
    [provider] = key["providers"]
    assert provider["provider"] == "mock" and provider["budgets"][0]["remaining_nanousd"] == 2 * 10**9
    rows = gateway.api("GET", "/api/budgets?name=narrow", expect=200)["data"]
    assert [(row["provider"], row["window"]) for row in rows] == [("mock", "1d")]
    assert ask(gateway, key["key"]).status == 200
    assert ask(gateway, key["key"], "mock/lorem-3").status == 403


def test_block_and_unblock(gateway):
    team = create(gateway, "teams", "blocked-team")
    key = create(gateway, "keys", "blocked-key", team="blocked-team")
    assert gateway.api("POST", f"/api/keys/{key['id']}/block", expect=200)["active"] is False
    assert ask(gateway, key["key"]).status in (401, 403)
    assert gateway.api("POST", f"/api/keys/{key['id']}/unblock", expect=200)["active"] is True
    assert ask(gateway, key["key"]).status == 200
    assert gateway.api("POST", f"/api/teams/{team['id']}/block", expect=200)["blocked"] is True
    assert ask(gateway, key["key"]).status in (401, 403)
    gateway.api("POST", f"/api/teams/{team['id']}/unblock", expect=200)
    assert ask(gateway, key["key"]).status == 200


def test_rotate(gateway):
    made = create(gateway, "keys", "turns", budget=1)
    path = f"/api/keys/{made['id']}/rotate"
    second = gateway.api("POST", path, {"grace": "1h"}, expect=200)
    assert second["id"] == made["id"] and second["key"] != made["key"]
    assert ask(gateway, made["key"]).status == 200 and ask(gateway, second["key"]).status == 200
    third = gateway.api("POST", path, expect=200)
    assert ask(gateway, third["key"]).status == 200
    assert ask(gateway, second["key"]).status == 401
    own = "sk-own-" + "x" * 30
    gateway.api("POST", path, {"value": own}, expect=200)
    assert ask(gateway, own).status == 200
    for body in ({"grace": "soon"}, {"grace": "9000d"}, {"value": "short"}, {"grase": "1h"}):
        assert gateway.api("POST", path, body).status == 400, body
    assert ask(gateway, own).status == 200


def test_old_text_has_the_name_of_its_key(gateway):
    made = create(gateway, "keys", "named", rate_limit=1)
    path = f"/api/keys/{made['id']}"
    gateway.api("POST", f"{path}/rotate", {"grace": "1h"}, expect=200)
    assert ask(gateway, made["key"]).status == 200
    limited = ask(gateway, made["key"])
    assert limited.status == 429 and 'virtual key "named"' in limited.json()["error"]["message"], limited
    wait_until(lambda: [row for row in gateway.api("GET", "/api/usage?key=named", expect=200)["data"]
                        if row["key"] == "named" and row["requests"] > 0], "its usage by its name")
    gateway.api("POST", f"{path}/block", expect=200)
    blocked = ask(gateway, made["key"])
    assert blocked.status == 403 and blocked.json()["error"]["message"].endswith(": named"), blocked


@pytest.mark.parametrize("expires,good", [("30d", True), ("2031-01-31", True), ("2031-01-31T12:00:00+02:00", True),
                                          (None, True), ("yesterday", False), (5, False), ("-3d", False)])
def test_expiry(gateway, expires, good):
    answer = gateway.api("POST", "/api/keys", {"name": f"expires {expires}", "expires": expires})
    assert answer.status == (201 if good else 400), answer
    if not good:
        assert answer.error["param"] == "expires" and "30d" in answer.error["message"]
    elif expires == "2031-01-31":
        assert answer.json()["expires_ms"] == 1927584000000
    elif expires is None:
        assert answer.json()["expires_ms"] is None


def test_old_fields_still_work(gateway):
    made = create(gateway, "keys", "old-fields", expires_ms=1927584000123, active=False, strict=True, models=["mock/*"])
    assert (made["active"], made["strict"], made["models"]) == (False, True, ["mock/*"])
    assert made["expires_ms"] // 1000 == 1927584000
    changed = gateway.api("PATCH", f"/api/keys/{made['id']}", {"expires_ms": 0, "active": True}, expect=200)
    assert changed["expires_ms"] is None and changed["active"] is True


NAMES = ["größe 🐟", "日本語", "اسم", "a/b?c#d%20", "quo\"te\\", "e\u0301", "\u202eevil", "*", "0123456789abcdef"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["customers", "teams", "keys"])
def test_names(gateway, kind, name):
    made = create(gateway, kind, name)
    assert made["name"] == name
    assert gateway.api("GET", f"/api/{kind}/{made['id']}", expect=200)["name"] == name
    if kind != "keys":
        key = create(gateway, "keys", f"{kind} of {name}", **{kind[:-1]: name})
        assert key[kind[:-1]] == name
        gateway.api("DELETE", f"/api/keys/{key['id']}", expect=200)
    gateway.api("DELETE", f"/api/{kind}/{made['id']}", expect=200)


def test_children(gateway):
    """A parent with children is not deleted unless the caller says what becomes of them."""
    def family(name):
        customer = create(gateway, "customers", name)
        team = create(gateway, "teams", name, customer=name)
        key = create(gateway, "keys", f"{name}-key", team=name)
        return customer, team, key
    customer, team, key = family("refuses")
    answer = gateway.api("DELETE", f"/api/customers/{customer['id']}")
    assert answer.status == 409 and "1" in answer.error["message"]
    assert gateway.api("DELETE", f"/api/customers/{customer['id']}?children=kill").status == 400
    gone = gateway.api("DELETE", f"/api/customers/{customer['id']}?children=reparent", expect=200)
    assert gone["ids"] == [customer["id"]]
    assert not gateway.api("GET", f"/api/teams/{team['id']}", expect=200).get("customer")
    assert ask(gateway, key["key"]).status == 200
    customer, team, key = family("deletes")
    gone = gateway.api("DELETE", f"/api/customers/{customer['id']}?children=delete", expect=200)
    assert set(gone["ids"]) == {customer["id"], team["id"], key["id"]}
    assert ask(gateway, key["key"]).status == 401


def test_a_parent_is_deleted_under_load(gateway):
    """Its keys' requests are answered or refused with a reason; none hangs or breaks."""
    team = create(gateway, "teams", "short-lived", budget=100)
    keys = [create(gateway, "keys", f"short-{n}", team="short-lived")["key"] for n in range(4)]
    statuses, stop = [], threading.Event()

    def load(key):
        while not stop.is_set():
            statuses.append(ask(gateway, key).status)
    threads = [threading.Thread(target=load, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(statuses) > 40, "requests under way")
        gateway.api("DELETE", f"/api/teams/{team['id']}?children=reparent", expect=200)
        so_far = len(statuses)
        wait_until(lambda: len(statuses) > so_far + 40, "requests behind it")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}
    assert gateway.api("GET", "/api/budgets?name=short*", expect=200)["data"] == []


def test_filters(gateway):
    create(gateway, "customers", "f-customer", tags=["blue"])
    team = create(gateway, "teams", "f-team", customer="f-customer", tags=["blue", "red"])
    create(gateway, "keys", "f-one", team="f-team", tags=["red"])
    create(gateway, "keys", "f-two", customer="f-customer", active=False)
    create(gateway, "keys", "g-three")

    def names(query, kind="keys"):
        return {row["name"] for row in gateway.api("GET", f"/api/{kind}?{query}", expect=200)["data"]}
    assert names("name=f-*") == {"f-one", "f-two"}
    assert names("name=f-one") == {"f-one"} and names("name=nobody") == set()
    assert names("team=f-team") == names(f"team={team['id']}") == {"f-one"}
    assert "f-two" in names("customer=f-customer") and "g-three" not in names("customer=f-customer")
    assert names("tag=red") == {"f-one"} and names("tag=red", "teams") == {"f-team"}
    assert names("tag=blue", "customers") == {"f-customer"}
    assert names("name=f-*&active=false") == {"f-two"} and names("name=f-*&active=true") == {"f-one"}
    assert names("name=f-*&origin=file") == set() and names("name=f-*&origin=api") == {"f-one", "f-two"}
    for query in ("team=nobody", "active=maybe", "origin=moon", "cursor=%00", "cursor=nonsense!", "limit=x", "nmae=x"):
        assert gateway.api("GET", f"/api/keys?{query}").status == 400, query
    assert gateway.api("GET", "/api/budgets?kind=moon").status == 400


def test_pages_stay_whole_while_things_change(gateway):
    made = [create(gateway, "keys", f"stay-{n:02}") for n in range(24)]
    seen = []
    for n, rows in enumerate(pages(gateway, "/api/keys?name=stay-*", 3)):
        seen += [row["name"] for row in rows]
        gateway.api("DELETE", f"/api/keys/{made[n]['id']}", expect=200)
        create(gateway, "keys", f"stay-late-{n}")
    old = [name for name in seen if "late" not in name]
    assert len(seen) == len(set(seen)), "nothing is seen twice"
    # Whatever was there from the first to the last page is seen.
    assert {f"stay-{n:02}" for n in range(10, 24)} <= set(old)


def test_budget_pages(gateway):
    for n in range(7):
        create(gateway, "keys", f"paged-{n}", budget=n + 1)
        create(gateway, "teams", f"paged-{n}", budget=n + 1)
    rows = [row for page in pages(gateway, "/api/budgets?name=paged-*", 3) for row in page]
    assert sorted((row["kind"], row["owner"]) for row in rows) == \
        sorted((kind, f"paged-{n}") for kind in ("key", "team") for n in range(7))
    only = gateway.api("GET", "/api/budgets?name=paged-*&kind=team", expect=200)["data"]
    assert {row["kind"] for row in only} == {"team"} and len(only) == 7


def test_idempotency(gateway):
    def post(path, body, key):
        return gateway.call("POST", path, body, headers={"Idempotency-Key": key})
    first = post("/api/keys", {"name": "once"}, "k-1")
    again = post("/api/keys", {"name": "once"}, "k-1")
    assert (first.status, again.status) == (201, 201) and first.body == again.body
    assert again.headers["idempotent-replayed"] == "true" and "idempotent-replayed" not in first.headers
    assert len(gateway.api("GET", "/api/keys?name=once", expect=200)["data"]) == 1
    other = post("/api/keys", {"name": "another"}, "k-1")
    assert (other.status, other.error["code"]) == (422, "idempotency_mismatch")
    assert post("/api/keys", {"name": "x"}, "k\u00e9".encode("latin-1").decode("latin-1")).status == 400
    assert post("/api/keys", {"name": "x"}, "k" * 300).status == 400
    # A refused call changed nothing: it may come again, corrected by somebody else meanwhile.
    assert post("/api/keys", {"name": "later", "team": "later"}, "k-2").status == 400
    create(gateway, "teams", "later")
    assert post("/api/keys", {"name": "later", "team": "later"}, "k-2").status == 201
    rotated = [post(f"/api/keys/{first.json()['id']}/rotate", {}, "k-3").json()["key"] for _ in range(2)]
    assert rotated[0] == rotated[1] and ask(gateway, rotated[0]).status == 200


def test_idempotency_of_many_at_once(gateway):
    answers = []

    def one():
        answers.append(gateway.call("POST", "/api/teams", {"name": "raced"}, headers={"Idempotency-Key": "race"}))
    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} <= {201, 409}
    assert len({answer.body for answer in answers if answer.status == 201}) == 1
    assert len(gateway.api("GET", "/api/teams?name=raced", expect=200)["data"]) == 1


def test_idempotency_outlives_the_admin_process(start_gateway):
    """The answers are in its memory; what was made, and how its key came about, is the master's to know."""
    gateway = start_gateway()
    headers = {"Idempotency-Key": "lives"}
    first = gateway.call("POST", "/api/keys", {"name": "lives", "budget": 3}, headers)
    [pid] = gateway.pids("admin")
    gateway.kill_child(pid)
    gateway.wait_replaced(pid, "admin")
    again = gateway.call("POST", "/api/keys", {"name": "lives", "budget": 3}, headers)
    assert (first.status, again.status) == (201, 201)
    assert [again.json()[field] for field in ("id", "key")] == [first.json()[field] for field in ("id", "key")]
    assert gateway.call("POST", "/api/keys", {"name": "other"}, headers).status in (409, 422)
    assert len(gateway.api("GET", "/api/keys?name=*", expect=200)["data"]) == 1


def test_what_is_held_shows_while_a_request_runs(gateway):
    key = create(gateway, "keys", "holder", budget=2, concurrency=5)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask(gateway, key["key"], "mock/slow-1500")))
    thread.start()

    def held():
        [row] = gateway.api("GET", "/api/budgets?name=holder", expect=200)["data"]
        return row if row["held_nanousd"] else None
    row = wait_until(held, "something held")
    assert row["used_nanousd"] + row["held_nanousd"] + row["remaining_nanousd"] == 2 * 10**9
    assert gateway.api("GET", f"/api/keys/{key['id']}", expect=200)["concurrency_used"] == 1
    thread.join()
    assert answers[0].status == 200
    wait_until(lambda: not held(), "nothing held")
    shown = gateway.api("GET", f"/api/keys/{key['id']}", expect=200)
    assert shown["concurrency_used"] == 0 and shown["budgets"][0]["used_nanousd"] > 0


def test_model_limits(gateway):
    made = create(gateway, "model-limits", "mock/lorem-*", rate_limits=[{"requests": 2, "per": "1h"}])
    assert made["model"] == "mock/lorem-*"
    statuses = [ask(gateway, None, "mock/lorem-3").status for _ in range(3)]
    assert statuses == [200, 200, 429]
    changed = gateway.api("PATCH", f"/api/model-limits/{made['id']}",
                          {"rate_limits": [{"requests": 100, "per": "1h"}]}, expect=200)
    assert changed["rate_limits"][0]["requests"] == 100
    assert ask(gateway, None, "mock/lorem-3").status == 200
    gateway.api("DELETE", f"/api/model-limits/{made['id']}", expect=200)
    assert gateway.api("GET", "/api/model-limits", expect=200)["data"] == []


def test_what_the_file_declares_is_read_only(start_gateway, mock):
    from gateway import one_provider
    gateway = start_gateway(one_provider(mock.base_v1, more="""customers: { acme: { budget: 100 } }
teams: { research: { customer: acme, budget: 10 } }
virtual_keys: [ { name: filed, value: sk-bf-filed-filed-filed-filed, team: research } ]
model_limits: [ { model: "up/*", budget: 5 } ]
"""))
    for kind in KINDS:
        [row] = gateway.api("GET", f"/api/{kind}", expect=200)["data"]
        assert row["origin"] == "file"
        patch = {"budget": 1}
        for method, body in (("PATCH", patch), ("DELETE", None)):
            answer = gateway.api(method, f"/api/{kind}/{row['id']}", body)
            assert (answer.status, answer.error["code"]) == (409, "read_only"), answer
    rows = gateway.api("GET", "/api/budgets", expect=200)["data"]
    assert {(row["kind"], row["owner"]) for row in rows} >= \
        {("customer", "acme"), ("team", "research"), ("model_limit", "up/*")}


def test_prices(gateway):
    rows = gateway.api("GET", "/api/prices?limit=5", expect=200)
    assert rows["data"] and all(row["tiers"] for row in rows["data"])
    echo = gateway.api("GET", "/api/prices/mock/echo", expect=200)
    assert echo["tiers"][0]["per_million"]["output"] == "2.000000"
    assert echo["tiers"][0]["pico_per_token"]["input"] == 1000000
    answer = gateway.api("GET", "/api/prices/nobody/nothing")
    assert (answer.status, answer.error["code"]) == (404, "unknown_price") and "prices:" in answer.error["message"]
    assert gateway.api("GET", "/api/prices/mock").status == 404


def test_bfctl(gateway, tmp_path):
    gateway.bfctl("customers", "create", "ctl-customer", "--budget", "100", "--tags", "a,b")
    gateway.bfctl("teams", "create", "ctl-team", "--customer", "ctl-customer", "--budget", "5/1d,50/1M")
    key = gateway.bfctl("keys", "create", "ctl-key", "--team", "ctl-team", "--rate-limit", "10", "--token-limit",
                        "1000/1h", "--concurrency", "2").strip()
    assert ask(gateway, key).status == 200
    table = gateway.bfctl("budgets", "--name", "ctl-*")
    assert "ctl-team" in table and "50.00" in table and table.count("ctl-customer") == 1
    shown = json.loads(gateway.bfctl("keys", "show", "ctl-key", "--json"))
    assert [limit.get("tokens") for limit in shown["rate_limits"]] == [None, 1000] and shown["concurrency"] == 2
    assert "$5.00/1d, $50.00/1M" in gateway.bfctl("teams", "list", "--name", "ctl-team")
    gateway.bfctl("keys", "update", "ctl-key", "--rate-limit", "none", "--team", "none", "--budget", "3")
    shown = json.loads(gateway.bfctl("keys", "show", "ctl-key", "--json"))
    assert not shown.get("rate_limits") and not shown.get("team") and shown["budgets"][0]["limit_nanousd"] == 3 * 10**9
    new = gateway.bfctl("keys", "rotate", "ctl-key", "--grace", "1h").strip()
    assert new != key and ask(gateway, new).status == 200 and ask(gateway, key).status == 200
    gateway.bfctl("keys", "block", "ctl-key")
    assert ask(gateway, new).status in (401, 403)
    gateway.bfctl("keys", "unblock", "ctl-key")
    file = tmp_path / "keys.json"
    file.write_text("\n".join(json.dumps({"name": f"ctl-import-{n}", "value": f"sk-imported-{n:08}"}) for n in range(5)))
    assert gateway.bfctl("keys", "import", file) == "created 5 keys\n"
    assert ask(gateway, "sk-imported-00000004").status == 200
    assert json.loads(gateway.bfctl("--json", "teams", "list", "--name", "ctl-team"))["data"][0]["name"] == "ctl-team"
    assert json.loads(gateway.bfctl("--json", "budgets", "--kind", "team", "--name", "ctl-*"))["data"]
    gateway.bfctl("customers", "delete", "ctl-customer", expect=1)
    gateway.bfctl("customers", "delete", "ctl-customer", "--children", "reparent")
    gateway.bfctl("teams", "delete", "ctl-team")
    gateway.bfctl("keys", "delete", "ctl-key")
    gateway.bfctl("keys", "update", "ctl-import-0", expect=2)
    gateway.bfctl("teams", "rotate", "x", expect=2)
