//! What stands at the end of `--help`: notes and examples of the commands that are no queries.

pub(super) const SEE_ALSO: &str = "See `tcpwarden help <COMMAND>` for options, and \
    `tcpwarden --help` for examples and exit codes.";

pub(super) const EXAMPLES: &str = "\
Examples:
  sudo tcpwarden run                              serve http://127.0.0.1:10793/metrics
  sudo tcpwarden run --listen :10793              serve /metrics to other machines too
  sudo tcpwarden run --listen unix:/run/tw.sock   serve on a socket file (mode 0660)
  sudo tcpwarden check                            will it run here, and with which probes
  sudo tcpwarden events --duration 10s            watch connections come and go for ten seconds
  sudo tcpwarden events --json | jq -c 'select(.error)'
  tcpwarden leaks                                 who is suspected to leak, in sentences
  tcpwarden connections --state close_wait --min-age 5m
";

pub(super) const RUN_NOTES: &str = "\
Examples:
  sudo tcpwarden run                              serve http://127.0.0.1:10793/metrics
  sudo tcpwarden run --listen :10793              serve /metrics to other machines too
  sudo tcpwarden run --listen localhost:9000 --ring-bytes 16M --reconcile-interval 1m
  sudo tcpwarden run --config /etc/tcpwarden/tcpwarden.toml --log-format json
  sudo tcpwarden run --log info,tcpwarden::reconcile=debug

Every option is also an environment variable (--ring-bytes is TCPWARDEN_RING_BYTES) and a key of the
--config file (ring-bytes = \"8M\"). The command line wins over the environment, the environment
over the file, the file over the default. An unknown key in the file is an error.

A duration is a number with ms, s, m, h or d, or several of them: 50ms, 30s, 1m30s. A size is a
number with K, M or G (also KiB, MiB, GiB), powers of 1024: 8M. The option says what a bare
number counts.

When ready, one line on standard output names each address, the first --listen first and the socket
file last; everything else goes to standard error.

The socket file /run/tcpwarden/tcpwarden.sock is beside the addresses, for the commands of this
machine: only the agent's user may use it, and with --socket-group that group. If a living agent has
it, or it cannot be made, a warning says so, and the agent serves its addresses only. A listener
that a service manager hands over (LISTEN_FDS) takes the place of the default address, a socket file
that of the default socket file.
SIGINT and SIGTERM end the agent, as a rule within a second.
";

pub(super) const CHECK_NOTES: &str = "\
Examples:
  sudo tcpwarden check                            what attaches here, and what hides what
  sudo tcpwarden check || echo \"exit code $?\"

Needs the same privileges as run. Ends with 0 if every probe attached, with 6 if an optional one did
not or if something hides a part of the machine (a pid namespace, a missing capability), with 4 if
the agent could not run at all.
";

pub(super) const EVENTS_NOTES: &str = "\
Examples:
  sudo tcpwarden events --duration 10s            watch connections come and go for ten seconds
  tcpwarden events                                as a table; lost records are counted at the end
  tcpwarden events --json --count 100             JSON lines: ready, the events, summary
  tcpwarden events --peer 10.0.0.0/8 --state close_wait
  tcpwarden events --process nginx --role client  as far as an agent or an event told whose it is
  tcpwarden events --json | jq -c 'select(.new == \"close_wait\")'
";
