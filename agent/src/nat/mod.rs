//! The addresses on the other side of NAT, as the kernel's connection tracking has them.
//!
//! A query asks for the rows that it shows, and a thread of its own looks them up (`worker`): it
//! alone has CAP_NET_ADMIN. `conntrack` is its socket to one network namespace, `message` what is
//! said there. Guarantees: nothing is looked up unless a query is answered; at most [`ROWS`] rows
//! and [`worker::NAMESPACES`] namespaces a query; an answer within [`PATIENCE`], or none. Where the
//! kernel tracks nothing, the capability is missing or a look-up fails, no address is translated.

mod conntrack;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod message;
#[cfg(test)]
mod tests;
mod worker;

use std::io;
use std::net::Ipv6Addr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::conn::RowView;

pub(crate) use worker::Worker;

/// The most rows of a question: those of the largest answer.
const ROWS: usize = 1000;
/// How long a query waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long of that the look-ups may take.
const WORK: Duration = Duration::from_millis(800);

/// An end of a connection: address, IPv4 as v4-mapped, and port.
pub(crate) type End = (Ipv6Addr, u16);

/// The two ends of a connection, seen from one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// This end.
    pub(crate) local: End,
    /// The other one.
    pub(crate) peer: End,
}

impl From<&RowView> for Ends {
    fn from(row: &RowView) -> Self {
        Self { local: (row.local_address, row.local_port), peer: (row.peer_address, row.peer_port) }
    }
}

/// What knows connections and their translations.
trait Look {
    /// Returns how the other side of NAT has these ends: the real peer, and this end as that peer
    /// sees it. The same ends come back where nothing is translated, `None` where the connection is
    /// not tracked.
    ///
    /// # Errors
    /// What the kernel says.
    fn beyond(&mut self, ends: Ends) -> io::Result<Option<Ends>>;
}

/// A connection to look up.
#[derive(Clone, Copy, Debug)]
struct Question {
    /// The inode of its network namespace.
    netns: u32,
    /// A process that is in this namespace, unless it has left it.
    pid: Option<u32>,
    ends: Ends,
}

/// What one query asks.
#[derive(Debug)]
struct Batch {
    questions: Vec<Question>,
    /// After this nobody waits for the answer.
    end: Instant,
    /// Takes one answer for each question.
    answer: SyncSender<Vec<Option<Ends>>>,
}

/// Asks the thread that looks up; the default asks nobody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nat(Option<SyncSender<Batch>>);

impl Nat {
    /// Returns what asks a thread, and what it listens to.
    fn channel() -> (Self, Receiver<Batch>) {
        // One query runs at a time. What finds another one here goes without.
        let (batches, asked) = sync_channel(1);
        (Self(Some(batches)), asked)
    }

    /// Returns for each row how the other side of NAT has its ends; `None` where they are the same,
    /// or where that cannot be told. Waits at most [`PATIENCE`].
    #[must_use]
    pub(crate) fn look_up(&self, rows: &[RowView]) -> Vec<Option<Ends>> {
        debug_assert!(rows.len() <= ROWS, "no answer has {} rows", rows.len());
        let mut found = vec![None; rows.len()];
        let connections = rows.iter().enumerate().filter(|(_, row)| row.peer_port != 0);
        let places: Vec<usize> = connections.map(|(place, _)| place).take(ROWS).collect();
        let questions = places.iter().filter_map(|place| rows.get(*place)).map(|row| Question {
            netns: row.netns,
            pid: row.pid(),
            ends: row.into(),
        });
        let answers = self.ask(questions.collect()).unwrap_or_default();
        for (place, answer) in places.into_iter().zip(answers) {
            if let Some(found) = found.get_mut(place) {
                *found = answer;
            }
        }
        found
    }

    fn ask(&self, questions: Vec<Question>) -> Option<Vec<Option<Ends>>> {
        let batches = self.0.as_ref().filter(|_| !questions.is_empty())?;
        let (answer, answered) = sync_channel(1);
        let batch = Batch { questions, end: Instant::now() + WORK, answer };
        batches.try_send(batch).ok()?;
        answered.recv_timeout(PATIENCE).ok()
    }
}
