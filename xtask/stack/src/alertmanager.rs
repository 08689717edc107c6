//! Alertmanager: takes the alerts and tells nobody.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::process::Process;

use crate::api::{self, Api};
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
        Self::start_with(folder, wanted, CONFIG)
    }

    /// Starts it with this configuration, likewise.
    ///
    /// # Errors
    /// When it does not start; with what it said.
    pub fn start_with(folder: &Folder, wanted: u16, config: &str) -> Result<Self> {
        let config = folder.write("alertmanager.yml", config)?;
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

    /// Hands it alerts, each as its labels, which fire from then on.
    ///
    /// # Errors
    /// When it refuses them; with what it said.
    pub fn fire(&self, alerts: &[Value]) -> Result<()> {
        let alerts: Vec<Value> =
            alerts.iter().map(|labels| json!({ "labels": labels, "annotations": {} })).collect();
        self.api.post("/api/v2/alerts", &Value::Array(alerts))
    }

    /// The names of the alerts that fire and that another one inhibits.
    ///
    /// # Errors
    /// When it does not answer; with what it said.
    pub fn inhibited(&self) -> Result<BTreeSet<String>> {
        self.names(&[("active", "false"), ("inhibited", "true")])
    }

    /// The names of the alerts that fire and that no other one inhibits.
    ///
    /// # Errors
    /// When it does not answer; with what it said.
    pub fn told(&self) -> Result<BTreeSet<String>> {
        self.names(&[("active", "true"), ("inhibited", "false")])
    }

    /// The names of the alerts that fire.
    ///
    /// # Errors
    /// When it does not answer; with what it said.
    pub fn firing(&self) -> Result<BTreeSet<String>> {
        self.names(&[("active", "true")])
    }

    /// The labels of each alert that fires.
    ///
    /// # Errors
    /// When it does not answer; with what it said.
    pub fn alerts(&self) -> Result<Vec<BTreeMap<String, String>>> {
        self.labels(&[("active", "true")])
    }

    fn names(&self, which: &[(&str, &str)]) -> Result<BTreeSet<String>> {
        let alerts = self.labels(which)?;
        Ok(alerts.into_iter().filter_map(|mut labels| labels.remove("alertname")).collect())
    }

    fn labels(&self, which: &[(&str, &str)]) -> Result<Vec<BTreeMap<String, String>>> {
        let answer = self.api.json("/api/v2/alerts", which);
        let answer =
            answer.with_context(|| format!("Alertmanager said:\n{}", self.process.tail(20)))?;
        let alerts = answer.as_array().context("Alertmanager's answer is no list")?;
        Ok(alerts.iter().map(|alert| api::labels(&alert["labels"])).collect())
    }
}
