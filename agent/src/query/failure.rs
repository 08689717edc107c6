//! What a command ends with if an agent does not answer, or nobody takes the answer.

use std::io;

use super::text::printable;
use crate::client::{Agent, Failure};
use crate::exit::Error;

/// Returns the error for an agent that has not answered.
pub(super) fn failed(agent: &Agent<'_>, failure: &Failure) -> Error {
    match failure {
        Failure::Options(text) => Error::Usage(printable(text)),
        failure => unanswered(agent, &failure.to_string()),
    }
}

/// Returns the error for an agent whose answer is none, and why.
pub(super) fn unanswered(agent: &Agent<'_>, why: &str) -> Error {
    Error::Agent { agent: printable(&agent.place()), why: printable(why) }
}

/// Returns the error for output that cannot be written.
pub(super) fn unwritten(error: io::Error) -> Error {
    Error::Other(anyhow::Error::new(error).context("cannot write the answer to the output"))
}
