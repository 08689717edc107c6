//! Prometheus: scrapes the agent and evaluates the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde_json::json;
use testkit::process::Process;

use crate::alertmanager::Alertmanager;
use crate::api::{self, Api, Sample};
use crate::borrowed;
use crate::folder::Folder;
use crate::server::{free_port, start};

/// The name of its configuration.
const CONFIG: &str = "prometheus.yml";

/// What it is to do.
#[derive(Debug, Clone)]
pub struct Scrape {
    /// `host:port` of each agent.
    pub agents: Vec<String>,
    /// Between two scrapes, in whole seconds.
    pub every: Duration,
    /// Rule files.
    pub rules: Vec<PathBuf>,
    /// More of `scrape_configs`.
    pub jobs: Vec<serde_json::Value>,
}

impl Scrape {
    /// Scrapes these agents.
    #[must_use]
    pub const fn of(agents: Vec<String>, every: Duration, rules: Vec<PathBuf>) -> Self {
        Self { agents, every, rules, jobs: Vec::new() }
    }
}

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    /// Its API.
    pub api: Api,
    process: Process,
}

impl Prometheus {
    /// Starts it, near port `wanted`, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start; with what it said.
    pub fn start(
        folder: &Folder,
        wanted: u16,
        scrape: &Scrape,
        alertmanager: &Alertmanager,
    ) -> Result<Self> {
        let every = format!("{}s", scrape.every.as_secs());
        let port = free_port(wanted)?;
        let itself = format!("127.0.0.1:{port}");
        // Most have more than agents to scrape: what is asked for without care takes that in.
        let mut jobs = vec![
            json!({ "job_name": "tcpwarden", "static_configs": [{ "targets": scrape.agents }] }),
            json!({ "job_name": "prometheus", "static_configs": [{ "targets": [itself] }] }),
        ];
        jobs.extend(scrape.jobs.iter().cloned());
        let config = json!({
            "global": {
                "scrape_interval": every,
                "scrape_timeout": every,
                "evaluation_interval": every,
            },
            "rule_files": scrape.rules,
            "alerting": {
                "alertmanagers": [{ "static_configs": [{ "targets": [alertmanager.address()] }] }],
            },
            "scrape_configs": jobs,
        });
        let storage = folder.path().join("prometheus");
        Self::configured(folder, port, &config, &storage, &["--storage.tsdb.retention.time=1d"])
    }

    /// Starts it on `port` of loopback with a whole configuration, as JSON, what it stores in
    /// `storage`, and more arguments; waits until it is ready.
    ///
    /// # Errors
    /// When it does not start; with what it said.
    pub fn configured(
        folder: &Folder,
        port: u16,
        config: &serde_json::Value,
        storage: &Path,
        arguments: &[&str],
    ) -> Result<Self> {
        // JSON is YAML.
        let config = folder.write(CONFIG, &config.to_string())?;
        let mut command = borrowed::command(&["prometheus"])?;
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", storage.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--rules.alert.resend-delay=5s", "--web.enable-lifecycle"])
            .args(arguments);
        let api = Api::new(port);
        let process = start("Prometheus", command, &api, "/-/ready")?;
        Ok(Self { api, process })
    }

    /// Lets it read another configuration, which [`Self::configured`] began with.
    ///
    /// # Errors
    /// The file cannot be written, or Prometheus refuses it.
    pub fn reload(&self, folder: &Folder, config: &serde_json::Value) -> Result<()> {
        folder.write(CONFIG, &config.to_string())?;
        self.api.post("/-/reload", &json!({}))
    }

    /// The same, where an answer may take so long.
    #[must_use]
    pub fn patient(self, port: u16, patience: Duration) -> Self {
        Self { api: Api::patient(port, patience), ..self }
    }

    /// The series of an instant query.
    ///
    /// # Errors
    /// When it does not answer, or the query is wrong.
    pub fn query(&self, expr: &str) -> Result<Vec<Sample>> {
        Ok(api::samples(&self.ask("/api/v1/query", &[("query", expr)])?))
    }

    /// The series of a query over the time since `from`, each `step`.
    ///
    /// # Errors
    /// When it does not answer, or the query is wrong.
    pub fn range(&self, expr: &str, from: SystemTime, step: Duration) -> Result<Vec<Sample>> {
        let (start, end) = (seconds(from).to_string(), seconds(SystemTime::now()).to_string());
        let step = step.as_secs_f64().to_string();
        Ok(api::samples(&self.ask(
            "/api/v1/query_range",
            &[("query", expr), ("start", &start), ("end", &end), ("step", &step)],
        )?))
    }

    /// The values of a label of the series that `selector` matches, since `from`.
    ///
    /// # Errors
    /// When it does not answer, or the selector is wrong.
    pub fn label_values(
        &self,
        label: &str,
        selector: &str,
        from: SystemTime,
    ) -> Result<Vec<String>> {
        let (start, end) = (seconds(from).to_string(), seconds(SystemTime::now()).to_string());
        let answer = self.ask(
            &format!("/api/v1/label/{label}/values"),
            &[("match[]", selector), ("start", &start), ("end", &end)],
        )?;
        Ok(answer["data"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect())
    }

    /// The names of the alerts that fire.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn firing(&self) -> Result<BTreeSet<String>> {
        let alerts = self.alerts()?;
        Ok(alerts.into_iter().filter_map(|mut labels| labels.remove("alertname")).collect())
    }

    /// The labels of each alert that fires.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn alerts(&self) -> Result<Vec<BTreeMap<String, String>>> {
        let answer = self.ask("/api/v1/alerts", &[])?;
        let alerts = answer["data"]["alerts"].as_array().into_iter().flatten();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        Ok(firing.map(|alert| api::labels(&alert["labels"])).collect())
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What the API answers.
    ///
    /// # Errors
    /// When it does not answer, or the query is wrong; with what Prometheus said.
    pub fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<serde_json::Value> {
        self.api
            .json(path, parameters)
            .with_context(|| format!("Prometheus said:\n{}", self.process.tail(10)))
    }
}

/// Unix time.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
