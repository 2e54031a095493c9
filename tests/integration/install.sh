#!/bin/sh
# install.sh - the Node packages of package-lock.json; silent, and nothing when they are there.
set -eu
cd "$(dirname "$0")"
stamp=node_modules/.installed
if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then
    exit 0
fi
npm ci --silent
cp package-lock.json "$stamp"
