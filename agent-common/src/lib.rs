//! What the probes in the kernel and the agent in user space agree on.
//!
//! `record` has the record layouts, `counters` the per-CPU counters, `probe` the list of probes,
//! `layout` the table of kernel structure members whose offsets user space resolves before loading
//! (`source` says from what), `btf` the types that make a wrong member a compile error. `tcp`,
//! `task` and `mark` have the kernel side's calculations that need no kernel, so that they are
//! tested on the host.
//!
//! Guarantees: every record has a fixed size and only fixed-width integers, pinned by const
//! assertions; no type here needs `unsafe` to be read back from bytes, because user space parses
//! field by field.
#![no_std]
#![forbid(unsafe_code)]
#![expect(clippy::inline_always, reason = "in a BPF program a call costs more than what it calls")]

pub mod btf;
pub mod counters;
pub mod layout;
pub mod mark;
pub mod operand;
pub mod probe;
pub mod record;
pub mod source;
pub mod task;
pub mod tcp;
