//! The catalogue has every metric that the agent exports, in one table.
//!
//! The collector takes names, types and labels from here. The dashboards take every name from here,
//! and docs/metrics.md is written from it. The agent cannot export a metric that is not here.

pub mod agent;
pub mod connections;
pub mod lifecycle;
mod open;
pub mod pressure;

/// `Kind` says how a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A counter starts at 0 with the agent and only grows.
    Counter,
    /// A gauge goes up and down.
    Gauge,
    /// A histogram counts by upper bound, cumulative since the agent started.
    Histogram,
}

impl Kind {
    /// Returns the word in `# TYPE` lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A `Metric` is one entry of the catalogue.
#[derive(Debug)]
pub struct Metric {
    /// The name is complete, prefix and unit included.
    pub name: &'static str,
    /// The kind stands in the `# TYPE` line.
    pub kind: Kind,
    /// The unit says what is counted: `seconds`, `bytes`, `connections`.
    pub unit: &'static str,
    /// The labels are in the order in which the collector gives their values.
    pub labels: &'static [&'static str],
    /// The help says what the metric counts, and stands in the `# HELP` line.
    pub help: &'static str,
    /// The head stands above the series on the page: `# HELP` and `# TYPE`.
    pub head: &'static str,
    /// The note tells the documentation what the kernel has that equals the metric, or where the
    /// two differ.
    pub note: &'static str,
}

impl Metric {
    /// Returns the names that queries can use: a histogram has three.
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

/// A `Section` is a part of the catalogue with its heading.
#[derive(Debug)]
pub struct Section {
    /// The title is the heading in the documentation.
    pub title: &'static str,
    /// The metrics are in the order of the documentation.
    pub metrics: &'static [&'static Metric],
}

/// `SECTIONS` is the whole catalogue.
pub const SECTIONS: &[Section] = &[
    Section { title: "Connections", metrics: connections::ALL },
    Section { title: "Opening, closing, retransmitting", metrics: lifecycle::ALL },
    Section { title: "What fills up", metrics: pressure::ALL },
    Section { title: "The agent itself", metrics: agent::ALL },
];

/// Returns every metric, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    SECTIONS.iter().flat_map(|section| section.metrics.iter().copied())
}

/// Expands to the word of a kind in a `# TYPE` line, where only a literal will do.
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
        /// `ALL` is this part of the catalogue, in the order of the documentation.
        pub(super) const ALL: &[&super::Metric] = &[$(&$id),+];
    };
}
use {metrics, word};

#[cfg(test)]
mod tests;
