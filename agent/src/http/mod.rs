//! The agent's HTTP surface: `/`, `/metrics`, `/api/v1`, `/healthz`, `/readyz`, on addresses and a
//! socket file beside them.
//!
//! `bound` binds in the agent, `socket_file` and `passed` for it; `access` says who may ask where.
//! It is a process of its own, behind `sandbox`, that asks the agent: `process` starts it and
//! `answers` answers, in the agent; `child` and the rest run in that process. `question` is all
//! that they say to each other. With a web configuration (`crate::web`) the agent hands over what
//! `web` makes rules of: `secure` begins connections by them, `auth` admits requests.
//!
//! Guarantees: a break-in into the process that parses requests gains no capability, no file and
//! no other process. No client can block the agent, nor another client: there are at most 256
//! connections, of which an idle one yields to a new one; one rendering at a time; a page is made
//! once for all who want the same form of it (`forms`, chosen by `accept`), two at a time and piece
//! by piece; and waits, headers and lifetimes of connections are bounded.

mod accept;
mod access;
mod answers;
mod api;
mod auth;
mod bound;
pub mod child;
mod failure;
mod flight;
mod forms;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod gate;
mod lane;
mod listener;
mod page;
mod passed;
mod passwords;
mod places;
mod process;
mod question;
mod render;
mod routes;
mod secure;
mod serve;
mod socket_file;
mod web;

pub(crate) use access::Access;
pub(crate) use answers::Views;
pub(crate) use bound::{Bound, is_private};
pub(crate) use page::Overview;
pub(crate) use passed::Passed;
pub(crate) use process::{Supervisor, supervised};

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod crowd_tests;
#[cfg(test)]
mod known_tests;
#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod socket_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod web_tests;
