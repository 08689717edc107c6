//! What the probes in the kernel and the agent in user space agree on: the record layouts, the
//! state codes and the table of kernel structure members whose offsets user space resolves before
//! loading.
//!
//! Guarantees: every record has a fixed size and only fixed-width integers, pinned by const
//! assertions; no type here needs `unsafe` to be read back from bytes, because user space parses
//! field by field.
#![no_std]
#![forbid(unsafe_code)]

pub mod layout;
pub mod record;
pub mod tcp;
