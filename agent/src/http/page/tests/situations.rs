//! Answers of the queries, made up.

use std::net::IpAddr;

use crate::leaks::suspect::{InSeconds, Suspect};
use crate::leaks::target::Target;
use crate::query::ports::PortUse;
use crate::query::trouble::{Line, Troubles};

/// Returns suspects, the last of them from someone who wants to write on the page.
pub(super) fn suspects() -> Vec<Suspect> {
    let (leaker, hangs) = (leaker(), hangs());
    let may = Suspect {
        sentence: "process tracker (pid 90, host) holds 31 established connections towards port \
                   6881, the oldest idle for 40s, growing by 12 a minute"
            .into(),
        kind: "established_growing".into(),
        meaning: "connections are opened, used and not given back: a pool that only grows".into(),
        certainty: "possible".into(),
        process: "tracker".into(),
        workload: "host".into(),
        role: "client".into(),
        service_port: None,
        connections: 31,
        oldest_age_seconds: 140.0,
        oldest_age_at_least: true,
        runbook: "TcpEstablishedGrowing".into(),
        next_step: String::new(),
        older_than_60: 20,
        growth_per_minute: Some(12.0),
        ..hangs.clone()
    };
    let hostile = Suspect {
        sentence: "process <script>alert('1')</script> holds 2".into(),
        process: "\"><script>alert(1)</script>&#\u{202e}".into(),
        workload: "'><img src=x>.service".into(),
        connections: 2,
        ..may.clone()
    };
    vec![leaker, hangs, may, hostile]
}

fn leaker() -> Suspect {
    Suspect {
        sentence: "process orders-api (pid 1078, orders-api.service) holds 455 close_wait \
                   connections towards 10.0.0.7:5432, the oldest for 1h12m, growing by 9.5 a \
                   minute: read and never closed"
            .into(),
        kind: "never_closed".into(),
        meaning: "the peer closed, everything was read, and this side never closed: a descriptor \
                  leak"
            .into(),
        certainty: "likely".into(),
        process: "orders-api".into(),
        workload: "orders-api.service".into(),
        role: "client".into(),
        state: "close_wait".into(),
        service_port: Some(5432),
        connections: 455,
        oldest_age_seconds: 4360.2,
        older_than_60: 441,
        older_than_300: 402,
        older_than_3600: 38,
        growth_per_minute: Some(9.5),
        peers: vec![Target { address: [10, 0, 0, 7].into(), port: 5432, connections: 455 }],
        descriptors: Some(931),
        descriptor_limit: Some(1024),
        descriptors_exhausted: Some(InSeconds { from: 900.0, about: 1240.0, to: Some(1900.0) }),
        name: "orders-api".into(),
        command_line: "/usr/bin/java com.example.orders.Main --port 8080 --password=***".into(),
        next_step: "find the code path that reads the end of the stream and does not close; a \
                    restart of the process frees the descriptors for now"
            .into(),
        runbook: "TcpCloseWaitStuck".into(),
        ..Suspect::default()
    }
}

fn hangs() -> Suspect {
    Suspect {
        sentence: "process billing (pid 2207, billing.service) does not accept 129 connections on \
                   port 8443, the oldest for 3m4s"
            .into(),
        kind: "never_accepted".into(),
        meaning: "connections wait in the accept queue: the process does not accept, or too slowly"
            .into(),
        process: "billing".into(),
        workload: "billing.service".into(),
        role: "server".into(),
        state: "established".into(),
        service_port: Some(8443),
        connections: 129,
        oldest_age_seconds: 184.0,
        older_than_60: 129,
        older_than_300: 0,
        older_than_3600: 0,
        peers: Vec::new(),
        descriptors: None,
        growth_per_minute: Some(0.0),
        runbook: "TcpUnaccepted".into(),
        next_step: "look at what the process waits for (its threads' stacks)".into(),
        command_line: String::new(),
        ..leaker()
    }
}

/// Returns connects that fail, to two destinations.
pub(super) fn failures() -> Troubles {
    let dead = Line {
        kind: "failures".into(),
        reason: Some("timed_out".into()),
        cause: Some(
            "the accept queue of process billing (pid 2207, billing.service) on this host is full \
             (129 of 128), so the kernel drops the SYN: find out why it does not accept"
                .into(),
        ),
        process: "orders-api".into(),
        workload: "orders-api.service".into(),
        peer_address: IpAddr::from([10, 0, 0, 9]),
        port: 8443,
        count: 40,
        last_seen_seconds: 2.775,
        ..Line::default()
    };
    let refused = Line {
        reason: Some("refused".into()),
        cause: None,
        peer_address: "fd00::7:1".parse().unwrap(),
        port: 9090,
        count: 12,
        last_seen_seconds: 724.0,
        ..dead.clone()
    };
    Troubles { matched: 2, returned: 2, troubles: vec![dead, refused], ..Troubles::default() }
}

/// Returns two destinations of local ports.
pub(super) fn ports(used: u32) -> Vec<PortUse> {
    let ratio = (f64::from(used) / 28.232).round() / 1000.0;
    let first = PortUse {
        netns: 77,
        local_address: IpAddr::from([10, 0, 0, 5]),
        peer_address: IpAddr::from([10, 0, 0, 7]),
        peer_port: 5432,
        used,
        time_wait: used / 2,
        range: 28_232,
        used_ratio: ratio,
        ..PortUse::default()
    };
    let any = PortUse { bind_before_connect: true, used: 3, used_ratio: 0.0, ..first.clone() };
    vec![first, any]
}
