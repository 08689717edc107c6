//! The columns of every query against the fields of its answer, and how they are chosen.

use std::collections::BTreeSet;

use super::*;
use crate::events::names::controls_terminal;
use crate::leaks::suspect::{Pid, Suspect};
use crate::listing::answer::Connection;
use crate::listing::group::Group;
use crate::query::connections::{CONNECTIONS, GROUPS};
use crate::query::leaks::rows::SUSPECTS;
use crate::query::ports::rows::DESTINATIONS;
use crate::query::ports::{PortHolder, PortUse};
use crate::query::trouble::Line;
use crate::query::trouble::rows::LINES;
use crate::table::csv::tests::read;

/// A name that is hostile to a terminal and to CSV.
const EVIL: &str = "=a\u{1b}[2J,\"b\"\r\n";

fn connection() -> Connection {
    let (pid, keepalive) = (Some(4711), Some(true));
    Connection {
        process: EVIL.into(),
        age_seconds: 75.882,
        pid,
        keepalive,
        ..Connection::default()
    }
}

fn view(format: Format, columns: &[&str]) -> View {
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    View { format, columns, ..View::default() }
}

/// Returns rows as they are written.
fn written<R: Serialize>(known: &'static [Column<R>], rows: &[R], view: &View) -> String {
    let mut sheet = Sheet::new(known, view, None);
    sheet.share("taken_at", "2026-11-21T14:16:55.867Z");
    sheet.share("list", "suspects");
    for row in rows {
        sheet.row(row);
    }
    let mut page = String::new();
    sheet.write(&mut page);
    page
}

/// Holds CSV against the rows as JSON has them: all fields of a row but `left_out` are columns, and
/// each has the field's value. `shared` are the columns that a row has not.
fn holds<R: Serialize>(known: &'static [Column<R>], row: &R, shared: &[&str], left_out: &[&str]) {
    let Value::Object(fields) = serde_json::to_value(row).unwrap() else { panic!("no object") };
    let page = written(known, std::slice::from_ref(row), &view(Format::Csv, &[]));
    let [names, values] = <[Vec<String>; 2]>::try_from(read(&page)).unwrap();
    let columns: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let kept = fields.keys().map(String::as_str).filter(|name| !left_out.contains(name));
    assert_eq!(columns, kept.chain(shared.iter().copied()).collect::<BTreeSet<_>>());
    assert_eq!(columns.len(), names.len(), "each once");
    for (name, text) in names.iter().zip(&values).filter(|(name, _)| fields.contains_key(*name)) {
        match &fields[name] {
            Value::Null => assert_eq!(text, "", "{name}"),
            Value::String(value) => assert_eq!(*text, printable(value), "{name}"),
            value => assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *value, "{name}"),
        }
    }
    assert!(page.replace("\r\n", "").chars().all(|letter| !controls_terminal(letter)), "{page:?}");
}

#[test]
fn the_columns_of_csv_are_the_fields_of_the_answer_with_their_values() {
    holds(CONNECTIONS, &connection(), &["taken_at"], &[]);
    let group = Group { process: Some(EVIL.into()), connections: 7, ..Group::default() };
    holds(GROUPS, &group, &["list", "taken_at"], &[]);
    let pids = vec![Pid { pid: 7, connections: 3 }];
    let (growth, evil) = (Some(1.5), EVIL.to_owned());
    let suspect = Suspect { process: evil, pids, growth_per_minute: growth, ..Suspect::default() };
    holds(SUSPECTS, &suspect, &["list", "taken_at"], &["sample"]);
    // Longer than any text is shown: what has parts is not cut.
    let (process, workload) = (EVIL.to_owned(), "w".repeat(900));
    let processes = vec![PortHolder { process, workload, ..PortHolder::default() }; 2];
    let destination = PortUse { processes, used_ratio: 0.956, ..PortUse::default() };
    holds(DESTINATIONS, &destination, &["taken_at"], &[]);
    let line = Line { sentence: EVIL.into(), longest_seconds: Some(0.5), ..Line::default() };
    holds(LINES, &line, &["taken_at"], &[]);
}

