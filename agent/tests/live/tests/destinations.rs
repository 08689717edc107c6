//! Destinations that the configuration file names: a label of connects that fail towards them, and
//! of nothing else.

use std::net::{SocketAddr, TcpStream};

use super::Test;
use crate::harness::agent::{Agent, scratch};
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles::{self, TEST_NAME};
use crate::workload::Site;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[("portable::a_named_destination_is_a_label", label)];

/// The process that connects.
const CLIENT: &str = "live-named";
/// Connections to each listener.
const OPEN: usize = 5;
/// Refused connects to each address.
const REFUSED: usize = 7;
/// A port where nothing listens.
const CLOSED: u16 = 5;

/// What the page says: connections opened and established, connects refused; all of them, or those
/// with the label.
fn seen(agent: &Agent, destination: Option<&str>) -> [i64; 3] {
    let page = agent.scrape();
    let refused = [("process", TEST_NAME), ("reason", "refused")];
    let open = [("process", CLIENT), ("role", "client")];
    let sum = |metric: &str, labels: &[(&str, &str)]| match destination {
        Some(name) => page.sum(metric, &[labels, &[("destination", name)]].concat()),
        None => page.sum(metric, labels),
    };
    [
        sum("connections_opened_total", &open),
        sum("connections_established", &open),
        sum("connect_failures_total", &refused),
    ]
}

fn label() {
    let netns = Netns::new();
    let sites =
        netns.enter(|| ["127.0.3.7", "127.0.9.9"].map(|one| Site::open(one.parse().unwrap())));
    let [named, _] = sites.each_ref().map(|site| site.address);
    let file = scratch("toml");
    let text = format!("[destinations]\norders-db = [\"{named}\", \"127.0.3.0/24:{CLOSED}\"]\n");
    std::fs::write(&file, text).expect("write a configuration");
    let agent = Agent::start(&["--config", &file.display().to_string()]);
    let _ = std::fs::remove_file(&file);
    let held: Vec<_> = (sites.iter())
        .map(|site| {
            let family = roles::start(&netns, &format!("connect {} {OPEN}", site.address), CLIENT);
            let servers: Vec<_> = (0..OPEN).map(|_| site.accept()).collect();
            roles::ready(&family, 1);
            (family, servers)
        })
        .collect();
    netns.enter(|| {
        for site in &sites {
            let closed = SocketAddr::new(site.address.ip(), CLOSED);
            for _ in 0..REFUSED {
                TcpStream::connect(closed).expect_err("nothing listens there");
            }
        }
    });
    let [open, refused] = [OPEN, REFUSED].map(|count| i64::try_from(count).expect("few"));
    wait_for("what fails towards the named destination", PATIENCE, || {
        (seen(&agent, Some("orders-db")) == [0, 0, refused]).then_some(())
    });
    wait_for("all that is open", PATIENCE, || {
        let [opened, established, failed] = seen(&agent, None);
        ((opened, established) == (2 * open, 2 * open) && failed >= 2 * refused).then_some(())
    });
    drop(held);
}
