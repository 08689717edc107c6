//! Resolves the table of kernel members (`agent_common::layout`) from the running kernel's BTF.
//!
//! Called once, before the programs are loaded. A required entry that is missing or has another
//! shape than the probes expect is an error that names it; an optional one is `ABSENT`.

use std::path::Path;

use agent_common::btf::{Entry, Need};
use agent_common::layout::{ABSENT, COUNT, Name, Source, TABLE};
use btf_rs::Btf;

use super::resolve::resolve;

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
        Self::resolved(&btf)
    }

    /// Resolves every entry from these types.
    pub(super) fn resolved(btf: &Btf) -> Result<Self, LayoutError> {
        let mut values = [ABSENT; COUNT];
        for (slot, (need, source)) in values.iter_mut().zip(TABLE) {
            match resolve(btf, source) {
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
}
