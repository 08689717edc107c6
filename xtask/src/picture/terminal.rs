//! `tcpwarden top` in a terminal, which tmux is: its keys, and what is on its screen.
//!
//! Guarantee: the terminal has a server of its own, at a socket in a folder of this process, which
//! ends with its handle; no other server of tmux is touched.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use stack::Folder;

use super::screen::{Screen, Size};
use crate::bench::interrupt::Interrupt;
use crate::process;

/// A program in a terminal.
#[derive(Debug)]
pub(super) struct Terminal {
    /// The socket of its server.
    server: PathBuf,
    size: Size,
}

impl Terminal {
    /// Starts `tcpwarden top`, which asks an agent by its address, each second.
    ///
    /// # Errors
    /// tmux does not start.
    pub(super) fn start(folder: &Folder, size: Size, agent: &Path, address: &str) -> Result<Self> {
        let terminal = Self { server: folder.path().join("tmux"), size };
        let (columns, lines) = (size.columns.to_string(), size.lines.to_string());
        let mut command = terminal.tmux(&["set-option", "-g", "status", "off", ";"]);
        command.args(["set-option", "-s", "escape-time", "0", ";"]);
        command.args(["new-session", "-d", "-x", &columns, "-y", &lines, "--"]);
        command.arg(agent).args(["top", "--interval", "1s", "--agent", address]);
        process::output(&mut command).context("start top in tmux")?;
        Ok(terminal)
    }

    /// Returns tmux with its words, in an environment that says nothing about colours.
    fn tmux(&self, words: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(&self.server).args(words);
        command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8");
        for name in ["NO_COLOR", "COLORTERM", "TMUX"] {
            command.env_remove(name);
        }
        command
    }

    /// Presses keys, by the names that tmux has for them.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn press(&self, keys: &[&str]) -> Result<()> {
        for key in keys {
            process::output(&mut self.tmux(&["send-keys", key])).context("press a key")?;
        }
        Ok(())
    }

    /// Returns what is on the screen, as text.
    fn text(&self) -> Result<String> {
        process::output(&mut self.tmux(&["capture-pane", "-p"])).context("read the screen")
    }

    /// Returns what is on the screen, with its styles.
    ///
    /// # Errors
    /// The terminal is gone, or the screen has what cannot be drawn.
    pub(super) fn screen(&self) -> Result<Screen> {
        let mut command = self.tmux(&["capture-pane", "-e", "-p", "-N"]);
        let capture = process::output(&mut command).context("read the screen")?;
        Screen::read(&capture, self.size)
    }

    /// Waits until the screen shows all of some texts.
    ///
    /// # Errors
    /// It does not within `patience`; the message has the screen.
    pub(super) fn shows(
        &self,
        texts: &[&str],
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let mut last = String::new();
        let shown = interrupt.wait(patience, || {
            last = self.text()?;
            Ok(texts.iter().all(|text| last.contains(text)).then_some(()))
        })?;
        ensure!(shown.is_some(), "top does not show {texts:?} after {patience:?}, but:\n{last}");
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.tmux(&["kill-server"]).output();
    }
}
