//! The kernel's own figures: nanoseconds a run of each program while `kernel.bpf_stats_enabled` is
//! 1.

use std::fs;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::launch::Output;
use testkit::process::{Ending, Process};
use testkit::program::this_program;

use super::arms::{Arm, Lines};
use super::figures::{KernelFigures, ProgramRuns};
use super::interrupt::Interrupt;
use super::launch::launch;
use super::loads;
use super::stage::Load;
use super::yardstick::counted;

const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";
/// How long the agent may take to read its programs' counters again.
const SETTLE: Duration = Duration::from_millis(1500);
/// Times that the agent, the yardstick and the empty program are measured in turn.
const TURNS: usize = 5;

/// The kernel's statistics of BPF programs, on as long as this value lives. A process of its own
/// sets them back, so that they are also set back when the benchmark is killed.
struct Statistics(#[expect(dead_code, reason = "it ends when this is dropped")] Process);

impl Statistics {
    fn on() -> Result<Self> {
        let mut command = this_program("bench-load");
        command.args(["bench-load", "statistics"]);
        let name = "the process that switches the kernel's statistics on";
        let launch = launch(name, command)?.output(Output::LinesAndLog);
        let process = launch.ending(Ending::Input).spawn()?;
        process.expect_line("on", SETTLE * 10)?;
        Ok(Self(process))
    }
}

/// Says so where somebody has them on: they are then in every figure of every arm.
pub(super) fn warn() {
    if fs::read_to_string(STATISTICS).is_ok_and(|on| on.trim() != "0") {
        eprintln!(
            "bench: {STATISTICS} is on: the kernel's counting is in every figure of what has BPF \
            programs"
        );
    }
}

/// That process's part: switches them on, says so, and sets them back when its input ends.
pub(super) fn statistics() -> Result<()> {
    let before = fs::read_to_string(STATISTICS).with_context(|| format!("read {STATISTICS}"))?;
    // From here on no signal ends it before they are set back, nor does a reader that is gone.
    let interrupt = Interrupt::new()?;
    fs::write(STATISTICS, "1").with_context(|| format!("write {STATISTICS}"))?;
    let told = writeln!(std::io::stdout(), "on");
    let ended = std::io::stdin().read_to_end(&mut Vec::new());
    drop(interrupt);
    fs::write(STATISTICS, before.trim())
        .with_context(|| format!("set {STATISTICS} back to {}", before.trim()))?;
    told.and(ended).map(drop).context("wait for the end of the input")
}

/// Nanoseconds a run during storms: the agent's programs, and the yardsticks' in turn with them.
pub(super) fn figures(
    agent: &Arm,
    yardsticks: &[&Arm],
    time: Duration,
    interrupt: &Interrupt,
) -> Result<KernelFigures> {
    let statistics = Statistics::on()?;
    let mut load = Load::start(loads::find("storm")?, interrupt)?;
    let (mut programs, mut yards) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        for (program, runs, nanoseconds) in agents(agent, &mut load, time, interrupt)? {
            add(&mut programs, &program, runs, nanoseconds);
        }
        for yardstick in yardsticks {
            let attached = yardstick.attach(&load, &Lines::Dropped, interrupt)?;
            load.run(time, interrupt)?;
            let (said, _) = attached.detach(interrupt)?;
            let (runs, nanoseconds) = counted(&said)
                .with_context(|| format!("the {} said {said:?} at its end", yardstick.name))?;
            if runs > 0 {
                add(&mut yards, &yardstick.name, runs, ratio(nanoseconds, runs));
            }
        }
    }
    drop(load);
    drop(statistics);
    Ok(KernelFigures::new(programs, yards))
}

/// One more turn of a program.
fn add(known: &mut Vec<ProgramRuns>, program: &str, runs: u64, nanoseconds: f64) {
    match known.iter_mut().find(|known| known.program == program) {
        Some(known) => known.add(runs, nanoseconds),
        None => known.push(ProgramRuns::new(program.to_owned(), runs, nanoseconds)),
    }
}

/// One turn of the agent: program, runs, nanoseconds a run.
fn agents(
    agent: &Arm,
    load: &mut Load,
    time: Duration,
    interrupt: &Interrupt,
) -> Result<Vec<(String, u64, f64)>> {
    let attached = agent.attach(load, &Lines::Dropped, interrupt)?;
    load.run(time, interrupt)?;
    interrupt.sleep(SETTLE)?;
    let page = attached.page()?;
    attached.detach(interrupt)?;
    let figures = page.all("tcpwarden_bpf_runs_total", &[]).filter_map(|series| {
        let probe = series.labels.get("probe")?;
        let seconds = page.value("tcpwarden_bpf_run_seconds_total", &[("probe", probe)])?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a counter")]
        let runs = series.value as u64;
        Some((probe.clone(), runs, seconds * 1e9 / series.value))
    });
    Ok(figures.filter(|(_, runs, _)| *runs > 0).collect())
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 runs and nanoseconds")]
fn ratio(nanoseconds: u64, runs: u64) -> f64 {
    nanoseconds as f64 / runs as f64
}
