#!/bin/sh
# deps.sh build|test|real - install the Debian packages that the build (the tests, the real model) need.
# Silent and offline when all of them are there; sudo only when not root.
set -eu

build="gcc g++ make pkg-config libh2o-evloop-dev libcurl4-openssl-dev liblmdb-dev libyaml-dev
libmsgpack-dev libsimdjson-dev libssl-dev zlib1g-dev libwslay-dev
libpcre2-dev tzdata"
test="libcmocka-dev faketime clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev nginx-light wrk nghttp2-client
prometheus python3 python3-venv python3-h2 lmdb-utils openssl curl mandoc git"

real="g++ make cmake unzip python3 python3-venv"

case "${1:-}" in
build) want=$build ;;
test) want=$test ;;
real) want=$real ;;
*) echo "usage: deps.sh build|test|real" >&2; exit 2 ;;
esac

missing=""
for package in $want; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
# Any Node.js from 20 on will do; Debian's own package is older, so it is only asked for when there is none.
if [ "$1" = test ] && ! command -v node >/dev/null 2>&1; then
    missing="$missing nodejs npm"
fi
[ -n "$missing" ] || exit 0

sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing:$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of words is meant
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
# Installed for the tests, they must not go on as services of the machine.
if [ -d /run/systemd/system ]; then
    case "$missing" in *nginx-light*) $sudo systemctl disable -q --now nginx || true ;; esac
    case "$missing" in *prometheus*) $sudo systemctl disable -q --now prometheus || true ;; esac
fi
