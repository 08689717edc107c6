# The tests of truth beside an agent that runs in the unit that is shipped.
chmod +x tcpwarden live in-unit.sh
systemctl --version | head -1
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
export TCPWARDEN_BIN=/payload/in-unit.sh RUST_BACKTRACE=0
./live --test-threads=1 --color=never portable::truth
status=$?
# It must have been there, with its filter of system calls and without most of root's rights.
systemctl list-units --all --no-legend 'tcpwarden-unit-*'
journalctl --no-pager --quiet --unit 'tcpwarden-unit-*' | tail -20
[ "$(systemctl list-units --all --no-legend 'tcpwarden-unit-*' | wc -l)" -gt 0 ] || status=9
exit $status
