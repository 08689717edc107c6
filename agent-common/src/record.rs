//! The records that cross from the kernel to user space, through the two rings and the iterators.
//!
//! All are `repr(C)` with explicit padding, native byte order, no implicit holes; the first byte is
//! the kind. Addresses are always 16 bytes in network order, IPv4 as `::ffff:a.b.c.d`; ports are in
//! host order; times are `CLOCK_MONOTONIC` nanoseconds (`bpf_ktime_get_ns`).

/// The kinds of record, in the first byte of each.
pub mod kind {
    /// [`super::State`]: one TCP state transition that does not end in CLOSE.
    pub const STATE: u8 = 1;
    /// [`super::Close`]: a transition into CLOSE, with the socket's last statistics.
    pub const CLOSE: u8 = 2;
    /// [`super::Retransmit`]: one call of `__tcp_retransmit_skb`.
    pub const RETRANSMIT: u8 = 3;
    /// [`super::Retransmit`]: a retransmitted SYN-ACK; the socket is the listener.
    pub const SYNACK: u8 = 4;
    /// [`super::Socket`]: one entry of the kernel's socket list.
    pub const SOCKET: u8 = 5;
    /// [`super::Holder`]: one descriptor that refers to a TCP socket.
    pub const HOLDER: u8 = 6;
    /// [`super::Child`]: one connection that waits in an accept queue.
    pub const CHILD: u8 = 7;
}

/// Bits of the `flags` byte.
pub mod flag {
    /// The socket was locked by a task (`sk_lock.owned`), so the current task was its user.
    pub const LOCKED: u8 = 1;
    /// The current task is a kernel thread.
    pub const KTHREAD: u8 = 1 << 1;
    /// No descriptor refers to the socket any more (`SOCK_DEAD`).
    pub const ORPHAN: u8 = 1 << 2;
    /// The socket has a `struct socket`: it was accepted or created by a task.
    pub const ATTACHED: u8 = 1 << 3;
    /// The peer's window lets nothing more out: it is zero, or the kernel probes it.
    pub const WINDOW_CLOSED: u8 = 1 << 4;
    /// `connect` chose the local port, so the socket is a client.
    pub const PORT_BY_CONNECT: u8 = 1 << 5;
    /// `bind` took part in the choice of the local port, for this socket or for one that shares it.
    pub const PORT_BY_BIND: u8 = 1 << 6;
    /// Keepalive is on (`SO_KEEPALIVE`).
    pub const KEEPALIVE: u8 = 1 << 7;
}

/// Bits of [`Activity::known`]: what the running kernel tells.
pub mod known {
    /// The times of the last data and acknowledgement.
    pub const TIMES: u8 = 1;
    /// What is not acknowledged: segments, time-outs, probes.
    pub const UNACKNOWLEDGED: u8 = 1 << 1;
    /// Bytes sent and received.
    pub const BYTES: u8 = 1 << 2;
    /// Whether keepalive is on.
    pub const KEEPALIVE: u8 = 1 << 3;
    /// The bits that say what the kernel tells; the others say what follows from it.
    pub const MEMBERS: u8 = TIMES | UNACKNOWLEDGED | BYTES | KEEPALIVE;
    /// The peer has acknowledged a SYN of this side besides its bytes, so it has connected: only
    /// there does the kernel count the SYN (`tcp_snd_una_update`, `tcp_create_openreq_child`, 5.10
    /// to 6.18).
    pub const CONNECTED: u8 = 1 << 4;
    /// The peer has acknowledged its bytes and no SYN, so it has accepted.
    pub const ACCEPTED: u8 = 1 << 5;
}

/// The identity of a socket, its namespace and cgroup, and its two ends.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The kernel address of the socket: its key while it lives, reused afterwards.
    pub sk: u64,
    /// Id of the socket's cgroup (v2), 0 if the kernel has none.
    pub cgroup: u64,
    /// Local address.
    pub local: [u64; 2],
    /// Peer address.
    pub peer: [u64; 2],
    /// Inode of the network namespace.
    pub netns: u32,
    /// Local port; 0 while none is chosen.
    pub local_port: u16,
    /// Peer port; 0 if there is none.
    pub peer_port: u16,
}

/// A state transition.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// [`kind::STATE`] or, inside [`Close`], [`kind::CLOSE`].
    pub kind: u8,
    /// The state that the socket leaves.
    pub old: u8,
    /// The state that the socket enters.
    pub new: u8,
    /// See [`flag`].
    pub flags: u8,
    /// Why the socket ends, meaningful at CLOSE: `sk_err`, or for a connect without it what the
    /// kernel has noted (`sk_err_soft`, `sk_error_queue`).
    pub err: u16,
    /// Address family.
    pub family: u16,
    /// The time of the call.
    pub time: u64,
    /// Identity and ends.
    pub ends: Endpoints,
    /// The current process; meaningful only with [`flag::LOCKED`], else 0.
    pub tgid: u32,
    /// The user that created the socket (`sk_uid`).
    pub uid: u32,
    /// Command name of the current process (its thread group leader's); what follows the first 0
    /// means nothing.
    pub comm: [u8; 16],
}

/// A transition into CLOSE and what the socket had done by then.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// The transition.
    pub state: State,
    /// Payload bytes handed to the network, without retransmitted ones.
    pub bytes_sent: u64,
    /// Payload bytes received in order.
    pub bytes_received: u64,
    /// Smoothed round-trip time, microseconds; 0 if none was measured.
    pub srtt_us: u32,
    /// Segments retransmitted in the socket's whole life (`total_retrans`).
    pub retransmitted: u32,
}

