//! What a lister says: pieces of a list, then its end or an error.
//!
//! Four bytes in little-endian order come before each: the length of a piece, zero for the end, or
//! all ones for an error, whose number follows. The agent does not trust a lister: a length beyond
//! [`PIECE`] is an error.

use std::io::{self, Read, Write};

/// The most bytes of a piece; an iterator gives at most 32 KiB at once (`bpf_seq_read`, 5.8).
pub(super) const PIECE: usize = 64 << 10;

const ERROR: u32 = u32::MAX;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// So many bytes of the list follow, at least one.
    Piece(usize),
    /// The list has ended.
    End,
    /// The kernel stopped the list with this error number.
    Error(i32),
}

impl Frame {
    /// Reads what comes next.
    ///
    /// # Errors
    /// What reading says, and `InvalidData` for what no lister says.
    pub(super) fn read(mut from: impl Read) -> io::Result<Self> {
        let mut word = || {
            let mut bytes = [0; 4];
            from.read_exact(&mut bytes).map(|()| u32::from_le_bytes(bytes))
        };
        let length = word()?;
        let length = match length {
            0 => return Ok(Self::End),
            ERROR => {
                let number = i32::try_from(word()?).map_err(io::Error::other)?;
                return Ok(Self::Error(number));
            }
            length => usize::try_from(length).map_err(io::Error::other)?,
        };
        if length > PIECE {
            let text = format!("a piece of {length} bytes is too long");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Self::Piece(length))
    }

    /// Writes it.
    ///
    /// # Errors
    /// What writing says.
    pub(super) fn write(self, mut to: impl Write) -> io::Result<()> {
        let mut word = |value: u32| to.write_all(&value.to_le_bytes());
        match self {
            Self::Piece(length) => word(u32::try_from(length).map_err(io::Error::other)?),
            Self::End => word(0),
            Self::Error(number) => {
                word(ERROR)?;
                word(u32::try_from(number).unwrap_or_default())
            }
        }
    }
}
