//! Chromium without a window, asked over its debugging pipe: JSON messages that end with a zero
//! byte, on its descriptors 3 and 4. No port is opened.
//!
//! Guarantees: it looks up no name and knows no host; it ends with its handle, and with this
//! process. An answer is waited for [`PATIENCE`], and has at most [`MOST`] bytes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::process;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of a message; a picture of a page has some hundred thousand.
const MOST: u64 = 64 << 20;

/// Starts the program with its pipe on the standard input and output that it would have had, and
/// with the file `$0` for its errors.
const START: &str = "exec \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>\"$0\"";
/// How many of its last lines of errors are quoted.
const LINES: usize = 5;

/// A running browser, with one tab.
pub(super) struct Browser {
    child: Child,
    input: ChildStdin,
    /// The file of its errors.
    errors: PathBuf,
    messages: Receiver<Value>,
    /// The tab, once there is one.
    session: Option<String>,
    last: u64,
    /// What happened in the tab since [`Browser::events`] was called last.
    events: Vec<Value>,
}

impl Browser {
    /// Starts it, with its files in `folder`.
    ///
    /// # Errors
    /// It does not start, or does not answer.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "sh", "-c", START]);
        let errors = folder.join("errors.txt");
        command.arg(&errors).arg("chromium");
        command.args(["--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update"]);
        command.args(["--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"]);
        command.arg(format!("--user-data-dir={}", folder.display()));
        if process::is_root() {
            // Its sandbox does not run as root. What it opens are files of this repository.
            command.arg("--no-sandbox");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("start chromium")?;
        let input = child.stdin.take().context("chromium has no input")?;
        let output = child.stdout.take().context("chromium has no output")?;
        let messages = read(output);
        let (session, last, events) = (None, 0, Vec::new());
        let mut browser = Self { child, input, errors, messages, session, last, events };
        let tab = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let wanted = json!({ "targetId": tab["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &wanted)?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Network.enable", "Log.enable"] {
            browser.call(domain, &json!({}))?;
        }
        browser.call("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }))?;
        Ok(browser)
    }

    /// Calls a method of the protocol, and returns its result.
    ///
    /// # Errors
    /// The browser refuses, has ended, or says nothing.
    pub(super) fn call(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut line = message.to_string().into_bytes();
        line.push(0);
        self.input.write_all(&line).with_context(|| format!("ask chromium for {method}"))?;
        let end = Instant::now() + PATIENCE;
        loop {
            let message = self.next(end).with_context(|| format!("wait for {method}"))?;
            if message["id"] != json!(self.last) {
                self.events.push(message);
                continue;
            }
            if let Some(error) = message.get("error") {
                bail!("chromium refuses {method}: {error}");
            }
            return Ok(message["result"].clone());
        }
    }

    /// Opens a page, and waits until it is whole.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn open(&mut self, url: &str) -> Result<()> {
        let navigated = self.call("Page.navigate", &json!({ "url": url }))?;
        if let Some(error) = navigated.get("errorText") {
            bail!("chromium cannot open {url}: {error}");
        }
        let end = Instant::now() + PATIENCE;
        let is_whole = |event: &Value| event["method"] == "Page.loadEventFired";
        while !self.events.iter().any(is_whole) {
            let event = self.next(end).with_context(|| format!("wait for {url}"))?;
            self.events.push(event);
        }
        Ok(())
    }

    /// Returns the value of an expression in the page.
    ///
    /// # Errors
    /// It has none.
    pub(super) fn value(&mut self, expression: &str) -> Result<Value> {
        let wanted = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &wanted)?;
        if let Some(exception) = answer.get("exceptionDetails") {
            bail!("the page says {exception} to {expression}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// Presses a key.
    ///
    /// # Errors
    /// As [`Browser::call`].
    pub(super) fn press(&mut self, key: &str, code: u32, text: &str) -> Result<()> {
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", &event)?;
        }
        Ok(())
    }

    /// Takes what has happened since the last call.
    pub(super) fn events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    fn next(&mut self, end: Instant) -> Result<Value> {
        let left = end.saturating_duration_since(Instant::now());
        self.messages.recv_timeout(left).with_context(|| {
            let said = fs::read_to_string(&self.errors).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(LINES).collect();
            let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
            format!("chromium does not answer, or has ended; its last errors:\n{last}")
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session = None;
        let _ = self.call("Browser.close", &json!({}));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads messages on a thread, to the end of the stream or of their receiver. What is no JSON, or
/// too long, ends it.
fn read(stream: impl Read + Send + 'static) -> Receiver<Value> {
    let (send, messages) = channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut message = Vec::new();
        while reader.by_ref().take(MOST).read_until(0, &mut message).is_ok_and(|read| read > 0) {
            let Ok(value) = serde_json::from_slice(message.strip_suffix(&[0]).unwrap_or(&message))
            else {
                return;
            };
            if send.send(value).is_err() {
                return;
            }
            message.clear();
        }
    });
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_with_a_zero_byte_and_what_is_none_ends_them() {
        let messages = read(&b"{\"id\":1}\0{\"method\":\"a\\u0000b\"}\0no json\0{\"id\":2}\0"[..]);
        let all: Vec<Value> = messages.iter().collect();
        assert_eq!(all, [json!({ "id": 1 }), json!({ "method": "a\u{0}b" })]);
    }
}
