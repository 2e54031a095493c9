#!/bin/sh
# install.sh DESTDIR PREFIX SYSCONFDIR UNITDIR - all but the two programs: units, users, directories, manual
# pages, completions and a sample configuration. Called by `make install`; never overwrites a configuration.
set -eu
destdir=$1
prefix=$2
sysconfdir=$3
unitdir=$4
cd "$(dirname "$0")/.."

# The unit names the installed program.
put() { # SOURCE TARGET [MODE]
    install -D -m "${3:-644}" "$1" "$destdir$2"
}

put_unit() {
    mkdir -p "$destdir$unitdir"
    sed -e "s|/usr/bin/|$prefix/bin/|g" -e "s|/etc/bowfin|$sysconfdir/bowfin|g" "systemd/$1" >"$destdir$unitdir/$1"
    chmod 644 "$destdir$unitdir/$1"
}

put_unit bowfin.service
put_unit bowfin.socket
put systemd/bowfin.sysusers "$prefix/lib/sysusers.d/bowfin.conf"
put systemd/bowfin.tmpfiles "$prefix/lib/tmpfiles.d/bowfin.conf"

for page in tools/man/*.[1-8]; do
    put "$page" "$prefix/share/man/man${page##*.}/${page##*/}"
done

put tools/completions/bfctl.bash "$prefix/share/bash-completion/completions/bfctl"
put tools/completions/_bfctl "$prefix/share/zsh/vendor-completions/_bfctl"
put tools/completions/bfctl.fish "$prefix/share/fish/vendor_completions.d/bfctl.fish"

put LICENSE "$prefix/share/doc/bowfin/copyright"
put conf/bowfin.sample.yaml "$prefix/share/doc/bowfin/bowfin.sample.yaml"
if [ ! -e "$destdir$sysconfdir/bowfin/bowfin.yaml" ]; then
    # Provider keys may be written into it: not for everyone to read.
    put conf/bowfin.sample.yaml "$sysconfdir/bowfin/bowfin.yaml" 640
fi

if [ -z "$destdir" ]; then
    echo "installed. Next: systemd-sysusers && systemd-tmpfiles --create bowfin.conf && chgrp -R bowfin $sysconfdir/bowfin"
    echo "           systemctl daemon-reload && systemctl enable --now bowfin"
fi
