//! Everything that talks to the kernel: types, programs, iterators, namespaces, privileges.
pub mod heap;
pub mod layout;
pub mod load;
pub mod namespaces;
pub mod patch;
pub mod privileges;
pub mod probe;
pub mod run_stats;
pub mod yardstick;
