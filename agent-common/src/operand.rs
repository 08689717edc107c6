//! The placeholders: what a program's instructions hold until the loader completes them.
//!
//! The kernel side compiles a placeholder into each load of a member, each use of a constant and
//! each use of a setting; the loader (`kernel::patch` in the agent) replaces them. Guarantees: an
//! object that was built with another table is told from one built with this.

use crate::layout::{COUNT, Source, TABLE};

/// A load of the member at position `n` of the table has this plus `n` as its offset. No load of
/// the programs' own has an offset anywhere near as large.
pub const OFFSET_PLACEHOLDER: i16 = 0x6000;

/// A move of the value at position `n` of the table into a register has this plus `n` as its
/// immediate operand; a [`Setting`] has this plus [`COUNT`] plus its position.
///
/// The loader replaces it by the value; [`crate::layout::ABSENT`] becomes -1, which sets all bits
/// of the register. The upper half of the placeholder holds the table's fingerprint, so that
/// programs are not completed with values that were meant for other ones.
pub const VALUE_PLACEHOLDER: i32 = 0x4000_0000 | (fingerprint() & 0x3fff) << 16;

/// A number that the loader chooses and that is no fact of the kernel's structures.
pub trait Setting {
    /// Its position among the settings.
    const INDEX: usize;
}

/// Whether tracepoints can be preempted, 1 or 0.
#[derive(Clone, Copy, Debug)]
pub struct Preemptible;

impl Setting for Preemptible {
    const INDEX: usize = 0;
}

/// At how many unread bytes of the ring of states its reader is woken.
#[derive(Clone, Copy, Debug)]
pub struct WakeBytes;

impl Setting for WakeBytes {
    const INDEX: usize = 1;
}

/// The number of settings.
pub const SETTINGS: usize = 2;

/// Returns a number that changes with the entries' sources, sizes and order (FNV-1a).
const fn fingerprint() -> i32 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut position = 0;
    while position < COUNT {
        let (of, path, size) = match TABLE[position].1 {
            Source::Offset { of, path, size } => (of, path, size),
            Source::BitByte { of, path }
            | Source::BitMask { of, path }
            | Source::BitShift { of, path } => (of, path, 1),
            Source::Arguments { tracepoint } => (tracepoint, "", 0),
            Source::Enumerator { of, name } => (of, name, 0),
        };
        hash = mixed(mixed(mixed(hash, of.as_bytes()), path.as_bytes()), &size.to_ne_bytes());
        position += 1;
    }
    ((hash >> 16) ^ hash).cast_signed()
}

const fn mixed(mut hash: u32, bytes: &[u8]) -> u32 {
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}
