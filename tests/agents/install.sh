#!/bin/sh
# install.sh - the agents of package-lock.json; nothing when they are there. Their own install scripts only make links.
set -eu
cd "$(dirname "$0")"
stamp=node_modules/.installed
if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then
    exit 0
fi
npm ci --silent --ignore-scripts
cp package-lock.json "$stamp"
