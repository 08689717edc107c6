//! The alerts before any agent runs: promtool reads the files and plays the unit tests, each limit
//! and each `for` is held by one of them, and the runbooks can be followed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of a test fail as the test does"
)]

mod cases;
mod cookbook;
mod joins;
mod model;
mod mutants;
mod pages;
mod panels;
mod promtool;
mod runbooks;
mod site;
