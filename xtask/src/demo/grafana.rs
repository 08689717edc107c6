//! Grafana with the provisioning files, if it is installed. Called by the demo.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use stack::{Folder, free_port};
use testkit::launch::{Launch, Output};
use testkit::process::Process;

use crate::{process, workspace};

/// Where packages of Grafana install its files.
const HOME: &str = "/usr/share/grafana";

/// A running Grafana.
pub(super) struct Grafana {
    _process: Process,
    /// The address of its web interface.
    pub(super) url: String,
}

/// Starts Grafana on loopback, with its data in `folder`. Returns nothing if it is not installed.
pub(super) fn start(
    folder: &Folder,
    prometheus: &str,
    scrape: Duration,
) -> Result<Option<Grafana>> {
    if !process::on_path("grafana-server") || !Path::new(HOME).is_dir() {
        return Ok(None);
    }
    let source = adapt(
        &read("datasources")?,
        &[
            ("http://127.0.0.1:9090", prometheus),
            ("timeInterval: 15s", &format!("timeInterval: {}s", scrape.as_secs())),
        ],
    )?;
    let boards = workspace::root().join("dashboards/grafana");
    let provider = adapt(
        &read("dashboards")?,
        &[("/var/lib/grafana/dashboards/tcpwarden", &boards.to_string_lossy())],
    )?;
    folder.write("grafana/provisioning/datasources/tcpwarden.yml", &source)?;
    folder.write("grafana/provisioning/dashboards/tcpwarden.yml", &provider)?;
    let port = free_port(3000)?;
    let home = folder.path().join("grafana");
    let mut command = Command::new("grafana-server");
    command
        .args(["--homepath", HOME])
        .env("GF_PATHS_DATA", home.join("data"))
        .env("GF_PATHS_LOGS", home.join("log"))
        .env("GF_PATHS_PLUGINS", home.join("plugins"))
        .env("GF_PATHS_PROVISIONING", home.join("provisioning"))
        .env("GF_SERVER_HTTP_ADDR", "127.0.0.1")
        .env("GF_SERVER_HTTP_PORT", port.to_string())
        // No login: it listens on loopback only.
        .env("GF_AUTH_ANONYMOUS_ENABLED", "true")
        .env("GF_ANALYTICS_REPORTING_ENABLED", "false")
        .env("GF_ANALYTICS_CHECK_FOR_UPDATES", "false");
    let process = Launch::new("Grafana", command).output(Output::Log).tied().spawn()?;
    Ok(Some(Grafana { _process: process, url: format!("http://127.0.0.1:{port}") }))
}

fn read(kind: &str) -> Result<String> {
    let path = workspace::root().join("dashboards/provisioning").join(kind).join("tcpwarden.yml");
    Ok(std::fs::read_to_string(path)?)
}

/// Returns a provisioning file with other values. Fails if an old value is not there.
fn adapt(text: &str, changes: &[(&str, &str)]) -> Result<String> {
    let mut text = text.to_owned();
    for (old, new) in changes {
        ensure!(text.contains(old), "the provisioning file no longer says {old}");
        text = text.replace(old, new);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_provisioning_files_have_what_the_demo_replaces() {
        let source = adapt(
            &read("datasources").unwrap(),
            &[("http://127.0.0.1:9090", "http://x"), ("timeInterval: 15s", "timeInterval: 1s")],
        );
        let source = source.unwrap();
        assert!(
            source.contains("url: http://x\n") && source.contains("timeInterval: 1s\n"),
            "{source}"
        );
        let provider = adapt(
            &read("dashboards").unwrap(),
            &[("/var/lib/grafana/dashboards/tcpwarden", "/here")],
        )
        .unwrap();
        assert!(provider.contains("path: /here\n"), "{provider}");
        assert!(adapt("a", &[("b", "c")]).is_err());
    }
}
