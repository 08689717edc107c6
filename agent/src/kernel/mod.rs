//! Everything that talks to the kernel: types, programs, iterators, namespaces, privileges.
mod attach;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub mod heap;
pub(crate) mod inherited;
pub mod layout;
mod links;
pub mod load;
pub mod lookup;
pub mod namespaces;
pub mod patch;
pub mod privileges;
pub mod probe;
mod refusal;
mod resolve;
pub mod run_stats;
pub mod sight;
mod silences;
pub mod yardstick;
