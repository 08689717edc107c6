//! What the probes must know of the running kernel's structures, as one table.
//!
//! User space resolves every entry from the kernel's BTF before loading and writes the results into
//! the programs' instructions (`operand`); the verifier then sees constants. No layout is compiled
//! in, and an entry that the kernel does not have is [`ABSENT`], so that the code which needs it is
//! never reached. Guarantees: an entry's position, its type and its source are declared together.

pub use crate::source::Source;

use crate::btf::{
    BpfIterMeta, Cgroup, Constant, Entry, File, InetBindBucket, InetConnectionSock, InetSock,
    InetTimewaitSock, Inode, KernfsNode, Member, Need, Net, RequestSock, SeqFile, SkBuff, Sock,
    SockCommon, SockExterrSkb, SockFlag, Socket, Structure, SuperBlock, TaskStruct, TcpSkbCb,
    TcpSock,
};

/// The value of an entry that the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

/// Returns the size of a member's value, bytes.
#[expect(clippy::cast_possible_truncation, reason = "a member that is loaded has some bytes")]
const fn width<V>() -> u32 {
    size_of::<V>() as u32
}

/// Declares the table: for each entry a type, its position, its need and its source.
macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $need:ident $kind:ident $declared:tt;)+) => {
        /// The entries, by name; the number of a name is its entry's position.
        #[repr(usize)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Name { $($(#[$doc])* $name,)+ }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl Entry for $name {
                const INDEX: usize = Name::$name as usize;
                const NEED: Need = Need::$need;
            }

            entry!(type $kind $name $declared);
        )+

        /// Every entry's need and source, by position.
        pub const TABLE: &[(Need, Source)] =
            &[$((Need::$need, entry!(source $kind $declared)),)+];
    };
}

/// The kinds of entry: what the type is, and how the BTF has it.
macro_rules! entry {
    (type member $name:ident ($of:ty, $path:literal => $value:ty)) => {
        impl Member for $name {
            type Of = $of;
            type Value = $value;
        }
    };
    (source member ($of:ty, $path:literal => $value:ty)) => {
        Source::Offset { of: <$of as Structure>::NAME, path: $path, size: width::<$value>() }
    };
    (type byte_of_bits $name:ident ($of:ty, $path:literal)) => {
        impl Member for $name {
            type Of = $of;
            type Value = u8;
        }
    };
    (source byte_of_bits ($of:ty, $path:literal)) => {
        Source::BitByte { of: <$of as Structure>::NAME, path: $path }
    };
    (source mask_of_bits ($of:ty, $path:literal)) => {
        Source::BitMask { of: <$of as Structure>::NAME, path: $path }
    };
    (source shift_of_bits ($of:ty, $path:literal)) => {
        Source::BitShift { of: <$of as Structure>::NAME, path: $path }
    };
    (source arguments ($tracepoint:literal)) => {
        Source::Arguments { tracepoint: $tracepoint }
    };
    (type sock_flag $name:ident ($flag:literal)) => {
        impl Constant for $name {}
        impl SockFlag for $name {}
    };
    (source sock_flag ($flag:literal)) => {
        Source::Enumerator { of: "sock_flags", name: $flag }
    };
    (source helper ($function:literal)) => {
        Source::Enumerator { of: "bpf_func_id", name: $function }
    };
    (type $constant:ident $name:ident $declared:tt) => {
        impl Constant for $name {}
    };
}

