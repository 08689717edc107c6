//! What fills up: accept queues, receive queues, ports, descriptors; and what is behind a
//! CLOSE_WAIT.

mod limits;
mod lines;
mod queues;

use super::Test;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::pressure::close_wait_is_told_by_stage", queues::stages),
    (
        "portable::pressure::an_orphan_in_fin_wait2_is_not_taken_for_a_half_closed_connection",
        queues::orphans,
    ),
    (
        "portable::pressure::an_accept_queue_that_is_full_shows_and_its_refusals_count",
        queues::full_listener,
    ),
    ("portable::pressure::a_reader_that_does_not_read_shows_at_both_ends", queues::slow_reader),
    ("portable::pressure::ports_run_out_for_one_destination", limits::few_ports),
    ("portable::pressure::descriptors_and_settings_are_those_of_proc", limits::descriptors),
];
