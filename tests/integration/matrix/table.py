"""table - the matrix of SDKs and upstreams: collected from reports, printed, kept in tests/README.md."""

import os
import re

from gateway import ROOT
from pairs import CHECKS, UPSTREAMS

README = ROOT / "tests" / "README.md"
BEGIN, END = "<!-- matrix: written by `make matrix` -->", "<!-- end of the matrix -->"
SPLIT = re.compile(r"test_(\w+)\[(.*)\]$")
_cells = {}  # (sdk, client) -> upstream -> check -> outcome
_problem = []


def check_of(name):
    """The check that a test's name stands for: test_error[gemini-429] is "error 429"."""
    base, options = SPLIT.match(name).groups()
    parts = options.split("-")
    more = ["stream"] if "streamed" in parts else [part for part in parts if part.isdigit()]
    check = " ".join([base, *more])
    assert check in CHECKS, f"{name}: the table has no {check!r}"
    return check


def note(sdk, client, upstream, check, outcome):
    _cells.setdefault((sdk, client), {}).setdefault(upstream, {})[check] = outcome


def _cell(found):
    if not found:
        return ""
    passed = sum(outcome == "passed" for outcome in found.values())
    failed = [check for check in CHECKS if found.get(check) not in ("passed", None)]
    return f"{passed}/{len(CHECKS)}" + (f" no {', '.join(failed)}" if failed else "")


def lines():
    rows = [f"| client dialect | SDK | {' | '.join(UPSTREAMS)} |", "| --- | --- |" + " --- |" * len(UPSTREAMS)]
    order = sorted(_cells, key=lambda row: (UPSTREAMS.index(row[1]), row[0]))
    for sdk, client in order:
        cells = [_cell(_cells[sdk, client].get(upstream)) for upstream in UPSTREAMS]
        rows.append(f"| {client} | {sdk} | {' | '.join(cells)} |")
    return rows


def settle(session):
    """True when README.md says what was found; a run of a part of the matrix is not compared."""
    whole = [row for row in _cells.values() if all(len(row.get(name, {})) == len(CHECKS) for name in UPSTREAMS)]
    if not _cells or session.config.option.keyword or len(whole) != len(_cells):
        return True
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    kept, after = rest.split(END)
    found = "\n".join(["", "", *lines(), "", ""])
    if os.environ.get("BOWFIN_MATRIX") == "write":
        README.write_text(before + BEGIN + found + END + after, encoding="utf-8")
        return True
    rows = set(lines())
    stale = [line for line in kept.strip().splitlines() if line not in rows] if len(whole) > 10 else \
        [row for row in lines() if row not in kept]
    if stale:
        _problem.append("tests/README.md has another matrix (`make matrix` writes it):\n" + "\n".join(stale))
    return not stale


def show(reporter):
    if not _cells:
        return
    reporter.section("matrix")
    for line in lines():
        reporter.write_line(line)
    pairs = {(client, upstream) for (_, client), row in _cells.items() for upstream in row}
    full = {(client, upstream) for client, upstream in pairs
            if all(set(row.get(upstream, {}).values()) == {"passed"}
                   for (_, other), row in _cells.items() if other == client)}
    reporter.write_line(f"{len(full)} of {len(pairs)} pairs with every client that has the dialect")
    for problem in _problem:
        reporter.write_line(problem)
