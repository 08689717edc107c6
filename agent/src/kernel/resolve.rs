//! Finds one entry of the table of kernel members in BTF.
//!
//! Used by `layout`. Guarantees for any types, those that name each other in a circle included:
//! what is not found is `None`, and a search ends: it looks at no more than [`MOST`] members.

use agent_common::layout::Source;
use btf_rs::{Btf, Struct, Type};

/// The most members that one search looks at; the largest structure of a kernel has some hundred.
const MOST: usize = 1 << 13;
/// How deep anonymous members may lie in each other. No kernel nests them anywhere near so deep.
const DEEPEST: u8 = 16;
/// How many names or qualifiers of one type, or dimensions of one array, are followed.
const LONGEST: usize = 32;

/// Returns the value of an entry; `None` if these types do not have it.
pub(super) fn resolve(btf: &Btf, source: &Source) -> Option<u32> {
    match source {
        Source::Offset { of, path, size } => {
            let found = member(btf, of, path)?;
            (found.bits % 8 == 0 && found.field_bits == 0 && size_of_type(btf, &found.of)? == *size)
                .then_some(found.bits / 8)
        }
        Source::BitByte { of, path } => Some(field(btf, of, path)?.0),
        Source::BitMask { of, path } => Some(field(btf, of, path)?.1),
        Source::BitShift { of, path } => Some(field(btf, of, path)?.2),
        Source::Arguments { tracepoint } => arguments(btf, tracepoint),
        Source::Enumerator { of, name } => enumerator(btf, of, name),
    }
}

/// A member: its first bit, its width as a bit-field (0: it is none), its type.
struct Found {
    bits: u32,
    field_bits: u32,
    of: Type,
}

/// A search for one member.
struct Search<'a> {
    btf: &'a Btf,
    /// How many members it may still look at.
    left: usize,
}

fn member(btf: &Btf, of: &str, path: &str) -> Option<Found> {
    let candidates = btf.resolve_types_by_name(of).ok()?;
    let mut search = Search { btf, left: MOST };
    candidates.into_iter().find_map(|candidate| search.follow(candidate, path))
}

impl Search<'_> {
    fn follow(&mut self, start: Type, path: &str) -> Option<Found> {
        let mut found = Found { bits: 0, field_bits: 0, of: start };
        for part in path.split('.') {
            let (Type::Struct(inside) | Type::Union(inside)) = strip(self.btf, found.of)? else {
                return None;
            };
            let next = self.find_in(&inside, part, 0)?;
            found = Found { bits: found.bits.checked_add(next.bits)?, ..next };
        }
        Some(found)
    }

    /// Finds a name in a structure and, through anonymous members, in what it contains.
    fn find_in(&mut self, inside: &Struct, name: &str, depth: u8) -> Option<Found> {
        if depth > DEEPEST {
            return None;
        }
        for member in &inside.members {
            self.left = self.left.checked_sub(1)?;
            let label = self.btf.resolve_name(member).unwrap_or_default();
            if label == name {
                let of = self.btf.resolve_chained_type(member).ok()?;
                return Some(Found {
                    bits: member.bit_offset(),
                    field_bits: member.bitfield_size().unwrap_or(0),
                    of,
                });
            }
            if !label.is_empty() {
                continue;
            }
            if let Some(Type::Struct(inner) | Type::Union(inner)) =
                self.btf.resolve_chained_type(member).ok().and_then(|of| strip(self.btf, of))
                && let Some(found) = self.find_in(&inner, name, depth + 1)
            {
                return Some(Found { bits: member.bit_offset().checked_add(found.bits)?, ..found });
            }
        }
        None
    }
}

/// Returns the type behind typedefs and qualifiers.
fn strip(btf: &Btf, mut of: Type) -> Option<Type> {
    for _ in 0..LONGEST {
        of = match &of {
            Type::Typedef(inner) => btf.resolve_chained_type(inner).ok()?,
            Type::TypeTag(inner) => btf.resolve_chained_type(inner).ok()?,
            Type::Volatile(inner) | Type::Const(inner) | Type::Restrict(inner) => {
                btf.resolve_chained_type(inner).ok()?
            }
            _ => return Some(of),
        };
    }
    None
}

/// Returns the size of a type, bytes; `None` also for an array that is one of itself.
fn size_of_type(btf: &Btf, of: &Type) -> Option<u32> {
    let (mut of, mut elements) = (of.clone(), 1_u32);
    for _ in 0..LONGEST {
        let bytes = match strip(btf, of)? {
            Type::Int(int) => int.size(),
            Type::Ptr(_) => size_of::<u64>(),
            Type::Struct(inner) | Type::Union(inner) => inner.size(),
            Type::Enum(inner) => inner.size(),
            Type::Enum64(inner) => inner.size(),
            Type::Array(array) => {
                elements = elements.checked_mul(u32::try_from(array.len()).ok()?)?;
                of = btf.resolve_chained_type(&array).ok()?;
                continue;
            }
            _ => return None,
        };
        return u32::try_from(bytes).ok()?.checked_mul(elements);
    }
    None
}

