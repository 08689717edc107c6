//! Every TCP state transition, by two programs that share the work.
//!
//! Hooks: `inet_sock_set_state` (tp_btf; arguments unchanged since 4.16), twice.
//! Guarantees: one record a transition, or one count of it as lost; the matrix counts it either way.
//! Cost: no map look-up but the counters', direct loads, one ring reservation; the program whose
//! share it is not returns after one load.
//! Feeds: the ring of states, `CpuCounters::{transitions, states, states_lost}`.
//!
//! Why two: the kernel does not run a program that is already running on the CPU
//! (`__bpf_trace_run`, 6.1). A single program that a packet interrupts while a task connects would
//! never see the transitions that this packet causes. Sockets that a task has locked change state in
//! its context only, all others in softirq or with softirqs off; so with one program for each, an
//! interrupted one is not the one that is wanted. What is left is the moment in which the second
//! program looks at a locked socket and returns; the kernel counts such misses.

use agent_common::layout::Word;
use agent_common::record::{Close, State, flag, kind};
use agent_common::tcp;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::kernel::{self, Typed};
use crate::out::{self, Share};

/// `trace_inet_sock_set_state(sk, oldstate, newstate)` of sockets that a task has locked.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn state_task(ctx: BtfTracePointContext) -> i32 {
    let sk = Typed::new(ctx.arg::<*const u8>(0));
    if is_owned(sk) {
        transition(&ctx, sk, Share::Task);
    }
    0
}

/// The same, of all other sockets.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn state_softirq(ctx: BtfTracePointContext) -> i32 {
    let sk = Typed::new(ctx.arg::<*const u8>(0));
    if !is_owned(sk) {
        transition(&ctx, sk, Share::Softirq);
    }
    0
}

#[inline(always)]
fn is_owned(sk: Typed) -> bool {
    sk.load::<i32>(Word::SkOwned) == 1
}

#[inline(always)]
fn transition(ctx: &BtfTracePointContext, sk: Typed, share: Share) {
    // State codes are below 16.
    let old = ctx.arg::<i32>(1) as u32 & 15;
    let new = ctx.arg::<i32>(2) as u32 & 15;
    // SCTP, DCCP and MPTCP's own sockets fire too, and MPTCP repeats states.
    if old == new || sk.load::<u16>(Word::SkProtocol) != tcp::IPPROTO_TCP {
        return;
    }
    #[cfg(feature = "log")]
    aya_log_ebpf::debug!(ctx, "state {} to {}, local port {}", old, new, sk.load::<u16>(Word::SkNum));
    let Some(seen) = out::count_transition(share, old, new) else { return };
    let full = kernel::tcp_sock(sk);
    if (full.is_null() || !report(sk, full, old as u8, new as u8, share, seen))
        && let Some(counters) = out::counters(share)
    {
        counters.states_lost += 1;
    }
}

#[inline(always)]
fn report(sk: Typed, full: Typed, old: u8, new: u8, share: Share, seen: u64) -> bool {
    let mut record = State {
        kind: kind::STATE,
        old,
        new,
        flags: kernel::socket_flags(sk),
        err: sk.load::<i32>(Word::SkErr) as u16,
        family: sk.load(Word::SkFamily),
        time: kernel::now(),
        ends: kernel::endpoints(sk, full),
        tgid: 0,
        uid: sk.load(Word::SkUid),
        comm: [0; 16],
    };
    // Only a task that holds the socket's lock is certainly one of its users: in softirq, and for
    // the children that a closing listener drops, the current task is a stranger.
    if matches!(share, Share::Task) {
        let (kthread, tgid, comm) = kernel::current();
        record.flags |= flag::OWNED | if kthread { flag::KTHREAD } else { 0 };
        record.tgid = tgid;
        record.comm = comm;
    }
    if u32::from(new) != u32::from(tcp::CLOSE) {
        return out::state(record, seen);
    }
    record.kind = kind::CLOSE;
    out::state(closing(full, record), seen)
}

/// Adds what the socket did in its life.
#[inline(always)]
fn closing(full: Typed, state: State) -> Close {
    let mut close = Close { state, bytes_sent: 0, bytes_received: 0, srtt_us: 0, retransmitted: 0 };
    if kernel::has(Word::TcpBytesSent) && kernel::has(Word::TcpBytesRetrans) {
        // `bytes_sent` counts what was sent again as well (`__tcp_transmit_skb`, 6.1).
        close.bytes_sent = full.load::<u64>(Word::TcpBytesSent).saturating_sub(full.load::<u64>(Word::TcpBytesRetrans));
    }
    if kernel::has(Word::TcpBytesReceived) {
        // The peer's FIN takes a sequence number and is counted like a byte (`tcp_rcv_nxt_update`, 6.1).
        let fin = u64::from(kernel::has_flag(full, Word::SockDone));
        close.bytes_received = full.load::<u64>(Word::TcpBytesReceived).saturating_sub(fin);
    }
    if kernel::has(Word::TcpSrtt) {
        close.srtt_us = full.load::<u32>(Word::TcpSrtt) >> 3;
    }
    if kernel::has(Word::TcpTotalRetrans) {
        close.retransmitted = full.load(Word::TcpTotalRetrans);
    }
    close
}
