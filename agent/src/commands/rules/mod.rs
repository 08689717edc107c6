//! `tcpwarden rules` and `tcpwarden dashboards`: write what Prometheus and Grafana load, with what
//! a file sets. They ask no agent and need no privileges.

mod file;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use dashboards::options::Options;
use dashboards::{File, formats};

use crate::events::names::printable;
use crate::exit::{self, Error};

/// Examples of `rules`.
const RULES_NOTES: &str = "\
Examples:
  tcpwarden rules                                 all rules, as one file of Prometheus
  tcpwarden rules --output /etc/prometheus/tcpwarden
  tcpwarden rules --config site.toml --format kubernetes | kubectl apply -f -
  tcpwarden rules --format mixin --output vendor/tcpwarden

A --config file sets limits, severities, times and labels (a key for each, docs/rules.md has all):

  selector = 'job=\"tcpwarden\"'
  cluster_label = \"cluster\"
  runbook_base_url = \"https://wiki.example/tcpwarden\"

  [alert.TcpCloseWaitStuck]
  count = 20
  severity = \"info\"
  for = \"15m\"
  ignore_processes = [\"backup\"]

  [alert.TcpConnectionChurn]
  disabled = true

An unknown key, alert or limit is an error that names the line.
";

/// Examples of `dashboards`.
const DASHBOARDS_NOTES: &str = "\
Examples:
  tcpwarden dashboards --output /var/lib/grafana/dashboards/tcpwarden
  tcpwarden dashboards --config site.toml --output boards
  tcpwarden dashboards --format configmaps | kubectl apply -n monitoring -f -

The --config file is that of `tcpwarden rules`: selector and cluster_label change the queries.
";

/// Options of `rules`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = RULES_NOTES)]
pub struct RulesArgs {
    /// What the rules are: files of Prometheus, PrometheusRule objects, a mixin for jsonnet with
    /// the dashboards in it
    #[arg(long, value_enum, default_value_t = RulesFormat::Prometheus)]
    format: RulesFormat,
    /// Where from and where to.
    #[command(flatten)]
    common: Common,
}

/// Options of `dashboards`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = DASHBOARDS_NOTES)]
pub struct DashboardsArgs {
    /// What the dashboards are: JSON to import, ConfigMaps for the sidecar of Grafana's chart
    #[arg(long, value_enum, default_value_t = DashboardsFormat::Json)]
    format: DashboardsFormat,
    /// Where from and where to.
    #[command(flatten)]
    common: Common,
}

/// What both commands have.
#[derive(Args, Clone, Debug)]
struct Common {
    /// A TOML file of limits, severities, times and labels; docs/rules.md has every key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A folder for the files, made if there is none; - for standard output
    #[arg(long, value_name = "DIR", default_value = "-")]
    output: PathBuf,
}

/// What rules are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum RulesFormat {
    Prometheus,
    Kubernetes,
    Mixin,
}

/// What dashboards are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum DashboardsFormat {
    Json,
    ConfigMaps,
}

/// Writes the rules. Returns the exit code.
///
/// # Errors
/// The file of options is wrong, or a file cannot be written.
pub fn rules(arguments: &RulesArgs, out: &mut impl Write) -> Result<u8, Error> {
    let options = arguments.common.options()?;
    let files = match arguments.format {
        // Two files of Prometheus one after the other would be none.
        RulesFormat::Prometheus if arguments.common.is_standard_output() => {
            let path = "tcpwarden.yml".to_owned();
            vec![File { path, text: formats::prometheus_in_one(&options) }]
        }
        RulesFormat::Prometheus => formats::prometheus(&options),
        RulesFormat::Kubernetes => formats::kubernetes(&options),
        RulesFormat::Mixin => vec![formats::mixin(&options)],
    };
    arguments.common.write(&files, "---\n", out)
}

/// Writes the dashboards. Returns the exit code.
///
/// # Errors
/// As [`rules`].
pub fn dashboards(arguments: &DashboardsArgs, out: &mut impl Write) -> Result<u8, Error> {
    let options = arguments.common.options()?;
    let (files, between) = match arguments.format {
        DashboardsFormat::Json => (formats::json(&options), ""),
        DashboardsFormat::ConfigMaps => (formats::config_maps(&options), "---\n"),
    };
    arguments.common.write(&files, between, out)
}

impl Common {
    fn options(&self) -> Result<Options, Error> {
        self.config.as_deref().map_or_else(|| Ok(Options::default()), file::read)
    }

    fn is_standard_output(&self) -> bool {
        self.output.as_os_str() == "-"
    }

    fn write(&self, files: &[File], between: &str, out: &mut impl Write) -> Result<u8, Error> {
        let text = if self.is_standard_output() {
            let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
            texts.join(between)
        } else {
            into(&self.output, files)?
        };
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::Other(anyhow::Error::new(error).context("cannot print")))
            }
            _ => Ok(exit::OK),
        }
    }
}

/// Writes files into a folder, in the place of those of the same names: first each under another
/// name, then they are renamed, so that nobody reads a half. Returns their paths, a line each.
fn into(folder: &Path, files: &[File]) -> Result<String, Error> {
    let shown = printable(&folder.display().to_string());
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {shown}"))?;
    let places: Vec<[PathBuf; 2]> = files
        .iter()
        .map(|file| [folder.join(format!(".{}.new", file.path)), folder.join(&file.path)])
        .collect();
    if let Err(error) = place(&places, files) {
        for [unfinished, _] in &places {
            // What is renamed, or was never written, is not there.
            let _ = fs::remove_file(unfinished);
        }
        return Err(Error::Other(error));
    }
    let mut paths = String::new();
    for [_, path] in &places {
        paths.push_str(&printable(&path.display().to_string()));
        paths.push('\n');
    }
    Ok(paths)
}

/// Writes each file under the first of its two names, then gives all of them the second.
fn place(places: &[[PathBuf; 2]], files: &[File]) -> anyhow::Result<()> {
    let cannot = |path: &Path| format!("cannot write {}", printable(&path.display().to_string()));
    for ([unfinished, path], file) in places.iter().zip(files) {
        fresh(unfinished, &file.text).with_context(|| cannot(path))?;
    }
    for [unfinished, path] in places {
        fs::rename(unfinished, path).with_context(|| cannot(path))?;
    }
    Ok(())
}

/// Writes a file anew: what has its name is removed, and a link that comes after that is not
/// followed.
fn fresh(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}
