//! The kernel's offsets as immediate operands of the instructions themselves.
//!
//! Each load of a kernel member, and each question whether the kernel has one, is compiled with a
//! marked operand (`agent_common::layout::{OFFSET_MARK, VALUE_MARK}`), which user space replaces
//! before loading. So a load is one instruction with the member's offset in it, as if the layout
//! had been known at compile time. In a storm of connections the code of a program is as cold as
//! the kernel's own: its length is its cost.

use core::arch::asm;

use agent_common::layout::{COUNT, OFFSET_MARK, SETTINGS, Setting, VALUE_MARK, Word};

/// A type that one instruction loads.
pub(crate) trait Field: Copy {
    /// Loads the member of `base` that the word at position `W` names.
    fn load<const W: usize>(base: *const u8) -> Self;
}

macro_rules! field {
    ($($of:ty as $width:literal to $most:expr,)+) => { $(
        impl Field for $of {
            #[inline(always)]
            #[allow(trivial_numeric_casts, reason = "one of the types is as wide as a register")]
            fn load<const W: usize>(base: *const u8) -> Self {
                let value: u64;
                // SAFETY: one load; the verifier admits it only inside a structure of the pointer's type, and the
                // kernel turns a fault into zeros.
                unsafe {
                    asm!(
                        concat!("{value} = *(", $width, " *)({base} + {offset})"),
                        value = out(reg) value,
                        base = in(reg) base,
                        offset = const OFFSET_MARK as usize + W,
                        options(pure, readonly, nostack, preserves_flags),
                    );
                }
                // SAFETY: a load sets the bits above its width to zero.
                unsafe { core::hint::assert_unchecked(value <= $most) };
                value as Self
            }
        }
    )+ };
}

field! {
    u8 as "u8" to u8::MAX as u64,
    u16 as "u16" to u16::MAX as u64,
    u32 as "u32" to u32::MAX as u64,
    i32 as "u32" to u32::MAX as u64,
    u64 as "u64" to u64::MAX,
    *const u8 as "u64" to u64::MAX,
}

/// The value at position `W` of what user space puts in.
#[inline(always)]
fn immediate<const W: usize>() -> u64 {
    let value: u64;
    // SAFETY: one register is set.
    unsafe {
        asm!("{value} = {mark}", value = out(reg) value, mark = const VALUE_MARK as usize + W, options(pure, nomem, nostack, preserves_flags));
    }
    value
}

/// Turns a position that is known once everything is inlined into a constant: of the arms one
/// remains.
macro_rules! at_position {
    ($position:expr, $function:ident :: <_> $(in $of:ty)? , ($($argument:expr)?)) => {
        at_position!(@ $position, $function, [$($of)?], ($($argument)?), 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28
            29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
    };
    (@ $position:expr, $function:ident, [$of:ty], ($argument:expr), $($n:literal)+) => {
        match $position { $($n => <$of>::$function::<$n>($argument),)+ _ => <$of>::$function::<63>($argument) }
    };
    (@ $position:expr, $function:ident, [], (), $($n:literal)+) => {
        match $position { $($n => $function::<$n>(),)+ _ => $function::<63>() }
    };
}

const _: () = assert!(COUNT + SETTINGS <= 64);

/// Loads the member of `base` that a word names.
#[inline(always)]
pub(crate) fn load<T: Field>(base: *const u8, which: Word) -> T {
    at_position!(which as usize, load::<_> in T, (base))
}

/// The value of a word; all bits are set where the kernel does not have it.
#[inline(always)]
pub(crate) fn value(which: Word) -> u64 {
    at_position!(which as usize, immediate::<_>, ())
}

/// A number that the loader chose.
#[inline(always)]
pub(crate) fn setting(which: Setting) -> u64 {
    at_position!(COUNT + which as usize, immediate::<_>, ())
}
