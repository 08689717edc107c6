//! The tests, one file a subject; a name is a claim.

mod accepters;
mod activity;
mod bound_ports;
mod break_in;
mod destinations;
mod doctor;
mod drilldown;
mod empty_root;
mod equalities;
mod errors;
mod exhaustion;
mod faults;
mod formats;
mod healthy;
mod hostile;
mod leaks;
mod lifecycle;
mod logs;
mod mptcp;
mod nat;
mod overload;
mod owners;
mod page;
mod preemption;
mod pressure;
mod seeding;
mod sequences;
mod socket;
mod top;
mod trouble;
mod truth;
mod unit;
mod web;
mod whole;
mod workloads;
mod young;
mod younger;

use crate::harness::in_a_guest;

/// A test and its name.
pub(crate) type Test = (&'static str, fn());

/// The environment variable with which the long tests are listed, and no others.
const LONG: &str = "TCPWARDEN_LIVE_LONG";

/// Those that this run may choose from.
pub(crate) fn listed() -> Vec<Test> {
    if std::env::var_os(LONG).is_some() {
        [leaks::LONG, healthy::LONG, faults::long::LONG].concat()
    } else {
        all()
    }
}

/// All but the long ones, in the order in which they run.
fn all() -> Vec<Test> {
    [
        lifecycle::TESTS,
        sequences::TESTS,
        sequences::REJECTED,
        whole::TESTS,
        seeding::TESTS,
        young::TESTS,
        younger::TESTS,
        owners::TESTS,
        accepters::TESTS,
        activity::TESTS,
        mptcp::TESTS,
        leaks::TESTS,
        exhaustion::TESTS,
        bound_ports::TESTS,
        truth::TESTS,
        preemption::TESTS,
        overload::TESTS,
        errors::TESTS,
        logs::TESTS,
        empty_root::TESTS,
        hostile::TESTS,
        web::TESTS,
        socket::TESTS,
        unit::TESTS,
        break_in::TESTS,
        faults::stops::TESTS,
        faults::views::TESTS,
        faults::crowds::TESTS,
        faults::hooks::TESTS,
        page::TESTS,
        formats::TESTS,
        pressure::TESTS,
        workloads::TESTS,
        drilldown::TESTS,
        nat::TESTS,
        trouble::TESTS,
        destinations::TESTS,
        doctor::TESTS,
        top::TESTS,
        healthy::TESTS,
        if in_a_guest() { faults::guests::TESTS } else { &[] },
        // The last.
        if in_a_guest() { faults::guests::LAST } else { &[] },
    ]
    .concat()
}
