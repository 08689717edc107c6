//! The options of `run` as the command line takes them: text, so that a wrong value gets the same
//! message from every source.

use std::path::PathBuf;

use clap::Args;

/// Options of `run`, as text; the bounds are in [`super::RunConfig`].
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// Where to serve HTTP, once for each address: ADDR:PORT, [ADDR6]:PORT, NAME:PORT with a name
    /// of /etc/hosts, :PORT for every address, or unix:/path/to.sock [default: 127.0.0.1:10793]
    #[expect(rustdoc::broken_intra_doc_links, reason = "the text is the help; it has no links")]
    #[arg(long, value_name = "ADDRESS", help_heading = "Serving")]
    pub listen: Vec<String>,
    /// The socket file beside these addresses, which the commands of this machine ask first: an
    /// absolute path, or none. Only the agent's user may use it
    /// [default: /run/tcpwarden/tcpwarden.sock]
    #[arg(long, value_name = "PATH", help_heading = "Serving")]
    pub socket: Option<String>,
    /// Which group may use the socket files, by name of /etc/group or number; without it none may
    /// use that of --socket [default: that of the agent]
    #[arg(long, value_name = "GROUP", allow_hyphen_values = true, help_heading = "Serving")]
    pub socket_group: Option<String>,
    /// Time between passes over the kernel's own socket list, from 0.2s to 1d: 30s, 1m30s; a bare
    /// number is seconds [default: 30s]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, help_heading = "Cadence")]
    pub reconcile_interval: Option<String>,
    /// Time after which a socket that stays in a leak state has its owner verified against the
    /// descriptor tables, before the next pass is due; a bare number is seconds [default: 10s]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, help_heading = "Cadence")]
    pub verify_after: Option<String>,
    /// Time between visits to the rings, from 1ms to 1s; a bare number is milliseconds
    /// [default: 50ms]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, help_heading = "Cadence")]
    pub drain_interval_ms: Option<String>,
    /// Size of the ring for state transitions, a power of two from 4K to 1G; a bare number is bytes
    /// [default: 8M]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, help_heading = "Bounds")]
    pub ring_bytes: Option<String>,
    /// Size of the ring for retransmits, a power of two from 4K to 1G [default: 1M]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, help_heading = "Bounds")]
    pub retransmit_ring_bytes: Option<String>,
    /// Rows of the connection table; sockets beyond are counted as refused [default: 1000000], or
    /// as many as fit into the cgroup's limit of memory
    #[arg(long, value_name = "ROWS", allow_hyphen_values = true, help_heading = "Bounds")]
    pub max_connections: Option<String>,
    /// Label sets of processes by role, and as many with a port; more are counted under `~other`,
    /// and answers still name them
    /// [default: 200]
    #[arg(long, value_name = "SETS", allow_hyphen_values = true, help_heading = "Bounds")]
    pub max_series: Option<String>,
    /// Age of a name in a workload until which it has no series: it counts under `~young` until it
    /// has held a socket for so long, or opened in two of three windows of a third of it. From 0.2s
    /// to 5m; a bare number is seconds; 0 for series at once [default: 30s]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, help_heading = "Bounds")]
    pub young_age: Option<String>,
    /// What the label `workload` of a container is: its id, or its name, which in Kubernetes is
    /// NAMESPACE/CONTROLLER/CONTAINER and stays through a rollout: id or name [default: id]
    #[arg(long, value_name = "LABEL", help_heading = "Bounds")]
    pub workload_label: Option<String>,
    /// Bounds of the histograms in /metrics, which are the larger part of it: off for no
    /// histograms, coarse for 4 or 7 bounds, or full for 11 or 17 [default: coarse]
    #[arg(long, value_name = "BOUNDS", help_heading = "Bounds")]
    pub histograms: Option<String>,
    /// Metrics that /metrics leaves out, with commas between several; NAME* stands for all that
    /// begin so. An alert, a panel, or a line of doctor and top that asks for one of them has
    /// nothing to say; the page at / still shows what it shows [default: none]
    #[arg(long, value_name = "NAMES", help_heading = "Bounds")]
    pub metrics_exclude: Option<String>,
    /// A directory of this agent alone, made if it is not there, or none: the history of the page
    /// at / lies in it, so that a restart keeps it
    /// [default: StateDirectory= of the unit, else none]
    #[arg(long, value_name = "DIR", help_heading = "Bounds")]
    pub state_directory: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a tracing filter [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// The form of the log: text or json on standard error, or journald, which gets levels and
    /// fields [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Read options from a TOML file; its keys are the names of these options
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Do not drop privileges after attaching (for debugging)
    #[arg(long)]
    pub keep_privileges: bool,
    /// Serve TLS, ask for passwords and set headers as this file says, in the format of Prometheus'
    /// exporters (docs/web-config.md); read again when it changes
    #[arg(long, value_name = "FILE", help_heading = "Serving")]
    pub web_config_file: Option<String>,
    /// Answer /api, which shows addresses and process names, also where other machines can ask
    #[arg(long, help_heading = "Serving")]
    pub expose_connections: bool,
}
