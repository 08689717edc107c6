//! Puts what was learnt of the running kernel into the programs' instructions.
//!
//! Called once, before the programs are loaded. The compiler has left a placeholder wherever a
//! program loads a member of a kernel structure, uses a value of the table or a setting
//! (`agent_common::operand`). Guarantees: only operands of instructions change, only placeholders,
//! and only in sections that hold programs.

use agent_common::layout::{ABSENT, COUNT};
use agent_common::operand::{OFFSET_PLACEHOLDER, SETTINGS, VALUE_PLACEHOLDER};
use object::{Object as _, ObjectSection as _, SectionKind};

/// Bytes of an instruction (`struct bpf_insn`).
const LENGTH: usize = 8;
/// `BPF_LD | BPF_IMM | BPF_DW`, the one instruction of twice that length; its second half is data.
const LOAD_WIDE: u8 = 0x18;
/// `BPF_ALU64 | BPF_MOV | BPF_K`.
pub(super) const MOVE: u8 = 0xb7;
/// `BPF_LDX | BPF_MEM`, and the bits that are the same for every width.
pub(super) const LOAD: u8 = 0x61;
pub(super) const LOAD_MASK: u8 = 0xe7;
/// How many operands from the first placeholder on are placeholders. One among them that is no
/// position of the table was built with another table.
const VALUES: usize = 1 << 16;
const OFFSETS: usize = 1 << 10;

/// Why the programs cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The object is not one that holds programs.
    #[error("the kernel side cannot be read: {0}")]
    Object(#[from] object::Error),
    /// A structure is larger than an instruction can address.
    #[error(
        "a member lies {0} bytes into its structure; an instruction reaches no further than 32767"
    )]
    Far(u32),
    /// A setting does not fit into an instruction.
    #[error("a setting is {0}; an instruction holds no more than 2147483647")]
    Large(u32),
    /// The placeholders are missing, or are those of another table.
    #[error(
        "the kernel side and this program do not belong together; `cargo xtask build` builds both"
    )]
    Foreign,
}

/// Returns the object with the values of the table and the settings put in.
///
/// # Errors
/// See [`PatchError`].
pub fn patch(
    object: &[u8],
    table: &[u32; COUNT],
    settings: &[u32; SETTINGS],
) -> Result<Vec<u8>, PatchError> {
    let mut patched = object.to_vec();
    let mut completed = Completed::default();
    for section in object::File::parse(object)?
        .sections()
        .filter(|section| section.kind() == SectionKind::Text)
    {
        let Some((start, length)) = section.file_range() else { continue };
        let (Ok(start), Ok(length)) = (usize::try_from(start), usize::try_from(length)) else {
            continue;
        };
        let Some(code) = patched.get_mut(start..start.saturating_add(length)) else { continue };
        let more = programs(code, table, *settings)?;
        completed = Completed {
            loads: completed.loads + more.loads,
            values: completed.values + more.values,
        };
    }
    if completed.loads == 0 || completed.values == 0 {
        Err(PatchError::Foreign)
    } else {
        Ok(patched)
    }
}

/// How many instructions were completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Completed {
    loads: usize,
    values: usize,
}

/// Completes the instructions of one section.
pub(super) fn programs(
    code: &mut [u8],
    table: &[u32; COUNT],
    settings: [u32; SETTINGS],
) -> Result<Completed, PatchError> {
    let mut completed = Completed::default();
    let mut instructions = code.as_chunks_mut::<LENGTH>().0.iter_mut();
    while let Some(instruction) = instructions.next() {
        let [opcode, _, low, high, immediate @ ..] = instruction;
        match *opcode {
            LOAD_WIDE => drop(instructions.next()),
            MOVE => {
                let Some(position) =
                    position(i32::from_ne_bytes(*immediate), VALUE_PLACEHOLDER, VALUES)
                else {
                    continue;
                };
                let value =
                    table.iter().chain(&settings).nth(position).ok_or(PatchError::Foreign)?;
                *immediate = value_operand(*value)?.to_ne_bytes();
                completed.values += 1;
            }
            load if load & LOAD_MASK == LOAD => {
                let offset = i16::from_ne_bytes([*low, *high]);
                let Some(position) = position(offset.into(), OFFSET_PLACEHOLDER.into(), OFFSETS)
                else {
                    continue;
                };
                let offset = table.get(position).ok_or(PatchError::Foreign)?;
                [*low, *high] = offset_operand(*offset)?.to_ne_bytes();
                completed.loads += 1;
            }
            _ => {}
        }
    }
    Ok(completed)
}

