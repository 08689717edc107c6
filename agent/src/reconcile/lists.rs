//! One pass: the lists of all network namespaces and the descriptor tables, handed to the ingest
//! thread piece by piece.

use std::fs::File;
use std::io;
use std::sync::mpsc::channel;
use std::time::Instant;

use super::{Reconcile, Stop};
use crate::clock::{self, monotonic};
use crate::conn::{Covered, Nanos, PassSummary};
use crate::ingest::decode::Record;
use crate::ingest::pass::{Progress, Reading};
use crate::ingest::{Command, lock};
use crate::kernel::namespaces::{self, Found, Search};
use crate::kernel::probe::{DESCRIPTOR_LIST, SOCKET_LIST};
use crate::pressure::netns::Facts;

impl Reconcile {
    /// Makes a pass.
    ///
    /// # Errors
    /// If the agent stops, or no list could be read to its end.
    pub(super) fn pass(&mut self) -> Result<PassSummary, Stop> {
        // A list read in a strange namespace would be taken for the own one's.
        self.home.ensure_inside()?;
        let home = self.home.inode;
        let is_held = self.listers.is_held(home, true);
        let own = (!is_held).then(|| self.kernel.iterate(SOCKET_LIST)).transpose()?;
        self.send(Command::Begin)?;
        self.send(Command::Facts(Facts::read(home)))?;
        let mut covered = Covered::default();
        match own {
            Some(own) => self.read_sockets(home, own, &mut covered)?,
            None => covered.unread.extend([home]),
        }
        if let Some(agent) = self.verify.agent() {
            lock(&self.table).know_agent(agent);
        }
        let mut found = namespaces::find(&self.home, self.search);
        if found.truncated {
            tracing::debug!("there are more network namespaces than a pass visits");
        }
        let shut = self.read_others(&mut found, &mut covered)?;
        self.tell_unread(shut + found.hidden.len());
        if self.has(DESCRIPTOR_LIST) && self.verify.affordable(Instant::now()) {
            self.read_holders(&mut covered)?;
        }
        // Where each list waits for a lock, what the probes tell is all there is.
        if covered.namespaces.is_empty() && !self.listers.has_late() {
            self.send(Command::Abort)?;
            return Err(Stop::Failed(io::Error::other("no socket list could be read to its end")));
        }
        covered.everyone = self.verify.agent().is_some();
        let (reply, answer) = channel();
        self.send(Command::End(covered, reply))?;
        let summary = answer.recv().map_err(|_gone: std::sync::mpsc::RecvError| Stop::Ended)?;
        self.search = if summary.unverified > 0 || found.in_threads > 0 {
            Search::Threads
        } else {
            Search::Processes
        };
        Ok(summary)
    }

    /// Reads the lists of the other network namespaces. Returns how many it may not enter.
    fn read_others(&mut self, found: &mut Found, covered: &mut Covered) -> Result<usize, Stop> {
        let mut shut = 0;
        for namespace in std::mem::take(&mut found.namespaces) {
            if self.listers.is_held(namespace.inode, false) {
                covered.unread.extend([namespace.inode]);
                continue;
            }
            match namespace.enter(&self.home, || {
                let (facts, mark) = (Facts::read(namespace.inode), namespaces::own_mark());
                Ok((facts, mark, self.kernel.iterate(SOCKET_LIST)?))
            }) {
                Ok((facts, mark, list)) => {
                    found.meet(mark);
                    self.send(Command::Facts(facts))?;
                    self.read_sockets(namespace.inode, list, covered)?;
                }
                Err(error) => {
                    shut += usize::from(error.kind() == io::ErrorKind::PermissionDenied);
                    tracing::debug!(netns = namespace.inode, %error, "cannot look into the \
                        network namespace");
                }
            }
        }
        Ok(shut)
    }

    /// Reads the descriptor tables of all processes.
    fn read_holders(&mut self, covered: &mut Covered) -> Result<(), Stop> {
        let (began, moment) = (Instant::now(), Nanos::new(monotonic()));
        let cpu_time = clock::cpu_time();
        self.verify.begin();
        match self.kernel.iterate(DESCRIPTOR_LIST) {
            Ok(list) => {
                if self.read(list)?.1 {
                    covered.holders = Some(moment);
                }
            }
            Err(error) => tracing::debug!(%error, "cannot read the descriptor tables"),
        }
        self.verify.end(began, clock::cpu_time().saturating_sub(cpu_time), Instant::now());
        tracing::debug!(
            seconds = began.elapsed().as_secs_f64(),
            complete = covered.holders.is_some(),
            "read the descriptor tables"
        );
        Ok(())
    }

    /// Reads a namespace's list of sockets in a process of its own; notes it as covered where that
    /// worked.
    fn read_sockets(&mut self, inode: u32, list: File, covered: &mut Covered) -> Result<(), Stop> {
        let whole = match self.listers.begin(inode, &list) {
            Ok(listing) => {
                drop(list);
                if self.verify.agent().is_some() {
                    lock(&self.table).know_reader(self.listers.number());
                }
                let (listing, whole) = self.read(listing)?;
                if self.listers.end(listing) {
                    tracing::warn!(
                        netns = inode,
                        "sockets of this network namespace are not compared with the kernel's \
                         list until the process lets go"
                    );
                }
                whole
            }
            // Where a list waits for a lock, or has lately, this thread must not wait as well.
            Err(error) if self.listers.has_late() => {
                tracing::debug!(%error, "no process can be started to read a list");
                false
            }
            Err(error) => {
                tracing::debug!(%error, "no process can be started to read lists");
                self.read(list)?.1
            }
        };
        if whole { &mut covered.namespaces } else { &mut covered.unread }.extend([inode]);
        Ok(())
    }

    /// Reads a list piece by piece. Returns it, and whether its end was reached.
    fn read<L: io::Read>(&mut self, list: L) -> Result<(L, bool), Stop> {
        let mut reading = Reading::new(list);
        let reader = self.listers.number();
        loop {
            let mut records = Vec::new();
            let verify = &mut self.verify;
            let take = |record: &Record| {
                verify.see(record, reader);
                records.push(*record);
            };
            match reading.piece(take) {
                Ok(Progress::More) => self.send(Command::Piece(records))?,
                Ok(Progress::End) => return Ok((reading.into_list(), true)),
                Err(error) => {
                    tracing::warn!(%error, "a list of the kernel could not be read to its end");
                    return Ok((reading.into_list(), false));
                }
            }
        }
    }

    fn send(&self, command: Command) -> Result<(), Stop> {
        self.commands
            .send(command)
            .map_err(|_gone: std::sync::mpsc::SendError<Command>| Stop::Ended)?;
        self.ingest.wake();
        Ok(())
    }
}
