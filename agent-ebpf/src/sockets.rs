//! The kernel's own list of TCP sockets.
//!
//! Hooks: `iter/tcp` (5.9), for the network namespace in which the iterator is opened.
//! Guarantees: one record an entry, the small sockets (TIME_WAIT, request sockets) included.
//! Cost: runs only while user space reads the iterator.
//! Feeds: the reconcile pass.

use agent_common::layout::Word;
use agent_common::record::{Endpoints, Socket, kind};
use agent_common::tcp;
use aya_ebpf::helpers::generated::bpf_skc_to_tcp_timewait_sock;

use crate::kernel::{self, Typed};
use crate::out;

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
    let ends: Endpoints = kernel::endpoints(sk, full);
    let reader = (aya_ebpf::helpers::bpf_get_current_pid_tgid() >> 32) as u32;
    let mut record = Socket { kind: kind::SOCKET, state, substate: 0, flags: 0, reader, time: kernel::now(), ends };
    if !full.is_null() {
        record.flags = kernel::socket_flags(full);
    } else if state == tcp::TIME_WAIT && kernel::has(Word::TwSubstate) {
        // SAFETY: the helper checks the socket itself and returns null where it is of another kind.
        let small = Typed::new(unsafe { bpf_skc_to_tcp_timewait_sock(sk.as_ptr()) });
        if !small.is_null() {
            record.substate = small.load(Word::TwSubstate);
        }
    }
    record
}
