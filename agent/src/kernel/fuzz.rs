//! What holds for any bytes in place of the kernel's types, and for any object or code.

use agent_common::btf::Need;
use agent_common::layout::{ABSENT, COUNT, Source, TABLE};
use agent_common::operand::{SETTINGS, VALUE_PLACEHOLDER};
use btf_rs::Btf;

use super::layout::{Layout, LayoutError};
use super::patch::{Completed, LOAD, LOAD_MASK, MOVE, PatchError, patch, programs};
use super::resolve::resolve;

/// What stands for a placeholder of a value in a corpus.
const MARK: i32 = 0x2001;
/// Values as a kernel has them, one that it lacks, and none that looks like a placeholder.
const VALUES: [u32; COUNT] = {
    let mut values = [ABSENT; COUNT];
    let (mut at, mut offset) = (0, 0);
    while at < COUNT {
        if at % 7 != 3 {
            values[at] = offset;
        }
        (at, offset) = (at + 1, offset + 8);
    }
    values
};

/// Types are read or refused; a table that is complete has every entry that is required, and a mask
/// is one of a byte.
pub(crate) fn types(data: &[u8]) {
    let Ok(btf) = Btf::from_bytes(data) else { return };
    let found: Vec<Option<u32>> = TABLE.iter().map(|(_, source)| resolve(&btf, source)).collect();
    let mut both = TABLE.iter().zip(&found);
    let is_complete = both.all(|((need, _), value)| *need == Need::Optional || value.is_some());
    for ((_, source), value) in TABLE.iter().zip(&found) {
        match (source, value) {
            (Source::BitMask { .. }, Some(mask)) => assert!((1..=0xff).contains(mask), "{mask}"),
            (Source::BitShift { .. }, Some(shift)) => assert!(*shift < 8, "{shift}"),
            _ => {}
        }
    }
    match Layout::resolved(&btf) {
        Ok(layout) => {
            assert!(is_complete);
            let values = found.iter().map(|value| value.unwrap_or(ABSENT));
            assert!(layout.values().iter().copied().eq(values));
        }
        Err(error) => assert!(!is_complete && matches!(error, LayoutError::Missing { .. })),
    }
}

/// An object keeps its length, and of code only operands that are placeholders change. The first
/// byte says which of the two the rest is.
pub(crate) fn object(data: &[u8]) {
    let settings = [1; SETTINGS];
    match data.split_first() {
        Some((0, object)) => {
            let object = with_placeholders(object);
            if let Ok(patched) = patch(&object, &VALUES, &settings) {
                assert_eq!(patched.len(), object.len());
            }
        }
        Some((_, before)) => {
            let before = with_placeholders(before);
            let mut after = before.clone();
            let Ok(completed) = programs(&mut after, &VALUES, settings) else { return };
            let both = before.as_chunks::<8>().0.iter().zip(after.as_chunks::<8>().0);
            let changed = both.filter(|(before, after)| before != after);
            for (before, after) in changed {
                let is_move = before[0] == MOVE && before[..4] == after[..4];
                let is_load = before[0] & LOAD_MASK == LOAD
                    && (&before[..2], &before[4..]) == (&after[..2], &after[4..]);
                assert!(is_move || is_load, "{before:x?} became {after:x?}");
            }
            let again = programs(&mut after, &VALUES, settings);
            assert!(!matches!(again, Err(PatchError::Object(_))));
            assert!(again.is_ok_and(|again| again == Completed::default()), "{completed:?}");
        }
        None => {}
    }
}

/// Replaces each immediate operand with [`MARK`] in its upper half by the placeholder of the value
/// that its lower half names: the placeholders of values change with the table, a corpus does not.
fn with_placeholders(code: &[u8]) -> Vec<u8> {
    let mut code = code.to_vec();
    for [_, _, _, _, immediate @ ..] in code.as_chunks_mut::<8>().0 {
        let operand = i32::from_ne_bytes(*immediate);
        if operand >> 16 == MARK {
            *immediate = (VALUE_PLACEHOLDER + (operand & 0xffff)).to_ne_bytes();
        }
    }
    code
}
