#!/bin/sh
# run.sh - `make bench`: see bench.py.
exec python3 "$(dirname "$0")/bench.py"
