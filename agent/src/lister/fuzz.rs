//! What holds for any bytes from a lister.

use super::frame::{Frame, PIECE};

/// Bytes are a list of frames, then an error or nothing. A frame is bounded and comes out as it
/// went in, and its bytes are those that it was read from.
pub(crate) fn frame(data: &[u8]) {
    let mut rest = data;
    loop {
        let before = rest;
        let Ok(frame) = Frame::read(&mut rest) else { return };
        let mut written = Vec::new();
        assert!(frame.write(&mut written).is_ok(), "{frame:?}");
        assert!(before.starts_with(&written), "{frame:?}");
        assert_eq!(before.len() - rest.len(), written.len(), "{frame:?}");
        if let Frame::Piece(length) = frame {
            assert!((1..=PIECE).contains(&length));
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}
