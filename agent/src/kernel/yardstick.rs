//! A program to measure the agent's against: it does nothing, or nothing but hand over a record.
//!
//! Used by the benchmark, never by the agent. Dropping it detaches it.

use std::os::fd::AsFd as _;
use std::path::Path;

use aya::maps::{MapData, RingBuf};
use aya::programs::{BtfTracePoint, ProgramError};
use aya::{Btf, Ebpf};

use super::layout::{BTF_PATH, Layout};
use super::links::Links;
use super::load::{LoadError, Sizes, load_object};
use super::refusal::chain;
use super::run_stats::RunStats;

/// What the program does at each transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yard {
    /// Nothing.
    Empty,
    /// Reserves and submits as many bytes as a record of a transition has.
    Record,
}

impl Yard {
    const fn program(self) -> &'static str {
        match self {
            Self::Empty => "yardstick_empty",
            Self::Record => "yardstick",
        }
    }
}

/// The attached program, and what reads its records.
pub struct Yardstick {
    ebpf: Ebpf,
    ring: RingBuf<MapData>,
    yard: Yard,
}

impl Yardstick {
    /// Attaches the program to the hook of the state probe, with a ring of this size, bytes.
    ///
    /// # Errors
    /// The errors of [`super::load::Kernel::load`].
    pub fn attach(yard: Yard, ring: u32) -> Result<Self, LoadError> {
        let refused = |error: &dyn std::error::Error| LoadError::StateProbe(chain(error));
        let layout = Layout::read(Path::new(BTF_PATH))?;
        let types = Btf::from_sys_fs().map_err(|error| refused(&error))?;
        let mut ebpf = load_object(&layout, Sizes { state_ring: ring, retransmit_ring: 4096 })?;
        let states = ebpf
            .take_map("STATES")
            .ok_or_else(|| LoadError::Maps("the object has no map STATES".to_owned()))?;
        let ring = RingBuf::try_from(states).map_err(|error| refused(&error))?;
        let program = ebpf
            .program_mut(yard.program())
            .ok_or_else(|| LoadError::StateProbe(format!("there is no {}", yard.program())))?;
        let program: &mut BtfTracePoint =
            program.try_into().map_err(|error: ProgramError| refused(&error))?;
        program.load("inet_sock_set_state", &types).map_err(|error| refused(&error))?;
        program.attach().map_err(|error| refused(&error))?;
        Ok(Self { ebpf, ring, yard })
    }

    /// Empties the ring; returns how many records were in it.
    pub fn drain(&mut self) -> u64 {
        let mut taken = 0;
        while self.ring.next().is_some() {
            taken += 1;
        }
        taken
    }

    /// Returns how often the program ran and for how long, if the kernel counts.
    #[must_use]
    pub fn run_stats(&self) -> RunStats {
        let fd = || {
            self.ebpf
                .program(self.yard.program())?
                .fd()
                .ok()?
                .try_clone()
                .ok()?
                .as_fd()
                .try_clone_to_owned()
                .ok()
        };
        RunStats::new(
            fd().map(|fd| (self.yard.program(), fd)).into_iter().collect(),
            Links::default(),
        )
    }
}
