//! Loads the programs and attaches them.
//!
//! Called once by every command that watches the kernel. Dropping the result detaches everything:
//! links live in descriptors of this process, so not even `kill -9` leaves one behind.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use agent_common::layout::Word;
use aya::maps::{MapData, PerCpuArray, RingBuf};
use aya::programs::{BtfTracePoint, Iter, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader, include_bytes_aligned};

use super::layout::{BTF_PATH, Layout, LayoutError};
use super::patch::{PatchError, patch};
use super::probe::{Hook, PROBES, Probe, ProbeState, STATE_PROBES};
use super::run_stats::RunStats;

/// The compiled kernel side.
static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tcpwarden-probes"));

/// Why nothing can be watched.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel's types.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The programs could not be fitted to the kernel.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The binary was built without its kernel side.
    #[error(
        "this binary was built without its kernel side (AYA_BUILD_SKIP); build it with `cargo xtask build`"
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
    /// The ring of retransmits, bytes; likewise.
    pub retransmit_ring: u32,
}

/// The loaded kernel side, its links and iterators.
pub struct Kernel {
    ebpf: Ebpf,
    probes: Vec<(&'static Probe, ProbeState)>,
    layout: Layout,
}

/// The ends of the rings and counters that user space reads.
pub struct Maps {
    /// State transitions.
    pub states: RingBuf<MapData>,
    /// Retransmits.
    pub retransmits: RingBuf<MapData>,
    /// Forwards what the kernel side has logged to the log; only builds with the feature `bpf-log`
    /// have anything to forward.
    pub forward_log: Box<dyn FnMut() + Send>,
    /// What each CPU counts: `agent_common::record::CpuCounters`, word by word.
    pub counters: PerCpuArray<MapData, [u64; COUNTER_WORDS]>,
}

/// Words in `agent_common::record::CpuCounters`.
pub const COUNTER_WORDS: usize = size_of::<agent_common::record::CpuCounters>() / size_of::<u64>();

impl Kernel {
    /// Loads every program and attaches every probe that this kernel supports.
    ///
    /// # Errors
    /// Where the agent cannot work at all: no type information, no ring buffer, no privileges, or
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
            PROBES.iter().map(|probe| (probe, start(&mut ebpf, &types, probe))).collect();
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

    /// Every probe and how it ended.
    #[must_use]
    pub fn probes(&self) -> &[(&'static Probe, ProbeState)] {
        &self.probes
    }

    /// What was learnt of the kernel's structures.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What this kernel does not tell although every probe attached, as sentences.
    #[must_use]
    pub fn silences(&self) -> Vec<&'static str> {
        let before = |word, arguments| self.layout.get(word).is_some_and(|count| count < arguments);
        let absent = |word| self.layout.get(word).is_none();
        let silences = [
            (
                before(Word::RetransmitArguments, 3),
                "retransmits that failed are not told (they are since Linux 6.17)",
            ),
            (
                before(Word::SendResetArguments, 3),
                "resets that answer a segment without a socket are not counted (they are since Linux 6.10)",
            ),
            (
                absent(Word::CaStateByte) || absent(Word::Pending),
                "what made the kernel send again is not told: the kind is other",
            ),
            (
                absent(Word::TcpRcvNxt) || absent(Word::TcpCopiedSeq),
                "receive queues are not told: what waits in close_wait counts as read",
            ),
            (absent(Word::TcpWriteSeq) || absent(Word::TcpSndUna), "send queues are not told"),
            (
                absent(Word::SkAckBacklog) || absent(Word::SkMaxAckBacklog),
                "accept queues are not told",
            ),
            (absent(Word::SynQueue), "handshakes that wait at a listener are not told"),
            (absent(Word::SkDrops), "what a listener drops is not told"),
            (absent(Word::SkLocal6), "there is no IPv6 in this kernel"),
            (absent(Word::KnId), "there are no cgroups in this kernel: sockets have no cgroup"),
        ];
        silences.into_iter().filter(|(silent, _)| *silent).map(|(_, sentence)| sentence).collect()
    }

    /// Descriptors through which the kernel tells how often each program ran.
    #[must_use]
    pub fn run_stats(&self) -> RunStats {
        let fds =
            self.probes.iter().filter(|(_, state)| state.is_attached()).filter_map(|(probe, _)| {
                let fd = self.ebpf.program(probe.program)?.fd().ok()?.try_clone().ok()?;
                Some((probe.name, fd.as_fd().try_clone_to_owned().ok()?))
            });
        RunStats::new(fds.collect())
    }

