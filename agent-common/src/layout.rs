//! What the probes must know of the running kernel's structures, as a table of words.
//!
//! User space resolves every word from the kernel's BTF before loading and writes the results into
//! the programs' instructions, where each use of a word carries a mark; the verifier then sees
//! constants. No layout is compiled in, and a word that the kernel does not have is [`ABSENT`], so
//! that the code which needs it is never reached.

/// The value of a word that the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

/// How a word is found in the kernel's BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Byte offset of a member of the given size in bytes; the path goes through nested and
    /// anonymous structures.
    Offset {
        /// The structure.
        of: &'static str,
        /// The member, with dots.
        path: &'static str,
        /// Its size, bytes: a load of another size would be refused or wrong.
        size: u32,
    },
    /// Byte offset of the byte that holds a bit-field, which must not cross a byte's border.
    BitByte {
        /// The structure.
        of: &'static str,
        /// The member, with dots.
        path: &'static str,
    },
    /// Mask of that bit-field inside its byte; 0xff for a plain byte.
    BitMask {
        /// The structure.
        of: &'static str,
        /// The member, with dots.
        path: &'static str,
    },
    /// Position of the lowest bit of that bit-field inside its byte.
    BitShift {
        /// The structure.
        of: &'static str,
        /// The member, with dots.
        path: &'static str,
    },
    /// How many arguments a tracepoint has.
    Arguments {
        /// The tracepoint.
        tracepoint: &'static str,
    },
    /// The value of an enumerator.
    Enumerator {
        /// The enumeration.
        of: &'static str,
        /// The enumerator.
        name: &'static str,
    },
}

/// Declares the words: their names, whether a kernel without them can be served, their sources.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $need:ident $source:expr;)+) => {
        /// The words, by name; the number is the position in the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Word { $($(#[$doc])* $name,)+ }

        /// Every word with its need and source, in the order of [`Word`].
        pub const WORDS: &[(Word, Need, Source)] = &[$((Word::$name, Need::$need, $source),)+];
    };
}

/// Whether the agent can do without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The state probe cannot work without it.
    Required,
    /// Something degrades without it.
    Optional,
}

const fn at(of: &'static str, path: &'static str, size: u32) -> Source {
    Source::Offset { of, path, size }
}

const fn helper(name: &'static str) -> Source {
    Source::Enumerator { of: "bpf_func_id", name }
}

