//! Reading kernel structures, at offsets that user space resolved from the running kernel's BTF.
//!
//! Each load of a member, and each question whether the kernel has one, is compiled with a
//! placeholder (`agent_common::operand`), which user space replaces before loading. So a load is
//! one instruction with the member's offset in it, as if the layout had been known at compile time.
//! In a storm of connections the code of a program is as cold as the kernel's own: its length is
//! its cost. A branch on an absent entry is pruned when the program is loaded.
//!
//! Guarantees: a direct load is checked against the structure's type when the program is loaded;
//! through a pointer that is null or stale at run time it reads zero, because the kernel handles
//! the fault. That is why the functions here are safe to call.

use core::arch::asm;

use agent_common::btf::{Access, Entry, KernelPtr, Member, Need, StartsWith};
use agent_common::layout::COUNT;
use agent_common::operand::{OFFSET_PLACEHOLDER, Setting, VALUE_PLACEHOLDER};
use aya_ebpf::helpers;

/// A pointer to a structure whose type the verifier knows.
pub(crate) type BtfPtr<S> = KernelPtr<S, Direct>;

/// A pointer whose type the verifier does not know.
pub(crate) type ProbePtr<S> = KernelPtr<S, Copied>;

/// Access by one load instruction, which the verifier checks.
pub(crate) struct Direct;

/// Access by copying, for pointers and members that no direct load may touch.
pub(crate) struct Copied;

impl<V: Field> Access<V> for Direct {
    #[inline(always)]
    fn read<M: Member<Value = V>>(base: *const u8) -> V {
        V::load::<M>(base)
    }
}

impl<V: Field> Access<V> for Copied {
    #[inline(always)]
    fn read<M: Member<Value = V>>(base: *const u8) -> V {
        copy(base.wrapping_add(value::<M>() as usize))
    }
}

/// Copies a value from any address; zero if it cannot be read.
#[inline(always)]
fn copy<V: Field>(from: *const u8) -> V {
    // SAFETY: `bpf_probe_read_kernel` may be given any address: a fault is an error, not undefined.
    // Every bit pattern is a `V`, because `Field` has only integers and pointers.
    unsafe { helpers::bpf_probe_read_kernel(from.cast::<V>()) }.unwrap_or(V::ZERO)
}

/// A type that a direct load returns.
pub(crate) trait Field: Copy {
    /// What is read where nothing can be.
    const ZERO: Self;

    /// Loads member `M` of the structure at `base`.
    fn load<M: Entry>(base: *const u8) -> Self;
}

macro_rules! field {
    ($($of:ty: $width:literal up to $most:expr;)+) => { $(
        impl Field for $of {
            const ZERO: Self = 0;

            #[inline(always)]
            #[allow(trivial_numeric_casts, reason = "one of the types is as wide as a register")]
            fn load<M: Entry>(base: *const u8) -> Self {
                let value: u64;
                // SAFETY: the instruction only reads. The verifier admits it only if `base` is a
                // pointer to a structure that has a member of this width there, and the kernel
                // turns a fault into zeros.
                unsafe {
                    asm!(
                        concat!("{value} = *(", $width, " *)({base} + {offset})"),
                        value = out(reg) value,
                        base = in(reg) base,
                        offset = const OFFSET_PLACEHOLDER as usize + M::INDEX,
                        options(pure, readonly, nostack, preserves_flags),
                    );
                }
                // SAFETY: a load of this width sets the bits above it to zero.
                unsafe { core::hint::assert_unchecked(value <= $most) };
                value as Self
            }
        }
    )+ };
}

field! {
    u8: "u8" up to u8::MAX as u64;
    u16: "u16" up to u16::MAX as u64;
    u32: "u32" up to u32::MAX as u64;
    i32: "u32" up to u32::MAX as u64;
    u64: "u64" up to u64::MAX;
}

impl<T> Field for *const T {
    const ZERO: Self = core::ptr::null();

    #[inline(always)]
    fn load<M: Entry>(base: *const u8) -> Self {
        u64::load::<M>(base) as Self
    }
}

impl Field for [u64; 2] {
    const ZERO: Self = [0; 2];

    #[inline(always)]
    fn load<M: Entry>(base: *const u8) -> Self {
        [u64::load::<M>(base), u64::load::<M>(base.wrapping_add(size_of::<u64>()))]
    }
}

/// Returns the operand at a position of what user space puts in.
macro_rules! immediate {
    ($position:expr) => {{
        let value: u64;
        // SAFETY: the instruction sets one register and touches no memory.
        unsafe {
            asm!(
                "{value} = {placeholder}",
                value = out(reg) value,
                placeholder = const VALUE_PLACEHOLDER as usize + $position,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        value
    }};
}

/// All bits are set where the kernel does not have the entry.
#[inline(always)]
fn value<E: Entry>() -> u64 {
    immediate!(E::INDEX)
}

/// Returns the value of an entry that the running kernel has.
#[inline(always)]
pub(crate) fn constant<E: Entry>(_: E) -> u32 {
    value::<E>() as u32
}

/// Returns whether the running kernel has what an entry names. The loader refuses a kernel that
/// lacks a required one.
#[inline(always)]
pub(crate) fn has<E: Entry>(_: E) -> bool {
    matches!(E::NEED, Need::Required) || value::<E>() != u64::MAX
}

/// Returns a number that the loader chose.
#[inline(always)]
pub(crate) fn setting<S: Setting>(_: S) -> u64 {
    immediate!(COUNT + S::INDEX)
}

/// Returns a member's value, or 0 if this kernel does not have the member.
#[inline(always)]
pub(crate) fn load_if_known<S, M>(from: BtfPtr<S>, member: M) -> u32
where
    S: StartsWith<M::Of>,
    M: Member<Value = u32>,
{
    if has(member) { from.load(member) } else { 0 }
}

/// Returns the same pointer for reading by copy, for members that no direct load may touch.
#[inline(always)]
pub(crate) fn by_copy<S>(pointer: BtfPtr<S>) -> ProbePtr<S> {
    ProbePtr::new(pointer.as_ptr())
}

/// Copies `inner`, a member of what lies in the bytes of `outer`.
#[inline(always)]
pub(crate) fn copy_within<S, O, I, const BYTES: usize>(from: BtfPtr<S>, _: O, _: I) -> I::Value
where
    S: StartsWith<O::Of>,
    O: Member<Value = [u8; BYTES]>,
    I: Member<Value: Field>,
{
    copy(from.as_ptr().cast::<u8>().wrapping_add(value::<O>() as usize + value::<I>() as usize))
}
