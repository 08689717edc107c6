//! The agent's HTTP surface: `/`, `/metrics`, `/api/v1`, `/healthz`, `/readyz`, on loopback or a
//! socket file.
//!
//! Called by `main` with what to serve. Guarantees: what a client does cannot hold up the agent: at
//! most 256 connections, one rendering at a time and off the reactor, bounded waits, headers and
//! connection lives.

mod access;
mod api;
mod gate;
mod listener;
mod page;
mod routes;
mod serve;

pub use access::Access;
pub use api::Api;
pub use listener::Bound;
pub use page::Overview;
pub use routes::{Views, router};
pub use serve::serve;

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod tests;
