#!/bin/sh
# tidy.sh FILE - clang-tidy on one file, remembered in $cache by the sum of its text and of all headers.
set -u
: "${cache:?}" "${headers_sum:?}"
sum=$(sha256sum "$1" | cut -c1-16)
mark="$cache/tidy-$sum-$headers_sum"
[ -e "$mark" ] && exit 0
if clang-tidy-14 --quiet "$1" -- -std=c17 -D_GNU_SOURCE -DH2O_USE_LIBUV=0 -I. 2>"$mark.err"; then
    : >"$mark"
    rm -f "$mark.err"
    exit 0
fi
grep -v 'warnings generated' "$mark.err" >&2
rm -f "$mark.err"
exit 1
