//! `fd-leak`: a server that reads the end of its connections and never closes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;
use crate::traffic::{ask, connect, echo, listen, serve};

/// The most descriptors that the server may have open.
const LIMIT: u64 = 400;
/// How many connections leak quickly, so that the limit is near, and how many do in the end: a server that
/// runs out of descriptors accepts no more, which is another failure with other alerts.
const NEAR: f64 = 380.0;
const END: f64 = 392.0;
/// The share of the time after which the limit is near.
const EARLY: f64 = 0.3;
/// How long a client keeps a connection: no churn.
const VISIT: Duration = Duration::from_secs(3);
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "fd-leak",
    about: "a server reads the end of its connections and never closes them, until its descriptors run out",
    board: "tcpwarden-leaks",
    look: &[
        "CLOSE_WAIT of orders-api only grows, all of it in stage `read`",
        "its descriptors near their limit on tcpwarden-capacity",
        "`tcpwarden leaks` says who, and `tcpwarden connections --process orders-api --state close_wait` shows each socket",
    ],
    alerts: &["TcpCloseWaitStuck", "TcpCloseWaitGrowing", "TcpDescriptorsNearLimit"],
    cast: &[
        Role { name: "orders-api", host: Host::Servers, files: LIMIT, play: leak },
        Role { name: "checkout", host: Host::Clients, files: 1024, play: visit },
    ],
    prepare: |_| Ok(()),
    asks: &[
        Ask::Suspects,
        Ask::Of(
            "orders-api has {} of {} descriptors open",
            "tcpwarden_process_open_fds",
            "tcpwarden_process_max_fds",
            &[("process", "orders-api")],
        ),
    ],
};

fn leak(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    let forgotten = Arc::new(Mutex::new(Vec::new()));
    scene.ready();
    serve(&listener, move |mut stream| {
        let result = echo(&mut stream);
        forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
        result
    })
}

fn visit(scene: &Scene) -> Result<()> {
    let mut visits = VecDeque::new();
    let (start, mut made) = (Instant::now(), 0.0);
    scene.ready();
    for _ in scene.ticks(40.0) {
        while visits.front().is_some_and(|(since, _): &(Instant, _)| since.elapsed() >= VISIT) {
            visits.pop_front();
        }
        if made < due(start.elapsed(), scene.length) {
            let mut stream = connect(server(PORT))?;
            ask(&mut stream)?;
            visits.push_back((Instant::now(), stream));
            made += 1.0;
        }
    }
    Ok(())
}

/// How many connections were made by then: most while three tenths of the time pass, the others slowly until the end.
fn due(after: Duration, length: Duration) -> f64 {
    let share = (after.as_secs_f64() / length.as_secs_f64()).min(1.0);
    if share < EARLY { NEAR * share / EARLY } else { NEAR + (END - NEAR) * (share - EARLY) / (1.0 - EARLY) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leak_nears_the_limit_early_grows_to_the_end_and_never_reaches_it() {
        let at = |share: f64| due(Duration::from_mins(1).mul_f64(share), Duration::from_mins(1));
        assert!(at(0.0) < 1.0 && at(0.31) >= NEAR && at(0.7) > at(0.5) && at(1.0) > at(0.9), "{} {}", at(0.31), at(1.0));
        // Standard input, output and error and the listener are open too, and one more is being made.
        assert!(NEAR + 4.0 >= 0.95 * 400.0 && at(5.0).ceil() + 5.0 < 400.0, "{}", at(5.0));
    }
}
