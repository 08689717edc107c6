//! What was measured, and what it comes to. This is also the shape of the JSON: every unit is in
//! its key.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::figures::KernelFigures;
use super::loads::Spec;
use super::loads::run::Sample;
use super::names::{self, WITHOUT};
use super::stats::{Spread, reference};

/// All of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// Version of the agent.
    pub(super) version: String,
    /// The command line.
    pub(super) command: Vec<String>,
    /// When it began.
    pub(super) started_unix_seconds: u64,
    /// How long it took.
    pub(super) elapsed_seconds: f64,
    /// Where it ran.
    pub(super) machine: Machine,
    /// Rounds of each load.
    pub(super) rounds: usize,
    /// The time of a slot.
    pub(super) slot_seconds: f64,
    /// The arms, those among them that could not be measured.
    pub(super) arms: Vec<ArmState>,
    /// The loads.
    pub(super) loads: Vec<LoadReport>,
    /// The kernel's own figures.
    pub(super) kernel: Option<KernelFigures>,
    /// The agent's memory.
    pub(super) memory: Option<Memory>,
}

impl Report {
    /// CPUs that others and the hypervisor took: the median over all slots.
    pub(super) fn disturbance(&self) -> Option<(f64, f64)> {
        let slots = || self.loads.iter().flat_map(|load| &load.slots);
        Some((
            Spread::of(slots().map(|slot| slot.others_cpus))?.median,
            Spread::of(slots().map(|slot| slot.stolen_cpus))?.median,
        ))
    }

    /// An earlier one.
    pub(super) fn read(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("read the numbers of an earlier run")
    }

    /// All of it as JSON.
    pub(super) fn json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).context("write the numbers as JSON")
    }
}

/// Where it ran.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) kernel: String,
    pub(super) cpus: usize,
    pub(super) cpu_model: String,
    pub(super) memory_bytes: u64,
}

/// Whether an arm could be measured.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ArmState {
    pub(super) name: String,
    /// Why not.
    pub(super) error: Option<String>,
    /// What was seen of it beforehand.
    pub(super) check: Option<Check>,
}

/// A peer at work, before anything is measured.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Check {
    /// Lines printed over lines that a short storm should have made.
    pub(super) reported_ratio: Option<f64>,
    /// Sockets that an exporter showed.
    pub(super) sockets_shown: Option<f64>,
}

/// One slot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) round: usize,
    pub(super) arm: String,
    #[serde(flatten)]
    pub(super) sample: Sample,
    /// Processor time of what watched.
    pub(super) watcher_cpu_seconds: f64,
    pub(super) watcher_resident_bytes: u64,
    /// How often its threads waited and were woken.
    pub(super) watcher_wakeups: u64,
    /// The time over which these two were counted: more than the load's, because the last records
    /// are waited for.
    pub(super) watched_seconds: f64,
    /// CPUs that others on this machine took meanwhile, and that the hypervisor took.
    pub(super) others_cpus: f64,
    pub(super) stolen_cpus: f64,
    pub(super) scrapes: u32,
    /// Records that the agent applied.
    pub(super) records: Option<u64>,
    pub(super) records_lost: Option<u64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
impl Slot {
    /// Throughput.
    pub(super) fn units_per_second(&self) -> f64 {
        self.sample.units as f64 / self.sample.elapsed_seconds
    }

    /// Processor time of the load a unit.
    fn load_microseconds(&self) -> f64 {
        self.sample.load_cpu_seconds * 1e6 / self.sample.units as f64
    }

    /// Time of a unit in the fastest tenth of the batches: what nobody disturbed.
    fn undisturbed_microseconds(&self) -> f64 {
        self.sample.batch_nanoseconds.p10 / 1e3 / self.sample.batch_units as f64
    }

    fn watcher_microseconds(&self) -> f64 {
        self.watcher_cpu_seconds * 1e6 / (self.sample.units + self.sample.warm_units) as f64
    }

    fn watcher_cpus(&self) -> f64 {
        self.watcher_cpu_seconds / self.watched_seconds
    }

    fn watcher_nanoseconds_per_record(&self) -> Option<f64> {
        self.records
            .filter(|records| *records > 0)
            .map(|records| self.watcher_cpu_seconds * 1e9 / records as f64)
    }

    fn wakeups_per_second(&self) -> f64 {
        self.watcher_wakeups as f64 / self.watched_seconds
    }

    /// Records are made while the load works, also while it gets warm.
    fn records_per_second(&self) -> Option<f64> {
        Some(self.records? as f64 / (self.sample.elapsed_seconds + self.sample.warm_seconds))
    }

    fn retransmitted_per_second(&self) -> f64 {
        self.sample.retransmitted_segments as f64 / self.sample.elapsed_seconds
    }
}

/// A load with all its slots.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LoadReport {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) unit: String,
    pub(super) summaries: Vec<Summary>,
    pub(super) slots: Vec<Slot>,
}

