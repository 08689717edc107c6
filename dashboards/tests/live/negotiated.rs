//! What Prometheus and the agent agree on: OpenMetrics, as gzip.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use stack::{Alertmanager, Folder, Prometheus, Scrape};
use testkit::agent::binary;
use testkit::wait;

/// How long Prometheus may take to have scraped the agent.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes that are kept of each direction.
const KEPT: usize = 64 << 10;

/// Stands between Prometheus and the agent, and keeps what each has said first.
struct Between {
    port: u16,
    said: [Said; 2],
}

type Said = Arc<Mutex<Vec<u8>>>;

impl Between {
    fn start(agent: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen")?;
        let port = listener.local_addr().context("know the port")?.port();
        let said = [Said::default(), Said::default()];
        let kept = said.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, agent)) else { continue };
                if let (Ok(from), Ok(to)) = (near.try_clone(), far.try_clone()) {
                    pass(from, to, Arc::clone(&kept[0]));
                    pass(far, near, Arc::clone(&kept[1]));
                }
            }
        });
        Ok(Self { port, said })
    }

    /// What Prometheus has said, and what the agent has.
    fn said(&self) -> [String; 2] {
        self.said.each_ref().map(|said| {
            let bytes = said.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&bytes).to_ascii_lowercase()
        })
    }
}

/// Passes bytes on until one side ends.
fn pass(mut from: TcpStream, mut to: TcpStream, said: Said) {
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut part) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() < KEPT {
                said.extend_from_slice(&part[..length]);
            }
            drop(said);
            if to.write_all(&part[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// Fails unless Prometheus asks for OpenMetrics and gzip, gets them, and reads the page: its
/// series, and the types and units that only OpenMetrics has.
pub(crate) fn prove() -> Result<()> {
    let folder = Folder::new()?;
    let port = stack::free_port(0)?;
    let _agent = stack::agent(&binary("TCPWARDEN_BIN", "tcpwarden")?, port, &[])?;
    let between = Between::start(port)?;
    let alertmanager = Alertmanager::start(&folder, 0)?;
    let agents = vec![format!("127.0.0.1:{}", between.port)];
    let scrape = Scrape::of(agents, Duration::from_secs(1), Vec::new());
    let prometheus = Prometheus::start(&folder, 0, &scrape, &alertmanager)?;
    let value = |query: &str| {
        let samples = prometheus.query(query).unwrap_or_default();
        samples.first().and_then(|sample| sample.values.last().copied())
    };
    let up = r#"up{job="tcpwarden"}"#;
    let scraped = wait::poll(PATIENCE, || (value(up) == Some(1.0)).then_some(()));
    let [asked, answered] = between.said();
    ensure!(scraped.is_some(), "up is {:?}; asked:\n{asked}\nanswered:\n{answered}", value(up));
    for (said, words) in [
        (&asked, "accept-encoding: gzip\r\n"),
        (&asked, "accept: application/openmetrics-text"),
        (&answered, "content-encoding: gzip\r\n"),
        (&answered, "content-type: application/openmetrics-text; version=1.0.0"),
    ] {
        ensure!(said.contains(words), "nothing of {words:?} in\n{said}");
    }
    for (family, key, expected) in [
        ("tcpwarden_build", "type", "info"),
        ("tcpwarden_transitions", "type", "counter"),
        ("tcpwarden_reconcile_duration_seconds", "type", "histogram"),
        ("tcpwarden_reconcile_duration_seconds", "unit", "seconds"),
    ] {
        let answer = prometheus.api.json("/api/v1/targets/metadata", &[("metric", family)])?;
        ensure!(answer["data"][0][key] == expected, "{key} of {family}: {answer}");
    }
    let start = value(r#"process_start_time_seconds{job="tcpwarden"}"#);
    let created = value(r#"tcpwarden_transitions_created{old="close",new="listen"}"#);
    ensure!(start.is_some() && created == start, "created {created:?}, started {start:?}");
    for series in ["tcpwarden_build_info", "tcpwarden_transitions_total"] {
        ensure!(value(series).is_some(), "there is no series {series}");
    }
    Ok(())
}
