//! The thread that looks up: each row in its own network namespace, then in the agent's.
//!
//! A translation of one namespace is what the next one sees, so the second look-up begins with what
//! the first has found: a pod's own rules, then those of the host. Guarantees: the thread is in the
//! agent's namespace except while it opens a socket in another; a namespace whose look-up fails is
//! skipped; a process that left its namespace is not followed.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use super::conntrack::Conntrack;
use super::{Batch, Ends, Look, Nat, Question};
use crate::kernel::namespaces::{Home, Namespace};

/// The most network namespaces that are entered for a query.
pub(super) const NAMESPACES: usize = 256;
/// The most processes through which one of them is looked for.
const PROCESSES: usize = 4;
/// It is there where the kernel tracks connections (`nf_conntrack_standalone_init_sysctl`). Where
/// it is not, a question would load the module.
const TRACKING: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// The work of the thread.
pub(crate) struct Worker {
    home: Home,
    batches: Receiver<Batch>,
    /// Whether the log has it that nothing can be looked up.
    told: bool,
}

impl Worker {
    /// Returns it for a thread in this namespace, and what asks it.
    #[must_use]
    pub(crate) fn new(home: Home) -> (Nat, Self) {
        let (nat, batches) = Nat::channel();
        (nat, Self { home, batches, told: false })
    }

    /// Answers until nobody can ask any more.
    pub(crate) fn run(mut self) {
        while let Ok(batch) = self.batches.recv() {
            let found = self.look_up(&batch).unwrap_or_default();
            // Nobody takes it that comes late.
            let _ = batch.answer.try_send(found);
        }
    }

    /// Returns the translated ends of each question. `None` if the time is over, if nothing is
    /// tracked, or if the thread cannot go back.
    fn look_up(&mut self, batch: &Batch) -> Option<Vec<Option<Ends>>> {
        self.home.ensure_inside().ok()?;
        if !Path::new(TRACKING).exists() {
            return None;
        }
        let mut ends: Vec<Ends> = batch.questions.iter().map(|question| question.ends).collect();
        for (netns, places) in namespaces(batch, self.home.inode) {
            match self.enter(batch, netns, &places) {
                Some(mut conntrack) => step(&mut conntrack, &places, &mut ends, batch.end)?,
                None => self.home.ensure_inside().ok()?,
            }
        }
        match Conntrack::open() {
            Ok(mut conntrack) => {
                let concerned = concerned(batch, self.home.inode, &ends);
                step(&mut conntrack, &concerned, &mut ends, batch.end)?;
            }
            Err(error) if !self.told => {
                self.told = true;
                tracing::info!(%error, "addresses behind NAT cannot be looked up");
            }
            Err(_) => {}
        }
        let asked = batch.questions.iter().map(|question| question.ends);
        Some(asked.zip(ends).map(|(asked, ends)| (asked != ends).then_some(ends)).collect())
    }

    /// Returns a socket in another namespace.
    fn enter(&self, batch: &Batch, netns: u32, places: &[usize]) -> Option<Conntrack> {
        let of = |place: &usize| batch.questions.get(*place).and_then(|question| question.pid);
        let mut pids: Vec<u32> = places.iter().filter_map(of).collect();
        pids.sort_unstable();
        pids.dedup();
        pids.into_iter().take(PROCESSES).find_map(|pid| {
            let opened = Namespace::of_process(netns, pid).enter(&self.home, Conntrack::open);
            opened.inspect_err(|error| tracing::debug!(netns, pid, %error, "NAT: not entered")).ok()
        })
    }
}

/// Returns the namespaces but `home`, at most [`NAMESPACES`], with the places of their questions.
pub(super) fn namespaces(batch: &Batch, home: u32) -> BTreeMap<u32, Vec<usize>> {
    let mut namespaces: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, question) in batch.questions.iter().enumerate() {
        let has_room = namespaces.len() < NAMESPACES;
        if question.netns != home && (has_room || namespaces.contains_key(&question.netns)) {
            namespaces.entry(question.netns).or_default().push(place);
        }
    }
    namespaces
}

/// Returns the places of the questions that the agent's namespace may translate: the loopback of
/// another one does not pass through it.
pub(super) fn concerned(batch: &Batch, home: u32, ends: &[Ends]) -> Vec<usize> {
    let is_loopback = |end: (Ipv6Addr, u16)| end.0.to_canonical().is_loopback();
    let passes = |(question, ends): (&Question, &Ends)| {
        question.netns == home || !is_loopback(ends.local) && !is_loopback(ends.peer)
    };
    let all = batch.questions.iter().zip(ends).enumerate();
    all.filter(|(_, one)| passes(*one)).map(|(place, _)| place).collect()
}

/// Goes to the other side of NAT in one namespace. An error ends it there. `None` if the time is
/// over.
pub(super) fn step(
    look: &mut impl Look,
    places: &[usize],
    ends: &mut [Ends],
    end: Instant,
) -> Option<()> {
    for place in places {
        if Instant::now() >= end {
            return None;
        }
        let Some(ends) = ends.get_mut(*place) else { continue };
        match look.beyond(*ends) {
            Ok(beyond) => *ends = beyond.unwrap_or(*ends),
            Err(error) => {
                tracing::debug!(%error, "NAT: a namespace is skipped");
                break;
            }
        }
    }
    Some(())
}
