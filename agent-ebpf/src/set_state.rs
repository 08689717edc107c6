//! Every TCP state transition.
//!
//! Hooks: `inet_sock_set_state` (tp_btf; arguments unchanged since 4.16), twice: the second program
//! handles the transitions that the kernel skipped the first for (`second`).
//! Guarantees: one record a transition, or one count of it as lost; the matrix counts it either
//! way. Cost: one map look-up (counters and mark), direct loads, one ring reservation; the second
//! program returns after one look-up, or none.
//! Feeds: the ring of states, `CpuCounters::transitions`, `Counter::{STATES, STATES_LOST, SECOND}`.

use agent_common::btf::{Sock, TcpSock};
use agent_common::counters::Counter;
use agent_common::layout::{
    ErrorQueueLength, ErrorQueueNext, QueuedError, SkErr, SkErrSoft, SkFamily, SkOwned, SkProtocol,
    SkUid, SkbCb, SockDone, TcpBytesReceived, TcpBytesRetrans, TcpBytesSent, TcpSrtt,
    TcpTotalRetrans,
};
use agent_common::record::{Close, State, flag, kind};
use agent_common::tcp;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::access::{self, BtfPtr, has};
use crate::counters::{Block, Counters};
use crate::second::{self, Transition};
use crate::task::Task;
use crate::{out, socket};

/// `trace_inet_sock_set_state(sk, oldstate, newstate)`.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn state(ctx: BtfTracePointContext) -> i32 {
    let Some(counters) = Counters::of(Block::First) else { return 0 };
    let transition = transition(&ctx);
    second::leave(transition, counters);
    #[cfg(feature = "log")]
    aya_log_ebpf::debug!(
        &ctx,
        "state {} to {}, local port {}",
        transition.old,
        transition.new,
        transition.sk.load(agent_common::layout::SkNum)
    );
    handle(transition, counters);
    0
}

/// `trace_inet_sock_set_state` again, for the transitions that the first program was skipped for.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn state_second(ctx: BtfTracePointContext) -> i32 {
    let transition = transition(&ctx);
    if second::was_missing(transition)
        && let Some(counters) = Counters::of(Block::Second)
    {
        counters.add(Counter::SECOND, 1);
        handle(transition, counters);
    }
    0
}

#[inline(always)]
fn transition(ctx: &BtfTracePointContext) -> Transition {
    let sk = BtfPtr::new(ctx.arg::<*const Sock>(0));
    let owned = sk.load(SkOwned) == 1;
    let (old, new) = (ctx.arg::<i32>(1) as u32 & 15, ctx.arg::<i32>(2) as u32 & 15);
    Transition { sk, old, new, owned }
}

#[inline(always)]
fn handle(transition: Transition, counters: Counters) {
    // SCTP, DCCP and MPTCP's own sockets fire too, and MPTCP repeats states.
    if transition.old == transition.new || transition.sk.load(SkProtocol) != tcp::IPPROTO_TCP {
        return;
    }
    let seen = counters.add_transition(transition.old, transition.new);
    if !report(transition, seen) {
        counters.add(Counter::STATES_LOST, 1);
    }
}

/// Reports a transition; returns false if it is lost.
#[inline(always)]
fn report(transition: Transition, seen: u64) -> bool {
    // What calls the kernel comes first: whatever is held across a call costs a register or a place
    // on the stack.
    let time = out::now();
    // Only a task that holds the socket's lock is certainly one of its users: in softirq, and for
    // the children that a closing listener drops, the current task can be any.
    let task = if transition.owned { Task::current() } else { Task::NONE };
    if transition.new != u32::from(tcp::CLOSE) {
        let Some(mut room) = out::reserve::<State>() else { return false };
        room.write(record(kind::STATE, transition, 0, time, task));
        out::submit(room, seen);
        return true;
    }
    let full = socket::tcp_sock(transition.sk.upcast());
    if full.is_null() {
        return false;
    }
    let Some(mut room) = out::reserve::<Close>() else { return false };
    let port = socket::source_port(full);
    let state = record(kind::CLOSE, transition, port, time, task);
    room.write(closing(full, State { err: reason(transition), ..state }));
    out::submit(room, seen);
    true
}

/// Returns why a socket ends: `sk_err`, or for a connect without it, what the kernel has noted. An
/// ICMP error that comes while a task holds the lock, as this host's own do, ends nothing
/// (`tcp_v4_err`, `tcp_v6_err`, 5.10 to 6.18).
#[inline(always)]
fn reason(Transition { sk, old, .. }: Transition) -> u16 {
    let err = sk.load(SkErr) as u16;
    // SYN_SENT is 2, SYN_RECV is 3.
    if err != 0 || old >> 1 != u32::from(tcp::SYN_SENT) >> 1 {
        return err;
    }
    let soft = if has(SkErrSoft) { sk.load(SkErrSoft) as u16 } else { 0 };
    if soft != 0 { soft } else { queued(sk) }
}

/// Returns the first error in a socket's error queue, if it came by ICMP: there it stays where
/// `SO_ERROR` has taken the noted one. Only IPv4 queues an error that nobody asked for
/// (`ip_icmp_error`, 5.10 to 6.18).
#[inline(always)]
fn queued(sk: BtfPtr<Sock>) -> u16 {
    let known = has(ErrorQueueLength) && has(ErrorQueueNext) && has(SkbCb) && has(QueuedError);
    if !known || sk.load(ErrorQueueLength) == 0 {
        return 0;
    }
    let [error, _] = access::copy_within(sk.follow(ErrorQueueNext), SkbCb, QueuedError);
    tcp::icmp_error(error)
}

/// Returns what every transition has; `local_port` is used if it is not 0.
#[inline(always)]
fn record(kind: u8, transition: Transition, local_port: u16, time: u64, task: Task) -> State {
    let Transition { sk, old, new, owned } = transition;
    let owner = if owned { flag::LOCKED } else { 0 } | if task.kthread { flag::KTHREAD } else { 0 };
    State {
        kind,
        old: old as u8,
        new: new as u8,
        flags: socket::socket_flags(sk) | owner,
        err: sk.load(SkErr) as u16,
        family: sk.load(SkFamily),
        time,
        ends: socket::endpoints(sk.upcast(), sk, local_port),
        tgid: task.tgid,
        uid: sk.load(SkUid),
        comm: task.comm(),
    }
}

/// Adds what the socket did in its life.
#[inline(always)]
fn closing(full: BtfPtr<TcpSock>, state: State) -> Close {
    let mut close = Close { state, bytes_sent: 0, bytes_received: 0, srtt_us: 0, retransmitted: 0 };
    if has(TcpBytesSent) && has(TcpBytesRetrans) {
        // `bytes_sent` counts retransmitted bytes as well (`__tcp_transmit_skb`, 6.1).
        close.bytes_sent = full.load(TcpBytesSent).saturating_sub(full.load(TcpBytesRetrans));
    }
    if has(TcpBytesReceived) {
        // The peer's FIN takes a sequence number and is counted like a byte (`tcp_rcv_nxt_update`,
        // 6.1).
        let fin = u64::from(socket::has_flag(full.upcast(), SockDone));
        close.bytes_received = full.load(TcpBytesReceived).saturating_sub(fin);
    }
    if has(TcpSrtt) {
        close.srtt_us = full.load(TcpSrtt) >> 3;
    }
    if has(TcpTotalRetrans) {
        close.retransmitted = full.load(TcpTotalRetrans);
    }
    close
}
