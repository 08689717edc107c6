//! The kernel's own list of TCP sockets.
//!
//! Hooks: `iter/tcp` (5.9), for the network namespace in which the iterator is opened.
//! Guarantees: one record an entry, the small sockets (TIME_WAIT, request sockets) included; the
//! kernel holds the lock of a full socket while it is read (`bpf_iter_tcp_seq_show`, 5.15), so its
//! queues are of one moment. Cost: runs only while user space reads the iterator.
//! Feeds: the reconcile pass.

use agent_common::btf::{BpfIterMeta, InetTimewaitSock, Member, SockCommon, TcpSock};
use agent_common::layout::{
    IterSeq, Pending, SkAckBacklog, SkDrops, SkMaxAckBacklog, SkSocket, SkState, SocketSk,
    SynQueue, TcpCopiedSeq, TcpRcvNxt, TcpSndUna, TcpSndWnd, TcpWriteSeq, TwSubstate,
};
use agent_common::record::{Activity, Socket, flag, kind};
use agent_common::tcp;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_skc_to_tcp_timewait_sock;

use crate::access::{BtfPtr, has, load_if_known};
use crate::{accept_queue, activity, out, socket};

/// `ICSK_TIME_PROBE0`, `include/net/inet_connection_sock.h`, unchanged since 2.6: the timer that
/// probes a window.
const PROBING: u8 = 3;

/// The iterator's context, `struct bpf_iter__tcp`: pointers padded to eight bytes each.
#[repr(C)]
pub(crate) struct TcpContext {
    meta: *const BpfIterMeta,
    sk_common: *const SockCommon,
}

/// Reports one entry of the list.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
pub(crate) extern "C" fn iter_tcp(ctx: *const TcpContext) -> i32 {
    // SAFETY: the kernel passes a context of the iterator's type, which lives as long as the run
    // and which nothing writes meanwhile.
    let context = unsafe { &*ctx };
    let sk = BtfPtr::new(context.sk_common);
    // The last call, at the end of the list, has no socket.
    if sk.is_null() {
        return 0;
    }
    let seq = BtfPtr::new(context.meta).follow(IterSeq);
    let full = socket::tcp_sock(sk);
    let record = entry(sk, full);
    out::entry(seq, &record);
    if record.state == tcp::LISTEN && !full.is_null() {
        accept_queue::report(seq, full);
    }
    0
}

#[inline(always)]
fn entry(sk: BtfPtr<SockCommon>, full: BtfPtr<TcpSock>) -> Socket {
    let state = sk.load(SkState);
    let ends = socket::endpoints(sk, full.upcast(), socket::source_port(full));
    let reader = (bpf_get_current_pid_tgid() >> 32) as u32;
    let time = out::now();
    let mut record = Socket {
        kind: kind::SOCKET,
        state,
        substate: 0,
        flags: 0,
        reader,
        time,
        ends,
        receive_queue: 0,
        send_queue: 0,
        syn_queue: 0,
        drops: 0,
        outer: 0,
        activity: Activity::default(),
    };
    if !full.is_null() {
        record.flags = socket::socket_flags(full.upcast());
        record.outer = outer(full);
        if state == tcp::LISTEN {
            listener(full, &mut record);
        } else {
            queues(full, &mut record);
            record.flags |= activity::flags(full);
            record.activity = activity::of(full, state);
        }
    } else if state == tcp::TIME_WAIT && has(TwSubstate) {
        // SAFETY: the helper checks the socket itself and returns null if it is of another kind.
        let small = unsafe { bpf_skc_to_tcp_timewait_sock(sk.as_ptr().cast_mut().cast()) };
        // A `tcp_timewait_sock` starts with an `inet_timewait_sock`.
        let small = BtfPtr::<InetTimewaitSock>::new(small.cast_const().cast());
        if !small.is_null() {
            record.substate = small.load(TwSubstate);
        }
    }
    record
}

/// Returns the address of the socket that descriptors refer to, if it is another one.
#[inline(always)]
fn outer(full: BtfPtr<TcpSock>) -> u64 {
    if !has(SocketSk) {
        return 0;
    }
    let outer = full.follow(SkSocket).follow(SocketSk).address();
    if outer == full.address() { 0 } else { outer }
}

/// Adds what waits at a listener.
#[inline(always)]
fn listener(full: BtfPtr<TcpSock>, record: &mut Socket) {
    record.receive_queue = load_if_known(full, SkAckBacklog);
    record.send_queue = load_if_known(full, SkMaxAckBacklog);
    record.syn_queue = load_if_known(full, SynQueue);
    record.drops = load_if_known(full, SkDrops);
}

/// Adds what waits in a connection, as `tcp_diag_get_info` (5.10) counts it.
#[inline(always)]
fn queues(full: BtfPtr<TcpSock>, record: &mut Socket) {
    // Out-of-band data can bring the reader past `rcv_nxt` for a moment: the distance is 0 then.
    record.receive_queue = distance(full, TcpRcvNxt, TcpCopiedSeq);
    record.send_queue = distance(full, TcpWriteSeq, TcpSndUna);
    let closed = has(TcpSndWnd) && full.load(TcpSndWnd) == 0;
    if closed || (has(Pending) && full.load(Pending) == PROBING) {
        record.flags |= flag::WINDOW_CLOSED;
    }
}

/// Returns how many bytes lie between two sequence numbers, 0 if this kernel lacks one of them.
#[inline(always)]
fn distance<E, S>(full: BtfPtr<TcpSock>, end: E, start: S) -> u32
where
    E: Member<Of = TcpSock, Value = u32>,
    S: Member<Of = TcpSock, Value = u32>,
{
    if has(end) && has(start) { tcp::distance(full.load(end), full.load(start)) } else { 0 }
}
