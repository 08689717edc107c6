//! Tests of where the history of the page lies.

use super::*;

/// The directory that these variables give, with that of a unit of this process.
fn under_a_unit(environment: &[(&str, &str)], file: Option<(&str, &str)>) -> Option<PathBuf> {
    let own = std::process::id().to_string();
    let unit = [("SYSTEMD_EXEC_PID", own.as_str()), ("STATE_DIRECTORY", "/var/lib/one:/var/lib/b")];
    load(&RunArgs::default(), &[&unit, environment].concat(), file).unwrap().state_directory
}

#[test]
fn it_is_that_of_the_unit_unless_another_or_none_is_named() {
    let key = "TCPWARDEN_STATE_DIRECTORY";
    assert_eq!(under_a_unit(&[], None), Some("/var/lib/one".into()));
    assert_eq!(under_a_unit(&[(key, "")], None), Some("/var/lib/one".into()));
    assert_eq!(under_a_unit(&[(key, "none")], None), None);
    assert_eq!(under_a_unit(&[(key, "/srv/two")], None), Some("/srv/two".into()));
    let file = Some(("state", "state-directory = \"/srv/three\""));
    assert_eq!(under_a_unit(&[], file), Some("/srv/three".into()));
    assert_eq!(load(&RunArgs::default(), &[], None).unwrap().state_directory, None);
}

#[test]
fn the_unit_of_the_process_that_started_this_one_is_not_meant() {
    let others = [("SYSTEMD_EXEC_PID", "1"), ("STATE_DIRECTORY", "/var/lib/ci")];
    assert_eq!(load(&RunArgs::default(), &others, None).unwrap().state_directory, None);
    let unknown = [("STATE_DIRECTORY", "/var/lib/ci")];
    assert_eq!(load(&RunArgs::default(), &unknown, None).unwrap().state_directory, None);
}

#[test]
fn a_path_that_depends_on_where_the_agent_starts_is_refused() {
    assert_eq!(
        refused(&RunArgs::default(), &[("TCPWARDEN_STATE_DIRECTORY", "state")], None),
        "TCPWARDEN_STATE_DIRECTORY is 'state': expected none, or the absolute path of a directory"
    );
}
