//! Tests of both formats, of hostile names, and of readers that go away.

use std::net::Ipv6Addr;

use agent_common::record::{Endpoints, flag, kind};
use agent_common::tcp;
use serde_json::{Value, json};

use super::older::Older;
use super::watch::{Watch, Which};
use super::workloads::Workloads;
use super::*;

fn words(address: &str) -> [u64; 2] {
    let address: Ipv6Addr = address.parse().unwrap();
    let bytes = address.octets();
    [0, 8].map(|at| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap()))
}

fn ends() -> Endpoints {
    Endpoints {
        sk: 0xffff_8880_1234_5678,
        cgroup: 1,
        local: words("::ffff:127.0.0.1"),
        peer: words("2001:db8::1"),
        netns: 4_026_531_840,
        local_port: 4000,
        peer_port: 5000,
    }
}

fn state() -> State {
    let mut comm = [0; 16];
    comm[..4].copy_from_slice(b"curl");
    State {
        kind: kind::STATE,
        old: tcp::SYN_SENT,
        new: tcp::ESTABLISHED,
        flags: flag::LOCKED,
        err: 0,
        family: tcp::AF_INET6,
        time: 1_234_567_891,
        ends: ends(),
        tgid: 123,
        uid: 7,
        comm,
    }
}

fn close() -> Close {
    let state = State {
        kind: kind::CLOSE,
        old: tcp::SYN_SENT,
        new: tcp::CLOSE,
        flags: 0,
        err: 111,
        ..state()
    };
    Close { state, bytes_sent: 10, bytes_received: 20, srtt_us: 30, retransmitted: 2 }
}

fn retransmit(kind: u8) -> Retransmit {
    Retransmit {
        kind,
        state: tcp::ESTABLISHED,
        ca_state: 3,
        pending: 5,
        err: -1,
        family: tcp::AF_INET,
        time: 5,
        ends: ends(),
        segments: 2,
        total: 9,
    }
}

/// What is known of the socket behind [`state`].
fn curl() -> Known {
    known(&state())
}

fn known(record: &State) -> Known {
    let record = State { old: tcp::CLOSE, new: tcp::SYN_SENT, ..*record };
    Watch::new(Which::default(), Older::default(), Workloads::these(&[(1, "web.service")]))
        .transition(&record)
        .unwrap()
}

fn printed(
    format: Format,
    print: impl FnOnce(&mut Printer<&mut Vec<u8>, &mut Vec<u8>>) -> Progress,
) -> (String, String) {
    let (mut out, mut diagnostics) = (Vec::new(), Vec::new());
    let mut printer = Printer::new(format, &mut out, &mut diagnostics);
    // 2026-11-21T14:16:55.000Z
    printer.set_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_270_615), 0);
    assert!(print(&mut printer).unwrap().is_continue());
    (String::from_utf8(out).unwrap(), String::from_utf8(diagnostics).unwrap())
}

