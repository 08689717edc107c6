//! What a metric is in OpenMetrics 1.0, which the text format does not say: the name of its family
//! without what its series add, its type, its unit, and since when it counts.

use super::{Kind, Metric};

/// What a series of a family adds to the name of the family.
const TOTAL: &str = "_total";
const INFO: &str = "_info";
/// Labels whose values come and go while the agent runs: a series of theirs may be younger than
/// the agent, end, and start again from 0.
const COME_AND_GO: [&str; 4] = ["netns", "port", "process", "workload"];

impl Metric {
    /// Returns the name of the family: that of its series without `_total` and `_info`.
    #[must_use]
    pub fn family(&self) -> &'static str {
        let suffix = if self.kind == Kind::Counter { TOTAL } else { INFO };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }

    /// Returns the word in the `# TYPE` line, `info` for a gauge that is 1 for its labels' sake.
    #[must_use]
    pub fn open_type(&self) -> &'static str {
        if self.is_info() { "info" } else { self.kind.as_str() }
    }

    /// Returns the unit for a `# UNIT` line; `None` where the name does not end with it, which such
    /// a line demands.
    #[must_use]
    pub fn open_unit(&self) -> Option<&'static str> {
        let before = self.family().strip_suffix(self.unit)?;
        (before.ends_with('_') && !self.is_info()).then_some(self.unit)
    }

    /// Returns whether every series of it has counted from 0 since the agent's start, also one that
    /// the page does not show before its first event.
    #[must_use]
    pub fn counts_since_start(&self) -> bool {
        self.kind != Kind::Gauge && !self.labels.iter().any(|label| COME_AND_GO.contains(label))
    }

    fn is_info(&self) -> bool {
        self.kind == Kind::Gauge && self.name.ends_with(INFO)
    }
}
