//! Loads the programs and attaches them.
//!
//! Called once by every command that watches the kernel. Dropping the result detaches everything:
//! links live in descriptors of this process, so not even `kill -9` leaves one behind.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use agent_common::counters::COUNTER_WORDS;
use agent_common::operand::{Preemptible, SETTINGS, Setting, WakeBytes};
use agent_common::probe::{Hook, PROBES, Probe, STATE_PROBES};
use aya::maps::{MapData, PerCpuArray, RingBuf};
use aya::{Btf, Ebpf, EbpfLoader, include_bytes_aligned};

use super::attach;
use super::layout::{BTF_PATH, Layout, LayoutError};
use super::links::Links;
use super::patch::{PatchError, patch};
use super::probe::ProbeState;
use super::refusal::{chain, is_denied};
use super::run_stats::RunStats;
use super::silences::silences;

/// The compiled kernel side.
static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tcpwarden-probes"));

/// Why the kernel cannot be observed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel's types cannot be read, or lack something.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The programs could not be fitted to the kernel.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The binary was built without its kernel side.
    #[error(
        "this binary was built without its kernel side (AYA_BUILD_SKIP); \
         build it with `cargo xtask build`"
    )]
    NoObject,
    /// The kernel refused a map or the object as a whole.
    #[error("the kernel refused the agent's maps: {0}")]
    Maps(String),
    /// The kernel refused for want of privileges.
    #[error("the kernel refused the agent's programs: operation not permitted")]
    Denied,
    /// A state probe did not attach, and there is no agent without both.
    #[error("a state probe did not attach: {0}")]
    StateProbe(String),
}

/// Sizes that the kernel side is loaded with.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The ring of state transitions, bytes; a power of two, at least a page.
    pub state_ring: u32,
    /// The ring of retransmits, bytes; a power of two, at least a page.
    pub retransmit_ring: u32,
}

/// The loaded kernel side, its links and iterators.
pub struct Kernel {
    ebpf: Ebpf,
    probes: Vec<(&'static Probe, ProbeState)>,
    layout: Layout,
}

/// The user-space ends of the rings and counters.
pub struct Maps {
    /// The ring of state transitions.
    pub states: RingBuf<MapData>,
    /// The ring of retransmits.
    pub retransmits: RingBuf<MapData>,
    /// Forwards what the kernel side has logged to the log; only builds with the feature `bpf-log`
    /// have anything to forward.
    pub forward_log: Box<dyn FnMut() + Send>,
    /// The counters of each CPU: `agent_common::counters::CpuCounters`, word by word.
    pub counters: PerCpuArray<MapData, [u64; COUNTER_WORDS]>,
}

impl Kernel {
    /// Loads every program and attaches every probe that this kernel supports.
    ///
    /// # Errors
    /// If the agent cannot work at all: no type information, no ring buffer, no privileges, or
    /// the state probe refused. Other probes end in [`Kernel::probes`] with their reason.
    pub fn load(sizes: Sizes) -> Result<(Self, Maps), LoadError> {
        if OBJECT.is_empty() {
            return Err(LoadError::NoObject);
        }
        let layout = Layout::read(Path::new(BTF_PATH))?;
        let types = Btf::from_sys_fs().map_err(|error| LoadError::Maps(chain(&error)))?;
        let mut ebpf = load_object(&layout, sizes)?;
        let maps = take_maps(&mut ebpf)?;
        let probes: Vec<_> =
            PROBES.iter().map(|probe| (probe, attach::start(&mut ebpf, &types, probe))).collect();
        if let Some((_, state)) = probes
            .iter()
            .find(|(probe, state)| STATE_PROBES.contains(&probe.name) && !state.is_attached())
        {
            return Err(if is_denied(state.reason()) {
                LoadError::Denied
            } else {
                LoadError::StateProbe(state.reason().to_owned())
            });
        }
        Ok((Self { ebpf, probes, layout }, maps))
    }

    /// Returns every probe and how it ended.
    #[must_use]
    pub fn probes(&self) -> &[(&'static Probe, ProbeState)] {
        &self.probes
    }

    /// Returns what was learnt of the kernel's structures.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns what this kernel does not report although every probe attached, as sentences.
    #[must_use]
    pub fn silences(&self) -> Vec<&'static str> {
        silences(&self.layout)
    }

    /// Returns the descriptors through which the kernel reports how often each program ran, and
    /// whether it is attached.
    #[must_use]
    pub fn run_stats(&self) -> RunStats {
        let hooked = self.probes.iter().filter(|(probe, state)| {
            state.is_attached() && matches!(probe.hook, Hook::Tracepoint(_))
        });
        let ids = hooked.filter_map(|(probe, _)| {
            let info = self.ebpf.program(probe.program)?.info().ok()?;
            Some((probe.name, info.id()))
        });
        let fds =
            self.probes.iter().filter(|(_, state)| state.is_attached()).filter_map(|(probe, _)| {
                let fd = self.ebpf.program(probe.program)?.fd().ok()?.try_clone().ok()?;
                Some((probe.name, fd.as_fd().try_clone_to_owned().ok()?))
            });
        RunStats::new(fds.collect(), Links::find(ids))
    }

    /// Opens an iterator by its probe's name, in the calling thread's network namespace.
    ///
    /// # Errors
    /// If the probe did not load or the kernel refuses.
    pub fn iterate(&mut self, name: &str) -> io::Result<File> {
        let probe = PROBES.iter().find(|probe| probe.name == name).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("there is no iterator {name}"))
        })?;
        attach::open(&mut self.ebpf, probe)
    }
}

