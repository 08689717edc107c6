//! What a frame of `tcpwarden top` allocates: as much for a thousand rows as for those on the
//! screen. And that what is counted of a large table is what a person would see.

use allocation_counter::measure;
use cost::top::{ROWS, view};
use tcpwarden::top::{List, Sample};

/// More rows than the screen of a sample has lines.
const SCREEN: u32 = 60;

#[test]
fn a_frame_allocates_as_often_for_a_thousand_rows_as_for_a_screen() {
    let [few, many] = [SCREEN, ROWS].map(|rows| {
        let mut sample = Sample::of(rows);
        measure(|| sample.draw()).count_total
    });
    assert!(
        many <= few + 8 && many < 500,
        "{few} allocations for a screen, {many} for {ROWS} rows"
    );
}

#[test]
fn a_view_of_a_hundred_thousand_connections_has_the_rows_that_its_lists_may_have() {
    let [suspects, destinations, sockets] =
        [List::Suspects, List::Destinations, List::Sockets].map(|list| view(list).rows());
    assert_eq!((suspects, destinations), (300, 152), "as docs/overhead.md has them");
    assert_eq!(sockets, 1000, "of more that match");
}
