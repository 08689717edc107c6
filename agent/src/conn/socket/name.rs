//! A command name made fit to be a label.
//!
//! Used wherever a process is named. Guarantee: whatever bytes come, the text is clean and does not
//! begin with `~`, because the agent's own names do.

use crate::conn::limits::UNKNOWN;

/// A command name made fit to be a label. It lies on the stack.
pub(crate) struct Name {
    /// Sixteen bytes become at most sixteen replacement characters of three bytes.
    bytes: [u8; 48],
    len: usize,
}

impl Name {
    /// Returns the label of a command name: cut at the first NUL, without control characters.
    /// What is not UTF-8 is replaced, and so is a `~` at the front, because the agent's own names
    /// begin with it. If nothing is left, the label is `unknown`.
    pub(crate) fn from_comm(comm: &[u8; 16]) -> Self {
        let mut name = Self { bytes: [0; 48], len: 0 };
        let end = comm.iter().position(|byte| *byte == 0).unwrap_or(comm.len());
        for chunk in comm[..end].utf8_chunks() {
            chunk
                .valid()
                .chars()
                .filter(|letter| !letter.is_control())
                .for_each(|letter| name.push(letter));
            if !chunk.invalid().is_empty() {
                name.push(char::REPLACEMENT_CHARACTER);
            }
        }
        if name.len == 0 {
            UNKNOWN.chars().for_each(|letter| name.push(letter));
        }
        name
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or(UNKNOWN)
    }

    fn push(&mut self, letter: char) {
        let letter =
            if self.len == 0 && letter == '~' { char::REPLACEMENT_CHARACTER } else { letter };
        let width = letter.len_utf8();
        if let Some(room) = self.bytes.get_mut(self.len..self.len + width) {
            letter.encode_utf8(room);
            self.len += width;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(comm: &[u8]) -> String {
        let mut padded = [0; 16];
        padded[..comm.len()].copy_from_slice(comm);
        Name::from_comm(&padded).as_str().to_owned()
    }

    #[test]
    fn a_name_is_cut_at_nul_and_holds_no_control_characters() {
        assert_eq!(name(b"nginx\0rest"), "nginx");
        assert_eq!(name(b"a\nb\x1b[31m\x7f"), "ab[31m");
        assert_eq!(name(b"\xc2\x85c1"), "c1");
    }

    #[test]
    fn a_name_that_is_not_utf8_is_replaced_and_an_empty_one_is_unknown() {
        assert_eq!(name(&[0xff; 16]), "\u{fffd}".repeat(16));
        assert_eq!(name(b"caf\xc3\xa9"), "café");
        assert_eq!(name(b"\x01\x02"), "unknown");
        assert_eq!(
            name(b"\x01~other"),
            "\u{fffd}other",
            "nobody can take the name of what is beyond the budget"
        );
        assert_eq!(name(b""), "unknown");
    }
}
