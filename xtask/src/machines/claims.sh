# Claims of a play. Each is a line that begins with "test", and the last line counts them. The play
# names itself in `subject`, and may replace `evidence`, which says more where a claim failed.
passed=0 failed=0
claim() {
    claimed=$1
    shift
    "$@" >/tmp/said 2>&1
    status=$?
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        echo "test $subject::$claimed ... ok"
        return 0
    else
        failed=$((failed + 1))
        echo "test $subject::$claimed ... FAILED: $* ($status)"
        tail -20 /tmp/said
        evidence
        return 1
    fi
}
not() { ! "$@"; }
evidence() { :; }
# Tries once a second, and for this many seconds at the most: what systemd or a runtime does by
# itself takes some time, under emulation more.
within() {
    until=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$until" ] || return 1
        sleep 1
    done
}
# The last line.
count_claims() {
    word=ok
    [ "$failed" -eq 0 ] || word=FAILED
    echo "test result: $word. $passed passed; $failed failed; 0 ignored; 0 measured; 0 filtered out"
    [ "$failed" -eq 0 ]
}
