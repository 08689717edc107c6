//! Where an entry of the table in `layout` stands in the kernel's BTF.
//!
//! Declared by the table, resolved by the loader before it loads the programs.

/// How an entry is found in the kernel's BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Byte offset of a member of the given size in bytes; the path goes through nested and
    /// anonymous structures.
    Offset {
        /// The structure.
        of: &'static str,
        /// The member, with dots.
        path: &'static str,
        /// Its size, bytes: a load of another size would be refused or wrong.
        size: u32,
    },
    /// Byte offset of the byte that holds a bit-field, which must not cross a byte's border.
    BitByte {
        /// The structure.
        of: &'static str,
        /// The member, with dots.
        path: &'static str,
    },
    /// Mask of that bit-field inside its byte; 0xff for a plain byte.
    BitMask {
        /// The structure.
        of: &'static str,
        /// The member, with dots.
        path: &'static str,
    },
    /// Position of the lowest bit of that bit-field inside its byte.
    BitShift {
        /// The structure.
        of: &'static str,
        /// The member, with dots.
        path: &'static str,
    },
    /// How many arguments a tracepoint has.
    Arguments {
        /// The tracepoint.
        tracepoint: &'static str,
    },
    /// The value of an enumerator.
    Enumerator {
        /// The enumeration.
        of: &'static str,
        /// The enumerator.
        name: &'static str,
    },
}
