//! What holds for any bytes in place of a record.

use super::decode::{DecodeError, decode, length_of};

/// Bytes are a record only if they are as long as their kind says, an error says what is wrong with
/// the length, and each byte of a record counts: with another one it is another record, or none.
pub(crate) fn records(data: &[u8]) {
    let length = data.first().and_then(|kind| length_of(*kind));
    let decoded = decode(data);
    match (decoded, length) {
        (Err(DecodeError::Truncated), None) => assert!(data.is_empty()),
        (Err(DecodeError::Oversized), None) => unreachable!("too long for no kind"),
        (Err(DecodeError::Truncated), Some(length)) => assert!(data.len() < length),
        (Err(DecodeError::Oversized), Some(length)) => assert!(data.len() > length),
        (Err(DecodeError::UnknownKind), length) => assert_eq!(length, None),
        (Ok(_) | Err(DecodeError::BadState), length) => assert_eq!(length, Some(data.len())),
    }
    let Ok(record) = decoded else { return };
    let mut other = data.to_vec();
    for at in 0..other.len() {
        other[at] ^= 1;
        assert_ne!(decode(&other), Ok(record), "byte {at} says nothing");
        other[at] ^= 1;
    }
}
