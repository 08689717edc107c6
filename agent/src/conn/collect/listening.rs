//! Listeners: what waits at them and what they dropped, by process, workload and port, as the
//! passes see it.
//!
//! Used by the pass. Guarantees: at most `limit` listeners are counted by themselves; the rest
//! share one entry. What was counted as dropped stays counted: an entry whose listeners are gone
//! keeps its count until its room is needed, and the shared entry takes it then.

use std::sync::Arc;

use catalogue::labels::OTHER;
use hashbrown::HashMap;

use super::sums::Unaccepted;
use crate::conn::account::groups::Groups;
use crate::conn::nanos::Nanos;
use crate::conn::report::pressure::Listener;
use crate::conn::socket::row::{Row, flag};

/// What the list tells of a listener besides its row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extra {
    /// Handshakes that are not finished.
    pub(crate) syn_queue: u32,
    /// Connections dropped in the listener's life, modulo 2^32.
    pub(crate) drops: u32,
    /// When the list was read. If the row is younger, this is about
    /// another listener.
    pub(crate) time: Nanos,
}

impl Extra {
    /// Returns whether it is about this row's listener, not an earlier one at the same address.
    pub(crate) fn is_of(&self, row: &Row) -> bool {
        row.has(flag::ENTERED_BEFORE) || self.time >= row.entered
    }
}

/// How many of a listener's drops have been counted.
#[derive(Clone, Copy)]
struct Counted {
    /// When its row began; tells another listener at the same address apart.
    born: Nanos,
    drops: u32,
}

/// The counts of one process, workload and port.
#[derive(Clone, Copy, Default)]
struct Pair {
    sockets: u64,
    backlog: u64,
    limit: u64,
    syn_queue: u64,
    fullest: f64,
    drops: u64,
    unaccepted: u64,
    oldest_unaccepted: Option<Nanos>,
    /// Whether there is a row for it, seen by the last pass or not.
    live: bool,
}

/// Process, workload and port.
pub(crate) type ListenerKey = (Arc<str>, Arc<str>, u16);

/// The listeners of all processes, and what has been counted of their drops.
pub(crate) struct Listening {
    counted: HashMap<u64, Counted>,
    /// The pairs are found by name, because counts live longer than groups and the number of a
    /// group is used again.
    pairs: HashMap<ListenerKey, Pair>,
    beyond: Pair,
    limit: usize,
    /// How many listeners had to be folded into `~other`.
    pub(crate) overflow: u64,
}

impl Listening {
    /// Creates an empty collection with room for `limit` pairs.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            counted: HashMap::new(),
            pairs: HashMap::new(),
            beyond: Pair::default(),
            limit,
            overflow: 0,
        }
    }

    /// Counts all listeners afresh. Each row comes with what the list told of it, if this pass saw
    /// it.
    pub(crate) fn renew(&mut self, rows: &[(&Row, Option<Extra>)], groups: &Groups) {
        for pair in self.pairs.values_mut().chain([&mut self.beyond]) {
            *pair = Pair { drops: pair.drops, ..Pair::default() };
        }
        let before = std::mem::take(&mut self.counted);
        let key = |row: &Row| {
            let (process, workload) = groups.shown_labels(row.group);
            (process, workload, row.local_port)
        };
        for (row, _) in rows {
            if let Some(pair) = self.pairs.get_mut(&key(row)) {
                pair.live = true;
            }
        }
        for (row, extra) in rows {
            let known = before.get(&row.sk).filter(|known| known.born == row.born).copied();
            let Some(extra) = extra else {
                // This pass did not see it, so what was counted stays counted.
                self.counted.extend(known.map(|known| (row.sk, known)));
                continue;
            };
            // The drops of a listener that is older than the agent count from here on.
            let base = known
                .map_or(if row.has(flag::BORN_BEFORE) { extra.drops } else { 0 }, |known| {
                    known.drops
                });
            self.counted.insert(row.sk, Counted { born: row.born, drops: extra.drops });
            let pair = self.pair(key(row), known.is_none());
            // A counter that fell by less than half of its range has not wrapped.
            let dropped =
                Some(extra.drops.wrapping_sub(base)).filter(|dropped| *dropped <= u32::MAX / 2);
            pair.add(row, *extra, dropped.unwrap_or(0));
        }
        self.pairs.retain(|_, pair| pair.sockets > 0 || pair.drops > 0);
        debug_assert!(self.pairs.len() <= self.limit, "listeners stay within their budget");
    }

    /// Takes the connections that wait at the listeners of a pair; those of none are left out.
    pub(crate) fn wait(&mut self, key: &ListenerKey, waits: Unaccepted) {
        let pair = match self.pairs.get_mut(key) {
            Some(pair) => pair,
            None if self.overflow > 0 => &mut self.beyond,
            None => return,
        };
        pair.unaccepted += waits.count;
        let oldest = pair.oldest_unaccepted.into_iter().chain([waits.oldest]).min();
        pair.oldest_unaccepted = oldest;
    }

    /// Returns what is shown. The shared pair is shown once something was folded.
    pub(crate) fn snapshot(&self) -> Vec<Listener> {
        let show = |((process, workload, port), pair): (&ListenerKey, &Pair)| {
            pair.shown([process, workload].map(Arc::clone), Some(*port))
        };
        let beyond =
            (self.overflow > 0).then(|| self.beyond.shown([OTHER, OTHER].map(Arc::from), None));
        self.pairs.iter().map(show).chain(beyond).collect()
    }

    fn pair(&mut self, key: ListenerKey, new: bool) -> &mut Pair {
        if self.pairs.len() >= self.limit && !self.pairs.contains_key(&key) && !self.evict() {
            self.overflow += u64::from(new || self.overflow == 0);
            return &mut self.beyond;
        }
        self.pairs.entry(key).or_default()
    }

    /// Makes room: folds the pair that dropped least among those without a listener. Returns
    /// whether there was one.
    fn evict(&mut self) -> bool {
        let empty = self.pairs.iter().filter(|(_, pair)| pair.sockets == 0 && !pair.live);
        let Some(key) =
            empty.min_by_key(|(key, pair)| (pair.drops, *key)).map(|(key, _)| key.clone())
        else {
            return false;
        };
        self.beyond.drops += self.pairs.remove(&key).map_or(0, |pair| pair.drops);
        self.overflow += 1;
        true
    }
}

impl Pair {
    fn add(&mut self, row: &Row, extra: Extra, dropped: u32) {
        let (backlog, limit) = (row.queues.receive(), row.queues.send());
        // The kernel admits one more than the limit (`sk_acceptq_is_full`, 5.10).
        let room = u64::from(limit) + 1;
        self.sockets += 1;
        self.backlog += u64::from(backlog);
        self.limit += u64::from(limit);
        self.syn_queue += u64::from(extra.syn_queue);
        self.drops += u64::from(dropped);
        #[expect(clippy::cast_precision_loss, reason = "of 33 bits")]
        let used = f64::from(backlog) / room as f64;
        self.fullest = self.fullest.max(used);
    }

    fn shown(&self, [process, workload]: [Arc<str>; 2], port: Option<u16>) -> Listener {
        Listener {
            process,
            workload,
            port,
            sockets: self.sockets,
            backlog: self.backlog,
            limit: self.limit,
            syn_queue: self.syn_queue,
            fullest: self.fullest,
            drops: self.drops,
            unaccepted: self.unaccepted,
            oldest_unaccepted: self.oldest_unaccepted.map(Nanos::get),
        }
    }
}
