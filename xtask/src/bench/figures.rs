//! The kernel's own figures, as they are reported.

use serde::{Deserialize, Serialize};

use super::stats::Spread;

/// Runs of a program while the kernel counted them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ProgramRuns {
    pub(super) program: String,
    pub(super) runs: u64,
    /// Median over the turns; with what the measuring itself takes.
    pub(super) nanoseconds_per_run: f64,
    /// Each turn.
    pub(super) turns_nanoseconds_per_run: Vec<f64>,
}

impl ProgramRuns {
    /// The first turn.
    pub(super) fn new(program: String, runs: u64, nanoseconds: f64) -> Self {
        Self { program, runs, nanoseconds_per_run: nanoseconds, turns_nanoseconds_per_run: vec![nanoseconds] }
    }

    /// One more.
    pub(super) fn add(&mut self, runs: u64, nanoseconds: f64) {
        self.runs += runs;
        self.turns_nanoseconds_per_run.push(nanoseconds);
        self.nanoseconds_per_run = Spread::of(self.turns_nanoseconds_per_run.iter().copied()).map_or(f64::NAN, |spread| spread.median);
    }
}

/// The kernel's own figures.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KernelFigures {
    pub(super) programs: Vec<ProgramRuns>,
    pub(super) yardstick: Option<ProgramRuns>,
    /// The program that reports a transition over the yardstick's.
    pub(super) state_over_yardstick_ratio: Option<f64>,
    /// Both programs of a transition over the yardstick's.
    pub(super) both_over_yardstick_ratio: Option<f64>,
}

impl KernelFigures {
    /// With the ratios.
    pub(super) fn new(programs: Vec<ProgramRuns>, yardstick: Option<ProgramRuns>) -> Self {
        let of = |name: &str| programs.iter().find(|program| program.program == name).map(|program| program.nanoseconds_per_run);
        let (state, second) = (of("inet_sock_set_state"), of("inet_sock_set_state_second").unwrap_or(0.0));
        let yard = yardstick.as_ref().map(|program| program.nanoseconds_per_run);
        let over = |own: Option<f64>| Some(own? / yard?);
        let (state_over, both_over) = (over(state), over(state.map(|state| state + second)));
        Self { state_over_yardstick_ratio: state_over, both_over_yardstick_ratio: both_over, programs, yardstick }
    }
}
