//! The agent, Prometheus and Alertmanager that all tests share.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use dashboards::alerts::tcpwarden_restarting;
use dashboards::options::Options;
use dashboards::{rules, timing};
use stack::{Alertmanager, Folder, Prometheus, Scrape};
use testkit::agent::{Agent, binary};

/// Passes and checks of owners as often as Prometheus looks. Names are young for half a second, as
/// long as windows and ages are on the scale of [`timing::LIVE`].
pub(crate) const HEALTHY: &[&str] =
    &["--reconcile-interval", "1", "--verify-after", "1", "--young-age", "0.5"];

/// Everything that runs for the tests.
pub(crate) struct Site {
    /// The agent; none between two of them.
    agent: Option<Agent>,
    port: u16,
    /// Scrapes the agent, knows the rules.
    pub(crate) prometheus: Prometheus,
    /// Gets the alerts.
    pub(crate) alertmanager: Alertmanager,
    /// Last, so that it is removed last.
    folder: Folder,
}

static SITE: Mutex<Option<Site>> = Mutex::new(None);

/// Runs `work` on the site, which is started when it is needed first.
pub(crate) fn with<T>(work: impl FnOnce(&mut Site) -> T) -> Result<T> {
    let mut site = SITE.lock().unwrap_or_else(PoisonError::into_inner);
    if site.is_none() {
        *site = Some(Site::start()?);
    }
    site.as_mut().map(work).context("there is no site")
}

/// The site, if it was started.
pub(crate) fn take() -> Option<Site> {
    SITE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Site {
    fn start() -> Result<Self> {
        let folder = Folder::new()?;
        // The faults replace the agent, several times within the minute that an hour is here.
        let mut options = Options::default();
        let restarting = options.alert(tcpwarden_restarting::ALERT.name);
        restarting.map_err(anyhow::Error::msg)?.set_disabled(true);
        let rules: Vec<PathBuf> = rules::files(&timing::LIVE.with(options))
            .iter()
            .map(|file| folder.write(&file.path, &file.text))
            .collect::<Result<_>>()?;
        let port = stack::free_port(0)?;
        let agent = start_agent(port, HEALTHY)?;
        let alertmanager = Alertmanager::start(&folder, 0)?;
        let agents = vec![format!("127.0.0.1:{port}")];
        let scrape = Scrape::of(agents, timing::LIVE.scrape, rules);
        let prometheus = Prometheus::start(&folder, 0, &scrape, &alertmanager)?;
        Ok(Self { agent: Some(agent), port, prometheus, alertmanager, folder })
    }

    /// Ends the agent, if it runs.
    pub(crate) fn end_agent(&mut self) {
        self.agent = None;
    }

    /// Starts the agent in the place of the one that runs, with other options than usual.
    pub(crate) fn replace_agent(&mut self, options: &[&str]) -> Result<()> {
        self.end_agent();
        self.agent = Some(start_agent(self.port, options)?);
        Ok(())
    }

    /// Starts the agent in its place as usual, where it reads these texts in the place of settings
    /// below `/proc/sys`. They are mounted over them for the agent alone; nothing else changes.
    pub(crate) fn replace_agent_under(&mut self, settings: &[(&str, &str)]) -> Result<()> {
        self.end_agent();
        let mut script =
            "#!/bin/sh -e\n[ \"$APART\" ] || APART=1 exec unshare --mount \"$0\" \"$@\"\n"
                .to_owned();
        for (path, text) in settings {
            let file = self.folder.write(&format!("sys/{path}"), &format!("{text}\n"))?;
            let _ = writeln!(script, "mount --bind {} /proc/sys/{path}", quoted(&file));
        }
        let binary = binary("TCPWARDEN_BIN", "tcpwarden")?;
        let _ = writeln!(script, "exec {} \"$@\"", quoted(&binary));
        let script = self.folder.write("agent-under-settings", &script)?;
        std::fs::set_permissions(&script, Permissions::from_mode(0o755))
            .with_context(|| format!("make {} executable", script.display()))?;
        self.agent = Some(stack::agent(&script, self.port, HEALTHY)?);
        Ok(())
    }

    /// Starts the agent as it should be.
    pub(crate) fn heal_agent(&mut self) -> Result<()> {
        self.replace_agent(HEALTHY)
    }

    /// Where the agent answers.
    pub(crate) fn agent_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the agent said last.
    pub(crate) fn agent_log(&self) -> String {
        self.agent
            .as_ref()
            .map_or_else(|| "the agent does not run".to_owned(), |agent| agent.process.tail(25))
    }
}

fn start_agent(port: u16, options: &[&str]) -> Result<Agent> {
    stack::agent(&binary("TCPWARDEN_BIN", "tcpwarden")?, port, options)
}

/// Returns a path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
