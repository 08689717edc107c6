//! The programs that run inside the kernel: one file a probe.
//!
//! `kernel` is the only reader of kernel memory, `out` the only writer of records and counters; a
//! probe says what to read and when. No program keeps state about a connection.
#![no_std]
#![no_main]
// The BPF target takes no assembly without it.
#![feature(asm_experimental_arch)]

mod holders;
mod kernel;
mod out;
mod resets;
mod retransmit;
mod second;
mod set_state;
mod sockets;
mod words;
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
