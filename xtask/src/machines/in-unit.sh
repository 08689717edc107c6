#!/bin/sh
# tcpwarden with the settings of the unit that is shipped: what `run` starts is a unit of systemd.
# The tests have their sockets in /tmp, which is theirs there too; everything else is as shipped.
[ "$1" = run ] || exec /payload/tcpwarden "$@"
name=tcpwarden-unit-$$
sed -n '/^\[Service\]/,/^\[Install\]/p' /payload/tcpwarden.service |
    grep -E '^[A-Z][A-Za-z]+=' |
    grep -vE '^(ExecStart|Restart|RestartSec|PrivateTmp)=' |
    while IFS= read -r line; do printf '%s\0' -p "$line"; done >"/run/$name.args"
printf '%s\0' -p ReadWritePaths=/tmp --quiet --pipe --wait --collect --unit="$name" -- \
    /payload/tcpwarden "$@" >>"/run/$name.args"
trap 'systemctl kill --signal=TERM "$name"' TERM
xargs -0 systemd-run <"/run/$name.args" &
wait $!
status=$?
# A signal ends the first wait; the unit ends later.
[ "$status" -gt 128 ] && wait $! && status=$?
exit "$status"
