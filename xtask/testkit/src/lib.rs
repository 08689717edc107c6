//! What the lab, the benchmark, the demo and every test against a running kernel share: network
//! namespaces, child processes, a client of the agent, a reader of its metrics page, traffic, and
//! the lock that keeps two such runs apart.
//!
//! Guarantees: a namespace and a process end with their handles, however the caller ends; nothing
//! here waits without a bound. Everything works in a guest that has only busybox, except what is
//! started with [`launch::Launch::tied`].
#![forbid(unsafe_code)]

pub mod address;
pub mod agent;
pub mod census;
pub mod certificates;
pub mod client;
pub mod launch;
mod log;
pub mod netns;
pub mod page;
pub mod proc_net;
pub mod process;
pub mod program;
pub mod shell;
pub mod traffic;
pub mod turn;
pub mod usage;
pub mod veth;
pub mod wait;
