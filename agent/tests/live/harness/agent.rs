//! The agent as its users have it: a process, a line that says it is ready, a page to read.
//!
//! It listens on a unix socket, so that reading its page makes no TCP connection that would then be
//! counted.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::page::Page;
use super::witness::Witness;
use super::{PATIENCE, wait_for};

/// The program under test: `TCPWARDEN_BIN`, else the release build of this workspace.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TCPWARDEN_BIN") {
        return path.into();
    }
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), PathBuf::from);
    let path = target.join("release/tcpwarden");
    assert!(
        path.exists(),
        "there is no {}: build it with `cargo xtask build`, or name the program in TCPWARDEN_BIN",
        path.display()
    );
    path
}

/// A path under /tmp that nobody else has.
pub(crate) fn scratch(what: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    PathBuf::from(format!(
        "/tmp/tcpwarden-live-{}-{}.{what}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ))
}

/// A running `tcpwarden run`.
pub(crate) struct Agent {
    child: Child,
    /// Beside it while it lives.
    witness: Option<Witness>,
    socket: PathBuf,
    log: Arc<Mutex<String>>,
}

impl Agent {
    /// Name and status lines of each of its threads.
    pub(crate) fn threads(&self) -> Vec<(String, String)> {
        let tasks =
            std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("its threads");
        let read = |path: PathBuf| std::fs::read_to_string(path).expect("a file of a thread");
        tasks
            .map(|task| task.expect("a thread").path())
            .map(|task| (read(task.join("comm")), read(task.join("status"))))
            .collect()
    }

    /// Starts it with a short reconcile interval and waits until the first pass is done.
    pub(crate) fn start(options: &[&str]) -> Self {
        let socket = scratch("sock");
        let mut child = Command::new(binary())
            .args(["run", "--listen", &format!("unix:{}", socket.display())])
            .args(if options.contains(&"--reconcile-interval") {
                &[] as &[_]
            } else {
                &["--reconcile-interval", "0.5"]
            })
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start the agent");
        let log = collect(child.stderr.take().expect("its stderr"));
        let first = first_line(child.stdout.take().expect("its stdout"));
        let mut agent = Self { child, witness: None, socket, log };
        let line = first.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!("the agent did not say that it listens; it said:\n{}", agent.log())
        });
        assert_eq!(
            line.trim(),
            format!("listening on unix:{}", agent.socket.display()),
            "the line on stdout; log:\n{}",
            agent.log()
        );
        wait_for("/readyz to answer 200", PATIENCE, || {
            (agent.get("/readyz").0 == 200).then_some(())
        });
        agent.witness = Witness::of(agent.pid());
        agent
    }

    /// Its address, as `--agent` takes it.
    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Asks for a path; the status and the body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = UnixStream::connect(&self.socket).unwrap_or_else(|error| {
            panic!("connect to {}: {error}; log:\n{}", self.socket.display(), self.log())
        });
        stream.set_read_timeout(Some(PATIENCE)).expect("set a time limit");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: live\r\nConnection: close\r\n\r\n")
            .expect("send the request");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .unwrap_or_else(|error| panic!("read {path}: {error}; log:\n{}", self.log()));
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no header in the answer {answer:?}"));
        let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {head:?}"));
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        (status, if chunked { unchunk(body) } else { body.to_owned() })
    }

    /// Reads `/metrics`.
    pub(crate) fn scrape(&self) -> Page {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200, "the status of /metrics, with {body}");
        Page::parse(&body)
    }

    /// Sends a signal and waits for the end; the status and how long it took.
    pub(crate) fn stop(mut self, signal: Signal) -> (ExitStatus, Duration) {
        self.note();
        let start = Instant::now();
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("send the signal");
        let status = wait_for("the agent to end", PATIENCE, || {
            self.child.try_wait().expect("ask for its end")
        });
        (status, start.elapsed())
    }
}

impl Agent {
    /// Lets the witness say what it has seen; it can do so once, while the agent lives.
    fn note(&mut self) {
        if let Some(witness) = self.witness.take() {
            witness.note();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.note();
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.socket);
        if std::thread::panicking() {
            eprintln!("--- the agent's log ---\n{}", self.log());
        }
    }
}

/// Collects a stream into a text in the background.
pub(crate) fn collect(mut stream: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut part) {
            sink.lock().expect("the text").push_str(&String::from_utf8_lossy(&part[..length]));
        }
    });
    text
}

/// Hands out the first line of a stream and goes on reading, so that the writer never blocks.
fn first_line(stream: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    receive
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).expect("the size of a chunk");
        whole.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}
