# Sourced by kinds: `start_postgres PORT` starts a cluster of its own in $DATA on loopback, which
# trusts everyone, and waits until it answers.
start_postgres() {
    bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
    install -d -o postgres -m 700 "$DATA/pg"
    as="setpriv --reuid postgres --regid postgres --init-groups"
    $as "$bin/initdb" --pgdata "$DATA/pg" --auth trust --no-sync --locale C >/dev/null
    $as "$bin/postgres" -D "$DATA/pg" -p "$1" -k '' -c listen_addresses=127.0.0.1 -c fsync=off &
    until "$bin/pg_isready" -q -U postgres -h 127.0.0.1 -p "$1"; do sleep 0.2; done
}
