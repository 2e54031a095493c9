#!/bin/sh
# run.sh - everything `make lint` checks. Each check prints what it finds; the last line counts the checks.
set -u
cd "$(git rev-parse --show-toplevel)" || exit 1

jobs=$(nproc)
cache=build/lint
mkdir -p "$cache"
passed=0
failed=0

check() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "lint: $name failed" >&2
        failed=$((failed + 1))
    fi
}

c_files() { git ls-files '*.c' '*.h'; }

format() { c_files | xargs -r -P "$jobs" -n 16 clang-format-14 --dry-run -Werror; }

# Every header compiles alone.
headers() {
    git ls-files '*.h' | xargs -r -P "$jobs" -n 1 sh -c \
        '${CC:-gcc} -std=c17 -D_GNU_SOURCE -DH2O_USE_LIBUV=0 -I. -Wall -Wextra -fsyntax-only -x c "$0"'
}

# clang-tidy is slow, so a file is looked at again only when something that it is made of has changed.
tidy() {
    config_sum=$(sha256sum .clang-tidy | cut -c1-16)
    export config_sum cache
    git ls-files 'server/*.c' 'shm/*.c' 'conf/*.c' 'providers/*.c' 'tools/*.c' |
        xargs -r -P "$jobs" -n 1 sh tools/lint/tidy.sh
}

shell() {
    command -v shellcheck >/dev/null 2>&1 || return 0
    git ls-files '*.sh' .ci/run | xargs -r shellcheck -S warning
}

check structure python3 tools/lint/structure.py
check format format
check headers headers
check tidy tidy
check shell shell
check commits sh tools/lint/check_commit.sh
echo "lint: $passed passed, $failed failed"
[ "$failed" = 0 ]
