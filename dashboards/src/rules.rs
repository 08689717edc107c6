//! Alert and recording rules, as files that Prometheus and its relatives load.

use crate::File;
use crate::timing::Timing;

/// One alert.
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    /// CamelCase, with the prefix `Tcp`.
    pub name: &'static str,
}

/// Every alert.
#[must_use]
pub fn all() -> &'static [Alert] {
    &[]
}

/// The rule files with these times.
#[must_use]
pub fn files(_timing: &Timing) -> Vec<File> {
    Vec::new()
}
