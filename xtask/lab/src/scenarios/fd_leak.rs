//! `fd-leak`: a server that reads the end of its connections and never closes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::traffic::{ask, connect, echo, listen, serve};

use crate::Scenario;
use crate::cast::{Host, Role, Scene, server};
use crate::tell::Ask;

/// The most descriptors that the server may have open.
const LIMIT: u64 = 512;
/// How many connections leak quickly, so that the limit is near, and how many do in the end: a
/// server that runs out of descriptors accepts no more, which is another failure with other alerts.
const NEAR: f64 = 424.0;
const END: f64 = 496.0;
/// The share of the time after which the limit is near, and the longest that may take.
const EARLY: f64 = 0.3;
const SOON: Duration = Duration::from_secs(20);
/// How long a client keeps a connection: no churn.
const VISIT: Duration = Duration::from_secs(3);
const PORT: u16 = 8080;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "fd-leak",
    about: "a server reads the end of its connections and never closes them, until its descriptors \
        run out",
    board: "tcpwarden-leaks",
    look: &[
        "CLOSE_WAIT of catalog-api only grows, all of it in stage `read`",
        "its descriptors near their limit on tcpwarden-capacity",
        "`tcpwarden leaks` says who, and `tcpwarden connections --process catalog-api --state \
        close_wait` shows each socket",
    ],
    alerts: &["TcpCloseWaitStuck", "TcpCloseWaitGrowing", "TcpDescriptorsNearLimit"],
    cast: &[
        Role { name: "catalog-api", host: Host::Servers, files: LIMIT, play: leak },
        Role { name: "storefront", host: Host::Clients, files: 1024, play: visit },
    ],
    prepare: |_| Ok(()),
    asks: &[
        Ask::Suspects,
        Ask::Of(
            "catalog-api has {} of {} descriptors open",
            "tcpwarden_process_open_fds",
            "tcpwarden_process_max_fds",
            &[("process", "catalog-api")],
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

/// How many connections were made by then: most at the beginning, the others slower and slower
/// until the end. So the limit lies within a minute for most of the first minute that follows, and
/// is never reached: an alert that looks a minute ahead does not depend on the first burst.
fn due(after: Duration, length: Duration) -> f64 {
    let early = length.mul_f64(EARLY).min(SOON);
    if after < early {
        return NEAR * after.as_secs_f64() / early.as_secs_f64();
    }
    let slow =
        after.saturating_sub(early).as_secs_f64() / length.saturating_sub(early).as_secs_f64();
    NEAR + (END - NEAR) * (1.0 - (1.0 - slow.min(1.0)).powi(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proof of the dashboards plays it for 150 s, where an hour of the alert's is a minute.
    #[test]
    fn the_limit_lies_within_a_minute_for_forty_seconds_after_the_burst() {
        let length = Duration::from_secs(150);
        for second in 20..60 {
            let at = |second| due(Duration::from_secs(second), length);
            let pace = at(second + 1) - at(second);
            let left = f64::from(u32::try_from(LIMIT).unwrap()) - at(second);
            assert!(left < 55.0 * pace, "{second}: {left} left at {pace} a second");
        }
    }

    #[test]
    fn the_leak_nears_the_limit_early_grows_to_the_end_and_never_reaches_it() {
        for length in [3, 30, 150, 3600].map(Duration::from_secs) {
            let at = |after: Duration| due(after, length);
            let early = length.mul_f64(0.31).min(Duration::from_secs(21));
            assert!(at(Duration::ZERO) < 1.0 && at(early) >= NEAR, "{length:?}");
            let tenths = (4..10).map(|tenth| at(length * tenth / 10));
            assert!(tenths.zip((5..=10).map(|tenth| at(length * tenth / 10))).all(|(a, b)| a < b));
            // Standard input, output and error and the listener are open too, and one more is being
            // made.
            assert!(
                NEAR + 4.0 >= 0.83 * 512.0 && at(length * 5).ceil() + 5.0 < 512.0,
                "{length:?}"
            );
        }
    }
}
