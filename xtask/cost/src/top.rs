//! `tcpwarden top`: what a frame costs, and what an answer of a thousand rows does.

use tcpwarden::top::Sample;

use crate::{Prepared, Work};

/// The most rows of a list.
pub const ROWS: u32 = 1000;

/// What is counted.
pub const WORK: &[Work] = &[
    Work { name: "top/frame_of_1000_rows", unit: "frame", prepare: || work(Sample::draw) },
    Work { name: "top/refresh_of_1000_rows", unit: "refresh", prepare: || work(Sample::refresh) },
];

fn work(of: fn(&mut Sample)) -> Prepared {
    let mut sample = Sample::of(ROWS);
    Prepared { units: 1, run: Box::new(move || of(&mut sample)) }
}
