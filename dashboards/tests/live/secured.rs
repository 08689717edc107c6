//! An agent with a web configuration, and a Prometheus that has its certificate and its password.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stack::{Alertmanager, Folder, Prometheus, Scrape};
use testkit::address::Address;
use testkit::agent::{Agent, binary};
use testkit::certificates::Certificates;
use testkit::launch::{Launch, Output};
use testkit::wait;

/// How long the agent may take to listen, and Prometheus to have scraped it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Two targets, of which one has another password.
const RIGHT: &str = "right";
const WRONG: &str = "wrong";

/// Fails unless Prometheus scrapes the agent over TLS, with a certificate and a password, and is
/// refused with another password.
pub(crate) fn prove() -> Result<()> {
    let files = Certificates::new()?;
    files.authority("ca")?;
    files.certificate("agent", "ca", "IP:127.0.0.1")?;
    files.certificate("prometheus", "ca", "DNS:prometheus")?;
    let hash = bcrypt::hash(RIGHT, 10).context("hash a password")?;
    let path = files.write(
        "web.yml",
        &format!(
            "tls_server_config:\n  cert_file: agent.pem\n  key_file: agent.key\n  \
             client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n\
             basic_auth_users:\n  prometheus: {hash}\n"
        ),
    )?;
    let path = path.display().to_string();
    let address = Address::Tcp((Ipv4Addr::LOCALHOST, 0).into());
    let program = binary("TCPWARDEN_BIN", "tcpwarden")?;
    let command = Agent::command(&program, &address, &["--web-config-file", &path]);
    let agent = Launch::new("the agent", command).output(Output::LinesAndLog).tied().spawn()?;
    let line = agent.line(PATIENCE)?.context("the agent did not say that it listens")?;
    let target = line
        .strip_prefix("listening on https://")
        .and_then(|rest| rest.strip_suffix("/metrics"))
        .with_context(|| format!("the agent said {line:?}"))?;

    let folder = Folder::new()?;
    let alertmanager = Alertmanager::start(&folder, 0)?;
    let jobs = [RIGHT, WRONG].map(|password| {
        json!({
            "job_name": password,
            "scheme": "https",
            "tls_config": {
                "ca_file": files.name("ca.pem"),
                "cert_file": files.name("prometheus.pem"),
                "key_file": files.name("prometheus.key"),
            },
            "basic_auth": { "username": "prometheus", "password": password },
            "static_configs": [{ "targets": [target] }],
        })
    });
    let every = Duration::from_secs(1);
    let scrape = Scrape { jobs: jobs.to_vec(), ..Scrape::of(Vec::new(), every, Vec::new()) };
    let prometheus = Prometheus::start(&folder, 0, &scrape, &alertmanager)?;
    let up = || {
        [RIGHT, WRONG].map(|job| {
            let samples = prometheus.query(&format!("up{{job=\"{job}\"}}")).unwrap_or_default();
            samples.first().and_then(|sample| sample.values.last().copied())
        })
    };
    let expected = [Some(1.0), Some(0.0)];
    let seen = wait::poll(PATIENCE, || (up() == expected).then_some(()));
    ensure!(seen.is_some(), "up with each password: {:?}, not {expected:?}", up());
    let tracked = prometheus.query("tcpwarden_connections_tracked{job=\"right\"}")?;
    ensure!(!tracked.is_empty(), "it was scraped and has no series");
    Ok(())
}
