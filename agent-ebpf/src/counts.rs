//! Events of which only the number matters: resets sent and received.
//!
//! Hooks: `tcp_send_reset`, `tcp_receive_reset` (tp_btf). A probe that only counts is one more
//! function here.
//! Guarantees: each firing is counted once; the arguments, which differ between kernels, are not
//! read. Cost: one counter.
//! Feeds: `Counter::{RESETS_SENT, RESETS_RECEIVED}`.

use agent_common::counters::Counter;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::counters::{Block, Counters};

/// `trace_tcp_send_reset`.
#[btf_tracepoint(function = "tcp_send_reset")]
pub(crate) fn send_reset(_: BtfTracePointContext) -> i32 {
    if let Some(counters) = Counters::of(Block::Second) {
        counters.add(Counter::RESETS_SENT, 1);
    }
    0
}

/// `trace_tcp_receive_reset`.
#[btf_tracepoint(function = "tcp_receive_reset")]
pub(crate) fn receive_reset(_: BtfTracePointContext) -> i32 {
    if let Some(counters) = Counters::of(Block::Second) {
        counters.add(Counter::RESETS_RECEIVED, 1);
    }
    0
}
