//! What only the kernel's lists and `/proc` tell: what waits, who listens, which ports are taken.
//!
//! Filled by a pass, shown when it has ended.

mod bound_ports;
pub(crate) mod destinations;
pub(crate) mod listening;
pub(crate) mod namespaces;
pub(crate) mod netstat;
pub(crate) mod results;
pub(crate) mod sums;
