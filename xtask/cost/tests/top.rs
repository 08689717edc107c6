//! What a frame of `tcpwarden top` allocates: as much for a thousand rows as for those on the
//! screen.

use allocation_counter::measure;
use cost::top::ROWS;
use tcpwarden::top::Sample;

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