words! {
    /// `sk_protocol`.
    SkProtocol: Required at("sock", "sk_protocol", 2);
    /// `skc_family`.
    SkFamily: Required at("sock", "__sk_common.skc_family", 2);
    /// `skc_state`.
    SkState: Required at("sock", "__sk_common.skc_state", 1);
    /// `skc_num`: the local port, host order; 0 again by the time of `->CLOSE`.
    SkNum: Required at("sock", "__sk_common.skc_num", 2);
    /// `skc_dport`: the peer's port, network order.
    SkPeerPort: Required at("sock", "__sk_common.skc_dport", 2);
    /// `skc_rcv_saddr`.
    SkLocal4: Required at("sock", "__sk_common.skc_rcv_saddr", 4);
    /// `skc_daddr`.
    SkPeer4: Required at("sock", "__sk_common.skc_daddr", 4);
    /// `skc_v6_rcv_saddr`; absent in a kernel without IPv6.
    SkLocal6: Optional at("sock", "__sk_common.skc_v6_rcv_saddr", 16);
    /// `skc_v6_daddr`; absent in a kernel without IPv6.
    SkPeer6: Optional at("sock", "__sk_common.skc_v6_daddr", 16);
    /// `skc_net`; absent in a kernel without network namespaces.
    SkNet: Optional at("sock", "__sk_common.skc_net.net", 8);
    /// Inode of a network namespace.
    NetInum: Optional at("net", "ns.inum", 4);
    /// `sk_err`.
    SkErr: Required at("sock", "sk_err", 4);
    /// `sk_lock.owned`.
    SkOwned: Required at("sock", "sk_lock.owned", 4);
    /// `sk_uid`.
    SkUid: Required at("sock", "sk_uid.val", 4);
    /// `sk_flags`.
    SkFlags: Required at("sock", "__sk_common.skc_flags", 8);
    /// The bit of `sk_flags` that marks an orphan.
    SockDead: Required Source::Enumerator { of: "sock_flags", name: "SOCK_DEAD" };
    /// The bit of `sk_flags` that `tcp_fin` sets: the peer's FIN was received.
    SockDone: Optional Source::Enumerator { of: "sock_flags", name: "SOCK_DONE" };
    /// `sk_socket`.
    SkSocket: Required at("sock", "sk_socket", 8);
    /// `sk_cgrp_data.cgroup`, a pointer since 5.15.
    SkCgroup: Optional at("sock", "sk_cgrp_data.cgroup", 8);
    /// `sk_cgrp_data.val` of 4.5 to 5.14: a cgroup pointer where the two low bits are clear.
    SkCgroupVal: Optional at("sock", "sk_cgrp_data.val", 8);
    /// `cgroup.kn`.
    CgroupKn: Optional at("cgroup", "kn", 8);
    /// `kernfs_node.id`: the cgroup's id, the inode of its directory.
    KnId: Optional at("kernfs_node", "id", 8);
    /// `inet_sport`: the local port, network order; still set at `->CLOSE`.
    InetSport: Required at("inet_sock", "inet_sport", 2);
    /// `bytes_sent` (4.19).
    TcpBytesSent: Optional at("tcp_sock", "bytes_sent", 8);
    /// `bytes_retrans` (4.19).
    TcpBytesRetrans: Optional at("tcp_sock", "bytes_retrans", 8);
    /// `bytes_received` (4.1).
    TcpBytesReceived: Optional at("tcp_sock", "bytes_received", 8);
    /// `srtt_us`, in eighths of a microsecond.
    TcpSrtt: Optional at("tcp_sock", "srtt_us", 4);
    /// `total_retrans`.
    TcpTotalRetrans: Optional at("tcp_sock", "total_retrans", 4);
    /// `rcv_nxt`: up to where the peer's bytes have come in order.
    TcpRcvNxt: Optional at("tcp_sock", "rcv_nxt", 4);
    /// `copied_seq`: up to where the application has read.
    TcpCopiedSeq: Optional at("tcp_sock", "copied_seq", 4);
    /// `write_seq`: up to where the application has written.
    TcpWriteSeq: Optional at("tcp_sock", "write_seq", 4);
    /// `snd_una`: up to where the peer has acknowledged.
    TcpSndUna: Optional at("tcp_sock", "snd_una", 4);
    /// `snd_wnd`: the peer's window, bytes.
    TcpSndWnd: Optional at("tcp_sock", "snd_wnd", 4);
    /// `sk_ack_backlog`: connections that wait to be accepted.
    SkAckBacklog: Optional at("sock", "sk_ack_backlog", 4);
    /// `sk_max_ack_backlog`: the most of them, less one.
    SkMaxAckBacklog: Optional at("sock", "sk_max_ack_backlog", 4);
    /// `sk_drops`: what a listener has dropped.
    SkDrops: Optional at("sock", "sk_drops.counter", 4);
    /// `icsk_accept_queue.qlen`: handshakes at a listener that are not finished.
    SynQueue: Optional at("inet_connection_sock", "icsk_accept_queue.qlen.counter", 4);
    /// The byte of `icsk_ca_state`.
    CaStateByte: Optional Source::BitByte { of: "inet_connection_sock", path: "icsk_ca_state" };
    /// The mask of `icsk_ca_state` in that byte.
    CaStateMask: Optional Source::BitMask { of: "inet_connection_sock", path: "icsk_ca_state" };
    /// The lowest bit of `icsk_ca_state` in that byte.
    CaStateShift: Optional Source::BitShift { of: "inet_connection_sock", path: "icsk_ca_state" };
    /// `icsk_pending`.
    Pending: Optional Source::BitByte { of: "inet_connection_sock", path: "icsk_pending" };
    /// `sk_buff.cb`, an array of bytes that holds a `tcp_skb_cb`.
    SkbCb: Optional at("sk_buff", "cb", 48);
    /// `tcp_gso_segs` in it.
    CbSegments: Optional at("tcp_skb_cb", "tcp_gso_segs", 2);
    /// Arguments of `tcp_retransmit_skb`: 3 since 6.17, when it began to tell failures.
    RetransmitArguments: Optional Source::Arguments { tracepoint: "tcp_retransmit_skb" };
    /// Arguments of `tcp_send_reset`: 3 since 6.10, when it began to tell resets without a socket.
    SendResetArguments: Optional Source::Arguments { tracepoint: "tcp_send_reset" };
    /// `task_struct.flags`.
    TaskFlags: Required at("task_struct", "flags", 4);
    /// `task_struct.group_leader`.
    TaskLeader: Required at("task_struct", "group_leader", 8);
    /// `task_struct.comm`.
    TaskComm: Required at("task_struct", "comm", 16);
    /// `task_struct.tgid`.
    TaskTgid: Required at("task_struct", "tgid", 4);
    /// Whether `bpf_get_current_task_btf` is there (5.11).
    HelperCurrentTask: Optional helper("BPF_FUNC_get_current_task_btf");
    /// Whether `bpf_sock_from_file` is there (5.11).
    HelperSockFromFile: Optional helper("BPF_FUNC_sock_from_file");
    /// Whether `bpf_skc_to_tcp_sock` is there (5.9).
    HelperTcpSock: Required helper("BPF_FUNC_skc_to_tcp_sock");
    /// Whether the ring buffer is there (5.8).
    HelperRingBuffer: Required helper("BPF_FUNC_ringbuf_reserve");
    /// `bpf_iter_meta.seq`.
    IterSeq: Optional at("bpf_iter_meta", "seq", 8);
    /// `socket.sk`.
    SocketSk: Optional at("socket", "sk", 8);
    /// `tw_substate` of a TIME_WAIT socket.
    TwSubstate: Optional at("inet_timewait_sock", "tw_substate", 1);
    /// `file.f_inode`.
    FileInode: Optional at("file", "f_inode", 8);
    /// `file.private_data`.
    FilePrivate: Optional at("file", "private_data", 8);
    /// `inode.i_sb`.
    InodeSuper: Optional at("inode", "i_sb", 8);
    /// `super_block.s_magic`.
    SuperMagic: Optional at("super_block", "s_magic", 8);
}