table! {
    /// `sk_protocol`.
    SkProtocol: Required member(Sock, "sk_protocol" => u16);
    /// `skc_family`.
    SkFamily: Required member(SockCommon, "skc_family" => u16);
    /// `skc_state`.
    SkState: Required member(SockCommon, "skc_state" => u8);
    /// `skc_num`: the local port, host order; 0 again by the time of `->CLOSE`.
    SkNum: Required member(SockCommon, "skc_num" => u16);
    /// `skc_dport`: the peer's port, network order.
    SkPeerPort: Required member(SockCommon, "skc_dport" => u16);
    /// `skc_rcv_saddr`.
    SkLocal4: Required member(SockCommon, "skc_rcv_saddr" => u32);
    /// `skc_daddr`.
    SkPeer4: Required member(SockCommon, "skc_daddr" => u32);
    /// `skc_v6_rcv_saddr`; absent in a kernel without IPv6.
    SkLocal6: Optional member(SockCommon, "skc_v6_rcv_saddr" => [u64; 2]);
    /// `skc_v6_daddr`; absent in a kernel without IPv6.
    SkPeer6: Optional member(SockCommon, "skc_v6_daddr" => [u64; 2]);
    /// `skc_net`; absent in a kernel without network namespaces.
    SkNet: Optional member(SockCommon, "skc_net.net" => *const Net);
    /// Inode of a network namespace.
    NetInum: Optional member(Net, "ns.inum" => u32);
    /// `sk_err`.
    SkErr: Required member(Sock, "sk_err" => i32);
    /// `sk_err_soft`.
    SkErrSoft: Optional member(Sock, "sk_err_soft" => i32);
    /// `sk_error_queue.qlen`.
    ErrorQueueLength: Optional member(Sock, "sk_error_queue.qlen" => u32);
    /// `sk_error_queue.next`: the first ICMP error, or timestamp, that waits to be read.
    ErrorQueueNext: Optional member(Sock, "sk_error_queue.next" => *const SkBuff);
    /// `ee` in the control block of a packet in that queue: an error and its origin.
    QueuedError: Optional member(SockExterrSkb, "ee" => [u64; 2]);
    /// `sk_lock.owned`.
    SkOwned: Required member(Sock, "sk_lock.owned" => i32);
    /// `sk_uid`.
    SkUid: Required member(Sock, "sk_uid.val" => u32);
    /// `sk_flags`.
    SkFlags: Required member(SockCommon, "skc_flags" => u64);
    /// The bit of `sk_flags` that marks an orphan.
    SockDead: Required sock_flag("SOCK_DEAD");
    /// The bit of `sk_flags` that `tcp_fin` sets: the peer's FIN was received.
    SockDone: Optional sock_flag("SOCK_DONE");
    /// `sk_socket`.
    SkSocket: Required member(Sock, "sk_socket" => *const Socket);
    /// `sk_cgrp_data.cgroup`, a pointer since 5.15.
    SkCgroup: Optional member(Sock, "sk_cgrp_data.cgroup" => *const Cgroup);
    /// `sk_cgrp_data.val` of 4.5 to 5.14: a cgroup pointer where the two low bits are clear.
    SkCgroupVal: Optional member(Sock, "sk_cgrp_data.val" => u64);
    /// `cgroup.kn`.
    CgroupKn: Optional member(Cgroup, "kn" => *const KernfsNode);
    /// `kernfs_node.id`: the cgroup's id, the inode of its directory.
    KnId: Optional member(KernfsNode, "id" => u64);
    /// `inet_sport`: the local port, network order; still set at `->CLOSE`.
    InetSport: Required member(InetSock, "inet_sport" => u16);
    /// `bytes_sent` (4.19).
    TcpBytesSent: Optional member(TcpSock, "bytes_sent" => u64);
    /// `bytes_acked`: what the peer has acknowledged, a SYN and a FIN among it (4.1).
    TcpBytesAcked: Optional member(TcpSock, "bytes_acked" => u64);
    /// `bytes_retrans` (4.19).
    TcpBytesRetrans: Optional member(TcpSock, "bytes_retrans" => u64);
    /// `bytes_received` (4.1).
    TcpBytesReceived: Optional member(TcpSock, "bytes_received" => u64);
    /// `srtt_us`, in eighths of a microsecond.
    TcpSrtt: Optional member(TcpSock, "srtt_us" => u32);
    /// `total_retrans`.
    TcpTotalRetrans: Optional member(TcpSock, "total_retrans" => u32);
    /// `rcv_nxt`: up to where the peer's bytes have come in order.
    TcpRcvNxt: Optional member(TcpSock, "rcv_nxt" => u32);
    /// `copied_seq`: up to where the application has read.
    TcpCopiedSeq: Optional member(TcpSock, "copied_seq" => u32);
    /// `write_seq`: up to where the application has written.
    TcpWriteSeq: Optional member(TcpSock, "write_seq" => u32);
    /// `snd_una`: up to where the peer has acknowledged.
    TcpSndUna: Optional member(TcpSock, "snd_una" => u32);
    /// `snd_wnd`: the peer's window, bytes.
    TcpSndWnd: Optional member(TcpSock, "snd_wnd" => u32);
    /// `sk_ack_backlog`: connections that wait to be accepted.
    SkAckBacklog: Optional member(Sock, "sk_ack_backlog" => u32);
    /// `sk_max_ack_backlog`: the most of them, less one.
    SkMaxAckBacklog: Optional member(Sock, "sk_max_ack_backlog" => u32);
    /// `sk_drops`: what a listener has dropped.
    SkDrops: Optional member(Sock, "sk_drops.counter" => u32);
    /// `icsk_accept_queue.qlen`: handshakes at a listener that are not finished.
    SynQueue: Optional member(InetConnectionSock, "icsk_accept_queue.qlen.counter" => u32);
    /// `icsk_accept_queue.rskq_accept_head`: the handshake whose child has waited longest.
    AcceptHead: Optional member(
        InetConnectionSock, "icsk_accept_queue.rskq_accept_head" => *const RequestSock
    );
    /// `request_sock.dl_next`: the next one in the accept queue.
    AcceptNext: Optional member(RequestSock, "dl_next" => *const RequestSock);
    /// `request_sock.sk`: the child.
    AcceptChild: Optional member(RequestSock, "sk" => *const Sock);
    /// `icsk_bind_hash`: the local port that the socket has taken; null if it has none.
    BindBucket: Optional member(InetConnectionSock, "icsk_bind_hash" => *const InetBindBucket);
    /// `inet_bind_bucket.fastreuse`, a signed byte: below 0 if `connect` chose the port
    /// (`__inet_hash_connect`, 5.10 to 6.18).
    BindReuse: Optional member(InetBindBucket, "fastreuse" => u8);
    /// `lsndtime`: when data was last sent, jiffies.
    TcpLastSent: Optional member(TcpSock, "lsndtime" => u32);
    /// `icsk_ack.lrcvtime`: when data was last received, jiffies.
    LastReceived: Optional member(InetConnectionSock, "icsk_ack.lrcvtime" => u32);
    /// `rcv_tstamp`: when an acknowledgement was last received, jiffies.
    TcpLastAcked: Optional member(TcpSock, "rcv_tstamp" => u32);
    /// `packets_out`: segments that are not acknowledged.
    TcpPacketsOut: Optional member(TcpSock, "packets_out" => u32);
    /// `icsk_retransmits`: time-outs in a row without an acknowledgement.
    Retransmits: Optional member(InetConnectionSock, "icsk_retransmits" => u8);
    /// `icsk_backoff`: how often the time-out was doubled.
    Backoff: Optional member(InetConnectionSock, "icsk_backoff" => u8);
    /// `icsk_probes_out`: window or keepalive probes that were not answered.
    ProbesOut: Optional member(InetConnectionSock, "icsk_probes_out" => u8);
    /// The bit of `sk_flags` that is set while keepalive is on.
    SockKeepOpen: Optional sock_flag("SOCK_KEEPOPEN");
    /// Whether `bpf_jiffies64` is there (5.6).
    HelperJiffies: Optional helper("BPF_FUNC_jiffies64");
    /// The byte of `icsk_ca_state`.
    CaStateByte: Optional byte_of_bits(InetConnectionSock, "icsk_ca_state");
    /// The mask of `icsk_ca_state` in that byte.
    CaStateMask: Optional mask_of_bits(InetConnectionSock, "icsk_ca_state");
    /// The lowest bit of `icsk_ca_state` in that byte.
    CaStateShift: Optional shift_of_bits(InetConnectionSock, "icsk_ca_state");
    /// `icsk_pending`.
    Pending: Optional byte_of_bits(InetConnectionSock, "icsk_pending");
    /// `sk_buff.cb`, an array of bytes that holds a `tcp_skb_cb`.
    SkbCb: Optional member(SkBuff, "cb" => [u8; 48]);
    /// `tcp_gso_segs` in it.
    CbSegments: Optional member(TcpSkbCb, "tcp_gso_segs" => u16);
    /// Arguments of `tcp_retransmit_skb`: 3 since 6.17, when it began to report failures.
    RetransmitArguments: Optional arguments("tcp_retransmit_skb");
    /// Arguments of `tcp_send_reset`: 3 since 6.10, when it began to report resets without a
    /// socket.
    SendResetArguments: Optional arguments("tcp_send_reset");
    /// `task_struct.flags`.
    TaskFlags: Required member(TaskStruct, "flags" => u32);
    /// `task_struct.group_leader`.
    TaskLeader: Required member(TaskStruct, "group_leader" => *const TaskStruct);
    /// `task_struct.comm`.
    TaskComm: Required member(TaskStruct, "comm" => [u64; 2]);
    /// `task_struct.tgid`.
    TaskTgid: Required member(TaskStruct, "tgid" => u32);
    /// `task_struct.start_time`: when the process was forked, `CLOCK_MONOTONIC` (5.5).
    TaskStart: Optional member(TaskStruct, "start_time" => u64);
    /// Whether `bpf_get_current_task_btf` is there (5.11).
    HelperCurrentTask: Optional helper("BPF_FUNC_get_current_task_btf");
    /// Whether `bpf_sock_from_file` is there (5.11).
    HelperSockFromFile: Optional helper("BPF_FUNC_sock_from_file");
    /// Whether `bpf_skc_to_tcp_sock` is there (5.9).
    HelperTcpSock: Required helper("BPF_FUNC_skc_to_tcp_sock");
    /// Whether the ring buffer is there (5.8).
    HelperRingBuffer: Required helper("BPF_FUNC_ringbuf_reserve");
    /// `bpf_iter_meta.seq`.
    IterSeq: Optional member(BpfIterMeta, "seq" => *const SeqFile);
    /// `socket.sk`.
    SocketSk: Optional member(Socket, "sk" => *const Sock);
    /// `tw_substate` of a TIME_WAIT socket.
    TwSubstate: Optional member(InetTimewaitSock, "tw_substate" => u8);
    /// `file.f_inode`.
    FileInode: Optional member(File, "f_inode" => *const Inode);
    /// `file.private_data`: a `struct socket` if the file is a socket's.
    FilePrivate: Optional member(File, "private_data" => *const Socket);
    /// `inode.i_sb`.
    InodeSuper: Optional member(Inode, "i_sb" => *const SuperBlock);
    /// `super_block.s_magic`.
    SuperMagic: Optional member(SuperBlock, "s_magic" => u64);
}

/// The number of entries.
pub const COUNT: usize = TABLE.len();
