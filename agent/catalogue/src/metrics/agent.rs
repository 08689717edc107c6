//! Declares what the agent reports of itself: losses, corrections, bounds, probes, its own cost.

super::metrics! {
    TRANSITIONS = Counter "tcpwarden_transitions_total", "transitions", ["old", "new"],
        "State transitions as the kernel side counted them, exact even when records are lost.",
        "Every call of `inet_sk_set_state` and `inet_sk_state_store` for a TCP socket since the \
         agent attached; the yardstick of `events_total` and of the truths below.";
    EVENTS = Counter "tcpwarden_events_total", "records", ["event"],
        "Records applied to the connection table.",
        "With nothing lost, `transition` equals the sum of `tcpwarden_transitions_total`.";
    EVENTS_LOST = Counter "tcpwarden_events_lost_total", "records", ["ring"],
        "Records dropped because their ring was full or their socket was no full TCP socket, and \
         transitions for which the kernel ran no program, by ring.",
        "What a lost record would have changed is corrected by the next reconcile pass, which a \
         loss sets off at once.";
    DECODE_ERRORS = Counter "tcpwarden_decode_errors_total", "records", ["reason"],
        "Records that could not be decoded.",
        "Always 0, unless the kernel side and the agent are of different builds.";
    RECONCILE_DURATION = Histogram "tcpwarden_reconcile_duration_seconds", "seconds", [],
        "Time that a pass over the kernel's own socket list took.",
        "No equivalent in the kernel.";
    RECONCILE_CORRECTIONS = Counter "tcpwarden_reconcile_corrections_total", "corrections",
        ["kind"],
        "Rows of the connection table that a record or a reconcile pass found to be missing, left \
         over or in a wrong state, by kind.",
        "Not 0 means that a record was lost, or that the table followed it wrongly.";
    INTERNAL_ERRORS = Counter "tcpwarden_internal_errors_total", "errors", [],
        "Rules of the agent's own data that were found broken.",
        "No equivalent in the kernel. Always 0 unless the agent has a fault; the log names the \
         rule, and the numbers of the connection table may be wrong until a restart.";
    LOG_LINES_DROPPED = Counter "tcpwarden_log_lines_dropped_total", "lines", [],
        "Lines of the log that were not taken at once: a full pipe, a full disk, or a reader that \
         has gone away.",
        "No equivalent in the kernel. The agent never waits for its log.";
    RECONCILE_LAST_COMPLETED = Gauge "tcpwarden_reconcile_last_completed_timestamp_seconds",
        "seconds", [],
        "When the last complete reconcile pass ended, in Unix time; 0 before the first.",
        "No equivalent in the kernel.";
    CONNECTIONS_TRACKED = Gauge "tcpwarden_connections_tracked", "connections", [],
        "Rows of the connection table.",
        "The sum of `tcpwarden_connections`, and of the sockets without a descriptor that stay in \
         FIN_WAIT2 as full sockets, which is with `tcp_fin_timeout` above 60 s, or where a FIN is \
         acknowledged while the closing task has the socket locked.";
    CONNECTIONS_LIMIT = Gauge "tcpwarden_connections_limit", "connections", [],
        "The maximum number of rows in the connection table (--max-connections).",
        "No equivalent in the kernel.";
    CONNECTIONS_REFUSED = Counter "tcpwarden_connections_refused_total", "connections", [],
        "Sockets that were refused a row because the connection table was full.",
        "No equivalent in the kernel. Who has a quarter of the rows is refused those of the last \
         sixteenth.";
    CONNECTIONS_UNATTRIBUTED = Gauge "tcpwarden_connections_unattributed", "connections", [],
        "Rows whose owner is unknown.",
        "No equivalent in the kernel. They are counted under process=\"unknown\".";
    CONNECTIONS_UNVERIFIED = Gauge "tcpwarden_connections_unverified", "connections", [],
        "Rows in network namespaces whose sockets the last reconcile pass could not list.",
        "No equivalent in the kernel. No process is left in such a namespace, the agent lacks \
         CAP_SYS_ADMIN, or a process holds the lock of a socket there.";
    CONNECTIONS_UNHELD = Gauge "tcpwarden_connections_unheld", "connections", [],
        "Connections in use that no process held when the descriptor tables were last read.",
        "No equivalent in the kernel. Their descriptor is in flight in a unix socket, or \
         registered with an io_uring alone, or a part of the kernel uses them. They stand under \
         the owner that was last known; connections that wait in an accept queue or that the \
         kernel closes by itself are not among them.";
    CONNECTIONS_SHARED = Gauge "tcpwarden_connections_shared", "connections", [],
        "Connections, listeners apart, that more than one process held when the descriptor tables \
         were last read.",
        "No equivalent in the kernel. Such a connection ends only when the last of them closes \
         it: a common cause of leaks after a fork. It stands under one of them.";
    OWNERS_VERIFIED = Gauge "tcpwarden_owners_last_verified_timestamp_seconds", "seconds", [],
        "When the descriptor tables of all processes were last read to the end, in Unix time; 0 \
         before the first.",
        "No equivalent in the kernel. Owners are as of then; a reading takes one percent of one \
         CPU at the most, so it comes less often where there are millions of descriptors.";
    LABEL_OVERFLOW = Counter "tcpwarden_label_overflow_total", "label sets", ["family"],
        "Label sets folded into `~other`, or without `destination`, as their budget was used up.",
        "No equivalent in the kernel.";
    PROBE_ATTACHED = Gauge "tcpwarden_probe_attached", "truth", ["probe"],
        "Whether a probe is attached.",
        "`bpftool link` lists the attached ones.";
    PROBE_INFO = Gauge "tcpwarden_probe_info", "truth", ["probe", "state"],
        "The state of a probe: attached, unsupported or failed; always 1.",
        "No equivalent in the kernel. Why a probe is not attached stands in the log, on the page \
         at / and in `tcpwarden check`.";
    VISIBILITY_LIMITED = Gauge "tcpwarden_visibility_limited", "truth", ["limit"],
        "Whether something hides a part of the machine from the agent.",
        "No equivalent in the kernel. The agent is in a pid namespace of its own (pid_namespace), \
         lacks CAP_SYS_ADMIN or CAP_SYS_PTRACE, or the last pass could not look into some \
         network namespace (network_namespaces); the log and `tcpwarden check` say what that \
         hides.";
    WEB_CONFIG_RELOADED = Gauge "tcpwarden_web_config_last_reload_successful", "truth", [],
        "Whether the web configuration is in force as its files have it; there is no series \
         without `--web-config-file`.",
        "No equivalent in the kernel. The log says what is wrong. What was in force before stays \
         so, an expired certificate too.";
    BPF_MISSES = Counter "tcpwarden_bpf_misses_total", "runs", ["probe"],
        "Runs of a probe that the kernel skipped because the probe was already running on that \
         CPU.",
        "`recursion_misses` of `bpftool prog`, available since Linux 5.12; it stays 0 on older \
         kernels. Where it is `inet_sock_set_state` that was skipped, \
         `inet_sock_set_state_second` reports the transition; where that was skipped as well, \
         `tcpwarden_events_lost_total` has it.";
    BPF_RUN_SECONDS = Counter "tcpwarden_bpf_run_seconds_total", "seconds", ["probe"],
        "Time spent in a probe; only while the kernel keeps statistics.",
        "`run_time_ns` of `bpftool prog`; needs `sysctl kernel.bpf_stats_enabled=1`.";
    BPF_RUNS = Counter "tcpwarden_bpf_runs_total", "runs", ["probe"],
        "Runs of a probe; only while the kernel keeps statistics.",
        "`run_cnt` of `bpftool prog`; needs `sysctl kernel.bpf_stats_enabled=1`.";
    BUILD_INFO = Gauge "tcpwarden_build_info", "truth", ["version", "commit", "build_id"],
        "The version of the agent, the commit that it was built from and the build id of the \
         program, as `tcpwarden --version` says them; always 1.",
        "No equivalent in the kernel.";
    PROCESS_CPU_SECONDS = Counter "process_cpu_seconds_total", "seconds", [],
        "CPU time that the agent used, in user and kernel mode.",
        "Fields 14 and 15 of /proc/PID/stat. Sampled periodically, not at scrape, as are the four \
         below. The kernel charges the time of a probe to the task that triggered it, not to the \
         agent.";
    PROCESS_RESIDENT_MEMORY = Gauge "process_resident_memory_bytes", "bytes", [],
        "Memory of the agent that is in RAM.",
        "VmRSS of /proc/PID/status.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds", "descriptors", [],
        "Descriptors that the agent has open.",
        "Entries of /proc/PID/fd.";
    PROCESS_MAX_FDS = Gauge "process_max_fds", "descriptors", [],
        "The maximum number of descriptors that the agent may have open.",
        "`Max open files` of /proc/PID/limits.";
    PROCESS_START_TIME = Gauge "process_start_time_seconds", "seconds", [],
        "When the agent started, in Unix time.",
        "Field 22 of /proc/PID/stat.";
}
