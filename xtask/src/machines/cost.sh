# What the packaged agent takes in its unit: at rest, and while connections are opened and closed,
# 1,000 a second if the machine can. It is emulated, so a CPU is slower here than any other.
subject=cost
. ./claims.sh
evidence() { journalctl --no-pager --quiet --unit tcpwarden | tail -5; }
value() { systemctl show --property="$1" --value tcpwarden; }
uptime() { cut -d' ' -f1 /proc/uptime; }
metrics() {
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/10793
        printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 && cat <&3' | tr -d '\r'
}
# The sum of a metric's series that have these labels.
sum() { metrics | grep "^$1" | grep "$2" | awk '{ sum += $NF } END { printf "%d\n", sum }'; }

# Says what a time takes.
take() {
    about=$1
    shift
    cpu=$(value CPUUsageNSec) since=$(uptime)
    "$@" || return 1
    awk -v about="$about" -v cpu="$cpu" -v after="$(value CPUUsageNSec)" -v since="$since" \
        -v until="$(uptime)" -v now="$(value MemoryCurrent)" -v most="$(value MemoryPeak)" 'BEGIN {
        printf "measured %s: %.2f %% of a CPU, %.1f MiB now, %.1f MiB at the most\n", about,
            (after - cpu) / (until - since) / 1e7, now / 1048576, most / 1048576
    }'
}
load() { perl load.pl 60 1000 | tee /tmp/made; }
made() { cut -d' ' -f1 /tmp/made; }
# What the clients of the load have opened: under ~young until their name is old enough. Each look
# at the metrics is a client too, of port 10793.
opened() {
    metrics | grep '^tcpwarden_connections_opened_total' \
        | grep 'process="\(perl\|~young\)".*role="client"' | grep -v 'port="10793"' \
        | awk '{ sum += $NF } END { printf "%d\n", sum }'
}
counted() { [ "$(($(opened) - before))" -eq "$(made)" ]; }

claim installs dpkg -i new.deb
sleep 30
take "at rest" sleep 60
before=$(opened)
take "under load" load
sleep 15
echo "measured: $(cat /tmp/made)"
claim counts_every_connection within 30 counted
claim lost_no_record test "$(sum tcpwarden_events_lost_total .)" -eq 0
claim stays_within_64_mib test "$(value MemoryPeak)" -lt 67108864
count_claims
