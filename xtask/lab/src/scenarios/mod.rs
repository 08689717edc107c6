//! The scenarios, a file each: who plays, what it does to the network, what to look at.

mod echo;
mod fd_leak;

use crate::Scenario;

/// Every scenario, the healthy one first.
pub(crate) const ALL: &[Scenario] = &[echo::SCENARIO, fd_leak::SCENARIO];
