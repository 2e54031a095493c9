#!/bin/sh
# install.sh PROGRAM - build h2spec where there is a Go compiler; without one its test is skipped.
set -eu
program=$(realpath -m "$1")
cd "$(dirname "$0")"
if [ -x "$program" ] || ! command -v go >/dev/null 2>&1; then
    exit 0
fi
mkdir -p "$(dirname "$program")"
if ! said=$(GOTOOLCHAIN=local GOFLAGS=-modcacherw go build -o "$program" github.com/summerwind/h2spec/cmd/h2spec 2>&1); then
    printf '%s\n' "$said" | tail -n 3
    echo "h2spec: not built, so its test is skipped"
fi