/// How many words there are.
pub const COUNT: usize = WORDS.len();

/// The offset of a load of the member that word `n` names is this plus `n`, until user space puts
/// the member's in. No load of the programs' own has an offset anywhere near as large.
pub const OFFSET_MARK: i16 = 0x6000;
/// The immediate operand that stands for the value of word `n` is this plus `n`, likewise; for a
/// [`Setting`], this plus [`COUNT`] and its number. [`ABSENT`] sets all bits of the register. The
/// upper half tells one table of words from another, so that programs are not completed with words
/// that were meant for others.
pub const VALUE_MARK: i32 = 0x4000_0000 | (fingerprint() & 0x3fff) << 16;

/// A number that changes with the words' names, sources and order (FNV-1a).
const fn fingerprint() -> i32 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut word = 0;
    while word < COUNT {
        let (of, path) = match WORDS[word].2 {
            Source::Offset { of, path, .. }
            | Source::BitByte { of, path }
            | Source::BitMask { of, path }
            | Source::BitShift { of, path } => (of, path),
            Source::Arguments { tracepoint } => (tracepoint, ""),
            Source::Enumerator { of, name } => (of, name),
        };
        hash = mixed(mixed(hash, of.as_bytes()), path.as_bytes());
        word += 1;
    }
    ((hash >> 16) ^ hash).cast_signed()
}

const fn mixed(mut hash: u32, bytes: &[u8]) -> u32 {
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

/// What else user space puts into the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Setting {
    /// Whether tracepoints can be preempted, 1 or 0.
    Preemptible,
    /// At how many unread bytes of the ring of states its reader is woken.
    WakeBytes,
}

/// How many settings there are.
pub const SETTINGS: usize = 2;