#[test]
fn a_made_column_is_in_csv_where_it_is_named_and_equal_to_the_fields() {
    let row = Connection { local_port: 40000, peer_port: 5432, ..connection() };
    let page = written(CONNECTIONS, &[row], &view(Format::Csv, &["peer", "local", "age", "pid"]));
    assert_eq!(page, "peer,local,age_seconds,pid\r\n[::]:5432,[::]:40000,75.882,4711\r\n");
}

#[test]
fn a_name_that_begins_a_formula_is_as_it_was() {
    let row = Connection { process: "=1+1".into(), ..connection() };
    let page = written(CONNECTIONS, &[row], &view(Format::Csv, &["process"]));
    assert_eq!(page, "process\r\n=1+1\r\n");
}

#[test]
fn columns_come_as_they_are_chosen_by_name_or_title() {
    let chosen = view(Format::Text, &["PID", "Retrans", "age-seconds", "keepalive", "stage"]);
    let page = written(CONNECTIONS, &[connection()], &chosen);
    assert_eq!(
        page,
        " PID  RETRANS    AGE  KEEPALIVE  STAGE\n4711        0  1m15s  true       -\n"
    );
}

#[test]
fn a_wide_table_has_the_columns_of_the_narrow_one_and_more() {
    let head = |format| {
        let page = written(CONNECTIONS, &[connection()], &view(format, &[]));
        page.lines().next().unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let (text, wide) = (head(Format::Text), head(Format::Wide));
    assert!(wide.starts_with(&text) && wide.len() > text.len(), "{wide:?}");
}

#[test]
fn csv_without_rows_has_its_head_and_a_table_nothing() {
    let none = |format| written(CONNECTIONS, &[], &view(format, &["pid"]));
    assert_eq!((none(Format::Csv).as_str(), none(Format::Text).as_str()), ("pid\r\n", ""));
    let later = view(Format::Csv, &["pid"]).with_head(false);
    assert_eq!(written(CONNECTIONS, &[connection()], &later), "4711\r\n");
}

#[test]
fn a_narrow_terminal_says_what_it_has_no_room_for() {
    let narrow = View { width: Some(60), ..View::default() };
    let page = written(CONNECTIONS, &[connection()], &narrow);
    let lines: Vec<_> = page.lines().collect();
    assert!(lines[0].starts_with("STATE ") && lines[0].contains(" PEER"), "{page}");
    assert!(crate::table::width(lines[0]) <= 60 && lines.len() == 3, "{page}");
    assert!(lines[2].starts_with("no room for ") && lines[2].contains("ROLE"), "{page}");
}

#[test]
fn an_unknown_column_is_refused_with_all_names_and_the_nearest() {
    let asked = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        choose(&super::names(CONNECTIONS), &names)
    };
    let text = asked(&["pid", "proces"]).unwrap_err().to_string();
    assert!(
        text.starts_with("columns is 'proces': expected one of state, age_seconds, "),
        "{text}"
    );
    assert!(text.ends_with(", taken_at; process is the nearest"), "{text}");
    let far = asked(&["\u{1b}zzz"]).unwrap_err().to_string();
    assert!(far.starts_with("columns is '\\u{1b}zzz'") && far.ends_with(", taken_at"), "{far}");
    let twice = asked(&["age", "age_seconds"]).unwrap_err().to_string();
    assert_eq!(twice, "columns is 'age_seconds': expected each column once");
    assert!(asked(&[""]).is_err(), "a column without a title is not the one without a name");
    assert_eq!(asked(&["pid", "state"]), Ok(vec![4, 0]));
}

#[test]
fn no_two_columns_can_be_chosen_by_the_same_name() {
    fn once<R>(columns: &[Column<R>]) {
        let plain = |text: &str| text.to_lowercase().replace('-', "_");
        for (place, column) in columns.iter().enumerate() {
            for other in &columns[..place] {
                let is_other = |name: &str| {
                    !name.is_empty() && (other.name == name || plain(other.title) == name)
                };
                let title = plain(column.title);
                assert!(!is_other(column.name) && !is_other(&title), "{}", column.name);
            }
        }
    }
    once(CONNECTIONS);
    once(GROUPS);
    once(SUSPECTS);
    once(DESTINATIONS);
    once(LINES);
}
