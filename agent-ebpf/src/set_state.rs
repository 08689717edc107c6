//! Every TCP state transition.
//!
//! Hooks: `inet_sock_set_state` (tp_btf; arguments unchanged since 4.16), twice: the second program
//! handles the transitions that the kernel skipped the first for (`second`).
//! Guarantees: one record a transition, or one count of it as lost; the matrix counts it either
//! way. Cost: one map look-up (counters and mark), direct loads, one ring reservation; the second
//! program returns after one look-up, or none.
//! Feeds: the ring of states, `CpuCounters::{transitions, states, states_lost, second}`.

use agent_common::layout::Word;
use agent_common::record::{Close, CpuCounters, State, flag, kind};
use agent_common::tcp;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::kernel::{self, Task, Typed};
use crate::out::{self, Share};
use crate::second;

/// `trace_inet_sock_set_state(sk, oldstate, newstate)`.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn state(ctx: BtfTracePointContext) -> i32 {
    let Some(counters) = out::counters(Share::First) else { return 0 };
    let change = Change::new(&ctx);
    second::leave(change.sk, change.old, change.new, change.owned, &mut counters.mark);
    #[cfg(feature = "log")]
    aya_log_ebpf::debug!(
        &ctx,
        "state {} to {}, local port {}",
        change.old,
        change.new,
        change.sk.load::<u16>(Word::SkNum)
    );
    transition(change, counters);
    0
}

/// The same, where the first was running already.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn state_second(ctx: BtfTracePointContext) -> i32 {
    let change = Change::new(&ctx);
    if second::was_missing(change.sk, change.old, change.new, change.owned)
        && let Some(counters) = out::counters(Share::Second)
    {
        counters.second += 1;
        transition(change, counters);
    }
    0
}

/// What the tracepoint tells.
#[derive(Clone, Copy)]
struct Change {
    sk: Typed,
    /// State codes, below 16.
    old: u32,
    new: u32,
    /// A task has locked the socket and is running this.
    owned: bool,
}

impl Change {
    #[inline(always)]
    fn new(ctx: &BtfTracePointContext) -> Self {
        let sk = Typed::new(ctx.arg::<*const u8>(0));
        let owned = sk.load::<i32>(Word::SkOwned) == 1;
        Self { sk, old: ctx.arg::<i32>(1) as u32 & 15, new: ctx.arg::<i32>(2) as u32 & 15, owned }
    }
}

#[inline(always)]
fn transition(change: Change, counters: &mut CpuCounters) {
    // SCTP, DCCP and MPTCP's own sockets fire too, and MPTCP repeats states.
    if change.old == change.new || change.sk.load::<u16>(Word::SkProtocol) != tcp::IPPROTO_TCP {
        return;
    }
    let seen = out::count_transition(counters, change.old, change.new);
    if !report(change, seen) {
        counters.states_lost += 1;
    }
}

#[inline(always)]
fn report(change: Change, seen: u64) -> bool {
    // What calls the kernel comes first: whatever is held across a call costs a register or a place
    // on the stack.
    let time = kernel::now();
    // Only a task that holds the socket's lock is certainly one of its users: in softirq, and for
    // the children that a closing listener drops, the current task is a stranger.
    let task = if change.owned { Task::current() } else { Task::NONE };
    if change.new != u32::from(tcp::CLOSE) {
        let Some(mut room) = out::room::<State>() else { return false };
        room.write(record(kind::STATE, change, 0, time, task));
        out::send(room, seen);
        return true;
    }
    let full = kernel::tcp_sock(change.sk);
    if full.is_null() {
        return false;
    }
    let Some(mut room) = out::room::<Close>() else { return false };
    room.write(closing(full, record(kind::CLOSE, change, kernel::source_port(full), time, task)));
    out::send(room, seen);
    true
}

/// What every transition tells; `local_port` is used where it is not 0.
#[inline(always)]
fn record(kind: u8, change: Change, local_port: u16, time: u64, task: Task) -> State {
    let Change { sk, old, new, owned } = change;
    let owner = if owned { flag::OWNED } else { 0 } | if task.kthread { flag::KTHREAD } else { 0 };
    State {
        kind,
        old: old as u8,
        new: new as u8,
        flags: kernel::socket_flags(sk) | owner,
        err: sk.load::<i32>(Word::SkErr) as u16,
        family: sk.load(Word::SkFamily),
        time,
        ends: kernel::endpoints(sk, sk, local_port),
        tgid: task.tgid,
        uid: sk.load(Word::SkUid),
        comm: task.comm(),
    }
}

/// Adds what the socket did in its life.
#[inline(always)]
fn closing(full: Typed, state: State) -> Close {
    let mut close = Close { state, bytes_sent: 0, bytes_received: 0, srtt_us: 0, retransmitted: 0 };
    if kernel::has(Word::TcpBytesSent) && kernel::has(Word::TcpBytesRetrans) {
        // `bytes_sent` counts what was sent again as well (`__tcp_transmit_skb`, 6.1).
        close.bytes_sent = full
            .load::<u64>(Word::TcpBytesSent)
            .saturating_sub(full.load::<u64>(Word::TcpBytesRetrans));
    }
    if kernel::has(Word::TcpBytesReceived) {
        // The peer's FIN takes a sequence number and is counted like a byte (`tcp_rcv_nxt_update`,
        // 6.1).
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
