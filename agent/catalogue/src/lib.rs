//! This crate is the vocabulary that the agent and its dashboards share: every metric that the
//! agent exports, the closed sets of label values, the bounds of buckets, and the limits that
//! appear in series.
//!
//! The agent writes its page from these declarations. The package `dashboards` takes every name
//! from them. The crate has no state and reads no file, so both compile it in seconds.
#![forbid(unsafe_code)]

pub mod buckets;
pub mod labels;
pub mod limits;
pub mod metrics;
pub mod reference;