/// A retransmission (of data, SYN or FIN) or, with [`kind::SYNACK`], of a SYN-ACK.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retransmit {
    /// [`kind::RETRANSMIT`] or [`kind::SYNACK`].
    pub kind: u8,
    /// The socket's state.
    pub state: u8,
    /// `icsk_ca_state`: 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss.
    pub ca_state: u8,
    /// `icsk_pending`: the timer in force; 5 is a tail loss probe.
    pub pending: u8,
    /// 0, or the negative error number of an attempt that failed (reported since Linux 6.17).
    pub err: i16,
    /// Address family.
    pub family: u16,
    /// The time of the call.
    pub time: u64,
    /// Identity and ends.
    pub ends: Endpoints,
    /// Segments in this call (`tcp_skb_pcount`).
    pub segments: u32,
    /// `total_retrans` after the call.
    pub total: u32,
}

/// What a connection has done, as the kernel's list shows it.
///
/// The kernel sets the three times at the handshake (`tcp_finish_connect`,
/// `tcp_create_openreq_child`, `tcp_init_transfer`, 6.18). They are 32-bit jiffies: a time that
/// lies longer ago than 2^32 jiffies (49 days at 1000 Hz) looks younger than it is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Payload bytes received in order.
    pub bytes_received: u64,
    /// Payload bytes handed to the network, without retransmitted ones.
    pub bytes_sent: u64,
    /// Jiffies since data was last sent or retransmitted, modulo 2^32.
    pub sent_ago: u32,
    /// Jiffies since data was last received, modulo 2^32.
    pub received_ago: u32,
    /// Jiffies since an acknowledgement was last received, keepalive's among them, modulo 2^32.
    pub acked_ago: u32,
    /// Up to where the peer has acknowledged (`snd_una`).
    pub acknowledged: u32,
    /// Segments that are not acknowledged (`packets_out`).
    pub unacknowledged: u32,
    /// Time-outs in a row without an acknowledgement (`icsk_retransmits`).
    pub timeouts: u8,
    /// How often the time-out was doubled (`icsk_backoff`).
    pub backoff: u8,
    /// Window or keepalive probes that were not answered (`icsk_probes_out`).
    pub probes: u8,
    /// See [`known`].
    pub known: u8,
}

/// An entry of the kernel's socket list (`iter/tcp`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Socket {
    /// [`kind::SOCKET`].
    pub kind: u8,
    /// The state code; TIME_WAIT and NEW_SYN_RECV occur here.
    pub state: u8,
    /// For TIME_WAIT: 5 where the entry stands for an orphaned FIN_WAIT2, else 6. 0 otherwise.
    pub substate: u8,
    /// See [`flag`].
    pub flags: u8,
    /// The process that reads the list, as the kernel numbers it: the agent itself.
    pub reader: u32,
    /// The time at which the entry was read.
    pub time: u64,
    /// Identity and ends; `sk` is the small socket's own address for TIME_WAIT and NEW_SYN_RECV.
    pub ends: Endpoints,
    /// What the kernel lists as the receive queue (`tcp_diag_get_info`, 5.10). LISTEN: connections
    /// that wait to be accepted. Else bytes that the application has not read; the peer's FIN
    /// counts as one until it has.
    pub receive_queue: u32,
    /// What the kernel lists as the send queue. LISTEN: the limit of the accept queue. Else bytes,
    /// a SYN or FIN as one, that the peer has not acknowledged.
    pub send_queue: u32,
    /// LISTEN: handshakes that are not finished (`icsk_accept_queue.qlen`). Else 0.
    pub syn_queue: u32,
    /// LISTEN: what it has dropped in its life (`sk_drops`), modulo 2^32. Else 0.
    pub drops: u32,
    /// The address of the socket that descriptors refer to, if it is another than `ends.sk`: the
    /// MPTCP connection of a subflow (`mptcp_sock_graft`, 5.10 to 6.18). Else 0.
    pub outer: u64,
    /// What the connection has done; all zero for a listener and for small sockets.
    pub activity: Activity,
}

/// A connection that waits in the accept queue of a listener (`iter/tcp`, after the listener).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Child {
    /// [`kind::CHILD`].
    pub kind: u8,
    /// Zero; three members, because the compiler sets an array by a call of `memset`.
    pub pad: u8,
    /// Zero.
    pub pad2: u16,
    /// Zero.
    pub pad3: u32,
    /// The kernel address of the listener.
    pub listener: u64,
    /// The kernel address of the connection.
    pub sk: u64,
}

/// A descriptor of a process that refers to a TCP or MPTCP socket (`iter/task_file`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// [`kind::HOLDER`].
    pub kind: u8,
    /// The state code of an MPTCP socket (`sk_state`); 0 for a TCP socket, whose own entry has it.
    pub state: u8,
    /// Zero.
    pub pad1: u16,
    /// The process.
    pub tgid: u32,
    /// The socket.
    pub sk: u64,
    /// When the process was forked, nanoseconds of `CLOCK_MONOTONIC`; 0 if the kernel does not
    /// tell.
    pub started: u64,
    /// The descriptor's number.
    pub fd: u32,
    /// Zero.
    pub pad2: u32,
    /// Command name of the process; what follows the first 0 means nothing.
    pub comm: [u8; 16],
}

const _: () = {
    assert!(size_of::<Endpoints>() == 56);
    assert!(size_of::<State>() == 96);
    assert!(size_of::<Close>() == 120);
    assert!(size_of::<Retransmit>() == 80);
    assert!(size_of::<Activity>() == 40);
    assert!(size_of::<Socket>() == 136);
    assert!(size_of::<Child>() == 24);
    assert!(size_of::<Holder>() == 48);
    assert!(align_of::<Close>() == 8);
};
