//! Declares counters and histograms of what opens, closes, fails and is retransmitted.

super::metrics! {
    CONNECTIONS_OPENED = Counter "tcpwarden_connections_opened_total", "connections",
        ["process", "workload", "role", "port"],
        "Connections that reached ESTABLISHED.",
        "Clients: see ActiveOpens below, which counts attempts. Servers: PassiveOpens less the \
         handshakes that ended before ESTABLISHED.";
    CONNECTIONS_CLOSED = Counter "tcpwarden_connections_closed_total", "connections",
        ["process", "workload", "role", "port", "reason"],
        "Connections that ended after ESTABLISHED, by what ended them.",
        "`rst_received`, `rst_sent`, `rst_after_fin`, `timeout` and `other` make EstabResets when \
         the socket was in ESTABLISHED or CLOSE_WAIT, see below. `rst_received` and `rst_sent` \
         are resets before any FIN: what was under way is lost.";
    CONNECTIONS_ESTABLISHED = Gauge "tcpwarden_connections_established", "connections",
        ["process", "workload", "role", "port"],
        "Connections in ESTABLISHED, as of the last reconcile pass.",
        "`ss -tan state established`, by owner and service port. The sum is that of \
         `tcpwarden_connections{state=\"established\"}` up to what has changed since the pass, and \
         without what waits for the name of its workload.";
    CONNECTION_DURATION = Histogram "tcpwarden_connection_duration_seconds", "seconds",
        ["process", "workload", "role", "port"],
        "Time from ESTABLISHED to the end of the connection.",
        "No equivalent in the kernel. Connections that are older than the agent are not observed.";
    CONNECT_DURATION = Histogram "tcpwarden_connect_duration_seconds", "seconds",
        ["process", "workload", "port"],
        "Time from the first SYN to ESTABLISHED, of connects that succeeded.",
        "No equivalent in the kernel.";
    CONNECT_FAILURES = Counter "tcpwarden_connect_failures_total", "connects",
        ["process", "workload", "port", "destination", "reason"],
        "Connects that failed, by reason.",
        "Part of ActiveOpens and of AttemptFails, see below.";
    RETRANSMITTED_SEGMENTS = Counter "tcpwarden_retransmitted_segments_total", "segments",
        ["process", "workload", "role", "phase", "kind"],
        "Segments retransmitted, by the phase of the connection and by what triggered it.",
        "Part of RetransSegs, see below. One call of the kernel may send several segments; the \
         counter counts segments.";
    RETRANSMIT_FAILURES = Counter "tcpwarden_retransmit_failures_total", "segments", ["error"],
        "Segments that the kernel tried to retransmit and could not, by reason.",
        "TCPRetransFail of /proc/net/netstat, less those that it gave up before counting them \
         (`busy`, `window`, and what `unreachable` and `other` have of such). Available since \
         Linux 6.17; it stays 0 on older kernels.";
    SYNACK_RETRANSMITS = Counter "tcpwarden_synack_retransmits_total", "segments", ["port"],
        "SYN-ACKs retransmitted, by the port of the listener.",
        "Part of RetransSegs, see below.";
    RETRANSMITS_UNSEEN = Counter "tcpwarden_retransmitted_segments_unseen_total", "segments", [],
        "Retransmitted segments that the kernel counts and that no probe has told of.",
        "What RetransSegs less TCPRetransFail has beyond the two metrics above in a network \
         namespace, since a pass first read it: a full ring has lost the record, or the kernel ran \
         no program. As of the last pass; short of some while segments are retransmitted.";
    RESETS_SENT = Counter "tcpwarden_resets_sent_total", "segments", [],
        "Resets sent.",
        "OutRsts of /proc/net/snmp, since Linux 6.10; before, resets that answer a segment of no \
         socket or of a TIME_WAIT socket are not reported.";
    RESETS_RECEIVED = Counter "tcpwarden_resets_received_total", "segments", [],
        "Resets received that ended a connection or an attempt.",
        "No equivalent in the kernel.";
    CONNECTION_SRTT = Histogram "tcpwarden_connection_srtt_seconds", "seconds",
        ["process", "workload", "role", "port"],
        "Smoothed round-trip time of a connection when it ended.",
        "`rtt` of `ss -ti`. Connections without a measurement are not observed.";
    CONNECTION_SENT_BYTES = Histogram "tcpwarden_connection_sent_bytes", "bytes",
        ["process", "workload", "role", "port"],
        "Payload bytes that a connection sent in its life, retransmissions excluded.",
        "`bytes_sent` less `bytes_retrans` of `ss -ti`.";
    CONNECTION_RECEIVED_BYTES = Histogram "tcpwarden_connection_received_bytes", "bytes",
        ["process", "workload", "role", "port"],
        "Payload bytes that a connection received in its life.",
        "`bytes_received` of `ss -ti`, which counts the FIN of the peer as one byte more.";
}
