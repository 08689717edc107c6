//! Programs to measure the others against.
//!
//! Hooks: `inet_sock_set_state`; never attached by the agent, only by the benchmark.
//! Guarantees: one reservation and one submission of a record as long as the state probe's, or
//! nothing at all. Cost: what no program that hands over a record, or no program, can do without.
//! Feeds: the ring of states, with records that hold nothing.

use agent_common::record::State;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::out;

/// Hands over a record and says nothing in it.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn yardstick(_: BtfTracePointContext) -> i32 {
    out::blank::<State>();
    0
}

/// Does nothing.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn yardstick_empty(_: BtfTracePointContext) -> i32 {
    0
}
