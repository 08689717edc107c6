//! The kernel's own list of TCP sockets.
//!
//! Hooks: `iter/tcp` (5.9), for the network namespace in which the iterator is opened.
//! Guarantees: one record an entry, the small sockets (TIME_WAIT, request sockets) included; the
//! kernel holds the lock of a full socket while it is looked at (`bpf_iter_tcp_seq_show`, 5.15), so
//! its queues are of one moment. Cost: runs only while user space reads the iterator.
//! Feeds: the reconcile pass.

use agent_common::layout::Word;
use agent_common::record::{Endpoints, Socket, flag, kind};
use agent_common::tcp;
use aya_ebpf::helpers::generated::bpf_skc_to_tcp_timewait_sock;

use crate::kernel::{self, Typed};
use crate::out;

/// `ICSK_TIME_PROBE0`, `include/net/inet_connection_sock.h`, unchanged since 2.6: the timer that
/// probes a window.
const PROBING: u8 = 3;

/// The iterator's context, `struct bpf_iter__tcp`: pointers padded to eight bytes each.
#[repr(C)]
pub(crate) struct TcpContext {
    meta: *const u8,
    sk_common: *const u8,
}

/// One entry of the list.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
pub(crate) extern "C" fn iter_tcp(ctx: *const TcpContext) -> i32 {
    // SAFETY: the kernel passes a valid context of the iterator's type.
    let context = unsafe { &*ctx };
    let sk = Typed::new(context.sk_common);
    // The last call, at the end of the list, has no socket.
    if sk.is_null() {
        return 0;
    }
    let seq = Typed::new(context.meta).follow(Word::IterSeq);
    let record = entry(sk);
    out::entry(seq, &record);
    0
}

#[inline(always)]
fn entry(sk: Typed) -> Socket {
    let state: u8 = sk.load(Word::SkState);
    let full = kernel::tcp_sock(sk);
    let ends: Endpoints = kernel::endpoints(sk, full, kernel::source_port(full));
    let reader = (aya_ebpf::helpers::bpf_get_current_pid_tgid() >> 32) as u32;
    let time = kernel::now();
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
    };
    if !full.is_null() {
        record.flags = kernel::socket_flags(full);
        if state == tcp::LISTEN {
            listener(full, &mut record);
        } else {
            queues(full, &mut record);
        }
    } else if state == tcp::TIME_WAIT && kernel::has(Word::TwSubstate) {
        // SAFETY: the helper checks the socket itself and returns null where it is of another kind.
        let small = Typed::new(unsafe { bpf_skc_to_tcp_timewait_sock(sk.as_ptr()) });
        if !small.is_null() {
            record.substate = small.load(Word::TwSubstate);
        }
    }
    record
}

/// What waits at a listener.
#[inline(always)]
fn listener(full: Typed, record: &mut Socket) {
    record.receive_queue = full.load_known(Word::SkAckBacklog);
    record.send_queue = full.load_known(Word::SkMaxAckBacklog);
    record.syn_queue = full.load_known(Word::SynQueue);
    record.drops = full.load_known(Word::SkDrops);
}

/// What waits in a connection, as `tcp_diag_get_info` (5.10) counts it.
#[inline(always)]
fn queues(full: Typed, record: &mut Socket) {
    // Out-of-band data can bring the reader past `rcv_nxt` for a moment: less than nothing is
    // nothing.
    let distance = |end: Word, start: Word| {
        let bytes = full.load_known(end).wrapping_sub(full.load_known(start));
        if bytes as i32 > 0 { bytes } else { 0 }
    };
    if kernel::has(Word::TcpRcvNxt) && kernel::has(Word::TcpCopiedSeq) {
        record.receive_queue = distance(Word::TcpRcvNxt, Word::TcpCopiedSeq);
    }
    if kernel::has(Word::TcpWriteSeq) && kernel::has(Word::TcpSndUna) {
        record.send_queue = distance(Word::TcpWriteSeq, Word::TcpSndUna);
    }
    let closed = kernel::has(Word::TcpSndWnd) && full.load::<u32>(Word::TcpSndWnd) == 0;
    if closed || (kernel::has(Word::Pending) && full.load::<u8>(Word::Pending) == PROBING) {
        record.flags |= flag::WINDOW_CLOSED;
    }
}
