#!/bin/sh
# run_tests.sh KIND BINARY... - run test programs one after the other; stop at the first that fails.
# Lines that begin with "figure: " are what a program measured, and are shown.
set -eu
kind=$1
shift
passed=0
for program in "$@"; do
    if ! output=$("$program" 2>&1); then
        printf '%s\n' "$output"
        echo "$kind: $program failed" >&2
        exit 1
    fi
    printf '%s\n' "$output" | sed -n 's/^figure: /  /p'
    n=$(printf '%s\n' "$output" | sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' | tail -n 1)
    passed=$((passed + ${n:-1}))
done
echo "$kind: $passed passed, 0 failed"
