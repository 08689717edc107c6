//! What the agent's own code costs, apart from any kernel: the work that the micro-benchmarks time
//! (`cargo bench --package cost`) and that the gate counts (`cargo xtask bench --check`).
#![forbid(unsafe_code)]

pub mod records;
pub mod scrape;
pub mod top;

/// A piece of work to be counted: its name, how much of it there is, and how to do it.
pub struct Work {
    /// What it is called in the gate's table.
    pub name: &'static str,
    /// What is counted per: records, rows, series.
    pub unit: &'static str,
    /// Prepares it, outside of what is counted.
    pub prepare: fn() -> Prepared,
}

/// Work that is ready to be done.
pub struct Prepared {
    /// How many units it is.
    pub units: u64,
    /// Does it once.
    pub run: Box<dyn FnMut()>,
}
