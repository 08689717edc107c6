//! The probes by name: what each hooks, whether the agent can do without it, and how it ended.

/// A program of the kernel side and the hook it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// How the probe is called in summaries and metrics: the hook, and what tells two on one hook
    /// apart.
    pub name: &'static str,
    /// The program's name in the object file.
    pub program: &'static str,
    /// What kind of hook it is.
    pub hook: Hook,
    /// What is lost without it.
    pub without: &'static str,
}

/// The kinds of hook in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// A tracepoint with typed arguments; the probe is attached.
    Tracepoint(&'static str),
    /// An iterator over the kind of object that is named; run when a reconcile pass asks for it.
    Iterator(&'static str),
}

/// The probes that the agent cannot do without: the one that reports transitions, and the one that
/// reports those for which the kernel skipped the first, because it was running already.
pub const STATE_PROBES: [&str; 2] = ["inet_sock_set_state", "inet_sock_set_state_second"];

/// Every probe, in the order in which they are loaded.
pub const PROBES: &[Probe] = &[
    tracepoint(STATE_PROBES[0], STATE_PROBES[0], "state", "nothing can be told"),
    tracepoint(STATE_PROBES[1], STATE_PROBES[0], "state_second", "nothing can be told"),
    tracepoint(
        "tcp_retransmit_skb",
        "tcp_retransmit_skb",
        "retransmit_skb",
        "retransmitted segments are not counted",
    ),
    tracepoint(
        "tcp_retransmit_synack",
        "tcp_retransmit_synack",
        "retransmit_synack",
        "SYN-ACKs sent again are not counted",
    ),
    tracepoint("tcp_send_reset", "tcp_send_reset", "send_reset", "resets sent are not counted"),
    tracepoint(
        "tcp_receive_reset",
        "tcp_receive_reset",
        "receive_reset",
        "resets received are not counted",
    ),
    Probe {
        name: "iter_tcp",
        program: "iter_tcp",
        hook: Hook::Iterator("tcp"),
        without: "sockets older than the agent, TIME_WAIT and half-open ones are not seen, and losses do not heal",
    },
    Probe {
        name: "iter_task_file",
        program: "iter_task_file",
        hook: Hook::Iterator("task_file"),
        without: "sockets older than the agent have no owner, and no owner is verified",
    },
];

const fn tracepoint(
    name: &'static str,
    hook: &'static str,
    program: &'static str,
    without: &'static str,
) -> Probe {
    Probe { name, program, hook: Hook::Tracepoint(hook), without }
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeState {
    /// It works.
    Attached,
    /// The kernel does not have the hook.
    Unsupported(String),
    /// The kernel has it and refused the program.
    Failed(String),
}

impl ProbeState {
    /// Whether it works.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        *self == Self::Attached
    }

    /// The state in one word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Unsupported(_) => "unsupported",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it does not work; empty where it does.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Attached => "",
            Self::Unsupported(why) | Self::Failed(why) => why,
        }
    }
}
