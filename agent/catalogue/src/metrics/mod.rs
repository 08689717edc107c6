//! The catalogue: every metric that the agent exports, in one table.
//!
//! The collector takes names, types and labels from here, docs/metrics.md is written from it and
//! the dashboards are checked against it; a metric that is not here cannot be exported.

pub mod agent;
pub mod connections;
pub mod lifecycle;
pub mod pressure;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, starts at 0 with the agent.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bound; cumulative since the agent started.
    Histogram,
}

impl Kind {
    /// The word in `# TYPE` lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its full name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What one is one of: `seconds`, `bytes`, `connections`.
    pub unit: &'static str,
    /// Its labels, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// What it counts, for `# HELP`.
    pub help: &'static str,
    /// What stands above its series on the page: `# HELP` and `# TYPE`.
    pub head: &'static str,
    /// What the kernel has that equals it, or where the two differ; for the documentation.
    pub note: &'static str,
}

impl Metric {
    /// The names that queries can use: a histogram has three.
    #[must_use]
    pub fn series_names(&self) -> Vec<String> {
        match self.kind {
            Kind::Counter | Kind::Gauge => vec![self.name.to_owned()],
            Kind::Histogram => ["_bucket", "_sum", "_count"]
                .iter()
                .map(|suffix| format!("{}{suffix}", self.name))
                .collect(),
        }
    }
}

/// A part of the catalogue with its heading.
#[derive(Debug)]
pub struct Section {
    /// The heading in the documentation.
    pub title: &'static str,
    /// The metrics, in the order of the documentation.
    pub metrics: &'static [&'static Metric],
}

/// The whole catalogue.
pub const SECTIONS: &[Section] = &[
    Section { title: "Connections", metrics: connections::ALL },
    Section { title: "Opening, closing, retransmitting", metrics: lifecycle::ALL },
    Section { title: "What fills up", metrics: pressure::ALL },
    Section { title: "The agent itself", metrics: agent::ALL },
];

/// Every metric, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    SECTIONS.iter().flat_map(|section| section.metrics.iter().copied())
}

/// The word of a kind in a `# TYPE` line, where only a literal will do.
macro_rules! word {
    (Counter) => {
        "counter"
    };
    (Gauge) => {
        "gauge"
    };
    (Histogram) => {
        "histogram"
    };
}

/// Declares metrics as statics and collects them, in order, in `ALL`.
macro_rules! metrics {
    ($(
        $id:ident = $kind:ident $name:literal, $unit:literal, [$($label:literal),*],
            $help:literal, $note:literal;
    )+) => {
        $(
            #[doc = $help]
            pub static $id: super::Metric = super::Metric {
                name: $name,
                kind: super::Kind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                help: $help,
                head: concat!(
                    "# HELP ", $name, " ", $help, "\n",
                    "# TYPE ", $name, " ", super::word!($kind), "\n",
                ),
                note: $note,
            };
        )+
        /// This part of the catalogue, in order.
        pub(super) const ALL: &[&super::Metric] = &[$(&$id),+];
    };
}
use {metrics, word};

#[cfg(test)]
mod tests;
