//! Reads what may be longer than anybody expects.
//!
//! Used where people name files: the configuration, the web configuration, the options of the
//! commands. Guarantee: no more than a given number of bytes is read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::libc::O_NONBLOCK;

/// Returns the bytes of a regular file. It does not wait for who writes a pipe.
///
/// # Errors
/// What the kernel says, and errors of its own for what is no regular file and for more than `most`
/// bytes.
pub(crate) fn file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::options().read(true).custom_flags(O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    all(file, most)
}

/// Returns the text that a path leads to, a pipe as well.
///
/// # Errors
/// What the kernel says, and errors of its own for what is no UTF-8 and for more than `most` bytes.
pub(crate) fn text(path: &Path, most: u64) -> io::Result<String> {
    utf8(all(File::open(path)?, most)?)
}

/// Returns bytes as text.
///
/// # Errors
/// They are no UTF-8.
pub(crate) fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_bytes| io::Error::other("it is not valid text"))
}

fn all(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_refused_and_a_pipe_is_no_file() {
        let endless = text(Path::new("/dev/zero"), 100).unwrap_err();
        assert_eq!(endless.to_string(), "it is longer than 100 bytes");
        assert_eq!(text(Path::new("/dev/null"), 0).unwrap(), "");
        for other in ["/dev/zero", "/"] {
            assert_eq!(file(Path::new(other), 100).unwrap_err().to_string(), "it is no file");
        }
        let own = file(Path::new(file!()), 0);
        assert!(own.is_err(), "it is longer, or not there");
        assert_eq!(utf8(vec![0xff]).unwrap_err().to_string(), "it is not valid text");
        let (reader, mut writer) = io::pipe().unwrap();
        io::Write::write_all(&mut writer, b"a = 1\n").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(text(Path::new(&path), 6).unwrap(), "a = 1\n");
    }
}
