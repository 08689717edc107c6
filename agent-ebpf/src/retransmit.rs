//! Retransmitted segments.
//!
//! Hooks: `tcp_retransmit_skb` (tp_btf; two arguments, since 6.17 a third: the error), and
//! `tcp_retransmit_synack`, which does not pass through the first.
//! Guarantees: one record a call, or one count of it as lost.
//! Cost: as for a transition; one copy for the number of segments.
//! Feeds: the ring of retransmits, `Counter::{RETRANSMITS, RETRANSMITS_LOST}`.

use agent_common::btf::{SkBuff, Sock, TcpSock};
use agent_common::counters::Counter;
use agent_common::layout::{
    CaStateByte, CaStateMask, CaStateShift, CbSegments, Pending, RetransmitArguments, SkFamily,
    SkProtocol, SkState, SkbCb, TcpTotalRetrans,
};
use agent_common::record::{Retransmit, kind};
use agent_common::tcp;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::access::{self, BtfPtr, constant, has};
use crate::counters::{Block, Counters};
use crate::{out, socket};

/// `trace_tcp_retransmit_skb(sk, skb[, err])`, from `__tcp_retransmit_skb`.
#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub(crate) fn retransmit_skb(ctx: BtfTracePointContext) -> i32 {
    let sk = BtfPtr::new(ctx.arg::<*const Sock>(0));
    let skb = BtfPtr::new(ctx.arg::<*const SkBuff>(1));
    if sk.load(SkProtocol) != tcp::IPPROTO_TCP {
        return 0;
    }
    let Some(counters) = Counters::of(Block::Second) else { return 0 };
    counters.add(Counter::RETRANSMITS, 1);
    // Before 6.17 only calls that succeeded are reported, and there is no third argument to read.
    let mut err = 0;
    if has(RetransmitArguments) && constant(RetransmitArguments) >= 3 {
        err = ctx.arg::<i32>(2) as i16;
    }
    if !report(sk, skb, err) {
        counters.add(Counter::RETRANSMITS_LOST, 1);
    }
    0
}

/// `trace_tcp_retransmit_synack(sk, req)`: the socket is the listener.
#[btf_tracepoint(function = "tcp_retransmit_synack")]
pub(crate) fn retransmit_synack(ctx: BtfTracePointContext) -> i32 {
    let sk = BtfPtr::new(ctx.arg::<*const Sock>(0));
    if sk.load(SkProtocol) != tcp::IPPROTO_TCP {
        return 0;
    }
    let Some(counters) = Counters::of(Block::SynAcks) else { return 0 };
    counters.add(Counter::RETRANSMITS, 1);
    let full = socket::tcp_sock(sk.upcast());
    if full.is_null() || !out::retransmit(record(kind::SYNACK, sk, full, 1)) {
        counters.add(Counter::RETRANSMITS_LOST, 1);
    }
    0
}

/// Returns what every retransmit has.
#[inline(always)]
fn record(kind: u8, sk: BtfPtr<Sock>, full: BtfPtr<TcpSock>, segments: u32) -> Retransmit {
    Retransmit {
        kind,
        state: sk.load(SkState),
        ca_state: 0,
        pending: 0,
        err: 0,
        family: sk.load(SkFamily),
        time: out::now(),
        ends: socket::endpoints(sk.upcast(), full.upcast(), socket::source_port(full)),
        segments,
        total: 0,
    }
}

/// Reports a retransmit; returns false if it is lost.
#[inline(always)]
fn report(sk: BtfPtr<Sock>, skb: BtfPtr<SkBuff>, err: i16) -> bool {
    let full = socket::tcp_sock(sk.upcast());
    if full.is_null() {
        return false;
    }
    // One call may send several segments: `tcp_skb_pcount`. The control block is bytes to the
    // verifier, so the number in it has to be copied.
    let mut segments = 1;
    if has(SkbCb) && has(CbSegments) {
        segments = u32::from(access::copy_within(skb, SkbCb, CbSegments));
    }
    let mut record = record(kind::RETRANSMIT, sk, full, segments);
    record.err = err;
    if has(CaStateByte) {
        record.ca_state =
            (full.load(CaStateByte) & constant(CaStateMask) as u8) >> (constant(CaStateShift) & 7);
    }
    if has(Pending) {
        record.pending = full.load(Pending);
    }
    if has(TcpTotalRetrans) {
        record.total = full.load(TcpTotalRetrans);
    }
    out::retransmit(record)
}
