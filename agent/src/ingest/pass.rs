//! Reading the kernel's lists in pieces, for a reconcile pass.
//!
//! Used by the reconcile thread, never by the ingest thread: to show a socket the kernel waits for
//! its lock (`bpf_iter_tcp_seq_show`, 5.15), and a process can hold that for as long as it likes.

use std::io::{self, Read};

use super::decode::{DecodeError, Record, decode, length_of};

/// Bytes requested at once; an iterator gives at most 32 KiB (`bpf_seq_read`, 5.8).
const PIECE: usize = 64 * 1024;

/// A list that is being read.
#[derive(Debug)]
pub struct Reading<L> {
    list: L,
    buffer: Vec<u8>,
    /// Bytes in the buffer that begin a record whose rest the last read did not give.
    kept: usize,
}

/// Whether the list continues after a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There may be more entries.
    More,
    /// The list was read to its end.
    End,
}

impl<L: Read> Reading<L> {
    /// Begins to read an iterator.
    #[must_use]
    pub fn new(list: L) -> Self {
        Self { list, buffer: vec![0; PIECE], kept: 0 }
    }

    /// Returns the iterator.
    pub fn into_list(self) -> L {
        self.list
    }

    /// Reads one piece and hands over its records.
    ///
    /// # Errors
    /// If the kernel stops the iterator, or if it gives bytes that are no records.
    pub fn piece(&mut self, mut take: impl FnMut(&Record)) -> io::Result<Progress> {
        let read = match self.list.read(&mut self.buffer[self.kept..]) {
            Ok(0) if self.kept == 0 => return Ok(Progress::End),
            Ok(0) => return Err(io::Error::other("the iterator ended within a record")),
            Ok(read) => read,
            // After a million objects without output the kernel asks to be called again.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                return Ok(Progress::More);
            }
            Err(error) => return Err(error),
        };
        let filled = self.kept + read;
        let used = each_record(&self.buffer[..filled], &mut take).map_err(|error| {
            io::Error::other(format!("the iterator gave a {} record", error.as_str()))
        })?;
        self.buffer.copy_within(used..filled, 0);
        self.kept = filled - used;
        Ok(Progress::More)
    }
}

/// Hands over every whole record at the front of `bytes`. Returns how many bytes they took.
fn each_record(bytes: &[u8], take: &mut impl FnMut(&Record)) -> Result<usize, DecodeError> {
    let mut used = 0;
    while let Some(first) = bytes.get(used) {
        let length = length_of(*first).ok_or(DecodeError::UnknownKind)?;
        let Some(record) = bytes.get(used..used + length) else { break };
        take(&decode(record)?);
        used += length;
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use agent_common::record::kind;

    use std::fs::File;

    use super::*;

    fn holder(tgid: u8) -> Vec<u8> {
        let mut bytes = vec![0; length_of(kind::HOLDER).unwrap()];
        (bytes[0], bytes[4]) = (kind::HOLDER, tgid);
        bytes
    }

    #[test]
    fn a_record_that_a_read_cuts_is_kept_for_the_next() {
        let all = [holder(1), holder(2)].concat();
        let mut seen = 0;
        assert_eq!(each_record(&all[..60], &mut |_| seen += 1), Ok(48));
        assert_eq!(each_record(&all[48..], &mut |_| seen += 1), Ok(48));
        assert_eq!(seen, 2);
    }

    #[test]
    fn bytes_that_are_no_record_stop_the_list() {
        assert_eq!(each_record(&[99; 40], &mut |_| ()), Err(DecodeError::UnknownKind));
    }

    #[test]
    fn an_iterator_that_ends_within_a_record_is_an_error() {
        let path = std::env::temp_dir().join(format!("tcpwarden-cut-{}", std::process::id()));
        std::fs::write(&path, &holder(1)[..20]).unwrap();
        let mut reading = Reading::new(File::open(&path).unwrap());
        assert_eq!(reading.piece(|_| ()).unwrap(), Progress::More);
        assert!(reading.piece(|_| ()).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
