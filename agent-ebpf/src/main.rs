//! The programs that run inside the kernel: one file a subject, one function a probe.
//!
//! `access` is the only reader of kernel memory, `out` the only writer of records, `counters` of
//! counters; a probe says what to read and when. No program keeps state about a connection. The
//! list of the probes, from which the agent loads them, is `agent_common::probe`.
//!
//! Everything is `#[inline(always)]`: a call between BPF functions costs more than most of them do,
//! and only inlined code lets the verifier follow a pointer's type to its load.
#![no_std]
#![no_main]
// The BPF target takes no assembly without it.
#![feature(asm_experimental_arch)]

mod accept_queue;
mod access;
mod activity;
mod counters;
mod counts;
mod holders;
mod out;
mod retransmit;
mod second;
mod set_state;
mod socket;
mod sockets;
mod task;
mod yardstick;

/// The kernel lends its GPL-only helpers to programs with this licence.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