fn parsed(print: impl FnOnce(&mut Printer<&mut Vec<u8>, &mut Vec<u8>>) -> Progress) -> Value {
    let (out, diagnostics) = printed(Format::Json, print);
    assert!(out.ends_with('\n') && out.lines().count() == 1 && diagnostics.is_empty(), "{out}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_transition_is_the_object_that_was_promised() {
    let expected = json!({
        "type": "transition", "time": "2026-11-21T14:16:56.234Z",
        "time_ns": 1_234_567_891, "old": "syn_sent", "new": "established",
        "sk": "ffff888012345678", "netns": 4_026_531_840_u32, "cgroup": 1, "family": "ipv6",
        "local_address": "127.0.0.1", "local_port": 4000,
        "peer_address": "2001:db8::1", "peer_port": 5000,
        "process": "curl", "pid": 123, "uid": 7, "error": null,
        "role": "client", "owner_process": "curl", "owner_pid": 123,
        "owner_workload": "web.service"
    });
    assert_eq!(parsed(|printer| printer.transition(&state(), &curl())), expected);
}

#[test]
fn a_close_carries_its_error_and_its_totals_and_no_owner() {
    let close = parsed(|printer| printer.close(&close(), &Known::NOTHING));
    assert_eq!(
        (&close["process"], &close["pid"], &close["error"]),
        (&Value::Null, &Value::Null, &json!("ECONNREFUSED"))
    );
    let totals = ["bytes_sent", "bytes_received", "srtt_us", "retransmitted_segments"]
        .map(|name| close[name].as_u64().unwrap());
    assert_eq!(totals, [10, 20, 30, 2]);
}

#[test]
fn who_destroys_a_socket_is_not_named_as_its_owner() {
    let mut destroyed = close();
    destroyed.state.flags = flag::LOCKED;
    destroyed.state.err = 103;
    assert_eq!(
        parsed(|printer| printer.close(&destroyed, &Known::NOTHING))["process"],
        Value::Null
    );
}

#[test]
fn retransmits_tell_phase_kind_and_failure_and_synacks_do_not() {
    let retransmitted =
        parsed(|printer| printer.retransmit(&retransmit(kind::RETRANSMIT), &curl()));
    assert_eq!(
        (&retransmitted["type"], &retransmitted["phase"], &retransmitted["kind"]),
        (&json!("retransmit"), &json!("established"), &json!("fast"))
    );
    assert_eq!(
        (&retransmitted["segments"], &retransmitted["error"], &retransmitted["family"]),
        (&json!(2), &json!("EPERM"), &json!("ipv4"))
    );
    let synack = parsed(|printer| printer.retransmit(&retransmit(kind::SYNACK), &curl()));
    assert_eq!((&synack["type"], synack.get("phase")), (&json!("synack_retransmit"), None));
}

#[test]
fn ready_and_summary_frame_the_stream() {
    let failed = ProbeState::Failed("refused".into());
    let probes = [("inet_sock_set_state", &ProbeState::Attached), ("tcp_send_reset", &failed)];
    let ready = parsed(|printer| printer.ready(&probes));
    let states = json!({"inet_sock_set_state": "attached", "tcp_send_reset": "failed: refused"});
    assert_eq!(ready, json!({"type": "ready", "probes": states}));
    let totals = Summary { transitions: 3, retransmits: 2, lost: 1 };
    let summary = parsed(|printer| printer.summary(totals));
    assert_eq!(summary, json!({"type": "summary", "transitions": 3, "retransmits": 2, "lost": 1}));
    let (out, diagnostics) = printed(Format::Text, |printer| printer.ready(&probes));
    assert!(out.starts_with("TIME") && diagnostics.ends_with("tcp_send_reset: failed: refused\n"));
    assert_eq!(
        printed(Format::Text, |printer| printer.summary(totals)),
        (String::new(), "3 transitions, 2 retransmits, 1 lost\n".into())
    );
}

#[test]
fn a_line_of_the_table_tells_the_same() {
    let (line, _) = printed(Format::Text, |printer| printer.close(&close(), &Known::NOTHING));
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(
        words[..6],
        ["14:16:56.234Z", "-", "-", "127.0.0.1:4000", "[2001:db8::1]:5000", "syn_sent"]
    );
    assert!(
        line.ends_with(
            "syn_sent -> close ECONNREFUSED sent=10 received=20 srtt=30us retransmitted=2\n"
        ),
        "{line}"
    );
    let (line, _) =
        printed(Format::Text, |printer| printer.retransmit(&retransmit(kind::RETRANSMIT), &curl()));
    assert!(
        line.ends_with("retransmit in established, established fast, segments=2 failed: EPERM\n"),
        "{line}"
    );
}

#[test]
fn a_hostile_name_stays_on_its_line_and_controls_nothing() {
    let mut hostile = state();
    hostile.comm = *b"\x1b[2J\n\xff\"\\\xe2\x80\xae\0hid!";
    for format in [Format::Text, Format::Json] {
        let (line, _) = printed(format, |printer| printer.transition(&hostile, &known(&hostile)));
        assert_eq!(line.lines().count(), 1);
        assert!(
            !line.trim_end().chars().any(char::is_control)
                && !line.contains('\u{202e}')
                && !line.contains("hid!"),
            "{line}"
        );
    }
    assert_eq!(names::process(&hostile.comm), "\\u{1b}[2J\\n\u{fffd}\"\\\\u{202e}");
    assert_eq!(names::process(b"sixteen bytes 16"), "sixteen bytes 16");
}

#[test]
fn uncommon_errors_are_numbers() {
    assert_eq!(names::error(0), None);
    assert_eq!(names::error(-16).as_deref(), Some("EBUSY"));
    assert_eq!(names::error(9999).as_deref(), Some("9999"));
    assert_eq!(names::error(i32::MIN).as_deref(), Some("2147483648"));
}

/// Fails every write in the given way.
struct Failing(io::ErrorKind);

impl Write for Failing {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_stream_and_a_full_disk_is_an_error() {
    for format in [Format::Text, Format::Json] {
        let mut printer = Printer::new(format, Failing(io::ErrorKind::BrokenPipe), io::sink());
        assert!(printer.transition(&state(), &curl()).unwrap().is_break());
        let mut printer = Printer::new(format, Failing(io::ErrorKind::StorageFull), io::sink());
        let error = printer.transition(&state(), &curl()).unwrap_err();
        assert_eq!(error.code(), 1);
        assert!(error.to_string().starts_with("cannot write events to the output: "), "{error}");
    }
}

#[test]
fn a_filter_takes_what_this_or_an_earlier_event_told_of_the_socket() {
    let watch = |words: &[&str]| {
        let words = ["tcpwarden", "events"].iter().chain(words);
        let crate::cli::Command::Events(events) = crate::cli::parse(words).unwrap().command else {
            panic!("not events")
        };
        Watch::new(events.which, Older::default(), Workloads::these(&[(1, "web.service")]))
    };
    let born = State { old: tcp::CLOSE, new: tcp::SYN_SENT, ..state() };
    let told = |words: &[&str]| {
        let mut watch = watch(words);
        let born = watch.transition(&born).is_some();
        let closed = watch.transition(&close().state).is_some();
        (born, closed)
    };
    for both in [
        &["--process", "cu*"][..],
        &["--workload", "web*"],
        &["--pid", "1,123"],
        &["--port", "5000", "--role", "client"],
        &["--service-port", "5000"],
        &["--local", "127.0.0.0/8", "--peer", "[2001:db8::1]:5000"],
        &["--state", "SYN-SENT", "--netns", "4026531840"],
    ] {
        assert_eq!(told(both), (true, true), "{both:?}: the close is of the same socket");
    }
    for none in [
        &["--process", "wget"][..],
        &["--workload", "unknown"],
        &["--pid", "7"],
        &["--port", "1"],
        &["--service-port", "40000"],
        &["--peer", "10.0.0.0/8"],
        &["--role", "server,unknown"],
        &["--state", "listen"],
        &["--netns", "1"],
    ] {
        assert_eq!(told(none), (false, false), "{none:?}");
    }
    let known = watch(&[]).retransmit(&retransmit(0)).unwrap();
    assert_eq!(known, Known { workload: Some("web.service".into()), ..Known::NOTHING });
    let mut watch = watch(&["--process", "curl"]);
    assert!(watch.retransmit(&retransmit(kind::RETRANSMIT)).is_none(), "whose it is, none told");
    assert!(watch.transition(&state()).is_some());
    assert!(watch.retransmit(&retransmit(kind::RETRANSMIT)).is_some());
    assert!(watch.transition(&close().state).is_some());
    assert!(watch.retransmit(&retransmit(kind::RETRANSMIT)).is_none(), "it is forgotten");
}