/// Loads the object, completed for a kernel with this layout, with maps of these sizes.
///
/// # Errors
/// If the object does not belong to this build, or the kernel refuses a map.
pub(super) fn load_object(layout: &Layout, sizes: Sizes) -> Result<Ebpf, LoadError> {
    // Kernels before 5.11 charge maps to this limit; later ones ignore it.
    if let Err(error) = nix::sys::resource::setrlimit(
        nix::sys::resource::Resource::RLIMIT_MEMLOCK,
        u64::MAX,
        u64::MAX,
    ) {
        tracing::debug!(%error, "the memory lock limit stays as it is");
    }
    let mut settings = [0; SETTINGS];
    settings[Preemptible::INDEX] = u32::from(tracepoints_are_preemptible());
    settings[WakeBytes::INDEX] = sizes.state_ring / 4;
    let object = patch(OBJECT, layout.values(), &settings)?;
    let mut loader = EbpfLoader::new();
    loader
        .map_max_entries("STATES", sizes.state_ring)
        .map_max_entries("RETRANSMITS", sizes.retransmit_ring);
    loader.load(&object).map_err(|error| {
        let text = chain(&error);
        if is_denied(&text) { LoadError::Denied } else { LoadError::Maps(text) }
    })
}

/// Returns whether a task can be preempted inside a program on a tracepoint: since 7.0, where the
/// kernel guards them with SRCU. A kernel whose version cannot be read is treated as one of these,
/// which costs some nanoseconds a transition.
fn tracepoints_are_preemptible() -> bool {
    procfs::sys::kernel::Version::current().map_or(true, |version| version.major >= 7)
}

fn take_maps(ebpf: &mut Ebpf) -> Result<Maps, LoadError> {
    let forward_log = forward_log(ebpf);
    let mut take = |name: &str| {
        ebpf.take_map(name).ok_or_else(|| LoadError::Maps(format!("the object has no map {name}")))
    };
    let (states, retransmits, counters) =
        (take("STATES")?, take("RETRANSMITS")?, take("COUNTERS")?);
    let refused = |error: aya::maps::MapError| LoadError::Maps(chain(&error));
    Ok(Maps {
        forward_log,
        states: RingBuf::try_from(states).map_err(refused)?,
        retransmits: RingBuf::try_from(retransmits).map_err(refused)?,
        counters: PerCpuArray::try_from(counters).map_err(refused)?,
    })
}

#[cfg(feature = "bpf-log")]
fn forward_log(ebpf: &mut Ebpf) -> Box<dyn FnMut() + Send> {
    match aya_log::EbpfLogger::init(ebpf) {
        Ok(mut logger) => Box::new(move || logger.flush()),
        Err(error) => {
            tracing::warn!(%error, "the kernel side's log cannot be read");
            Box::new(|| ())
        }
    }
}

#[cfg(not(feature = "bpf-log"))]
fn forward_log(_: &mut Ebpf) -> Box<dyn FnMut() + Send> {
    Box::new(|| ())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

    use super::*;

    /// The programs that only the benchmark attaches.
    const YARDSTICKS: [&str; 2] = ["yardstick", "yardstick_empty"];

    /// Returns every program of the object with its hook, as `section program`.
    fn programs() -> BTreeSet<String> {
        let object = object::File::parse(OBJECT).unwrap();
        let programs = object.symbols().filter_map(|symbol| {
            let section = object.section_by_index(symbol.section_index()?).ok()?.name().ok()?;
            let program = symbol.name().ok()?;
            let is_hook = section.starts_with("tp_btf/") || section.starts_with("iter/");
            let is_program = is_hook && symbol.kind() == SymbolKind::Text;
            (is_program && !YARDSTICKS.contains(&program)).then(|| format!("{section} {program}"))
        });
        programs.collect()
    }

    #[test]
    fn the_registry_names_every_program_of_the_object_with_its_hook() {
        // A build without the kernel side has nothing to compare.
        if OBJECT.is_empty() {
            return;
        }
        let registered = PROBES.iter().map(|probe| match probe.hook {
            Hook::Tracepoint(name) => format!("tp_btf/{name} {}", probe.program),
            Hook::Iterator(kind) => format!("iter/{kind} {}", probe.program),
        });
        assert_eq!(registered.collect::<BTreeSet<_>>(), programs());
    }

    /// A program that calls a function of its own has no table of exceptions before Linux 6.5, but
    /// a number of its entries (`jit_subprogs`, 5.10): a load through a null pointer then ends in a
    /// panic of the kernel and not in a zero. A call of `memset` is enough.
    #[test]
    fn no_program_calls_another_function() {
        let object = object::File::parse(OBJECT);
        let sections = object.iter().flat_map(object::File::sections);
        let calls: Vec<_> = sections
            .filter(|section| section.name().is_ok_and(|name| name.contains('/')))
            .filter(|section| section.data().unwrap().chunks(8).any(is_a_call))
            .map(|section| section.name().unwrap().to_owned())
            .collect();
        assert_eq!(calls, [""; 0], "programs that call functions");
    }

    /// `BPF_PSEUDO_CALL`: a call whose source register is 1.
    fn is_a_call(instruction: &[u8]) -> bool {
        matches!(instruction, [0x85, registers, ..] if registers >> 4 == 1)
    }
}
