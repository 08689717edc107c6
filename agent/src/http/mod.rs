//! The agent's HTTP surface: `/`, `/metrics`, `/api/v1`, `/healthz`, `/readyz`, on loopback or a
//! socket file.
//!
//! Called by `run` with what to serve. Guarantee: no client can block the agent, nor another
//! client: there are at most 256 connections, of which an idle one yields to a new one; one
//! rendering at a time runs off the reactor; and waits, headers and lifetimes of connections are
//! bounded.

mod access;
mod api;
mod flight;
mod gate;
mod listener;
mod page;
mod places;
mod render;
mod routes;
mod serve;

pub(crate) use access::Access;
pub(crate) use api::Api;
pub(crate) use listener::Bound;
pub(crate) use page::Overview;
pub(crate) use routes::{Views, router};
pub(crate) use serve::serve;

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod crowd_tests;
#[cfg(test)]
mod tests;
