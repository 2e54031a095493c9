#!/bin/sh
# tidy.sh FILE - clang-tidy on one file, remembered in $cache until the file, a header that it includes, or
# .clang-tidy changes. The analyzer looks at $TIDY_NODES states a function: 20,000 find what it finds at all in a
# fifth of the time that its own default takes; `TIDY_NODES=225000 make lint` is that default.
set -u
: "${cache:?}" "${config_sum:?}"
nodes=${TIDY_NODES:-20000}
set -- "$1" -std=c17 -D_GNU_SOURCE -DH2O_USE_LIBUV=0 -I.
file=$1
shift
# The preprocessed text has the headers, the file itself has the comments (NOLINT).
if ! text=$(gcc -E -P "$@" "$file"); then
    exit 1
fi
sum=$({ printf '%s' "$text"; cat "$file"; } | sha256sum | cut -c1-32)
mark="$cache/tidy-$sum-$config_sum-$nodes"
[ -e "$mark" ] && exit 0
if out=$(clang-tidy-14 --quiet "$file" -- "$@" -Xclang -analyzer-config -Xclang max-nodes="$nodes" 2>&1); then
    : >"$mark"
    exit 0
fi
# The way to each finding is long; who needs it runs clang-tidy on the file.
printf '%s\n' "$out" | grep 'error:' | sed "s|^$PWD/||" >&2
exit 1
