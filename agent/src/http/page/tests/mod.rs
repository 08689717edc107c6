//! Tests of the page: how it looks in three situations, what is on it and what is not.

mod equal;
mod fixtures;
mod situations;

use super::*;
use crate::conn::pressure::OwnerProcess;
use crate::golden;
use crate::leaks::suspect::Suspect;
use fixtures::{healthy, in_trouble, leaking};

/// Compares with a committed page.
fn compare(name: &str, html: &str) {
    golden::compare(&format!("src/http/page/tests/golden/{name}"), html);
}

#[test]
fn the_page_of_a_healthy_machine_is_the_golden_one() {
    let (overview, details) = healthy();
    compare("healthy.html", &render(&overview, Some(&details)));
}

#[test]
fn the_page_of_a_machine_with_leaks_is_the_golden_one() {
    let (overview, details) = leaking();
    compare("leaking.html", &render(&overview, Some(&details)));
}

#[test]
fn the_page_of_an_agent_in_trouble_is_the_golden_one() {
    let (overview, details) = in_trouble();
    compare("in-trouble.html", &render(&overview, Some(&details)));
}

#[test]
fn the_page_for_who_may_not_ask_is_the_golden_one() {
    compare("leaking-metrics-only.html", &render(&leaking().0, None));
}

/// Returns the text of the first line.
fn line(overview: &Overview, details: Option<&Details>) -> String {
    verdict::verdict(overview, details).line
}

#[test]
fn the_first_line_says_what_is_wrong_and_who_it_is() {
    let (overview, mut details) = leaking();
    details.leaks.suspects.truncate(3);
    assert_eq!(
        line(&overview, Some(&details)),
        "orders-api leaks connections. billing hangs. tracker may leak connections. billing \
         (accept queue of port 8443) and orders-api (descriptors) fill up."
    );
    assert_eq!(
        line(&overview, None),
        "orders-api has stuck connections. billing (accept queue of port 8443) and orders-api \
         (descriptors) fill up."
    );
    let (mut overview, details) = healthy();
    assert_eq!(line(&overview, Some(&details)), "Nothing leaks, hangs or fills up.");
    assert_eq!(line(&overview, None), "Nothing is stuck, nothing fills up.");
    overview.snapshot.last_reconcile = None;
    let before = line(&overview, Some(&details));
    assert_eq!(before, "The first look at the sockets is not over yet.");
}

#[test]
fn of_many_culprits_three_are_named_and_the_others_are_counted() {
    let (overview, mut details) = leaking();
    let one = details.leaks.suspects[0].clone();
    details.leaks.suspects = ["a", "b", "b", "c", "d", "e"]
        .map(|process| Suspect { process: process.into(), ..one.clone() })
        .to_vec();
    let line = line(&overview, Some(&details));
    assert!(line.starts_with("a, b, c and 2 more leak connections. "), "{line}");
}

#[test]
fn who_may_not_ask_sees_no_address_no_process_id_and_no_arguments() {
    let page = render(&leaking().0, None);
    for hidden in ["10.0.0.", "fd00::", "pid ", "--password", "java", "127.0.0.1"] {
        assert!(!page.contains(hidden), "{hidden}");
    }
    let (overview, details) = leaking();
    let page = render(&overview, Some(&details));
    for shown in ["10.0.0.9:8443", "[fd00::7:1]:9090", "pid 1078", "com.example.orders.Main"] {
        assert!(page.contains(shown), "{shown}");
    }
}

#[test]
fn an_agent_in_trouble_says_so_below_the_first_line() {
    let (overview, details) = in_trouble();
    let page = render(&overview, Some(&details));
    let head = page.split("</section>").next().unwrap();
    for trouble in [
        "stands still",
        "socket list was 10m ago",
        "is not attached: &lt;no&gt; permission",
        "every network namespace",
        "1250000 sockets were refused",
    ] {
        assert!(head.contains(trouble), "{trouble}: {head}");
    }
    assert!(head.contains("<h1>Nothing is seen that leaks, hangs or fills up.</h1>"), "{head}");
    let (overview, details) = healthy();
    let page = render(&overview, Some(&details));
    assert!(!page.contains("in trouble"), "{page}");
}

#[test]
fn the_page_has_no_script_no_handler_and_no_address_of_another_host() {
    for (overview, details) in [healthy(), leaking(), in_trouble()] {
        for details in [None, Some(&details)] {
            let page = render(&overview, details);
            let body = page.replace(policy::STYLE, "");
            for banned in ["<script", "<img", "<link", "style=", "onload", "://", "javascript:"] {
                assert!(!body.contains(banned), "{banned}");
            }
            assert_eq!(page.matches("<h1>").count(), 1);
        }
    }
}

#[test]
fn tables_are_bounded_and_so_is_the_page() {
    let (mut overview, mut details) = leaking();
    let suspect = details.leaks.suspects[0].clone();
    details.leaks.suspects = vec![suspect; 50];
    details.leaks.truncated = true;
    details.failures.troubles = vec![details.failures.troubles[0].clone(); 20];
    details.ports.destinations = vec![details.ports.destinations[0].clone(); 20];
    let pressure = &mut overview.snapshot.pressure;
    pressure.listeners = vec![pressure.listeners[2].clone(); 3000];
    let process = pressure.processes[0].clone();
    let named =
        |number: u32| OwnerProcess { process: number.to_string().into(), ..process.clone() };
    pressure.processes = (0..3000).map(named).collect();
    let page = render(&overview, Some(&details));
    assert_eq!(page.matches("<li><article>").count(), 50);
    assert_eq!(page.matches("<meter").count(), 60);
    assert!(page.contains("and 2980 more in /metrics"));
    assert!(page.len() < 256 * 1024, "{} bytes", page.len());
}