/// What the slots of an arm came to. What is compared is compared with the slots without that are
/// nearest before and after; for the slots without themselves that is the noise floor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) arm: String,
    pub(super) slots: usize,
    pub(super) units_per_second: Spread,
    pub(super) throughput_ratio: Option<Spread>,
    pub(super) undisturbed_ratio: Option<Spread>,
    pub(super) load_cpu_added_microseconds_per_unit: Option<Spread>,
    pub(super) undisturbed_added_microseconds_per_unit: Option<Spread>,
    /// From the lower quartile of the slots' undisturbed times, of the arm and of those without:
    /// less exact than what is compared slot by slot, but right also where most slots were
    /// disturbed all through.
    pub(super) calmest_ratio: Option<f64>,
    pub(super) calmest_added_microseconds_per_unit: Option<f64>,
    pub(super) watcher_cpu_microseconds_per_unit: Spread,
    pub(super) watcher_cpu_nanoseconds_per_record: Option<Spread>,
    /// CPUs that what watched took.
    pub(super) watcher_cpus: Spread,
    pub(super) watcher_resident_bytes_max: u64,
    pub(super) watcher_wakeups_per_second: Spread,
    pub(super) records_per_second: Option<Spread>,
    pub(super) records: Option<u64>,
    pub(super) records_lost: Option<u64>,
    pub(super) retransmitted_segments_per_second: Spread,
}

impl LoadReport {
    /// From the slots in the order in which they were taken.
    pub(super) fn new(spec: &Spec, slots: Vec<Slot>) -> Self {
        let mut arms: Vec<&str> = Vec::new();
        for slot in &slots {
            if !arms.contains(&slot.arm.as_str()) {
                arms.push(&slot.arm);
            }
        }
        // The arm without first, the agent next, the others as they came.
        arms.sort_by_key(|arm| {
            [WITHOUT, names::AGENT, names::YARDSTICK, names::EMPTY]
                .iter()
                .position(|first| first == arm)
                .unwrap_or(usize::MAX)
        });
        let summaries = arms.iter().filter_map(|arm| Summary::new(arm, &slots)).collect();
        Self {
            name: spec.name.to_owned(),
            about: spec.about.to_owned(),
            unit: spec.unit.to_owned(),
            summaries,
            slots,
        }
    }

    /// The summary of an arm.
    pub(super) fn summary(&self, arm: &str) -> Option<&Summary> {
        self.summaries.iter().find(|summary| summary.arm == arm)
    }
}

impl Summary {
    fn new(arm: &str, slots: &[Slot]) -> Option<Self> {
        let own = || slots.iter().filter(|slot| slot.arm == arm);
        let calmest = |arm: &str| {
            Some(
                Spread::of(
                    slots.iter().filter(|slot| slot.arm == arm).map(Slot::undisturbed_microseconds),
                )?
                .q1,
            )
        };
        let over = |figure: fn(&Slot) -> f64, compare: fn(f64, f64) -> f64| {
            Spread::of(compared(arm, slots, figure, compare))
        };
        let total = |count: fn(&Slot) -> Option<u64>| own().map(count).sum::<Option<u64>>();
        Some(Self {
            arm: arm.to_owned(),
            slots: own().count(),
            units_per_second: Spread::of(own().map(Slot::units_per_second))?,
            throughput_ratio: over(Slot::units_per_second, |own, without| own / without),
            undisturbed_ratio: over(Slot::undisturbed_microseconds, |own, without| without / own),
            load_cpu_added_microseconds_per_unit: over(Slot::load_microseconds, |own, without| {
                own - without
            }),
            undisturbed_added_microseconds_per_unit: over(
                Slot::undisturbed_microseconds,
                |own, without| own - without,
            ),
            calmest_ratio: calmest(arm).zip(calmest(WITHOUT)).map(|(own, without)| without / own),
            calmest_added_microseconds_per_unit: calmest(arm)
                .zip(calmest(WITHOUT))
                .map(|(own, without)| own - without),
            watcher_cpu_microseconds_per_unit: Spread::of(own().map(Slot::watcher_microseconds))?,
            watcher_cpu_nanoseconds_per_record: Spread::of(
                own().filter_map(Slot::watcher_nanoseconds_per_record),
            ),
            watcher_wakeups_per_second: Spread::of(own().map(Slot::wakeups_per_second))?,
            watcher_cpus: Spread::of(own().map(Slot::watcher_cpus))?,
            watcher_resident_bytes_max: own().map(|slot| slot.watcher_resident_bytes).max()?,
            records_per_second: Spread::of(own().filter_map(Slot::records_per_second)),
            records: total(|slot| slot.records),
            records_lost: total(|slot| slot.records_lost),
            retransmitted_segments_per_second: Spread::of(
                own().map(Slot::retransmitted_per_second),
            )?,
        })
    }
}

/// A figure of each slot of an arm against the same of the slots without around it.
fn compared(
    arm: &str,
    slots: &[Slot],
    figure: fn(&Slot) -> f64,
    compare: fn(f64, f64) -> f64,
) -> Vec<f64> {
    let without: Vec<Option<f64>> =
        slots.iter().map(|slot| (slot.arm == WITHOUT).then(|| figure(slot))).collect();
    let own = slots.iter().enumerate().filter(|(_, slot)| slot.arm == arm);
    own.filter_map(|(nth, slot)| Some(compare(figure(slot), reference(&without, nth)?))).collect()
}

/// The agent's memory.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) idle_resident_bytes: u64,
    pub(super) idle_sockets: u64,
    pub(super) crowd_resident_bytes: u64,
    pub(super) crowd_sockets: u64,
    /// What a socket more takes.
    pub(super) bytes_per_socket: f64,
}
