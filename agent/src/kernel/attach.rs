//! Loads single programs, attaches them and opens iterators.
//!
//! Called by the loader for each probe of the registry. Guarantees: a probe that does not work ends
//! with its reason and leaves the others alone.

use std::fs::File;
use std::io;

use agent_common::probe::{Hook, Probe};
use aya::programs::iter::IterLink;
use aya::programs::{BtfTracePoint, Iter, ProgramError};
use aya::{Btf, Ebpf};

use super::probe::ProbeState;
use super::refusal::{brief, chain};

/// Loads one program, and attaches it if its hook is one to attach to.
pub(super) fn start(ebpf: &mut Ebpf, types: &Btf, probe: &Probe) -> ProbeState {
    match try_start(ebpf, types, probe) {
        Ok(()) => ProbeState::Attached,
        Err(ProgramError::Btf(error)) => {
            ProbeState::Unsupported(format!("this kernel has no {}: {error}", describe(probe)))
        }
        Err(error) => {
            let text = chain(&error);
            tracing::debug!(probe = probe.name, error = %text, "the kernel refused the program");
            ProbeState::Failed(brief(&text))
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

/// Opens the iterator of a loaded probe, in the calling thread's network namespace.
pub(super) fn open(ebpf: &mut Ebpf, probe: &Probe) -> io::Result<File> {
    let failed = |error: &dyn std::error::Error| {
        io::Error::other(format!("cannot open the iterator {}: {}", probe.name, chain(error)))
    };
    let link = run_iterator(ebpf, probe).map_err(|error| failed(&error))?;
    link.into_file().map_err(|error| failed(&error))
}

fn run_iterator(ebpf: &mut Ebpf, probe: &Probe) -> Result<IterLink, ProgramError> {
    let program = ebpf.program_mut(probe.program).ok_or(ProgramError::NotLoaded)?;
    let iterator: &mut Iter = program.try_into()?;
    let link = iterator.attach()?;
    iterator.take_link(link)
}
