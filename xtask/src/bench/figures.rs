//! The kernel's own figures, as they are reported.

use serde::{Deserialize, Serialize};

use super::names;
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
        Self {
            program,
            runs,
            nanoseconds_per_run: nanoseconds,
            turns_nanoseconds_per_run: vec![nanoseconds],
        }
    }

    /// One more.
    pub(super) fn add(&mut self, runs: u64, nanoseconds: f64) {
        self.runs += runs;
        self.turns_nanoseconds_per_run.push(nanoseconds);
        self.nanoseconds_per_run = Spread::of(self.turns_nanoseconds_per_run.iter().copied())
            .map_or(f64::NAN, |spread| spread.median);
    }
}

/// The kernel's own figures. A ratio is there twice: as counted, and after the figure of the empty
/// program, which is what the counting itself takes, was taken off every run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KernelFigures {
    pub(super) programs: Vec<ProgramRuns>,
    pub(super) yardstick: Option<ProgramRuns>,
    pub(super) empty: Option<ProgramRuns>,
    /// The program that reports a transition over the yardstick's.
    pub(super) state_over_yardstick_ratio: Option<f64>,
    pub(super) state_over_yardstick_net_ratio: Option<f64>,
    /// Both programs of a transition over the yardstick's.
    pub(super) both_over_yardstick_ratio: Option<f64>,
    pub(super) both_over_yardstick_net_ratio: Option<f64>,
}

impl KernelFigures {
    /// With the ratios; `yards` are the yardstick and the empty program, as far as they were
    /// measured.
    pub(super) fn new(programs: Vec<ProgramRuns>, mut yards: Vec<ProgramRuns>) -> Self {
        let mut yard = |name| {
            yards.iter().position(|yard| yard.program == name).map(|at| yards.swap_remove(at))
        };
        let (yardstick, empty) = (yard(names::YARDSTICK), yard(names::EMPTY));
        let each =
            |program: Option<&ProgramRuns>| program.map(|program| program.nanoseconds_per_run);
        let of = |name: &str| each(programs.iter().find(|program| program.program == name));
        let (state, second) = (of("inet_sock_set_state"), of("inet_sock_set_state_second"));
        let (yard, floor) = (each(yardstick.as_ref()), each(empty.as_ref()));
        let both = state.map(|state| state + second.unwrap_or(0.0));
        let runs = if second.is_some() { 2.0 } else { 1.0 };
        let over = |own: Option<f64>| Some(own? / yard?);
        // Where the yardstick is not above the floor, both are noise.
        let net = |own: Option<f64>, runs: f64| {
            (yard? > floor?).then_some((own? - runs * floor?) / (yard? - floor?))
        };
        Self {
            state_over_yardstick_ratio: over(state),
            state_over_yardstick_net_ratio: net(state, 1.0),
            both_over_yardstick_ratio: over(both),
            both_over_yardstick_net_ratio: net(both, runs),
            programs,
            yardstick,
            empty,
        }
    }

    /// All that was counted.
    pub(super) fn counted(&self) -> impl Iterator<Item = &ProgramRuns> {
        self.programs.iter().chain(&self.yardstick).chain(&self.empty)
    }
}
