#!/bin/sh
# check_commit.sh [RANGE] - commit subjects are "area: imperative, lower case, no full stop", at most 72 characters.
set -u
range=${1:-HEAD}
bad=$(git log --no-merges --format='%h %s' "$range" | awk '
{
    hash = $1
    subject = substr($0, length($1) + 2)
    if (length(subject) > 72 || subject !~ /^[a-z0-9_.\/,-]+( [a-z0-9_.\/,-]+)*: ([a-z0-9]|[A-Z][A-Z])/ || subject ~ /\.$/)
        print hash " " subject
}')
if [ -n "$bad" ]; then
    printf '%s\n' "$bad"
    echo "commits: subjects must be 'area: imperative, lower case, no full stop', at most 72 characters" >&2
    exit 1
fi
