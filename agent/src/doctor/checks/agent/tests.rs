//! Tests of the agent's health, by made-up pages.

use super::*;
use crate::doctor::checks::tests::found;
use crate::doctor::host::Host;
use crate::doctor::told::Told;

/// The severity of a check with this page; the time is 1,000,000.
fn of(check: &str, page: &str) -> Severity {
    let told = Told { page: Ok(Page::parse(page)), ..Told::nothing("no agent") };
    let found = found(health, &Host::default(), &told);
    let one = found.iter().find(|one| one.check == check);
    one.unwrap_or_else(|| panic!("{found:?}")).severity
}

#[test]
fn each_count_that_is_not_nought_is_told() {
    for count in &COUNTS {
        let line = |value| format!("tcpwarden_{}{{family=\"x\"}} {value}\n", count.metric);
        assert_eq!(of(count.check, &line("0")), Severity::Ok);
        assert_eq!(of(count.check, &line("1")), count.severity);
        assert_eq!(of(count.check, ""), Severity::Unknown);
    }
}

#[test]
fn one_record_of_a_thousand_that_is_lost_is_a_warning() {
    let page = |lost, applied| {
        format!("tcpwarden_events_lost_total {lost}\ntcpwarden_events_total {applied}\n")
    };
    let lost = |lost, applied| of("agent_lost", &page(lost, applied));
    assert_eq!((lost(0, 9), lost(99, 999_901)), (Severity::Ok, Severity::Note));
    assert_eq!(lost(1000, 999_000), Severity::Warning);
    assert_eq!(of("agent_lost", ""), Severity::Unknown);
}

#[test]
fn a_pass_that_is_late_a_table_that_is_full_and_what_is_hidden_are_warnings() {
    let pass = |at: &str| {
        let page = format!("tcpwarden_reconcile_last_completed_timestamp_seconds {at}\n");
        of("agent_passes", &page)
    };
    assert_eq!((pass("999401"), pass("999400")), (Severity::Ok, Severity::Warning));
    assert_eq!((pass("0"), pass("2000000")), (Severity::Unknown, Severity::Ok));
    let table = |rows| {
        let rows = format!("tcpwarden_connections_tracked {rows}\n");
        of("agent_table", &(rows + "tcpwarden_connections_limit 100\n"))
    };
    assert_eq!((table(79), table(80)), (Severity::Ok, Severity::Warning));
    let hidden = |value| {
        let page = format!("tcpwarden_visibility_limited{{limit=\"x\"}} {value}\n");
        of("agent_sight", &page)
    };
    assert_eq!((hidden(0), hidden(1)), (Severity::Ok, Severity::Warning));
    let web = |value| {
        of("agent_web_config", &format!("tcpwarden_web_config_last_reload_successful {value}\n"))
    };
    assert_eq!((web(1), web(0)), (Severity::Ok, Severity::Warning));
}

#[test]
fn a_probe_that_failed_is_a_warning_and_one_the_kernel_lacks_a_note() {
    let probe = |attached, state| {
        let attached = format!("tcpwarden_probe_attached{{probe=\"p\"}} {attached}\n");
        let info = format!("tcpwarden_probe_info{{probe=\"p\",state=\"{state}\"}} 1\n");
        of("agent_probes", &(attached + &info))
    };
    assert_eq!(probe(1, "attached"), Severity::Ok);
    assert_eq!(probe(0, "failed"), Severity::Warning);
    assert_eq!(probe(0, "unsupported"), Severity::Note);
}

#[test]
fn a_family_that_is_left_out_of_the_page_is_no_proof() {
    let always = "tcpwarden_build_info 1\ntcpwarden_probe_attached 1\n";
    let whole = format!("{always}tcpwarden_visibility_limited 0\n");
    for check in ["agent_probes", "agent_sight", "agent_web_config"] {
        assert_eq!(of(check, ""), Severity::Unknown, "{check}");
        assert_eq!(of(check, &whole), Severity::Ok, "{check}");
    }
    assert_eq!(of("agent_web_config", always), Severity::Unknown);
    // The state of a probe that is not counted is no proof either.
    let info = "tcpwarden_probe_info{probe=\"p\",state=\"attached\"} 1\n";
    assert_eq!(of("agent_probes", info), Severity::Unknown);
}

#[test]
fn another_build_is_a_note() {
    let of = |version: &str, id: &str| {
        let labels = format!("version=\"{version}\",build_id=\"{id}\"");
        of("agent_version", &format!("tcpwarden_build_info{{{labels}}} 1\n"))
    };
    assert_eq!(of(VERSION, Build::own().id), Severity::Ok);
    assert_eq!(of(VERSION, "unknown"), Severity::Ok);
    assert_eq!([of(VERSION, "0a"), of("0.0.0", "unknown")], [Severity::Note; 2]);
}
