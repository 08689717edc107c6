//! Puts what was learnt of the running kernel into the programs' instructions.
//!
//! Called once, before the programs are loaded. The compiler has left a marked operand wherever a program loads a member
//! of a kernel structure, asks for a word's value or for a setting (`agent_common::layout`). Guarantees: only operands of
//! instructions change, only marked ones, and only in sections that hold programs.

use agent_common::layout::{ABSENT, COUNT, OFFSET_MARK, SETTINGS, VALUE_MARK};
use object::{Object as _, ObjectSection as _, SectionKind};

/// Bytes of an instruction (`struct bpf_insn`).
const LENGTH: usize = 8;
/// `BPF_LD | BPF_IMM | BPF_DW`, the one instruction of twice that length; its second half is data.
const LOAD_WIDE: u8 = 0x18;
/// `BPF_ALU64 | BPF_MOV | BPF_K`.
const MOVE: u8 = 0xb7;
/// `BPF_LDX | BPF_MEM`, and the bits that are the same for every width.
const LOAD: u8 = 0x61;
const LOAD_MASK: u8 = 0xe7;

/// Why the programs cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The object is not one that holds programs.
    #[error("the kernel side cannot be read: {0}")]
    Object(#[from] object::Error),
    /// A structure is larger than an instruction can address.
    #[error("a member lies {0} bytes into its structure; an instruction reaches no further than 32767")]
    Far(u32),
    /// A setting does not fit into an instruction.
    #[error("a setting is {0}; an instruction holds no more than 2147483647")]
    Large(u32),
    /// Nothing was marked.
    #[error("the kernel side holds no marked instruction; it and this program do not belong together")]
    Unmarked,
}

/// The object with `words` and `settings` put in.
///
/// # Errors
/// See [`PatchError`].
pub fn patch(object: &[u8], words: &[u32; COUNT], settings: [u32; SETTINGS]) -> Result<Vec<u8>, PatchError> {
    let mut patched = object.to_vec();
    let mut marked = 0;
    for section in object::File::parse(object)?.sections().filter(|section| section.kind() == SectionKind::Text) {
        let Some((start, length)) = section.file_range() else { continue };
        let (Ok(start), Ok(length)) = (usize::try_from(start), usize::try_from(length)) else { continue };
        let Some(code) = patched.get_mut(start..start.saturating_add(length)) else { continue };
        marked += programs(code, words, settings)?;
    }
    if marked == 0 { Err(PatchError::Unmarked) } else { Ok(patched) }
}

/// Completes the instructions of one section; returns how many were marked.
fn programs(code: &mut [u8], words: &[u32; COUNT], settings: [u32; SETTINGS]) -> Result<usize, PatchError> {
    let mut marked = 0;
    let mut instructions = code.as_chunks_mut::<LENGTH>().0.iter_mut();
    while let Some(instruction) = instructions.next() {
        let [opcode, _, low, high, immediate @ ..] = instruction;
        match *opcode {
            LOAD_WIDE => drop(instructions.next()),
            MOVE => {
                let Some(position) = position(i32::from_ne_bytes(*immediate), VALUE_MARK) else { continue };
                let Some(value) = words.iter().chain(&settings).nth(position) else { continue };
                *immediate = value_operand(*value)?.to_ne_bytes();
                marked += 1;
            }
            load if load & LOAD_MASK == LOAD => {
                let Some(position) = position(i16::from_ne_bytes([*low, *high]).into(), OFFSET_MARK.into()) else { continue };
                let Some(offset) = words.get(position) else { continue };
                [*low, *high] = offset_operand(*offset)?.to_ne_bytes();
                marked += 1;
            }
            _ => {}
        }
    }
    Ok(marked)
}

fn position(operand: i32, mark: i32) -> Option<usize> {
    usize::try_from(operand.checked_sub(mark)?).ok()
}

/// All bits where the kernel does not have the word.
fn value_operand(value: u32) -> Result<i32, PatchError> {
    if value == ABSENT { Ok(-1) } else { i32::try_from(value).map_err(|_large| PatchError::Large(value)) }
}

