//! Keys, answers and the model together.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::ask::{Answers, Wish};
use super::keys::{self, Effect};
use super::model::Model;
use super::page::Page;
use super::readings::Reading;
use super::tab::{Mode, Tab};
use crate::leaks::Leaks;
use crate::leaks::suspect::Suspect;
use crate::listing::answer::Connection;
use crate::query::connections::Connections;

/// A model without answers.
pub(super) fn empty() -> Model {
    Model::new("unix:/run/tcpwarden/tcpwarden.sock", Duration::from_secs(2), true)
}

/// A suspect of the leak of a client.
pub(super) fn suspect(process: &str, connections: u64) -> Suspect {
    Suspect {
        process: process.to_owned(),
        workload: "host".to_owned(),
        role: "client".to_owned(),
        state: "close_wait".to_owned(),
        kind: "never_closed".to_owned(),
        certainty: "likely".to_owned(),
        service_port: Some(5432),
        sentence: format!("process {process} holds {connections} close_wait connections"),
        connections,
        score: connections,
        oldest_age_seconds: 75.0,
        ..Suspect::default()
    }
}

/// An answer with suspects.
pub(super) fn answers(suspects: Vec<Suspect>) -> Answers {
    let mut leaks = Leaks { matched: suspects.len(), suspects, ..Leaks::default() };
    leaks.taken.taken_at = "2026-11-21T14:16:55.867Z".to_owned();
    let page = Page::read(include_str!("../metrics/golden.txt"));
    Answers {
        leaks: Some(Ok(leaks)),
        page: Some(Ok(Reading { at: Duration::from_secs(1), page })),
        at: Duration::from_secs(1),
        ..Answers::default()
    }
}

/// An answer with sockets to a query.
pub(super) fn sockets(query: &str, ports: &[u16]) -> Answers {
    let connection = |port: &u16| Connection {
        state: "close_wait".to_owned(),
        local_address: "127.0.0.1".parse().unwrap(),
        local_port: *port,
        age_seconds: f64::from(*port),
        ..Connection::default()
    };
    let connections: Vec<_> = ports.iter().map(connection).collect();
    let matched = u64::try_from(ports.len()).unwrap();
    let answer = Connections { matched, connections, ..Connections::default() };
    Answers { sockets: Some((query.to_owned(), Ok(answer))), ..Answers::default() }
}

/// A model with some suspects.
pub(super) fn of(suspects: Vec<Suspect>) -> Model {
    let mut model = empty();
    model.take(answers(suspects));
    model
}

fn press(model: &mut Model, code: KeyCode) -> Effect {
    keys::press(model, KeyEvent::new(code, KeyModifiers::NONE))
}

fn text(model: &mut Model, keys: &str) -> Effect {
    keys.chars().map(|key| press(model, KeyCode::Char(key))).last().unwrap()
}

/// The first cells of the rows that are shown.
fn shown(model: &Model) -> Vec<&str> {
    let rows = model.shown.places.iter().map(|place| &model.shown.table.rows[*place]);
    rows.map(|row| row.cells[0].text.as_str()).collect()
}

fn selected(model: &Model) -> &str {
    shown(model)[model.view().selected]
}

#[test]
fn digits_and_tab_go_through_the_tabs() {
    let mut model = empty();
    for (place, (tab, _)) in Tab::ALL.iter().enumerate() {
        assert_eq!(text(&mut model, &(place + 1).to_string()), Effect::Ask);
        assert_eq!(model.tab, *tab);
    }
    press(&mut model, KeyCode::Tab);
    assert_eq!(model.tab, Tab::Suspects);
    press(&mut model, KeyCode::BackTab);
    assert_eq!(model.tab, Tab::Events);
    press(&mut model, KeyCode::Char('6'));
    assert_eq!(model.tab, Tab::Events);
}

#[test]
fn only_the_list_on_the_screen_is_asked_for() {
    let mut model = of(vec![suspect("a", 1)]);
    assert_eq!(model.wish(true), Wish { base: true, ..Wish::default() });
    text(&mut model, "3");
    assert_eq!(model.wish(false), Wish { destinations: true, ..Wish::default() });
    text(&mut model, "1");
    press(&mut model, KeyCode::Enter);
    let wish = model.wish(true);
    assert!(wish.base && !wish.destinations && wish.sockets.is_some(), "{wish:?}");
}

#[test]
fn one_sorts_by_the_next_column_and_the_one_before_and_turns_it_round() {
    let mut model = of(vec![suspect("b", 1), suspect("a", 2), suspect("c", 3)]);
    assert_eq!(shown(&model), ["c", "a", "b"], "by score at first");
    text(&mut model, ">");
    assert_eq!(shown(&model), ["a", "b", "c"], "behind the last column comes the first");
    text(&mut model, "r");
    assert_eq!(shown(&model), ["c", "b", "a"]);
    text(&mut model, ">");
    assert_eq!(shown(&model), ["c", "a", "b"], "the next column begins in its own order");
    text(&mut model, "<<");
    assert_eq!(shown(&model), ["c", "a", "b"]);
}

#[test]
fn a_row_stays_selected_when_its_place_changes() {
    let mut model = of(vec![suspect("a", 3), suspect("b", 2), suspect("c", 1)]);
    text(&mut model, "j");
    assert_eq!(selected(&model), "b");
    model.take(answers(vec![suspect("a", 3), suspect("b", 9), suspect("c", 1)]));
    assert_eq!((selected(&model), model.view().selected), ("b", 0));
    model.take(answers(vec![suspect("a", 3), suspect("b", 2)]));
    assert_eq!((selected(&model), model.view().selected), ("b", 1));
    model.take(answers(vec![suspect("a", 3)]));
    assert_eq!(selected(&model), "a");
    model.take(answers(vec![]));
    assert_eq!(model.view().selected, 0);
    assert_eq!(press(&mut model, KeyCode::Enter), Effect::None);
}

