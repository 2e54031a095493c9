#!/bin/sh
# install.sh - the Node packages of package-lock.json; silent, and nothing when they are there.
# The packages want Node.js 22. Debian 12's own is older: then a newer one comes as a package too, and
# node_modules/.bin/node (which the tests look for first) leads to it.
set -eu
cd "$(dirname "$0")"
stamp=node_modules/.installed
if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then
    exit 0
fi
npm ci --silent
major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
if [ "$major" -lt 22 ]; then
    case "$(uname -m)" in aarch64) arch=arm64 ;; *) arch=x64 ;; esac
    npm install --silent --no-save --no-package-lock "node-linux-$arch@22.23.3"
    mkdir -p node_modules/.bin
    ln -sf "../node-linux-$arch/bin/node" node_modules/.bin/node
fi
cp package-lock.json "$stamp"
