#!/bin/sh
# Process 1 of a kind's PID namespace. It runs run.sh of the folder that it is in until its standard
# input ends; when it ends, the kernel ends every process of the namespace.
trap 'exit 0' USR1
exec 3<&0
sh ./run.sh </dev/null 3<&- &
kind=$!
(cat <&3 >/dev/null; kill -USR1 $$) &
watcher=$!
wait "$kind"
status=$?
kill "$watcher"
exit "$status"
