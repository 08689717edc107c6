//! The agent, Prometheus and Alertmanager, started together on loopback: for the proof on a live
//! agent, which asks them, and for `cargo xtask demo`, which shows them.
//!
//! Guarantees: what is started ends when its handle is dropped, and also when this process is
//! killed; what it stored goes with it. Nothing listens beyond loopback.
#![forbid(unsafe_code)]

mod alertmanager;
mod api;
mod borrowed;
mod folder;
mod prometheus;
mod server;

pub use alertmanager::Alertmanager;
pub use api::{Api, Sample};
pub use folder::Folder;
pub use prometheus::{Prometheus, Scrape};
pub use server::{agent, free_port};
