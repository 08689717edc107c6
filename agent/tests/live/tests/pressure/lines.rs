//! Lines of the agent's page that a test waits for.

use testkit::page::Page;

use crate::harness::PATIENCE;
use crate::harness::agent::Agent;

/// A line that the page should have: name, labels, value.
pub(super) type Line<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

/// The value of the one line with these labels.
pub(super) fn value(page: &Page, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut lines = page.all(name, labels);
    let value = lines.next()?.value;
    assert!(lines.next().is_none(), "one line {name} with {labels:?}");
    Some(value)
}

/// Waits until the page shows these values of this test's process.
pub(super) fn wait_for_values(agent: &Agent, what: &str, expected: &[Line<'_>]) {
    let mut last = Vec::new();
    let start = std::time::Instant::now();
    while start.elapsed() < PATIENCE {
        let page = agent.scrape();
        last = expected.iter().map(|(name, labels, _)| value(&page, name, labels)).collect();
        if expected.iter().zip(&last).all(|((_, _, expected), value)| {
            value.is_some_and(|value| (value - expected).abs() < 1e-9)
        }) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("waited in vain for {what}: expected {expected:?}, last seen {last:?}");
}