    /// Opens an iterator by its probe's name, in the calling thread's network namespace.
    ///
    /// # Errors
    /// Where the probe did not load or the kernel refuses.
    pub fn iterate(&mut self, name: &str) -> io::Result<File> {
        let failed = |error: &dyn std::error::Error| {
            io::Error::other(format!("cannot open the iterator {name}: {}", chain(error)))
        };
        let program = PROBES
            .iter()
            .find(|probe| probe.name == name)
            .and_then(|probe| self.ebpf.program_mut(probe.program));
        let program = program.ok_or_else(|| failed(&ProgramError::NotLoaded))?;
        let iterator: &mut Iter =
            program.try_into().map_err(|error: ProgramError| failed(&error))?;
        let link = iterator
            .attach()
            .and_then(|id| iterator.take_link(id))
            .map_err(|error| failed(&error))?;
        link.into_file().map_err(|error| failed(&error))
    }
}

pub(super) fn load_object(layout: &Layout, sizes: Sizes) -> Result<Ebpf, LoadError> {
    // Kernels before 5.11 charge maps to this limit; later ones ignore it.
    if let Err(error) = nix::sys::resource::setrlimit(
        nix::sys::resource::Resource::RLIMIT_MEMLOCK,
        u64::MAX,
        u64::MAX,
    ) {
        tracing::debug!(%error, "the memory lock limit stays as it is");
    }
    // In the order of `agent_common::layout::Setting`.
    let settings = [u32::from(tracepoints_are_preemptible()), sizes.state_ring / 4];
    let object = patch(OBJECT, layout.words(), settings)?;
    let mut loader = EbpfLoader::new();
    loader
        .map_max_entries("STATES", sizes.state_ring)
        .map_max_entries("RETRANSMITS", sizes.retransmit_ring);
    loader.load(&object).map_err(|error| {
        let text = chain(&error);
        if is_denied(&text) { LoadError::Denied } else { LoadError::Maps(text) }
    })
}

/// Whether a task can be preempted inside a program on a tracepoint: since 7.0, where the kernel
/// guards them with SRCU. A kernel whose version cannot be read is taken for one of these, which
/// costs some nanoseconds.
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

/// Loads one program, and attaches it where its hook is one to attach to.
fn start(ebpf: &mut Ebpf, types: &Btf, probe: &Probe) -> ProbeState {
    match try_start(ebpf, types, probe) {
        Ok(()) => ProbeState::Attached,
        Err(ProgramError::Btf(error)) => {
            ProbeState::Unsupported(format!("this kernel has no {}: {error}", describe(probe)))
        }
        Err(error) => {
            tracing::debug!(probe = probe.name, error = %chain(&error), "the kernel refused the program");
            ProbeState::Failed(brief(&chain(&error)))
        }
    }
}

fn try_start(ebpf: &mut Ebpf, types: &Btf, probe: &Probe) -> Result<(), ProgramError> {
    let program = ebpf.program_mut(probe.program).ok_or(ProgramError::NotLoaded)?;
    match probe.hook {
        Hook::Tracepoint(name) => {
            let tracepoint: &mut BtfTracePoint = program.try_into()?;
            tracepoint.load(name, types)?;
            tracepoint.attach()?;
        }
        Hook::Iterator(kind) => {
            let iterator: &mut Iter = program.try_into()?;
            iterator.load(kind, types)?;
        }
    }
    Ok(())
}

fn describe(probe: &Probe) -> String {
    match probe.hook {
        Hook::Tracepoint(name) => format!("tracepoint {name}"),
        Hook::Iterator(kind) => format!("iterator over {kind}"),
    }
}

/// An error with all its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}

/// Whether an error is the kernel's refusal for want of privileges. (The verifier says EACCES.)
fn is_denied(text: &str) -> bool {
    text.contains("(os error 1)")
}

/// The verifier's log can be thousands of lines; its verdict is the last that is no statistic.
fn brief(text: &str) -> String {
    const STATISTICS: [&str; 4] =
        ["processed ", "verification time ", "stack depth ", "max_states_per_insn "];
    let telling =
        |line: &&str| !line.is_empty() && !STATISTICS.iter().any(|start| line.starts_with(start));
    let lines: Vec<&str> = text.lines().map(str::trim).filter(telling).collect();
    match lines.as_slice() {
        [first, .., before, last] if lines.len() > 3 => format!("{first} … {before}; {last}"),
        few => few.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_for_want_of_privileges_counts_as_denied() {
        let denied = io::Error::from_raw_os_error(1).to_string();
        let refused = io::Error::from_raw_os_error(13).to_string();
        assert!(
            is_denied(&format!("the syscall returned {denied}"))
                && !is_denied(&format!("the syscall returned {refused}"))
        );
    }

    #[test]
    fn a_long_verifier_log_is_cut_to_its_verdict() {
        let log = "the program was refused\n0: R1=ctx\n1: r2 = 0\n2: r2 = r1\n  access beyond struct sock\n processed 7 insns\nstack depth 16\n";
        assert_eq!(brief(log), "the program was refused … 2: r2 = r1; access beyond struct sock");
        assert_eq!(brief("one\ntwo"), "one; two");
        assert_eq!(brief(""), "");
    }
}
