//! The run from its beginning to its end: what is built, which arms there are, what is measured,
//! where it is written.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

use super::arms::{Arm, Kind};
use super::cli::{Args, LoadName};
use super::interrupt::Interrupt;
use super::loads::{self, Spec};
use super::names::{self, WITHOUT};
use super::report::{ArmState, LoadReport, Report};
use super::rounds::{self, Plan};
use super::stage::Load;
use super::{kernel, machine, markdown, memory, peers, table, yardstick};
use crate::build::{self, Profile};
use crate::packages::{self, Consent};
use crate::process;
use crate::setup;

/// Programs that make the network of a load, with the package that brings each.
const PROGRAMS: [(&str, &str); 2] = [("ip", "iproute2"), ("nft", "nftables")];

/// The arms that can be measured, and what became of all of them.
struct Arms {
    arms: Vec<Arm>,
    states: Vec<ArmState>,
}

pub(super) fn main(args: &Args) -> Result<()> {
    // Rather now than after ten minutes.
    args.json.as_deref().map(can_be_written).transpose()?;
    args.update.as_deref().map(|file| can_be_updated(file, args)).transpose()?;
    let report = match &args.from {
        Some(file) => earlier(file)?,
        None => measured(args)?,
    };
    table::rest(&report);
    if let Some(file) = &args.json {
        std::fs::write(file, report.json()?)
            .with_context(|| format!("write {}", file.display()))?;
    }
    let Some(file) = &args.update else { return Ok(()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    std::fs::write(file, markdown::replace(&text, &report)?)
        .with_context(|| format!("write {}", file.display()))
}

/// An error where nothing can be written to a file; one that is not there is not left behind, since
/// the run may fail.
fn can_be_written(file: &Path) -> Result<()> {
    let tried = match File::options().write(true).create_new(true).open(file) {
        Ok(_) => std::fs::remove_file(file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            File::options().append(true).open(file).map(drop)
        }
        Err(error) => Err(error),
    };
    tried.with_context(|| format!("open {} for writing", file.display()))
}

/// An error where a file of figures cannot be written, or has figures that the run would not bring.
fn can_be_updated(file: &Path, args: &Args) -> Result<()> {
    File::options()
        .append(true)
        .open(file)
        .with_context(|| format!("open {} for writing", file.display()))?;
    if args.from.is_some() {
        return Ok(());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let loads: Vec<_> = wanted(&args.loads).iter().map(|spec| spec.name).collect();
    markdown::check(&text, &loads)
        .with_context(|| format!("{} would not be updated", file.display()))
}

/// A run from its JSON.
fn earlier(file: &Path) -> Result<Report> {
    let json = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let report = Report::read(&json)?;
    report.loads.iter().for_each(table::load);
    Ok(report)
}

/// A run.
fn measured(args: &Args) -> Result<Report> {
    anyhow::ensure!(
        process::is_root(),
        "the agent loads BPF programs: run `cargo xtask bench` as root"
    );
    let consent = args.consent.consent();
    let toolchain = setup::for_build(consent)?;
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !process::on_path(program))
        .map(|(_, package)| *package)
        .collect();
    packages::install(&missing, "for the network of a load", consent)?;
    let built = build::agent(&toolchain, Profile::Release)?;
    let yardsticks = yardstick::arms(args.yardstick.as_deref(), &built.object);
    // What runs beside this would be in the figures, and this in what others count.
    let turn = testkit::turn::alone();
    let interrupt = Interrupt::new()?;
    kernel::warn();
    let start = Instant::now();
    let mut arms = Arms::new(built.binary, yardsticks);
    arms.peers(&args.peers.0, consent, &interrupt)?;
    let mut report = begin(args)?;
    for spec in wanted(&args.loads) {
        let load = one(spec, &mut arms, args.plan(), &interrupt)?;
        table::load(&load);
        report.loads.push(load);
    }
    report.kernel = arms.kernel(args.plan().slot.min(Duration::from_secs(1)), &interrupt)?;
    report.memory = Some(memory::measure(&arms.arms[1], args.crowd(), &interrupt)?);
    report.arms = arms.states;
    report.elapsed_seconds = start.elapsed().as_secs_f64();
    drop(turn);
    Ok(report)
}

impl Args {
    fn plan(&self) -> Plan {
        let (rounds, seconds) = if self.quick { (3, 0.3) } else { (self.rounds, self.seconds) };
        Plan { rounds: rounds.into(), slot: Duration::from_secs_f64(seconds) }
    }

    fn crowd(&self) -> u64 {
        if self.quick { 10_000 } else { self.connections }
    }
}

impl Arms {
    /// Nothing, the agent and, where they could be built, the yardstick and the empty program.
    fn new(binary: PathBuf, yardsticks: Result<[Arm; 2]>) -> Self {
        let arm = |name: &str, kind| Arm { name: name.to_owned(), kind };
        let mut all = Self {
            arms: vec![arm(WITHOUT, Kind::Nothing), arm("agent", Kind::Agent(binary))],
            states: Vec::new(),
        };
        match yardsticks {
            Ok(arms) => {
                for arm in arms {
                    all.add(&arm.name.clone(), Ok((arm, None)));
                }
            }
            Err(error) => {
                all.add(names::EMPTY, Err(anyhow::anyhow!("it is built with the yardstick")));
                all.add(names::YARDSTICK, Err(error));
            }
        }
        all
    }

    /// Makes sure of each peer, and that it sees what happens.
    fn peers(&mut self, names: &[&str], consent: Consent, interrupt: &Interrupt) -> Result<()> {
        let wanted: Vec<_> = peers::ALL.iter().filter(|peer| names.contains(&peer.name)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut load = Load::start(loads::find("storm")?, interrupt)?;
        for peer in wanted {
            eprintln!("bench: looking whether {} works here", peer.name);
            let arm = peer.arm(&mut load, consent, interrupt);
            interrupt.check()?;
            self.add(peer.name, arm.map(|(arm, check)| (arm, Some(check))));
        }
        Ok(())
    }

    fn add(&mut self, name: &str, found: Result<(Arm, Option<super::report::Check>)>) {
        let (error, check) = match found {
            Ok((arm, check)) => {
                self.arms.push(arm);
                (None, check)
            }
            Err(error) => {
                eprintln!("bench: {name} cannot be measured here: {error:#}");
                (Some(format!("{error:#}")), None)
            }
        };
        self.states.push(ArmState { name: name.to_owned(), error, check });
    }

    /// The kernel's own figures; their failure is told and the rest goes on.
    fn kernel(
        &self,
        time: Duration,
        interrupt: &Interrupt,
    ) -> Result<Option<super::figures::KernelFigures>> {
        eprintln!("bench: the kernel's own figures");
        let yardsticks: Vec<_> =
            self.arms.iter().filter(|arm| matches!(arm.kind, Kind::Yardstick { .. })).collect();
        match kernel::figures(&self.arms[1], &yardsticks, time, interrupt) {
            Ok(figures) => Ok(Some(figures)),
            Err(error) => {
                interrupt.check()?;
                eprintln!("bench: no figures of the kernel: {error:#}");
                Ok(None)
            }
        }
    }
}

/// One load under the arms that are for it.
fn one(
    spec: &'static Spec,
    arms: &mut Arms,
    plan: Plan,
    interrupt: &Interrupt,
) -> Result<LoadReport> {
    let wanted = arms.arms.iter().filter(|arm| match arm.kind {
        Kind::Nothing | Kind::Agent(_) => true,
        Kind::Yardstick { .. } => spec.yardstick,
        Kind::Printer { .. } | Kind::Exporter(_) => spec.peers,
    });
    let wanted: Vec<&Arm> = wanted.collect();
    let mut load = Load::start(spec, interrupt)?;
    let slots = rounds::run(&mut load, &wanted, plan, &mut arms.states, interrupt)?;
    Ok(LoadReport::new(spec, slots))
}

fn wanted(names: &[LoadName]) -> Vec<&'static Spec> {
    let is_wanted = |spec: &Spec| {
        names.iter().any(|name| {
            matches!(name, LoadName::All)
                || matches!(name, LoadName::One(one) if one.name == spec.name)
        })
    };
    loads::ALL.iter().filter(|spec| is_wanted(spec)).collect()
}

/// The report before anything is measured.
fn begin(args: &Args) -> Result<Report> {
    let plan = args.plan();
    Ok(Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: std::iter::once("cargo xtask".to_owned())
            .chain(std::env::args().skip(1))
            .collect(),
        started_unix_seconds: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("read the clock")?
            .as_secs(),
        elapsed_seconds: 0.0,
        machine: machine::look(),
        rounds: plan.rounds,
        slot_seconds: plan.slot.as_secs_f64(),
        arms: Vec::new(),
        loads: Vec::new(),
        kernel: None,
        memory: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_file_can_be_written_is_known_without_leaving_one_or_changing_one() {
        let folder =
            std::env::temp_dir().join(format!("tcpwarden-bench-test-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let (new, old) = (folder.join("new"), folder.join("old"));
        std::fs::write(&old, "numbers").unwrap();
        can_be_written(&new).unwrap();
        can_be_written(&old).unwrap();
        let kept = (new.exists(), std::fs::read_to_string(&old).unwrap());
        let error = can_be_written(&folder.join("none").join("new")).unwrap_err().to_string();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(kept, (false, "numbers".to_owned()));
        assert!(error.contains("none/new"), "{error}");
    }
}
