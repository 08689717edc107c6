//! The state machine, whole: every row with every observation against `state_machine.txt`.

use super::cases::{ENTERED, Kind, Seen, View};
use super::report::{Report, flags};
use super::rules::{Case, Lines, Rules};
use crate::conn::labels::{Role, SocketState};
use crate::conn::socket::observe::observe;
use crate::conn::socket::outcome::Stay;
use crate::conn::socket::row::flag;

/// How many failures are shown; the rest is counted.
const SHOWN: usize = 12;

/// The tables' lines about one observation.
struct About<'a> {
    relation: Lines<'a>,
    opening: Lines<'a>,
    ending: Lines<'a>,
}

#[test]
fn every_row_and_observation_comes_to_what_the_kernel_means_by_it() {
    let rules = Rules::read().unwrap_or_else(|why| panic!("{why}"));
    let (mut cases, mut failures) = (0_u32, Vec::new());
    let views: Vec<View> = View::all().collect();
    for seen in Seen::all() {
        let about = About {
            relation: rules.relation.about(&seen),
            opening: rules.opening.about(&seen),
            ending: rules.ending.about(&seen),
        };
        for view in views.iter().filter(|view| view.state.is_some() || !seen.ports.are_others()) {
            cases += 1;
            if let Err(why) = hold(&rules, &about, view, &seen) {
                failures.push(format!("{}, {}: {why}", view.text(), seen.text()));
            }
        }
    }
    failures.extend(rules.unused());
    let more = failures.len().saturating_sub(SHOWN);
    failures.truncate(SHOWN);
    assert!(failures.is_empty(), "of {cases} cases, and {more} more:\n{}\n", failures.join("\n"));
}

type Expected = (Option<Report>, Option<usize>, Option<usize>);

/// Holds one case against the tables.
fn hold(rules: &Rules, about: &About<'_>, view: &View, seen: &Seen) -> Result<(), String> {
    let kernel = rules.is_of_kernel(view, seen);
    let case = Case { view, seen, kernel, other_socket: false };
    let line = about.relation.find(&case)?;
    let (mut row, observation) = (view.row(seen.ports), seen.observation());
    let got = observation.map(|observation| {
        let outcome = observe(&mut row, &observation);
        Report::of(&row, &outcome)
    });
    let (expected, opening, ending) = expect(about, &case, &line.expected)?;
    let lines: Vec<String> = [Some(line.number), opening, ending]
        .into_iter()
        .flatten()
        .map(|number| number.to_string())
        .collect();
    let where_from = format!("(state_machine.txt:{})", lines.join(", "));
    match (expected, got) {
        (Some(expected), Some(got)) if expected != got => Err(format!(
            "expected {}; got {} {where_from}",
            expected.against(&got),
            got.but_for(&expected)
        )),
        (Some(expected), None) => Err(format!("expected {expected}; got ignored {where_from}")),
        (None, Some(got)) => Err(format!("expected ignored; got {got} {where_from}")),
        _ => Ok(()),
    }
}

/// What the tables expect of a case, and the lines of the openings and endings that say so; no
/// report where the observation is to be ignored.
fn expect(about: &About<'_>, case: &Case<'_>, expected: &str) -> Result<Expected, String> {
    let (view, seen) = (case.view, case.seen);
    let (relation, side) = expected.split_once(' ').unwrap_or((expected, view.role.as_str()));
    let (moves, correction) = match relation {
        "ignored" => return Ok((None, None, None)),
        "birth" | "in_order" => (true, "no"),
        "unseen" => (true, "missed_open"),
        "skipped" => (true, "wrong_state"),
        "confirmed" | "outdated" => (false, "no"),
        "other_socket" => (false, "missed_close"),
        _ => return Err(format!("{relation} is no relation")),
    };
    let role = Role::ALL.iter().find(|role| role.as_str() == side).ok_or("no such side")?;
    let mut now = View { role: *role, ..*view };
    now.flags |= if relation == "unseen" { flag::BORN_BEFORE } else { 0 };
    let opening = (moves || relation == "confirmed")
        .then(|| about.opening.find(&Case { view: &now, ..*case }))
        .transpose()?;
    let code = if moves { Some(seen.state()) } else { view.state };
    let state_now = code.and_then(SocketState::from_code).ok_or("no row is in this state")?;
    let opens = opening.is_some_and(|line| line.expected != "nothing");
    now.flags |= if opens { flag::CONNECTED } else { 0 };
    now.flags |= if moves { fins(state_now) } else { 0 };
    let other_socket = relation == "other_socket";
    let ending = (other_socket || (moves && seen.closes()))
        .then(|| about.ending.find(&Case { view: &now, other_socket, ..*case }))
        .transpose()?;
    let report = Report::new()
        .with("relation", relation)
        .with("state", state_now.as_str())
        .with("correction", correction)
        .with("opening", opening.map_or("nothing", |line| &line.expected))
        .with("ending", ending.map_or("alive", |line| &line.expected))
        .with("side", side);
    let report = times(report, case, now.flags, moves, relation);
    Ok((Some(report), opening.map(|line| line.number), ending.map(|line| line.number)))
}

/// Adds what follows for the times of a row, whatever its state.
fn times(report: Report, case: &Case<'_>, flags_now: u8, moves: bool, relation: &str) -> Report {
    let (view, seen) = (case.view, case.seen);
    let row = view.row(seen.ports);
    let enters = moves && !seen.closes();
    let entered = if enters || view.state.is_none() { seen.time() } else { ENTERED };
    let bound = match seen.kind {
        Kind::Record { .. } if enters => 0,
        Kind::Listed { .. } if enters => flag::ENTERED_BEFORE,
        _ => flags_now & flag::ENTERED_BEFORE,
    };
    let stayed = relation == "in_order" && !row.has(flag::ENTERED_BEFORE);
    let lasted = seen.time() - ENTERED.min(seen.time());
    let stay = stayed.then_some(Stay { role: view.role, state: row.state, lasted });
    let lasted = row.opened().filter(|_| moves && seen.closes());
    let lasted = lasted.map(|opened| seen.time() - opened);
    report
        .with("flags", flags(flags_now & !flag::ENTERED_BEFORE | bound))
        .with("in its state since", entered.to_string())
        .with("time counted for the state it left", format!("{stay:?}"))
        .with("lasted", format!("{lasted:?}"))
}

/// The FINs that a state shows.
fn fins(state: SocketState) -> u8 {
    match state {
        SocketState::FinWait1 | SocketState::FinWait2 => flag::FIN_LOCAL,
        SocketState::CloseWait | SocketState::LastAck => flag::FIN_REMOTE,
        SocketState::Closing => flag::FIN_LOCAL | flag::FIN_REMOTE,
        _ => 0,
    }
}
