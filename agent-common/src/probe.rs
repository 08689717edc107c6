//! The probes: the one list of them, from which they are loaded, shown and tested.
//!
//! Read by the loader, by `tcpwarden check` and by the live tests. A probe is a program in
//! `agent-ebpf` and a line here; a test of the loader compares this list with the programs of the
//! object.

/// A program of the kernel side and the hook that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The probe's name in summaries and metrics: the hook, and what tells two on one hook apart.
    pub name: &'static str,
    /// The program's name in the object file.
    pub program: &'static str,
    /// The hook.
    pub hook: Hook,
    /// What is lost without the probe, as a sentence.
    pub without: &'static str,
}

/// The kinds of hook in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// The tracepoint of this name, with typed arguments; the probe is attached.
    Tracepoint(&'static str),
    /// The iterator over this kind of object; a reconcile pass runs the probe.
    Iterator(&'static str),
}

/// The probes that the agent cannot do without: the one that reports transitions, and the one that
/// reports those for which the kernel skipped the first, because it was running already.
pub const STATE_PROBES: [&str; 2] = ["inet_sock_set_state", "inet_sock_set_state_second"];

/// The iterator over the kernel's list of TCP sockets.
pub const SOCKET_LIST: &str = "iter_tcp";

/// The iterator over the descriptors of all processes.
pub const DESCRIPTOR_LIST: &str = "iter_task_file";

/// Every probe, in the order in which they are loaded.
pub const PROBES: &[Probe] = &[
    Probe {
        name: STATE_PROBES[0],
        program: "state",
        hook: Hook::Tracepoint("inet_sock_set_state"),
        without: "nothing can be observed",
    },
    Probe {
        name: STATE_PROBES[1],
        program: "state_second",
        hook: Hook::Tracepoint("inet_sock_set_state"),
        without: "nothing can be observed",
    },
    tracepoint("tcp_retransmit_skb", "retransmit_skb", "retransmitted segments are not counted"),
    tracepoint(
        "tcp_retransmit_synack",
        "retransmit_synack",
        "retransmitted SYN-ACKs are not counted",
    ),
    tracepoint("tcp_send_reset", "send_reset", "resets sent are not counted"),
    tracepoint("tcp_receive_reset", "receive_reset", "resets received are not counted"),
    Probe {
        name: SOCKET_LIST,
        program: "iter_tcp",
        hook: Hook::Iterator("tcp"),
        without: "sockets older than the agent, TIME_WAIT and half-open ones are not seen, \
                  and losses do not heal",
    },
    Probe {
        name: DESCRIPTOR_LIST,
        program: "iter_task_file",
        hook: Hook::Iterator("task_file"),
        without: "sockets older than the agent have no owner, and no owner is verified",
    },
];

/// The only probe on a tracepoint, named after it.
const fn tracepoint(name: &'static str, program: &'static str, without: &'static str) -> Probe {
    Probe { name, program, hook: Hook::Tracepoint(name), without }
}
