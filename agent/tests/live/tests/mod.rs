//! The tests, one file a subject; a name is a claim.

mod books;
mod drilldown;
mod errors;
mod lifecycle;
mod overload;
mod page;
mod seeding;
mod sequences;
mod truth;
mod whole;

/// A test and its name.
pub(crate) type Test = (&'static str, fn());

/// All of them, in the order in which they run.
pub(crate) fn all() -> Vec<Test> {
    [
        lifecycle::TESTS,
        sequences::TESTS,
        whole::TESTS,
        seeding::TESTS,
        truth::TESTS,
        overload::TESTS,
        errors::TESTS,
        page::TESTS,
        drilldown::TESTS,
    ]
    .concat()
}
