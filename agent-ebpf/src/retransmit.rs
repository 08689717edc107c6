//! Segments sent again.
//!
//! Hooks: `tcp_retransmit_skb` (tp_btf; two arguments, since 6.17 a third: the error), and
//! `tcp_retransmit_synack`, which does not pass through the first.
//! Guarantees: one record a call, or one count of it as lost.
//! Cost: as for a transition; one copy for the number of segments.
//! Feeds: the ring of retransmits, `CpuCounters::{retransmits, retransmits_lost}`.

use agent_common::layout::Word;
use agent_common::record::{Retransmit, kind};
use agent_common::tcp;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::kernel::{self, Typed};
use crate::out::{self, Share};

/// `trace_tcp_retransmit_skb(sk, skb[, err])`, from `__tcp_retransmit_skb`.
#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub(crate) fn retransmit_skb(ctx: BtfTracePointContext) -> i32 {
    let sk = Typed::new(ctx.arg::<*const u8>(0));
    let skb = Typed::new(ctx.arg::<*const u8>(1));
    if sk.load::<u16>(Word::SkProtocol) != tcp::IPPROTO_TCP {
        return 0;
    }
    // Before 6.17 only calls that succeeded are told. The third argument must not be touched there.
    let mut err = 0;
    if kernel::has(Word::RetransmitArguments) && kernel::word(Word::RetransmitArguments) >= 3 {
        err = ctx.arg::<i32>(2) as i16;
    }
    count(report(sk, skb, err));
    0
}

/// `trace_tcp_retransmit_synack(sk, req)`: the socket is the listener.
#[btf_tracepoint(function = "tcp_retransmit_synack")]
pub(crate) fn retransmit_synack(ctx: BtfTracePointContext) -> i32 {
    let sk = Typed::new(ctx.arg::<*const u8>(0));
    if sk.load::<u16>(Word::SkProtocol) != tcp::IPPROTO_TCP {
        return 0;
    }
    let full = kernel::tcp_sock(sk);
    count(!full.is_null() && out::retransmit(blank(kind::SYNACK, sk, full, 1)));
    0
}

#[inline(always)]
fn count(told: bool) {
    if let Some(counters) = out::counters(Share::Second) {
        counters.retransmits += 1;
        counters.retransmits_lost += u64::from(!told);
    }
}

#[inline(always)]
fn blank(kind: u8, sk: Typed, full: Typed, segments: u32) -> Retransmit {
    Retransmit {
        kind,
        state: sk.load(Word::SkState),
        ca_state: 0,
        pending: 0,
        err: 0,
        family: sk.load(Word::SkFamily),
        time: kernel::now(),
        ends: kernel::endpoints(sk, full, kernel::source_port(full)),
        segments,
        total: 0,
    }
}

#[inline(always)]
fn report(sk: Typed, skb: Typed, err: i16) -> bool {
    let full = kernel::tcp_sock(sk);
    if full.is_null() {
        return false;
    }
    // One call may send several segments: `tcp_skb_pcount`. The control block is bytes to the
    // verifier, so the number in it has to be copied.
    let mut segments = 1;
    if kernel::has(Word::SkbCb) && kernel::has(Word::CbSegments) {
        segments =
            u32::from(skb.copy_at::<u16>(Word::SkbCb, kernel::word(Word::CbSegments) as usize));
    }
    let mut record = blank(kind::RETRANSMIT, sk, full, segments);
    record.err = err;
    if kernel::has(Word::CaStateByte) {
        record.ca_state = (full.load::<u8>(Word::CaStateByte)
            & kernel::word(Word::CaStateMask) as u8)
            >> (kernel::word(Word::CaStateShift) & 7);
    }
    if kernel::has(Word::Pending) {
        record.pending = full.load(Word::Pending);
    }
    if kernel::has(Word::TcpTotalRetrans) {
        record.total = full.load(Word::TcpTotalRetrans);
    }
    out::retransmit(record)
}
