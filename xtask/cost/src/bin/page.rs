//! Prints the page of metrics of a made-up machine as OpenMetrics: `page PROCESSES`, each process
//! with a service and full histograms. The agent's own code writes it.
#![forbid(unsafe_code)]

use std::io::Write as _;

use anyhow::{Context as _, Result};
use tcpwarden::metrics::{Form, Making};

fn main() -> Result<()> {
    let argument = std::env::args().nth(1).context("usage: page PROCESSES")?;
    let processes = argument.parse().context("no number of processes")?;
    let page = cost::scrape::page(processes);
    let made = Making::new(&page, Form { open_metrics: true, gzip: false }).finish()?;
    std::io::stdout().write_all(&made).context("print the page")
}