/// Returns the position that a placeholder stands for; `None` for another operand.
fn position(operand: i32, placeholder: i32, most: usize) -> Option<usize> {
    usize::try_from(operand.checked_sub(placeholder)?).ok().filter(|position| *position < most)
}

/// Returns the operand that stands for a value; all bits are set if the kernel has none.
fn value_operand(value: u32) -> Result<i32, PatchError> {
    if value == ABSENT {
        Ok(-1)
    } else {
        i32::try_from(value).map_err(|_large| PatchError::Large(value))
    }
}

/// Returns the operand that stands for an offset. The load of a member that the kernel lacks gets
/// one that the verifier refuses, should the load be reached.
fn offset_operand(offset: u32) -> Result<i16, PatchError> {
    if offset == ABSENT {
        Ok(i16::MIN)
    } else {
        i16::try_from(offset).map_err(|_far| PatchError::Far(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES_HERE: [u32; COUNT] = {
        let mut values = [ABSENT; COUNT];
        (values[0], values[1]) = (532, 40_000);
        values
    };

    fn instruction(opcode: u8, offset: i16, immediate: i32) -> Vec<u8> {
        [&[opcode, 0x12], &offset.to_ne_bytes()[..], &immediate.to_ne_bytes()].concat()
    }

    fn patched(code: &[Vec<u8>]) -> Result<(usize, usize, Vec<u8>), PatchError> {
        let mut code = code.concat();
        programs(&mut code, &VALUES_HERE, [1, 4096])
            .map(|completed| (completed.loads, completed.values, code))
    }

    #[test]
    fn placeholders_of_loads_get_offsets_and_those_of_values_get_values() {
        let value = |position: usize| VALUE_PLACEHOLDER + i32::try_from(position).unwrap();
        let code = [
            instruction(0x69, OFFSET_PLACEHOLDER, 0),
            instruction(0x79, OFFSET_PLACEHOLDER + 2, 0),
            instruction(MOVE, 0, value(0)),
            instruction(MOVE, 0, value(2)),
            instruction(MOVE, 0, value(COUNT + 1)),
        ];
        let expected = [
            instruction(0x69, 532, 0),
            instruction(0x79, i16::MIN, 0),
            instruction(MOVE, 0, 532),
            instruction(MOVE, 0, -1),
            instruction(MOVE, 0, 4096),
        ];
        assert_eq!(patched(&code).unwrap(), (2, 3, expected.concat()));
    }

    #[test]
    fn nothing_else_is_touched() {
        let code = [
            instruction(0x79, 16, 0),
            instruction(0x7b, OFFSET_PLACEHOLDER, 0),
            instruction(MOVE, OFFSET_PLACEHOLDER, 7),
            // The second half of a wide load is data, whatever it looks like.
            instruction(LOAD_WIDE, 0, VALUE_PLACEHOLDER),
            instruction(MOVE, 0, VALUE_PLACEHOLDER),
            instruction(0x79, i16::MAX, i32::MAX),
            instruction(MOVE, 0, i32::MAX),
        ];
        assert_eq!(patched(&code).unwrap(), (0, 0, code.concat()));
    }

    #[test]
    fn placeholders_of_another_table_are_an_error() {
        let beyond = i32::try_from(COUNT + SETTINGS).unwrap();
        assert!(matches!(
            patched(&[instruction(MOVE, 0, VALUE_PLACEHOLDER + beyond)]),
            Err(PatchError::Foreign)
        ));
        assert!(matches!(
            patched(&[instruction(0x61, OFFSET_PLACEHOLDER + i16::try_from(COUNT).unwrap(), 0)]),
            Err(PatchError::Foreign)
        ));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert!(matches!(
            patched(&[instruction(0x61, OFFSET_PLACEHOLDER + 1, 0)]),
            Err(PatchError::Far(40_000))
        ));
        assert!(matches!(
            programs(&mut instruction(MOVE, 0, VALUE_PLACEHOLDER), &[u32::MAX - 1; COUNT], [0; 2]),
            Err(PatchError::Large(_))
        ));
        assert!(matches!(patch(b"\x7fELF", &VALUES_HERE, &[0; 2]), Err(PatchError::Object(_))));
    }
}
