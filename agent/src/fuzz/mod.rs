//! The fuzz targets: what reads bytes from outside, and what holds for any bytes.
//!
//! A target is one function that takes bytes and panics if a claim about them is wrong; its body
//! stands beside the code that it asks, in a file `fuzz.rs`. Two programs run them: the tests here
//! replay the corpus of `agent/fuzz/corpus` and what is near it, and `agent/fuzz` runs them under
//! libFuzzer for `cargo xtask test --full fuzz`. Compiled for these two only.

#[cfg(test)]
mod tests;

use crate::{config, http, ingest, kernel, lister, nat, pressure, process, query, workload};

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its folder in the corpus.
    pub name: &'static str,
    /// Runs it on any bytes. It panics if a claim about them is wrong.
    pub run: fn(&[u8]),
}

impl Target {
    /// Every target.
    pub const ALL: &[Self] = &[
        Self { name: "records", run: ingest::fuzz::records },
        Self { name: "types", run: kernel::fuzz::types },
        Self { name: "object", run: kernel::fuzz::object },
        Self { name: "stat", run: process::fuzz::stat },
        Self { name: "command-line", run: process::fuzz::command_line },
        Self { name: "name", run: process::fuzz::name },
        Self { name: "pressure", run: pressure::fuzz::texts },
        Self { name: "cgroup", run: workload::fuzz::cgroup },
        Self { name: "names", run: workload::names::fuzz::names },
        Self { name: "config", run: config::fuzz::config },
        Self { name: "query", run: query::fuzz::query },
        Self { name: "answer", run: query::fuzz::answer },
        Self { name: "question", run: http::fuzz::question },
        Self { name: "accept", run: http::fuzz::accept },
        Self { name: "frame", run: lister::fuzz::frame },
        Self { name: "conntrack", run: nat::fuzz::conntrack },
    ];
}