/// The load of a member that the kernel does not have is never reached.
fn offset_operand(offset: u32) -> Result<i16, PatchError> {
    if offset == ABSENT { Ok(0) } else { i16::try_from(offset).map_err(|_far| PatchError::Far(offset)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [u32; COUNT] = {
        let mut words = [ABSENT; COUNT];
        (words[0], words[1]) = (532, 40_000);
        words
    };

    fn instruction(opcode: u8, offset: i16, immediate: i32) -> Vec<u8> {
        [&[opcode, 0x12], &offset.to_ne_bytes()[..], &immediate.to_ne_bytes()].concat()
    }

    fn patched(code: &[Vec<u8>]) -> Result<(usize, Vec<u8>), PatchError> {
        let mut code = code.concat();
        programs(&mut code, &WORDS, [1, 4096]).map(|marked| (marked, code))
    }

    #[test]
    fn marked_loads_get_offsets_and_marked_values_get_values() {
        let mark = |position: usize| VALUE_MARK + i32::try_from(position).unwrap();
        let code = [
            instruction(0x69, OFFSET_MARK, 0),
            instruction(0x79, OFFSET_MARK + 2, 0),
            instruction(MOVE, 0, mark(0)),
            instruction(MOVE, 0, mark(2)),
            instruction(MOVE, 0, mark(COUNT + 1)),
        ];
        let expected = [
            instruction(0x69, 532, 0),
            instruction(0x79, 0, 0),
            instruction(MOVE, 0, 532),
            instruction(MOVE, 0, -1),
            instruction(MOVE, 0, 4096),
        ];
        assert_eq!(patched(&code).unwrap(), (5, expected.concat()));
    }

    #[test]
    fn nothing_else_is_touched() {
        let code = [
            instruction(0x79, 16, 0),
            instruction(0x7b, OFFSET_MARK, 0),
            instruction(MOVE, OFFSET_MARK, 7),
            // The second half of a wide load is data, whatever it looks like.
            instruction(LOAD_WIDE, 0, VALUE_MARK),
            instruction(MOVE, 0, VALUE_MARK),
            instruction(MOVE, 0, VALUE_MARK + i32::try_from(COUNT + SETTINGS).unwrap()),
            instruction(0x79, i16::MAX, i32::MAX),
        ];
        assert_eq!(patched(&code).unwrap(), (0, code.concat()));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert!(matches!(patched(&[instruction(0x61, OFFSET_MARK + 1, 0)]), Err(PatchError::Far(40_000))));
        assert!(matches!(programs(&mut instruction(MOVE, 0, VALUE_MARK), &[u32::MAX - 1; COUNT], [0; 2]), Err(PatchError::Large(_))));
        assert!(matches!(patch(b"\x7fELF", &WORDS, [0; 2]), Err(PatchError::Object(_))));
    }
}

#[cfg(test)]
mod review {
    use super::*;

    /// A kernel without `task_struct.tgid` (an optional word that `iter_task_file` loads without asking): the verifier
    /// must refuse the load, as it refused base + 0xffffffff; an offset of 0 is `thread_info.flags`.
    #[test]
    fn a_load_of_an_absent_member_is_one_that_the_verifier_refuses() {
        let mut code = [0x61, 0x81, 0, 0, 0, 0, 0, 0];
        code[2..4].copy_from_slice(&(OFFSET_MARK + agent_common::layout::Word::TaskTgid as i16).to_ne_bytes());
        programs(&mut code, &[ABSENT; COUNT], [0; SETTINGS]).unwrap();
        let offset = i16::from_ne_bytes([code[2], code[3]]);
        assert!(i32::from(offset) + 8 < 0, "offset {offset}: a valid load");
    }

    /// An object of another layout table: a mark that this one has no word for.
    #[test]
    fn a_mark_without_a_word_is_an_error() {
        let mut code = [0xb7, 0x01, 0, 0, 0, 0, 0, 0];
        code[4..8].copy_from_slice(&(VALUE_MARK + (COUNT + SETTINGS) as i32).to_ne_bytes());
        assert!(programs(&mut code, &[0; COUNT], [0; SETTINGS]).is_err());
    }
}
