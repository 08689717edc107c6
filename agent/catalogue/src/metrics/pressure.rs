//! Declares gauges of what fills up: queues, listeners, ports, descriptors, memory.

super::metrics! {
    CLOSE_WAIT = Gauge "tcpwarden_close_wait_connections", "connections",
        ["process", "workload", "role", "stage"],
        "Sockets in CLOSE_WAIT by how far the application has come: unaccepted, unread (data or \
         the end of file waits) or read (nothing is left but to close it).",
        "The sum over `stage` is `tcpwarden_connections{state=\"close_wait\"}`. A connection that \
         the peer closes is unread or unaccepted from that moment; what becomes of it each \
         reconcile pass sees. In `ss -tan state close-wait`: read has Recv-Q 0, unaccepted has no \
         process.";
    RECEIVE_QUEUE = Gauge "tcpwarden_receive_queue_bytes", "bytes", ["process", "workload", "role"],
        "Bytes that applications have not read, as of the last reconcile pass.",
        "The sum of Recv-Q of `ss -tan`, listeners and the FINs of peers left out.";
    SEND_QUEUE = Gauge "tcpwarden_send_queue_bytes", "bytes", ["process", "workload", "role"],
        "Bytes that peers have not acknowledged, sent or not, as of the last reconcile pass.",
        "The sum of Send-Q of `ss -tan`, listeners and this side's SYNs and FINs left out.";
    ZERO_WINDOW = Gauge "tcpwarden_zero_window_connections", "connections",
        ["process", "workload", "role"],
        "Connections with bytes to send whose peer has closed its receive window, as of the last \
         reconcile pass: the peer does not read.",
        "`snd_wnd` of `ss -ti` is 0, or its timer is `persist`.";
    IDLE = Gauge "tcpwarden_connections_idle", "connections",
        ["process", "workload", "role", "destination", "min_idle"],
        "Established connections that have carried no data for longer than `min_idle` seconds, as \
         of the last reconcile pass. A leak of connections is a number that grows and never falls; \
         an idle pool is flat.",
        "The connections of `ss -tani state established` whose `lastsnd` and `lastrcv` are both \
         longer ago; keepalive probes are no data.";
    UNACKNOWLEDGED = Gauge "tcpwarden_connections_unacknowledged", "connections",
        ["process", "workload", "role"],
        "Connections in ESTABLISHED or CLOSE_WAIT whose peer does not acknowledge what was sent: \
         after three time-outs in a row, or without any progress for 15 s; as of the last \
         reconcile pass.",
        "`ss -tani`: `unacked` with `backoff`, or with a `Send-Q` that stays.";
    LISTEN_SOCKETS = Gauge "tcpwarden_listen_sockets", "sockets", ["process", "workload", "port"],
        "Listening sockets, as of the last reconcile pass.",
        "`ss -tln`, over all network namespaces.";
    LISTEN_BACKLOG = Gauge "tcpwarden_listen_backlog", "connections",
        ["process", "workload", "port"],
        "Connections in the accept queue, as of the last reconcile pass; summed over the \
         listeners of a process on a port.",
        "Recv-Q of `ss -tln`.";
    LISTEN_BACKLOG_LIMIT = Gauge "tcpwarden_listen_backlog_limit", "connections",
        ["process", "workload", "port"],
        "The limit of the accept queue, which `listen` and `somaxconn` set, summed the same way.",
        "Send-Q of `ss -tln`. The kernel takes one more: it refuses once the queue is longer than \
         its limit (`sk_acceptq_is_full`).";
    LISTEN_BACKLOG_USED = Gauge "tcpwarden_listen_backlog_used_ratio", "ratio",
        ["process", "workload", "port"],
        "How full the accept queue of the fullest listener is; 1 is full.",
        "Recv-Q / (Send-Q + 1) of `ss -tln`, the largest of the listeners of a process on a port.";
    LISTEN_UNACCEPTED = Gauge "tcpwarden_listen_unaccepted_connections", "connections",
        ["process", "workload", "port"],
        "Connections in any state that the process has not accepted, as of the last reconcile \
         pass.",
        "The sockets of `ss -tanp` on the port that no process has, TIME_WAIT and closing ones \
         left out.";
    LISTEN_UNACCEPTED_AGE = Gauge "tcpwarden_listen_oldest_unaccepted_age_seconds", "seconds",
        ["process", "workload", "port"],
        "How long the oldest of them has waited since its handshake; 0 if none waits.",
        "No equivalent in the kernel. A lower bound for connections that are older than the agent.";
    LISTEN_SYN_QUEUE = Gauge "tcpwarden_listen_syn_queue", "connections",
        ["process", "workload", "port"],
        "Handshakes at the listener that are not finished, as of the last reconcile pass.",
        "The sockets of `ss -tan state syn-recv` on the port.";
    LISTEN_DROPS = Counter "tcpwarden_listen_drops_total", "segments",
        ["process", "workload", "port"],
        "SYNs, handshakes and other segments that the listener dropped.",
        "`d` in `skmem` of `ss -tlm` (`sk_drops`). As of the last reconcile pass; what a listener \
         drops after the last pass that saw it is not counted.";
    LISTEN_OVERFLOWS = Counter "tcpwarden_listen_overflows_total", "connections", ["netns"],
        "Connections refused because an accept queue was full, by network namespace.",
        "ListenOverflows of /proc/net/netstat, read at each reconcile pass. Namespaces that are \
         gone stay until their place is needed, then stand under `~other`.";
    LISTEN_NETNS_DROPS = Counter "tcpwarden_listen_netns_drops_total", "segments", ["netns"],
        "SYNs and handshakes that listeners dropped for any reason, by network namespace.",
        "ListenDrops of /proc/net/netstat, read the same way.";
    SEGMENTS_SENT = Counter "tcpwarden_segments_sent_total", "segments", ["netns"],
        "Segments sent, pure acknowledgements among them, by network namespace: the denominator \
         of the retransmit ratio.",
        "OutSegs of /proc/net/snmp, read the same way. It leaves out segments that are \
         retransmitted.";
    EPHEMERAL_PORTS = Gauge "tcpwarden_ephemeral_ports", "ports", ["netns", "kind"],
        "Local ports that connections to the busiest destination use (used), and that one \
         destination can use (range), as of the last reconcile pass.",
        "The kernel can use a port once for each local address, peer address and peer port. \
         `range` is `ip_local_port_range` less `ip_local_reserved_ports` and the ports that are \
         listened on; `used` counts TIME_WAIT and orphans too, also where `tcp_tw_reuse` lets the \
         kernel take them again.";
    EPHEMERAL_PORTS_USED = Gauge "tcpwarden_ephemeral_ports_used_ratio", "ratio", ["netns"],
        "The share of local ports that connections to the busiest destination use; at 1 connects \
         to it fail with EADDRNOTAVAIL.",
        "No equivalent in the kernel. `tcpwarden_ephemeral_ports`, used by range.";
    OPEN_FDS = Gauge "tcpwarden_process_open_fds", "descriptors", ["process", "workload"],
        "Descriptors that a process which owns TCP sockets has open. Of several processes of a \
         name, the one nearest to its limit.",
        "Entries of /proc/PID/fd, read every ten seconds at most. Of the 2048 processes with the \
         most sockets, without those that have more than twice their limit open (sandboxes); \
         before Linux 6.2 of processes of the agent's user only.";
    MAX_FDS = Gauge "tcpwarden_process_max_fds", "descriptors", ["process", "workload"],
        "Descriptors that the same process may have open.",
        "`Max open files` of /proc/PID/limits, the soft limit.";
    FDS_EXHAUSTED = Gauge "tcpwarden_process_fds_exhausted_seconds", "seconds",
        ["process", "workload"],
        "About how long it takes until a process which owns TCP sockets reaches its descriptor \
         limit. Of several processes of a name, the soonest. There is no series unless the number \
         grows by a trend test over twenty minutes or more.",
        "No equivalent in the kernel. `tcpwarden leaks` says the same as a range.";
    PORTS_EXHAUSTED = Gauge "tcpwarden_ephemeral_ports_exhausted_seconds", "seconds", ["netns"],
        "About how long it takes until connections to the busiest destination have used all local \
         ports. There is no series unless the number grows by a trend test over twenty minutes \
         or more.",
        "No equivalent in the kernel. Ports in TIME_WAIT count as used.";
    LISTEN_EXHAUSTED = Gauge "tcpwarden_listen_backlog_exhausted_seconds", "seconds",
        ["process", "workload", "port"],
        "About how long it takes until the fullest accept queue of a process on a port is full. \
         There is no series unless the queue grows by a trend test over twenty minutes or more.",
        "No equivalent in the kernel. `tcpwarden leaks` says the same as a range.";
    LEAKS_EXPECTED = Gauge "tcpwarden_leaks_expected", "processes", ["process", "workload"],
        "1 if an entry `[[expected]]` of the configuration covers connections of the process, and \
         `tcpwarden leaks` accuses it of nothing else; there is no series otherwise. The alerts on \
         connections that are kept leave such a process out.",
        "No equivalent in the kernel.";
    PROCESS_SOCKETS = Gauge "tcpwarden_process_sockets", "sockets", ["process", "workload"],
        "TCP sockets that the same process owns, as of the last reconcile pass.",
        "The sockets of `ss -tanp` that name the process.";
    TCP_MEMORY = Gauge "tcpwarden_tcp_memory_bytes", "bytes", ["kind"],
        "Memory in TCP's buffers on the whole machine (used) and the thresholds: low, pressure \
         (above which buffers shrink) and limit.",
        "`mem` of /proc/net/sockstat and `net.ipv4.tcp_mem`, in pages there. The thresholds are \
         shown in the first network namespace only.";
    ORPHANS = Gauge "tcpwarden_orphan_sockets", "sockets", [],
        "Sockets that no process has any more and that the kernel still ends, on the whole \
         machine.",
        "`TCP: orphan` of /proc/net/sockstat, which counts all network namespaces.";
    SYSCTL = Gauge "tcpwarden_sysctl", "value", ["name"],
        "A kernel setting that limits TCP, in the agent's network namespace.",
        "`sysctl net.core.somaxconn`, `net.ipv4.tcp_…` and `net.ipv4.ip_local_port_range`; of \
         three numbers the last, the maximum.";
}