#[test]
fn with_the_first_row_selected_it_is_whichever_comes_first() {
    let mut model = of(vec![suspect("a", 3)]);
    model.take(answers(vec![suspect("a", 3), suspect("b", 9)]));
    assert_eq!(selected(&model), "b");
}

#[test]
fn selection_ends_at_both_ends() {
    let mut model = of((0..30).map(|one| suspect(&format!("p{one:02}"), 100 - one)).collect());
    for (key, place) in [
        (KeyCode::Up, 0),
        (KeyCode::Down, 1),
        (KeyCode::PageDown, 11),
        (KeyCode::End, 29),
        (KeyCode::PageDown, 29),
        (KeyCode::PageUp, 19),
        (KeyCode::Home, 0),
        (KeyCode::PageUp, 0),
    ] {
        press(&mut model, key);
        assert_eq!(model.view().selected, place, "{key:?}");
    }
}

#[test]
fn a_filter_is_typed_kept_and_dropped() {
    let mut model = of(vec![suspect("nginx", 1), suspect("curl", 2)]);
    text(&mut model, "/ngq");
    assert!(model.mode == Mode::Filter && shown(&model).is_empty(), "q is a letter now");
    press(&mut model, KeyCode::Backspace);
    assert_eq!(shown(&model), ["nginx"]);
    press(&mut model, KeyCode::Enter);
    assert_eq!(model.mode, Mode::List);
    text(&mut model, "2");
    assert_eq!(model.view().filter, "", "each list has its own");
    text(&mut model, "1");
    assert_eq!(press(&mut model, KeyCode::Esc), Effect::None);
    assert_eq!(shown(&model), ["curl", "nginx"]);
    text(&mut model, &format!("/{}", "x".repeat(10_000)));
    assert_eq!(model.view().filter.len(), 100);
    press(&mut model, KeyCode::Esc);
    assert!(model.mode == Mode::List && model.view().filter.is_empty());
}

#[test]
fn one_goes_from_a_suspect_to_its_sockets_to_one_of_them_and_back() {
    let mut model = of(vec![suspect("orders", 2)]);
    assert_eq!(press(&mut model, KeyCode::Enter), Effect::Ask);
    assert_eq!(model.path(), ["sockets of orders"]);
    let query = model.wish(false).sockets.unwrap();
    assert_eq!(press(&mut model, KeyCode::Enter), Effect::None, "nothing to go into yet");
    model.take(sockets("another", &[7]));
    assert!(shown(&model).is_empty(), "an answer to another query is not taken");
    model.take(sockets(&query, &[40000, 40001]));
    assert_eq!(model.shown.table.rows[0].cells[1].text, "11h6m");
    press(&mut model, KeyCode::Enter);
    assert_eq!(model.path().len(), 2);
    assert_eq!(shown(&model)[..2], ["state", "stage"]);
    model.take(sockets(&query, &[40000]));
    assert!(model.shown.table.note.contains("since 14:16:55"), "{}", model.shown.table.note);
    model.take(sockets(&query, &[40000, 40001]));
    assert_eq!(model.shown.table.note, "");
    assert_eq!(press(&mut model, KeyCode::Enter), Effect::None, "there is nothing deeper");
    assert_eq!(press(&mut model, KeyCode::Esc), Effect::Ask);
    assert_eq!(model.path().len(), 1);
    press(&mut model, KeyCode::Esc);
    assert_eq!((model.path().len(), shown(&model)), (0, vec!["orders"]));
    assert_eq!(press(&mut model, KeyCode::Esc), Effect::None);
}

#[test]
fn a_younger_socket_at_the_same_ends_is_not_the_one_that_was_gone_into() {
    let mut model = of(vec![suspect("orders", 1)]);
    press(&mut model, KeyCode::Enter);
    let query = model.wish(false).sockets.unwrap();
    let answer = |at: u64, age: f64, is_bound: bool| {
        let mut answers = sockets(&query, &[40000]);
        let Some((_, Ok(answer))) = &mut answers.sockets else { panic!("no sockets") };
        answer.taken.taken_at_monotonic_ns = at * 1_000_000_000;
        answer.connections[0].connection_age_seconds = age;
        answer.connections[0].connection_age_at_least = is_bound;
        answers
    };
    model.take(answer(100, 10.0, false));
    press(&mut model, KeyCode::Enter);
    for (at, age, is_bound, is_gone) in [
        (102, 12.0, false, false),
        // The agent was started anew.
        (104, 1.0, true, false),
        (106, 3.0, true, false),
        (108, 1.0, false, true),
        // Older by now than the other was, and still not it.
        (120, 13.0, false, true),
    ] {
        model.take(answer(at, age, is_bound));
        assert_eq!(model.shown.table.note.starts_with("closed"), is_gone, "at {at}");
    }
}

#[test]
fn freeze_help_and_quit_are_keys() {
    let mut model = empty();
    assert_eq!((text(&mut model, " "), model.frozen), (Effect::None, true));
    assert_eq!((text(&mut model, " "), model.frozen), (Effect::AskAll, false));
    text(&mut model, "?");
    assert_eq!(model.mode, Mode::Help);
    assert_eq!((text(&mut model, "x"), model.mode), (Effect::None, Mode::List));
    assert_eq!(text(&mut model, "q"), Effect::Quit);
    text(&mut model, "/");
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(keys::press(&mut model, control), Effect::Quit, "also in a filter");
    let control = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::CONTROL);
    assert_eq!(keys::press(&mut model, control), Effect::None);
}