/// Returns byte, mask and shift of a bit-field that lies within one byte; a plain byte has the mask
/// 0xff.
fn field(btf: &Btf, of: &str, path: &str) -> Option<(u32, u32, u32)> {
    let found = member(btf, of, path)?;
    let (byte, shift) = (found.bits / 8, found.bits % 8);
    let width = if found.field_bits == 0 {
        size_of_type(btf, &found.of)?.checked_mul(8)?
    } else {
        found.field_bits
    };
    (1..=8 - shift).contains(&width).then(|| (byte, ((1 << width) - 1) << shift, shift))
}

/// Returns how many arguments a tracepoint has: its typedef points to a function whose first
/// parameter is not one of them.
fn arguments(btf: &Btf, tracepoint: &str) -> Option<u32> {
    let typedef =
        btf.resolve_types_by_name(&format!("btf_trace_{tracepoint}")).ok()?.into_iter().next()?;
    let Type::Ptr(pointer) = strip(btf, typedef)? else { return None };
    let Type::FuncProto(function) = btf.resolve_chained_type(&pointer).ok()? else { return None };
    u32::try_from(function.parameters.len()).ok()?.checked_sub(1)
}

fn enumerator(btf: &Btf, of: &str, name: &str) -> Option<u32> {
    btf.resolve_types_by_name(of).ok()?.iter().find_map(|candidate| match candidate {
        Type::Enum(inner) => inner
            .members
            .iter()
            .find(|member| btf.resolve_name(*member).is_ok_and(|label| label == name))
            .map(btf_rs::EnumMember::val),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::layout::BTF_PATH;
    use super::*;

    #[test]
    fn a_size_that_differs_is_a_missing_member() {
        let btf = Btf::from_file(BTF_PATH).unwrap();
        assert_eq!(
            resolve(&btf, &Source::Offset { of: "sock", path: "sk_protocol", size: 4 }),
            None
        );
        assert_eq!(
            resolve(&btf, &Source::Offset { of: "sock", path: "no_such_member", size: 2 }),
            None
        );
    }

    /// BTF of these types, each its words, with the strings behind: `s` is at 1 and `m` at 3.
    fn types(words: &[&[u32]]) -> Btf {
        let words: Vec<u8> = words.concat().into_iter().flat_map(u32::to_ne_bytes).collect();
        let strings = b"\0s\0m\0";
        let sizes = [24, 0, words.len(), words.len(), strings.len()];
        let sizes = sizes.into_iter().flat_map(|size| u32::try_from(size).unwrap().to_ne_bytes());
        let magic: u32 = 0xeb9f | 1 << 16;
        let head: Vec<u8> = magic.to_ne_bytes().into_iter().chain(sizes).collect();
        Btf::from_bytes(&[&head, &words[..], strings].concat()).unwrap()
    }

    const STRUCT: u32 = 4 << 24;
    const MEMBER: Source = Source::Offset { of: "s", path: "m", size: 4 };

    #[test]
    fn an_array_of_itself_has_no_size() {
        let btf = types(&[&[1, STRUCT | 1, 4, 3, 2, 0], &[0, 3 << 24, 0, 2, 2, 1]]);
        assert_eq!(resolve(&btf, &MEMBER), None);
        assert_eq!(resolve(&btf, &Source::BitMask { of: "s", path: "m" }), None);
    }

    #[test]
    fn structures_that_contain_each_other_many_times_end_the_search() {
        // Each of the members is the structure itself again: without a bound 8 to the 16th power.
        let members = [0, 1, 0].repeat(8);
        let btf = types(&[&[&[1, STRUCT | 8, 4], &members[..]].concat()]);
        assert_eq!(resolve(&btf, &MEMBER), None);
    }

    #[test]
    fn an_offset_that_no_number_holds_is_a_missing_member() {
        let inner: [u32; 6] = [0, STRUCT | 1, 4, 3, 3, 8];
        let int: [u32; 4] = [0, 1 << 24, 4, 32];
        let at = |bits| types(&[&[1, STRUCT | 1, 4, 0, 2, bits], &inner, &int]);
        assert_eq!(resolve(&at(u32::MAX - 7), &MEMBER), None);
        assert_eq!(resolve(&at(24), &MEMBER), Some(4));
    }
}
