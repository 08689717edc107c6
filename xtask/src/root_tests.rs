//! The integration tests that need root, and their programs. Called by `test`, which runs them, and
//! by `kernels`, which runs the first of them in guests.
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::build::Agent;
use crate::results::{self, Counts};
use crate::{cargo, lab, process, workspace};

/// A test that runs as root, with the release builds of what it tests.
pub(crate) struct RootTest {
    /// The package that has it.
    pub(crate) package: &'static str,
    /// The integration test.
    pub(crate) test: &'static str,
    /// Where it runs, below the workspace.
    pub(crate) folder: &'static str,
    /// Why it needs root; completes "root is needed for the tests ...".
    pub(crate) why: &'static str,
}

/// The agent in the running kernel.
pub(crate) const LIVE: RootTest = RootTest {
    package: "tcpwarden",
    test: "live",
    folder: "agent",
    why: "on the live kernel: they load the agent",
};
/// The scenarios of the lab.
pub(crate) const LAB: RootTest = RootTest {
    package: "lab",
    test: "lab",
    folder: "xtask/lab",
    why: "of the lab: they make network namespaces",
};
/// The agent and the lab with Prometheus and Alertmanager.
pub(crate) const DASHBOARDS: RootTest = RootTest {
    package: "dashboards",
    test: "dashboards_live",
    folder: "dashboards",
    why: "of the dashboards: they load the agent and run the lab",
};

/// The environment variable with which the live tests list the long ones, and no others.
const LONG: &str = "TCPWARDEN_LIVE_LONG";

impl RootTest {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [LIVE, LAB, DASHBOARDS];

    /// Builds its program without running it.
    pub(crate) fn binary(&self, agent: &Agent) -> Result<PathBuf> {
        let Self { package, test, .. } = self;
        let mut command = cargo::cargo("test")?;
        command.env("TCPWARDEN_BPF_OBJECT", &agent.object);
        command.args(cargo::USER_SIDE).args(["--test", test, "--no-run"]);
        cargo::build(&mut command)
            .with_context(|| format!("build the tests {test} of {package}"))?
            .test(test)
    }

    /// Runs it with the release builds of the agent and the lab, only the tests whose name contains
    /// `filter`.
    pub(crate) fn run(&self, agent: &Agent, filter: Option<&str>) -> Result<Counts> {
        self.run_with(agent, filter, &[])
    }

    /// Runs those tests that are listed only with `LONG`, which takes minutes.
    pub(crate) fn run_long(&self, agent: &Agent, filter: &str) -> Result<Counts> {
        self.run_with(agent, Some(filter), &[(LONG, OsStr::new("1"))])
    }

    fn run_with(
        &self,
        agent: &Agent,
        filter: Option<&str>,
        more: &[(&str, &OsStr)],
    ) -> Result<Counts> {
        let tests = self.binary(agent)?;
        let lab = lab::binary()?;
        let mut command = process::privileged("env", &format!("for the tests {}", self.why))?;
        let path = workspace::path()?;
        let usual = [
            ("PATH", path.as_os_str()),
            ("TCPWARDEN_BIN", agent.binary.as_os_str()),
            ("LAB_BIN", lab.as_os_str()),
        ];
        for (variable, value) in usual.iter().chain(more) {
            let mut assignment = OsString::from(*variable);
            assignment.push("=");
            assignment.push(value);
            command.arg(assignment);
        }
        command.arg(tests).args(filter).current_dir(workspace::root().join(self.folder));
        results::run(&mut command)
    }
}
