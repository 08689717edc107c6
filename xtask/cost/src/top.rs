//! `tcpwarden top`: what a frame costs, and what an answer of a thousand rows does; and what both
//! cost with a hundred thousand connections, the agent that answers included.

use tcpwarden::top::{List, Sample, Whole};

use crate::scrape::{NOW, full};
use crate::{Prepared, Work};

/// The most rows of a list.
pub const ROWS: u32 = 1000;
/// Connections of a large table.
pub const CONNECTIONS: u32 = 100_000;

/// What is counted.
pub const WORK: &[Work] = &[
    Work { name: "top/frame_of_1000_rows", unit: "frame", prepare: || work(Sample::draw) },
    Work { name: "top/refresh_of_1000_rows", unit: "refresh", prepare: || work(Sample::refresh) },
    Work {
        name: "top/suspects_of_100000_rows",
        unit: "answer",
        prepare: || of(List::Suspects, Whole::answer),
    },
    Work {
        name: "top/destinations_of_100000_rows",
        unit: "answer",
        prepare: || of(List::Destinations, Whole::answer),
    },
    Work {
        name: "top/sockets_of_100000_rows",
        unit: "answer",
        prepare: || of(List::Sockets, Whole::answer),
    },
    Work {
        name: "top/refresh_of_100000_rows",
        unit: "refresh",
        prepare: || of(List::Sockets, Whole::refresh),
    },
    Work {
        name: "top/frame_of_100000_rows",
        unit: "frame",
        prepare: || of(List::Sockets, Whole::draw),
    },
];

fn work(of: fn(&mut Sample)) -> Prepared {
    let mut sample = Sample::of(ROWS);
    Prepared { units: 1, run: Box::new(move || of(&mut sample)) }
}

/// A view of a table that has all these connections and is full in every respect: at each refresh
/// the agent answers what the list needs, the view takes the answers and draws.
#[must_use]
pub fn view(list: List) -> Whole {
    Whole::of(full(CONNECTIONS), || NOW, list)
}

fn of(list: List, part: fn(&mut Whole)) -> Prepared {
    let mut view = view(list);
    Prepared { units: 1, run: Box::new(move || part(&mut view)) }
}
