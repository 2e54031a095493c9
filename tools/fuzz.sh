#!/bin/sh
# fuzz.sh corpus DIR   run each replay program in DIR on its corpus
# fuzz.sh run SECONDS  fuzz each target for so long; what crashes is kept in build/fuzz/found
set -eu
cd "$(dirname "$0")/.."

corpus() {
    passed=0
    for source in tests/fuzz/fuzz_*.c; do
        target=$(basename "$source" .c)
        if ! output=$("$1/$target" 2>&1); then
            printf '%s\n' "$output"
            echo "fuzz-corpus: $target failed" >&2
            exit 1
        fi
        printf '  %s\n' "$output"
        passed=$((passed + 1))
    done
    echo "fuzz-corpus: $passed passed, 0 failed"
}

# Built by clang, whose coverage the fuzzer follows. Warnings are the release build's business.
objects=build/fuzz-address-undefined
build() {
    targets="$objects/libbowfin.a $objects/libserver.a"
    for source in tests/fuzz/fuzz_*.c; do
        targets="$targets $objects/${source%.c}.o"
    done
    # shellcheck disable=SC2086 # a list of words is meant
    make -s -j"$(nproc)" CC=clang-14 CXX=clang++-14 MODE=fuzz SAN=address,undefined \
        WARN=-w WARN_C= CFLAGS=-fsanitize=fuzzer-no-link \
        CXXFLAGS="-fsanitize=fuzzer-no-link -fno-sanitize=function" $targets
}

run() {
    seconds=$1
    build
    mkdir -p build/fuzz/found
    failed=0
    passed=0
    for source in tests/fuzz/fuzz_*.c; do
        target=$(basename "$source" .c)
        work=build/fuzz/$target.corpus
        clang++-14 -fsanitize=fuzzer,address,undefined "$objects/tests/fuzz/$target.o" \
            "$objects/libserver.a" "$objects/libbowfin.a" -lh2o-evloop -lwslay -lcurl -llmdb -lyaml \
            -lmsgpackc -lsimdjson -lssl -lcrypto -lz -lpcre2-8 -lpthread -lm -o "build/fuzz/$target"
        mkdir -p "$work"
        [ ! -d "tests/fuzz/corpus/$target" ] || cp -r "tests/fuzz/corpus/$target/." "$work/"
        dict=""
        [ -f "tests/fuzz/$target.dict" ] && dict="-dict=tests/fuzz/$target.dict"
        echo "  $target: $seconds s"
        # shellcheck disable=SC2086 # no dictionary is no argument
        if "build/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
            -print_final_stats=1 -artifact_prefix="build/fuzz/found/$target-" $dict "$work" \
            >"build/fuzz/$target.log" 2>&1; then
            sed -n 's/^stat::number_of_executed_units: */    inputs run: /p' "build/fuzz/$target.log"
            passed=$((passed + 1))
        else
            tail -n 40 "build/fuzz/$target.log"
            echo "fuzz: $target failed; the input is in build/fuzz/found" >&2
            failed=$((failed + 1))
        fi
    done
    echo "fuzz: $passed passed, $failed failed"
    [ "$failed" = 0 ]
}

case "${1:-}" in
corpus) corpus "${2:?where the programs are}" ;;
run) run "${2:?how many seconds}" ;;
*)
    echo "usage: fuzz.sh corpus DIR | run SECONDS" >&2
    exit 2
    ;;
esac
