//! `black-hole`: SYNs vanish on the way; clients retransmit them after 1 s, 2 s, 4 s.

use std::io::ErrorKind;
use std::sync::Once;
use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::traffic::{connect, echo, listen, serve, spawn};

use crate::cast::{Host, Role, Scene, server};
use crate::stage::Stage;
use crate::tell::Ask;
use crate::{Scenario, kind};

/// Clients that try at the same time, each again once it has failed: after seven seconds.
const CLIENTS: u32 = 20;
const GIVEN_UP: Duration = Duration::from_secs(7);
const PORT: u16 = 5432;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "black-hole",
    about: "a filter swallows SYNs: clients retransmit them after 1 s, 2 s, 4 s and then time out",
    board: "tcpwarden-network",
    look: &[
        "retransmits of phase `syn` only; connects that fail with reason `timed_out`",
        "sockets of checkout in SYN_SENT, none of them older than seven seconds",
        "`tcpwarden connections --state syn_sent` shows to whom",
    ],
    alerts: &["TcpConnectFailures", "TcpSynRetransmits"],
    cast: &[
        Role { name: "payments-db", host: Host::Servers, files: 256, play: answer },
        Role { name: "checkout", host: Host::Clients, files: 256, play: knock },
    ],
    prepare,
    asks: &[
        Ask::Now(
            "checkout has {} connects without an answer",
            "tcpwarden_connections",
            &[("process", "checkout"), ("state", "syn_sent")],
        ),
        Ask::Rate(
            "checkout retransmits {} SYNs a second",
            "tcpwarden_retransmitted_segments_total",
            &[("process", "checkout"), ("phase", "syn")],
        ),
        Ask::Rate(
            "{} connects of checkout a second time out",
            "tcpwarden_connect_failures_total",
            &[("process", "checkout"), ("reason", "timed_out")],
        ),
    ],
};

fn prepare(stage: &Stage) -> Result<()> {
    stage.servers.filter(&format!(
        "add table inet lab\n\
         add chain inet lab input {{ type filter hook input priority 0 ; }}\n\
         add rule inet lab input tcp dport {PORT} tcp flags syn drop"
    ))?;
    stage.clients.sysctl("net/ipv4/tcp_syn_retries", "2")?;
    // Since Linux 6.5 the first retries are a second apart unless this is 0.
    if stage.clients.has_sysctl("net/ipv4/tcp_syn_linear_timeouts")? {
        stage.clients.sysctl("net/ipv4/tcp_syn_linear_timeouts", "0")?;
    }
    Ok(())
}

/// There is a server; the filter stands before it.
fn answer(scene: &Scene) -> Result<()> {
    let listener = listen(server(PORT), 128)?;
    scene.ready();
    serve(&listener, |mut stream| echo(&mut stream))
}

fn knock(scene: &Scene) -> Result<()> {
    static TOLD: Once = Once::new();
    for client in 0..CLIENTS {
        let scene = *scene;
        spawn(move || {
            // One after the other, so that at each moment some retransmit and some give up.
            std::thread::sleep(GIVEN_UP.mul_f64(f64::from(client) / f64::from(CLIENTS)));
            // At most one connect a second and client, whatever answers.
            for _ in scene.ticks(1.0) {
                let start = Instant::now();
                let Err(error) = connect(server(PORT)) else { continue };
                if kind(&error) == Some(ErrorKind::TimedOut) {
                    TOLD.call_once(|| {
                        scene.say(&format!(
                            "{error:#}, after {:.1} s",
                            start.elapsed().as_secs_f64()
                        ));
                    });
                }
            }
        })?;
    }
    scene.ready();
    Ok(())
}
