#!/usr/bin/env python3
"""structure.py - what the design fixes and a compiler does not see.

Layers (who may include whom), doors (which file may include a library), file sizes, banned
functions and the header template. Prints FILE:LINE: what is wrong; exit 1 when anything is.
"""
import re
import subprocess
import sys

# base <- shm, conf, providers <- server/*; shm, conf and providers do not include one another.
# A folder under server/ is a process: it may use the libraries and the contracts, not a sibling's
# inside. Exceptions are written down in server/README.md.
LIBRARY = {"server/base", "shm", "conf", "providers"}
MAY = {
    "server/base": {"server/base"},
    "shm": {"server/base", "shm"},
    "conf": {"server/base", "conf"},
    "providers": {"server/base", "providers"},
    "server": LIBRARY | {"server", "server/master"},
    "server/master": LIBRARY | {"server", "server/master", "server/aggregator"},
    "server/worker": LIBRARY - {"conf"} | {"server", "server/worker"},
    "server/aggregator": LIBRARY - {"conf"} | {"server", "server/aggregator"},
    "server/admin": LIBRARY - {"conf"} | {"server", "server/admin", "server/aggregator", "server/worker"},
    "server/credential": LIBRARY - {"conf"} | {"server", "server/credential"},
    "tools/mock": {"server/base", "providers", "server", "tools/mock"},
    "tools/bfctl": LIBRARY | {"server", "tools/bfctl"},
}
# One library, one door.
DOORS = {
    r"h2o(/.*)?\.h|h2o\.h": [r"server/worker/(http|loop|worker)(_\w+)?\.[ch]", r"server/admin/http(_\w+)?\.[ch]"],
    r"curl/.*": [r"server/worker/(upstream|loop)(_\w+)?\.[ch]", r"server/credential/fetch\.c", r"tools/bfctl/client\.c"],
    r"lmdb\.h": [r"conf/store\.c", r"server/aggregator/(usage_store|query)(_\w+)?\.[ch]", r"server/aggregator/account_sums\.c"],
    r"yaml\.h": [r"conf/yaml\.c"],
    r"simdjson.*": [r"server/base/json\.cc"],
    r"pcre2\.h": [r"server/base/regex\.c"],
    r"msgpack.*": [r"shm/record\.c"],
    r"openssl/.*": [r"server/base/crypto\.c", r"server/master/tls\.c", r"server/worker/(tls|http)(_\w+)?\.[ch]", r"providers/auth/.*"],
    r"zlib\.h": [r"providers/eventstream\.c"],
    r"stdatomic\.h": [r"shm/.*"],
}
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|alloca|system|rand|srand|usleep|sleep)\s*\(")
FILE_MAX = 500
HEADER_WORDS = ("Runs in:", "SPDX-License-Identifier: Apache-2.0", "Does not:")


def layer_of(path):
    parts = path.split("/")
    if parts[0] in ("shm", "conf", "providers"):
        return parts[0]
    if parts[0] == "server":
        return "/".join(parts[:2]) if len(parts) > 2 else "server"
    if parts[0] == "tools" and len(parts) > 2:
        return "/".join(parts[:2])
    return None


def code_lines(text):
    """The lines without comments and strings, so that words in prose are not calls."""
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    return re.sub(r"//[^\n]*", "", text).split("\n")


def check(path, findings):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    lines = text.split("\n")
    n = text.count("\n")
    if n > FILE_MAX:
        findings.append(f"{path}:{n}: {n} lines; split it where a reader would (at most {FILE_MAX})")
    layer = layer_of(path)
    for i, line in enumerate(lines, 1):
        m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if not m:
            continue
        kind, target = m.groups()
        if kind == '"' and layer is not None:
            other = layer_of(target)
            if other is None and "/" not in target:
                findings.append(f'{path}:{i}: include "{target}" by its path from the root')
            elif other is not None and other not in MAY.get(layer, {other}):
                findings.append(f"{path}:{i}: {layer} may not include {other}")
        for library, doors in DOORS.items():
            if re.fullmatch(library, target) and not path.startswith("tests/"):
                if not any(re.fullmatch(d, path) for d in doors):
                    findings.append(f"{path}:{i}: {target} only in {', '.join(doors)}")
    if not path.endswith(".py"):
        for i, line in enumerate(code_lines(text), 1):
            m = BANNED.search(line)
            if m and not path.startswith("tests/"):
                findings.append(f"{path}:{i}: {m.group(1)}() is not used here")
    if path.endswith(".h") and layer is not None:
        for word in HEADER_WORDS:
            if word not in re.sub(r'\s\*?\s*', ' ', text):
                findings.append(f"{path}:1: the header's comment lacks \"{word}\"")


def main():
    files = subprocess.run(["git", "ls-files", "*.c", "*.h", "*.cc", "*.py", "*.mjs"],
                           capture_output=True, text=True, check=True).stdout.split()
    findings = []
    for path in files:
        check(path, findings)
    for line in findings:
        print(line)
    sys.exit(1 if findings else 0)


main()
