//! A kind that plays: its own network namespace, its own PID namespace, and nothing that outlives
//! the handle.
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use testkit::launch::{Launch, Output};
use testkit::netns::Netns;
use testkit::process::{Ending, Process};

use super::expected::Kind;
use crate::process;

/// The processes of a kind.
pub(super) struct Play {
    // Fields are dropped in this order: first the processes, then their namespace.
    process: Process,
    netns: Netns,
}

impl Play {
    /// Starts `run.sh` of a kind, with a folder of `scratch` as `$DATA`.
    pub(super) fn start(kind: &Kind, scratch: &Path) -> Result<Self> {
        let netns = Netns::new()?;
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "../keep.sh"])
            .current_dir(&kind.folder)
            .env("DATA", scratch.join(&kind.name));
        // An interrupt at the terminal ends this process, and with it the input of keep.sh.
        let launch =
            Launch::new(&kind.name, command).output(Output::Log).ending(Ending::Input).own_group();
        let process = netns.enter(|| launch.spawn())??;
        Ok(Self { process, netns })
    }

    /// The inode of its network namespace.
    pub(super) fn netns(&self) -> u32 {
        self.netns.inode
    }

    /// # Errors
    /// If the kind has ended; the message has what it said last.
    pub(super) fn check(&mut self) -> Result<()> {
        let ended = self.process.check();
        ended.with_context(|| format!("play the kind; it said:\n{}", self.process.tail(20)))
    }
}

/// Makes the folder `$DATA` of a kind and runs its `build.sh` if there is one. What compilers cache
/// is kept in `cache`.
pub(super) fn build(kind: &Kind, scratch: &Path, cache: &Path) -> Result<()> {
    let data = scratch.join(&kind.name);
    fs::create_dir_all(&data).with_context(|| format!("create {}", data.display()))?;
    if !kind.folder.join("build.sh").exists() {
        return Ok(());
    }
    eprintln!("software: building {}", kind.name);
    let mut command = Command::new("sh");
    command.arg("build.sh").current_dir(&kind.folder);
    command.env("DATA", &data).env("GOCACHE", cache.join("go-cache"));
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_kind_ends_with_its_input_and_one_that_ends_before_is_told() {
        let folder = std::env::temp_dir().join(format!("keep-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let keep = super::super::folder().join("keep.sh");
        let start = |run: &str| {
            fs::write(folder.join("run.sh"), run).unwrap();
            let mut command = Command::new("sh");
            command.arg(&keep).current_dir(&folder);
            Launch::new("a kind", command).output(Output::Log).ending(Ending::Input).spawn()
        };
        let code = |play: &mut Process| {
            let status = play.wait(Duration::from_secs(10));
            status.and_then(|status| status.code())
        };
        let mut ended = start("echo no such server; exit 7").unwrap();
        assert_eq!(code(&mut ended), Some(7));
        assert_eq!(ended.tail(1), "no such server");
        let mut plays = start("exec sleep 5").unwrap();
        plays.check().unwrap();
        plays.close_input();
        assert_eq!(code(&mut plays), Some(0));
        fs::remove_dir_all(&folder).unwrap();
    }
}
