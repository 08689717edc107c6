//! What the configuration expects accuses nobody.

use super::*;

/// A watch with an entry `[[expected]]` for at most two connections of app3, on each port or one.
fn expecting(port: &str) -> Watch {
    let text = format!(
        "[[expected]]\nprocess = \"app3\"\nat-most = 2\nreason = \"known since May\"\n{port}"
    );
    let arguments = crate::config::RunArgs::default();
    let name = format!("tcpwarden-expected-{}-{}", std::process::id(), port.len());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).unwrap();
    let arguments = crate::config::RunArgs { config: Some(path.clone()), ..arguments };
    let config = crate::config::RunConfig::load(&arguments, &|_| None).unwrap();
    std::fs::remove_file(&path).unwrap();
    Watch::new(config.expected, config.names, false)
}

#[test]
fn what_is_expected_is_a_note_and_fails_no_command() {
    let (watch, table) = (expecting(""), shared(210));
    let found = asked(&watch, &table, "process=app3&fail_on=possible", 2 * MINUTE);
    assert_eq!((found.matched, found.failing), (0, 0));
    let note = &found.notes[0];
    assert_eq!((&*note.process, note.expected.as_deref()), ("app3", Some("known since May")));
    let others = asked(&watch, &table, "fail_on=likely&limit=1", 2 * MINUTE);
    assert_eq!((others.matched, others.failing), (30, 30));
    let grace = asked(&watch, &table, "fail_on=likely", 30 * SECOND);
    assert_eq!((grace.matched, grace.failing), (30, 0), "half a minute is possible only");
}

#[test]
fn alerts_leave_a_process_out_if_an_entry_covers_it_and_nothing_else_accuses_it() {
    let table = shared(210);
    let [all, one] = ["", "port = 5433"].map(expecting);
    for watch in [&all, &one] {
        assert_eq!(watch.expected(), [], "no sample yet");
        watch.sample(&table, 2 * MINUTE);
    }
    assert_eq!(all.expected(), [("app3".into(), "host".into())]);
    assert_eq!(one.expected(), [], "its connections to other ports are not expected");
    all.sample(&shared(700), 3 * MINUTE);
    assert_eq!(all.expected(), [], "there are more than expected");
}

#[test]
fn what_is_expected_stays_so_without_a_verdict_and_a_hang_is_never_expected() {
    let watch = expecting("");
    let table = shared(210);
    let survey = survey(&table, MINUTE);
    watch.expected.note(&survey, &[]);
    assert_eq!(watch.expected(), [("app3".into(), "host".into())]);
    let (key, _) = survey.groups().find(|(key, _)| &*key.process == "app3").unwrap();
    assert!(watch.expected.reason(key, Kind::NeverClosed, 2).is_some());
    assert!(watch.expected.reason(key, Kind::NeverAccepted, 2).is_none());
}
