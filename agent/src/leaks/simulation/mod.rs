//! Simulated processes on a simulated clock: each acts once a second, the sampler and the judge
//! look every 15 s.

mod guilty;
mod innocent;
pub(crate) mod random;

use hashbrown::HashMap;

use crate::leaks::judge::{Certainty, Verdict, verdicts};
use crate::leaks::kind::Kind;
use crate::leaks::past::{Past, Sampled};
use crate::leaks::sampler::{Entry, Rhythm, Sampler};
use crate::leaks::tally::{Connection, Tally};
use crate::leaks::times::Times;
use catalogue::labels::{Role, SocketState};
use random::Random;

pub(crate) const SECOND: u64 = 1_000_000_000;

/// A group of connections and what makes them.
struct Group {
    name: String,
    role: Role,
    state: SocketState,
    connections: Vec<Connection>,
    opens: u64,
    closes: u64,
    started: u64,
    random: Random,
    /// A number for the process's own use.
    own: f64,
}

type Act = Box<dyn FnMut(&mut Group, u64)>;

impl Group {
    /// Opens a connection at a random time of this second; data is exchanged at once.
    fn open(&mut self, second: u64) {
        let now = second * SECOND + self.random.next() % SECOND;
        self.opens += 1;
        self.connections.push(Connection {
            born: Some(now),
            entered: now,
            last_used: now,
            last_received: now,
            was_used: true,
            ..Connection::default()
        });
    }

    fn close(&mut self, place: usize) {
        self.closes += 1;
        self.connections.remove(place);
    }

    fn touch(&mut self, place: usize, second: u64) {
        let used = second * SECOND;
        let connection = &mut self.connections[place];
        connection.last_used = connection.last_used.max(used);
        connection.last_received = connection.last_used;
    }

    /// Returns whether something that happens `per_minute` times a minute happens this second.
    fn chance(&mut self, per_minute: f64) -> bool {
        self.random.unit() < per_minute / 60.0
    }

    /// Uses each connection about every `every` seconds.
    fn use_all(&mut self, every: u64, second: u64) {
        for place in 0..self.connections.len() {
            let own = self.connections[place].born.unwrap_or(0) / 7;
            if (second + own).is_multiple_of(every) {
                self.touch(place, second);
            }
        }
    }
}

/// What the judge said of a process, and when.
#[derive(Debug, Default)]
struct Record {
    /// The second and the verdict, for each look at which there was one that accuses.
    accused: Vec<(u64, Verdict)>,
    /// The kinds of the notes.
    notes: HashMap<Kind, u32>,
}

impl Record {
    fn first(&self, kind: Kind, certainty: Certainty) -> Option<u64> {
        let is = |verdict: &Verdict| verdict.kind == kind && verdict.certainty >= certainty;
        self.accused.iter().find(|(_, verdict)| is(verdict)).map(|(second, _)| *second)
    }

    fn first_trend(&self) -> Option<u64> {
        self.accused.iter().find(|(_, verdict)| verdict.trend).map(|(second, _)| *second)
    }
}

/// Lets processes run from second 0 on; the agent starts at second `agent`. Returns a record for
/// each.
fn run(processes: &mut [(Group, Act)], agent: u64, seconds: u64) -> Vec<Record> {
    run_with(processes, agent, seconds, 1)
}

/// Does the same with all times of the agent shorter by a divisor of 15.
fn run_with(processes: &mut [(Group, Act)], agent: u64, seconds: u64, by: u64) -> Vec<Record> {
    let times = Times::default().divided_by(by);
    let rhythm = Rhythm::default();
    let rhythm =
        Rhythm { fine: rhythm.fine / by, long: rhythm.long / by, grace: rhythm.grace / by };
    let mut sampler = Sampler::new(rhythm, 1024);
    let mut records: Vec<_> = processes.iter().map(|_| Record::default()).collect();
    for second in 0..seconds {
        for (group, act) in &mut *processes {
            act(group, second);
        }
        if second < agent || !(second - agent).is_multiple_of(15 / by) {
            continue;
        }
        let now = (second + 1) * SECOND;
        let mut present = HashMap::new();
        let tallies: Vec<_> =
            processes.iter().map(|(group, _)| tally(group, agent, now, &times)).collect();
        for (place, ((group, _), tally)) in processes.iter().zip(&tallies).enumerate() {
            let value = Sampled::of(tally, Some((group.opens, group.closes)));
            if tally.count > 0 {
                present.insert(place, Entry { since: now - tally.oldest, value });
            }
        }
        sampler.add(now, present);
        for (place, ((group, _), tally)) in processes.iter().zip(tallies).enumerate() {
            let past = Past::of(&sampler, &place);
            let evidence = past.evidence((group.role, group.state), tally, group.started);
            for verdict in verdicts(&evidence, &times) {
                if verdict.accuses {
                    records[place].accused.push((second, verdict));
                } else {
                    *records[place].notes.entry(verdict.kind).or_default() += 1;
                }
            }
        }
    }
    records
}

/// Counts the connections as an agent sees them that has run since second `agent`.
fn tally(group: &Group, agent: u64, now: u64, times: &Times) -> Tally {
    let mut tally = Tally::default();
    for connection in &group.connections {
        let born = connection.born.filter(|born| *born >= agent * SECOND);
        let seen = Connection { born, ..*connection };
        tally.add(&seen, (group.role, group.state), now, times);
    }
    tally
}

/// Returns a process without connections.
fn process(name: &str, role: Role, act: impl FnMut(&mut Group, u64) + 'static) -> (Group, Act) {
    let seed = name.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte));
    let group = Group {
        name: name.to_owned(),
        role,
        state: SocketState::Established,
        connections: Vec::new(),
        opens: 0,
        closes: 0,
        started: 0,
        random: Random(seed),
        own: 0.0,
    };
    (group, Box::new(act))
}
