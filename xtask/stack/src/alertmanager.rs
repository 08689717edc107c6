//! Alertmanager: takes the alerts and tells nobody.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use testkit::process::Process;

use crate::api::Api;
use crate::borrowed;
use crate::folder::Folder;
use crate::server::{free_port, start};

/// A receiver that does nothing: what is asked is the API.
const CONFIG: &str =
    "route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n";

/// A running Alertmanager.
#[derive(Debug)]
pub struct Alertmanager {
    /// Its API.
    pub api: Api,
    port: u16,
    process: Process,
}

impl Alertmanager {
    /// Starts it, near port `wanted`, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start; with what it said.
    pub fn start(folder: &Folder, wanted: u16) -> Result<Self> {
        let config = folder.write("alertmanager.yml", CONFIG)?;
        let port = free_port(wanted)?;
        // Debian calls it by a name of its own.
        let mut command = borrowed::command(&["prometheus-alertmanager", "alertmanager"])?;
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("alertmanager").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // An empty address: no gossip with other instances, and no port for it.
            .args(["--cluster.listen-address=", "--data.retention=1h"]);
        let api = Api::new(port);
        let process = start("Alertmanager", command, &api, "/-/ready")?;
        Ok(Self { api, port, process })
    }

    /// `host:port`, as Prometheus takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The names of the alerts that fire.
    ///
    /// # Errors
    /// When it does not answer; with what it said.
    pub fn firing(&self) -> Result<BTreeSet<String>> {
        let answer = self.api.json("/api/v2/alerts", &[("active", "true")]);
        let answer =
            answer.with_context(|| format!("Alertmanager said:\n{}", self.process.tail(20)))?;
        let alerts = answer.as_array().context("Alertmanager's answer is no list")?;
        Ok(alerts
            .iter()
            .filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned))
            .collect())
    }
}
