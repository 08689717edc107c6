//! Declares gauges of the sockets that are open now, and of their ages.

super::metrics! {
    CONNECTIONS = Gauge "tcpwarden_connections", "connections",
        ["process", "workload", "role", "state"],
        "Sockets now, by owner, workload, side and state.",
        "The sum over a state equals the sockets that `ss -tan` lists in that state, over all \
         network namespaces; `time-wait`, orphaned `fin-wait-2` and `syn-recv` have metrics of \
         their own below.";
    OLDEST_STATE_AGE = Gauge "tcpwarden_connections_oldest_state_age_seconds", "seconds",
        ["process", "workload", "role", "state"],
        "Age of the oldest socket in a transient state; 0 if there is none any more.",
        "No equivalent in the kernel. A lower bound for sockets that are older than the agent. A \
         state has a series once a scrape has met a socket in it.";
    CONNECTIONS_STUCK = Gauge "tcpwarden_connections_stuck", "connections",
        ["process", "workload", "role", "state", "min_age"],
        "Sockets in a transient state for longer than min_age seconds.",
        "No equivalent in the kernel. `min_age` is 60, 300 or 3600; each counts the older ones \
         too. An age has a series once a scrape has met such a socket, and keeps it.";
    WORKLOAD_INFO = Gauge "tcpwarden_workload_info", "truth",
        ["workload", "kind", "runtime", "container_id", "pod_uid", "cgroup", "namespace", "pod",
            "container", "image", "compose_project", "compose_service"],
        "The long names of a workload that other metrics carry as a label; always 1.",
        "`cgroup` is the path of the cgroup of the unit, container or pod. The labels from \
         `namespace` on come from the files of the container runtime on the node, and are empty \
         where these do not tell. `namespace`, `pod` and `container` join with kube-state-metrics, \
         and `pod_uid` with its `uid`; its `container_id` begins with the runtime \
         (`containerd://`). A scrape that adds these labels for the agent's own pod needs \
         `honor_labels: true`. One series a workload: of two cgroups with the same name the first \
         that was seen.";
    STATE_DURATION = Histogram "tcpwarden_state_duration_seconds", "seconds", ["state", "role"],
        "Time spent in a state, observed when it is left.",
        "No equivalent in the kernel. Sockets that are older than the agent are not observed in \
         the state in which it found them.";
    TIME_WAIT_SOCKETS = Gauge "tcpwarden_time_wait_sockets", "sockets", ["netns"],
        "Sockets in TIME_WAIT, as of the last reconcile pass.",
        "`TCP: tw` of /proc/net/sockstat, without the orphaned FIN_WAIT2 that the kernel keeps in \
         the same form.";
    FIN_WAIT2_ORPHAN_SOCKETS = Gauge "tcpwarden_fin_wait2_orphan_sockets", "sockets", ["netns"],
        "Sockets in FIN_WAIT2 that no descriptor refers to, as of the last reconcile pass.",
        "They are in no other gauge and have no age: the kernel ends them by itself, after \
         `tcp_fin_timeout`. What `ss -tan state fin-wait-2` lists beyond \
         `tcpwarden_connections{state=\"fin_wait2\"}`.";
    SYN_RECV_SOCKETS = Gauge "tcpwarden_syn_recv_sockets", "sockets", ["netns"],
        "Half-open connections whose handshake is not finished, as of the last reconcile pass.",
        "`ss -tan state syn-recv`.";
}
