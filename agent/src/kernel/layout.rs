//! Resolves the table of kernel members (`agent_common::layout`) from the running kernel's BTF.
//!
//! Called once, before the programs are loaded. A required entry that is missing or has another
//! shape than the probes expect is an error that names it; an optional one is `ABSENT`.

use std::path::Path;

use agent_common::btf::{Entry, Need};
use agent_common::layout::{ABSENT, COUNT, Name, Source, TABLE};
use btf_rs::{Btf, Struct, Type};

/// Where the kernel shows its own types.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// Why the kernel's types cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The file is missing or is no BTF.
    #[error("cannot read the kernel's type information from {BTF_PATH}: {source}")]
    Read {
        /// Why.
        source: btf_rs::Error,
    },
    /// The kernel lacks something that the state probe needs.
    #[error("this kernel has no {what}, which the state probe needs")]
    Missing {
        /// The entry's source, as text.
        what: String,
    },
}

/// The resolved table.
#[derive(Clone, Debug)]
pub struct Layout {
    values: [u32; COUNT],
}

impl Layout {
    /// Resolves every entry from the BTF in `path`.
    ///
    /// # Errors
    /// If the file cannot be read, or a required entry is missing.
    pub fn read(path: &Path) -> Result<Self, LayoutError> {
        // The file can be mapped since 6.16 only, so it is read and parsed as a whole.
        let btf = Btf::from_file(path).map_err(|source| LayoutError::Read { source })?;
        let mut values = [ABSENT; COUNT];
        for (slot, (need, source)) in values.iter_mut().zip(TABLE) {
            match resolve(&btf, source) {
                Some(value) => *slot = value,
                None if *need == Need::Optional => {}
                None => return Err(LayoutError::Missing { what: describe(source) }),
            }
        }
        Ok(Self { values })
    }

    /// Returns a table with these values.
    #[cfg(test)]
    pub(super) const fn of(values: &[u32; COUNT]) -> Self {
        Self { values: *values }
    }

    /// Returns the values in the order of the table, for the programs.
    #[must_use]
    pub const fn values(&self) -> &[u32; COUNT] {
        &self.values
    }

    /// Returns the value of an entry; `None` if this kernel does not have it.
    #[must_use]
    pub fn get<E: Entry>(&self, _: E) -> Option<u32> {
        self.at(E::INDEX)
    }

    /// Returns the value of the entry with this name, none if this kernel does not have it.
    pub(super) fn named(&self, name: Name) -> Option<u32> {
        self.at(name as usize)
    }

    fn at(&self, position: usize) -> Option<u32> {
        self.values.get(position).copied().filter(|value| *value != ABSENT)
    }
}

fn describe(source: &Source) -> String {
    match source {
        Source::Offset { of, path, size } => {
            format!("member {path} of {size} bytes in struct {of}")
        }
        Source::BitByte { of, path }
        | Source::BitMask { of, path }
        | Source::BitShift { of, path } => {
            format!("member {path} in struct {of}")
        }
        Source::Arguments { tracepoint } => format!("tracepoint {tracepoint}"),
        Source::Enumerator { of, name } => format!("{name} in enum {of}"),
    }
}

fn resolve(btf: &Btf, source: &Source) -> Option<u32> {
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

fn member(btf: &Btf, of: &str, path: &str) -> Option<Found> {
    let candidates = btf.resolve_types_by_name(of).ok()?;
    candidates.into_iter().find_map(|candidate| follow(btf, candidate, path))
}

fn follow(btf: &Btf, start: Type, path: &str) -> Option<Found> {
    let mut found = Found { bits: 0, field_bits: 0, of: start };
    for part in path.split('.') {
        let (Type::Struct(inside) | Type::Union(inside)) = strip(btf, found.of)? else {
            return None;
        };
        let next = find_in(btf, &inside, part, 0)?;
        found = Found { bits: found.bits + next.bits, ..next };
    }
    Some(found)
}

/// Finds a name in a structure and, through anonymous members, in what it contains.
fn find_in(btf: &Btf, inside: &Struct, name: &str, depth: u8) -> Option<Found> {
    // No kernel nests anonymous members anywhere near this deep, but a broken file could do so
    // without end.
    if depth > 16 {
        return None;
    }
    for member in &inside.members {
        let label = btf.resolve_name(member).unwrap_or_default();
        if label == name {
            let of = btf.resolve_chained_type(member).ok()?;
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
            btf.resolve_chained_type(member).ok().and_then(|of| strip(btf, of))
            && let Some(found) = find_in(btf, &inner, name, depth + 1)
        {
            return Some(Found { bits: member.bit_offset() + found.bits, ..found });
        }
    }
    None
}

/// Returns the type behind typedefs and qualifiers.
fn strip(btf: &Btf, mut of: Type) -> Option<Type> {
    for _ in 0..32 {
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

fn size_of_type(btf: &Btf, of: &Type) -> Option<u32> {
    let bytes = match strip(btf, of.clone())? {
        Type::Int(int) => int.size(),
        Type::Ptr(_) => size_of::<u64>(),
        Type::Struct(inner) | Type::Union(inner) => inner.size(),
        Type::Enum(inner) => inner.size(),
        Type::Enum64(inner) => inner.size(),
        Type::Array(array) => {
            let element = btf.resolve_chained_type(&array).ok()?;
            return size_of_type(btf, &element)?.checked_mul(u32::try_from(array.len()).ok()?);
        }
        _ => return None,
    };
    u32::try_from(bytes).ok()
}

/// Returns byte, mask and shift of a bit-field that lies within one byte; a plain byte has the mask
/// 0xff.
fn field(btf: &Btf, of: &str, path: &str) -> Option<(u32, u32, u32)> {
    let found = member(btf, of, path)?;
    let (byte, shift) = (found.bits / 8, found.bits % 8);
    let width =
        if found.field_bits == 0 { size_of_type(btf, &found.of)? * 8 } else { found.field_bits };
    (width > 0 && shift + width <= 8).then(|| (byte, ((1 << width) - 1) << shift, shift))
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
    use agent_common::layout::{CaStateMask, CaStateShift, SkFamily, SockDead};

    use super::*;

    /// Types of the kernel that runs the tests; every machine that can run the agent has them.
    fn here() -> Layout {
        Layout::read(Path::new(BTF_PATH)).unwrap()
    }

    #[test]
    fn the_running_kernel_has_every_required_entry() {
        let layout = here();
        assert_eq!(layout.values().len(), COUNT);
        // Fixed by the ABI of `struct sock_common`: the family stands at byte 16 on every 64-bit
        // kernel.
        assert_eq!(layout.get(SkFamily), Some(16));
        assert_eq!(layout.get(SockDead), Some(0));
    }

    #[test]
    fn a_bit_field_is_byte_mask_and_shift() {
        let layout = here();
        let (mask, shift) = (layout.get(CaStateMask).unwrap(), layout.get(CaStateShift).unwrap());
        assert!(mask.count_ones() >= 3 && mask >> shift & 1 == 1, "mask {mask:#x} shift {shift}");
    }

    #[test]
    fn a_file_without_types_is_a_clear_error() {
        let error = Layout::read(Path::new("/proc/self/cmdline")).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot read the kernel's type information"),
            "{error}"
        );
    }

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
}
