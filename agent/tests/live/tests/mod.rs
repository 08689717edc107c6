//! The tests, one file a subject; a name is a claim.

mod accepters;
mod activity;
mod bound_ports;
mod drilldown;
mod equalities;
mod errors;
mod exhaustion;
mod leaks;
mod lifecycle;
mod mptcp;
mod overload;
mod owners;
mod page;
mod preemption;
mod pressure;
mod seeding;
mod sequences;
mod trouble;
mod truth;
mod whole;
mod workloads;
mod younger;

/// A test and its name.
pub(crate) type Test = (&'static str, fn());

/// All of them, in the order in which they run.
pub(crate) fn all() -> Vec<Test> {
    [
        lifecycle::TESTS,
        sequences::TESTS,
        whole::TESTS,
        seeding::TESTS,
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
        page::TESTS,
        pressure::TESTS,
        workloads::TESTS,
        drilldown::TESTS,
        trouble::TESTS,
    ]
    .concat()
}
