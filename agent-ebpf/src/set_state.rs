//! Every TCP state transition.
//!
//! Hooks: `inet_sock_set_state` (tp_btf; arguments unchanged since 4.16), twice: the second program
//! handles the transitions that the kernel skipped the first for (`second`).
//! Guarantees: one record a transition, or one count of it as lost; the matrix counts it either way.
//! Cost: two map look-ups (counters, mark), direct loads, one ring reservation; the second program
//! returns after one look-up.
//! Feeds: the ring of states, `CpuCounters::{transitions, states, states_lost, second}`.

use agent_common::layout::Word;
use agent_common::record::{Close, State, flag, kind};
use agent_common::tcp;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::kernel::{self, Typed};
use crate::out::{self, Share};
use crate::second::Mark;

/// `trace_inet_sock_set_state(sk, oldstate, newstate)`.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn state(ctx: BtfTracePointContext) -> i32 {
    let change = Change::new(&ctx);
    change.mark().leave();
    #[cfg(feature = "log")]
    aya_log_ebpf::debug!(&ctx, "state {} to {}, local port {}", change.old, change.new, change.sk.load::<u16>(Word::SkNum));
    transition(change, Share::First);
    0
}

/// The same, where the first was running already.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn state_second(ctx: BtfTracePointContext) -> i32 {
    let change = Change::new(&ctx);
    if change.mark().was_missing(change.owned) {
        if let Some(counters) = out::counters(Share::Second) {
            counters.second += 1;
        }
        transition(change, Share::Second);
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

    #[inline(always)]
    fn mark(self) -> Mark {
        Mark::new(self.sk, self.old, self.new, self.owned)
    }
}

#[inline(always)]
fn transition(change: Change, share: Share) {
    let Change { sk, old, new, .. } = change;
    // SCTP, DCCP and MPTCP's own sockets fire too, and MPTCP repeats states.
    if old == new || sk.load::<u16>(Word::SkProtocol) != tcp::IPPROTO_TCP {
        return;
    }
    let Some(seen) = out::count_transition(share, old, new) else { return };
    let full = kernel::tcp_sock(sk);
    if (full.is_null() || !report(change, full, seen))
        && let Some(counters) = out::counters(share)
    {
        counters.states_lost += 1;
    }
}

#[inline(always)]
fn report(change: Change, full: Typed, seen: u64) -> bool {
    let Change { sk, old, new, owned } = change;
    let mut record = State {
        kind: kind::STATE,
        old: old as u8,
        new: new as u8,
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
    if owned {
        let (kthread, tgid, comm) = kernel::current();
        record.flags |= flag::OWNED | if kthread { flag::KTHREAD } else { 0 };
        record.tgid = tgid;
        record.comm = comm;
    }
    if new != u32::from(tcp::CLOSE) {
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
