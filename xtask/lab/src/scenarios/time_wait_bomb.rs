//! `time-wait-bomb`: a client that closes first, again and again, until its local ports are used
//! up.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::traffic::{ask, connect, echo, listen, serve};

use crate::cast::{Host, Role, Scene, server};
use crate::stage::Stage;
use crate::tell::Ask;
use crate::{Scenario, kind};

/// The client's local ports: few, so that it is quick.
const FIRST: u16 = 32768;
const PORTS: u16 = 2000;
/// In how long they are used up at the latest: well before the kernel gives the first back, after a
/// minute.
const SOON: Duration = Duration::from_secs(25);
/// The most connections a second: a scenario of a few seconds may end too early.
const MOST: f64 = 500.0;
const PORT: u16 = 5432;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "time-wait-bomb",
    about: "thousands of short connections to one destination, until no local port is left for it",
    board: "tcpwarden-capacity",
    look: &[
        "ports taken towards the worst destination climb to the range; nearly all of them are \
        TIME_WAIT",
        "connects that fail with reason `no_local_port` once they are used up",
        "`tcpwarden ports` names the destination",
    ],
    alerts: &[
        "TcpEphemeralPortsNearExhaustion",
        "TcpEphemeralPortsExhausted",
        "TcpConnectionChurn",
    ],
    cast: &[
        Role { name: "payments-db", host: Host::Servers, files: 1024, play: answer },
        Role { name: "checkout", host: Host::Clients, files: 256, play: spend },
    ],
    prepare,
    asks: &[
        Ask::Ports,
        Ask::Rate(
            "checkout opens {} connections a second",
            "tcpwarden_connections_opened_total",
            &[("process", "checkout")],
        ),
        Ask::Now(
            "{} connects of checkout found no local port",
            "tcpwarden_connect_failures_total",
            &[("process", "checkout"), ("reason", "no_local_port")],
        ),
    ],
};

fn prepare(stage: &Stage) -> Result<()> {
    stage
        .clients
        .sysctl("net/ipv4/ip_local_port_range", &format!("{FIRST} {}", FIRST + PORTS - 1))?;
    stage.clients.sysctl("net/ipv4/tcp_tw_reuse", "0")
}

fn answer(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 512)?;
    scene.ready();
    serve(&listener, |mut stream| echo(&mut stream))
}

fn spend(scene: &Scene) -> Result<()> {
    let mut told = false;
    scene.ready();
    for _ in scene.ticks(rate(scene.length)) {
        match connect(server(PORT)) {
            Ok(mut stream) => ask(&mut stream)?,
            Err(error) if kind(&error) == Some(ErrorKind::AddrNotAvailable) => {
                if !told {
                    scene.say(&format!("{error:#}"));
                    told = true;
                }
                // A client that fails at once and tries at once would only burn its processor.
                std::thread::sleep(Duration::from_millis(900));
            }
            Err(error) => return Err(error).context("spend a port"),
        }
    }
    Ok(())
}

/// Connections a second: the ports are used up after half of the time, and before the first come
/// back.
fn rate(length: Duration) -> f64 {
    (f64::from(PORTS) / (length / 2).min(SOON).as_secs_f64()).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_run_out_before_the_first_come_back_and_the_rate_is_bounded() {
        for seconds in [3, 20, 30, 120, 3600] {
            let rate = rate(Duration::from_secs(seconds));
            assert!(rate * 60.0 > f64::from(PORTS), "{seconds}: {rate}");
            assert!((20.0..=MOST).contains(&rate), "{seconds}: {rate}");
        }
    }
}
